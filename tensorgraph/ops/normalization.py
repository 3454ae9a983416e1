"""Normalization: by batch statistics, by norm, and by the channels nearby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    POSITIVE,
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
from tensorgraph.ops.diagonal import matrix_band_part
from tensorgraph.ops.division import rsqrt
from tensorgraph.ops.einsum import tensordot
from tensorgraph.ops.math import cast, maximum, pow_, square
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import ones


@register
class FusedBatchNorm(OpDef):
    """Elements normalized by mean and variance of their channel, the last axis, then scaled.

    Outputs are the result, the means, and the variances with the factor n / (n - 1) that makes
    them unbiased; the result is normalized by those without it.
    """

    type = "FusedBatchNormV3"
    inputs = (Arg("x"), Arg("scale"), Arg("offset"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, scale, offset = op.inputs
        channels = shapes.merge((None,), shapes.merge(scale.dims, offset.dims))
        if x.dims is not None:
            if not x.dims:
                raise ValueError("batch normalization needs channels, not a scalar")
            channels = shapes.merge(channels, x.dims[-1:])
        return (Spec(x.dtype, x.dims), Spec(x.dtype, channels), Spec(x.dtype, channels))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, scale, offset = inputs
        rows = x.reshape(-1, x.shape[-1]) if x.size else x.reshape(0, x.shape[-1])
        count = max(len(rows), 1)
        mean = rows.sum(0) / x.dtype.type(count)
        distance = x - mean
        flat = distance.reshape(rows.shape)
        variance = k.xp.einsum("ij,ij->j", flat, flat) / x.dtype.type(count)
        factor = scale / k.xp.sqrt(variance + x.dtype.type(k.op.attrs["epsilon"]))
        distance *= factor
        distance += offset
        unbiased = variance * x.dtype.type(count / max(count - 1, 1))
        return distance, mean, unbiased

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, scale, _ = op.inputs
        _, mean, unbiased = op.outputs
        dy, by_mean, by_variance = grads
        lead = None if x.dims is None else tuple(range(len(x.dims) - 1))
        count = maximum(_rows(x), 1.0)
        less = maximum(count - 1.0, 1.0)
        distance = x - mean
        # The root belongs to the biased variance.
        inverse = rsqrt(unbiased * (less / count) + op.attrs["epsilon"])

        def total(t: Tensor) -> Tensor:
            return apply("SumTo", t, shape(mean)) if lead is None else reduce_sum(t, lead)

        def by_x() -> Tensor:
            parts = []
            if dy is not None:
                normal = distance * inverse
                centred = dy - total(dy) / count - normal * (total(dy * normal) / count)
                parts.append(centred * (scale * inverse))
            if by_mean is not None:
                parts.append(_spread(by_mean / count, x))
            if by_variance is not None:
                parts.append(distance * (by_variance * 2.0 / less))
            return parts[0] if len(parts) == 1 else apply("AddN", *parts)

        if dy is None:
            return (by_x, None, None)
        return (by_x, lambda: total(dy * distance * inverse), lambda: total(dy))

    def flops(self, op: Operation) -> int:
        return 7 * elements(op.inputs[:1])

    def sample(self, draw: Draw) -> Sample:
        # One row alone has no variance, and its root no slope.
        dims = (draw.integer(2, 4), *draw.shape(max_rank=1, low=1), draw.size())
        channels = dims[-1:]
        inputs = (Input(dims), Input(channels, POSITIVE), Input(channels))
        return Sample(inputs, {"epsilon": 0.1})


def _rows(x: Tensor) -> Tensor:
    """Return how many elements each channel has, as a number of the type of `x`."""
    total, channels = apply("Size", x), shape(x)[-1]
    one = convert_to_tensor(1, total.dtype)
    return cast(apply("FloorDiv", total, maximum(channels, one)), x.dtype)


def _spread(row: Tensor, x: Tensor) -> Tensor:
    result = apply("BroadcastTo", row, shape(x))
    result.set_shape(x.dims)
    return result


# The names users type


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return images normalized for each channel, and the statistics.

    Parameters
    ----------
    x : Tensor of shape (…, channels)
        The images.
    scale, offset : Tensor of shape (channels,)
        What to multiply by and to add after the normalization.
    mean, variance : Tensor of shape (channels,), optional
        The statistics to use where not training.
    epsilon : float, default 0.001
        Added to the variance.
    data_format : str, default "NHWC"
        The only layout.
    is_training : bool, default True
        Use the statistics of these images.
    name : str, default "FusedBatchNormV3"
        Its name.

    Returns
    -------
    y : Tensor
        The normalized images.
    batch_mean, batch_var : Tensor
        The statistics; the variance of a batch is the unbiased one.

    Raises
    ------
    ValueError
        If there are no statistics where they are needed, or statistics where they are not.
    """
    check_channels_last(data_format)
    value = convert_to_tensor(x)
    if is_training:
        if mean is not None or variance is not None:
            raise ValueError("mean and variance must be None where the batch gives them")
        op = apply_op("FusedBatchNormV3", value, scale, offset, name=name, epsilon=float(epsilon))
        y, batch_mean, batch_variance = op.outputs
        return y, batch_mean, batch_variance
    if mean is None or variance is None:
        raise ValueError("mean and variance must be given where is_training is False")
    means, variances = convert_to_tensor(mean), convert_to_tensor(variance)
    with value.graph.name_scope(name or "FusedBatchNormV3") as scope:
        factor = rsqrt(variances + epsilon) * scale
        y = apply("Add", (value - means) * factor, offset, name=scope)
    return y, means, variances


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
    name: str | None = None,
) -> Tensor:
    """Return scale · (x - mean) / √(variance + ε) + offset; both may be None.

    Parameters
    ----------
    x : Tensor
        What to normalize.
    mean, variance : Tensor
        Broadcast to `x`, as `moments` gives them with ``keepdims``.
    offset, scale : Tensor or None
        What to add and to multiply by after it.
    variance_epsilon : float
        ε.
    name : str, default "batchnorm"
        Its scope.
    """
    value = convert_to_tensor(x)
    with value.graph.name_scope(name or "batchnorm"):
        factor = rsqrt(convert_to_tensor(variance, value.dtype) + variance_epsilon)
        if scale is not None:
            factor = factor * scale
        shift: Tensor = -mean * factor if offset is None else offset - mean * factor
        return value * factor + shift


