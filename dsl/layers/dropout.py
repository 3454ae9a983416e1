"""``dropout``: drops values at random while training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Real
from dsl.layers.definition import Layer, Parameter, Use, register
from tensorgraph.base.shapes import Shape


class Dropout(Layer):
    """Sets a share of the values to zero while training, and scales the others up."""

    name = "dropout"
    example = "dropout 0.5"
    positional = (Parameter("rate", Real(0.0, 1.0, below=True), "the share that is dropped"),)

    def infer(self, use: Use) -> Shape:
        """Return the input's shape."""
        return use.input

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input, while training with a share of it dropped."""
        return tf.nn.dropout(inputs[0], rate=use["rate"]) if training else inputs[0]


register(Dropout())
