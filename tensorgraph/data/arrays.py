"""From arrays as files hold them to arrays as networks take them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data.examples import Inputs, Labels, Targets
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.rows import Mapped, Rows


def as_inputs(x: npt.NDArray[Any], where: str, *, white: int = 255) -> Inputs:
    """Return examples as float32.

    Arrays of ``uint8`` are pictures: they are scaled to values from 0 to 1, and those without a
    channel axis, ``(examples, height, width)``, gain one. All other numbers stay as they are.

    Parameters
    ----------
    x : array
        One example a row.
    where : str
        The file, and the name inside it, for messages.
    white : int
        The value of a picture that becomes 1.

    Raises
    ------
    DataError
        If the array holds no numbers, no example axis, or a value that is not finite.
    """
    if x.ndim < 2:
        raise DataError(
            f"{where}: inputs have an axis of examples and at least one more,"
            f" but the array is of shape {x.shape}"
        )
    if x.dtype == np.uint8:
        scaled: Inputs = np.divide(x, np.float32(white), dtype=np.float32)
        return scaled[..., np.newaxis] if scaled.ndim == 3 else scaled
    if x.dtype.kind not in "biuf":
        raise DataError(f"{where}: inputs are numbers, but the array is of {x.dtype}")
    with np.errstate(over="ignore"):  # a float64 too large for float32 is found just below
        values = x.astype(np.float32)
    if not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise DataError(f"{where}: the value at {place} is {x[place]}, not a finite float32")
    return values


def inputs_of(x: Rows, where: str, options: LoadOptions, *, white: int = 255) -> Rows:
    """Return examples as `as_inputs` does, or lazily where they are too many for memory.

    Parameters
    ----------
    x : array or LazyInputs
        One example a row, as the file has it.
    where : str
        The file, and the name inside it, for messages.
    options : LoadOptions
        ``stream`` decides; by default the size does.
    white : int
        The value of a picture that becomes 1.
    """
    if x.ndim < 2 or not options.streams(len(x), math.prod(x.shape[1:])):
        return as_inputs(x[:], where, white=white)
    shape = as_inputs(x[:0], where, white=white).shape[1:]
    return Mapped(x, lambda part: as_inputs(part, where, white=white), shape)


def as_targets(y: npt.NDArray[Any], where: str) -> Targets:
    """Return class numbers as `as_labels` does, and floats as numbers to predict, float32.

    Raises
    ------
    DataError
        If the array holds neither, or a number that is not finite.
    """
    column = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if column.ndim != 1 or column.dtype.kind != "f":
        return as_labels(y, where)
    targets = column.astype(np.float32)
    if not np.isfinite(targets).all():
        place = int(np.flatnonzero(~np.isfinite(targets))[0])
        raise DataError(f"{where}: the value at {place} is {column[place]}, not a finite float32")
    return targets


def white_of(x: Rows, white: int = 255) -> float:
    """Return what a value of 1 is in an array as a file holds it: pictures are bytes."""
    return float(white) if x.dtype == np.uint8 else 1.0


def as_labels(y: npt.NDArray[Any], where: str) -> Labels:
    """Return class numbers as a vector of int64; a column is taken as one.

    Raises
    ------
    DataError
        If the array does not hold one whole number an example, or one is negative.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise DataError(
            f"{where}: labels are one whole number an example, the number of its class,"
            f" but the array is of shape {y.shape} and {y.dtype}"
        )
    labels = y.astype(np.int64)
    if len(labels) and labels.min() < 0:
        raise DataError(f"{where}: classes are counted from 0, but label {labels.min()} is there")
    return labels


def numbered_classes(*labels: Targets) -> tuple[str, ...]:
    """Return the numbers up to the highest label as names; none for numbers to predict."""
    if any(y.dtype.kind == "f" for y in labels):
        return ()
    return tuple(str(i) for i in range(max(int(y.max(initial=-1)) for y in labels) + 1))


def one_hot(labels: Labels, classes: int) -> npt.NDArray[np.float32]:
    """Return class numbers as float32 rows with a 1 at the class."""
    return np.eye(classes, dtype=np.float32)[labels]
