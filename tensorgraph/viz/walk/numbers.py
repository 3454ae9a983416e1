"""Arrays as a page shows them: whole where they are small, else a picture and a corner."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.viz import labels

Array = np.ndarray[Any, Any]

LARGEST_TABLE = 12
"""A matrix of at most so many rows and columns is shown whole."""

CORNER = 6
"""Of a larger one, so many rows and columns: of a picture those in the middle, else the first."""

LARGEST_PICTURE = 64
"""A matrix of at most so many rows and columns is shown as a picture too."""

DIGITS = 4


def number_text(value: Any, digits: int = DIGITS) -> str:
    """Return a number as a reader writes it: few digits, and a true minus sign."""
    if isinstance(value, str | bytes | np.str_ | np.bytes_):
        return repr(value)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(value).replace("-", "−")
    number = float(value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
    text = f"{number:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        text = f"{mantissa}e{int(exponent)}"
    return "0" if text == "-0" else text.replace("-", "−")


def short_text(array: Array) -> str:
    """Return a value in a few characters, for an arrow: a number, or the shape and the range."""
    if array.size == 1:
        return number_text(array.reshape(-1)[0])
    if array.size <= 3 and array.dtype.kind != "O":
        return f"[{' '.join(number_text(v) for v in array.reshape(-1))}]"
    if array.size == 0:
        return labels.shape_text(array.shape)
    # Axes of one place, as the number of examples often is, say little.
    shape = labels.shape_text(tuple(size for size in array.shape if size > 1)).strip("()")
    if array.dtype.kind not in "biuf":
        return shape
    low, high = number_text(array.min(), 2), number_text(array.max(), 2)
    return f"{shape}: {low}" if low == high else f"{shape}: {low}…{high}"


def describe_array(array: Array, is_filter: bool = False) -> dict[str, Any]:
    """Return what a page shows of a value, as JSON can hold it.

    Parameters
    ----------
    array : ndarray
        The value.
    is_filter : bool, default False
        Whether it is the filter of a convolution, whose first axes are height and width; those of
        images come after the number of the example.

    Returns
    -------
    dict
        ``shape``; ``facts`` on all its numbers; ``rows`` of texts, and the ``heat`` of each number
        from -4 to 4; ``part``, what of the array that is, where it is not the whole; ``picture``
        of a larger matrix, a byte for each number.
    """
    matrix, part = _matrix(array, is_filter)
    rows, columns = _shown(matrix)
    shown, largest = matrix[rows, columns], _largest(array)
    result: dict[str, Any] = {
        "shape": labels.shape_text(array.shape) if array.ndim else "a number",
        "facts": _facts(array),
        "part": part,
        "rows": [[number_text(v) for v in row] for row in shown],
        "heat": [[_heat(v, largest) for v in row] for row in shown],
    }
    if shown.size < matrix.size:
        result["cut"] = _span(
            "row", rows, matrix.shape[0], _span("column", columns, matrix.shape[1])
        )
        if _is_picture(matrix):
            result["picture"] = _picture(matrix, largest)
    return result


def _is_picture(matrix: Array) -> bool:
    sizes: list[int] = sorted(matrix.shape)
    low, high = sizes
    return low > 1 and LARGEST_TABLE < high <= LARGEST_PICTURE


def _shown(matrix: Array) -> tuple[slice, slice]:
    """Return which rows and columns of a matrix are shown as numbers."""
    if max(matrix.shape, default=0) <= LARGEST_TABLE:
        return slice(None), slice(None)
    if not _is_picture(matrix):
        # A vector has room for more.
        return slice(CORNER), slice(LARGEST_TABLE if len(matrix) == 1 else CORNER)
    rows, columns = (max(0, (size - CORNER) // 2) for size in matrix.shape)
    return slice(rows, rows + CORNER), slice(columns, columns + CORNER)


def _span(word: str, part: slice, size: int, others: str = "") -> str:
    """Return ``rows 11 to 16 of 28``, counted from 0, before `others`; only those if all are."""
    first, end, _ = part.indices(size)
    if end - first == size:
        return others
    text = f"{word}s {first} to {end - 1} of {size}"
    return f"{text}, {others}" if others else text


def shown_places(array: Array, is_filter: bool = False) -> Array:
    """Return the table that shows an array, with the number of each element in place of it.

    Elements are numbered in row-major order.
    """
    matrix, _ = _matrix(np.arange(array.size).reshape(array.shape), is_filter)
    return matrix[_shown(matrix)]


def cell_of(array: Array, index: Sequence[int], is_filter: bool = False) -> tuple[int, int] | None:
    """Return where an element stands in the table that shows it, None if it is not in it."""
    number = np.ravel_multi_index(tuple(index), array.shape) if array.ndim else 0
    found = np.argwhere(shown_places(array, is_filter) == number)
    return (int(found[0][0]), int(found[0][1])) if len(found) else None


def _matrix(array: Array, is_filter: bool) -> tuple[Array, str]:
    """Return two axes of an array, and in words which."""
    if array.ndim <= 1:
        return array.reshape(1, -1), ""
    if array.ndim == 2:
        return array, ""
    if not array.size:
        return array.reshape(0, 0), ""
    rows = 0 if is_filter else 1
    if array.shape[rows] == array.shape[rows + 1] == 1:
        return _matrix(array.reshape(array.shape[0], -1), False)  # an image of a single place
    place = [slice(None) if axis in (rows, rows + 1) else 0 for axis in range(array.ndim)]
    part = f"[{', '.join(':' if isinstance(p, slice) else '0' for p in place)}]"
    matrix = array[tuple(place)]
    return matrix, part if matrix.size < array.size else ""


def _facts(array: Array) -> str:
    """Return least, largest and mean of an array of several numbers."""
    if array.size <= 1 or array.dtype.kind not in "iuf":
        return "" if array.size else "no elements"
    finite = array[np.isfinite(array)]
    bad = array.size - finite.size
    texts = [f"{bad:,} of {array.size:,} are NaN or infinite"] if bad else []
    if finite.size:
        wide = finite.astype(np.float64)
        texts.append(
            f"from {number_text(finite.min())} to {number_text(finite.max())},"
            f" mean {number_text(wide.mean(), 3)}"
        )
    return "; ".join(texts)


def _largest(array: Array) -> float:
    """Return the largest absolute value, for the colours."""
    if array.dtype.kind not in "iuf" or not array.size:
        return 0.0
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    return float(finite.max()) if finite.size else 0.0


def _heat(value: Any, largest: float) -> int:
    """Return how strong a number is among the others of its array, from -4 to 4."""
    if not largest or not np.isfinite(value):
        return 0
    share = float(value) / largest
    return int(math.copysign(math.ceil(abs(share) * 4 - 0.2), share)) if share else 0


def _picture(matrix: Array, largest: float) -> dict[str, Any]:
    """Return a picture of a matrix: 128 is 0, above it is positive, below negative."""
    scaled = np.nan_to_num(matrix.astype(np.float64)) / (largest or 1.0)
    levels = np.clip(np.rint(128 + 127 * scaled), 1, 255).astype(np.uint8)
    return {
        "height": matrix.shape[0],
        "width": matrix.shape[1],
        "levels": b64encode(levels.tobytes()).decode("ascii"),
    }
