"""Metrics of two classes over many thresholds: the area under a curve, points on it.

A prediction is a number in [0, 1]; above a threshold it says True.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.losses.weights import drop_size_one_axis, weights_beside
from tensorgraph.metrics.results import Collections, Metric, collected, metric_variable
from tensorgraph.ops.array import broadcast_to, reshape, shape
from tensorgraph.ops.division import div_no_nan
from tensorgraph.ops.gather import gather
from tensorgraph.ops.math import (
    abs_,
    cast,
    divide,
    greater,
    log,
    logical_and,
    logical_not,
    maximum,
    minimum,
    multiply,
    where,
)
from tensorgraph.ops.reduction import argmin, reduce_sum
from tensorgraph.ops.sources import constant, ones_like
from tensorgraph.ops.variables import assign_add
from tensorgraph.scopes import variable_scope

# How far the outermost thresholds lie beyond 0 and 1, so that every prediction lies between.
MARGIN = 1e-7

# How often the classes were told apart, at each threshold; by the names of the variables.
Counts = dict[str, Any]


def _evenly(count: int) -> list[float]:
    """Return thresholds at equal distances from 0 to 1; the ends lie just beyond."""
    inner = [(i + 1) / (count - 1) for i in range(count - 2)]
    return [-MARGIN, *inner, 1 + MARGIN]


def _counts(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any,
    names: Sequence[str],
) -> tuple[Counts, Counts]:
    """Return variables that count at each threshold, and their updates, by `names`."""
    truth, guess = drop_size_one_axis(
        cast(convert_to_tensor(labels), dtypes.bool_),
        cast(convert_to_tensor(predictions), dtypes.float32),
    )
    if not shapes.compatible(truth.dims, guess.dims):
        raise ValueError(
            f"labels of shape {truth.shape} do not suit predictions of shape {guess.shape}"
        )
    bounds = constant([[t] for t in thresholds], dtypes.float32)
    says = greater(reshape(guess, [1, -1]), bounds)
    is_true = reshape(truth, [1, -1])
    chosen = {
        "true_positives": lambda: logical_and(is_true, says),
        "false_negatives": lambda: logical_and(is_true, logical_not(says)),
        "true_negatives": lambda: logical_and(logical_not(is_true), logical_not(says)),
        "false_positives": lambda: logical_and(logical_not(is_true), says),
    }
    factors = None
    if weights is not None:
        each = weights_beside(guess, weights, dtypes.float32)
        factors = reshape(broadcast_to(each, shape(guess)), [1, -1])
    values: Counts = {}
    updates: Counts = {}
    for name in names:
        values[name] = metric_variable((len(thresholds),), name)
        amount = cast(chosen[name](), dtypes.float32)
        if factors is not None:
            amount = multiply(amount, factors)
        updates[name] = assign_add(values[name], reduce_sum(amount, axis=1))
    return values, updates


ALL_COUNTS = ("true_positives", "false_negatives", "true_negatives", "false_positives")


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Sequence[float] | None = None,
) -> Metric:
    """Return the area under a curve, approximated by points at thresholds.

    Parameters
    ----------
    labels : Tensor
        Cast to bool.
    predictions : Tensor
        Numbers in [0, 1], of the shape of the labels.
    weights, metrics_collections, updates_collections, name
        As in `tf.metrics.mean`.
    num_thresholds : int, default 200
        How many thresholds, at equal distances.
    curve : str, default "ROC"
        True over false positive rate, or precision over recall (``"PR"``).
    summation_method : str, default "trapezoidal"
        ``"minoring"`` and ``"majoring"`` bound the area from below and above;
        ``"careful_interpolation"`` is right between the points of a PR curve.
    thresholds : sequence of float, optional
        Those between 0 and 1, in place of `num_thresholds`.

    Returns
    -------
    value, update_op : Tensor
        As in `tf.metrics.mean`.

    Raises
    ------
    ValueError
        If curve or method have another name, or shapes do not fit.
    """
    if curve not in ("ROC", "PR"):
        raise ValueError(f"curve must be 'ROC' or 'PR', not {curve!r}")
    methods = ("trapezoidal", "careful_interpolation", "minoring", "majoring")
    if summation_method not in methods:
        raise ValueError(f"summation_method must be one of {methods}, not {summation_method!r}")
    inner = _evenly(num_thresholds) if thresholds is None else None
    bounds = inner or [-MARGIN, *sorted(thresholds or ()), 1 + MARGIN]
    with variable_scope(name, "auc"):
        values, updates = _counts(labels, predictions, bounds, weights, ALL_COUNTS)
        return collected(
            _area(values, curve, summation_method, "value"),
            _area(updates, curve, summation_method, "update_op"),
            metrics_collections,
            updates_collections,
        )


def _area(counts: Counts, curve: str, method: str, name: str) -> Tensor:
    """Return the area under a curve through the points that the counts give."""
    tp, fn, tn, fp = (counts[n] for n in ALL_COUNTS)
    if curve == "PR" and method == "careful_interpolation":
        return _interpolated_area(tp, fn, fp, name)
    tiny = 1e-6
    recall = divide(tp + tiny, tp + fn + tiny)
    if curve == "ROC":
        x, y = divide(fp, fp + tn + tiny), recall
    else:
        x, y = recall, divide(tp + tiny, tp + fp + tiny)
    (x0, x1), (y0, y1) = _neighbours(x), _neighbours(y)
    heights = {
        "minoring": lambda: minimum(y0, y1),
        "majoring": lambda: maximum(y0, y1),
    }
    height = heights.get(method, lambda: (y0 + y1) / 2.0)()
    return reduce_sum(multiply(x0 - x1, height), name=name)


def _interpolated_area(tp: Any, fn: Any, fp: Any, name: str) -> Tensor:
    """Return the area under a precision-recall curve (Davis and Goadrich 2006).

    Between two thresholds the counts grow in a fixed proportion, and so precision does not lie on
    a straight line.
    """
    (tp0, tp1), (p0, p1) = _neighbours(tp), _neighbours(tp + fp)
    slope = div_no_nan(tp0 - tp1, maximum(p0 - p1, 0.0))
    intercept = tp1 - multiply(slope, p1)
    both = logical_and(p0 > 0.0, p1 > 0.0)
    grown = where(both, div_no_nan(p0, maximum(p1, 0.0)), ones_like(p1))
    area = slope * (tp0 - tp1 + intercept * log(grown))
    positives = _neighbours(tp + fn)[1]
    return reduce_sum(div_no_nan(area, maximum(positives, 0.0)), name=name)


def _neighbours(x: Any) -> tuple[Tensor, Tensor]:
    """Return all elements but the last, and all but the first."""
    tensor = convert_to_tensor(x)
    return tensor[:-1], tensor[1:]


def precision_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the precision at each threshold.

    Parameters
    ----------
    labels, predictions, weights, metrics_collections, updates_collections, name
        As in `auc`.
    thresholds : sequence of float
        The thresholds, in [0, 1].

    Returns
    -------
    value, update_op : Tensor of shape (thresholds,)
        As in `tf.metrics.mean`.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    names = ("true_positives", "false_positives")
    with variable_scope(name, "precision_at_thresholds"):
        values, updates = _counts(labels, predictions, thresholds, weights, names)
        return collected(
            _share(values, names, "precision_value"),
            _share(updates, names, "precision_update_op"),
            metrics_collections,
            updates_collections,
        )


def recall_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the recall at each threshold; otherwise as `precision_at_thresholds`."""
    names = ("true_positives", "false_negatives")
    with variable_scope(name, "recall_at_thresholds"):
        values, updates = _counts(labels, predictions, thresholds, weights, names)
        return collected(
            _share(values, names, "recall_value"),
            _share(updates, names, "recall_update_op"),
            metrics_collections,
            updates_collections,
        )


