"""Indices as CuPy takes them: whole numbers out of range wrap around, arrays of the host travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from standin import array as arrays
from standin.streams import CUDARuntimeError, effect, recording
from standin.traffic import TRAFFIC

if TYPE_CHECKING:
    from standin.array import ndarray


def getitem(self: ndarray, slices: Any) -> ndarray:
    """Return ``self[slices]``."""
    index, advanced = _prepared(self, slices)
    host = self._host
    if not advanced:
        return arrays.view_of(self, host[index])
    if any(_is_mask(part) for part in index):
        if recording() is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported")
        TRAFFIC.down(8)  # how many there are decides the shape
    return arrays.computed(lambda: host[_wrapped(index, host.shape)])


def setitem(self: ndarray, slices: Any, value: Any) -> None:
    """Do ``self[slices] = value``."""
    index, _ = _prepared(self, slices)
    if isinstance(value, np.ndarray):
        if value.shape:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        value = value.item()
    host, given = self._host, arrays.unwrap(value)
    if not isinstance(value, (arrays.ndarray, *arrays.SCALARS)):
        raise TypeError(f"Unsupported type {type(value)}")

    def work() -> None:
        with np.errstate(all="ignore"):
            host[_wrapped(index, host.shape)] = given

    effect(work)


# What the atomic functions of a card are there for.
SCATTERED = {
    "add": "ilqefdILQ", "subtract": "iI", "maximum": "ilqfdILQ", "minimum": "ilqfdILQ",
}  # fmt: skip


def scatter(name: str, a: ndarray, slices: Any, b: Any) -> None:
    """Do ``ufunc.at(a, slices, b)``."""
    if name not in SCATTERED:
        raise NotImplementedError(f"`cupy_{name}.at` is not supported yet")
    index, advanced = _prepared(a, slices)
    if advanced and a.dtype.char not in SCATTERED[name]:
        raise TypeError(f"cupy.{name}.at does not support {a.dtype}")
    host, given = a._host, arrays.unwrap(b)
    effect(lambda: getattr(np, name).at(host, _wrapped(index, host.shape), given))


def take(self: ndarray, indices: Any, axis: Any = None, out: Any = None) -> ndarray:
    """Return ``self.take(indices, axis)``."""
    if not isinstance(indices, (arrays.ndarray, int, np.integer)):
        indices = _moved(indices)
    given, host = arrays.unwrap(indices), self._host
    if out is None:
        return arrays.computed(lambda: np.take(host, given, axis, mode="wrap"))
    effect(lambda: np.take(host, given, axis, out._host, "wrap"))
    return out


def _prepared(self: ndarray, slices: Any) -> tuple[tuple[Any, ...], bool]:
    """Return an index for NumPy, and whether it has arrays in it."""
    parts, advanced = [], False
    for given in slices if isinstance(slices, tuple) else (slices,):
        from_host = isinstance(given, list | tuple | np.ndarray | bool | np.bool_)
        part = _moved(given) if from_host else given
        if isinstance(part, arrays.ndarray):
            if part.dtype.kind not in "biu":
                raise IndexError("arrays used as indices must be of integer or boolean type")
            advanced = True
        parts.append(arrays.unwrap(part))
    if not any(part is Ellipsis for part in parts):
        # A number for each axis gives an array without axes, never a number.
        parts.append(Ellipsis)
    return tuple(parts), advanced


def _moved(values: Any) -> ndarray:
    host = np.asarray(values)
    TRAFFIC.up(host.nbytes)
    return arrays.adopted(host.astype(np.int32) if not host.size else host)


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool


def _wrapped(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the index with whole numbers in range, as a card takes them."""
    given = sum(p.ndim if _is_mask(p) else p is not None and p is not Ellipsis for p in index)
    axis, result = 0, []
    for part in index:
        if part is Ellipsis:
            axis += len(shape) - given
        elif _is_mask(part):
            axis += part.ndim
        elif part is not None:
            axis += 1
        is_places = isinstance(part, np.ndarray) and not _is_mask(part) and shape[axis - 1]
        result.append(part % shape[axis - 1] if is_places else part)
    return tuple(result)
