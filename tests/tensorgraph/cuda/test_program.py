"""Sources, and how kernels of them are loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.backends.cuda import program

SOURCE = program.Source(
    "doubling",
    'extern "C" __global__ void doubled(const T *x, T *y, int64 n) {\n'
    "    FOR_ITEMS(i, n) y[i] = (T)((Tc)2 * (Tc)x[i]);\n}\n",
    {"T": program.NUMBERS},
)


def test_a_kernel_for_each_type(cuda: Any) -> None:
    for dtype in SOURCE.types["T"]:
        with cuda.running():
            x = cuda.from_host(np.arange(1000).astype(dtype))
            y = cuda.xp.empty(1000, dtype)
            launch = SOURCE.load(cuda, "doubled", T=dtype)
            launch(program.blocks_for(1000), (program.BLOCK,), (x, y, 1000))
            np.testing.assert_array_equal(cuda.to_host(y), 2 * cuda.to_host(x))
        assert SOURCE.load(cuda, "doubled", T=dtype) is launch


def test_what_a_type_is_called() -> None:
    text = SOURCE.text(T=np.float16)
    assert text.startswith("typedef half_t T;\ntypedef float Tc;\n")
    assert program.c_name(np.int64) == program.compute_name("int64") == "long long"


def test_variants() -> None:
    names = [name for name, _ in SOURCE.variants()]
    assert names[0] == "doubling<float32>"
    assert len(names) == len(program.NUMBERS)
    assert [name for name, _ in program.Source("plain", "").variants()] == ["plain"]


def test_names_of_sources_are_theirs_alone() -> None:
    names = [source.name for source in program.SOURCES]
    assert len(set(names)) == len(names)


def test_blocks() -> None:
    assert program.blocks_for(0) == program.blocks_for(1) == (1,)
    assert program.blocks_for(program.BLOCK + 1) == (2,)
    assert program.blocks_for(1 << 40) == (program.MOST_BLOCKS,)
