"""Affine chains: what scales and shifts the channels one after the other does it once.

A batch normalization by known means, as in a prediction, is (x - μ) · (γ/σ) + β: with the bias of
the layer before, four walks over the images. All of it is x · s + t, with a number s and a number t
for each channel, computed from the small vectors. Where x comes from a convolution or a product
with a matrix, s goes into the filter, whose outputs are the channels; then only a bias is left.

The filter is scaled anew in each run, as training may change it between two; so that is done where
the filter is less than half of what it makes, and else the results are scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.fold import fold_constants
from tensorgraph.passes.program import Program, Uses, derive, rebuild

_ADD, _SUB, _MUL = "Add", "Sub", "Mul"
_KINDS = {"Add": _ADD, "BiasAdd": _ADD, "Sub": _SUB, "Mul": _MUL}

# For a smaller result, computing one more vector takes as long as what is saved.
FEWEST_ELEMENTS = 1 << 12

# What has a filter as its second input, of which each output channel has its own numbers.
_FILTERED = ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "MatMul")


class _Link(NamedTuple):
    """One operation of a chain: what it does, and which input is the images."""

    kind: str
    images: int


class _Chain(NamedTuple):
    """The links, the last one first, and whether the scale goes into the filter before them."""

    links: tuple[_Link, ...]
    into_filter: bool


def join_affine(program: Program, backend: Backend) -> Program:
    """Replace chains of additions and multiplications by channel by one of each, or a bias."""
    chains = _find(Uses(program))
    if not chains:
        return program

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        chain = chains.get(op)
        return None if chain is None else [_joined(op, inputs, chain, graph)]

    # Of constants, as in a network that was frozen, all that is left is a filter and a bias.
    return fold_constants(rebuild(program, rule), backend)


def _find(uses: Uses) -> dict[Operation, _Chain]:
    """Return the chains that are worth it, each by its last operation."""
    chains: dict[Operation, _Chain] = {}
    inside: set[Operation] = set()
    for op in reversed(uses.operations):
        if op in inside:
            continue
        links: list[_Link] = []
        at = op
        while (link := _link(at)) is not None and (not links or _continues(at, uses)):
            links.append(link)
            inside.add(at)
            at = at.inputs[link.images].op
        scales = any(link.kind is _MUL for link in links) and _is_worth_it(op)
        into_filter = scales and uses.only_taker(at.outputs[0]) is not None and _takes_scale(at)
        if into_filter or (scales and len(links) > 2 and not _is_exact(at)):
            chains[op] = _Chain(tuple(links), into_filter)
    return chains


def _is_worth_it(last: Operation) -> bool:
    """Return whether a chain's result is large, so that a walk less is a gain."""
    return (shapes.num_elements(last.outputs[0].dims) or 0) >= FEWEST_ELEMENTS


def _is_exact(op: Operation) -> bool:
    """Return whether an operation hands out what a run was given, in another shape or type.

    What is large and near its mean, as years are, has more digits as (x - μ) · s than as x · s + t.
    What comes out of a product has a rounding error of that size already.
    """
    while op.definition.view or op.type == "Cast":
        op = op.inputs[0].op
    return op.definition.stateful or not op.inputs


def _continues(op: Operation, uses: Uses) -> bool:
    """Return whether nothing but the next link of a chain needs what an operation gives."""
    return uses.only_taker(op.outputs[0]) is not None


def _link(op: Operation) -> _Link | None:
    """Return how an operation shifts or scales the channels of one of its inputs, if it does."""
    kind = _KINDS.get(op.type)
    if kind is None or op.control_inputs or any(t.is_ref for t in op.inputs):
        return None
    y = op.outputs[0]
    if y.dims is None or len(y.dims) < 2 or None in y.dims or not y.dtype.is_floating:
        return None
    for images in (0,) if kind is _SUB else (0, 1):
        x, vector = op.inputs[images], op.inputs[1 - images]
        if x.dims == y.dims and _is_by_channel(vector, y.dims[-1]):
            return _Link(kind, images)
    return None