def _share(counts: Counts, names: tuple[str, str], name: str) -> Tensor:
    """Return the first count as a share of both."""
    right, wrong = (counts[n] for n in names)
    return divide(right, MARGIN + right + wrong, name=name)


def sensitivity_at_specificity(
    labels: Any,
    predictions: Any,
    specificity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the recall of True at the threshold where that of False is nearest to a number.

    Parameters
    ----------
    labels, predictions, weights, num_thresholds, metrics_collections, updates_collections, name
        As in `auc`.
    specificity : float
        The recall of False, in [0, 1].

    Returns
    -------
    value, update_op : Tensor
        As in `tf.metrics.mean`.

    Raises
    ------
    ValueError
        If the number is out of range, or shapes do not fit.
    """
    if not 0 <= specificity <= 1:
        raise ValueError(f"specificity must lie in [0, 1], not {specificity}")

    def point(counts: Counts, name: str) -> Tensor:
        tp, fn, tn, fp = (counts[n] for n in ALL_COUNTS)
        place = argmin(abs_(divide(tn, tn + fp + MARGIN) - specificity), 0)
        hits, misses = gather(tp, place), gather(fn, place)
        return divide(hits, hits + misses + MARGIN, name=name)

    return _at_point(
        point,
        labels,
        predictions,
        weights,
        num_thresholds,
        (metrics_collections, updates_collections),
        (name, "sensitivity_at_specificity"),
    )


def specificity_at_sensitivity(
    labels: Any,
    predictions: Any,
    sensitivity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Collections = None,
    updates_collections: Collections = None,
    name: str | None = None,
) -> Metric:
    """Return the recall of False at the threshold where that of True is nearest to a number.

    Otherwise as `sensitivity_at_specificity`.
    """
    if not 0 <= sensitivity <= 1:
        raise ValueError(f"sensitivity must lie in [0, 1], not {sensitivity}")

    def point(counts: Counts, name: str) -> Tensor:
        tp, fn, tn, fp = (counts[n] for n in ALL_COUNTS)
        away = abs_(divide(tp, tp + fn + MARGIN) - sensitivity)
        # Among thresholds that are equally near, the highest: it calls the most False.
        place = num_thresholds - 1 - argmin(away[::-1], 0)
        right, wrong = gather(tn, place), gather(fp, place)
        return divide(right, right + wrong + MARGIN, name=name)

    return _at_point(
        point,
        labels,
        predictions,
        weights,
        num_thresholds,
        (metrics_collections, updates_collections),
        (name, "specificity_at_sensitivity"),
    )


def _at_point(
    point: Callable[[Counts, str], Tensor],
    labels: Any,
    predictions: Any,
    weights: Any,
    num_thresholds: int,
    collections: tuple[Collections, Collections],
    names: tuple[str | None, str],
) -> Metric:
    """Return a metric that `point` computes of the counts at all thresholds."""
    with variable_scope(*names):
        values, updates = _counts(labels, predictions, _evenly(num_thresholds), weights, ALL_COUNTS)
        return collected(point(values, "value"), point(updates, "update_op"), *collections)