def batch_norm_with_global_normalization(
    t: Any,
    m: Any,
    v: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: Any,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Tensor:
    """Return what `batch_normalization` does, under the names of the time before it.

    `t` is what to normalize by mean `m` and variance `v`; `beta` is added, and `gamma` multiplied
    by if `scale_after_normalization`.
    """
    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name)


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Tensor:
    """Return the tensor divided by its Euclidean norm.

    Parameters
    ----------
    x : Tensor
        What to normalize.
    axis : int or sequence of int, optional
        The axes that a norm is taken over; default all. ``dim`` is its older name.
    epsilon : float, default 1e-12
        The least that the squared norm counts.
    name : str, default "l2_normalize"
        Its name.
    dim : int or sequence of int, optional
        The older name of `axis`.
    """
    value = convert_to_tensor(x)
    with value.graph.name_scope(name or "l2_normalize") as scope:
        total = reduce_sum(square(value), axis if dim is None else dim, keepdims=True)
        return apply("Mul", value, rsqrt(maximum(total, epsilon)), name=scope)


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """Return each element divided by (bias + α Σ x²)ᵝ, summed over the channels nearby.

    Parameters
    ----------
    input : Tensor of shape (…, channels)
        What to normalize.
    depth_radius : int, default 5
        How many channels on each side count.
    bias, alpha, beta : float
        As in the formula.
    name : str, default "LRN"
        Its name.
    """
    x = convert_to_tensor(input)
    with x.graph.name_scope(name or "LRN") as scope:
        known = None if x.dims is None else x.dims[-1]
        channels: Any = shape(x)[-1] if known is None else known
        # A product with a band of ones adds up the channels nearby.
        band = matrix_band_part(ones([channels, channels], x.dtype), depth_radius, depth_radius)
        total = tensordot(square(x), band, 1)
        return apply("RealDiv", x, pow_(bias + alpha * total, beta), name=scope)
