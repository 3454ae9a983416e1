"""Reading pickled arrays without running what a pickle says.

A pickle is a program: it can call any function. This reader takes one apart that is made of
plain values, lists, dictionaries and NumPy arrays, and refuses everything else. Not even NumPy is
called with what stands in it: an array is put together here, once its description has been checked.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from tensorgraph.base.errors import DataError

_KINDS = "biufc"


class _Dtype:
    """A data type as a pickle describes it."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *flags: Any) -> None:
        del flags
        self.code = _text(code)
        self.order = "|"

    def __setstate__(self, state: Any) -> None:
        self.order = _text(state[1])

    def resolve(self) -> np.dtype[Any]:
        dtype = np.dtype(self.code)
        if dtype.kind not in _KINDS:
            raise pickle.UnpicklingError(f"an array of {dtype}")
        return dtype.newbyteorder(">") if self.order == ">" else dtype


class _Array:
    """An array as a pickle describes it: made empty, then filled."""

    __slots__ = ("value",)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if isinstance(content, str):  # bytes as Python 2 wrote them
            content = content.encode("latin-1")
        kind = dtype.resolve()
        if not isinstance(content, bytes) or math.prod(shape) * kind.itemsize != len(content):
            raise pickle.UnpicklingError("an array whose content does not suit its shape")
        flat = np.frombuffer(content, kind)
        self.value = flat.reshape(tuple(shape), order="F" if fortran else "C")


class _Call:
    """A function that a pickle may call; a fresh one each time, so that nothing can be changed."""

    __slots__ = ("_function",)
    _function: Any

    def __init__(self, function: Any) -> None:
        object.__setattr__(self, "_function", function)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"an attempt to set {name}")

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


def _empty_array(*args: Any) -> _Array:
    del args  # the class, a shape that is filled in later, and a type that is too
    return _Array()


def _encode(text: Any, encoding: Any) -> bytes:
    """Return bytes as Python 3 writes them in old protocols."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("a call of encode")
    return text.encode("latin-1")


_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED: dict[tuple[str, str], Any] = {
    **{(module, "_reconstruct"): _empty_array for module in _MODULES},
    ("numpy", "ndarray"): _empty_array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return _Call(_ALLOWED[module, name])

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError(f"a reference to {pid!r}")


def read_pickled_arrays(content: bytes, where: str) -> dict[str, Any]:
    """Return a pickled dictionary of plain values and arrays; its keys are text.

    Parameters
    ----------
    content : bytes
        The pickle.
    where : str
        The file, for messages.

    Raises
    ------
    DataError
        If it is damaged, no dictionary, or holds anything but plain values and arrays of numbers.
    """
    try:
        value = _Reader(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(value, dict):
            raise pickle.UnpicklingError(f"a {type(value).__name__}, not a dictionary")
        return {_text(key): _plain(entry) for key, entry in value.items()}
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{where} is refused: a pickle of arrays was expected, but it asks for {error}"
        ) from None
    # What a damaged pickle leads to is not documented (IndexError, KeyError, MemoryError, …).
    except Exception as error:
        raise DataError(f"{where} is damaged, or no pickle of arrays: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict | str | int | float | bool | None):
        return value
    raise pickle.UnpicklingError(f"a {type(value).__name__.strip('_')}")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
