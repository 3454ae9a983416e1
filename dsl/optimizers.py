"""The optimizers: one table that the checker and the trainer read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorgraph as tf
from dsl.layers.arguments import Real
from dsl.layers.definition import Parameter, Signature


@dataclass(frozen=True)
class OptimizerKind:
    """An optimizer.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it does, in one line.
    options : tuple of Parameter
        Its options.
    build : callable
        From the options' values to the engine's optimizer.
    """

    name: str
    doc: str
    options: tuple[Parameter, ...]
    build: Callable[[Mapping[str, Any]], tf.train.Optimizer]

    @property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(self.name, options=self.options)


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimizer's word, and a value for each of its options."""

    name: str
    options: Mapping[str, Any]

    def build(self, learning_rate: tf.Tensor | None = None) -> tf.train.Optimizer:
        """Return the engine's optimizer.

        Parameters
        ----------
        learning_rate : Tensor, optional
            What to use instead of the number among the options.
        """
        given = {} if learning_rate is None else {"lr": learning_rate}
        return OPTIMIZERS[self.name].build({**self.options, **given})


def _lr(default: float) -> Parameter:
    return Parameter("lr", Real(0.0, above=True), "the learning rate", default)


_SHARE = Real(0.0, 1.0, below=True)
_MOMENTUM = Parameter("momentum", _SHARE, "how much of the last step is kept", 0.9)

_TABLE = (
    OptimizerKind(
        "sgd",
        "a step against the gradient; with momentum, if that is given",
        (_lr(0.01), Parameter("momentum", _SHARE, "how much of the last step is kept", 0.0)),
        lambda o: (
            tf.train.MomentumOptimizer(o["lr"], o["momentum"])
            if o["momentum"]
            else tf.train.GradientDescentOptimizer(o["lr"])
        ),
    ),
    OptimizerKind(
        "momentum",
        "steps that keep a part of the last step",
        (_lr(0.01), _MOMENTUM),
        lambda o: tf.train.MomentumOptimizer(o["lr"], o["momentum"]),
    ),
    OptimizerKind(
        "nesterov",
        "momentum with the gradient taken one step ahead",
        (_lr(0.01), _MOMENTUM),
        lambda o: tf.train.MomentumOptimizer(o["lr"], o["momentum"], use_nesterov=True),
    ),
    OptimizerKind(
        "adam",
        "steps scaled by running means of the gradient and its square",
        (
            _lr(0.001),
            Parameter("beta1", _SHARE, "how long the mean of gradients remembers", 0.9),
            Parameter("beta2", _SHARE, "how long the mean of squares remembers", 0.999),
            Parameter("eps", Real(0.0, above=True), "keeps the divisor from zero", 1e-8),
        ),
        lambda o: tf.train.AdamOptimizer(o["lr"], o["beta1"], o["beta2"], o["eps"]),
    ),
)

OPTIMIZERS: dict[str, OptimizerKind] = {kind.name: kind for kind in _TABLE}
"""Every optimizer by its word."""

DEFAULT_OPTIMIZER = OptimizerSettings("adam", OPTIMIZERS["adam"].signature.defaults())
"""What trains where the file does not say: Adam with its defaults."""
