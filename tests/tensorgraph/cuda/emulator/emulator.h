// CUDA's kernels as plain C++: the threads of a block run one after the other, and take turns where
// they wait for each other. It is there to check numbers, not to be fast.
//
// What it finds beside wrong numbers: threads that wait for others that never come (a barrier in a
// branch, a lane that a shuffle's mask names but that has ended), and shared memory that is read
// before it is written, which holds NaN. Every other launch goes through the threads backwards, so
// that a missing barrier shows.
#pragma once
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <ucontext.h>
#include <algorithm>
#include <cmath>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __constant__ static const
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __shared__ static __attribute__((section("emulated_shared")))
#define __grid_constant__

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(16) longlong2 { long long x, y; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace emulated {

const size_t STACK = 256 * 1024;
const unsigned MOST_THREADS = 1024;
const size_t MOST_SHARED = 48 * 1024;
const char *const DEADLOCK = "threads of a block wait for others that never come";

enum State { READY, AT_BARRIER, IN_WARP, ENDED };

struct Warp {
    uint64_t slots[2][32];
    unsigned arrived, generation;
};

struct Fiber {
    jmp_buf place;
    ucontext_t start;
    char *stack;
    bool begun;
    uint3 thread;
    State state;
    unsigned linear;
    // What it waits for: the number of the barrier, or the generation of its warp's exchange.
    unsigned waits;
};

// Plain arrays, of zeros at first: templates of the library take the compiler longer than a kernel.
static Fiber fibers[MOST_THREADS];
static Warp warps[MOST_THREADS / 32];
alignas(64) static char dynamic_shared[MOST_SHARED];
static Fiber *current;
static jmp_buf scheduler;
static void (*work)(void *);
static void *work_data;
static unsigned threads, arrived, ended, barrier, launches;
static int counted[2], votes[2][3];
static const char *failure;

inline void yield_to_others() {
    if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}

inline void body() {
    for (;;) {
        work(work_data);
        current->state = ENDED;
        ended++;
        if (arrived && arrived + ended == threads) { arrived = 0; barrier++; }
        yield_to_others();
    }
}

inline void resume(Fiber &fiber) {
    current = &fiber;
    threadIdx = fiber.thread;
    if (!_setjmp(scheduler)) {
        if (fiber.begun) _longjmp(fiber.place, 1);
        fiber.begun = true;
        setcontext(&fiber.start);
    }
}

inline void prepare(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        Fiber &fiber = fibers[i];
        if (fiber.stack) continue;
        fiber.stack = (char *)malloc(STACK);
        if (!fiber.stack) { perror("no stack for a thread"); abort(); }
        getcontext(&fiber.start);
        fiber.start.uc_stack.ss_sp = fiber.stack;
        fiber.start.uc_stack.ss_size = STACK;
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, body, 0);
    }
}

inline bool may_go(const Fiber &fiber) {
    if (fiber.state == READY) return true;
    if (fiber.state == AT_BARRIER) return fiber.waits != barrier;
    if (fiber.state == IN_WARP) return fiber.waits != warps[fiber.linear / 32].generation;
    return false;
}

inline int wait_at_barrier() {
    unsigned mine = barrier;
    if (++arrived + ended == threads) {
        arrived = 0;
        barrier++;
    } else {
        current->state = AT_BARRIER;
        current->waits = mine;
        yield_to_others();
        current->state = READY;
    }
    return mine;
}

inline int vote(bool value, int which) {
    // Two counters in turn: nobody is two barriers ahead of anybody.
    unsigned side = barrier & 1;
    votes[side][0] += value;
    wait_at_barrier();
    int count = votes[side][0];
    wait_at_barrier();
    votes[side][0] = 0;
    wait_at_barrier();
    return which == 0 ? count : which == 1 ? count == (int)(threads - ended) : count > 0;
}

template <class V> V exchange(unsigned mask, V value, int lane) {
    static_assert(sizeof(V) <= 8);
    Warp &warp = warps[current->linear / 32];
    unsigned mine = current->linear % 32, generation = warp.generation, side = generation & 1;
    warp.slots[side][mine] = 0;
    memcpy(&warp.slots[side][mine], &value, sizeof(V));
    warp.arrived |= 1u << mine;
    if ((warp.arrived & mask) == mask) {
        warp.arrived = 0;
        warp.generation++;
    } else {
        current->state = IN_WARP;
        current->waits = generation;
        yield_to_others();
        current->state = READY;
    }
    if (lane < 0) return value;
    V result;
    memcpy(&result, &warp.slots[side][lane], sizeof(V));
    return result;
}

