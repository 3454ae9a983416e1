"""Batch normalization, forward and backward, a block of the batch at a time.

Each direction is two walks over the batch. The first adds up, for each channel: x and x², or dy and
x·dy. A sum over the rows of a matrix is its product with a row of ones, which is several times as
fast as adding row after row. What follows is arithmetic on a few numbers a channel, and the second
walk applies the result: y = a·x + c forward, dx = p·dy + q·x + r backward.

The variance as the mean of the squares less the square of the mean loses the digits that the two
have in common. Where they have too many, or every digit counts (in float64, and in a strict
session), the sums are taken again, of the distances from the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    POSITIVE,
    REAL,
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    elements,
    register,
)
from tensorgraph.ops.array import shape
from tensorgraph.ops.division import rsqrt
from tensorgraph.ops.math import cast, maximum
from tensorgraph.ops.memory_order import as_rows, memory_order, repeated, scratch_like
from tensorgraph.ops.products import inner_product
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks
from tensorgraph.ops.sources import zeros_like

# So many times the variance, the square of the mean takes two digits of it.
FAR_FROM_ZERO = 100
# A factor of each channel is repeated along lines of so many elements.
LINE = 1024


def bytes_each(x: Any) -> int:
    """Return how much a walk has at hand of each member of a batch: itself, and a product."""
    return int(2 * math.prod(x.shape[1:]) * x.dtype.itemsize)


def fewest_of(k: KernelContext, x: Any) -> int:
    """Return how many members of a batch a walk takes at once: all, if it is a block of one.

    The images of a block may lie side by side, and a part of them not in one piece.
    """
    return len(x) if k.undivided else 1


def channel_sums(k: KernelContext, x: Any, times: Any = None, centre: Any = None) -> Any:
    """Return for each channel the sum of an array, and of its products with another.

    Parameters
    ----------
    k : KernelContext
        The node.
    x : array of shape (batch, …, channels)
        What to add up.
    times : array of that shape, optional
        The other; default `x`, which makes squares.
    centre : array of shape (channels,), optional
        What to subtract first from the other, or from `x` where there is no other.

    Returns
    -------
    array of shape (2, channels)
    """

    def task(block: Block, total: Any) -> None:
        part = x[block.part]
        order = memory_order(part)
        rows = as_rows(part, order)
        second = rows if times is None else as_rows(times[block.part], order)
        product = block.scratch("product", rows.shape, x.dtype)
        if centre is not None:
            second = k.xp.subtract(second, centre, out=product)
        if times is None:
            rows = second
        ones = block.scratch("ones", rows.shape[:1], x.dtype, 1)
        inner_product(k.xp, ones, rows, total[0])
        inner_product(k.xp, ones, k.xp.multiply(rows, second, out=product), total[1])

    result = k.xp.empty((2, x.shape[-1]), x.dtype)
    sum_blocks(k, len(x), bytes_each(x), result, task)
    return result


def write_sum(
    k: KernelContext, out: Any, terms: Sequence[tuple[Any, Any]], shift: Any, centres: Any = None
) -> None:
    """Write the sum of arrays, each times a number for each channel, and of one more number.

    Parameters
    ----------
    k : KernelContext
        The node.
    out : array of shape (batch, …, channels)
        Where to write it.
    terms : sequence of (array of that shape, array of shape (channels,))
        The arrays, and what they are multiplied by.
    shift : array of shape (channels,), or None
        The number to be added.
    centres : sequence of array of shape (channels,), optional
        What is subtracted from each of the arrays first.
    """

    def task(block: Block) -> None:
        target = out[block.part]
        order = memory_order(target)

        def line(name: str, vector: Any) -> Any:
            return repeated(block, name, vector, target, order, LINE)

        inside = target.transpose(order)
        for i, (array, factor) in enumerate(terms):
            values = array[block.part].transpose(order)
            part = scratch_like(block, "product", target).transpose(order) if i else inside
            if centres is not None:
                values = k.xp.subtract(values, line("centre", centres[i]), out=part)
            k.xp.multiply(values, line("factor", factor), out=part)
            if i:
                k.xp.add(inside, part, out=inside)
        if shift is not None:
            k.xp.add(inside, line("shift", shift), out=inside)

    for_blocks(k, len(out), bytes_each(out), task, fewest_of(k, out))


def gradient_factors(
    k: KernelContext, count: int, by_offset: Any, along: Any, scale: Any, mean: Any, variance: Any
) -> tuple[Any, Any, Any, Any]:
    """Return the gradient by the scale, and what makes that by x of dy and of x, for each channel.

    Parameters
    ----------
    k : KernelContext
        The node; its attribute ``epsilon`` is used.
    count : int
        How many elements a channel has.
    by_offset, along : array of shape (channels,)
        The sums of dy, and of dy times the distance from the mean.
    scale, mean, variance : array of shape (channels,)
        Inputs of `FusedBatchNormGrad`.

    Returns
    -------
    by_scale, of_dy, of_x, shift : array of shape (channels,)
        dx = of_dy · dy + of_x · x + shift.
    """
    number = mean.dtype.type
    biased = variance * number(max(count - 1, 1) / count)
    inverse = 1 / k.xp.sqrt(biased + number(k.op.attrs["epsilon"]))
    by_scale = along * inverse
    of_dy = scale * inverse
    of_x = -of_dy * inverse * by_scale / number(count)
    shift = -of_dy * by_offset / number(count) - mean * of_x
    return by_scale, of_dy, of_x, shift


def _far_from_zero(k: KernelContext, mean: Any, variance: Any) -> bool:
    """Return whether sums of products, and not of distances from the mean, lose too many digits.

    Whoever computes in float64 wants them all.
    """
    wanted = k.strict or mean.dtype == np.float64
    return wanted or bool((mean * mean > FAR_FROM_ZERO * variance).any())


def _statistics(k: KernelContext, x: Any) -> tuple[Any, Any, bool]:
    """Return mean and variance of each channel, and whether only distances are exact enough."""
    count = x.dtype.type(_rows(x))
    mean, squares = channel_sums(k, x) / count
    variance = squares - mean * mean
    exact = _far_from_zero(k, mean, variance)
    if exact:
        shift, squares = channel_sums(k, x, centre=mean) / count
        variance, mean = squares - shift * shift, mean + shift
    return mean, variance, exact


def _rows(x: Any) -> int:
    """Return how many elements each channel has; at least 1."""
    return max(int(math.prod(x.shape[:-1])), 1)


@register
class FusedBatchNorm(OpDef):
    """Elements normalized by mean and variance of their channel, the last axis, then scaled.

    Outputs are the result, the means, and the variances with the factor n / (n - 1) that makes
    them unbiased; the result is normalized by those without it.
    """

    type = "FusedBatchNormV3"
    formula = "{scale} · ({x} − mean) / √(variance + ε) + {offset}"
    formulas_besides = ("mean({x}) of each channel", "variance({x}) of each channel")
    inputs = (Arg("x"), Arg("scale"), Arg("offset"))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, scale, offset = op.inputs
        channels = shapes.merge((None,), shapes.merge(scale.dims, offset.dims))
        if x.dims is not None:
            if len(x.dims) < 2:
                raise ValueError(f"batch normalization needs a batch of channels, not {x.shape}")
            channels = shapes.merge(channels, x.dims[-1:])
        return (Spec(x.dtype, x.dims), Spec(x.dtype, channels), Spec(x.dtype, channels))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, scale, offset = inputs
        count = _rows(x)
        mean, variance, exact = _statistics(k, x)
        factor = scale / k.xp.sqrt(variance + x.dtype.type(k.op.attrs["epsilon"]))
        y = k.xp.empty_like(x) if k.out is None else k.out
        if exact:
            write_sum(k, y, [(x, factor)], offset, [mean])
        else:
            write_sum(k, y, [(x, factor)], offset - mean * factor)
        unbiased = variance * x.dtype.type(count / max(count - 1, 1))
        return y, _kept(k, 1, mean), _kept(k, 2, unbiased)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, scale, _ = op.inputs
        _, mean, variance = op.outputs
        dy, by_mean, by_variance = grads
        made: list[Tensor] = []
        if dy is not None:
            grad = apply_op(FusedBatchNormGrad.type, dy, x, scale, mean, variance, **op.attrs)
            made = list(grad.outputs)

        def by_x() -> Tensor:
            parts = made[:1]
            if by_mean is not None:
                parts.append(_spread(by_mean / _count(x), x))
            if by_variance is not None:
                less = maximum(_count(x) - 1.0, 1.0)
                parts.append((x - mean) * (by_variance * 2.0 / less))
            return parts[0] if len(parts) == 1 else apply("AddN", *parts)

        return (by_x, *(made[1:] or (None, None)))

    def flops(self, op: Operation) -> int:
        return 7 * elements(op.inputs[:1])

    def sample(self, draw: Draw) -> Sample:
        dims = _draw_dims(draw)
        inputs = (Input(dims), Input(dims[-1:], POSITIVE), Input(dims[-1:]))
        return Sample(inputs, {"epsilon": 0.1})


@register
class FusedBatchNormGrad(OpDef):
    """The gradients of `FusedBatchNorm` by x, scale and offset, given that of its result.

    Inputs are that gradient, x, scale, and the means and variances that the forward op gave.
    """

    type = "FusedBatchNormGradV3"
    formula = "scale / σ · ({dy} − mean({dy}) − u · mean({dy} · u)), u = ({x} − {mean}) / σ"
    formulas_besides = ("Σ {dy} · u of each channel", "Σ {dy} of each channel")
    inputs = (Arg("dy"), Arg("x"), Arg("scale"), Arg("mean"), Arg("variance"))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        dy, x, scale, mean, variance = op.inputs
        channels = shapes.merge(shapes.merge(scale.dims, mean.dims), variance.dims)
        return tuple(
            Spec(x.dtype, dims) for dims in (shapes.merge(x.dims, dy.dims), *[channels] * 2)
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, x, _, mean, variance = inputs
        count = _rows(x)
        exact = _far_from_zero(k, mean, variance)
        by_offset, along = channel_sums(k, dy, x, mean if exact else None)
        if not exact:
            along -= mean * by_offset
        by_scale, of_dy, of_x, shift = gradient_factors(k, count, by_offset, along, *inputs[2:])
        dx = k.xp.empty_like(x) if k.out is None else k.out
        terms = [(dy, of_dy), (x, of_x)]
        if exact:
            write_sum(k, dx, terms, None, [by_offset / x.dtype.type(count), mean])
        else:
            write_sum(k, dx, terms, shift)
        return dx, _kept(k, 1, by_scale), _kept(k, 2, by_offset)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        dy, x, scale, mean, variance = op.inputs
        _, by_scale, by_offset = op.outputs
        g, to_scale, to_offset = (
            zeros_like(t) if grad is None else grad
            for t, grad in zip(op.outputs, grads, strict=True)
        )
        count = _count(x)
        share = maximum(count - 1.0, 1.0) / count
        inverse = rsqrt(variance * share + op.attrs["epsilon"])
        distance = x - mean
        u = distance * inverse

        def total(t: Tensor) -> Tensor:
            if x.dims is None:
                return apply("SumTo", t, shape(mean))
            return reduce_sum(t, list(range(len(x.dims) - 1)))

        # With these, the sum of all outputs times their gradients is
        # scale · inverse · reach + Σ dy · (to_scale · u + to_offset).
        sum_g, sum_gu = total(g), total(g * u)
        reach = total(g * dy) - (sum_g * by_offset + sum_gu * by_scale) / count
        factor = scale * inverse

        def by_dy() -> Tensor:
            centred = g - sum_g / count - u * (sum_gu / count)
            return centred * factor + u * to_scale + to_offset

        by_u = dy * (to_scale - factor * sum_gu / count) - g * (factor * by_scale / count)

        def by_variance() -> Tensor:
            by_inverse = scale * reach + total(by_u * distance)
            return by_inverse * (inverse * inverse * inverse) * (share * -0.5)

        return (
            by_dy,
            lambda: by_u * inverse,
            lambda: inverse * reach,
            lambda: -total(by_u * inverse),
            by_variance,
        )

    def flops(self, op: Operation) -> int:
        return 11 * elements(op.inputs[:1])

    def sample(self, draw: Draw) -> Sample:
        dims = _draw_dims(draw)
        vectors = [Input(dims[-1:], domain) for domain in (POSITIVE, REAL, POSITIVE)]
        return Sample((Input(dims), Input(dims), *vectors), {"epsilon": 0.1})


def _kept(k: KernelContext, index: int, vector: Any) -> Any:
    """Return a vector, in the memory that the plan has for that output."""
    out = k.outs[index] if index < len(k.outs) else None
    if out is None:
        return vector
    out[...] = vector
    return out


def _draw_dims(draw: Draw) -> tuple[int, ...]:
    """Return a shape of two rows or more: one alone has no variance, and its root no slope."""
    return (draw.integer(2, 4), *draw.shape(max_rank=1, low=1), draw.size())


def _count(x: Tensor) -> Tensor:
    """Return how many elements each channel has, as a number of the type of `x`."""
    rows = None if x.dims is None else shapes.num_elements(x.dims[:-1])
    if rows is not None:
        return convert_to_tensor(float(max(rows, 1)), x.dtype)
    total, channels = apply("Size", x), shape(x)[-1]
    one = convert_to_tensor(1, total.dtype)
    return maximum(cast(apply("FloorDiv", total, maximum(channels, one)), x.dtype), 1.0)


def _spread(row: Tensor, x: Tensor) -> Tensor:
    result = apply("BroadcastTo", row, shape(x))
    result.set_shape(x.dims)
    return result
