"""The element types of tensors, as ``tf.DType`` of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import numpy as np


class DType:
    """An element type.

    One object exists for each type, so that ``is`` compares. It also compares equal to whatever
    spells it: ``tf.float32 == "float32"``, ``tf.float32 == np.float32``.

    Attributes
    ----------
    name : str
        ``"float32"`` and so on.
    as_numpy_dtype : type
        The NumPy scalar type.
    """

    __slots__ = ("as_numpy_dtype", "name", "np_dtype")

    def __init__(self, name: str, numpy_type: type) -> None:
        self.name = name
        self.as_numpy_dtype = numpy_type
        self.np_dtype: np.dtype[Any] = np.dtype(numpy_type)

    @property
    def is_floating(self) -> bool:
        """Whether this is a (non-complex) floating-point type."""
        return self.np_dtype.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether this is an integer type; bool is none."""
        return self.np_dtype.kind in "iu"

    @property
    def is_bool(self) -> bool:
        """Whether this is bool."""
        return self.np_dtype.kind == "b"

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return self.np_dtype.itemsize

    @property
    def base_dtype(self) -> DType:
        """The type itself; reference types are not told apart here."""
        return self

    @property
    def min(self) -> Any:
        """The smallest finite value."""
        return self._limits().min

    @property
    def max(self) -> Any:
        """The largest finite value."""
        return self._limits().max

    def _limits(self) -> Any:
        if self.is_floating:
            return np.finfo(self.np_dtype)
        if self.is_integer:
            return np.iinfo(self.np_dtype)
        raise TypeError(f"{self.name} has no smallest and largest value")

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        if other is None:
            return False
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)


bool_ = DType("bool", np.bool_)
int8 = DType("int8", np.int8)
int16 = DType("int16", np.int16)
int32 = DType("int32", np.int32)
int64 = DType("int64", np.int64)
uint8 = DType("uint8", np.uint8)
uint16 = DType("uint16", np.uint16)
uint32 = DType("uint32", np.uint32)
uint64 = DType("uint64", np.uint64)
float16 = DType("float16", np.float16)
float32 = DType("float32", np.float32)
float64 = DType("float64", np.float64)
# A value that is no array but a list of arrays. Only the ops on lists take it.
variant = DType("variant", np.object_)

# Byte strings. Few ops take them: those that keep, feed, summarise or iterate.
string = DType("string", np.object_)

ALL = (
    bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64,
)  # fmt: skip
FLOATING = (float32, float64, float16)
NUMERIC = ALL[1:]

_BY_NUMPY = {t.np_dtype: t for t in (*ALL, string)}
_BY_PYTHON: dict[type, DType] = {
    bool: bool_, int: int32, float: float32, str: string, bytes: string
}  # fmt: skip


def as_dtype(value: Any) -> DType:
    """Return any spelling of an element type as a `DType`.

    Parameters
    ----------
    value : DType, str, numpy.dtype or type
        ``tf.float32``, ``"float32"``, ``np.float32``, ``float`` (float32) or ``int`` (int32).

    Raises
    ------
    TypeError
        If it names no element type of the engine.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, type) and value in _BY_PYTHON:
        return _BY_PYTHON[value]
    if isinstance(value, str) and value == string.name:
        return string
    try:
        dtype = np.dtype(value)
        return string if dtype.kind in "SU" else _BY_NUMPY[dtype]
    except (TypeError, KeyError):
        known = ", ".join(t.name for t in ALL)
        raise TypeError(f"{value!r} is no element type; known are {known}") from None
