"""Metrics of two classes: how often they were told apart, precision, recall.

Labels and predictions are cast to bool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.losses.weights import drop_size_one_axis, weights_beside
from tensorgraph.metrics.results import Collections, Metric, collected, metric_variable
from tensorgraph.ops.division import div_no_nan
from tensorgraph.ops.math import add, cast, logical_and, logical_not, multiply
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import identity
from tensorgraph.ops.variables import assign_add
from tensorgraph.scopes import variable_scope

Counter = Callable[..., Metric]


def _bools(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    truth, guess = drop_size_one_axis(
        cast(convert_to_tensor(labels), dtypes.bool_),
        cast(convert_to_tensor(predictions), dtypes.bool_),
    )
    if not shapes.compatible(truth.dims, guess.dims):
        raise ValueError(
            f"labels of shape {truth.shape} do not suit predictions of shape {guess.shape}"
        )
    return truth, guess


def _count(
    which: Callable[[Tensor, Tensor], Tensor],
    labels: Any,
    predictions: Any,
    weights: Any,
    metrics_collections: Collections,
    updates_collections: Collections,
    name: str | None,
    default_name: str,
) -> Metric:
    """Return how many examples are what `which` says of their labels and predictions."""
    with variable_scope(name, default_name):
        chosen = cast(which(*_bools(labels, predictions)), dtypes.float32)
        count = metric_variable((), "count")
        if weights is not None:
            chosen = multiply(chosen, weights_beside(chosen, weights, dtypes.float32))
        update_op = assign_add(count, reduce_sum(chosen))
        return collected(identity(count), update_op, metrics_collections, updates_collections)


def true_positives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return how many examples of label True were predicted so.

    Parameters
    ----------
    labels, predictions : Tensor
        Of one shape; cast to bool.
    weights, metrics_collections, updates_collections, name
        As in `tf.metrics.mean`.

    Returns
    -------
    value, update_op : Tensor
        As in `tf.metrics.mean`.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    where = (labels, predictions, weights, metrics_collections, updates_collections, name)
    return _count(logical_and, *where, "true_positives")


def true_negatives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return how many of label False were predicted so; otherwise as `true_positives`."""
    where = (labels, predictions, weights, metrics_collections, updates_collections, name)
    return _count(
        lambda y, p: logical_and(logical_not(y), logical_not(p)), *where, "true_negatives"
    )


def false_positives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return how many of label False were predicted True; otherwise as `true_positives`."""
    where = (labels, predictions, weights, metrics_collections, updates_collections, name)
    return _count(lambda y, p: logical_and(logical_not(y), p), *where, "false_positives")


def false_negatives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return how many of label True were predicted False; otherwise as `true_positives`."""
    where = (labels, predictions, weights, metrics_collections, updates_collections, name)
    return _count(lambda y, p: logical_and(y, logical_not(p)), *where, "false_negatives")


def _share(
    other: Counter,
    labels: Any,
    predictions: Any,
    weights: Any,
    metrics_collections: Collections,
    updates_collections: Collections,
    name: str | None,
    default_name: str,
) -> Metric:
    """Return true positives as a share of them and of what `other` counts; 0 of nothing."""
    with variable_scope(name, default_name):
        right, right_update = true_positives(labels, predictions, weights)
        wrong, wrong_update = other(labels, predictions, weights)
        return collected(
            div_no_nan(right, add(right, wrong), name="value"),
            div_no_nan(right_update, add(right_update, wrong_update), name="update_op"),
            metrics_collections,
            updates_collections,
        )


def precision(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the share of label True among those predicted True; otherwise as `true_positives`."""
    where = (labels, predictions, weights, metrics_collections, updates_collections, name)
    return _share(false_positives, *where, "precision")


def recall(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the share of label True that was predicted so; otherwise as `true_positives`."""
    where = (labels, predictions, weights, metrics_collections, updates_collections, name)
    return _share(false_negatives, *where, "recall")
