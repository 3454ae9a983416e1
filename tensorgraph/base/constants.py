"""From Python values to the arrays that constants and feeds hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import TensorShape


def constant_array(value: Any, dtype: DType | None = None) -> np.ndarray[Any, Any]:
    """Return a Python or NumPy value as a read-only array.

    Parameters
    ----------
    value : array_like
        Python floats become float32 and integers int32 (int64 where they need it); NumPy arrays
        keep their type.
    dtype : DType, optional
        The element type to have instead.

    Raises
    ------
    TypeError
        If the elements are no numbers or bools, or cannot have that type without losing more than
        precision.
    ValueError
        If the value is ragged.
    """
    if isinstance(value, TensorShape):
        value = value.as_list()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"cannot make a tensor of a ragged value: {error}") from None
    if array.dtype.kind in "USO" and dtype in (None, dtypes.string):
        return string_array(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"cannot make a tensor of {value!r}: its elements are no numbers or bools")
    if dtype is None:
        dtype = _default_dtype(array, isinstance(value, np.ndarray | np.generic))
    elif not _convertible(array, dtype):
        raise TypeError(f"{value!r} ({array.dtype}) cannot become {dtype.name} without loss")
    result = np.array(array, dtype.np_dtype)
    result.flags.writeable = False
    return result


def string_array(value: Any) -> np.ndarray[Any, Any]:
    """Return strings as a read-only array of bytes objects; text is encoded as UTF-8.

    Raises
    ------
    TypeError
        If an element is no string.
    """
    # As objects, for NumPy's own strings lose zero bytes at their end.
    given = np.asarray(value, np.object_)
    result = np.empty(given.size, np.object_)
    for i, item in enumerate(given.ravel()):
        if not isinstance(item, str | bytes):
            raise TypeError(f"{item!r} is no string")
        result[i] = item.encode() if isinstance(item, str) else bytes(item)
    strings = result.reshape(given.shape)
    strings.flags.writeable = False
    return strings


def _default_dtype(array: np.ndarray[Any, Any], from_numpy: bool) -> DType:
    if from_numpy or array.dtype.kind in "bu":
        return dtypes.as_dtype(array.dtype)
    if array.dtype.kind == "f" or array.size == 0:
        return dtypes.float32
    return dtypes.int32 if _in_range(array, dtypes.int32) else dtypes.int64


def _convertible(array: np.ndarray[Any, Any], dtype: DType) -> bool:
    if dtype is dtypes.string:
        return False
    if array.size == 0 or array.dtype == dtype.np_dtype:
        return True
    if array.dtype.kind == "b" or dtype.is_bool:
        return False
    if array.dtype.kind == "f":
        return dtype.is_floating
    return dtype.is_floating or _in_range(array, dtype)


def _in_range(array: np.ndarray[Any, Any], dtype: DType) -> bool:
    return array.size == 0 or bool(dtype.min <= array.min() and array.max() <= dtype.max)


def feed_array(value: Any, dtype: DType) -> np.ndarray[Any, Any]:
    """Return a fed value as an array of that type, the array itself where it is one.

    Raises
    ------
    TypeError
        If the value is no array, or floats are to become integers.
    ValueError
        If the value is ragged.
    """
    if dtype is dtypes.string:
        return string_array(value)
    if isinstance(value, np.ndarray) and value.dtype == dtype.np_dtype:
        return value
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"the value is ragged: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"the value is no array of numbers: {value!r}")
    if array.dtype.kind == "b" or array.dtype == dtype.np_dtype or _convertible(array, dtype):
        return array.astype(dtype.np_dtype)
    raise TypeError(f"values of {array.dtype} cannot become {dtype.name} without loss")
