"""``lambda``: a formula of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.definition import Complaint, Layer, Parameter, Use, register
from dsl.layers.formula import FormulaType
from tensorgraph.base.shapes import Shape


class Lambda(Layer):
    """Computes an expression of each value `x` by itself."""

    name = "lambda"
    example = 'lambda "x * sigmoid(1.702 * x)"'
    positional = (Parameter("expression", FormulaType(), "the expression"),)

    def output_shape(self, use: Use) -> Shape:
        """Return the input's shape."""
        problems = use["expression"].problems
        for problem in problems:
            use.complain(
                Complaint(
                    problem.code,
                    problem.message,
                    problem.label,
                    at=("expression",),
                    inside=problem.inside,
                )
            )
        return None if problems else use.input

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the expression's value for each element."""
        result: tf.Tensor = use["expression"](inputs[0])
        return result


register(Lambda())
