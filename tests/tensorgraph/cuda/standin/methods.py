"""Operators and methods of arrays, with the arguments that the real ones take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from standin import indexing
from standin.array import SCALARS, UFUNCS, computed, ndarray, unwrap
from standin.streams import effect
from standin.traffic import TRAFFIC


def _binary(name: str, swapped: bool = False) -> Callable[[ndarray, Any], Any]:
    def method(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (ndarray, *SCALARS)):
            return (
                NotImplemented if not isinstance(other, np.ndarray) else UFUNCS[name](self, other)
            )
        return UFUNCS[name](*((other, self) if swapped else (self, other)))

    return method


def _in_place(name: str) -> Callable[[ndarray, Any], ndarray]:
    def method(self: ndarray, other: Any) -> ndarray:
        UFUNCS[name](self, other, out=self)
        return self

    return method


def _unary(name: str) -> Callable[[ndarray], Any]:
    def method(self: ndarray) -> Any:
        return UFUNCS[name](self)

    return method


for _operator, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
    "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "and": "bitwise_and",
    "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift",
    "matmul": "matmul",
}.items():  # fmt: skip
    setattr(ndarray, f"__{_operator}__", _binary(_name))
    setattr(ndarray, f"__r{_operator}__", _binary(_name, swapped=True))
    if _operator != "matmul":
        setattr(ndarray, f"__i{_operator}__", _in_place(_name))
for _operator, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal",
}.items():  # fmt: skip
    setattr(ndarray, f"__{_operator}__", _binary(_name))
for _operator, _name in {
    "neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert",
}.items():  # fmt: skip
    setattr(ndarray, f"__{_operator}__", _unary(_name))

# Methods with the arguments of the real ones; those that are the same method of NumPy's.
METHODS = {
    "sum": "axis=None, dtype=None, out=None, keepdims=False",
    "prod": "axis=None, dtype=None, out=None, keepdims=None",
    "max": "axis=None, out=None, keepdims=False",
    "min": "axis=None, out=None, keepdims=False",
    "mean": "axis=None, dtype=None, out=None, keepdims=False",
    "var": "axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "std": "axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "all": "axis=None, out=None, keepdims=False",
    "any": "axis=None, out=None, keepdims=False",
    "argmax": "axis=None, out=None, dtype=None, keepdims=False",
    "argmin": "axis=None, out=None, dtype=None, keepdims=False",
    "cumsum": "axis=None, dtype=None, out=None",
    "cumprod": "axis=None, dtype=None, out=None",
    "clip": "min=None, max=None, out=None",
    "round": "decimals=0, out=None",
    "repeat": "repeats, axis=None",
    "take": "indices, axis=None, out=None",
    "reshape": "*shape, order='C', copy=None",
    "transpose": "*axes",
    "swapaxes": "axis1, axis2",
    "ravel": "order='C'",
    "flatten": "order='C'",
    "squeeze": "axis=None",
    "astype": "dtype, order='K', casting=None, subok=None, copy=True",
    "copy": "order='C'",
    "argsort": "axis=-1, kind=None",
    "searchsorted": "v, side='left', sorter=None",
    "diagonal": "offset=0, axis1=0, axis2=1",
    "trace": "offset=0, axis1=0, axis2=1, dtype=None, out=None",
    "nonzero": "",
}
IN_PLACE = {"sort": "axis=-1, kind=None", "partition": "kth, axis=-1"}


def _method(name: str, parameters: str) -> Callable[..., Any]:
    signature = inspect.signature(eval(f"lambda self, {parameters}: None"))

    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        signature.bind(self, *args, **kwargs)
        if name == "nonzero":
            TRAFFIC.down(8)  # how many there are decides the shape
        if name in ("argmax", "argmin"):
            kwargs = {k: v for k, v in kwargs.items() if k != "dtype"}
        if name == "take":
            return indexing.take(self, *args, **kwargs)
        out = kwargs.pop("out", None)
        given, named = unwrap(args), unwrap(kwargs)
        compute = getattr(self._host, name)
        if out is None:
            return computed(lambda: compute(*given, **named), self)
        effect(lambda: _quiet(compute, *given, out=out._host, **named))
        return out

    return method


def _quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    with np.errstate(all="ignore"):
        function(*args, **kwargs)


def _method_in_place(name: str, parameters: str) -> Callable[..., None]:
    signature = inspect.signature(eval(f"lambda self, {parameters}: None"))

    def method(self: ndarray, *args: Any, **kwargs: Any) -> None:
        signature.bind(self, *args, **kwargs)
        effect(lambda: getattr(self._host, name)(*args, **kwargs))

    return method


for _name, _parameters in METHODS.items():
    setattr(ndarray, _name, _method(_name, _parameters))
for _name, _parameters in IN_PLACE.items():
    setattr(ndarray, _name, _method_in_place(_name, _parameters))
