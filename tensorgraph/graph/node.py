"""`Tensor` and `Operation`: the nodes of a graph and what flows between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tensorgraph.base import shapes
from tensorgraph.base.display import Bundle, mimebundle
from tensorgraph.base.shapes import Shape, TensorShape
from tensorgraph.graph.opdef import OpDef, Spec
from tensorgraph.graph.operators import Operators
from tensorgraph.graph.stacks import Runner, session_or_default

if TYPE_CHECKING:
    from tensorgraph.graph.graph import Graph


class Tensor(Operators):
    """One output of an operation: a value that exists when the graph runs.

    Attributes
    ----------
    op : Operation
        The operation that computes it.
    value_index : int
        Which of its outputs this is.
    dtype : DType
        The element type.
    dims : tuple of (int or None), or None
        The static shape in the engine's own spelling; users read `shape`.
    is_ref : bool
        Whether this is a variable itself rather than its value.
    """

    __slots__ = ("dims", "dtype", "is_ref", "op", "value_index")

    def __init__(self, op: Operation, value_index: int, spec: Spec) -> None:
        self.op = op
        self.value_index = value_index
        self.dtype = spec.dtype
        self.dims: Shape = spec.shape
        self.is_ref = spec.ref

    @property
    def name(self) -> str:
        """The operation's name, a colon, and the index of the output."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self.op.graph

    @property
    def device(self) -> str:
        """Where its operation was asked to run."""
        return self.op.device

    @property
    def shape(self) -> TensorShape:
        """The static shape, possibly unknown in part."""
        return TensorShape(self.dims)

    def get_shape(self) -> TensorShape:
        """Return the static shape, possibly unknown in part."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Add to what is known of the shape; the value itself is not changed.

        Raises
        ------
        ValueError
            If it contradicts what is known.
        """
        self.dims = shapes.merge(self.dims, shapes.as_shape(shape))

    def eval(
        self, feed_dict: Mapping[Any, Any] | None = None, session: Runner | None = None
    ) -> Any:
        """Return the value, computed by `session` or the default one.

        Raises
        ------
        ValueError
            If there is no session.
        """
        return session_or_default(session, self.name).run(self, feed_dict)

    def consumers(self) -> list[Operation]:
        """Return the operations that take this tensor as an input."""
        return [op for op in self.graph.get_operations() if any(t is self for t in op.inputs)]

    def _apply(self, op_type: str, name: str, *inputs: Any, **attrs: Any) -> Tensor:
        return self.graph.apply(op_type, *inputs, name=name, **attrs).outputs[0]

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self.shape} dtype={self.dtype.name}>"

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        """Return what Jupyter shows: how the tensor is computed."""
        return mimebundle(self)

    def __str__(self) -> str:
        return f'Tensor("{self.name}", shape={self.shape}, dtype={self.dtype.name})'


class Operation:
    """A node of the graph.

    Attributes
    ----------
    graph : Graph
        The graph it belongs to.
    definition : OpDef
        All that is known of its kind.
    name : str
        Its name, unique in the graph.
    inputs : tuple of Tensor
        What it takes.
    attrs : dict
        Its constant settings.
    control_inputs : tuple of Operation
        What must run before it besides its inputs.
    outputs : tuple of Tensor
        What it gives.
    device : str
        Where it was asked to run, as ``"/device:GPU:0"``; see `tf.device`.
    index : int
        Its place in the order of creation.
    source : str
        The user's line that made it, as ``file:line``, or the position in a ``.net`` file.
    """

    __slots__ = (
        "_source", "attrs", "control_inputs", "definition", "device", "graph", "index", "inputs",
        "name", "outputs",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        definition: OpDef,
        name: str,
        inputs: tuple[Tensor, ...],
        attrs: dict[str, Any],
        control_inputs: tuple[Operation, ...],
        source: str | tuple[str, int],
    ) -> None:
        self.graph = graph
        self.definition = definition
        self.name = name
        self.inputs = inputs
        self.attrs = attrs
        self.control_inputs = control_inputs
        self.device = ""
        self.index = -1
        self._source = source
        self.outputs: tuple[Tensor, ...] = ()

    @property
    def type(self) -> str:
        """The kind of operation, as ``"MatMul"``."""
        return self.definition.type

    @property
    def source(self) -> str:
        """The user's line that made this node."""
        if isinstance(self._source, str):
            return self._source
        return f"{self._source[0]}:{self._source[1]}"

    def get_attr(self, name: str) -> Any:
        """Return one of the attributes.

        Raises
        ------
        ValueError
            If there is none of that name.
        """
        if name not in self.attrs:
            known = ", ".join(self.attrs) or "none"
            raise ValueError(f"operation {self.name!r} has no attribute {name!r} (it has {known})")
        return self.attrs[name]

    def run(
        self, feed_dict: Mapping[Any, Any] | None = None, session: Runner | None = None
    ) -> None:
        """Run this operation in `session` or the default one.

        Raises
        ------
        ValueError
            If there is no session.
        """
        session_or_default(session, self.name).run(self, feed_dict)

    def describe(self) -> str:
        """Return type, inputs and their shapes in one line, for messages."""
        inputs = ", ".join(f"{t.name}: {t.dtype.name}{t.shape}" for t in self.inputs)
        return f"{self.type}({inputs})"

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        """Return what Jupyter shows: the operation with all that it needs."""
        return mimebundle(self)


def graph_element(obj: Any) -> Tensor | None:
    """Return the tensor that a tensor or a variable stands for, None for anything else."""
    if isinstance(obj, Tensor):
        return obj
    method = getattr(obj, "_as_graph_element", None)
    element: Tensor | None = None if method is None else method()
    return element


def as_operation(obj: Any) -> Operation:
    """Return the operation behind an operation, tensor or variable.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if isinstance(obj, Operation):
        return obj
    tensor = graph_element(obj)
    if tensor is None:
        raise TypeError(f"{obj!r} is no operation, tensor or variable")
    return tensor.op
