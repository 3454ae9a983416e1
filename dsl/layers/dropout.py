"""``dropout``, ``spatial_dropout``, ``noise``: chance, while training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Real
from dsl.layers.definition import Layer, Parameter, Use, register
from dsl.layers.spatial import require_axes, spatial_axes
from tensorgraph.base.shapes import Shape

_RATE = Parameter("rate", Real(0.0, 1.0, below=True), "the share that is dropped")


class _Chance(Layer):
    def output_shape(self, use: Use) -> Shape:
        """Return the input's shape."""
        return use.input

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input, while training changed at random."""
        return self.change(use, inputs[0]) if training else inputs[0]

    @abstractmethod
    def change(self, use: Use, x: tf.Tensor) -> tf.Tensor:
        """Return the input, changed at random."""


class Dropout(_Chance):
    """Sets a share of the values to zero while training, and scales the others up."""

    name = "dropout"
    example = "dropout 0.5"
    positional = (_RATE,)

    def change(self, use: Use, x: tf.Tensor) -> tf.Tensor:
        """Return the input with a share of its values dropped."""
        return tf.nn.dropout(x, rate=use["rate"])


class SpatialDropout(_Chance):
    """Drops whole channels of an image, a sequence or a volume while training."""

    name = "spatial_dropout"
    example = "spatial_dropout 0.2"
    positional = (_RATE,)

    def output_shape(self, use: Use) -> Shape:
        """Return the input's shape."""
        return use.input if require_axes(use, self.name) else None

    def change(self, use: Use, x: tf.Tensor) -> tf.Tensor:
        """Return the input with a share of its channels dropped."""
        sizes = tf.shape(x)
        places = [1] * spatial_axes(use)
        return tf.nn.dropout(
            x, noise_shape=tf.stack([sizes[0], *places, sizes[-1]]), rate=use["rate"]
        )


class Noise(_Chance):
    """Adds gaussian noise while training."""

    name = "noise"
    example = "noise 0.1"
    positional = (Parameter("stddev", Real(0.0), "the standard deviation of the noise"),)

    def change(self, use: Use, x: tf.Tensor) -> tf.Tensor:
        """Return the input with noise added."""
        return x + tf.random_normal(tf.shape(x), 0.0, use["stddev"], x.dtype)


for _layer in (Dropout(), SpatialDropout(), Noise()):
    register(_layer)
