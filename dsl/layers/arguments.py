"""The kinds of arguments that layers and settings take, and the values that they become."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias


class Unknown(Enum):
    """The value of what is not known: of ``classes`` without data, or after an error."""

    UNKNOWN = "?"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes side by side, ``3x3``; None where a size is ``?``."""

    sizes: tuple[int | None, ...]

    def __str__(self) -> str:
        return format_sizes(self.sizes)


@dataclass(frozen=True, slots=True)
class Word:
    """A word with a meaning of its own, ``relu``, perhaps called: ``leaky_relu(0.1)``."""

    text: str
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueReference:
    """A value of the network, as an argument of a block."""

    reference: str


Value: TypeAlias = (
    "int | float | bool | str | Size | Word | ValueReference | tuple[Value, ...] | Unknown"
)


def format_sizes(sizes: Iterable[int | None]) -> str:
    """Return sizes as the language writes them: ``28x28x1``."""
    return "x".join("?" if size is None else str(size) for size in sizes)


def format_value(value: Any) -> str:
    """Return a value as the language writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case ValueReference():
            return "a value of the network"
        case Word(text, ()):
            return text
        case Word(text, arguments):
            return f"{text}({', '.join(format_value(a) for a in arguments)})"
        case tuple():
            return f"[{', '.join(format_value(item) for item in value)}]"
        case _:
            return str(value)


class ArgumentValueError(Exception):
    """A value that an argument cannot have.

    Attributes
    ----------
    code : str
        The code of the message.
    expected : str
        What it can have, in words.
    """

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(expected)
        self.code = code
        self.expected = expected


class ArgumentType(ABC):
    """What an argument can be.

    Attributes
    ----------
    words : frozenset of str
        The bare words that mean something here, and are not names of constants.
    takes_values : bool
        Whether it can be the name of a value of the network.
    in_quotes : bool
        Whether it is a string, whose quotes are easily forgotten.
    """

    words: frozenset[str] = frozenset()
    takes_values: bool = False
    in_quotes: bool = False

    @property
    @abstractmethod
    def phrase(self) -> str:
        """What is expected, in words."""

    @abstractmethod
    def convert(self, value: Value) -> Any:
        """Return the value as the layer gets it.

        Parameters
        ----------
        value : Value
            A known value.

        Raises
        ------
        ArgumentValueError
            If it is none of this type.
        """

    def wrong_type(self) -> ArgumentValueError:
        """Return the error about a value of another type."""
        return ArgumentValueError("TG403", self.phrase)

    def out_of_range(self) -> ArgumentValueError:
        """Return the error about a value of the right type that is too small or too large."""
        return ArgumentValueError("TG404", self.phrase)


class Anything(ArgumentType):
    """Whatever an expression can be, or the name of a value: an argument of a block.

    Parameters
    ----------
    words : frozenset of str
        The bare words that it can be.
    """

    takes_values = True

    def __init__(self, words: frozenset[str]) -> None:
        self.words = words

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "a value"

    def convert(self, value: Value) -> Value:
        """Return the value as it is."""
        return value


@dataclass(frozen=True)
class Whole(ArgumentType):
    """A whole number of at least `minimum`."""

    minimum: int

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return f"a whole number of at least {self.minimum}"

    def convert(self, value: Value) -> int:
        """Return the number; a float without a fraction, as ``64 / 2``, is one too."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong_type()
        if value < self.minimum:
            raise self.out_of_range()
        return value


@dataclass(frozen=True)
class Real(ArgumentType):
    """A number in a range.

    Parameters
    ----------
    minimum, maximum : float
        The ends of the range.
    above, below : bool
        Whether the minimum or the maximum itself is excluded.
    """

    minimum: float = -math.inf
    maximum: float = math.inf
    above: bool = False
    below: bool = False

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        ends = []
        if self.minimum > -math.inf:
            ends.append(f"{'above' if self.above else 'of at least'} {self.minimum:g}")
        if self.maximum < math.inf:
            ends.append(f"{'below' if self.below else 'of at most'} {self.maximum:g}")
        return f"a number {' and '.join(ends)}" if ends else "a number"

    def convert(self, value: Value) -> float:
        """Return the number as a float."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong_type()
        too_small = value <= self.minimum if self.above else value < self.minimum
        too_large = value >= self.maximum if self.below else value > self.maximum
        if too_small or too_large:
            raise self.out_of_range()
        return float(value)


@dataclass(frozen=True)
class Sizes(ArgumentType):
    """Sizes side by side, ``3x5``, or one number for all of them.

    Parameters
    ----------
    minimum : int
        The least that each may be.
    axes : int, optional
        How many there are; by default as many as the input of the layer has between batch and
        channels, which only its shape rule knows.
    """

    minimum: int
    axes: int | None = None

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        if self.axes == 1:
            return f"a whole number of at least {self.minimum}"
        return f"a size such as 3 or {'x'.join('3' * (self.axes or 2))}, of at least {self.minimum}"

    def convert(self, value: Value) -> tuple[int, ...]:
        """Return one size for each axis; a single one, where their number is not known."""
        if isinstance(value, Size):
            sizes = tuple(size for size in value.sizes if size is not None)
            if len(sizes) != len(value.sizes) or len(sizes) != (self.axes or len(sizes)):
                raise self.wrong_type()
        else:
            try:
                sizes = (Whole(-(2**63)).convert(value),) * (self.axes or 1)
            except ArgumentValueError:
                raise self.wrong_type() from None
        if min(sizes) < self.minimum:
            raise self.out_of_range()
        return sizes


@dataclass(frozen=True)
class Pair(Sizes):
    """Height and width, ``3x5``, or one number for both."""

    axes: int | None = 2


@dataclass(frozen=True)
class OrNone(ArgumentType):
    """Something of another type, or the word ``none``."""

    other: ArgumentType
    words = frozenset({"none"})

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return f"{self.other.phrase}, or `none`"

    def convert(self, value: Value) -> Any:
        """Return the value as the other type does, None for the word."""
        if value == Word("none"):
            return None
        try:
            return self.other.convert(value)
        except ArgumentValueError as bad:
            raise ArgumentValueError(bad.code, self.phrase) from None


@dataclass(frozen=True)
class OneOf(ArgumentType):
    """One of a few words.

    Parameters
    ----------
    what : str
        What the words are: ``"a loss"``.
    words : frozenset of str
        The words.
    """

    what: str
    words: frozenset[str]

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return self.what

    def convert(self, value: Value) -> str:
        """Return the word."""
        if not isinstance(value, Word) or value.text not in self.words or value.arguments:
            raise self.wrong_type()
        return value.text
