"""The stand-in of `cupy.ndarray`: an array of NumPy inside, and no way to it by accident."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from standin import indexing
from standin.memory import Memory, MemoryPointer, alloc, get_allocator
from standin.streams import CUDARuntimeError, Stream, effect, get_current_stream, recording
from standin.traffic import TRAFFIC

SCALARS = (bool, int, float, complex, np.generic)
KINDS = "?bhilqBHILQefd"


class ndarray:  # named as the real one
    """An array on the device."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    _host: np.ndarray
    _memory: Any

    def __new__(
        cls,
        shape: Any,
        dtype: Any = float,
        memptr: MemoryPointer | None = None,
        strides: Any = None,
        order: str = "C",
    ) -> ndarray:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        kind = checked_dtype(dtype)
        if memptr is None:
            size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
            memptr = alloc(size)
        host = at_address(memptr.ptr, shape, kind, strides, order)
        return wrap(host, memptr.mem)

    # What of the host can be seen without its content.

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    T = property(lambda self: view_of(self, self._host.T))
    mT = property(lambda self: view_of(self, self._host.mT))
    real = property(lambda self: self)

    @property
    def flags(self) -> Any:
        return Flags(self._host.flags)

    @property
    def data(self) -> MemoryPointer:
        return MemoryPointer(self._memory, self._host.ctypes.data - self._memory.ptr)

    @property
    def base(self) -> ndarray | None:
        return self if self._host.base is not None else None

    # What the real one refuses, or does by a copy to the host.

    def __array__(self, dtype: Any = None) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(
        self,
        stream: Stream | None = None,
        order: str = "C",
        out: np.ndarray | None = None,
        blocking: bool = True,
    ) -> np.ndarray:
        stream = stream or get_current_stream()
        if stream.captured is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported")
        if out is not None:
            if not isinstance(out, np.ndarray) or out.dtype != self.dtype:
                raise TypeError("only a numpy.ndarray of the same type can be obtained")
            if out.shape != self.shape:
                raise ValueError("Shape mismatch")
        TRAFFIC.down(self.nbytes)
        target = np.empty(self.shape, self.dtype) if out is None else out
        stream.settle()
        if blocking:
            np.copyto(target, self._host)
        else:
            stream.later(lambda: np.copyto(target, self._host))
        return target

    def set(self, arr: np.ndarray, stream: Stream | None = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError("Shape mismatch")
        arr = np.ascontiguousarray(arr)
        self.data.copy_from_host_async(arr.ctypes.data, self.nbytes, stream)
        (stream or get_current_stream()).synchronize()  # `arr` may be a copy that goes away

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self.get().tobytes(order)

    def __bool__(self) -> bool:
        if self.size == 0:
            warnings.warn("The truth value of an empty array", DeprecationWarning, stacklevel=2)
            return False
        if self.size > 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, spec: str) -> str:
        return format(self.get(), spec)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[ndarray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    # NumPy's own functions hand over to those of the module.

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        found = UFUNCS.get(function.__name__)
        if found is None:
            return NotImplemented
        return getattr(found, method)(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        found = FUNCTIONS.get(function.__name__)
        return NotImplemented if found is None else found(*args, **kwargs)

    # Indices.

    def __getitem__(self, slices: Any) -> ndarray:
        return indexing.getitem(self, slices)

    def __setitem__(self, slices: Any, value: Any) -> None:
        indexing.setitem(self, slices, value)

    def fill(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            if value.shape:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            value = value.item()
        host, given = self._host, unwrap(value)
        effect(lambda: host.fill(given) if not isinstance(given, np.ndarray) else _put(host, given))

    # Other shapes of the same numbers.

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return view_of(self, self._host.view() if dtype is None else self._host.view(dtype))

    def reduced_view(self, dtype: Any = None) -> ndarray:
        return self


def _put(target: np.ndarray, value: Any) -> None:
    target[...] = value


class Flags:
    """As `cupy` has them: fewer than NumPy."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata
        self.forc, self.fnc = flags.forc, flags.fnc

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))


def checked_dtype(dtype: Any) -> np.dtype:
    """Return a dtype that the device has."""
    kind = np.dtype(dtype)
    if kind.char not in KINDS:
        raise ValueError(f"Unsupported dtype {kind}")
    return kind


def at_address(
    address: int, shape: tuple[int, ...], dtype: np.dtype, strides: Any, order: str
) -> np.ndarray:
    """Return an array over memory, which the caller keeps alive."""
    if strides is None:
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        strides = np.empty(shape, np.uint8, order=order).strides
        strides = tuple(s * dtype.itemsize for s in strides)
    else:
        size = dtype.itemsize + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if not size or not address:
        return np.empty(shape, dtype)
    interface = {"shape": (size,), "typestr": "|u1", "data": (address, False), "version": 3}
    holder = type("Bytes", (), {"__array_interface__": interface})()
    return np.ndarray(shape, dtype, np.asarray(holder), 0, strides)


def wrap(host: np.ndarray, memory: Any) -> ndarray:
    """Return an array of the device over one of the host."""
    made = object.__new__(ndarray)
    made._host, made._memory = host, memory
    return made


def view_of(array: ndarray, host: np.ndarray) -> ndarray:
    return wrap(host, array._memory)


def adopted(value: Any) -> ndarray:
    """Return a new array of the device with the numbers of one of the host."""
    host = np.asarray(value)
    checked_dtype(host.dtype)
    pool = getattr(get_allocator(), "__self__", None)
    # In the pool's accounts, without a copy.
    owned = host.copy(order="K") if host.base is not None or not host.flags.owndata else host
    return wrap(owned, pool.adopt(owned).mem if pool is not None else Memory(owned))


def unwrap(value: Any) -> Any:
    """Return what NumPy computes with; arrays of the host are refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, list | tuple):
        return type(value)(map(unwrap, value))
    if isinstance(value, dict):
        return {key: unwrap(v) for key, v in value.items()}
    return value


def computed(compute: Callable[[], Any], *sources: Any) -> Any:
    """Return the results of a function of NumPy as arrays of the device, and record it.

    A result in the memory of one of the `sources` is a view.
    """
    if recording() is None:
        get_current_stream().settle()
    with np.errstate(all="ignore"):
        value = compute()
    if isinstance(value, tuple) or type(value) is list:
        kind = getattr(type(value), "_make", type(value))
        return kind([_result(v, lambda i=i: compute()[i], sources) for i, v in enumerate(value)])
    return _result(value, compute, sources)


def _result(value: Any, compute: Callable[[], Any], sources: Any) -> ndarray:
    host = np.asarray(value)
    for source in arrays_in(sources):
        if np.may_share_memory(host, source._host) and host.size:
            return view_of(source, host)
    result = adopted(host)
    if (recorded := recording()) is not None:

        def again() -> None:
            with np.errstate(all="ignore"):
                result._host[...] = compute()

        recorded.append(again)
    return result


def arrays_in(values: Any) -> Iterator[ndarray]:
    for value in values:
        if isinstance(value, ndarray):
            yield value
        elif isinstance(value, list | tuple):
            yield from arrays_in(value)


# The functions of the module, by name, for NumPy's to hand over to.
UFUNCS: dict[str, Any] = {}
FUNCTIONS: dict[str, Any] = {}
