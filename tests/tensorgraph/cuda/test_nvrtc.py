"""Every CUDA source compiles with the compiler that runs on the user's machine, for sm_90.

NVRTC needs no card and no driver, only its library: ``pip install '.[gpu-check]'``.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import elementwise_cases
import numpy as np
import pytest

import tensorgraph.backends.cuda as package
from tensorgraph.backends.cuda.elementwise import HEAD, Walk, text_of
from tensorgraph.backends.cuda.fused_reduce import reduction_text
from tensorgraph.backends.cuda.program import OPTIONS, PRELUDE, SOURCES, Source

for module in pkgutil.iter_modules(package.__path__):
    importlib.import_module(f"{package.__name__}.{module.name}")

# One of each kind of walk; see `Walk`.
WALKS = (
    Walk(1, 4, True, "fff"),
    Walk(2, 4, True, "fvf"),
    Walk(2, 2, False, "rfv"),
    Walk(3, 1, True, "ggf"),
    Walk(3, 1, False, "sgg"),
)


def library() -> ctypes.CDLL:
    """Return NVRTC from its wheel, or from where the system has it."""
    names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec and spec.submodule_search_locations) or ():
        names = [*map(str, Path(folder).rglob("libnvrtc.so*")), *names]
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    pytest.skip("needs NVRTC: pip install '.[gpu-check]'")


@pytest.fixture(scope="module")
def nvrtc() -> ctypes.CDLL:
    return library()


def compile_text(nvrtc: ctypes.CDLL, text: str, target: str = "sm_90") -> str:
    """Return what the compiler has to say: nothing, if all is well.

    Where the target is a card, sm_…, the assembler has its say too; for compute_… it is not asked.
    """
    program = ctypes.c_void_p()
    failed = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), (PRELUDE + text).encode(), b"source.cu", 0, None, None
    )
    assert not failed
    options = [*(o.encode() for o in OPTIONS), f"--gpu-architecture={target}".encode()]
    given = (ctypes.c_char_p * len(options))(*options)
    failed = nvrtc.nvrtcCompileProgram(program, len(options), given)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return log.value.decode() or "no reason given" if failed else ""


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_source_compiles(nvrtc: ctypes.CDLL, source: Source) -> None:
    # For all types at once, where one name may stand for several kernels.
    texts = (
        f"namespace variant_{n} {{\n{text}\n}}\n" for n, (_, text) in enumerate(source.variants())
    )
    assert compile_text(nvrtc, "".join(texts).replace('extern "C"', "")) == ""


def test_expressions_of_all_ops_compile(nvrtc: ctypes.CDLL) -> None:
    # Other types are computed with in one of these.
    types = {np.dtype(n) for n in ("float32", "float64", "int32", "bool")}
    texts = (
        text_of(case.recipe, Walk(1, 1, True, "f" * len(case.recipe.types)), case.name)
        for case in elementwise_cases.CASES
        if set(case.recipe.types) <= types
    )
    assert compile_text(nvrtc, HEAD + "".join(texts), "compute_90") == ""


def walks() -> Iterator[str]:
    (case,) = (c for c in elementwise_cases.CASES if c.name == "Mul_float32_float32_float32")
    for n, walk in enumerate(WALKS):
        yield text_of(case.recipe, walk, f"walk_{n}")


def test_all_ways_to_walk_compile(nvrtc: ctypes.CDLL) -> None:
    assert compile_text(nvrtc, HEAD + "".join(walks())) == ""


@pytest.mark.parametrize("op_type", ["Sum", "Max"])
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_reductions_of_what_is_computed_compile(
    nvrtc: ctypes.CDLL, op_type: str, kind: str
) -> None:
    (case,) = (c for c in elementwise_cases.CASES if c.name == f"Mul_{kind}_{kind}_{kind}")
    for walk in (Walk(1, 1, True, "fff"), Walk(2, 1, False, "vrf")):
        assert compile_text(nvrtc, reduction_text(case.recipe, walk, op_type)) == ""


def test_a_mistake_is_found(nvrtc: ctypes.CDLL) -> None:
    assert "undefined" in compile_text(nvrtc, "__device__ int f() { return undefined_name; }")
