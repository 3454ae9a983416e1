"""Both gradients of a convolution as one operation.

By Winograd's algorithm both begin with the same transform of the gradient that comes in. Computed
together, it is done once, and the gradient by the images needs no filter turned around.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.conv import Conv2DBackprop, Conv2DBackpropFilter, Conv2DBackpropInput
from tensorgraph.ops.convolution import winograd
from tensorgraph.ops.convolution.case import make_case
from tensorgraph.passes.program import Program, rebuild


def pair_gradients(program: Program, backend: Backend) -> Program:
    """Replace two gradients of one convolution, given the same dy, by one operation."""
    del backend
    pairs = _find_pairs(program.live())
    made: dict[Operation, Operation] = {}
    given: dict[Tensor, Tensor] = {}

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        given.update(zip(op.inputs, inputs, strict=True))
        if op not in pairs:
            return None
        by_input, by_filter = pair = pairs[op]
        if by_input not in made:
            needed = (by_filter.inputs[0], *by_input.inputs[1:])
            # The images are an input of the convolution, which came before; or of nothing so far.
            if not all(t in given for t in needed):
                return None
            with graph.source(by_input.source):
                both = graph.create_op(
                    Conv2DBackprop.type,
                    [given[t] for t in needed],
                    by_input.attrs,
                    f"{by_input.name}/",
                )
            made.update(dict.fromkeys(pair, both))
        return [made[op].outputs[pair.index(op)]]

    return rebuild(program, rule) if pairs else program


def _find_pairs(
    operations: Sequence[Operation],
) -> dict[Operation, tuple[Operation, Operation]]:
    """Return, for each gradient that has another one, the two: by the images, by the filter."""
    waiting: dict[Hashable, Operation] = {}
    pairs = {}
    for op in operations:
        if op.type not in (Conv2DBackpropInput.type, Conv2DBackpropFilter.type):
            continue
        by_filter = op.type == Conv2DBackpropFilter.type
        image, kernel = _shapes(op, by_filter)
        if op.control_inputs or not _gains(op, image, kernel):
            continue
        key = (op.inputs[2], image, kernel, repr(sorted(op.attrs.items())))
        other = waiting.pop((*key, not by_filter), None)
        if other is None:
            waiting[*key, by_filter] = op
        else:
            pair = (other, op) if by_filter else (op, other)
            pairs.update(dict.fromkeys(pair, pair))
    return pairs


def _shapes(op: Operation, by_filter: bool) -> tuple[shapes.Shape, shapes.Shape]:
    """Return the shapes of the images and of the filter."""
    if by_filter:
        return op.inputs[0].dims, op.outputs[0].dims
    return op.outputs[0].dims, op.inputs[1].dims


def _gains(op: Operation, image: shapes.Shape, kernel: shapes.Shape) -> bool:
    """Return whether the gradients are computed by Winograd's algorithm."""
    if image is None or kernel is None or None in image + kernel:
        return False
    dtype = op.outputs[0].dtype.np_dtype
    case = make_case(op.attrs, [d or 0 for d in image], [d or 0 for d in kernel])
    return winograd.suits(case, dtype, False)
