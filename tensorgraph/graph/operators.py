"""Python's operators on tensors and variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from tensorgraph.graph.node import Tensor


class Operators:
    """Arithmetic and comparison by symbols; each makes a node in the graph.

    ``==`` and ``!=`` compare identity, as in TensorFlow 1: use ``tf.equal``.
    """

    __slots__ = ()

    # NumPy must leave `array + tensor` to `Tensor.__radd__`.
    __array_priority__ = 100

    def _apply(self, op_type: str, name: str, *inputs: Any, **attrs: Any) -> Tensor:
        raise NotImplementedError

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

    def __pow__(self, other: Any) -> Tensor:
        return self._apply("Pow", "pow", self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return self._apply("Pow", "pow", other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return self._apply("MatMul", "matmul", self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return self._apply("MatMul", "matmul", other, self)

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