inline void run_block() {
    arrived = ended = barrier = 0;
    memset(warps, 0, sizeof(warps));
    bool backwards = launches & 1;
    for (unsigned i = 0; i < threads; i++) {
        Fiber &fiber = fibers[i];
        fiber.linear = i;
        fiber.state = READY;
        fiber.thread = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    }
    while (ended < threads) {
        bool moved = false;
        for (unsigned n = 0; n < threads; n++) {
            Fiber &fiber = fibers[backwards ? threads - 1 - n : n];
            if (may_go(fiber)) {
                resume(fiber);
                moved = true;
            }
        }
        if (!moved) {
            failure = DEADLOCK;
            // They will never be resumed, so that the next launch begins with fresh stacks.
            for (Fiber &fiber : fibers) { free(fiber.stack); fiber.stack = nullptr; fiber.begun = false; }
            return;
        }
    }
}

template <class... A> struct Call {
    void (*function)(A...);
    void **args;
    template <size_t... I> void go(std::index_sequence<I...>) {
        function(*(std::remove_const_t<A> *)args[I]...);
    }
    static void run(void *self) { ((Call *)self)->go(std::index_sequence_for<A...>()); }
};

extern "C" char __start_emulated_shared[] __attribute__((weak));
extern "C" char __stop_emulated_shared[] __attribute__((weak));

inline void spoil_shared(size_t dynamic) {
    if (__start_emulated_shared)
        memset(__start_emulated_shared, 0xff, __stop_emulated_shared - __start_emulated_shared);
    memset(dynamic_shared, 0xff, dynamic);
}

template <class... A>
const char *launch(void (*function)(A...), const unsigned *shape, size_t dynamic, void **args) {
    gridDim = {shape[0], shape[1], shape[2]};
    blockDim = {shape[3], shape[4], shape[5]};
    threads = blockDim.x * blockDim.y * blockDim.z;
    if (!threads || threads > MOST_THREADS) return "a block has between 1 and 1024 threads";
    if (!gridDim.x || !gridDim.y || !gridDim.z) return "a grid has at least one block";
    if (gridDim.y > 65535 || gridDim.z > 65535) return "a grid has at most 65535 blocks in y and z";
    if (dynamic > MOST_SHARED) return "more shared memory than a launch gives by itself";
    Call<A...> call{function, args};
    work = &Call<A...>::run;
    work_data = &call;
    failure = nullptr;
    launches++;
    prepare(threads);
    for (unsigned z = 0; z < gridDim.z && !failure; z++)
        for (unsigned y = 0; y < gridDim.y && !failure; y++)
            for (unsigned x = 0; x < gridDim.x && !failure; x++) {
                blockIdx = {x, y, z};
                spoil_shared(dynamic);
                run_block();
            }
    return failure;
}

// A letter and a size for each parameter: p for pointers, f for floats, i for integers, s for structs.
template <class A> void describe_one(char *&to) {
    using B = std::remove_const_t<A>;
    char letter = std::is_pointer_v<B> ? 'p' : std::is_floating_point_v<B> ? 'f' : 'i';
    to += sprintf(to, "%c%d ", std::is_class_v<B> ? 's' : letter, (int)sizeof(B));
}
template <class... A> const char *describe(void (*)(A...)) {
    static char text[4096];
    char *to = text;
    *to = 0;
    (describe_one<A>(to), ...);
    return text;
}

template <class V> V swap_in(V *place, V value) {
    V old = *place;
    *place = value;
    return old;
}

inline float half_to_float(unsigned short bits) {
    _Float16 h;
    memcpy(&h, &bits, 2);
    return h;
}
inline unsigned short half_from(float x) {
    _Float16 h = x;
    unsigned short bits;
    memcpy(&bits, &h, 2);
    return bits;
}
inline unsigned short half_from(double x) {
    _Float16 h = x;
    unsigned short bits;
    memcpy(&bits, &h, 2);
    return bits;
}

}  // namespace emulated

