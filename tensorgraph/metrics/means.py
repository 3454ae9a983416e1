"""Metrics that are means over all examples seen since their variables were initialised."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.losses.weights import drop_size_one_axis, weights_beside
from tensorgraph.metrics.results import Collections, Metric, collected, metric_variable, ratio
from tensorgraph.ops.array import broadcast_to, shape
from tensorgraph.ops.math import abs_, cast, divide, equal, less, multiply, sqrt, square, where
from tensorgraph.ops.reduction import reduce_sum, size
from tensorgraph.ops.sources import ones_like, zeros_like
from tensorgraph.ops.variables import assign_add
from tensorgraph.scopes import variable_scope


def mean(
    values: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean of all values seen.

    Its variables ``total`` and ``count`` are local ones: run `tf.local_variables_initializer`.

    Parameters
    ----------
    values : Tensor
        The values of one run, of any shape.
    weights : Tensor, optional
        How much each counts: a scalar, or of the rank of `values` with each size equal or 1.
    metrics_collections, updates_collections : str or list of str, optional
        Collections that the value and the update go to.
    name : str, default "mean"
        The variable scope.

    Returns
    -------
    value : Tensor
        The mean so far, a scalar; running it changes nothing.
    update_op : Tensor
        Counts the values in, and is the mean then.

    Raises
    ------
    ValueError
        If the weights do not suit the values.

    Examples
    --------
    >>> accuracy, update = tf.metrics.mean(correct)
    >>> sess.run(tf.local_variables_initializer())
    >>> for batch in batches:
    ...     sess.run(update, feed_dict=batch)
    >>> print(sess.run(accuracy))
    """
    with variable_scope(name, "mean"):
        numbers = cast(convert_to_tensor(values), dtypes.float32)
        total, count = metric_variable((), "total"), metric_variable((), "count")
        if weights is None:
            increase = cast(size(numbers), dtypes.float32)
        else:
            factors = weights_beside(numbers, weights, dtypes.float32)
            numbers = multiply(numbers, factors)
            increase = reduce_sum(broadcast_to(factors, shape(numbers)))
        update_total = assign_add(total, reduce_sum(numbers))
        update_count = assign_add(count, increase)
        return collected(
            ratio(total, count, "value"),
            ratio(update_total, update_count, "update_op"),
            metrics_collections,
            updates_collections,
        )


def mean_tensor(
    values: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean of each element over all runs; parameters and results as in `mean`.

    Raises
    ------
    ValueError
        If the shape of the values is not fully known, or the weights do not suit it.
    """
    with variable_scope(name, "mean"):
        numbers = cast(convert_to_tensor(values), dtypes.float32)
        if numbers.dims is None or not shapes.is_full(numbers.dims):
            raise ValueError(f"mean_tensor needs values of a known shape, not {numbers.shape}")
        dims = tuple(int(d) for d in numbers.shape)
        total, count = metric_variable(dims, "total_tensor"), metric_variable(dims, "count_tensor")
        increase = ones_like(numbers)
        if weights is not None:
            factors = weights_beside(numbers, weights, dtypes.float32)
            numbers, increase = multiply(numbers, factors), multiply(increase, factors)
        update_total, update_count = assign_add(total, numbers), assign_add(count, increase)
        return collected(
            ratio(total, count, "value"),
            ratio(update_total, update_count, "update_op"),
            metrics_collections,
            updates_collections,
        )


def accuracy(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the share of predictions that equal their labels.

    Parameters
    ----------
    labels, predictions : Tensor
        Of one shape; an axis of size 1 at the end of one of them is dropped.
    weights, metrics_collections, updates_collections, name
        As in `mean`; the name is "accuracy" by default.

    Returns
    -------
    value, update_op : Tensor
        As in `mean`.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    truth, guess = drop_size_one_axis(convert_to_tensor(labels), convert_to_tensor(predictions))
    _check_same_shape(truth, guess)
    correct = cast(equal(cast(guess, truth.dtype), truth), dtypes.float32)
    return mean(correct, weights, metrics_collections, updates_collections, name or "accuracy")


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean of (y - p)²; parameters and results as in `accuracy`."""
    y, p = _floats(labels, predictions)
    name = name or "mean_squared_error"
    return mean(square(y - p), weights, metrics_collections, updates_collections, name)


def root_mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the square root of `mean_squared_error`; parameters and results as in `accuracy`."""
    name = name or "root_mean_squared_error"
    value, update_op = mean_squared_error(labels, predictions, weights, name=name)
    return collected(sqrt(value), sqrt(update_op), metrics_collections, updates_collections)


def mean_absolute_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean of |p - y|; parameters and results as in `accuracy`."""
    y, p = _floats(labels, predictions)
    name = name or "mean_absolute_error"
    return mean(abs_(p - y), weights, metrics_collections, updates_collections, name)


def mean_relative_error(
    labels: Any,
    predictions: Any,
    normalizer: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean of |y - p| / normalizer, 0 where that is 0; otherwise as `accuracy`."""
    y, p = _floats(labels, predictions)
    scale = cast(convert_to_tensor(normalizer), dtypes.float32)
    absent = equal(scale, 0.0)
    safe = where(absent, ones_like(scale), scale)
    error = where(absent, zeros_like(y), divide(abs_(y - p), safe))
    name = name or "mean_relative_error"
    return mean(error, weights, metrics_collections, updates_collections, name)


def mean_cosine_distance(
    labels: Any,
    predictions: Any,
    dim: int,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean of 1 - y·p, of vectors of length 1 along `dim`; otherwise as `accuracy`."""
    y, p = _floats(labels, predictions)
    products = reduce_sum(p * y, axis=dim, keepdims=True)
    value, update_op = mean(products, weights, name=name or "mean_cosine_distance")
    return collected(1.0 - value, 1.0 - update_op, metrics_collections, updates_collections)


def percentage_below(
    values: Any,
    threshold: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the share of the values that are below `threshold`; otherwise as `mean`."""
    below = cast(less(values, threshold), dtypes.float32)
    name = name or "percentage_below_threshold"
    return mean(below, weights, metrics_collections, updates_collections, name)


def _floats(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Return labels and predictions as float32 tensors of one shape."""
    y, p = drop_size_one_axis(
        cast(convert_to_tensor(labels), dtypes.float32),
        cast(convert_to_tensor(predictions), dtypes.float32),
    )
    _check_same_shape(y, p)
    return y, p


def _check_same_shape(labels: Tensor, predictions: Tensor) -> None:
    if not shapes.compatible(labels.dims, predictions.dims):
        raise ValueError(
            f"labels of shape {labels.shape} do not suit predictions of shape {predictions.shape}"
        )
