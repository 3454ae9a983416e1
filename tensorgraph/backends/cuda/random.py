"""Random numbers by Philox 4x32-10, a generator without a state but its counter.

Block n of a stream is a function of n and of the stream's key alone (J. K. Salmon, M. A. Moraes,
R. O. Dror, D. E. Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011): each thread computes
its own. Where the stream stands is kept on the device and moved on by the kernel itself, so that a
launch that was recorded once gives new numbers whenever it is replayed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.program import BLOCK, FLOATS, MOST_BLOCKS, Source, source
from tensorgraph.base.backend import Array, Backend
from tensorgraph.base.errors import foreign_random_state
from tensorgraph.graph.kernel import KernelContext

# The words of a stream's state: two for the key, two for the upper half of all counters, two for
# the number of blocks drawn so far, one that counts the thread blocks of a launch that are done.
STATE_WORDS = 8

# What kernels that draw numbers of a stream stand on. Each begins with `philox_at`, draws the block
# of item i with `philox(stream, i)`, and ends with `philox_done`, which all its threads must reach.
PHILOX = """
struct Philox { uint32 key0, key1, high0, high1; uint64 next; };
struct Words { uint32 x, y, z, w; };

__device__ inline Philox philox_at(const uint32* state) {
    return {state[0], state[1], state[2], state[3], state[4] | (uint64)state[5] << 32};
}

