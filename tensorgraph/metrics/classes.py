"""Metrics of many classes: which one was taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.node import Tensor
from tensorgraph.losses.weights import drop_size_one_axis, weights_beside
from tensorgraph.metrics.results import Collections, Metric, collected, metric_variable, ratio
from tensorgraph.ops.array import broadcast_to, reshape, shape
from tensorgraph.ops.blocks import stack
from tensorgraph.ops.gather import scatter_nd
from tensorgraph.ops.math import cast, equal, greater, maximum, multiply, not_equal, where
from tensorgraph.ops.reduction import reduce_max, reduce_mean, reduce_sum
from tensorgraph.ops.sources import constant, ones_like
from tensorgraph.ops.variables import assign_add, scatter_add
from tensorgraph.scopes import variable_scope


def _classes(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Return class numbers as int64 vectors."""
    truth, guess = drop_size_one_axis(
        cast(convert_to_tensor(labels), dtypes.int64),
        cast(convert_to_tensor(predictions), dtypes.int64),
    )
    return reshape(truth, [-1]), reshape(guess, [-1])


def _flat_weights(labels: Any, weights: Any, dtype: Any) -> Tensor:
    """Return the weight of each label as a vector."""
    values = convert_to_tensor(labels)
    factors = weights_beside(values, weights, as_dtype(dtype))
    return reshape(broadcast_to(factors, shape(values)), [-1])


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    weights: Any = None,
) -> Tensor:
    """Return how often each class (rows) was taken for each (columns).

    Parameters
    ----------
    labels, predictions : Tensor
        Class numbers, of one shape.
    num_classes : int, optional
        How many classes there are; default is the largest number that occurs, plus 1.
    dtype : DType, default int32
        Element type of the result.
    name : str, default "confusion_matrix"
        Its name scope.
    weights : Tensor, optional
        How much each example counts.

    Returns
    -------
    Tensor of shape (classes, classes)

    Raises
    ------
    InvalidArgumentError
        When run, if a number is no class.
    """
    with name_scope(name, "confusion_matrix"):
        truth, guess = _classes(labels, predictions)
        if num_classes is None:
            count = maximum(reduce_max(truth), reduce_max(guess)) + 1
            size: Any = stack([count, count])
        else:
            size = constant([int(num_classes)] * 2, dtypes.int64)
        if weights is None:
            amounts = ones_like(guess, as_dtype(dtype))
        else:
            amounts = _flat_weights(labels, weights, dtype)
        return scatter_nd(stack([truth, guess], axis=1), amounts, size)


def mean_per_class_accuracy(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean over classes of the share of each that was recognised.

    Parameters
    ----------
    labels, predictions : Tensor
        Class numbers, of one shape.
    num_classes : int
        How many classes there are.
    weights, metrics_collections, updates_collections, name
        As in `tf.metrics.mean`; the name is "mean_accuracy" by default.

    Returns
    -------
    value : Tensor
        The mean so far.
    update_op : Tensor of shape (classes,)
        Counts the examples in, and is the share of each class then.
    """
    with variable_scope(name, "mean_accuracy"):
        truth, guess = _classes(labels, predictions)
        total = metric_variable((num_classes,), "total")
        count = metric_variable((num_classes,), "count")
        correct = cast(equal(truth, guess), dtypes.float32)
        amounts = ones_like(correct)
        if weights is not None:
            amounts = _flat_weights(labels, weights, dtypes.float32)
            correct = multiply(correct, amounts)
        update_total = scatter_add(total, truth, amounts)
        update_count = scatter_add(count, truth, correct)
        value = reduce_mean(ratio(count, total, "per_class"), name="mean_accuracy")
        update_op = ratio(update_count, update_total, "update_op")
        return collected(value, update_op, metrics_collections, updates_collections)


def mean_iou(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the mean over classes of intersection over union: hits / (hits + all mistakes).

    Classes that neither occur nor are predicted do not count.

    Parameters
    ----------
    labels, predictions, num_classes, weights, metrics_collections, updates_collections, name
        As in `mean_per_class_accuracy`; the name is "mean_iou" by default.

    Returns
    -------
    value : Tensor
        The mean so far.
    update_op : Tensor of shape (classes, classes)
        Counts the examples in, and is the confusion matrix then.
    """
    with variable_scope(name, "mean_iou"):
        matrix = metric_variable(
            (num_classes, num_classes), "total_confusion_matrix", dtypes.float64
        )
        now = confusion_matrix(labels, predictions, num_classes, dtypes.float64, weights=weights)
        update_op = assign_add(matrix, now)
        return collected(
            _mean_iou(matrix, num_classes), update_op, metrics_collections, updates_collections
        )


def _mean_iou(matrix: Any, num_classes: int) -> Tensor:
    hits = cast(reduce_sum(multiply(matrix, np.eye(num_classes)), axis=1), dtypes.float32)
    union = (
        cast(reduce_sum(matrix, axis=0), dtypes.float32)
        + cast(reduce_sum(matrix, axis=1), dtypes.float32)
        - hits
    )
    seen = reduce_sum(cast(not_equal(union, 0.0), dtypes.float32))
    safe = where(greater(union, 0.0), union, ones_like(union))
    return ratio(reduce_sum(hits / safe), seen, "mean_iou")
