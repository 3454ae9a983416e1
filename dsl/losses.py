"""The losses: one table that the checker and the compiler read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorgraph as tf
from dsl.layers.arguments import Real
from dsl.layers.definition import Parameter, Signature
from tensorgraph.base.shapes import Shape


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
        From (targets, values) and the options to the loss of each example; both have a row an
        example.
    compute_from_classes : callable or None
        The same from (numbers of the classes, values), where there is a shorter way than to write
        each class as a row of zeros with a single one.
    options : tuple of Parameter
        Its options.
    unfit : frozenset of str
        Activations of the last layer that it makes no sense with.
    of_classes : bool
        Whether it tells classes apart.
    """

    name: str
    doc: str
    activation: str | None
    compute: Callable[..., tf.Tensor]
    compute_from_classes: Callable[..., tf.Tensor] | None = None
    options: tuple[Parameter, ...] = ()
    unfit: frozenset[str] = frozenset()
    of_classes: bool = False

    @property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(self.name, options=self.options)


def _smooth(targets: tf.Tensor, smoothing: float, classes: Any) -> tf.Tensor:
    """Return targets with a share spread evenly over the classes (Szegedy et al. 2016)."""
    return targets * (1.0 - smoothing) + smoothing / classes if smoothing else targets


def _cross_entropy(targets: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    spread = _smooth(targets, smoothing, logits.shape[-1].value)
    return tf.nn.softmax_cross_entropy_with_logits(labels=spread, logits=logits)


def _sparse_cross_entropy(
    classes: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0
) -> tf.Tensor:
    if smoothing:
        ones = tf.one_hot(classes, logits.shape[-1].value, dtype=logits.dtype)
        return _cross_entropy(ones, logits, smoothing)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)


def _binary_cross_entropy(
    targets: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0
) -> tf.Tensor:
    spread = _smooth(targets, smoothing, 2)
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=spread, logits=logits)
    return tf.reduce_mean(each, axis=-1)


def _mean_squared(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(outputs - targets), axis=-1)


def _mean_absolute(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.abs(outputs - targets), axis=-1)


def _half_sum_squared(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.reduce_sum(tf.square(outputs - targets), axis=-1)


def _huber(targets: tf.Tensor, outputs: tf.Tensor, delta: float = 1.0) -> tf.Tensor:
    error = tf.abs(outputs - targets)
    # min(e, δ)²/2 + δ·(e - min(e, δ)) is both branches at once.
    small = tf.minimum(error, delta)
    return tf.reduce_mean(0.5 * tf.square(small) + delta * (error - small), axis=-1)


def _hinge(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    signs = 2.0 * targets - 1.0
    return tf.reduce_mean(tf.nn.relu(1.0 - signs * outputs), axis=-1)


def _divergence(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    # Σ t·log t, where 0·log 0 is 0.
    tiny = tf.maximum(targets, 1e-30)
    known = tf.reduce_sum(targets * tf.log(tiny), axis=-1)
    return known + _cross_entropy(targets, logits)


_SMOOTHING = Parameter(
    "smoothing", Real(0.0, 1.0, below=True), "the share of each target spread over the classes", 0.0
)

_TABLE = (
    Loss(
        "cross_entropy",
        "-Σ target · log(output), for classes",
        "softmax",
        _cross_entropy,
        _sparse_cross_entropy,
        (_SMOOTHING,),
        of_classes=True,
    ),
    Loss(
        "binary_cross_entropy",
        "-(target · log(output) + (1 - target) · log(1 - output)), the mean over the outputs",
        "sigmoid",
        _binary_cross_entropy,
        options=(_SMOOTHING,),
        of_classes=True,
    ),
    Loss("mse", "(target - output)², the mean over the outputs", None, _mean_squared),
    Loss("mae", "|target - output|, the mean over the outputs", None, _mean_absolute),
    Loss(
        "huber",
        "½ (target - output)² up to a difference of delta, and straight beyond it",
        None,
        _huber,
        options=(Parameter("delta", Real(0.0, above=True), "where it becomes straight", 1.0),),
    ),
    Loss(
        "hinge",
        "max(0, 1 - sign · output), the sign is 1 for the right class and -1 for others",
        None,
        _hinge,
        # Their results are never negative, so that wrong classes could not be pushed to -1.
        unfit=frozenset(["softmax", "sigmoid", "hard_sigmoid", "relu", "exp", "softplus"]),
        of_classes=True,
    ),
    Loss("squared_error", "½ Σ (target - output)²", None, _half_sum_squared),
    Loss(
        "kl",
        "Σ target · log(target / output), the Kullback-Leibler divergence",
        "softmax",
        _divergence,
        of_classes=True,
    ),
)

LOSSES: dict[str, Loss] = {loss.name: loss for loss in _TABLE}
"""Every loss by its word."""


def default_loss(activation: str) -> str:
    """Return the loss that suits the activation of the last layer."""
    return next((loss.name for loss in _TABLE if loss.activation == activation), "mse")


def tells_classes(loss: str, activation: str, shape: Shape, classes: int | None) -> bool:
    """Return whether a network tells classes apart, rather than giving values.

    Parameters
    ----------
    loss, activation : str
        Its loss, and the activation of its last layer.
    shape : Shape
        Its result's shape.
    classes : int or None
        How many classes the data has, where that is known.
    """
    if shape is None or len(shape) != 1:
        return False
    return is_of_classes(loss, activation) or shape[0] == classes


def is_of_classes(loss: str, activation: str) -> bool:
    """Return whether a loss and the activation of the last layer are for telling classes apart."""
    return LOSSES[loss].of_classes or activation in _PROBABILITIES


_PROBABILITIES = frozenset(["softmax", "sigmoid"])
