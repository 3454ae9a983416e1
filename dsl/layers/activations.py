"""The activation functions: one table that the checker, the compiler and the help read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorgraph as tf
from dsl.layers.arguments import ArgumentType, Real, Value, Word, format_value


@dataclass(frozen=True)
class Activation:
    """An activation function.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        Its formula, in one line.
    apply : callable
        From a tensor (and the parameters) to a tensor.
    parameters : tuple of (str, ArgumentType, default)
        The parameters that a call such as ``leaky_relu(0.1)`` may give.
    """

    name: str
    doc: str
    apply: Callable[..., Any]
    parameters: tuple[tuple[str, ArgumentType, float], ...] = ()


@dataclass(frozen=True)
class ActivationUse:
    """An activation with its parameters, as an argument of a layer."""

    activation: Activation
    arguments: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The activation's word."""
        return self.activation.name

    def __str__(self) -> str:
        return format_value(Word(self.name, self.arguments))

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Apply it to a tensor."""
        result: tf.Tensor = self.activation.apply(x, *self.arguments)
        return result


def _hard_sigmoid(x: tf.Tensor) -> Any:
    return tf.minimum(tf.maximum(x * 0.2 + 0.5, 0.0), 1.0)


_TABLE = (
    Activation("relu", "max(0, x)", tf.nn.relu),
    Activation(
        "leaky_relu",
        "x for x > 0, otherwise slope · x",
        lambda x, slope: tf.nn.leaky_relu(x, alpha=slope),
        (("slope", Real(0.0), 0.1),),
    ),
    Activation("elu", "x for x > 0, otherwise exp(x) - 1", tf.nn.elu),
    Activation("selu", "elu, scaled so that layers keep mean and variance", tf.nn.selu),
    Activation("relu6", "max(0, x), cut at 6", tf.nn.relu6),
    Activation("gelu", "x · P(X ≤ x) for a standard normal X", tf.nn.gelu),
    Activation("silu", "x · sigmoid(x), also called swish", lambda x: x * tf.nn.sigmoid(x)),
    Activation("sigmoid", "1 / (1 + exp(-x))", tf.nn.sigmoid),
    Activation("hard_sigmoid", "0.2 x + 0.5, cut at 0 and 1", _hard_sigmoid),
    Activation("tanh", "2 / (1 + exp(-2x)) - 1", tf.nn.tanh),
    Activation("softplus", "log(1 + exp(x))", tf.nn.softplus),
    Activation("softsign", "x / (1 + |x|)", tf.nn.softsign),
    Activation("exp", "exp(x)", tf.exp),
    Activation("linear", "x itself", lambda x: x),
    Activation("softmax", "exp(x), divided by its sum over the last axis", tf.nn.softmax),
)

ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in _TABLE}
"""Every activation by its word."""

LINEAR = ActivationUse(ACTIVATIONS["linear"])
"""No activation."""


class ActivationType(ArgumentType):
    """An activation's word, perhaps called with its parameters."""

    words = frozenset(ACTIVATIONS)

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "an activation such as `relu`"

    def convert(self, value: Value) -> ActivationUse:
        """Return the activation with its parameters."""
        if not isinstance(value, Word) or value.text not in ACTIVATIONS:
            raise self.wrong_type()
        activation = ACTIVATIONS[value.text]
        if len(value.arguments) > len(activation.parameters):
            raise _TooMany(activation).wrong_type()
        given = value.arguments + tuple(p[2] for p in activation.parameters[len(value.arguments) :])
        arguments = tuple(
            kind.convert(argument)
            for (_, kind, _), argument in zip(activation.parameters, given, strict=True)
        )
        return ActivationUse(activation, arguments)


@dataclass(frozen=True)
class _TooMany(ActivationType):
    """Phrases the complaint about a call with too many parameters."""

    activation: Activation

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        names = [name for name, _, _ in self.activation.parameters]
        return (
            f"`{self.activation.name}({', '.join(names)})`"
            if names
            else f"`{self.activation.name}`"
        )
