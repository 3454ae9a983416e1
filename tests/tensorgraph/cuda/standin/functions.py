"""The functions of the module that are no ufuncs, with the arguments that the real ones take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from standin.array import (
    FUNCTIONS,
    adopted,
    at_address,
    checked_dtype,
    computed,
    ndarray,
    unwrap,
    view_of,
    wrap,
)
from standin.memory import alloc
from standin.streams import CUDARuntimeError, effect, recording
from standin.traffic import TRAFFIC
from standin.ufuncs import refuse_capture

# Names of parameters, anywhere, that take arrays of the device. All others are of the host.
ARRAYS = {
    *("a", "b", "x", "y", "v", "ar", "array", "tup", "condition", "dst", "src", "where", "m", "A"),
    *("indices", "weights", "operands", "out", "a_min", "a_max", "prototype", "fill_value"),
    *("start", "stop", "args", "arrays", "sorter"),
}
SAME = {
    "all": "a, axis=None, out=None, keepdims=False",
    "any": "a, axis=None, out=None, keepdims=False",
    "sum": "a, axis=None, dtype=None, out=None, keepdims=False",
    "prod": "a, axis=None, dtype=None, out=None, keepdims=False",
    "mean": "a, axis=None, dtype=None, out=None, keepdims=False",
    "max": "a, axis=None, out=None, keepdims=False",
    "min": "a, axis=None, out=None, keepdims=False",
    "amax": "a, axis=None, out=None, keepdims=False",
    "amin": "a, axis=None, out=None, keepdims=False",
    "argmax": "a, axis=None, dtype=None, out=None, keepdims=False",
    "argmin": "a, axis=None, dtype=None, out=None, keepdims=False",
    "argsort": "a, axis=-1, kind=None",
    "sort": "a, axis=-1, kind=None",
    "take": "a, indices, axis=None, out=None",
    "take_along_axis": "a, indices, axis",
    "searchsorted": "a, v, side='left', sorter=None",
    "broadcast_arrays": "*args",
    "broadcast_to": "array, shape",
    "clip": "a, a_min, a_max, out=None",
    "concatenate": "tup, axis=0, out=None, *, dtype=None, casting='same_kind'",
    "stack": "tup, axis=0, out=None, *, dtype=None, casting='same_kind'",
    "copyto": "dst, src, casting='same_kind', where=None",
    "cumprod": "a, axis=None, dtype=None, out=None",
    "cumsum": "a, axis=None, dtype=None, out=None",
    "diagonal": "a, offset=0, axis1=0, axis2=1",
    "expand_dims": "a, axis",
    "flip": "a, axis=None",
    "moveaxis": "a, source, destination",
    "pad": "array, pad_width, mode='constant', **kwargs",
    "ravel": "a, order='C'",
    "repeat": "a, repeats, axis=None",
    "reshape": "a, newshape, order='C', *, copy=None",
    "roll": "a, shift, axis=None",
    "squeeze": "a, axis=None",
    "swapaxes": "a, axis1, axis2",
    "tile": "A, reps",
    "transpose": "a, axes=None",
    "tril": "m, k=0",
    "triu": "m, k=0",
    "where": "condition, x=None, y=None",
    "linspace": "start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0",
    "nan_to_num": "x, copy=True, nan=0.0, posinf=None, neginf=None",
}
# How many there are of what they return is known by looking.
LOOKING = {
    "argwhere": "a",
    "flatnonzero": "a",
    "nonzero": "a",
    "bincount": "x, weights=None, minlength=None",
    "unique": "ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, "
    "equal_nan=True",
}
BLAS = {
    "dot": "a, b, out=None",
    "tensordot": "a, b, axes=2",
    "einsum": "*operands, **kwargs",
}
SOLVER = {
    "cholesky": "a",
    "det": "a",
    "inv": "a",
    "qr": "a, mode='reduced'",
    "slogdet": "a",
    "solve": "a, b",
    "svd": "a, full_matrices=True, compute_uv=True",
    "eigh": "a, UPLO='L'",
}


def signature(parameters: str) -> inspect.Signature:
    """Return what a function takes, from how one would write it."""
    made: inspect.Signature = inspect.signature(eval(f"lambda {parameters}: None"))
    return made


def _checked(name: str, found: inspect.Signature, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments by name, when they are of the kinds that the device takes."""
    bound = found.bind(*args, **kwargs).arguments
    for parameter, value in bound.items():
        unwrapped = unwrap(value)
        if parameter not in ARRAYS and _has_array(value):
            raise TypeError(f"{name}: {parameter} must be of the host, not {type(value)}")
        del unwrapped
    return bound


def _has_array(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_array, value))
    return isinstance(value, ndarray)


