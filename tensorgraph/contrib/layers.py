"""Regularizers and initializers of ``tf.contrib.layers``, its `flatten` and `layer_norm`."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, NoReturn

from tensorgraph.base import dtypes
from tensorgraph.contrib.normalization import layer_norm as layer_norm  # noqa: PLC0414
from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import VarianceScaling
from tensorgraph.layers.core import flatten as flatten_layer
from tensorgraph.ops.math import abs_, add, multiply
from tensorgraph.ops.nn import l2_loss
from tensorgraph.ops.reduction import reduce_sum

Regularizer = Callable[[Any], Tensor | None]

# What to use in place of the layers that stood here.
_SUCCESSORS = {
    "batch_norm": "tf.layers.batch_normalization",
    "conv2d": "tf.layers.conv2d",
    "convolution2d": "tf.layers.conv2d",
    "conv2d_transpose": "tf.layers.conv2d_transpose",
    "dropout": "tf.layers.dropout",
    "fully_connected": "tf.layers.dense",
    "linear": "tf.layers.dense",
    "relu": "tf.layers.dense with activation=tf.nn.relu",
    "max_pool2d": "tf.layers.max_pooling2d",
    "avg_pool2d": "tf.layers.average_pooling2d",
    "embed_sequence": "tf.nn.embedding_lookup",
    "one_hot_encoding": "tf.one_hot",
    "optimize_loss": "an optimizer of tf.train and its minimize()",
}


def __getattr__(name: str) -> NoReturn:
    advice = _SUCCESSORS.get(name)
    raise AttributeError(
        f"tf.contrib.layers.{name} is not part of tensorgraph"
        + (f": use {advice}" if advice else "")
    )


def flatten(inputs: Any, outputs_collections: Any = None, scope: str | None = None) -> Tensor:
    """Return the input with all axes but the first joined into one; see `tf.layers.flatten`."""
    del outputs_collections
    return flatten_layer(inputs, name=scope)


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = dtypes.float32
) -> VarianceScaling:
    """Return Glorot's initializer: that of `tf.glorot_uniform_initializer`, or the normal one.

    Parameters
    ----------
    uniform : bool, default True
        Uniform numbers; else truncated normal ones.
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        A floating-point type.
    """
    distribution = "uniform" if uniform else "truncated_normal"
    return VarianceScaling(1.0, "fan_avg", distribution, seed, dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = dtypes.float32,
) -> VarianceScaling:
    """Return `tf.variance_scaling_initializer` with He's settings as its defaults."""
    distribution = "uniform" if uniform else "truncated_normal"
    return VarianceScaling(factor, mode.lower(), distribution, seed, dtype)


def l1_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """Return a regularizer: `scale` times the sum of absolute values.

    Parameters
    ----------
    scale : float
        The factor; with 0.0 there is no loss at all.
    scope : str, default "l1_regularizer"
        The loss's name.

    Raises
    ------
    ValueError
        If the factor is negative, or no float.
    """
    return _scaled(scale, scope or "l1_regularizer", lambda w: reduce_sum(abs_(w)))


def l2_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """Return a regularizer: `scale` times half the sum of squares; otherwise as `l1_regularizer`.

    Its gradient is `scale` times the weight: weight decay.
    """
    return _scaled(scale, scope or "l2_regularizer", l2_loss)


def l1_l2_regularizer(
    scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None
) -> Regularizer:
    """Return the sum of an `l1_regularizer` and an `l2_regularizer`."""
    first, second = l1_regularizer(scale_l1), l2_regularizer(scale_l2)

    def regularizer(weights: Any) -> Tensor | None:
        with name_scope(scope, "l1_l2_regularizer") as name:
            l1, l2 = first(weights), second(weights)
            if l1 is None or l2 is None:
                return l2 if l1 is None else l1
            return add(l1, l2, name=name)

    return regularizer


def _scaled(scale: float, name: str, penalty: Callable[[Any], Tensor]) -> Regularizer:
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"scale must be a float, not the integer {scale}")
    if isinstance(scale, numbers.Real) and scale < 0:
        raise ValueError(f"scale must not be negative: {scale}")

    def regularizer(weights: Any) -> Tensor | None:
        if isinstance(scale, numbers.Real) and scale == 0:
            return None
        with name_scope(name) as scope:
            factor = convert_to_tensor(scale, dtype=weights.dtype, name="scale")
            return multiply(factor, penalty(weights), name=scope)

    return regularizer
