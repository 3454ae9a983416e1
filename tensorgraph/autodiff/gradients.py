"""`gradients`: walk the graph backwards once, ask each op's rule, add up.

The result is made of ordinary nodes. So it can be fetched, drawn, optimised, and differentiated
again.

Three things are told apart. A gradient of *zero* is a tensor of zeros. *Disconnected* is None: no
smooth path leads from x to y. *Undefined* is a LookupError: a path leads through an op that has a
derivative, but no rule for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tensorgraph.autodiff.slices import as_slices
from tensorgraph.base import dtypes, shapes
from tensorgraph.base.collecting import without_collector
from tensorgraph.graph.body import BodyGraph
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.indexed_slices import IndexedSlices
from tensorgraph.graph.node import Operation, Tensor, graph_element
from tensorgraph.ops.sources import ones_like, zeros_like


@without_collector
def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = "none",
) -> list[Any]:
    """Add nodes that compute the derivatives of the sum of `ys` by each of `xs`.

    Parameters
    ----------
    ys : Tensor or list of Tensor
        What to differentiate.
    xs : Tensor, Variable, or list of them
        By what.
    grad_ys : Tensor or list of (Tensor or None), optional
        The gradient of something further on by each of `ys`; default ones.
    name : str, default "gradients"
        Scope of the new nodes.
    colocate_gradients_with_ops, gate_gradients, aggregation_method
        Accepted for TensorFlow's sake.
    stop_gradients : Tensor or list of Tensor, optional
        Tensors to take for constants.
    unconnected_gradients : str, default "none"
        What to return where `ys` do not depend on an x: ``"none"`` or ``"zero"``.

    Returns
    -------
    list of (Tensor, IndexedSlices or None)
        One for each x, of its shape; `IndexedSlices` for a variable of which only rows are looked
        up.

    Raises
    ------
    LookupError
        If an op on the way has no gradient rule.
    TypeError
        If a y is not of floating-point type.
    ValueError
        If `grad_ys` does not suit `ys`, or all tensors are not of one graph.
    """
    del colocate_gradients_with_ops, gate_gradients, aggregation_method
    if unconnected_gradients not in ("none", "zero"):
        raise ValueError(
            f"unconnected_gradients must be 'none' or 'zero', not {unconnected_gradients!r}"
        )
    targets = [convert_to_tensor(y) for y in _as_list(ys)]
    sources = [_source(x) for x in _as_list(xs)]
    if not targets or not sources:
        return [None] * len(sources)
    graph = targets[0].graph.building()
    if any(t.graph.outermost is not graph.outermost for t in (*targets, *sources)):
        raise ValueError("gradients: all tensors must be of one graph")
    stops = {_source(s) for s in _as_list(stop_gradients)}
    with graph.name_scope(name):
        seeds = _initial_gradients(targets, _as_list(grad_ys) or [None] * len(targets))
        found = _walk_back(graph, targets, seeds, sources, stops)
        results = [_of_variable(_total(found.get(x, [])), x) for x in sources]
        if unconnected_gradients == "zero":
            return [
                zeros_like(x) if g is None else g for x, g in zip(sources, results, strict=True)
            ]
        return results


class RuleCall(NamedTuple):
    """One question to one op's rule, on the way back.

    Attributes
    ----------
    op : Operation
        The forward node.
    parts : tuple of tuple of Tensor
        What was handed to each of its outputs; a gradient is their sum.
    grads : tuple of (Tensor or None)
        The gradient of each of its outputs.
    handed : tuple of (Tensor or None)
        What the rule hands to each of its inputs; None also where no x lies that way.
    """

    op: Operation
    parts: tuple[tuple[Tensor, ...], ...]
    grads: tuple[Tensor | None, ...]
    handed: tuple[Tensor | None, ...]


def traced_gradients(y: Tensor, xs: Sequence[Tensor]) -> tuple[list[Tensor | None], list[RuleCall]]:
    """Add the nodes that `gradients` adds, and return how each of them came about.

    Parameters
    ----------
    y : Tensor
        What to differentiate.
    xs : sequence of Tensor
        By what.

    Returns
    -------
    (list of (Tensor or None), list of RuleCall)
        The gradient by each x, and the rules in the order in which they were asked.

    Raises
    ------
    LookupError, TypeError
        As `gradients` does.
    """
    graph, calls = y.graph.building(), list[RuleCall]()
    with graph.name_scope("gradients"):
        seeds = _initial_gradients([y], [None])
        found = _walk_back(graph, [y], seeds, xs, set(), calls)
        return [_total(found.get(x, [])) for x in xs], calls


def backward(
    targets: Sequence[Tensor], seeds: Sequence[Tensor], sources: Sequence[Tensor]
) -> list[Tensor | None]:
    """Add nodes to the graph that is being built: the gradients inside of another body.

    Parameters
    ----------
    targets : sequence of Tensor
        Tensors of the other body.
    seeds : sequence of Tensor
        Their gradients, of the graph that is being built.
    sources : sequence of Tensor
        All placeholders of the other body: nothing beyond them is looked at.
    """
    graph = targets[0].graph.building()
    found = _walk_back(graph, targets, seeds, sources, set(sources))
    return [_total(found.get(x, [])) for x in sources]


def connected(targets: Iterable[Tensor], sources: Iterable[Tensor]) -> set[Tensor]:
    """Return the sources that a smooth path may lead from to one of the targets."""
    wanted, reached = set(sources), set(targets)
    pending = [t.op for t in reached]
    seen: set[Operation] = set()
    while pending:
        op = pending.pop()
        if op not in seen and op.definition.differentiable:
            seen.add(op)
            reached.update(op.inputs)
            pending.extend(t.op for t in op.inputs)
    return {t for t in wanted & reached if _smooth(t)}


def _smooth(t: Tensor) -> bool:
    return t.dtype.is_floating or t.dtype is dtypes.variant


def _walk_back(
    graph: Graph,
    targets: Sequence[Tensor],
    seeds: Sequence[Tensor],
    sources: Sequence[Tensor],
    stops: set[Tensor],
    calls: list[RuleCall] | None = None,
) -> dict[Tensor, list[Tensor]]:
    """Return the contributions to the gradient of each source; add to `calls` how they came."""
    wanted = set(sources)
    operations = _operations_between(targets, wanted, stops)
    reached = wanted.union(*(op.outputs for op in operations))
    found: dict[Tensor, list[Tensor]] = {}
    for y, seed in zip(targets, seeds, strict=True):
        found.setdefault(y, []).append(seed)
    # Their order is an order of execution, so its reverse meets an operation only after everything
    # that uses it.
    for op in reversed(operations):
        parts = tuple(tuple(found.get(t, ())) for t in op.outputs)
        grads = [None if t in stops else _collapse(found, t) for t in op.outputs]
        if all(g is None for g in grads):
            continue
        handed: list[Tensor | None] = []
        with graph.source(op.source), graph.name_scope(f"{op.name}_grad"):
            for t, grad in zip(_inputs(op), _input_gradients(op, grads), strict=True):
                lost = grad is None or t not in reached or (t in stops and t not in wanted)
                value = None if lost else grad() if callable(grad) else grad
                if value is not None:
                    found.setdefault(t, []).append(_checked(value, t, op))
                handed.append(value)
        if calls is not None:
            calls.append(RuleCall(op, parts, tuple(grads), tuple(handed)))
    return found


def _operations_between(
    targets: Sequence[Tensor], sources: set[Tensor], stops: set[Tensor]
) -> list[Operation]:
    """Return, in order, the operations on a smooth path from a source to a target."""
    behind: set[Operation] = set()
    pending = [t.op for t in targets]
    while pending:
        op = pending.pop()
        if op not in behind:
            behind.add(op)
            pending.extend(t.op for t in _inputs(op) if t not in stops)
    reached = set(sources)
    operations = []
    for op in sorted(behind, key=lambda op: (_depth(op.graph), op.index)):
        if op.definition.differentiable and any(
            t in sources or (t in reached and t not in stops) for t in _inputs(op)
        ):
            reached.update(op.outputs)
            operations.append(op)
    return operations


def _inputs(op: Operation) -> Sequence[Tensor]:
    """Return what an operation takes; a body's placeholder takes what it stands for."""
    if op.type == "Placeholder" and isinstance(op.graph, BodyGraph):
        origin = op.graph.origin(op.outputs[0])
        return () if origin is None else (origin,)
    return op.inputs


