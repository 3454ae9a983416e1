"""A set of labelled examples in memory, and what a network may count on about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError

Inputs: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ExampleSet:
    """Labelled examples, in a part to train on, one to test with, and one to validate with.

    Parameters
    ----------
    name : str
        What messages and run folders call it.
    x_train, x_test : array of float32
        One example a row. Images are ``(examples, height, width, channels)`` with values from 0
        to 1.
    y_train, y_test : array of int64
        The class of each example.
    class_names : tuple of str
        The name of each class.
    x_val, y_val : array, optional
        The part to validate with; empty unless `split_validation` made one.

    Raises
    ------
    DataError
        If inputs and labels of a part are not equally many, the shapes of examples differ between
        parts, a label is of no class, or there is nothing to train on.
    """

    name: str
    x_train: Inputs
    y_train: Labels
    x_test: Inputs
    y_test: Labels
    class_names: tuple[str, ...]
    x_val: Inputs = field(default_factory=lambda: np.empty(0, np.float32))
    y_val: Labels = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.x_train):
            raise DataError(f"{self.name}: there are no examples to train on")
        for part, x, y in self._parts():
            if len(x) != len(y):
                raise DataError(
                    f"{self.name}: {len(x)} {part} inputs do not go with {len(y)} labels"
                )
            if len(x) and x.shape[1:] != self.input_shape:
                raise DataError(
                    f"{self.name}: {part} examples are of shape {x.shape[1:]},"
                    f" those to train on of shape {self.input_shape}"
                )
            if len(y) and not 0 <= y.min() <= y.max() < self.classes:
                raise DataError(
                    f"{self.name}: {part} labels go from {y.min()} to {y.max()},"
                    f" but there are {self.classes} classes, counted from 0"
                )

    def _parts(self) -> tuple[tuple[str, Inputs, Labels], ...]:
        return (
            ("training", self.x_train, self.y_train),
            ("test", self.x_test, self.y_test),
            ("validation", self.x_val, self.y_val),
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def limited(self, count: int) -> ExampleSet:
        """Return the first `count` examples of each part, for a quick try.

        Raises
        ------
        ValueError
            If `count` is below 1.
        """
        if count < 1:
            raise ValueError(f"a set is limited to at least one example, not {count}")
        return replace(
            self,
            x_train=self.x_train[:count],
            y_train=self.y_train[:count],
            x_test=self.x_test[:count],
            y_test=self.y_test[:count],
            x_val=self.x_val[:count],
            y_val=self.y_val[:count],
        )


def split_validation(examples: ExampleSet, fraction: float, seed: int) -> ExampleSet:
    """Return the set with a part of its training examples set aside for validation.

    Parameters
    ----------
    examples : ExampleSet
        The set; it has no validation part yet.
    fraction : float
        The share of the training examples, from 0 (changes nothing) to below 1.
    seed : int
        Decides, alone, which examples are set aside. Not negative.

    Raises
    ------
    ValueError
        If `fraction` is outside [0, 1), nothing would be left to train on, or there is a
        validation part already.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the share to validate with is in [0, 1), not {fraction}")
    if len(examples.x_val):
        raise ValueError(f"{examples.name} has a part to validate with already")
    if fraction == 0:
        return examples
    (x_train, y_train), (x_val, y_val) = cut_randomly(
        examples.x_train, examples.y_train, fraction, seed
    )
    if not len(x_train):
        raise ValueError(
            f"{fraction} of {len(examples.x_train)} training examples to validate with"
            " leaves none to train on"
        )
    return replace(examples, x_train=x_train, y_train=y_train, x_val=x_val, y_val=y_val)


Part: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def cut_randomly(
    x: npt.NDArray[Any], y: npt.NDArray[Any], fraction: float, seed: int
) -> tuple[Part, Part]:
    """Return a random share of the examples as the second of two parts, at least one of them.

    Both keep the order of the whole.
    """
    count = max(1, round(fraction * len(x)))
    chosen = np.zeros(len(x), bool)
    chosen[np.random.default_rng(seed).permutation(len(x))[:count]] = True
    return (x[~chosen], y[~chosen]), (x[chosen], y[chosen])
