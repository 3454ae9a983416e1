"""cuBLAS through ctypes: the one function that multiplies stacks of matrices.

CuPy refuses to call cuBLAS while a stream is captured, so products go to the library itself. All
that a captured call needs is told to the handle when it is made: the stream, and memory to work in.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base.backend import Array
from tensorgraph.base.errors import InternalError, UnavailableError

# What NVIDIA recommends for Hopper; kernels that want more are not chosen.
WORKSPACE_BYTES = 32 << 20

_INT, _LONG, _ADDRESS = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
_OPERAND = (_ADDRESS, _INT, _LONG, _LONG)
_ARGUMENTS = {
    "cublasCreate_v2": (_ADDRESS,),
    "cublasSetStream_v2": (_ADDRESS, _ADDRESS),
    "cublasSetWorkspace_v2": (_ADDRESS, _ADDRESS, ctypes.c_size_t),
    "cublasGemmStridedBatchedEx_64": (
        *(_ADDRESS, _INT, _INT, _LONG, _LONG, _LONG),
        *(_ADDRESS, *_OPERAND, *_OPERAND, _ADDRESS, *_OPERAND),
        *(_LONG, _INT, _INT),
    ),
}  # fmt: skip


class _Kind(NamedTuple):
    """What cuBLAS is told of an element type: itself, what sums and factors are, and how."""

    data: int
    scalar: type[Any]
    compute: int
    compute_fast: int  # with tensor cores, where that is less exact


# Of library_types.h and cublas_api.h: CUDA_R_*, and CUBLAS_COMPUTE_*.
_KINDS = {
    np.dtype(np.float32): _Kind(0, ctypes.c_float, 68, 77),
    np.dtype(np.float64): _Kind(1, ctypes.c_double, 70, 70),
    np.dtype(np.float16): _Kind(2, ctypes.c_float, 68, 68),
}
DTYPES = frozenset(_KINDS)
_DEFAULT_ALGORITHM = -1


class Operand(NamedTuple):
    """Matrices in the order of cuBLAS, column after column.

    Attributes
    ----------
    address : int
        Where the first number is.
    transposed : bool
        Whether each matrix is to be transposed.
    lead : int
        From a column to the next one, in numbers.
    stride : int
        From a matrix to the next one, in numbers.
    """

    address: int
    transposed: bool
    lead: int
    stride: int = 0


class Cublas:
    """A handle of cuBLAS.

    Parameters
    ----------
    library : object
        The functions of cuBLAS by their names, as ctypes offers those of a library.
    stream : int
        The address of the stream that it works on.
    workspace : array
        Memory to work in, of bytes.
    tf32 : bool
        Whether products of float32 may be computed by tensor cores, which read 10 bits of each
        fraction.

    Raises
    ------
    InternalError
        If cuBLAS does.
    """

    def __init__(self, library: Any, stream: int, workspace: Array, tf32: bool) -> None:
        self._functions = {name: getattr(library, name) for name in _ARGUMENTS}
        for name, function in self._functions.items():
            function.argtypes, function.restype = _ARGUMENTS[name], _INT
        self._tf32 = tf32
        self._workspace = workspace
        handle = ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(handle))
        self._handle = handle.value
        # In this order: a new stream takes the memory away again.
        self._call("cublasSetStream_v2", self._handle, stream)
        address = workspace.data.ptr
        self._call("cublasSetWorkspace_v2", self._handle, address, workspace.nbytes)
        self._scalars = {
            (dtype, value): ctypes.byref(kind.scalar(value))
            for dtype, kind in _KINDS.items()
            for value in (0, 1)
        }

    def product(
        self,
        dtype: np.dtype[Any],
        sizes: tuple[int, int, int],
        a: Operand,
        b: Operand,
        c: Operand,
        count: int = 1,
        add: bool = False,
    ) -> None:
        """Write A B, or add it to what is there, for matrices in the order of cuBLAS.

        Parameters
        ----------
        dtype : dtype
            The element type of all three: one of `DTYPES`.
        sizes : tuple of int
            The rows of the result, its columns, and what is summed over.
        a, b, c : Operand
            The factors and the result.
        count : int, default 1
            How many products.
        add : bool, default False
            Whether the result is added to what is there.
        """
        kind = _KINDS[dtype]
        self._call(
            "cublasGemmStridedBatchedEx_64",
            *(self._handle, int(a.transposed), int(b.transposed), *sizes),
            *(self._scalars[dtype, 1], a.address, kind.data, a.lead, a.stride),
            *(b.address, kind.data, b.lead, b.stride),
            *(self._scalars[dtype, int(add)], c.address, kind.data, c.lead, c.stride),
            *(count, kind.compute_fast if self._tf32 else kind.compute, _DEFAULT_ALGORITHM),
        )

    def _call(self, name: str, *args: Any) -> None:
        status = self._functions[name](*args)
        if status:
            raise InternalError(f"{name} of cuBLAS failed with status {status}")


def load_library(find: Callable[[str], Any] | None = None) -> Any:
    """Return the functions of cuBLAS.

    Parameters
    ----------
    find : callable, optional
        Finds a library of NVIDIA by its name; default is what CuPy finds its own with.

    Raises
    ------
    UnavailableError
        If it is not installed.
    """
    try:
        find = find or importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib
        return ctypes.CDLL(find("cublas").abs_path)
    except (ImportError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UnavailableError(
            f"cuBLAS is not to be found ({reason}): pip install 'tensorgraph-engine[gpu]'"
        ) from error