def _depth(graph: Graph) -> int:
    """Return how many bodies a graph is inside of."""
    depth = 0
    while graph.outer is not None:
        graph, depth = graph.outer, depth + 1
    return depth


def _collapse(found: dict[Tensor, list[Tensor]], t: Tensor) -> Tensor | None:
    """Add up the contributions to a tensor, once."""
    total = _total(found.get(t, []))
    if total is not None:
        found[t] = [total]
    return total


def _total(parts: Sequence[Tensor]) -> Tensor | None:
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return apply("AddLists" if parts[0].dtype is dtypes.variant else "AddN", *parts)


def _of_variable(gradient: Tensor | None, x: Tensor) -> Tensor | IndexedSlices | None:
    """Return the gradient, by its rows where `x` is a variable of which rows are looked up."""
    if gradient is None or not x.is_ref:
        return gradient
    return as_slices(gradient) or gradient


def _input_gradients(op: Operation, grads: Sequence[Tensor | None]) -> Sequence[Any]:
    """Ask the op's rule; a placeholder of a body hands its gradient on to what it stands for."""
    if op.type == "Placeholder":
        return grads
    try:
        result = op.definition.gradient(op, *grads)
    except LookupError as error:
        raise LookupError(
            f"{error}\n  [node {op.name!r}: {op.describe()}, made at {op.source}]"
        ) from None
    if len(result) != len(op.inputs):
        raise ValueError(
            f"the gradient rule of {op.type!r} gave {len(result)} gradients for"
            f" {len(op.inputs)} inputs"
        )
    return result


