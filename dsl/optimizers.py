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
    decays : bool
        Whether its option ``decay`` says what share of each kernel is added to its gradient.
    """

    name: str
    doc: str
    options: tuple[Parameter, ...]
    build: Callable[[Mapping[str, Any]], tf.train.Optimizer]
    decays: bool = False

    @property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(self.name, options=self.options)


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimizer's word, and a value for each of its options."""

    name: str
    options: Mapping[str, Any]

    @property
    def weight_decay(self) -> float:
        """What share of each kernel is added to its gradient."""
        return float(self.options["decay"]) if OPTIMIZERS[self.name].decays else 0.0

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


def _eps(default: float) -> Parameter:
    return Parameter("eps", Real(0.0, above=True), "keeps the divisor from zero", default)


_SHARE = Real(0.0, 1.0, below=True)
_MOMENTUM = Parameter("momentum", _SHARE, "how much of the last step is kept", 0.9)
_NO_MOMENTUM = Parameter("momentum", _SHARE, "how much of the last step is kept", 0.0)
_DECAY = Parameter(
    "decay", Real(0.0), "weight decay: this share of a kernel is added to its gradient", 0.0
)
_BETAS = (
    Parameter("beta1", _SHARE, "how long the mean of gradients remembers", 0.9),
    Parameter("beta2", _SHARE, "how long the mean of squares remembers", 0.999),
)
_ADAM = (_lr(0.001), *_BETAS, _eps(1e-8))

_TABLE = (
    OptimizerKind(
        "sgd",
        "a step against the gradient; with momentum, if that is given",
        (_lr(0.01), _NO_MOMENTUM, _DECAY),
        lambda o: (
            tf.train.MomentumOptimizer(o["lr"], o["momentum"])
            if o["momentum"]
            else tf.train.GradientDescentOptimizer(o["lr"])
        ),
        decays=True,
    ),
    OptimizerKind(
        "momentum",
        "steps that keep a part of the last step",
        (_lr(0.01), _MOMENTUM, _DECAY),
        lambda o: tf.train.MomentumOptimizer(o["lr"], o["momentum"]),
        decays=True,
    ),
    OptimizerKind(
        "nesterov",
        "momentum with the gradient taken one step ahead",
        (_lr(0.01), _MOMENTUM, _DECAY),
        lambda o: tf.train.MomentumOptimizer(o["lr"], o["momentum"], use_nesterov=True),
        decays=True,
    ),
    OptimizerKind(
        "rmsprop",
        "steps scaled by a running mean of the gradient's square",
        (
            _lr(0.001),
            Parameter("decay", _SHARE, "how long the mean of squares remembers", 0.9),
            _NO_MOMENTUM,
            _eps(1e-7),
        ),
        lambda o: tf.train.RMSPropOptimizer(o["lr"], o["decay"], o["momentum"], o["eps"]),
    ),
    OptimizerKind(
        "adagrad",
        "steps scaled by all squares of the gradient so far",
        (
            _lr(0.01),
            Parameter("start", Real(0.0, above=True), "the sum of squares to begin with", 0.1),
        ),
        lambda o: tf.train.AdagradOptimizer(o["lr"], o["start"]),
    ),
    OptimizerKind(
        "adadelta",
        "steps in the units of the weights, from running means of squares",
        (
            _lr(1.0),
            Parameter("rho", _SHARE, "how long the means remember", 0.95),
            _eps(1e-6),
        ),
        lambda o: tf.train.AdadeltaOptimizer(o["lr"], o["rho"], o["eps"]),
    ),
    OptimizerKind(
        "adam",
        "steps scaled by running means of the gradient and its square",
        _ADAM,
        lambda o: tf.train.AdamOptimizer(o["lr"], o["beta1"], o["beta2"], o["eps"]),
    ),
    OptimizerKind(
        "adamw",
        "adam, and apart from it each kernel loses a share of itself: lr · decay",
        (
            *_ADAM,
            Parameter("decay", Real(0.0), "the weight decay, which the learning rate scales", 0.01),
        ),
        # The engine's optimizer takes off the share itself, whatever the learning rate.
        lambda o: tf.train.AdamWOptimizer(
            o["lr"] * o["decay"], o["lr"], o["beta1"], o["beta2"], o["eps"]
        ),
    ),
    OptimizerKind(
        "adamax",
        "adam with the largest gradient in place of the mean of squares",
        (_lr(0.002), *_BETAS, _eps(1e-8)),
        lambda o: tf.train.AdaMaxOptimizer(o["lr"], o["beta1"], o["beta2"], o["eps"]),
    ),
    OptimizerKind(
        "nadam",
        "adam with the gradient taken one step ahead",
        _ADAM,
        lambda o: tf.train.NadamOptimizer(o["lr"], o["beta1"], o["beta2"], o["eps"]),
    ),
)

OPTIMIZERS: dict[str, OptimizerKind] = {kind.name: kind for kind in _TABLE}
"""Every optimizer by its word."""

DEFAULT_OPTIMIZER = OptimizerSettings("adam", OPTIMIZERS["adam"].signature.defaults())
"""What trains where the file does not say: Adam with its defaults."""