def _function(name: str, parameters: str, numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    found = signature(parameters)
    first = next(iter(found.parameters))

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = _checked(name, found, args, kwargs)
        if name != "linspace" and not _has_array(list(bound.values())):
            raise TypeError(f"{name}: {first} must be of the device, not {type(args[:1])}")
        if name in LOOKING or (name == "where" and len(bound) == 1):
            if recording() is not None:
                raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported")
            TRAFFIC.down(8)
        if name in BLAS:
            refuse_capture("cuBLAS")
        if name == "einsum" and set(kwargs) - {"dtype", "casting", "optimize"}:
            raise TypeError(f"Did not understand the following kwargs: {list(kwargs)}")
        if name in SOLVER:
            refuse_capture("cuSOLVER")
        given, named = _for_numpy(name, found, args, kwargs)
        out = named.pop("out", None)
        if name == "copyto":
            effect(lambda: numpy_function(*given, **named))
            return None
        if out is None:
            return computed(lambda: numpy_function(*given, **named), *args, *kwargs.values())
        effect(lambda: _write(numpy_function, given, named, out._host))
        return out

    function.__name__, function.__signature__ = name, found  # type: ignore[attr-defined]
    return function


def _write(function: Callable[..., Any], given: Any, named: Any, out: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        function(*given, out=out, **named)


def _for_numpy(
    name: str, found: inspect.Signature, args: Any, kwargs: Any
) -> tuple[Any, dict[str, Any]]:
    """Return the arguments as NumPy's function takes them; ``out`` stays as it is."""
    if any(p.kind is p.VAR_POSITIONAL for p in found.parameters.values()):
        return unwrap(args), unwrap(kwargs)
    bound = found.bind(*args, **kwargs)
    extra = bound.arguments.pop("kwargs", {})
    out = bound.arguments.pop("out", None)
    # By place as far as it goes: NumPy calls a few parameters otherwise.
    places = [p.name for p in found.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    given: list[Any] = []
    for place in places:
        if place not in bound.arguments:
            break
        given.append(unwrap(bound.arguments.pop(place)))
    named = {**unwrap(dict(bound.arguments)), **unwrap(extra)}
    if name in ("argmax", "argmin"):
        named.pop("dtype", None)
    if name == "copyto" and len(given) == 4:
        named["where"] = given.pop()
    if name == "where" and len(given) == 1 and {"x", "y"} & set(named):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if out is not None:
        named["out"] = out
    return given, named


def array(
    obj: Any,
    dtype: Any = None,
    copy: Any = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> ndarray:
    """Return an array of the device from one of either side, or from numbers."""
    if isinstance(obj, ndarray):
        kind = obj.dtype if dtype is None else np.dtype(dtype)
        if not copy and kind == obj.dtype and obj.ndim >= ndmin:
            return obj
        return computed(lambda: np.array(obj._host, kind, order=order, ndmin=ndmin))
    if isinstance(obj, list | tuple) and _has_array(obj):
        return computed(lambda: np.stack([np.asarray(unwrap(o)) for o in obj]).astype(dtype))
    host = np.array(obj, dtype, ndmin=ndmin)
    checked_dtype(host.dtype)
    # A number is an argument of a kernel that fills.
    if host.ndim:
        if recording() is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported")
        TRAFFIC.up(host.nbytes)
    return adopted(host)


def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False
) -> ndarray:
    return array(a, dtype, bool(copy), order or "K", blocking=blocking)


def ascontiguousarray(a: ndarray, dtype: Any = None) -> ndarray:
    return computed(lambda: np.ascontiguousarray(a._host, dtype).reshape(a.shape), a)


def asnumpy(
    a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True
) -> np.ndarray:
    return a.get(stream, order, out, blocking) if isinstance(a, ndarray) else np.asarray(a)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return ndarray(shape, dtype, order=order)


def empty_like(
    prototype: ndarray, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    like = np.empty_like(prototype._host, dtype, order, shape=shape)
    memory = alloc(like.nbytes)
    return wrap(at_address(memory.ptr, like.shape, like.dtype, like.strides, "C"), memory.mem)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    kind = np.asarray(unwrap(fill_value)).dtype if dtype is None else dtype
    result = empty(shape, kind, order)
    result.fill(fill_value)
    return result


def full_like(
    a: ndarray,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: Any = None,
    shape: Any = None,
) -> ndarray:
    result = empty_like(a, dtype, order, subok, shape)
    result.fill(fill_value)
    return result


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return full(shape, 0, dtype, order)


def ones(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return full(shape, 1, dtype, order)


def zeros_like(
    a: ndarray, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    return full_like(a, 0, dtype, order, subok, shape)


def ones_like(
    a: ndarray, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    return full_like(a, 1, dtype, order, subok, shape)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    if _has_array([start, stop, step]):
        raise TypeError("arange takes numbers of the host")
    return computed(
        lambda: np.arange(*([0, start] if stop is None else [start, stop]), step, dtype)
    )


def eye(N: int, M: Any = None, k: int = 0, dtype: Any = float, order: str = "C") -> ndarray:
    return computed(lambda: np.eye(N, M, k, dtype))


def broadcast_shapes(*args: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*args)


def as_strided(x: ndarray, shape: Any = None, strides: Any = None) -> ndarray:
    return view_of(x, np.lib.stride_tricks.as_strided(x._host, shape, strides))


class broadcast:
    """What arrays of several shapes have in common."""

    def __init__(self, *arrays: Any) -> None:
        hosts = [np.broadcast_to(unwrap(a), np.shape(unwrap(a))) for a in arrays]
        self.shape = np.broadcast_shapes(*(h.shape for h in hosts))
        self.nd, self.size = len(self.shape), int(np.prod(self.shape))
        self.values = tuple(
            view_of(a, np.broadcast_to(a._host, self.shape)) if isinstance(a, ndarray) else a
            for a in arrays
        )


LINALG = {name: _function(name, text, getattr(np.linalg, name)) for name, text in SOLVER.items()}
FUNCTIONS.update(
    {
        name: _function(name, text, getattr(np, name))
        for table in (SAME, LOOKING, BLAS)
        for name, text in table.items()
    }
)
MADE = (
    array, asarray, ascontiguousarray, asnumpy, empty, empty_like, full, full_like, zeros, ones,
    zeros_like, ones_like, arange, eye, broadcast_shapes,
)  # fmt: skip
FUNCTIONS.update({f.__name__: f for f in MADE})
