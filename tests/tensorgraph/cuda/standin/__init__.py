"""A stand-in of CuPy for machines without a card.

Its arrays are NumPy's inside, and refuse every implicit conversion as CuPy's do; its functions take
what CuPy's take; its kernels are compiled by g++ (see `emulator`); its streams record and replay.
`test_standin.py` compares it with the real package where that is installed.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from standin import functions, memory, streams
from standin import methods as methods  # gives arrays their methods
from standin.array import FUNCTIONS, UFUNCS, ndarray
from standin.runtime import RUNTIME, Device, RawModule
from standin.traffic import TRAFFIC, Traffic
from standin.ufuncs import ufunc

__all__ = ["TRAFFIC", "Traffic", "module"]


def module() -> ModuleType:
    """Return what takes the place of ``cupy``."""
    made: Any = ModuleType("cupy", __doc__)
    made.__version__, made.stands_in = "14.2.0", True
    made.ndarray, made.ufunc, made.broadcast = ndarray, ufunc, functions.broadcast
    made.RawModule = RawModule
    for name in ("bool_", "dtype", "e", "iinfo", "finfo", "inf", "nan", "newaxis", "pi"):
        setattr(made, name, getattr(np, name))
    for code in "?bhilqBHILQefd":
        setattr(made, np.dtype(code).name, np.dtype(code).type)
    for table in (FUNCTIONS, UFUNCS):
        for name, function in table.items():
            setattr(made, name, function)
    tricks = SimpleNamespace(as_strided=functions.as_strided)
    made.lib = SimpleNamespace(stride_tricks=tricks)
    made.linalg = SimpleNamespace(**functions.LINALG)
    made.cuda = _cuda()
    made.get_default_memory_pool = memory.get_default_memory_pool
    made.is_available = lambda: True
    return made


def _cuda() -> ModuleType:
    cuda: Any = ModuleType("cupy.cuda")
    for name in ("Event", "Graph", "Stream", "get_current_stream", "get_elapsed_time"):
        setattr(cuda, name, getattr(streams, name))
    for name in (
        "MemoryPointer", "MemoryPool", "UnownedMemory", "alloc", "alloc_pinned_memory",
        "get_allocator", "set_allocator", "using_allocator",
    ):  # fmt: skip
        setattr(cuda, name, getattr(memory, name))
    cuda.memory = SimpleNamespace(OutOfMemoryError=memory.OutOfMemoryError)
    cuda.runtime, cuda.Device = RUNTIME, Device
    cuda.nvrtc = SimpleNamespace(getVersion=lambda: (13, 2))
    cuda.cublas = SimpleNamespace()
    cuda.is_available = lambda: True
    return cuda


def install(patch: Any) -> Traffic:
    """Put the stand-in where ``import cupy`` finds it, by pytest's `MonkeyPatch`."""
    # It records on the streams of this package.
    from cublas_library import CublasLibrary

    patch.setattr("tensorgraph.backends.cuda.blas.load_library", CublasLibrary)
    # Nothing stands in for this one, unless a test says so.
    patch.setitem(sys.modules, "cudnn", None)
    made = module()
    patch.setitem(sys.modules, "cupy", made)
    patch.setitem(sys.modules, "cupy.cuda", made.cuda)
    TRAFFIC.clear()
    return TRAFFIC