def _is_by_channel(t: Tensor, channels: int | None) -> bool:
    """Return whether a tensor has one number, or one for each channel."""
    count = shapes.num_elements(t.dims)
    return count == 1 or (count == channels and t.dims is not None and t.dims[-1] == channels)


def _takes_scale(op: Operation) -> bool:
    """Return whether a factor for each channel of the result can go into an operation's filter."""
    if op.type not in _FILTERED or op.control_inputs or any(t.is_ref for t in op.inputs):
        return False
    if op.type == "MatMul" and (op.attrs["transpose_b"] or len(op.inputs[1].dims or ()) != 2):
        return False
    numbers, results = (shapes.num_elements(t.dims) for t in (op.inputs[1], op.outputs[0]))
    return numbers is not None and results is not None and 2 * numbers <= results


def _joined(op: Operation, inputs: Sequence[Tensor], chain: _Chain, graph: Graph) -> Tensor:
    """Return the result of a chain, given the inputs of its last operation."""
    steps = []
    x = None
    for link in chain.links:
        given = inputs if x is None else x.op.inputs
        x, vector = given[link.images], given[1 - link.images]
        steps.append((link.kind, _flat(op, vector, graph)))
    assert x is not None
    scale, shift = _scale_and_shift(op, steps[::-1], graph)
    if chain.into_filter:
        x = _filtered(op, x.op, scale, graph)
    else:
        x = derive(graph, op, "Mul", (x, scale), part="scaled")
    if shift is None:
        return x
    return derive(graph, op, "BiasAdd" if shift.dims else "Add", (x, shift))


def _flat(op: Operation, vector: Tensor, graph: Graph) -> Tensor:
    """Return a scalar or a vector of the numbers by channel."""
    if vector.dims is None or len(vector.dims) < 2:
        return vector
    return _reshaped(op, vector, (vector.dims[-1],), graph)


def _reshaped(op: Operation, t: Tensor, dims: Sequence[int | None], graph: Graph) -> Tensor:
    shape = derive(graph, op, "Const", (), {"value": np.array(dims, np.int32)}, "shape")
    return derive(graph, op, "Reshape", (t, shape), part="vector")


def _scale_and_shift(
    op: Operation, steps: Sequence[tuple[str, Tensor]], graph: Graph
) -> tuple[Tensor, Tensor | None]:
    """Return s and t of x · s + t, for steps from the first on; t is None where it is 0."""
    scale: Tensor | None = None
    shift: Tensor | None = None
    negative = False  # whether the shift so far is to be subtracted
    for kind, v in steps:
        if kind is _MUL:
            scale = v if scale is None else derive(graph, op, "Mul", (scale, v), part="scale")
            if shift is not None:
                shift = derive(graph, op, "Mul", (shift, v), part="shift")
        elif shift is None:
            shift, negative = v, kind is _SUB
        elif negative and kind is _ADD:
            shift, negative = derive(graph, op, "Sub", (v, shift), part="shift"), False
        else:
            together = "Add" if negative else kind
            shift = derive(graph, op, together, (shift, v), part="shift")
    assert scale is not None
    if negative and shift is not None:
        shift = derive(graph, op, "Neg", (shift,), part="shift")
    return scale, shift


def _filtered(op: Operation, conv: Operation, scale: Tensor, graph: Graph) -> Tensor:
    """Return the result of a convolution, or product, with a scaled filter."""
    x, kernel = conv.inputs
    if conv.type == "DepthwiseConv2dNative" and shapes.num_elements(scale.dims) != 1:
        # Its result's channels are those of the images, each as often as there are filters for it.
        scale = _reshaped(op, scale, (kernel.dims or ())[-2:], graph)
    scaled = derive(graph, op, "Mul", (kernel, scale), part="filter")
    return derive(graph, op, conv.type, (x, scaled), conv.attrs, part="filtered")
