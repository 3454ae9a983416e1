"""Where a gradient flows, and where it is cut: `explain_gradient`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tensorgraph.base import dtypes
from tensorgraph.base.display import Bundle, mimebundle
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor, graph_element
from tensorgraph.passes.program import extract


class Cut(NamedTuple):
    """Where a gradient on its way back from y is lost.

    Attributes
    ----------
    op : Operation
        The operation that hands none on.
    input : Tensor or None
        To which of its inputs; None where y itself has no gradient.
    reason : str
        Why, in words.
    """

    op: Operation
    input: Tensor | None
    reason: str

    def __str__(self) -> str:
        return f"{self.op.name} ({self.op.type}), made at {self.op.source}: {self.reason}"


@dataclass(frozen=True)
class GradientPath:
    """How y depends on x, as far as gradients go; print it.

    Attributes
    ----------
    y, x : str
        Names of the tensors.
    operations : tuple of Operation
        A smooth path, from what makes x to what makes y; empty where there is none.
    cuts : tuple of Cut
        Every place where the gradient is lost on a way from y to x, that nearest to x first. There
        may be some beside a smooth path.
    """

    y: str
    x: str
    operations: tuple[Operation, ...]
    cuts: tuple[Cut, ...]

    @property
    def connected(self) -> bool:
        """Whether there is a smooth path, so that the gradient is not None."""
        return bool(self.operations)

    @property
    def cut(self) -> Operation | None:
        """The operation that cuts the gradient, where there is no smooth path."""
        return self.cuts[0].op if self.cuts and not self.operations else None

    def __str__(self) -> str:
        if self.operations:
            path = [f"  {op.name} ({op.type}), made at {op.source}" for op in self.operations]
            lines = [f"the gradient of {self.y!r} by {self.x!r} flows through", *path]
            also = "it is cut on other ways, at"
        elif self.cuts:
            lines = [f"there is no gradient of {self.y!r} by {self.x!r}"]
            also = "it is cut at"
        else:
            return f"{self.y!r} does not depend on {self.x!r}"
        return "\n".join([*lines, *([also] if self.cuts else []), *(f"  {c}" for c in self.cuts)])

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        """Return what Jupyter shows: the way of the gradient, and what cuts it."""
        return mimebundle(self) | {"text/plain": str(self)}


def explain_gradient(y: Any, x: Any) -> GradientPath:
    """Say why a gradient is None, or by which operations it comes about.

    Nothing is added to the graph. Branches and loops count as one operation each.

    Parameters
    ----------
    y : Tensor
        What is differentiated.
    x : Tensor or Variable
        By what.

    Returns
    -------
    GradientPath
        To be printed; its `operations` are the path, its `cut` is what cuts it.

    Raises
    ------
    TypeError
        If `x` is no tensor or variable.
    ValueError
        If they are of different graphs, or inside of a branch or loop.

    Examples
    --------
    >>> x = tf.placeholder(tf.float32, [3], name="x")
    >>> print(tf.explain_gradient(tf.round(x) * 2.0, x))
    there is no gradient of 'mul:0' by 'x:0'
    it is cut at
      Round (Round), made at example.py:2: Round is constant around almost every point, so its...
    """
    target, source = convert_to_tensor(y), graph_element(x)
    if source is None:
        raise TypeError(f"{x!r} is no tensor or variable to differentiate by")
    graph = target.graph
    if source.graph is not graph or graph.outer is not None:
        raise ValueError(
            "explain_gradient: y and x must be of one graph, and outside of branches and loops"
        )
    # Rules add nodes. They are asked in a copy, of which nothing is left then.
    copied = extract([target], [], {})
    walk = _Walk(copied.graph, copied.fetches[0], _named(copied.graph, source))
    operations = [graph.get_operation_by_name(op.name) for op in walk.path()]
    cuts = [
        Cut(
            graph.get_operation_by_name(cut.op.name),
            None if cut.input is None else graph.get_tensor_by_name(cut.input.name),
            cut.reason,
        )
        for cut in walk.cuts()
    ]
    return GradientPath(target.name, source.name, tuple(operations), tuple(cuts))


def _named(graph: Graph, t: Tensor) -> Tensor | None:
    """Return the tensor of that name, None where the graph has none."""
    try:
        return graph.get_tensor_by_name(t.name)
    except KeyError:
        return None


class _Walk:
    """One walk from y backwards, which asks every rule once.

    Parameters
    ----------
    graph : Graph
        A graph of its own, of all that y needs.
    y : Tensor
        What is differentiated.
    x : Tensor or None
        By what; None if y does not need it.
    """

    def __init__(self, graph: Graph, y: Tensor, x: Tensor | None) -> None:
        self._y, self._x = y, x
        self._behind = graph.get_operations()
        self._after_x = _after(self._behind, x)
        # From each tensor that has a gradient to the operation that it gets it through.
        self._live: dict[Tensor, Operation | None] = {}
        self._lost: list[Cut] = []
        if _smooth(y):
            self._live[y] = None
        elif y in self._after_x:
            self._lose(y, Cut(y.op, None, f"{y.name!r} is of {y.dtype.name}, not of floats"))
        for op in self._behind:
            graph.unique_name(op.name)  # copies have not taken their names from new nodes
        with graph.as_default():
            for op in reversed(self._behind):
                if any(t in self._live for t in op.outputs) and x not in op.outputs:
                    self._pass_back(op)

    def path(self) -> list[Operation]:
        """Return the operations on one smooth path from x to y."""
        t, found = self._x, []
        if t is None or t not in self._live:
            return []
        found.append(t.op)
        while (op := self._live[t]) is not None:
            found.append(op)
            t = next(out for out in op.outputs if out in self._live)
        return found

    def cuts(self) -> list[Cut]:
        """Return where ways from y to x are cut, from x on."""
        return sorted(self._lost, key=lambda cut: cut.op.index)

    def _pass_back(self, op: Operation) -> None:
        """Mark the inputs that an operation hands a gradient to."""
        if not op.definition.differentiable:
            reason = _why_not_differentiable(op)
            self._lost.extend(Cut(op, t, reason) for t in self._first_inputs(op))
            return
        grads = [
            _placeholder(op.graph, t) if t in self._live and _smooth(t) else None
            for t in op.outputs
        ]
        try:
            found: Sequence[Any] = op.definition.gradient(op, *grads)
            handed = [(g() if callable(g) else g) is not None for g in found]
        except LookupError as error:
            self._lost.extend(Cut(op, t, str(error)) for t in self._first_inputs(op))
            return
        for t, flows in zip(op.inputs, handed, strict=True):
            if flows and _smooth(t):
                self._live.setdefault(t, op)
            elif t in self._after_x:
                arg = op.definition.args(len(op.inputs))[op.inputs.index(t)]
                if _smooth(t):
                    reason = f"the result does not depend smoothly on the input {arg.name!r}"
                    self._lost.append(Cut(op, t, reason))
                else:
                    reason = f"the input {arg.name!r} is of {t.dtype.name}, not of floats"
                    self._lose(t, Cut(op, t, reason))

    def _lose(self, t: Tensor, cut: Cut) -> None:
        """Note a cut at a tensor that is of no floats, where it was made of floats if it was."""
        while inputs := [i for i in t.op.inputs if i in self._after_x]:
            if t is self._x:
                break
            if any(_smooth(i) for i in inputs):
                cut = Cut(t.op, inputs[0], _why_not_differentiable(t.op))
                break
            t = inputs[0]
        if cut not in self._lost:
            self._lost.append(cut)

    def _first_inputs(self, op: Operation) -> Iterable[Tensor]:
        """Return the first of an operation's inputs that depend on x."""
        return [t for t in op.inputs if t in self._after_x][:1]


def _after(operations: Iterable[Operation], x: Tensor | None) -> set[Tensor]:
    """Return all tensors that depend on x, smoothly or not."""
    found = set() if x is None else {x}
    for op in operations:
        if any(t in found for t in op.inputs):
            found.update(op.outputs)
    return found


def _smooth(t: Tensor) -> bool:
    return t.dtype.is_floating or t.dtype is dtypes.variant


def _placeholder(graph: Graph, t: Tensor) -> Tensor:
    attrs = {"dtype": t.dtype, "shape": t.dims}
    return graph.create_op("Placeholder", (), attrs, "gradient").outputs[0]


def _why_not_differentiable(op: Operation) -> str:
    if op.type == "StopGradient":
        return "stop_gradient was asked for"
    if not any(t.dtype.is_floating for t in op.outputs):
        kinds = ", ".join(dict.fromkeys(t.dtype.name for t in op.outputs))
        return f"its result is of {kinds}, not of floats"
    return f"{op.type} is constant around almost every point, so its derivative is zero"