def _checked(grad: Tensor, t: Tensor, op: Operation) -> Tensor:
    """Return the gradient, or raise where a rule gave one of the wrong type or shape."""
    if grad.dtype is not t.dtype:
        raise TypeError(
            f"the gradient rule of {op.type!r} gave dtype {grad.dtype.name} for input {t.name!r}"
            f" of {t.dtype.name}"
        )
    if not shapes.compatible(grad.dims, t.dims):
        raise ValueError(
            f"the gradient rule of {op.type!r} gave shape {grad.shape} for input {t.name!r}"
            f" of {t.shape}: was a broadcast not summed?"
        )
    return grad


def _initial_gradients(targets: Sequence[Tensor], grad_ys: Sequence[Any]) -> list[Tensor]:
    if len(grad_ys) != len(targets):
        raise ValueError(f"{len(grad_ys)} grad_ys for {len(targets)} ys")
    seeds = []
    for i, (y, given) in enumerate(zip(targets, grad_ys, strict=True)):
        if not y.dtype.is_floating:
            raise TypeError(
                f"only floating-point tensors can be differentiated; {y.name!r} is {y.dtype.name}"
            )
        seed = (
            ones_like(y, name=f"grad_ys_{i}")
            if given is None
            else convert_to_tensor(given, y.dtype)
        )
        if not shapes.compatible(seed.dims, y.dims):
            raise ValueError(f"grad_ys[{i}] has shape {seed.shape}, its y {y.shape}")
        seeds.append(seed)
    return seeds


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _source(value: Any) -> Tensor:
    """Return what an x is: a tensor, or a variable itself, however it is read."""
    element = graph_element(value)
    if element is None:
        raise TypeError(f"{value!r} is no tensor or variable to differentiate by")
    return element
