"""The initialisers of weights: one table that the checker, the compiler and the help read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorgraph as tf
from dsl.layers.arguments import ArgumentType, Real, Value, Word

# The standard deviation of a standard normal that is cut off at two deviations.
_TRUNCATED_DEVIATION = 0.87962566103423978


@dataclass(frozen=True)
class Fans:
    """How many values one output of a layer depends on, and how many one input goes to."""

    into: int
    out: int


@dataclass(frozen=True)
class Initializer:
    """A way to fill a weight before training.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it does, in one line.
    draw : callable
        From (shape, fans, seed) to a tensor.
    """

    name: str
    doc: str
    draw: Callable[[Sequence[int], Fans, int], tf.Tensor]

    def __str__(self) -> str:
        return self.name


def _uniform(shape: Sequence[int], variance: float, seed: int) -> tf.Tensor:
    limit = math.sqrt(3.0 * variance)
    return tf.random_uniform(shape, -limit, limit, seed=seed)


def _normal(shape: Sequence[int], variance: float, seed: int) -> tf.Tensor:
    deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
    return tf.truncated_normal(shape, stddev=deviation, seed=seed)


def _glorot(fans: Fans) -> float:
    return 2.0 / max(1, fans.into + fans.out)


def _he(fans: Fans) -> float:
    return 2.0 / max(1, fans.into)


_TABLE = (
    Initializer(
        "glorot_uniform",
        "uniform, with variance 2 / (fan in + fan out)",
        lambda shape, fans, seed: _uniform(shape, _glorot(fans), seed),
    ),
    Initializer(
        "glorot_normal",
        "normal cut at two deviations, with variance 2 / (fan in + fan out)",
        lambda shape, fans, seed: _normal(shape, _glorot(fans), seed),
    ),
    Initializer(
        "he_uniform",
        "uniform, with variance 2 / fan in; suits relu",
        lambda shape, fans, seed: _uniform(shape, _he(fans), seed),
    ),
    Initializer(
        "he_normal",
        "normal cut at two deviations, with variance 2 / fan in; suits relu",
        lambda shape, fans, seed: _normal(shape, _he(fans), seed),
    ),
    Initializer("zeros", "all 0", lambda shape, fans, seed: tf.zeros(shape)),
    Initializer("ones", "all 1", lambda shape, fans, seed: tf.ones(shape)),
)

INITIALIZERS: dict[str, Initializer] = {entry.name: entry for entry in _TABLE}
"""Every initialiser by its word."""


def constant(value: float) -> Initializer:
    """Return the initialiser that sets every element to a number."""
    return Initializer(
        f"{value:g}", f"all {value:g}", lambda shape, fans, seed: tf.zeros(shape) + value
    )


class InitializerType(ArgumentType):
    """An initialiser's word, or a number."""

    words = frozenset(INITIALIZERS)

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "an initialiser such as `he_normal`, or a number"

    def convert(self, value: Value) -> Initializer:
        """Return the initialiser."""
        if isinstance(value, Word) and value.text in INITIALIZERS and not value.arguments:
            return INITIALIZERS[value.text]
        if isinstance(value, Word | bool) or not isinstance(value, int | float):
            raise self.wrong_type()
        return constant(Real().convert(value))
