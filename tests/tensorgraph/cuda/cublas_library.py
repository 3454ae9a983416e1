"""What cuBLAS does with the calls that the engine makes, computed by NumPy.

The functions are called through ctypes, with the types that `tensorgraph.backends.cuda.cublas`
gives them, and see addresses only. Matrices are read as cuBLAS reads them: column after column.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from standin.streams import effect

from tensorgraph.backends.cuda import cublas

DATA = {0: np.float32, 1: np.float64, 2: np.float16}
COMPUTE = {
    68: (ctypes.c_float, np.float32),
    77: (ctypes.c_float, np.float32),
    70: (ctypes.c_double, np.float64),
}


class CublasLibrary:
    """The functions of cuBLAS that the engine calls.

    Attributes
    ----------
    calls : list of str
        The functions called, in order.
    computed : list of int
        The compute type of each product.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.computed: list[int] = []
        self.stream: int | None = None
        self.workspace: tuple[int, int] | None = None
        for name, does in {
            "cublasCreate_v2": self._create,
            "cublasSetStream_v2": self._set_stream,
            "cublasSetWorkspace_v2": self._set_workspace,
            "cublasGemmStridedBatchedEx_64": self._product,
        }.items():
            setattr(self, name, self._function(name, does))

    def _function(self, name: str, does: Callable[..., int]) -> Any:
        def noted(*args: Any) -> int:
            self.calls.append(name)
            return does(*args)

        return ctypes.CFUNCTYPE(ctypes.c_int, *cublas._ARGUMENTS[name])(noted)

    def _create(self, handle: int) -> int:
        ctypes.c_void_p.from_address(handle).value = 4711
        return 0

    def _set_stream(self, handle: int, stream: int | None) -> int:
        self.stream, self.workspace = stream or 0, None
        return 0 if handle == 4711 else 1

    def _set_workspace(self, handle: int, address: int, size: int) -> int:
        self.workspace = address, size
        return 0 if handle == 4711 and address % 16 == 0 else 7

    def _product(
        self, handle: int, turn_a: int, turn_b: int, m: int, n: int, k: int, *rest: Any
    ) -> int:
        alpha, a, type_a, lead_a, step_a, b, type_b, lead_b, step_b = rest[:9]
        beta, c, type_c, lead_c, step_c, count, compute, algorithm = rest[9:]
        if handle != 4711 or self.workspace is None or algorithm != -1:
            return 1
        rows_a, columns_a = (k, m) if turn_a else (m, k)
        rows_b, columns_b = (n, k) if turn_b else (k, n)
        # What cuBLAS reports as CUBLAS_STATUS_INVALID_VALUE.
        if min(m, n, k, count) < 0 or lead_a < rows_a or lead_b < rows_b or lead_c < m:
            return 7
        scalar, dtype = COMPUTE[compute]
        self.computed.append(compute)
        # Read now: the caller's numbers need not be there any more when a stream comes to it.
        factor, kept = (scalar.from_address(s).value for s in (alpha, beta))

        @np.errstate(all="ignore")
        def work() -> None:
            for i in range(count):
                left = _matrix(a, type_a, i * step_a, rows_a, columns_a, lead_a).astype(dtype)
                right = _matrix(b, type_b, i * step_b, rows_b, columns_b, lead_b).astype(dtype)
                out = _matrix(c, type_c, i * step_c, m, n, lead_c)
                product = (left.T if turn_a else left) @ (right.T if turn_b else right)
                out[...] = factor * product + (kept * out if kept else 0)

        effect(work)
        return 0


def _matrix(address: int, kind: int, offset: int, rows: int, columns: int, lead: int) -> Any:
    """Return a view (rows, columns) of memory in which columns are so far apart."""
    dtype = np.dtype(DATA[kind])
    size = (columns - 1) * lead + rows if rows and columns else 0
    memory = (ctypes.c_byte * (size * dtype.itemsize)).from_address(
        address + offset * dtype.itemsize
    )
    flat = np.frombuffer(memory, dtype)
    strides = (dtype.itemsize, lead * dtype.itemsize)
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), strides)
