"""``gap``, ``gmp``: one number for each channel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.definition import Layer, Use, register
from dsl.layers.spatial import require_axes, spatial_axes
from tensorgraph.base.shapes import Shape


class _GlobalPool(Layer):
    sees_everything = True

    def output_shape(self, use: Use) -> Shape:
        """Return the channels."""
        if not require_axes(use, self.name):
            return None
        assert use.input is not None
        return use.input[-1:]

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return a vector with a number for each channel."""
        return self.reduce(inputs[0], list(range(1, 1 + spatial_axes(use))))

    @abstractmethod
    def reduce(self, x: tf.Tensor, axes: list[int]) -> tf.Tensor:
        """Return one number in place of all along some axes."""


class GlobalAverage(_GlobalPool):
    """The mean of each channel over the whole image, sequence or volume."""

    name = "gap"
    example = "gap"

    def reduce(self, x: tf.Tensor, axes: list[int]) -> tf.Tensor:
        """Return the means."""
        return tf.reduce_mean(x, axes)


class GlobalMaximum(_GlobalPool):
    """The largest value of each channel over the whole image, sequence or volume."""

    name = "gmp"
    example = "gmp"

    def reduce(self, x: tf.Tensor, axes: list[int]) -> tf.Tensor:
        """Return the maxima."""
        return tf.reduce_max(x, axes)


register(GlobalAverage())
register(GlobalMaximum())
