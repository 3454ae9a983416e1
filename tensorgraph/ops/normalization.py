"""Normalization: by batch statistics, by norm, and by the channels nearby."""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.array import shape
from tensorgraph.ops.batch_norm import FusedBatchNorm
from tensorgraph.ops.diagonal import matrix_band_part
from tensorgraph.ops.division import rsqrt
from tensorgraph.ops.einsum import tensordot
from tensorgraph.ops.math import maximum, pow_, square
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import ones

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
        op = apply_op(FusedBatchNorm.type, value, scale, offset, name=name, epsilon=float(epsilon))
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
