"""Activations as statements: ``relu``, ``leaky_relu(0.1)``, ``act tanh``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.activations import ACTIVATIONS, Activation, ActivationType, ActivationUse
from dsl.layers.definition import Layer, Parameter, Use, register
from tensorgraph.base.shapes import Shape


class _Elementwise(Layer):
    """The layer that is nothing but its activation, which the compiler applies to every layer."""

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
        """Return the input."""
        return inputs[0]


class Act(_Elementwise):
    """Applies an activation to every value."""

    name = "act"
    example = "act leaky_relu(0.2)"
    positional = (Parameter("activation", ActivationType(), "the activation"),)


class ActivationLayer(_Elementwise):
    """An activation's word as a statement.

    Parameters
    ----------
    activation : Activation
        The activation.
    """

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self.name = activation.name
        self.example = activation.name
        self.positional = tuple(
            Parameter(name, kind, name, default) for name, kind, default in activation.parameters
        )

    def activation(self, use: Use) -> ActivationUse:
        """Return the activation with the parameters that were given."""
        return ActivationUse(self._activation, tuple(use[p.key] for p in self.positional))

    @property
    def doc(self) -> str:
        """The activation's formula."""
        return self._activation.doc


register(Act())
for _activation in ACTIVATIONS.values():
    register(ActivationLayer(_activation))
