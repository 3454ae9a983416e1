r"""Sources compiled by the machine's C++ compiler against `emulator.h`, and their kernels called.

It is as strict as a card, and stricter: where a kernel wants an ``int`` and is given a Python int,
which CuPy sends as a ``long long``, a card reads half of it, and this raises.

Kernels that write beside their arrays are found by the address sanitizer::

    TENSORGRAPH_EMULATOR_FLAGS='-fsanitize=address --param asan-stack=0 --param asan-globals=0' \
    ASAN_OPTIONS=detect_leaks=0:handle_segv=0:log_path=/tmp/asan PYTHONMALLOC=malloc \
    LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)" \
    python -m pytest tests/tensorgraph/cuda
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HEADER = Path(__file__).with_name("emulator.h")
FLAGS = (
    *("-std=c++17", "-O0", "-fPIC", "-w", "-fwrapv", "-fno-strict-aliasing"),
    *("-ffp-contract=off", "-fno-math-errno", "-U_FORTIFY_SOURCE"),
    # A linker that takes half the time, where there is one.
    *(("-fuse-ld=gold",) if shutil.which("ld.gold") else ()),
    *os.environ.get("TENSORGRAPH_EMULATOR_FLAGS", "").split(),
)
# What a compiler for the processor cannot read.
_ASSEMBLY = (
    (r'asm\("cvt\.f32\.f16 .*?=f"\((\w+)\).*?"h"\((\w+)\)\)', r"\1 = emulated::half_to_float(\2)"),
    (
        r'asm\("cvt\.rn\.f16\.f\d\d .*?=h"\((\w+)\).*?"[fd]"\((\w+)\)\)',
        r"\1 = emulated::half_from(\2)",
    ),
)
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(")
_DYNAMIC = re.compile(r"extern\s+__shared__\s+(?:__align__\s*\(\d+\)\s*)?([\w ]+?)\s*(\w+)\[\]\s*;")


def missing_compiler() -> str | None:
    """Return why nothing can be emulated here, or None where it can."""
    if sys.platform != "linux" or _compiler() is None:
        return "needs Linux and a C++ compiler (g++) to run kernels without a card"
    try:
        _header()
    except CompileError as error:
        return f"needs g++ 12 or newer to run kernels without a card: {str(error).splitlines()[0]}"
    return None


def _compiler() -> str | None:
    return shutil.which("g++") or shutil.which("c++")


@functools.cache
def _folder() -> Path:
    """Return where compiled sources are kept, for all processes of a run of the tests."""
    wanted = os.environ.get("TENSORGRAPH_EMULATOR_CACHE")
    folder = Path(wanted) if wanted else Path(tempfile.mkdtemp(prefix="emulator-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(done.stderr)


class CompileError(Exception):
    """What the compiler says, as `cupy.cuda.compiler.CompileException`."""


@contextlib.contextmanager
def _alone(made: Path) -> Iterator[bool]:
    """Say whether a file has to be made: by one process of all that want it; others wait."""
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not made.exists()


@functools.cache
def _header() -> Path:
    """Return the folder of the header, precompiled: reading it is most of the work."""
    digest = hashlib.sha256(HEADER.read_bytes() + repr(FLAGS).encode()).hexdigest()[:16]
    folder = _folder() / f"header-{digest}"
    folder.mkdir(exist_ok=True)
    target = folder / "emulator.h.gch"
    with _alone(target) as missing:
        if missing:
            shutil.copy(HEADER, folder / "emulator.h")
            made = folder / "made.gch"
            _run(_compiler() or "g++", *FLAGS, "-x", "c++-header", HEADER, "-o", made)
            made.replace(target)
    return folder


def translate(code: str) -> tuple[str, list[str]]:
    """Return CUDA text as C++, and the names of its kernels."""
    names = _KERNEL.findall(code)
    for pattern, replacement in _ASSEMBLY:
        code = re.sub(pattern, replacement, code)
    code = _DYNAMIC.sub(r"\1 *\2 = (\1 *)emulated::dynamic_shared;", code)
    entries = [
        f'extern "C" const char *launch_{n}(const unsigned *shape, size_t dynamic, void **args)'
        f" {{ return emulated::launch({n}, shape, dynamic, args); }}\n"
        f'extern "C" const char *describe_{n}() {{ return emulated::describe({n}); }}\n'
        for n in names
    ]
    return '#include "emulator.h"\n' + code + "\n" + "".join(entries), names


@functools.cache
def _compiled(code: str) -> tuple[ctypes.CDLL, tuple[str, ...]]:
    text, names = translate(code)
    header = _header()
    digest = hashlib.sha256((header.name + text).encode()).hexdigest()[:24]
    library = _folder() / f"{digest}.so"
    with _alone(library) as missing:
        if missing:
            given, made = library.with_suffix(".cc"), library.with_suffix(".made")
            given.write_text(text, encoding="utf-8")
            _run(_compiler() or "g++", *FLAGS, "-shared", f"-I{header}", given, "-o", made)
            made.replace(library)
    return ctypes.CDLL(str(library)), tuple(names)


class RawModule:
    """The stand-in of `cupy.RawModule`.

    Parameters
    ----------
    code : str
        CUDA text.
    options : tuple of str
        Options of the compiler; looked at, but of no use here.
    name_expressions : sequence of str, optional
        Not supported: kernels have C linkage.
    """

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        name_expressions: Sequence[str] | None = None,
    ) -> None:
        assert isinstance(options, tuple), "CuPy wants a tuple of options"
        assert name_expressions is None, "kernels have C linkage"
        self._library, self._names = _compiled(code)

    def get_function(self, name: str) -> EmulatedKernel:
        """Return a kernel by its name."""
        if name not in self._names:
            raise KeyError(f"no kernel is called {name!r}; there are {', '.join(self._names)}")
        return EmulatedKernel(self._library, name)


class EmulatedKernel:
    """The stand-in of `cupy.RawKernel`."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.name = name
        self._launch = getattr(library, f"launch_{name}")
        self._launch.restype = ctypes.c_char_p
        describe = getattr(library, f"describe_{name}")
        describe.restype = ctypes.c_char_p
        self._wanted = describe().decode().split()

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        *,
        shared_mem: int = 0,
    ) -> None:
        """Run the kernel to its end."""
        if len(args) != len(self._wanted):
            raise TypeError(f"{self.name} takes {len(self._wanted)} arguments, not {len(args)}")
        given = [self._as_c(*pair) for pair in enumerate(zip(args, self._wanted, strict=True))]
        pointers = (ctypes.c_void_p * len(given))(*map(ctypes.addressof, given))
        shape = (ctypes.c_uint * 6)(*_three(grid), *_three(block))
        failure = self._launch(shape, ctypes.c_size_t(shared_mem), pointers)
        if failure:
            raise RuntimeError(f"{self.name}: {failure.decode()}")

    def _as_c(self, place: int, pair: tuple[Any, str]) -> Any:
        """Return an argument as CuPy would send it, if that is what the kernel takes."""
        value, wanted = pair
        if hasattr(value, "data") and hasattr(value.data, "ptr"):
            kind, made = "p8", ctypes.c_void_p(value.data.ptr)
        elif isinstance(value, np.ndarray) and value.size == 1:
            # By value, as a struct: what is in it at the time of the launch.
            kind = f"s{value.nbytes}"
            made = (ctypes.c_byte * value.nbytes).from_buffer_copy(value)
        elif isinstance(value, np.bool_):
            kind, made = "i1", ctypes.c_bool(bool(value))
        elif isinstance(value, bool):
            raise TypeError("what CuPy sends for a bool of Python depends on its version: np.bool_")
        elif isinstance(value, int):
            kind, made = "i8", ctypes.c_longlong(value)
        elif isinstance(value, float) and not isinstance(value, np.generic):
            kind, made = "f8", ctypes.c_double(value)
        elif isinstance(value, np.number):
            letter = "f" if value.dtype.kind == "f" else "i"
            kind = f"{letter}{value.dtype.itemsize}"
            made = np.ctypeslib.as_ctypes_type(value.dtype)(value.item())
        else:
            raise TypeError(f"CuPy cannot send a {type(value).__name__} to a kernel")
        if kind != wanted:
            raise TypeError(
                f"argument {place} of {self.name} is {wanted} (kind, bytes), not {kind}: {value!r}"
            )
        return made


def _three(sizes: tuple[int, ...]) -> list[int]:
    assert isinstance(sizes, tuple), "CuPy wants a tuple"
    return [*map(int, sizes), 1, 1][:3]
