"""Changes to examples that make a network err, as nodes: attacks, and training against them.

Goodfellow, Shlens and Szegedy, *Explaining and Harnessing Adversarial Examples*, 2015
(arXiv:1412.6572); Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks*,
2018 (arXiv:1706.06083).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorgraph as tf
from dsl.compiler import Model
from dsl.training.errors import RunError

Amount = tf.Tensor | float


def examples_placeholder(model: Model, shape: Sequence[int | None]) -> tf.Tensor:
    """Return a placeholder for a batch of examples that gradients are taken with respect to.

    Parameters
    ----------
    model : Model
        The network.
    shape : sequence of int or None
        The shape of one example; None for a size that is not fixed.

    Raises
    ------
    RunError
        If the network takes token ids: nothing lies between two words.
    """
    if model.net.inputs[0].vocabulary is not None:
        raise RunError(
            f"{model.net.name} takes token ids, which are no amounts: they have no gradient,"
            " and cannot be changed by a little"
        )
    return tf.placeholder(tf.float32, [None, *shape], name="examples")


def step_up(
    x: tf.Tensor, start: tf.Tensor, loss: tf.Tensor, size: Amount, epsilon: Amount
) -> tf.Tensor:
    """Return examples changed so that the loss grows: x + size · sign(∂loss/∂x), but near `start`.

    With `start` = x and `size` = `epsilon` this is the fast gradient sign method; repeated with
    smaller steps it is projected gradient descent.

    Parameters
    ----------
    x : Tensor of shape (batch, ...)
        The examples as they are.
    start : Tensor of the same shape
        The examples before all changes. Images, which have values from 0 to 1, keep to these.
    loss : Tensor
        What grows; a scalar, or one number an example.
    size : Tensor or float
        How far each value goes.
    epsilon : Tensor or float
        How far from `start` it may be.

    Raises
    ------
    RunError
        If the loss does not depend on the examples.
    """
    (gradient,) = tf.gradients(loss, [x])
    if gradient is None:
        raise RunError("the loss does not depend on the examples, so that no change makes it grow")
    return keep_near(x + size * tf.sign(gradient), start, epsilon)


def keep_near(x: tf.Tensor, start: tf.Tensor, epsilon: Amount) -> tf.Tensor:
    """Return examples with no value further than epsilon from where it was; images as images."""
    low, high = start - epsilon, start + epsilon
    if start.shape.ndims == 4:
        # Augmentation may have gone beyond 0 and 1 already: no further, then.
        low = tf.maximum(low, tf.minimum(start, 0.0))
        high = tf.minimum(high, tf.maximum(start, 1.0))
    return tf.minimum(tf.maximum(x, low), high)