__device__ inline Words philox_block(Words c, uint32 key0, uint32 key1) {
    for (int round = 0; round < 10; ++round) {
        uint64 first = 0xD2511F53ull * c.x, second = 0xCD9E8D57ull * c.z;
        c = {(uint32)(second >> 32) ^ c.y ^ key0, (uint32)second,
             (uint32)(first >> 32) ^ c.w ^ key1, (uint32)first};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return c;
}

// The block of an item; another `attempt` gives the same item other numbers.
__device__ inline Words philox(const Philox& stream, uint64 item, uint32 attempt = 0) {
    uint64 n = stream.next + item;
    return philox_block({(uint32)n, (uint32)(n >> 32), stream.high0, stream.high1 + attempt},
                        stream.key0, stream.key1);
}

// Moves the stream on by `blocks`, when all threads of the launch have read where it stood.
__device__ inline void philox_done(uint32* state, uint64 blocks) {
    __syncthreads();
    if (threadIdx.x != 0) return;
    __threadfence();
    if (atomicAdd(&state[6], 1u) != gridDim.x - 1) return;
    uint64 next = (state[4] | (uint64)state[5] << 32) + blocks;
    state[4] = (uint32)next;
    state[5] = (uint32)(next >> 32);
    state[6] = 0;
}

// On [0, 1), with as many bits as the type has.
__device__ inline float unit(uint32 word) { return (word >> 8) * 5.9604644775390625e-08f; }
__device__ inline double unit(uint32 low, uint32 high) {
    return ((((uint64)high << 32 | low)) >> 11) * 1.1102230246251565e-16;
}

// Two numbers of the standard normal distribution from two of [0, 1) (Box and Muller 1958).
__device__ inline void normal_pair(float u, float v, float* x, float* y) {
    float radius = sqrtf(-2.0f * logf(1.0f - u));
    sincosf(6.283185307179586f * v, y, x);
    *x *= radius;
    *y *= radius;
}
__device__ inline void normal_pair(double u, double v, double* x, double* y) {
    double radius = sqrt(-2.0 * log(1.0 - u));
    sincos(6.283185307179586 * v, y, x);
    *x *= radius;
    *y *= radius;
}

// What a block gives: four numbers of a float, two of a double.
__device__ inline void uniforms(Words w, float* x) {
    x[0] = unit(w.x), x[1] = unit(w.y), x[2] = unit(w.z), x[3] = unit(w.w);
}
__device__ inline void uniforms(Words w, double* x) {
    x[0] = unit(w.x, w.y), x[1] = unit(w.z, w.w);
}
__device__ inline void normals(Words w, float* x) {
    normal_pair(unit(w.x), unit(w.y), &x[0], &x[1]);
    normal_pair(unit(w.z), unit(w.w), &x[2], &x[3]);
}
__device__ inline void normals(Words w, double* x) {
    normal_pair(unit(w.x, w.y), unit(w.z, w.w), &x[0], &x[1]);
}

__device__ inline uint64 high_product(uint64 a, uint64 b) {
    uint64 low = (a & 0xffffffffu) * (b & 0xffffffffu);
    uint64 one = (a >> 32) * (b & 0xffffffffu) + (low >> 32);
    uint64 other = (a & 0xffffffffu) * (b >> 32) + (one & 0xffffffffu);
    return (a >> 32) * (b >> 32) + (one >> 32) + (other >> 32);
}
"""

_FLOATING = source(
    "random floats",
    PHILOX
    + """
enum { EACH = sizeof(Tc) == 8 ? 2 : 4 };

__device__ inline void store(T* out, int64 count, int64 block, const Tc* numbers) {
    for (int j = 0; j < EACH; ++j)
        if (block * EACH + j < count) out[block * EACH + j] = numbers[j];
}

extern "C" __global__ void uniform(T* out, int64 count, uint32* state) {
    Philox stream = philox_at(state);
    int64 blocks = (count + EACH - 1) / EACH;
    FOR_ITEMS(i, blocks) {
        Tc numbers[EACH];
        uniforms(philox(stream, i), numbers);
        // What would round to 1 in fewer bits is the largest number below it.
        if (sizeof(T) == 2)
            for (int j = 0; j < EACH; ++j)
                if (numbers[j] > (Tc)0.99951171875) numbers[j] = (Tc)0.99951171875;
        store(out, count, i, numbers);
    }
    philox_done(state, blocks);
}

extern "C" __global__ void normal(T* out, int64 count, uint32* state) {
    Philox stream = philox_at(state);
    int64 blocks = (count + EACH - 1) / EACH;
    FOR_ITEMS(i, blocks) {
        Tc numbers[EACH];
        normals(philox(stream, i), numbers);
        store(out, count, i, numbers);
    }
    philox_done(state, blocks);
}

// Numbers beyond 2 or -2 are drawn again, each by its own thread.
extern "C" __global__ void truncated_normal(T* out, int64 count, uint32* state) {
    Philox stream = philox_at(state);
    FOR_ITEMS(i, count) {
        for (uint32 attempt = 0, found = 0; !found; ++attempt) {
            Tc numbers[EACH];
            normals(philox(stream, i, attempt), numbers);
            for (int j = 0; j < EACH && !found; ++j) {
                if (numbers[j] < (Tc)-2 || numbers[j] > (Tc)2) continue;
                out[i] = numbers[j];
                found = 1;
            }
        }
    }
    philox_done(state, count);
}
""",
    T=FLOATS,
)

_INTEGER = source(
    "random integers",
    PHILOX
    + """
// A share of `range` of 64 bits: the numbers differ in likelihood by range / 2^64 at most.
extern "C" __global__ void integers(T* out, int64 count, uint32* state, int64 low, uint64 range) {
    Philox stream = philox_at(state);
    int64 blocks = (count + 1) / 2;
    FOR_ITEMS(i, blocks) {
        Words w = philox(stream, i);
        uint64 first = (uint64)w.y << 32 | w.x, second = (uint64)w.w << 32 | w.z;
        out[2 * i] = (T)(low + (int64)high_product(first, range));
        if (2 * i + 1 < count) out[2 * i + 1] = (T)(low + (int64)high_product(second, range));
    }
    philox_done(state, blocks);
}
""",
    T=tuple(map(np.dtype, ("int32", "int64", "int8", "int16", "uint8", "uint16"))),
)

_BITS = source(
    "random bits",
    PHILOX
    + """
extern "C" __global__ void bits(uint32* out, int64 blocks, uint32* state) {
    Philox stream = philox_at(state);
    FOR_ITEMS(i, blocks) {
        Words w = philox(stream, i);
        out[4 * i] = w.x, out[4 * i + 1] = w.y, out[4 * i + 2] = w.z, out[4 * i + 3] = w.w;
    }
    philox_done(state, blocks);
}
""",
)


_GAMMA = source(
    "random gamma",
    PHILOX
    + """
// By the method of Marsaglia and Tsang, ACM Trans. Math. Softw. 26 (2000), as the op's own kernel.
extern "C" __global__ void gamma_numbers(double* out, int64 count, uint32* state,
                                         const double* alpha) {
    Philox stream = philox_at(state);
    FOR_ITEMS(i, count) {
        // Below 1 by a number for alpha + 1, times a power of a uniform one.
        double d = (alpha[i] < 1 ? alpha[i] + 1 : alpha[i]) - 1.0 / 3;
        double c = 1 / sqrt(9 * d);
        for (uint32 attempt = 0, found = 0; !found; attempt += 2) {
            double x[2], u[2];
            normals(philox(stream, i, attempt), x);
            uniforms(philox(stream, i, attempt + 1), u);
            double v = (1 + c * x[0]) * (1 + c * x[0]) * (1 + c * x[0]);
            if (v <= 0 || log(u[0]) >= 0.5 * x[0] * x[0] + d * (1 - v + log(v))) continue;
            out[i] = d * v * (alpha[i] < 1 ? pow(1 - u[1], 1 / fmax(alpha[i], 1e-300)) : 1.0);
            found = 1;
        }
    }
    philox_done(state, count);
}
""",
)


class PhiloxStream:
    """A stream of random numbers on the device.

    Parameters
    ----------
    backend : Backend
        Where it computes.
    seed : pair of int or None
        What it depends on; None seeds it from the operating system.

    Attributes
    ----------
    words : array
        Its state on the device, as `PHILOX` reads it.
    """

    def __init__(self, backend: Backend, seed: tuple[int, int] | None) -> None:
        self._backend = backend
        entropy = None if seed is None else [s & 0xFFFFFFFFFFFFFFFF for s in seed]
        # Two words of key and two of the counter: 128 bits tell streams apart.
        drawn = np.random.SeedSequence(entropy).generate_state(4, np.uint32)
        self.words = backend.from_host(_words(drawn.tolist(), 0))

    def normal(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the standard normal distribution."""
        return self._drawn(_FLOATING, "normal", shape, dtype)

    def uniform(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the uniform distribution on [0, 1)."""
        return self._drawn(_FLOATING, "uniform", shape, dtype)

    def truncated_normal(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the standard normal distribution, none of them beyond ±2."""
        return self._drawn(_FLOATING, "truncated_normal", shape, dtype)

    def gamma(self, alpha: Array) -> Array:
        """Return a number of the gamma distribution for each element of a float64 array."""
        given = self._backend.xp.ascontiguousarray(alpha)
        out = self._backend.xp.empty(given.shape, given.dtype)
        kernel = _GAMMA.load(self._backend, "gamma_numbers")
        self._launch(kernel, out.size, out, out.size, given)
        return out

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return integers from the uniform distribution on [low, high).

        Raises
        ------
        ValueError
            If there is none.
        """
        if low >= high:
            raise ValueError(f"there is no integer in [{low}, {high})")
        return self._drawn(_INTEGER, "integers", shape, dtype, low, np.uint64(high - low))

    def bits(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers of an unsigned type, all equally likely."""
        count = math.prod(shape)
        blocks = -(-count * dtype.itemsize // 16)
        drawn = self._backend.xp.empty(4 * blocks, np.uint32)
        self._launch(_BITS.load(self._backend, "bits"), blocks, drawn, blocks)
        return drawn.view(dtype)[:count].reshape(shape)

    def state(self) -> dict[str, Any]:
        """Return where the sequence stands, as values that JSON can hold."""
        words = self._backend.to_host(self.words).tolist()
        return {"generator": "Philox4x32-10", "seed": words[:4], "block": words[4] | words[5] << 32}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where the sequence stood when `state` was called.

        Raises
        ------
        InvalidArgumentError
            If it is the state of another kind of generator.
        """
        if state.get("generator") != "Philox4x32-10":
            raise foreign_random_state()
        # In place: what was recorded knows the address.
        self.words[...] = self._backend.from_host(_words(state["seed"], state["block"]))

    def _drawn(
        self,
        numbers: Source,
        function: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *arguments: Any,
    ) -> Array:
        out = self._backend.xp.empty(shape, dtype)
        kernel = numbers.load(self._backend, function, T=np.dtype(dtype))
        self._launch(kernel, out.size, out, out.size, *arguments)
        return out

    def _launch(
        self, kernel: Callable[..., None], items: int, out: Array, count: int, *arguments: Any
    ) -> None:
        if count:
            grid = (min(-(-items // BLOCK), MOST_BLOCKS),)
            kernel(grid, (BLOCK,), (out, count, self.words, *arguments))


def _words(seed: list[int], block: int) -> np.ndarray[Any, Any]:
    return np.array([*seed, block & 0xFFFFFFFF, block >> 32, 0, 0], np.uint32)


# The generic kernels of these draw again until all numbers will do, and ask the device each time.


def truncated_normal(k: KernelContext, shape: Array) -> Array:
    """Draw numbers of the standard normal distribution that lie within ±2."""
    stream: Any = k.stream()
    return stream.truncated_normal(k.sizes(0, shape), k.op.attrs["dtype"].np_dtype)


def random_gamma(k: KernelContext, lead: Array, alpha: Array) -> Array:
    """Draw numbers of the gamma distribution."""
    stream: Any = k.stream()
    wanted = k.xp.broadcast_to(alpha, (*k.sizes(0, lead), *alpha.shape))
    return stream.gamma(wanted.astype(np.float64)).astype(alpha.dtype)


KERNELS: dict[str, Callable[..., Any]] = {
    "TruncatedNormal": truncated_normal,
    "RandomGamma": random_gamma,
}
