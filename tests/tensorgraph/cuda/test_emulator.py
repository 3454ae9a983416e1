"""The emulator of CUDA: what it computes, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from emulator import RawModule, missing_compiler
from emulator.module import CompileError

from tensorgraph.backends.cuda.program import OPTIONS, PRELUDE

Array = npt.NDArray[Any]

TEXT = """
extern "C" __global__ void sum(const float *x, float *y, int64 n, int factor) {
    __shared__ float shared[64];
    float total = 0;
    FOR_ITEMS(i, n) total += x[i];
    shared[threadIdx.x] = total;
    __syncthreads();
    for (int half = blockDim.x / 2; half; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) atomicAdd(y, shared[0] * factor);
}
extern "C" __global__ void warps(int *y) {
    int lane = threadIdx.x % 32, *to = y + 5 * threadIdx.x;
    to[0] = __shfl_xor_sync(0xffffffffu, lane, 1);
    to[1] = __shfl_down_sync(0xffffffffu, lane, 3);
    to[2] = __shfl_up_sync(0xffffffffu, lane, 3);
    to[3] = __shfl_sync(0xffffffffu, lane, 5, 8);
    to[4] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
}
extern "C" __global__ void votes(int *y) {
    y[0] = __syncthreads_count(threadIdx.x < 5);
    y[1] = __syncthreads_or(threadIdx.x == 7);
    y[2] = __syncthreads_and(threadIdx.x < 7);
}
extern "C" __global__ void reversed(const float *x, float *y) {
    extern __shared__ float memory[];
    memory[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = memory[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void halves(const float *x, half_t *y) { y[threadIdx.x] = x[threadIdx.x]; }
extern "C" __global__ void back(const half_t *x, float *y) { y[threadIdx.x] = x[threadIdx.x]; }
extern "C" __global__ void places(int *y) {
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    y[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1;
}
// What is wrong:
extern "C" __global__ void some_wait(float *y) {
    if (threadIdx.x < 3) __syncthreads();
    else y[0] = __shfl_sync(0xffffffffu, 1.0f, 0);
}
extern "C" __global__ void lane_is_gone(float *y) {
    if (threadIdx.x == 4) return;
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}
extern "C" __global__ void no_barrier(const float *x, float *y) {
    __shared__ float shared[64];
    shared[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}
"""


class Memory:
    """Memory of the host as an argument of a kernel."""

    def __init__(self, array: Array) -> None:
        self.array, self.data, self.ptr = array, self, array.ctypes.data


@pytest.fixture(scope="module")
def module() -> RawModule:
    if (reason := missing_compiler()) is not None:
        pytest.skip(reason)
    return RawModule(code=PRELUDE + TEXT, options=OPTIONS)


def launch(module: RawModule, name: str, grid: Any, block: Any, *args: Any, **more: Any) -> None:
    given = tuple(Memory(a) if isinstance(a, np.ndarray) else a for a in args)
    module.get_function(name)(grid, block, given, **more)


def test_barriers_and_shared_memory(module: RawModule) -> None:
    x, y = np.arange(1000, dtype=np.float32), np.zeros(1, np.float32)
    launch(module, "sum", (3,), (64,), x, y, 1000, np.int32(2))
    assert y[0] == 2 * x.sum()


def test_warps(module: RawModule) -> None:
    y = np.zeros((64, 5), np.int32)
    launch(module, "warps", (1,), (64,), y)
    lane = np.arange(64) % 32
    thirds = sum(1 << i for i in range(0, 32, 3))
    np.testing.assert_array_equal(y[:, 0], lane ^ 1)
    np.testing.assert_array_equal(y[:, 1], np.where(lane < 29, lane + 3, lane))
    np.testing.assert_array_equal(y[:, 2], np.where(lane >= 3, lane - 3, lane))
    np.testing.assert_array_equal(y[:, 3], lane // 8 * 8 + 5)
    np.testing.assert_array_equal(y[:, 4].view(np.uint32), thirds)


def test_votes(module: RawModule) -> None:
    y = np.zeros(3, np.int32)
    launch(module, "votes", (1,), (40,), y)
    assert y.tolist() == [5, 1, 0]


def test_dynamic_memory(module: RawModule) -> None:
    x, y = np.arange(50, dtype=np.float32), np.zeros(50, np.float32)
    launch(module, "reversed", (1,), (50,), x, y, shared_mem=200)
    np.testing.assert_array_equal(y, x[::-1])


def test_float16(module: RawModule) -> None:
    x = np.array([0, -0.0, 1.1, 65504, 70000, -1e-7, 6e-8, np.inf, np.nan, 2049], np.float32)
    half, back = np.zeros(10, np.float16), np.zeros(10, np.float32)
    launch(module, "halves", (1,), (10,), x, half)
    launch(module, "back", (1,), (10,), half, back)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(half, x.astype(np.float16))
    np.testing.assert_array_equal(back, half.astype(np.float32))


def test_every_thread_runs_once(module: RawModule) -> None:
    y = np.zeros(3 * 2 * 2 * 4 * 3 * 2, np.int32)
    launch(module, "places", (3, 2, 2), (4, 3, 2), y)
    assert (y == 1).all()


@pytest.mark.parametrize("name", ["some_wait", "lane_is_gone"])
def test_waiting_for_nobody(module: RawModule, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"{name}: threads of a block wait"):
        launch(module, name, (1,), (32,), np.zeros(32, np.float32))
    test_votes(module)


def test_a_missing_barrier_is_seen(module: RawModule) -> None:
    x = np.arange(64, dtype=np.float32)
    seen = []
    for _ in range(2):
        y = np.zeros(64, np.float32)
        launch(module, "no_barrier", (1,), (64,), x, y)
        seen.append(y)
        assert np.isnan(y).sum() == 32
    assert (np.isnan(seen[0]) != np.isnan(seen[1])).all()


@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        (2, np.int32(1000), "argument 2 of sum is i8"),
        (3, 2, "argument 3 of sum is i4"),
        (3, np.float32(2), "argument 3 of sum is i4"),
        (0, 0, "argument 0 of sum is p8"),
        (0, [1.0], "cannot send a list"),
        (3, True, "np.bool_"),
    ],
)
def test_arguments_of_other_types(module: RawModule, place: int, wrong: Any, message: str) -> None:
    args: list[Any] = [np.zeros(9, np.float32), np.zeros(1, np.float32), 9, np.int32(2)]
    args[place] = wrong
    with pytest.raises(TypeError, match=message):
        launch(module, "sum", (1,), (64,), *args)
    with pytest.raises(TypeError, match="takes 4 arguments"):
        launch(module, "sum", (1,), (64,), *args[:3])


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((0,), (32,), "at least one block"),
        ((1,), (1025,), "between 1 and 1024"),
        ((1, 65536), (1,), "65535"),
    ],
)
def test_shapes_that_no_card_takes(module: RawModule, grid: Any, block: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        launch(module, "places", grid, block, np.zeros(4096, np.int32))


def test_mistakes_in_the_text(module: RawModule) -> None:
    with pytest.raises(CompileError, match="undefined_name"):
        RawModule(code='extern "C" __global__ void f(int *x) { *x = undefined_name; }')
    with pytest.raises(KeyError, match="no kernel is called 'g'; there are f"):
        RawModule(code='extern "C" __global__ void f(int *x) { }').get_function("g")
