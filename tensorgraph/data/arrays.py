"""From arrays as files hold them to arrays as networks take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data.examples import Inputs, Labels


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


def numbered_classes(*labels: Labels) -> tuple[str, ...]:
    """Return the numbers up to the highest label as names."""
    return tuple(str(i) for i in range(max(int(y.max(initial=-1)) for y in labels) + 1))
