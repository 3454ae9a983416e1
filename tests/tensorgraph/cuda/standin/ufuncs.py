"""The stand-in of `cupy.ufunc`."""

from __future__ import annotations

from typing import Any

import numpy as np

from standin import indexing
from standin.array import SCALARS, UFUNCS, computed, ndarray, unwrap
from standin.streams import effect, recording

NAMES = (
    "abs", "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "bitwise_and", "bitwise_or", "bitwise_xor", "cbrt", "ceil", "copysign",
    "cos", "cosh", "divide", "equal", "exp", "exp2", "expm1", "fabs", "floor",
    "floor_divide", "fmax", "fmin", "fmod", "greater", "greater_equal", "hypot", "invert",
    "isfinite", "isinf", "isnan", "ldexp", "left_shift", "less", "less_equal", "log",
    "log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or",
    "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal",
    "positive", "power", "reciprocal", "remainder", "right_shift", "rint", "sign",
    "signbit", "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh", "true_divide",
    "trunc",
)  # fmt: skip


class ufunc:  # named as the real one
    """A function of each element."""

    def __init__(self, name: str) -> None:
        self.name, self._numpy = f"cupy_{name}", getattr(np, name)
        self.nin, self.nout = self._numpy.nin, self._numpy.nout
        self.__name__ = self.name

    @property
    def types(self) -> list[str]:
        return list(self._numpy.types)

    def __call__(self, *args: Any, **kwargs: Any) -> ndarray:
        out, dtype = kwargs.pop("out", None), kwargs.pop("dtype", None)
        casting = kwargs.pop("casting", "same_kind")
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        inputs, given = args[: self.nin], args[self.nin :]
        if len(inputs) < self.nin or len(given) > self.nout:
            raise TypeError(f"Wrong number of arguments for {self.name!r}")
        if given:
            (out,) = given
        elif isinstance(out, tuple):
            (out,) = out
        for value in inputs:
            if not isinstance(value, (ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)}")
        hosts = unwrap(inputs)
        named = {"casting": casting} if dtype is None else {"casting": casting, "dtype": dtype}
        if out is None:
            return computed(lambda: self._numpy(*hosts, **named))
        if not isinstance(out, ndarray):
            raise TypeError("return arrays must be of cupy.ndarray")
        # What does not fit is refused at once, also while work is only recorded.
        kinds = [h.dtype if isinstance(h, np.ndarray | np.generic) else type(h) for h in hosts]
        self._numpy.resolve_dtypes((*kinds, out.dtype), casting=casting)
        if np.broadcast_shapes(*(np.shape(h) for h in hosts), out.shape) != out.shape:
            raise ValueError("operands could not be broadcast to the shape of out")

        def work() -> None:
            with np.errstate(all="ignore"):
                self._numpy(*hosts, out=out._host, **named)

        effect(work)
        return out

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        indexing.scatter(self.name.removeprefix("cupy_"), a, indices, b)

    def reduce(
        self,
        array: ndarray,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
    ) -> Any:
        if self.name == "cupy_add":
            return array.sum(axis, dtype, out, keepdims)
        if self.name == "cupy_multiply":
            return array.prod(axis, dtype, out, keepdims)
        raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")

    def accumulate(self, array: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.name == "cupy_add":
            return array.cumsum(axis, dtype, out)
        if self.name == "cupy_multiply":
            return array.cumprod(axis, dtype, out)
        raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")

    def reduceat(
        self, array: ndarray, indices: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        if self.name != "cupy_add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        host, places = array._host, indices._host
        return computed(lambda: np.add.reduceat(host, places, axis, dtype))

    def outer(self, A: ndarray, B: ndarray, **kwargs: Any) -> Any:
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)


class matmul(ufunc):
    """A matrix product: of the libraries of which none can be captured."""

    def __call__(
        self,
        *args: Any,
        axes: Any = None,
        axis: Any = None,
        keepdims: bool = False,
        casting: str = "same_kind",
        dtype: Any = None,
        signature: Any = None,
        order: str = "K",
        out: Any = None,
    ) -> ndarray:
        refuse_capture("cuBLAS")
        for value in args:
            if not isinstance(value, ndarray):
                raise TypeError(f"Unsupported type {type(value)}")
        first, second = unwrap(args)
        if out is None:
            return computed(lambda: np.matmul(first, second, dtype=dtype))
        effect(lambda: _product(first, second, out._host))
        return out


def _product(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        np.matmul(first, second, out=out)


def refuse_capture(library: str) -> None:
    if recording() is not None:
        raise NotImplementedError(
            f"calling {library} API during stream capture is currently unsupported"
        )


UFUNCS.update({name: ufunc(name) for name in NAMES}, matmul=matmul("matmul"))
