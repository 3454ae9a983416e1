"""The loss functions; each collects its result (see `collection`).

Their last parameters are those of `compute_weighted_loss`.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor
from tensorgraph.losses.collection import add_loss
from tensorgraph.losses.reduction import Reduction, compute_weighted_loss, count_present
from tensorgraph.losses.weights import drop_size_one_axis, weights_for
from tensorgraph.ops.array import shape
from tensorgraph.ops.division import div_no_nan, squared_difference
from tensorgraph.ops.math import abs_, cast, log, maximum, minimum, multiply, square, where
from tensorgraph.ops.nn import (
    relu,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import stop_gradient, zeros_like


def _pair(
    labels: Any, predictions: Any, dtype: DType | None = dtypes.float32
) -> tuple[Tensor, Tensor]:
    """Return labels and predictions as tensors of one type (None: of the predictions')."""
    if labels is None or predictions is None:
        raise ValueError("a loss needs labels and predictions: neither can be None")
    guess = convert_to_tensor(predictions)
    guess = cast(guess, dtype or guess.dtype)
    truth = cast(convert_to_tensor(labels), guess.dtype)
    if not shapes.compatible(truth.dims, guess.dims):
        raise ValueError(
            f"labels of shape {truth.shape} do not suit predictions of shape {guess.shape}"
        )
    return truth, guess


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of |p - y|.

    Parameters
    ----------
    labels, predictions : Tensor
        y and p, of one shape.
    weights, scope, loss_collection, reduction
        As in `compute_weighted_loss`.

    Raises
    ------
    ValueError
        If shapes do not fit, or labels or predictions are None.
    """
    with name_scope(scope, "absolute_difference") as inner:
        y, p = _pair(labels, predictions)
        return compute_weighted_loss(abs_(p - y), weights, inner, loss_collection, reduction)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of (p - y)²; parameters as in `absolute_difference`."""
    with name_scope(scope, "mean_squared_error") as inner:
        y, p = _pair(labels, predictions)
        losses = squared_difference(p, y)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of ½e² for errors up to `delta`, and a straight line beyond.

    Parameters are those of `absolute_difference`, and `delta`, where the two meet.
    """
    with name_scope(scope, "huber_loss") as inner:
        y, p = _pair(labels, predictions)
        error = abs_(p - y)
        quadratic = minimum(error, delta)
        losses = 0.5 * square(quadratic) + delta * (error - quadratic)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of -y log p - (1 - y) log(1 - p), of probabilities p.

    Parameters are those of `absolute_difference`, and `epsilon`, which is added to the arguments
    of the logarithms. For logits there is `sigmoid_cross_entropy`, which is more exact.
    """
    with name_scope(scope, "log_loss") as inner:
        y, p = _pair(labels, predictions)
        losses = -y * log(p + epsilon) - (1.0 - y) * log(1.0 - p + epsilon)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of max(0, 1 - s·z), where s is -1 for labels 0 and 1 for labels 1.

    Parameters are those of `absolute_difference`, with logits for predictions.
    """
    with name_scope(scope, "hinge_loss") as inner:
        y, z = _pair(labels, logits)
        losses = relu(1.0 - (2.0 * y - 1.0) * z)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: int | None = None,
) -> Tensor:
    """Return the weighted mean of 1 - y·p, of vectors of length 1 along `axis`.

    Parameters are those of `absolute_difference`, and `axis`, whose older name is `dim`. The
    weights' size along it is 1.

    Raises
    ------
    ValueError
        If there is no axis, or shapes do not fit.
    """
    along = axis if dim is None else dim
    if along is None:
        raise ValueError("cosine_distance needs the axis of the vectors")
    with name_scope(scope, "cosine_distance_loss") as inner:
        y, p = _pair(labels, predictions)
        losses = 1.0 - reduce_sum(p * y, axis=along, keepdims=True)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
) -> Tensor:
    """Return how much differences between elements differ, summed over the examples.

    For one example that is the mean, over pairs of its elements i and j, of
    ((p_i - p_j) - (y_i - y_j))².

    Parameters
    ----------
    labels, predictions : Tensor
        y and p, of one shape of at least two axes; the first one counts the examples.
    weights : Tensor or float, default 1
        A scalar, or of the rank of `labels`; an element of weight 0 is left out.
    scope, loss_collection
        As in `compute_weighted_loss`.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is no axis beside that of the examples.
    """
    with name_scope(scope, "mean_pairwise_squared_error"):
        y, p = _pair(labels, predictions)
        if p.dims is None or len(p.dims) < 2:
            raise ValueError(f"mean_pairwise_squared_error needs rows of elements, not {p.shape}")
        axes = list(range(1, len(p.dims)))
        difference = p - y
        factors = weights_for(difference, weights, difference.dtype)
        present = count_present(difference, factors)
        count = reduce_sum(present, axes, keepdims=True)
        squares = reduce_sum(square(difference), axes, keepdims=True)
        total = reduce_sum(difference, axes, keepdims=True)
        # Σ_ij (d_i - d_j)² = 2n Σ d_i² - 2 (Σ d_i)², over n (n - 1) pairs.
        own = 2.0 * div_no_nan(squares, maximum(count - 1.0, 0.0))
        mixed = 2.0 * div_no_nan(square(total), maximum(count * (count - 1.0), 0.0))
        loss = reduce_sum(multiply(own - mixed, factors))
        loss = where(reduce_sum(count) > 0.0, loss, zeros_like(loss), name="value")
        add_loss(loss, loss_collection)
        return loss


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of `tf.nn.sigmoid_cross_entropy_with_logits`.

    Parameters
    ----------
    multi_class_labels, logits : Tensor
        Labels in {0, 1}, of the shape of the logits.
    weights, scope, loss_collection, reduction
        As in `compute_weighted_loss`.
    label_smoothing : float, default 0
        Draw the labels towards ½: y (1 - s) + s / 2.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    with name_scope(scope, "sigmoid_cross_entropy_loss") as inner:
        y, z = _pair(multi_class_labels, logits, None)
        if label_smoothing > 0:
            y = y * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=y, logits=z, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of `tf.nn.softmax_cross_entropy_with_logits`.

    Parameters
    ----------
    onehot_labels, logits : Tensor of shape (…, classes)
        Distributions, which count as constants, and logits.
    weights : Tensor or float, default 1
        A scalar, or one for each row.
    label_smoothing : float, default 0
        Draw the labels towards 1 / classes: y (1 - s) + s / classes.
    scope, loss_collection, reduction
        As in `compute_weighted_loss`.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    with name_scope(scope, "softmax_cross_entropy_loss") as inner:
        y, z = _pair(onehot_labels, logits, None)
        if label_smoothing > 0:
            classes = cast(shape(y)[-1], z.dtype)
            y = y * (1 - label_smoothing) + label_smoothing / classes
        losses = softmax_cross_entropy_with_logits_v2(stop_gradient(y), z, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted mean of `tf.nn.sparse_softmax_cross_entropy_with_logits`.

    Parameters
    ----------
    labels : Tensor of int32 or int64
        Class numbers, of the shape of the logits without the last axis, or with 1 in its place.
    logits : Tensor of shape (…, classes)
        Not yet through softmax.
    weights : Tensor or float, default 1
        A scalar, or of the shape of the labels.
    scope, loss_collection, reduction
        As in `compute_weighted_loss`.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    if labels is None or logits is None:
        raise ValueError("a loss needs labels and logits: neither can be None")
    with name_scope(scope, "sparse_softmax_cross_entropy_loss") as inner:
        y, z = drop_size_one_axis(convert_to_tensor(labels), convert_to_tensor(logits), 1)
        factors = convert_to_tensor(weights)
        factors, z = drop_size_one_axis(factors, z, 1) if factors.dims else (factors, z)
        losses = sparse_softmax_cross_entropy_with_logits(labels=y, logits=z, name="xentropy")
        return compute_weighted_loss(losses, factors, inner, loss_collection, reduction)
