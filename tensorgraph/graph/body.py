"""`BodyGraph`: the graph of a branch or of the body of a loop.

It is built by calling the user's function while it is the default graph. Tensors of the graphs
around it that the function uses are captured: a placeholder stands for each, and the operation
that holds the body has the tensor as an input. Names, collections and variables are shared with
the outermost graph, so that a user sees one graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import Shape
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor, as_operation
from tensorgraph.graph.static import static_value


class Replay(NamedTuple):
    """Where a gradient's body finds the values that a body had when it ran.

    Attributes
    ----------
    body : BodyGraph
        The body that ran.
    tape : Tensor
        What it recorded, of type variant.
    step : Tensor
        Which of its runs is meant.
    captured : mapping of Tensor to Tensor
        From its placeholders for captured tensors to what they were given.
    """

    body: BodyGraph
    tape: Tensor
    step: Tensor
    captured: Mapping[Tensor, Tensor]


class BodyGraph(Graph):
    """The graph of a branch or of the body of a loop, inside of another graph.

    Parameters
    ----------
    outer : Graph
        The graph around it.

    Attributes
    ----------
    arguments : list of Tensor
        Placeholders for what each call gives, as the loop variables.
    captured : dict of Tensor to Tensor
        From tensors of the outer graph to the placeholders that stand for them.
    outputs : list of Tensor
        What a call returns.
    saved : dict of Tensor to int
        Whose values the tape holds for gradients, and at which place. It only grows.
    outside : list of Operation
        Operations of the outer graph that must run before the body.
    replay : Replay or None
        Of a gradient's body: where the values of the forward computation are.
    """

    def __init__(self, outer: Graph) -> None:
        super().__init__()
        self.outer: Graph = outer
        self._names = outer._names
        self._collections = outer._collections
        self._sources = outer._sources
        self._devices = outer._devices
        self.devices = outer.devices
        self.arguments: list[Tensor] = []
        self.captured: dict[Tensor, Tensor] = {}
        self.outputs: list[Tensor] = []
        self.saved: dict[Tensor, int] = {}
        self.outside: list[Operation] = []
        self.replay: Replay | None = None
        self._origins: dict[Tensor, Tensor] = {}
        self._stand_ins: dict[Tensor, Tensor] = {}

    @property
    def inputs(self) -> list[Tensor]:
        """The placeholders that a call must give values, in order."""
        return [*self.arguments, *self.captured.values()]

    @property
    def stateful(self) -> bool:
        """Whether two calls may differ or have an effect."""
        return any(t.is_ref for t in self.captured) or any(
            op.definition.stateful and op.type != "Placeholder" for op in self._operations
        )

    @property
    def mutates(self) -> bool:
        """Whether a call may change a variable."""
        return any(op.definition.mutates for op in self._operations)

    def add_argument(self, dtype: DType, shape: Shape, name: str) -> Tensor:
        """Add a placeholder for what each call gives."""
        attrs = {"dtype": dtype, "shape": shape}
        placeholder = self.create_op("Placeholder", (), attrs, name).outputs[0]
        self.arguments.append(placeholder)
        return placeholder

    def build(self, function: Callable[[], Sequence[Tensor]]) -> None:
        """Call `function` with this as the default graph; what it returns are the outputs.

        Nothing can be added to the body then.
        """
        with self.as_default():
            self.outputs = [self._own(t) for t in function()]
        self.finalize()

    def create_op(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        attrs: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Operation:
        """Add an operation; see `Graph.create_op`."""
        if self.finalized:
            raise ValueError(
                f"a tensor of the body of a branch or loop cannot be used outside of it, in"
                f" {op_type}: the body must return it"
            )
        return super().create_op(op_type, inputs, attrs, name)

    def _own(self, t: Tensor) -> Tensor:
        """Return a tensor as one of this graph, a variable as its value."""
        t = self._adopted(t)
        return self.create_op("Identity", (t,)).outputs[0] if t.is_ref else t

    def _adopted(self, t: Tensor) -> Tensor:
        return t if t.graph is self else self.capture(t)

    def save(self, t: Tensor) -> int:
        """Return the place on the tape of a tensor of this graph."""
        return self.saved.setdefault(t, len(self.saved))

    def origin(self, t: Tensor) -> Tensor | None:
        """Return the tensor of the outer graph that a placeholder stands for, if it is one."""
        return self._origins.get(t)

    def capture(self, t: Tensor, taker: str = "operation") -> Tensor:
        """Return what stands in this graph for a tensor of a graph around it.

        Integers that are known are copied. In a gradient's body, tensors of the body that it is
        the gradient of are recalled from the tape.

        Raises
        ------
        ValueError
            If the tensor is of no graph around this one.
        """
        if t in self._stand_ins:
            return self._stand_ins[t]
        if self.replay is not None and t.graph is self.replay.body:
            stand_in = self._recall(t, self.replay)
        else:
            source = t if t.graph is self.outer else self.outer.capture(t, taker)
            stand_in = self._capture_from_outer(source)
        self._stand_ins[t] = stand_in
        return stand_in

    def _capture_from_outer(self, source: Tensor) -> Tensor:
        if source in self.captured:
            return self.captured[source]
        if source in self._stand_ins:
            return self._stand_ins[source]
        index = source.value_index
        # The name of what it stands for: it is no name of this graph, where errors might name it.
        name = f"{source.op.name}/output_{index}/" if index else f"{source.op.name}/"
        # Integers that are known decide on shapes inside; of floats there may be a gradient.
        known = source.dtype.is_integer and not source.is_ref
        value = static_value(source) if known else None
        with self._apart(source):
            if value is not None:
                stand_in = self.create_op("Const", (), {"value": value}, name).outputs[0]
                self._stand_ins[source] = stand_in
            else:
                attrs = {"dtype": source.dtype, "shape": source.dims, "ref": source.is_ref}
                stand_in = self.create_op("Placeholder", (), attrs, name).outputs[0]
                self.captured[source] = stand_in
                self._origins[stand_in] = source
        return stand_in

    def _recall(self, t: Tensor, replay: Replay) -> Tensor:
        if t in replay.captured:
            return self._adopted(replay.captured[t])
        value = static_value(t)
        with self._apart(t):
            if value is not None:
                return self.create_op("Const", (), {"value": value}).outputs[0]
            attrs = {"dtype": t.dtype, "shape": t.dims, "slot": replay.body.save(t)}
            return self.create_op("Recall", (replay.tape, replay.step), attrs).outputs[0]

    @contextmanager
    def _apart(self, t: Tensor) -> Iterator[None]:
        """Make operations that stand for a tensor: no control input, and its source."""
        with self.control_dependencies(None), self.source(t.op.source):
            yield

    @contextmanager
    def control_dependencies(self, control_inputs: Iterable[Any] | None) -> Iterator[None]:
        """Make new operations run after the given ones; the whole body after those around it."""
        own = None
        if control_inputs is not None:
            operations = [as_operation(c) for c in control_inputs]
            own = [op for op in operations if op.graph is self]
            self.outside.extend(op for op in operations if op.graph is not self)
        with super().control_dependencies(own):
            yield

    def get_seeds(self, op_seed: int | None) -> tuple[int, int] | None:
        """Return the two seeds of a new random operation, or None for a random one."""
        seeds = self.outermost.get_seeds(op_seed)
        if seeds is None or op_seed is not None:
            return seeds
        # Negative numbers, which no operation of the outermost graph has; names only become more.
        return seeds[0], -len(self._names)
