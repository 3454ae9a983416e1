"""The initialisers of weights: one table that the checker, the compiler and the help read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

import tensorgraph as tf
from dsl.layers import image_kernels
from dsl.layers.arguments import ArgumentType, Real, Value, Word, format_value

# The standard deviation of a standard normal that is cut off at two deviations.
_TRUNCATED_DEVIATION = 0.87962566103423978


@dataclass(frozen=True)
class Fans:
    """How many values one output of a layer depends on, and how many one input goes to."""

    into: int
    out: int

    @classmethod
    def of(cls, shape: Sequence[int]) -> Fans:
        """Return those of a kernel, whose last two axes are inputs and outputs."""
        places = math.prod(shape[:-2])
        return cls(places * shape[-2], places * shape[-1])


Draw: TypeAlias = Callable[[Sequence[int], Fans, int], tf.Tensor]
"""From shape, fans and seed to the first value of a weight."""


def _always_fits(shape: Sequence[int]) -> str | None:
    return None


@dataclass(frozen=True)
class Initializer:
    """A way to fill a weight before training.

    Attributes
    ----------
    name : str
        Its word, or how it is written with its parameters.
    doc : str
        What it does, in one line.
    draw : callable
        From (shape, fans, seed) to a tensor.
    parameters : tuple of (str, ArgumentType, default)
        The parameters that a call such as ``normal(0.01)`` may give.
    make : callable, optional
        From parameters to `draw`, where there are any.
    misfit : callable
        From a shape to what is wrong with it, in a few words; None where it can be filled.
    """

    name: str
    doc: str
    draw: Draw
    parameters: tuple[tuple[str, ArgumentType, float], ...] = ()
    make: Callable[..., Draw] | None = None
    misfit: Callable[[Sequence[int]], str | None] = _always_fits

    def __str__(self) -> str:
        return self.name


def _uniform(variance: Callable[[Fans], float]) -> Draw:
    def draw(shape: Sequence[int], fans: Fans, seed: int) -> tf.Tensor:
        limit = math.sqrt(3.0 * variance(fans))
        return tf.random_uniform(shape, -limit, limit, seed=seed)

    return draw


def _cut_normal(variance: Callable[[Fans], float]) -> Draw:
    def draw(shape: Sequence[int], fans: Fans, seed: int) -> tf.Tensor:
        deviation = math.sqrt(variance(fans)) / _TRUNCATED_DEVIATION
        return tf.truncated_normal(shape, stddev=deviation, seed=seed)

    return draw


def _glorot(fans: Fans) -> float:
    return 2.0 / max(1, fans.into + fans.out)


def _he(fans: Fans) -> float:
    return 2.0 / max(1, fans.into)


def _lecun(fans: Fans) -> float:
    return 1.0 / max(1, fans.into)


def _array(values: Callable[[Sequence[int]], Any]) -> Draw:
    return lambda shape, fans, seed: tf.constant(values(shape), tf.float32, shape)


def _has_no_places(shape: Sequence[int]) -> str | None:
    return "expected a kernel with a height and a width" if len(shape) < 3 else None


def _orthogonal(gain: float) -> Draw:
    return lambda shape, fans, seed: tf.initializers.orthogonal(gain, seed=seed)(shape)


def _is_vector(shape: Sequence[int]) -> str | None:
    return "a vector has no columns that could be orthogonal" if len(shape) < 2 else None


def _parametric(
    name: str,
    doc: str,
    make: Callable[..., Draw],
    *parameters: tuple[str, ArgumentType, float],
    misfit: Callable[[Sequence[int]], str | None] = _always_fits,
) -> Initializer:
    draw = make(*(default for _, _, default in parameters))
    return Initializer(name, doc, draw, parameters, make, misfit)


def _image_kernel(name: str) -> Initializer:
    doc, kernel = image_kernels.KERNELS[name]
    return Initializer(
        name,
        doc,
        _array(lambda shape: image_kernels.spread(kernel, shape)),
        misfit=lambda shape: _has_no_places(shape) or image_kernels.misfit(kernel.shape, shape),
    )


_DEVIATION = ("stddev", Real(0.0), 0.05)

_TABLE = (
    Initializer(
        "glorot_uniform", "uniform, with variance 2 / (fan in + fan out)", _uniform(_glorot)
    ),
    Initializer(
        "glorot_normal",
        "normal cut at two deviations, with variance 2 / (fan in + fan out)",
        _cut_normal(_glorot),
    ),
    Initializer("he_uniform", "uniform, with variance 2 / fan in; suits relu", _uniform(_he)),
    Initializer(
        "he_normal",
        "normal cut at two deviations, with variance 2 / fan in; suits relu",
        _cut_normal(_he),
    ),
    Initializer("lecun_uniform", "uniform, with variance 1 / fan in; suits tanh", _uniform(_lecun)),
    Initializer(
        "lecun_normal",
        "normal cut at two deviations, with variance 1 / fan in; suits selu",
        _cut_normal(_lecun),
    ),
    Initializer("zeros", "all 0", lambda shape, fans, seed: tf.zeros(shape)),
    Initializer("ones", "all 1", lambda shape, fans, seed: tf.ones(shape)),
    _parametric(
        "constant",
        "all the same number; `init=0.1` says it too",
        lambda value: lambda shape, fans, seed: tf.zeros(shape) + value,
        ("value", Real(), 0.0),
    ),
    _parametric(
        "normal",
        "normal around 0",
        lambda stddev: lambda shape, fans, seed: tf.random_normal(shape, 0.0, stddev, seed=seed),
        _DEVIATION,
    ),
    _parametric(
        "truncated_normal",
        "normal around 0, drawn again beyond two deviations",
        lambda stddev: lambda shape, fans, seed: tf.truncated_normal(shape, 0.0, stddev, seed=seed),
        _DEVIATION,
    ),
    _parametric(
        "uniform",
        "uniform between two numbers",
        lambda low, high: lambda shape, fans, seed: tf.random_uniform(shape, low, high, seed=seed),
        ("low", Real(), -0.05),
        ("high", Real(), 0.05),
    ),
    _parametric(
        "orthogonal",
        "a random matrix with orthonormal columns, or rows if these are fewer",
        _orthogonal,
        ("gain", Real(), 1.0),
        misfit=_is_vector,
    ),
    Initializer(
        "identity",
        "passes on what comes in: 1 in the middle of a kernel, or the identity matrix",
        _array(image_kernels.identity),
    ),
    Initializer(
        "box_blur",
        "the mean of the window, of any size",
        _array(image_kernels.box_blur),
        misfit=_has_no_places,
    ),
    *map(_image_kernel, image_kernels.KERNELS),
)

INITIALIZERS: dict[str, Initializer] = {entry.name: entry for entry in _TABLE}
"""Every initialiser by its word."""


def constant(value: float) -> Initializer:
    """Return the initialiser that sets every element to a number."""
    return Initializer(
        f"{value:g}", f"all {value:g}", lambda shape, fans, seed: tf.zeros(shape) + value
    )


def literal(values: tuple[Value, ...]) -> Initializer:
    """Return the initialiser with given numbers: the weights, one kernel, or one a filter.

    Parameters
    ----------
    values : tuple
        Numbers in tuples of tuples, those of each level of the same length.

    Raises
    ------
    ValueError
        If they are not that.
    """
    given = np.array(values, np.float64)
    return Initializer(
        format_value(values),
        "the numbers of the list",
        _array(lambda shape: image_kernels.fill(given, shape)),
        misfit=lambda shape: image_kernels.misfit(given.shape, shape),
    )


class InitializerType(ArgumentType):
    """An initialiser's word, perhaps called with its parameters; a number; or a list of numbers."""

    words = frozenset(INITIALIZERS)

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "an initialiser such as `he_normal`, a number, or a list of numbers"

    def convert(self, value: Value) -> Initializer:
        """Return the initialiser."""
        if isinstance(value, Word) and value.text in INITIALIZERS:
            return self._called(INITIALIZERS[value.text], value)
        if isinstance(value, tuple):
            return self._literal(value)
        if isinstance(value, Word | bool) or not isinstance(value, int | float):
            raise self.wrong_type()
        return constant(Real().convert(value))

    def _called(self, entry: Initializer, word: Word) -> Initializer:
        """Return an initialiser with the parameters that a call gives it."""
        if not word.arguments:
            return entry
        if entry.make is None or len(word.arguments) > len(entry.parameters):
            raise _TooMany(entry).wrong_type()
        defaults = tuple(default for _, _, default in entry.parameters)
        given = word.arguments + defaults[len(word.arguments) :]
        arguments = [
            kind.convert(argument)
            for (_, kind, _), argument in zip(entry.parameters, given, strict=True)
        ]
        return replace(entry, name=format_value(word), draw=entry.make(*arguments))

    def _literal(self, values: tuple[Value, ...]) -> Initializer:
        """Return the initialiser of a list, which must hold numbers in rows of the same length."""
        if not _is_regular(values):
            raise _Irregular().wrong_type()
        return literal(values)


def _is_regular(value: Value | tuple[Value, ...]) -> bool:
    """Return whether a value is a number, or tuples of equal form with numbers in the end."""
    if not isinstance(value, tuple):
        return isinstance(value, int | float) and not isinstance(value, bool)
    forms = {_form(item) for item in value}
    return len(forms) == 1 and all(_is_regular(item) for item in value)


def _form(value: Value) -> tuple[int, ...]:
    return (len(value), *_form(value[0])) if isinstance(value, tuple) and value else ()


@dataclass(frozen=True)
class _TooMany(InitializerType):
    """Phrases the complaint about a call with too many parameters."""

    entry: Initializer

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        names = ", ".join(name for name, _, _ in self.entry.parameters)
        return f"`{self.entry.name}({names})`" if names else f"`{self.entry.name}`"


class _Irregular(InitializerType):
    """Phrases the complaint about a list that is no kernel."""

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "a list of numbers, or of lists of the same length"
