"""Which way a convolution is computed: a fixed rule by its shapes."""

from __future__ import annotations

from typing import Any

from tensorgraph.ops.convolution import columns, points, rows, winograd
from tensorgraph.ops.convolution.case import Case, Method


def choose(case: Case, dtype: Any, strict: bool, by_input: bool = False) -> Method:
    """Return the method for a convolution.

    Parameters
    ----------
    case : Case
        Its shapes.
    dtype : dtype
        Its element type.
    strict : bool
        Whether the last digits matter more than time.
    by_input : bool, default False
        Its gradient by the images is wanted, and not one of the other products.
    """
    if points.suits(case):
        return points
    if columns.suits_by_input(case) if by_input else columns.suits(case):
        return columns
    if winograd.suits(case, dtype, strict):
        return winograd
    return rows
