"""``embedding``: a vector for each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Whole
from dsl.layers.definition import Complaint, Layer, Parameter, Use, Weight, register
from dsl.layers.initializers import INITIALIZERS, InitializerType
from dsl.layers.weighted import FROZEN, PENALTY_OPTIONS, kernel_weight
from tensorgraph.base.shapes import Shape


class Embedding(Layer):
    """Turns each token's id into a vector that is learnt."""

    name = "embedding"
    example = "embedding 16"
    example_input = "100 of 10000"
    positional = (Parameter("size", Whole(1), "how many numbers stand for a token"),)
    options = (
        Parameter(
            "init", InitializerType(), "what the vectors start from", INITIALIZERS["uniform"]
        ),
        *PENALTY_OPTIONS,
    )
    flags = (FROZEN,)
    takes_activation = True
    takes_tokens = True

    def output_shape(self, use: Use) -> Shape:
        """Return time x size."""
        if use.input is None:
            return None
        if use.vocabulary is None:
            use.complain(
                Complaint(
                    "TG225",
                    f"`{self.name}` needs token ids",
                    "expected an input such as `input 100 of 10000`",
                    notes=("that is 100 tokens, each of them one of 10,000",),
                )
            )
            return None
        return (*use.input, use["size"])

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return a row for each token."""
        shape = (use.vocabulary or 0, use["size"])
        return (kernel_weight(use, shape, "embeddings", norm_axes=(1,)),)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the vectors of the tokens."""
        return tf.nn.embedding_lookup(weights["embeddings"], inputs[0])


register(Embedding())
