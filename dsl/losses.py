"""The losses: one table that the checker and the compiler read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorgraph as tf


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it is, in one line.
    activation : str or None
        The activation of the last layer that it includes: it is computed from the values before
        it, which is exact where the activation saturates. None if it works on the result itself.
    compute : callable
        From (targets, values) to the loss of each example; both have a row an example.
    compute_from_classes : callable or None
        The same from (numbers of the classes, values), where there is a shorter way than to write
        each class as a row of zeros with a single one.
    """

    name: str
    doc: str
    activation: str | None
    compute: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    compute_from_classes: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None


def _cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)


def _sparse_cross_entropy(classes: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)


def _binary_cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    return tf.reduce_mean(each, axis=-1)


def _mean_squared(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(outputs - targets), axis=-1)


def _half_sum_squared(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.reduce_sum(tf.square(outputs - targets), axis=-1)


_TABLE = (
    Loss(
        "cross_entropy",
        "-Σ target · log(output), for classes",
        "softmax",
        _cross_entropy,
        _sparse_cross_entropy,
    ),
    Loss(
        "binary_cross_entropy",
        "-(target · log(output) + (1 - target) · log(1 - output)), the mean over the outputs",
        "sigmoid",
        _binary_cross_entropy,
    ),
    Loss("mse", "(target - output)², the mean over the outputs", None, _mean_squared),
    Loss("squared_error", "½ Σ (target - output)²", None, _half_sum_squared),
)

LOSSES: dict[str, Loss] = {loss.name: loss for loss in _TABLE}
"""Every loss by its word."""


def default_loss(activation: str) -> str:
    """Return the loss that suits the activation of the last layer."""
    return next((loss.name for loss in _TABLE if loss.activation == activation), "mse")
