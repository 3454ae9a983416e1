"""Moments, norms and other summaries that are made of the plain reductions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.static import static_ints
from tensorgraph.ops.division import squared_difference
from tensorgraph.ops.math import abs_, cast, exp, log, not_equal, pow_, sqrt, square, where
from tensorgraph.ops.reduction import reduce_max, reduce_mean, reduce_sum
from tensorgraph.ops.sources import stop_gradient, zeros_like
from tensorgraph.ops.trigonometry import is_finite


def _axes(axis: Any, reduction_indices: Any) -> list[int] | None:
    chosen = axis if reduction_indices is None else reduction_indices
    return None if chosen is None else list(static_ints(chosen, "the axes of a reduction"))


def reduce_logsumexp(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Return log Σ exp(x) over `axis`, without overflow; parameters as in `reduce_sum`."""
    x = convert_to_tensor(input_tensor)
    axes = _axes(axis, reduction_indices)
    keep = bool(keepdims or keep_dims)
    with x.graph.name_scope(name or "ReduceLogSumExp") as scope:
        largest = reduce_max(x, axes, keepdims=True)
        # Subtracting the largest changes nothing; an infinite one would make NaN.
        safe = stop_gradient(where(is_finite(largest), largest, zeros_like(largest)))
        total = log(reduce_sum(exp(x - safe), axes, keepdims=True))
        if keep:
            return apply("Add", total, safe, name=scope)
        return apply("Squeeze", total + safe, name=scope, axes=_gone(axes, x))


def _gone(axes: Sequence[int] | None, x: Tensor) -> tuple[int, ...] | None:
    """Return the axes that a reduction took, as `Squeeze` wants them."""
    if axes is not None:
        return tuple(axes)
    return None if x.dims is None else tuple(range(len(x.dims)))


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None
) -> Tensor:
    """Return the mean squared distance from the mean over `axis`; parameters as in `reduce_sum`."""
    x = convert_to_tensor(input_tensor)
    with x.graph.name_scope(name or "reduce_variance"):
        mean = reduce_mean(x, axis, keepdims=True)
        return reduce_mean(square(x - mean), axis, keepdims=keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None
) -> Tensor:
    """Return the standard deviation over `axis`; parameters as in `reduce_sum`."""
    x = convert_to_tensor(input_tensor)
    with x.graph.name_scope(name or "reduce_std"):
        return sqrt(reduce_variance(x, axis, keepdims))


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None
) -> Tensor:
    """Return the root of the sum of squares over `axis`; parameters as in `reduce_sum`."""
    x = convert_to_tensor(input_tensor)
    with x.graph.name_scope(name or "EuclideanNorm") as scope:
        return sqrt(reduce_sum(square(x), axis, keepdims), name=scope)


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Tensor:
    """Return how many elements are not 0 over `axis`; parameters as in `reduce_sum`.

    `dtype` is the element type of the result, `input` the newer name of `input_tensor`.
    """
    x = convert_to_tensor(input_tensor if input is None else input)
    with x.graph.name_scope(name or "count_nonzero"):
        # Added as int64, so that no count overflows on the way.
        ones = cast(not_equal(x, zeros_like(x)), dtypes.int64)
        total = reduce_sum(ones, _axes(axis, reduction_indices), bool(keepdims or keep_dims))
        return cast(total, dtype)


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Return mean and variance over `axes`.

    Parameters
    ----------
    x : Tensor
        Of floating-point type; float16 is computed in float32.
    axes : sequence of int
        The axes.
    shift : object
        Accepted for TensorFlow's sake.
    name : str, default "moments"
        Its scope.
    keep_dims, keepdims : bool, default False
        Keep the axes with size 1.
    """
    del shift
    value = convert_to_tensor(x)
    with value.graph.name_scope(name or "moments"):
        y = cast(value, dtypes.float32) if value.dtype is dtypes.float16 else value
        mean = reduce_mean(y, axes, keepdims=True, name="mean")
        # TensorFlow stops the gradient at the mean, which gives a wrong second derivative.
        distance = squared_difference(y, mean)
        variance = reduce_mean(distance, axes, keepdims=True, name="variance")
        if not (keep_dims or keepdims):
            gone = _gone(_axes(axes, None), y)
            mean = apply("Squeeze", mean, axes=gone)
            variance = apply("Squeeze", variance, axes=gone)
        return cast(mean, value.dtype), cast(variance, value.dtype)


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Return mean and variance over `axes` of elements that count `frequency_weights` times.

    The other parameters are those of `moments`; the weights are broadcast to `x`.
    """
    value = convert_to_tensor(x)
    keep = bool(keep_dims or keepdims)
    with value.graph.name_scope(name or "weighted_moments"):
        weights = convert_to_tensor(frequency_weights, value.dtype) + zeros_like(value)
        total = reduce_sum(weights, axes, keepdims=True)
        mean = reduce_sum(weights * value, axes, keepdims=True) / total
        spread = weights * squared_difference(value, mean)
        variance = reduce_sum(spread, axes, keepdims=True) / total
        if keep:
            return mean, variance
        gone = _gone(_axes(axes, None), value)
        return apply("Squeeze", mean, axes=gone), apply("Squeeze", variance, axes=gone)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Return the norm of vectors or matrices.

    Parameters
    ----------
    tensor : Tensor
        Of floating-point type.
    ord : str or number, default "euclidean"
        ``"euclidean"`` (also ``"fro"`` for matrices), 1, infinity, or for vectors any positive
        number.
    axis : int or pair of int, optional
        One axis for vectors, two for matrices; by default all elements are one vector.
    keepdims : bool, default False
        Keep the axes with size 1; ``keep_dims`` is its older name.
    name : str, default "norm"
        Its scope.
    keep_dims : bool, optional
        The older name of `keepdims`.

    Raises
    ------
    ValueError
        If there is no such norm: the 2-norm of matrices, which needs singular values, is none.
    """
    x = convert_to_tensor(tensor)
    axes = _axes(axis, None)
    matrix = isinstance(axis, list | tuple) and len(axis) == 2
    names = ("euclidean", "fro") if matrix or axis is None else ("euclidean",)
    known = ord in (1, math.inf) or (not matrix and isinstance(ord, int | float) and ord > 0)
    if isinstance(axis, list | tuple) and len(axis) > 2:
        raise ValueError(f"a norm has one axis or two, not {axis}")
    if ord not in names and not known:
        kind = "matrices" if matrix else "vectors"
        raise ValueError(f"{ord!r} is no norm of {kind} that tf.norm knows")
    with x.graph.name_scope(name or "norm"):
        if ord in names or (ord == 2 and not matrix):
            result = sqrt(reduce_sum(x * x, axes, keepdims=True))
        elif ord == math.inf or ord == 1:
            result = _sum_or_max(abs_(x), ord == 1, axes, matrix)
        else:
            power = reduce_sum(pow_(abs_(x), ord), axes, keepdims=True)
            result = pow_(power, 1.0 / ord)
        if keepdims or keep_dims:
            return result
        return apply("Squeeze", result, axes=_gone(axes, x))


def _sum_or_max(x: Tensor, by_sum: bool, axes: list[int] | None, matrix: bool) -> Tensor:
    """Return the 1-norm or the infinity norm of what is not negative."""
    if not matrix or axes is None:
        return (reduce_sum if by_sum else reduce_max)(x, axes, keepdims=True)
    # The largest sum of a column, or of a row.
    summed, searched = axes if by_sum else axes[::-1]
    return reduce_max(reduce_sum(x, summed, keepdims=True), searched, keepdims=True)
