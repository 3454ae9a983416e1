"""Batch normalization in parts, so that what works block by block is apart from what cannot.

The sums over a batch are made where its images are made, while a block of them is in the cache;
the few numbers for each channel that follow are computed once all blocks are done; and they are
applied where the next operations take the images. The pass `passes.norms` puts these operations in
the place of `ops.batch_norm`, which computes the same.

The sums are of distances from a pixel of the block and put together in float64, so that of a
channel far from zero no digits are lost (Chan, Golub and LeVeque 1983).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.graph.node import Operation
from tensorgraph.graph.opdef import (
    Arg,
    Blockwise,
    KernelContext,
    OpDef,
    Role,
    Spec,
    elements,
    register,
)
from tensorgraph.ops.batch_norm import bytes_each, fewest_of, gradient_factors, write_sum
from tensorgraph.ops.memory_order import as_rows, made_output, memory_order
from tensorgraph.ops.products import inner_product
from tensorgraph.ops.shares import Block, sum_blocks

DOUBLE = (dtypes.float64,)


class _Part(OpDef):
    uses_out = True


@register
class BatchNormSums(_Part):
    """The sums of the elements of each channel, the last axis, and of their squares."""

    type = "BatchNormSums"
    formula = "Σ {x}, Σ {x}² of each channel"
    inputs = (Arg("x"),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = op.inputs[0].dims
        return (Spec(dtypes.float64, (2, None if dims is None else dims[-1])),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS,), (Role.SUM,))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (x,), xp = inputs, k.xp
        out = xp.empty((2, x.shape[-1]), np.float64) if k.out is None else k.out

        def task(block: Block, total: Any) -> None:
            rows = as_rows(x[block.part])
            if not len(rows):
                total[...] = 0
                return
            distance = block.scratch("distance", rows.shape, x.dtype)
            xp.subtract(rows, rows[0], out=distance)
            ones = block.scratch("ones", rows.shape[:1], x.dtype, 1)
            sums = block.scratch("sums", total.shape, x.dtype)
            inner_product(xp, ones, distance, sums[0])
            inner_product(xp, ones, xp.multiply(distance, distance, out=distance), sums[1])
            # Σ x = Σ d + n c, and Σ x² = Σ d² + 2 c Σ d + n c², where d is x - c.
            centre, more = (block.scratch(name, total.shape[1:], np.float64) for name in "cm")
            xp.copyto(centre, rows[0])
            xp.copyto(total, sums)
            xp.multiply(centre, len(rows), out=more)
            xp.add(more, total[0], out=more)
            xp.add(more, total[0], out=total[0])
            xp.multiply(total[0], centre, out=total[0])
            xp.add(total[1], total[0], out=total[1])
            xp.copyto(total[0], more)

        sum_blocks(k, len(x), bytes_each(x), out, task, fewest_of(k, x))
        return out

    def flops(self, op: Operation) -> int:
        return 4 * elements(op.inputs)


@register
class BatchNormFactors(_Part):
    """Mean and unbiased variance of each channel, and the factor that normalizes it.

    Inputs are the `BatchNormSums`, the scale and a number of the type of what is normalized; the
    attribute ``count`` says of how many elements.
    """

    type = "BatchNormFactors"
    formula = "mean({sums}) of each channel"
    formulas_besides = ("variance({sums}) of each channel", "{scale} / √(variance + ε)")
    inputs = (Arg("sums", DOUBLE, group="sums"), Arg("scale"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        scale = op.inputs[1]
        return [Spec(scale.dtype, scale.dims)] * 3

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (sums, scale), count = inputs, k.op.attrs["count"]
        mean = sums[0] / count
        variance = sums[1] / count - mean * mean
        factor = scale / k.xp.sqrt(variance + k.op.attrs["epsilon"])
        results = mean, variance * (count / max(count - 1, 1)), factor
        outs = [made_output(k, i, scale.shape, scale.dtype) for i in range(len(results))]
        for out, result in zip(outs, results, strict=True):
            k.xp.copyto(out, result, casting="same_kind")
        return tuple(outs)


@register
class BatchNormApply(_Part):
    """Elements less the mean of their channel, times its factor, plus its offset."""

    type = "BatchNormApply"
    formula = "({x} − {mean}) · {factor} + {offset}"
    inputs = (Arg("x"), Arg("mean"), Arg("factor"), Arg("offset"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, *(Role.WHOLE,) * 3))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, mean, factor, offset = inputs
        y = k.xp.empty_like(x) if k.out is None else k.out
        if _every_digit_counts(k, x):
            write_sum(k, y, [(x, factor)], offset, [mean])
        else:
            write_sum(k, y, [(x, factor)], offset - mean * factor)
        return y

    def flops(self, op: Operation) -> int:
        return 2 * elements(op.outputs)


@register
class BatchNormGradSums(_Part):
    """The sums of dy of each channel, and of dy times the distance of x from the mean."""

    type = "BatchNormGradSums"
    formula = "Σ {dy}, Σ {dy} · ({x} − {mean}) of each channel"
    inputs = (Arg("dy"), Arg("x"), Arg("mean"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        mean = op.inputs[2]
        return (Spec(mean.dtype, (2, *(mean.dims or (None,)))),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, Role.ROWS, Role.WHOLE), (Role.SUM,))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (dy, x, mean), xp = inputs, k.xp
        out = xp.empty((2, x.shape[-1]), x.dtype) if k.out is None else k.out

        def task(block: Block, total: Any) -> None:
            part = dy[block.part]
            order = memory_order(part)
            rows, others = as_rows(part, order), as_rows(x[block.part], order)
            product = block.scratch("product", rows.shape, x.dtype)
            xp.subtract(others, mean, out=product)
            xp.multiply(product, rows, out=product)
            ones = block.scratch("ones", rows.shape[:1], x.dtype, 1)
            inner_product(xp, ones, rows, total[0])
            inner_product(xp, ones, product, total[1])

        sum_blocks(k, len(x), bytes_each(x), out, task, fewest_of(k, x))
        return out

    def flops(self, op: Operation) -> int:
        return 4 * elements(op.inputs[:1])


@register
class BatchNormGradFactors(_Part):
    """The gradients by scale and offset, and what makes that by x of dy and of x.

    The other outputs are the factors of dy and of x, the mean of dy, and what is added.
    """

    type = "BatchNormGradFactors"
    formula = "the gradient by {scale}"
    inputs = (Arg("sums"), Arg("scale"), Arg("mean"), Arg("variance"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        scale = op.inputs[1]
        return [Spec(scale.dtype, scale.dims)] * 6

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (by_offset, along), scale, mean, variance = inputs
        count = k.op.attrs["count"]
        by_scale, of_dy, of_x, shift = gradient_factors(
            k, count, by_offset, along, scale, mean, variance
        )
        results = by_scale, by_offset, of_dy, of_x, by_offset / mean.dtype.type(count), shift
        outs = [made_output(k, i, scale.shape, scale.dtype) for i in range(len(results))]
        for out, result in zip(outs, results, strict=True):
            k.xp.copyto(out, result)
        return tuple(outs)


@register
class BatchNormGradApply(_Part):
    """The gradient by x: dy and x, each times a factor of its channel, and what is added."""

    type = "BatchNormGradApply"
    formula = "{of_dy} · {dy} + {of_x} · {x} + {shift}"
    inputs = tuple(Arg(name) for name in ("dy", "x", "of_dy", "of_x", "mean_dy", "mean", "shift"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[1].dtype, op.inputs[1].dims),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, Role.ROWS, *(Role.WHOLE,) * 5))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, x, of_dy, of_x, mean_dy, mean, shift = inputs
        dx = k.xp.empty_like(x) if k.out is None else k.out
        terms = [(dy, of_dy), (x, of_x)]
        if _every_digit_counts(k, x):
            write_sum(k, dx, terms, None, [mean_dy, mean])
        else:
            write_sum(k, dx, terms, shift)
        return dx

    def flops(self, op: Operation) -> int:
        return 4 * elements(op.outputs)


def _every_digit_counts(k: KernelContext, x: Any) -> bool:
    return k.strict or x.dtype == np.float64
