"""A set of labelled examples, and what a network may count on about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data.rows import Rows, take
from tensorgraph.data.sampling import sample

Inputs: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int64]
Targets: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ExampleSet:
    """Labelled examples, in a part to train on, one to test with, and one to validate with.

    Parameters
    ----------
    name : str
        What messages and run folders call it.
    x_train, x_test : array of float32, or LazyInputs
        One example a row. Images are ``(examples, height, width, channels)`` with values from 0
        to 1. Words of texts are numbers, int32. Inputs that are too large for memory are
        `LazyInputs`, which give arrays when they are indexed.
    y_train, y_test : array of int64 or float32
        The class of each example, or, as floats, the number to predict.
    class_names : tuple of str
        The name of each class; empty where numbers are to be predicted.
    x_val, y_val : array, optional
        The part to validate with; empty unless the files have one or `split_validation` made it.
    white : float
        What a value of 1 is in the files: 255 for pictures, which are brought to values from 0
        to 1.
    reading : mapping, optional
        What must be known to read other files in the same way, such as the words of a vocabulary:
        plain values, to be stored as JSON with a model.
    notes : tuple of str
        What a user should be told: files that were left out.

    Raises
    ------
    DataError
        If inputs and labels of a part are not equally many, the shapes of examples differ between
        parts, a label is of no class, or there is nothing to train on.
    """

    name: str
    x_train: Rows
    y_train: Targets
    x_test: Rows
    y_test: Targets
    class_names: tuple[str, ...]
    x_val: Rows = field(default_factory=lambda: np.empty(0, np.float32))
    y_val: Targets = field(default_factory=lambda: np.empty(0, np.int64))
    white: float = 1.0
    reading: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
            if len(y) and self.classes and not 0 <= y.min() <= y.max() < self.classes:
                raise DataError(
                    f"{self.name}: {part} labels go from {y.min()} to {y.max()},"
                    f" but there are {self.classes} classes, counted from 0"
                )

    def _parts(self) -> tuple[tuple[str, Rows, Targets], ...]:
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
        """Number of classes; 0 where numbers are to be predicted."""
        return len(self.class_names)

    def limited(self, count: int) -> ExampleSet:
        """Return so many examples of each part, for a quick try: always the same, of all classes.

        Raises
        ------
        ValueError
            If `count` is below 1.
        """
        if count < 1:
            raise ValueError(f"a set is limited to at least one example, not {count}")
        limited: dict[str, Any] = {}
        for part in ("train", "test", "val"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if len(y) > count:
                chosen = np.flatnonzero(sample(y, count, seed=0))
                limited |= {f"x_{part}": take(x, chosen), f"y_{part}": y[chosen]}
        return replace(self, **limited)
