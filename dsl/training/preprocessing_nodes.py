"""Preprocessing as nodes of a graph, so that gradients reach the examples themselves.

`tensorgraph.data.Preprocessing` computes the same with arrays, which is faster and enough for
whatever needs no gradient.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.compiler import Model
from tensorgraph.data import Preprocessing
from tensorgraph.data.fitted_steps import FittedStep, Normalize, Project, Resize, Scale
from tensorgraph.data.resampling import resize


def as_the_network_takes(model: Model, preprocessing: Preprocessing, x: tf.Tensor) -> tf.Tensor:
    """Return examples preprocessed, and arranged as the network's ``input`` says.

    Parameters
    ----------
    model : Model
        The network; its graph is the default one.
    preprocessing : Preprocessing
        The fitted steps.
    x : Tensor of shape (batch, ...)
        Examples as they come from the data; their shape is known but for the batch.
    """
    with tf.name_scope("preprocessing"):
        for step in preprocessing.steps:
            x = _apply(step, x)
        shape = model.net.input_shape
        assert shape is not None
        if x.shape.as_list()[1:] == list(shape):
            return x
        return tf.reshape(x, [-1, *(-1 if size is None else size for size in shape)])


@singledispatch
def _apply(step: FittedStep, x: tf.Tensor) -> tf.Tensor:
    raise TypeError(f"there are no nodes for the preprocessing step {step.kind!r}")


@_apply.register
def _(step: Scale, x: tf.Tensor) -> tf.Tensor:
    return x * step.factor


@_apply.register
def _(step: Normalize, x: tf.Tensor) -> tf.Tensor:
    return (x - tf.constant(step.mean)) / tf.constant(step.deviation)


@_apply.register
def _(step: Project, x: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(x, [-1, step.mean.size])
    result = tf.matmul(flat - tf.constant(step.mean), tf.constant(step.matrix))
    return tf.reshape(result, [-1, *x.shape.as_list()[1:]]) if step.keeps_shape else result


@_apply.register
def _(step: Resize, x: tf.Tensor) -> tf.Tensor:
    _, height, width, _ = x.shape.as_list()
    assert height is not None
    assert width is not None
    rows = tf.constant(_line_weights(height, step.height))
    columns = tf.constant(_line_weights(width, step.width))
    return tf.einsum("bw,nawc->nabc", columns, tf.einsum("ah,nhwc->nawc", rows, x))


def _line_weights(old: int, new: int) -> np.ndarray[Any, Any]:
    """Return what each old pixel of a line counts in each new one, of shape ``(new, old)``."""
    lines = np.eye(old, dtype=np.float32).reshape(old, old, 1, 1)
    return np.ascontiguousarray(resize(lines, new, 1).reshape(old, new).T)
