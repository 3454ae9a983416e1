"""Python's operators on tensors and variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tensorgraph.base import shapes
from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.indexing import is_mask, parse_index

if TYPE_CHECKING:
    from tensorgraph.graph.graph import Graph
    from tensorgraph.graph.node import Tensor


class Operators:
    """Arithmetic, comparison, logic and indexing by symbols; each makes a node in the graph.

    ``==`` and ``!=`` compare identity, as in TensorFlow 1: use ``tf.equal``.
    """

    __slots__ = ()

    # NumPy must leave `array + tensor` to `Tensor.__radd__`.
    __array_priority__ = 100

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        raise NotImplementedError

    @property
    def shape(self) -> TensorShape:
        """The static shape, possibly unknown in part."""
        raise NotImplementedError

    def _apply(self, op_type: str, name: str, *inputs: Any, **attrs: Any) -> Tensor:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Tensor:
        if is_mask(key):
            return self._masked(key)
        index = parse_index(key)
        with self.graph.name_scope("strided_slice") as scope:
            return self._apply("StridedSlice", scope, self, *index[:3], exact=False, **index.masks)

    def _masked(self, mask: Any) -> Tensor:
        """Return the elements at which a mask holds, in a row."""
        with self.graph.name_scope("boolean_mask"):
            places = self._apply("Where", "Where", mask)
            covered, given = shapes.as_shape(self.shape), places.op.inputs[0].dims
            if given == ():
                raise ValueError("a mask cannot be a scalar")
            if covered is not None and given is not None:
                shapes.merge(covered[: len(given)], given)
            return self._apply("GatherNd", "GatherNd", self, places)

    def __add__(self, other: Any) -> Tensor:
        return self._apply("Add", "add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self._apply("Add", "add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return self._apply("Sub", "sub", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return self._apply("Sub", "sub", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return self._apply("Mul", "mul", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self._apply("Mul", "mul", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return self._apply("RealDiv", "truediv", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return self._apply("RealDiv", "truediv", other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return self._apply("FloorDiv", "floordiv", self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return self._apply("FloorDiv", "floordiv", other, self)

    def __mod__(self, other: Any) -> Tensor:
        return self._apply("FloorMod", "mod", self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return self._apply("FloorMod", "mod", other, self)

    def __pow__(self, other: Any) -> Tensor:
        return self._apply("Pow", "pow", self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return self._apply("Pow", "pow", other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return self._apply("MatMul", "matmul", self, other, transpose_a=False, transpose_b=False)

    def __rmatmul__(self, other: Any) -> Tensor:
        return self._apply("MatMul", "matmul", other, self, transpose_a=False, transpose_b=False)

    def __and__(self, other: Any) -> Tensor:
        return self._apply("LogicalAnd", "and", self, other)

    def __rand__(self, other: Any) -> Tensor:
        return self._apply("LogicalAnd", "and", other, self)

    def __or__(self, other: Any) -> Tensor:
        return self._apply("LogicalOr", "or", self, other)

    def __ror__(self, other: Any) -> Tensor:
        return self._apply("LogicalOr", "or", other, self)

    def __xor__(self, other: Any) -> Tensor:
        return self._apply("LogicalXor", "LogicalXor", self, other)

    def __rxor__(self, other: Any) -> Tensor:
        return self._apply("LogicalXor", "LogicalXor", other, self)

    def __invert__(self) -> Tensor:
        return self._apply("LogicalNot", "LogicalNot", self)

    def __neg__(self) -> Tensor:
        return self._apply("Neg", "Neg", self)

    def __abs__(self) -> Tensor:
        return self._apply("Abs", "Abs", self)

    def __lt__(self, other: Any) -> Tensor:
        return self._apply("Less", "Less", self, other)

    def __le__(self, other: Any) -> Tensor:
        return self._apply("LessEqual", "LessEqual", self, other)

    def __gt__(self, other: Any) -> Tensor:
        return self._apply("Greater", "Greater", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return self._apply("GreaterEqual", "GreaterEqual", self, other)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a tensor has no truth value while the graph is built; "
            "use tf.where, or session.run it and test the result"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError("a tensor cannot be iterated over while the graph is built")