inline void __syncthreads() { emulated::wait_at_barrier(); }
inline int __syncthreads_count(int value) { return emulated::vote(value, 0); }
inline int __syncthreads_and(int value) { return emulated::vote(value, 1); }
inline int __syncthreads_or(int value) { return emulated::vote(value, 2); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __syncwarp(unsigned mask = 0xffffffffu) { emulated::exchange(mask, 0, -1); }

template <class V> V __shfl_sync(unsigned mask, V value, int from, int width = 32) {
    int lane = emulated::current->linear % 32;
    return emulated::exchange(mask, value, lane / width * width + (from & (width - 1)));
}
template <class V> V __shfl_xor_sync(unsigned mask, V value, int bits, int width = 32) {
    int lane = emulated::current->linear % 32, from = lane ^ bits;
    return emulated::exchange(mask, value, from / width > lane / width ? lane : from);
}
template <class V> V __shfl_down_sync(unsigned mask, V value, unsigned by, int width = 32) {
    int lane = emulated::current->linear % 32, from = lane + by;
    return emulated::exchange(mask, value, from / width != lane / width ? lane : from);
}
template <class V> V __shfl_up_sync(unsigned mask, V value, unsigned by, int width = 32) {
    int lane = emulated::current->linear % 32, from = lane - by;
    return emulated::exchange(mask, value, lane % width < (int)by ? lane : from);
}
inline unsigned __ballot_sync(unsigned mask, int value) {
    unsigned result = 0;
    for (int lane = 0; lane < 32; lane++) {
        if (!(mask >> lane & 1)) continue;
        result |= (unsigned)(emulated::exchange(mask, value, lane) != 0) << lane;
    }
    return result;
}
inline int __any_sync(unsigned mask, int value) { return __ballot_sync(mask, value) != 0; }
inline int __all_sync(unsigned mask, int value) { return __ballot_sync(mask, value) == mask; }

template <class V, class W> V atomicAdd(V *place, W value) { return emulated::swap_in(place, (V)(*place + value)); }
template <class V, class W> V atomicMax(V *place, W value) { return emulated::swap_in(place, *place < (V)value ? (V)value : *place); }
template <class V, class W> V atomicMin(V *place, W value) { return emulated::swap_in(place, (V)value < *place ? (V)value : *place); }
template <class V, class W> V atomicExch(V *place, W value) { return emulated::swap_in(place, (V)value); }
template <class V, class W, class X> V atomicCAS(V *place, W wanted, X value) {
    return emulated::swap_in(place, *place == (V)wanted ? (V)value : *place);
}

template <class V> V __ldg(const V *place) { return *place; }
inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((uint64_t)x * y >> 32); }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned long long)((unsigned __int128)x * y >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline float __int_as_float(int x) { float y; memcpy(&y, &x, 4); return y; }
inline int __float_as_int(float x) { int y; memcpy(&y, &x, 4); return y; }
inline float __uint_as_float(unsigned x) { float y; memcpy(&y, &x, 4); return y; }
inline unsigned __float_as_uint(float x) { unsigned y; memcpy(&y, &x, 4); return y; }
inline double __longlong_as_double(long long x) { double y; memcpy(&y, &x, 8); return y; }
inline long long __double_as_longlong(double x) { long long y; memcpy(&y, &x, 8); return y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / ::sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline void sincospif(float x, float *s, float *c) { *s = sinf((float)M_PI * x); *c = cosf((float)M_PI * x); }
inline void sincospi(double x, double *s, double *c) { *s = ::sin(M_PI * x); *c = ::cos(M_PI * x); }
inline float sinpif(float x) { return (float)::sin(M_PI * (double)x); }
inline float cospif(float x) { return (float)::cos(M_PI * (double)x); }
inline double sinpi(double x) { return ::sin(M_PI * x); }
inline double cospi(double x) { return ::cos(M_PI * x); }
inline float __saturatef(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

// CUDA's mathematical functions are overloaded, in the global namespace, also for mixed arguments.
using std::min;
using std::max;
inline int min(int x, int y) { return x < y ? x : y; }
inline int max(int x, int y) { return x > y ? x : y; }
inline unsigned min(unsigned x, unsigned y) { return x < y ? x : y; }
inline unsigned max(unsigned x, unsigned y) { return x > y ? x : y; }
inline long long min(long long x, long long y) { return x < y ? x : y; }
inline long long max(long long x, long long y) { return x > y ? x : y; }
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return ::fmin(x, y); }
inline double max(double x, double y) { return ::fmax(x, y); }
using std::abs; using std::fabs; using std::sqrt; using std::exp; using std::log; using std::log1p;
using std::expm1; using std::tanh; using std::sin; using std::cos; using std::tan; using std::asin;
using std::acos; using std::atan; using std::sinh; using std::cosh; using std::asinh; using std::acosh;
using std::atanh; using std::atan2; using std::floor; using std::ceil; using std::rint; using std::trunc;
using std::fmod; using std::pow; using std::erf; using std::erfc; using std::lgamma; using std::copysign;
using std::fmin; using std::fmax; using std::fma; using std::exp2; using std::log2; using std::round;
using std::isnan; using std::isinf; using std::isfinite; using std::signbit; using std::cbrt;
