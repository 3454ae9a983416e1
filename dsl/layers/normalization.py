"""``batchnorm``, ``layernorm``, ``lrn``: normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Real, Whole
from dsl.layers.definition import Flag, Layer, Parameter, Use, Weight, register
from dsl.layers.initializers import INITIALIZERS, Fans
from dsl.layers.spatial import require_axes, require_channels
from dsl.layers.weighted import FROZEN
from tensorgraph.base.shapes import Shape
from tensorgraph.ops.standardize import standardize

_EPSILON = Parameter(
    "eps", Real(0.0, above=True), "is added to the variance, against division by 0", 0.001
)
_NO_SCALE = Flag("noscale", "scale", False, "no factor is learnt")
_NO_CENTER = Flag("nocenter", "center", False, "no offset is learnt")


class _Normalization(Layer):
    flags = (_NO_SCALE, _NO_CENTER, FROZEN)
    takes_activation = True

    def output_shape(self, use: Use) -> Shape:
        """Return the input's shape."""
        known = use.input is not None and require_channels(use, self.name)
        return use.input if known else None

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return a factor (gamma) and an offset (beta) for each channel."""
        gamma = [_vector(use, "gamma", "ones")] if use["scale"] else []
        beta = [_vector(use, "beta", "zeros")] if use["center"] else []
        return (*gamma, *beta)


class BatchNorm(_Normalization):
    """Gives each channel mean 0 and variance 1 over the batch, then a learnt factor and offset."""

    name = "batchnorm"
    example = "batchnorm relu"
    options = (
        Parameter(
            "momentum",
            Real(0.0, 1.0),
            "how much of the moving mean and variance stays in one step",
            0.99,
        ),
        _EPSILON,
    )

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return gamma, beta, and the moving statistics that are used after training."""
        mean = _vector(use, "moving_mean", "zeros", trainable=False)
        variance = _vector(use, "moving_variance", "ones", trainable=False)
        return (*super().weights(use), mean, variance)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input normalised: while training, by the statistics of the batch.

        The moving statistics are brought up to date by operations in ``UPDATE_OPS``.
        """
        x = inputs[0]
        mean, variance = weights["moving_mean"], weights["moving_variance"]
        if not training:
            gamma, beta = weights.get("gamma"), weights.get("beta")
            return tf.nn.batch_normalization(x, mean, variance, beta, gamma, use["eps"])
        scale = weights["gamma"] if use["scale"] else tf.ones(mean.shape, x.dtype)
        offset = weights["beta"] if use["center"] else tf.zeros(mean.shape, x.dtype)
        result, batch_mean, batch_variance = tf.nn.fused_batch_norm(
            x, scale, offset, epsilon=use["eps"]
        )
        for moving, now in ((mean, batch_mean), (variance, batch_variance)):
            step = (moving.value() - now) * (1.0 - use["momentum"])
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_sub(moving, step))
        return result


class LayerNorm(_Normalization):
    """Gives the channels of each place mean 0 and variance 1, then a learnt factor and offset."""

    name = "layernorm"
    example = "layernorm"
    options = (_EPSILON,)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input normalised over its last axis."""
        result = standardize(inputs[0], use["eps"])
        if use["scale"]:
            result = result * weights["gamma"]
        return result + weights["beta"] if use["center"] else result


class LocalResponse(Layer):
    """Divides each value by the size of those in the channels nearby, at the same pixel."""

    name = "lrn"
    example = "lrn radius=2 bias=2 alpha=0.0001 beta=0.75"
    options = (
        Parameter("radius", Whole(0), "how many channels on each side count", 5),
        Parameter("bias", Real(0.0, above=True), "is added to the sum of squares", 1.0),
        Parameter("alpha", Real(0.0), "multiplies the sum of squares", 1.0),
        Parameter("beta", Real(), "the power of what is divided by", 0.5),
    )

    def output_shape(self, use: Use) -> Shape:
        """Return the input's shape."""
        return use.input if require_axes(use, self.name, (2,)) else None

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return x / (bias + alpha · Σ x²) ** beta."""
        return tf.nn.lrn(inputs[0], use["radius"], use["bias"], use["alpha"], use["beta"])


def _vector(use: Use, name: str, start: str, trainable: bool = True) -> Weight:
    """Return a weight with a number for each channel."""
    assert use.input is not None
    channels = use.input[-1] or 0
    return Weight(name, (channels,), INITIALIZERS[start], Fans(channels, channels), trainable)


for _layer in (BatchNorm(), LayerNorm(), LocalResponse()):
    register(_layer)
