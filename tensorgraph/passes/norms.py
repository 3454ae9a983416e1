"""Batch normalization of images, taken apart: see `tensorgraph.ops.batch_norm_parts`.

Sums belong to the region that makes the images, and what is done with them to the one that takes
them, so that both find a block of images in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops import batch_norm_parts as parts
from tensorgraph.ops.batch_norm import FusedBatchNorm, FusedBatchNormGrad
from tensorgraph.passes import regions
from tensorgraph.passes.program import Program, derive, rebuild


def split_norms(program: Program, backend: Backend) -> Program:
    """Replace batch normalizations of images, and their gradients, by their parts."""
    del backend
    kinds = {FusedBatchNorm.type: _forward, FusedBatchNormGrad.type: _backward}
    found = {op for op in program.live() if op.type in kinds and _is_of_images(op)}
    if not found:
        return program

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        return kinds[op.type](op, inputs, graph) if op in found else None

    return rebuild(program, rule)


def _is_of_images(op: Operation) -> bool:
    """Return whether a normalization is one of as many images as are worth a region."""
    dims = op.outputs[0].dims or ()
    return (
        all(shapes.is_full(t.dims) for t in op.inputs)
        and len(dims) == 4
        and (dims[0] or 0) >= regions.FEWEST_IMAGES
        and op.outputs[0].dtype in (dtypes.float32, dtypes.float64)
    )


def _forward(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor]:
    x, scale, offset = inputs
    sums = derive(graph, op, parts.BatchNormSums.type, (x,), {}, "sums")
    attrs = {"epsilon": op.attrs["epsilon"], "count": _count(x)}
    factors = derive(graph, op, parts.BatchNormFactors.type, (sums, scale), attrs, "factors")
    mean, variance, factor = factors.op.outputs
    return [derive(graph, op, parts.BatchNormApply.type, (x, mean, factor, offset)), mean, variance]


def _backward(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor]:
    dy, x, scale, mean, variance = inputs
    sums = derive(graph, op, parts.BatchNormGradSums.type, (dy, x, mean), {}, "sums")
    attrs = {"epsilon": op.attrs["epsilon"], "count": _count(x)}
    given = (sums, scale, mean, variance)
    factors = derive(graph, op, parts.BatchNormGradFactors.type, given, attrs, "factors")
    by_scale, by_offset, of_dy, of_x, mean_dy, shift = factors.op.outputs
    rest = (of_dy, of_x, mean_dy, mean, shift)
    return [derive(graph, op, parts.BatchNormGradApply.type, (dy, x, *rest)), by_scale, by_offset]


def _count(x: Tensor) -> int:
    """Return how many elements each channel of images has; at least 1."""
    return max(shapes.num_elements((x.dims or ())[:-1]) or 0, 1)
