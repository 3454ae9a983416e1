"""``dense``: every output depends on every input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Whole
from dsl.layers.definition import Layer, Parameter, Use, Weight, register
from dsl.layers.spatial import unknown_features
from dsl.layers.weighted import FROZEN, KERNEL_OPTIONS, NO_BIAS, add_bias, kernel_weight, with_bias
from tensorgraph.base.shapes import Shape, num_elements


class Dense(Layer):
    """A fully connected layer; an image is flattened first."""

    name = "dense"
    example = "dense 10 relu"
    positional = (Parameter("units", Whole(1), "how many outputs"),)
    options = KERNEL_OPTIONS
    flags = (NO_BIAS, FROZEN)
    takes_activation = True
    sees_everything = True

    def output_shape(self, use: Use) -> Shape:
        """Return the units, also where the input is not known."""
        if use.input is not None and num_elements(use.input) is None:
            use.complain(unknown_features(self.name, use.input))
            return None
        return (use["units"],)

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the kernel (inputs, units) and the bias."""
        features, units = num_elements(use.input), use["units"]
        assert features is not None
        return with_bias(use, units, kernel_weight(use, (features, units)))

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return one per element of the kernel."""
        return self.weights(use)[0].size

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the product with the kernel, with the bias added."""
        x = inputs[0]
        if use.input is not None and len(use.input) != 1:
            x = tf.reshape(x, [-1, num_elements(use.input)])
        return add_bias(tf.matmul(x, weights["kernel"]), weights)


register(Dense())
