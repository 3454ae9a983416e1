"""CUDA sources, and how they become functions that can be launched.

A source is text with `extern "C"` kernels in it. Where a kernel works on several element types, the
text says ``T`` for the type in memory and ``Tc`` for the type to compute in, and `Source.text` says
above it what they are; so there are no templates over kernels, and a name is a name. Every source
is in `SOURCES`, with the types that it is made for, so that a test can compile all of them without
a device.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tensorgraph.base.backend import Backend

OPTIONS = ("--std=c++17",)
# So many threads a block where nothing speaks for another number, and at most so many blocks: a
# few for each processor of the largest cards, the rest is done by loops.
BLOCK = 256
MOST_BLOCKS = 1 << 13

_C_NAMES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int",
    "uint64": "unsigned long long", "float16": "half_t", "float32": "float", "float64": "double",
}  # fmt: skip
FLOATS = tuple(np.dtype(n) for n in ("float32", "float64", "float16"))
NUMBERS = (*FLOATS, np.dtype("int32"), np.dtype("int64"))

# What stands above every source. float16 is a type of our own that converts to float and back: it
# needs no header of the toolkit, and no operator can compute in it by mistake.
PRELUDE = """
typedef long long int64;
typedef unsigned int uint32;
typedef unsigned long long uint64;

struct __align__(2) half_t {
    unsigned short bits;
    half_t() = default;
    __device__ half_t(float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x)); }
    __device__ half_t(double x) { asm("cvt.rn.f16.f64 %0, %1;" : "=h"(bits) : "d"(x)); }
    __device__ half_t(int x) : half_t((float)x) {}
    __device__ operator float() const {
        float x;
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
        return x;
    }
};

__device__ inline int64 first_item() { return blockIdx.x * (int64)blockDim.x + threadIdx.x; }
__device__ inline int64 item_step() { return (int64)gridDim.x * blockDim.x; }
// A loop over `count` items that all threads of a one-dimensional launch share.
#define FOR_ITEMS(i, count) for (int64 i = first_item(); i < (count); i += item_step())
"""


class Launch(Protocol):
    """A kernel that can be started."""

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        *,
        shared_mem: int = 0,
    ) -> None:
        """Start it on the current stream.

        Parameters
        ----------
        grid, block : tuple of int
            How many blocks, and how many threads in each.
        args : tuple
            Arrays, and numbers: a Python int arrives as ``long long``, a float as ``double``,
            NumPy's numbers as what they are.
        shared_mem : int, default 0
            Bytes of dynamic shared memory.
        """


@dataclass(frozen=True)
class Source:
    """CUDA text with one or more kernels.

    Attributes
    ----------
    name : str
        What messages call it.
    code : str
        The text, without the prelude.
    types : mapping of str to sequence of dtype
        The names of types that it leaves open, each with those that may stand there.
    """

    name: str
    code: str
    types: Mapping[str, Sequence[np.dtype[Any]]] = field(default_factory=dict)

    def text(self, **types: Any) -> str:
        """Return the text with its types settled."""
        return settle(self.code, **types)

    def load(self, backend: Backend, function: str, **types: Any) -> Launch:
        """Return one of its kernels for some types."""
        key = (backend.xp, self.name, function, *types.values())
        found = _OF_SOURCES.get(key)
        if found is None:
            found = _OF_SOURCES[key] = load(backend, self.text(**types), function)
        return found

    def variants(self) -> Iterator[tuple[str, str]]:
        """Yield the text for each choice of types, after what it is called."""
        for chosen in itertools.product(*self.types.values()):
            label = ", ".join(str(np.dtype(c)) for c in chosen)
            text = self.text(**dict(zip(self.types, chosen, strict=True)))
            yield f"{self.name}<{label}>" if label else self.name, text


# All sources that do not depend on a graph, in the order in which modules were imported.
SOURCES: list[Source] = []
_OF_SOURCES: dict[tuple[Any, ...], Launch] = {}
_LAUNCHES: dict[tuple[Any, str, str], Launch] = {}
_MODULES: dict[tuple[Any, str], Any] = {}
_LOADING = threading.Lock()


def source(name: str, code: str, **types: Sequence[np.dtype[Any]]) -> Source:
    """Return a source, and put it on the list of all of them.

    Parameters
    ----------
    name : str
        What messages call it.
    code : str
        The text, without the prelude.
    **types : sequence of dtype
        For each type that the text leaves open, those that may stand there.
    """
    made = Source(name, code, types)
    SOURCES.append(made)
    return made


def load(backend: Backend, source: str, name: str) -> Launch:
    """Return a kernel of a CUDA source, compiled when it is first asked for.

    Parameters
    ----------
    backend : Backend
        Where it will run: its array module is CuPy, or has a `RawModule` like it.
    source : str
        The text; `PRELUDE` is put above it.
    name : str
        The kernel's name.
    """
    # One card: with several, which of them is current belongs into the key.
    key = (backend.xp, source, name)
    found = _LAUNCHES.get(key)
    if found is None:
        with _LOADING:
            module = _MODULES.get(key[:2])
            if module is None:
                module = backend.xp.RawModule(code=PRELUDE + source, options=OPTIONS)
                _MODULES[key[:2]] = module
            found = _LAUNCHES[key] = module.get_function(name)
    return found


def settle(code: str, **types: Any) -> str:
    """Return text with what its types are said above it; for ``T``, ``Tc`` is to compute in."""
    lines = [
        f"typedef {c_name(dtype)} {name};\ntypedef {compute_name(dtype)} {name}c;\n"
        for name, dtype in types.items()
    ]
    return "".join(lines) + code


def c_name(dtype: Any) -> str:
    """Return what C calls an element type in memory."""
    return _C_NAMES[np.dtype(dtype).name]


def compute_name(dtype: Any) -> str:
    """Return what C calls the type in which numbers of an element type are computed with."""
    return "float" if np.dtype(dtype) == np.float16 else c_name(dtype)


def blocks_for(count: int, threads: int = BLOCK) -> tuple[int]:
    """Return the grid for a loop over so many items, with so many threads a block."""
    return (max(1, min(-(-count // threads), MOST_BLOCKS)),)
