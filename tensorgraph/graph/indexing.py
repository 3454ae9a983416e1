"""What ``tensor[...]`` asks for, as the inputs and masks of TensorFlow's StridedSlice.

An index is a list of entries: ranges, single places, new axes, and at most one ellipsis. Each has
a number in each of `begin`, `end` and `strides`, and a bit in the masks says what kind it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import Dimension

# What stands for a new axis in an index.
newaxis = None

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")

_INDEX_DTYPES = ("int32", "int64")


class Index(NamedTuple):
    """An index in the form of StridedSlice.

    Attributes
    ----------
    begin, end, strides : list
        Numbers or integer scalars, one an entry.
    masks : dict
        The five masks, by the names that TensorFlow gives them.
    """

    begin: list[Any]
    end: list[Any]
    strides: list[Any]
    masks: dict[str, int]


def is_mask(key: Any) -> bool:
    """Return whether the key of ``tensor[key]`` is an array or tensor of bools."""
    dtype = getattr(key, "dtype", None)
    return isinstance(dtype, DType | np.dtype) and dtype == np.dtype(bool)


def parse_index(key: Any) -> Index:
    """Return what the key of ``tensor[key]`` asks for.

    Parameters
    ----------
    key : int, slice, Ellipsis, None, scalar integer tensor, or tuple of them
        As in NumPy, without lists and masks.

    Raises
    ------
    TypeError
        If an entry is something else.
    ValueError
        If there are two ellipses, or a step is 0.
    """
    entries = key if isinstance(key, tuple) else (key,)
    index = Index([], [], [], dict.fromkeys(MASKS, 0))
    for place, entry in enumerate(entries):
        begin, end, step, kinds = _entry(entry)
        if "ellipsis_mask" in kinds and index.masks["ellipsis_mask"]:
            raise ValueError("an index may have one ellipsis only")
        index.begin.append(begin)
        index.end.append(end)
        index.strides.append(step)
        for kind in kinds:
            index.masks[kind] |= 1 << place
    return index


def _entry(entry: Any) -> tuple[Any, Any, Any, tuple[str, ...]]:
    """Return begin, end and step of an entry, and the masks in which it has its bit."""
    if entry is Ellipsis:
        return 0, 0, 1, ("ellipsis_mask",)
    if entry is None:
        return 0, 0, 1, ("new_axis_mask",)
    if isinstance(entry, slice):
        kinds = [
            mask
            for mask, bound in (("begin_mask", entry.start), ("end_mask", entry.stop))
            if bound is None
        ]
        step = 1 if entry.step is None else _checked(entry.step)
        if isinstance(step, int) and step == 0:
            raise ValueError("the step of a slice must not be 0")
        begin = 0 if entry.start is None else _checked(entry.start)
        end = 0 if entry.stop is None else _checked(entry.stop)
        return begin, end, step, tuple(kinds)
    place = _checked(entry)
    return place, place + 1, 1, ("shrink_axis_mask",)


def _checked(entry: Any) -> Any:
    """Return a number as an int, and a scalar integer tensor as it is."""
    if isinstance(entry, int | np.integer | Dimension) and not isinstance(entry, bool):
        return int(entry)
    dtype = getattr(entry, "dtype", None)
    if isinstance(dtype, DType) and dtype.name in _INDEX_DTYPES and len(entry.shape.dims or ()) < 1:
        return entry
    raise TypeError(
        "a tensor is indexed by integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and"
        f" scalar tensors of int32 or int64, or by one mask, but not by {entry!r}: use tf.gather"
    )
