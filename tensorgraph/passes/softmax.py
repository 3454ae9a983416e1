"""Cross-entropy written out: the logarithm of a softmax, and what differentiating it gives.

``-tf.reduce_sum(labels * tf.log(tf.nn.softmax(z)))`` is how textbooks write a cross-entropy. The
logarithm undoes the softmax's exponential: log softmax(z) = z - log Σ exp(z), which needs no number
that could underflow. The gradient divides by the probabilities p what softmax's own rule multiplies
by them again: for g / p that rule is g - p · Σ g, without the division.

The numbers are the same up to rounding, but where a probability is too small for its type: there
the form written out gives infinity or NaN, and these give what it should be. Something between
logarithm and softmax, as a clip that keeps them apart, is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.algebra import made_by
from tensorgraph.passes.program import Program, Uses, derive, rebuild


class _Backward(NamedTuple):
    """(g/p - Σ p · g/p) · p, which is what a softmax's rule makes of g/p.

    Attributes
    ----------
    softmax : Operation
        What makes p.
    takers : tuple of Operation
        Those that take p, the last one included.
    p, rest : int
        Which input of the last one is p, and which the difference.
    """

    softmax: Operation
    takers: tuple[Operation, ...]
    p: int
    rest: int


def fuse_log_softmax(program: Program, backend: Backend) -> Program:
    """Replace the logarithm of a softmax by `LogSoftmax`, and simplify the gradient of both."""
    del backend
    uses = Uses(program)
    logs = {
        op: softmax
        for op in uses.operations
        if op.type == "Log" and (softmax := made_by(op.inputs[0], "Softmax")) is not None
    }
    # Of a run that does not fetch the loss, the logarithm has been pruned.
    backward = _find_backward([op for op in uses.operations if op.type == "Softmax"], uses)
    if not logs and not backward:
        return program
    needless = _only_for(logs, backward, uses)
    made: dict[Operation, Tensor] = {}  # by the new softmax

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op in logs:
            softmax = inputs[0].op
            made[softmax] = derive(graph, op, "LogSoftmax", softmax.inputs, softmax.attrs)
            return [made[softmax]]
        found = backward.get(op)
        if found is None:
            return None
        p, difference = inputs[found.p], inputs[found.rest].op
        g = difference.inputs[0].op.inputs[0]
        total = derive(graph, op, "Sum", (g,), difference.inputs[1].op.attrs, part="total")
        if found.softmax in needless and p.op in made:
            p = derive(graph, op, "Exp", (made[p.op],), part="probabilities")
        return [derive(graph, op, "Sub", (g, derive(graph, op, "Mul", (p, total), part="share")))]

    return rebuild(program, rule)


def _find_backward(softmaxes: Sequence[Operation], uses: Uses) -> dict[Operation, _Backward]:
    """Return the last operations of all gradients of a softmax that are given g/p."""
    found = {}
    for softmax in softmaxes:
        for op in dict.fromkeys(uses.takers(softmax.outputs[0])):
            backward = _backward(op, softmax)
            if backward is not None:
                found[op] = backward
    return found


def _backward(op: Operation, softmax: Operation) -> _Backward | None:
    """Return how an operation ends the gradient of a softmax, None if it does not."""
    p = softmax.outputs[0]
    if op.type != "Mul" or op.control_inputs or p not in op.inputs:
        return None
    place = op.inputs.index(p)
    difference = made_by(op.inputs[1 - place], "Sub")
    if difference is None:
        return None
    division = made_by(difference.inputs[0], "RealDiv")
    total = made_by(difference.inputs[1], "Sum")
    if division is None or total is None or division.inputs[1] is not p:
        return None
    product = made_by(total.inputs[0], "Mul")
    if product is None or set(product.inputs) != {division.outputs[0], p}:
        return None
    if division.inputs[0].dims != p.dims or not _is_along(total.attrs, softmax):
        return None
    return _Backward(softmax, (division, product, op), place, 1 - place)


def _is_along(total: Mapping[str, Any], softmax: Operation) -> bool:
    """Return whether a sum goes over the axis of a softmax, and keeps it."""
    dims = softmax.outputs[0].dims
    if dims is None or not total["keepdims"] or total["axes"] is None:
        return False
    axis = shapes.normalize_axis(softmax.attrs["axis"], len(dims))
    return shapes.normalize_axes(total["axes"], len(dims)) == (axis,)


def _only_for(
    logs: Mapping[Operation, Operation], backward: Mapping[Operation, _Backward], uses: Uses
) -> set[Operation]:
    """Return the softmaxes that nothing needs besides their logarithms and these gradients."""
    known = {op for b in backward.values() for op in b.takers}.union(logs)
    return {
        softmax
        for softmax in logs.values()
        if uses.is_inner(softmax) and known.issuperset(uses.takers(softmax.outputs[0]))
    }
