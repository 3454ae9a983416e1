"""``flatten``: an image becomes a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.definition import Layer, Use, register
from dsl.layers.spatial import unknown_features
from tensorgraph.base.shapes import Shape, num_elements


class Flatten(Layer):
    """Puts all values of an example in one row."""

    name = "flatten"
    example = "flatten"

    def output_shape(self, use: Use) -> Shape:
        """Return the number of values."""
        if use.input is None:
            return None
        features = num_elements(use.input)
        if features is None:
            use.complain(unknown_features(self.name, use.input))
            return None
        return (features,)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input as a matrix with a row an example."""
        return tf.reshape(inputs[0], [-1, num_elements(use.input)])


register(Flatten())
