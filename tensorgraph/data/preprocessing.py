"""Bringing examples into the form that a network learns best from.

A `Preprocessing` is fitted on the training part alone, is stored with the model as JSON and
arrays, and does the same to every example that the model meets later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data.augmentation import Step
from tensorgraph.data.fitted_steps import KINDS, FittedStep, Training, fit_step
from tensorgraph.data.rows import Array, LazyInputs, Mapped, Rows, chunks_of

State = tuple[list[dict[str, Any]], dict[str, Array]]


class Preprocessing:
    """The steps of ``preprocess { … }``, fitted to a training part.

    `fit` makes one, `from_state` brings a stored one back.

    Parameters
    ----------
    steps : sequence of FittedStep
        The steps, in order.
    """

    def __init__(self, steps: Sequence[FittedStep] = ()) -> None:
        self._steps = tuple(steps)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._steps)

    @property
    def steps(self) -> tuple[FittedStep, ...]:
        """The steps, in order."""
        return self._steps

    @classmethod
    def fit(cls, steps: Sequence[Step], x: Rows, *, white: float = 1.0) -> Self:
        """Return the steps, fitted one after the other.

        Parameters
        ----------
        steps : sequence of Step
            ``scale`` (factor), ``center``, ``standardize``, ``whiten`` (eps), ``pca``
            (components) and ``resize`` (size, as height and width).
        x : array or LazyInputs
            The inputs to train on. Those that are not in memory are read some megabytes at a time.
        white : float
            What a value of 1 is in the files of the set, `ExampleSet.white`. A first step
            ``scale 1/255`` means the values of the files, although pictures have been brought to
            values from 0 to 1 already.

        Raises
        ------
        DataError
            If a step has no such name, or does not suit such examples.
        """
        fitted: list[FittedStep] = []
        for step in steps:
            training = cls(fitted)._seen(x, 1.0 if fitted else white)
            fitted.append(fit_step(step.name, step.options, training))
        return cls(fitted)

    def _seen(self, x: Rows, white: float) -> Training:
        """Return a training part as it is after these steps."""
        shape = self.output_shape(x.shape[1:])
        return Training(shape, lambda: map(self.apply, chunks_of(x)), white)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return what becomes of the shape of an example."""
        for step in self._steps:
            shape = step.output_shape(shape)
        return shape

    def apply(self, x: Array) -> Array:
        """Return examples as the network takes them.

        Parameters
        ----------
        x : array of float32 of shape (examples, ...)
            The examples.

        Raises
        ------
        DataError
            If they are of another shape than those that the steps were fitted to.
        """
        for step in self._steps:
            x = step.apply(x)
        return x

    def apply_all(self, x: Rows) -> Rows:
        """Return the same for a whole part: an array at once, `LazyInputs` when they are read."""
        if not self._steps or not len(x):
            return x
        shape = self.output_shape(x.shape[1:])
        if isinstance(x, LazyInputs):
            return Mapped(x, self.apply, shape)
        result = np.empty((len(x), *shape), np.float32)
        start = 0
        for chunk in chunks_of(x):
            result[start : start + len(chunk)] = self.apply(chunk)
            start += len(chunk)
        return result

    def state(self) -> State:
        """Return all there is to store: a value for JSON, and arrays by name."""
        records, arrays = [], {}
        for number, step in enumerate(self._steps):
            record, own = step.state()
            records.append(record)
            arrays.update({f"{number}.{name}": array for name, array in own.items()})
        return records, arrays

    @classmethod
    def from_state(cls, records: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array]) -> Self:
        """Return what `state` described.

        Raises
        ------
        DataError
            If that is no description of steps.
        """
        steps = []
        for number, record in enumerate(records):
            prefix = f"{number}."
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            try:
                values = {key: value for key, value in record.items() if key != "step"}
                steps.append(KINDS[record["step"]](**values, **own))
            except (KeyError, TypeError) as error:
                raise DataError(f"step {number} of the preprocessing is damaged: {error}") from None
        return cls(steps)
