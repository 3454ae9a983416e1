"""LSTM and GRU along sequences: between two products, a step is one launch.

What all steps take of the inputs is one product before the first step, and the gradient by the
weights is one after the last; in between, a step waits for nothing but the product with the state
before. On the way back likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.arrays import deliver, dense, target
from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

_FUNCTIONS = """
__device__ inline Tc sigmoid(Tc x) { return (Tc)1 / ((Tc)1 + exp(-x)); }
"""

LSTM = source(
    "LSTM",
    _FUNCTIONS
    + """
// Of `by_x` and `by_h`, [batch][i, j, f, o][units], to the gates, [o, i, f, j][…][batch][units].
extern "C" __global__ void lstm_step(const T *by_x, const T *by_h, const T *bias, const T *h_before,
                                     const T *c_before, T *h, T *c, T *tanh_c, T *gates, T *rows,
                                     int64 count, int64 units, int64 apart, int64 width,
                                     double forget_bias) {
    FOR_ITEMS(n, count) {
        int64 row = n / units, unit = n % units;
        Tc z[4];
        for (int g = 0; g < 4; g++) {
            int64 place = (row * 4 + g) * units + unit;
            z[g] = (Tc)by_x[place] + (Tc)by_h[place] + (Tc)bias[g * units + unit];
        }
        Tc i = sigmoid(z[0]), j = tanh(z[1]), o = sigmoid(z[3]);
        Tc f = sigmoid(z[2] + (Tc)forget_bias);
        Tc memory = f * (Tc)c_before[n] + i * j, bent = tanh(memory);
        gates[n] = (T)o, gates[apart + n] = (T)i;
        gates[2 * apart + n] = (T)f, gates[3 * apart + n] = (T)j;
        c[n] = (T)memory, tanh_c[n] = (T)bent, h[n] = (T)(o * bent);
        rows[row * width + width - 1 - units + unit] = h_before[n];
    }
}

// By the gates, [batch][i, j, f, o][units], from the gradients by output and memory; the latter
// becomes that by the memory before. Gradients from outside are there if the flags say so.
extern "C" __global__ void lstm_back(const T *gates, const T *tanh_c, const T *c_before,
                                     const T *dh, const T *from_h, const T *from_c, T *dc,
                                     T *d_gates, int64 count, int64 units, int64 apart,
                                     bool has_h, bool has_c) {
    FOR_ITEMS(n, count) {
        Tc o = gates[n], i = gates[apart + n], f = gates[2 * apart + n], j = gates[3 * apart + n];
        Tc bent = tanh_c[n], by_h = dh[n], by_c = dc[n];
        if (has_h) by_h += (Tc)from_h[n];
        if (has_c) by_c += (Tc)from_c[n];
        by_c += by_h * o * ((Tc)1 - bent * bent);
        T *to = d_gates + n / units * 4 * units + n % units;
        to[0] = (T)(by_c * j * i * ((Tc)1 - i));
        to[units] = (T)(by_c * i * ((Tc)1 - j * j));
        to[2 * units] = (T)(by_c * (Tc)c_before[n] * f * ((Tc)1 - f));
        to[3 * units] = (T)(by_h * bent * o * ((Tc)1 - o));
        dc[n] = (T)(by_c * f);
    }
}
""",
    T=FLOATS,
)

GRU = source(
    "GRU",
    _FUNCTIONS
    + """
// The gates r and u, [r, u, candidate][…][batch][units], and what r leaves of the state.
extern "C" __global__ void gru_gates(const T *by_x, const T *by_h, const T *bias, const T *before,
                                     T *gates, T *left, int64 count, int64 units, int64 apart) {
    FOR_ITEMS(n, count) {
        int64 place = n / units * 2 * units + n % units, unit = n % units;
        Tc r = sigmoid((Tc)by_x[place] + (Tc)by_h[place] + (Tc)bias[unit]);
        place += units;
        Tc u = sigmoid((Tc)by_x[place] + (Tc)by_h[place] + (Tc)bias[units + unit]);
        gates[n] = (T)r, gates[apart + n] = (T)u;
        left[n] = (T)(r * (Tc)before[n]);
    }
}

extern "C" __global__ void gru_state(const T *by_x, const T *by_left, const T *bias,
                                     const T *before, T *gates, T *h, int64 count, int64 units,
                                     int64 apart) {
    FOR_ITEMS(n, count) {
        Tc c = tanh((Tc)by_x[n] + (Tc)by_left[n] + (Tc)bias[n % units]), u = gates[apart + n];
        gates[2 * apart + n] = (T)c;
        h[n] = (T)(c + u * ((Tc)before[n] - c));
    }
}

// By u and the candidate, [batch][r, u, candidate][units]; dh keeps what goes straight to the
// state before.
extern "C" __global__ void gru_back(const T *gates, const T *before, const T *from_h, T *dh,
                                    T *d_gates, T *d_candidate, int64 count, int64 units,
                                    int64 apart, bool has_h) {
    FOR_ITEMS(n, count) {
        Tc u = gates[apart + n], c = gates[2 * apart + n], by_h = dh[n];
        if (has_h) by_h += (Tc)from_h[n];
        T *to = d_gates + n / units * 3 * units + n % units;
        Tc by_c = by_h * ((Tc)1 - u) * ((Tc)1 - c * c);
        to[units] = (T)(by_h * ((Tc)before[n] - c) * u * ((Tc)1 - u));
        to[2 * units] = (T)by_c;
        d_candidate[n] = (T)by_c;
        dh[n] = (T)(by_h * u);
    }
}

// By r, and the rest of what goes to the state before but for the product with r's and u's weights.
extern "C" __global__ void gru_back_left(const T *gates, const T *before, const T *by_left, T *dh,
                                         T *d_gates, T *d_both, int64 count, int64 units) {
    FOR_ITEMS(n, count) {
        Tc r = gates[n], by_left_r = (Tc)by_left[n] * r;
        T *from = d_gates + n / units * 3 * units + n % units;
        T *to = d_both + n / units * 2 * units + n % units;
        T by_r = (T)(by_left_r * (Tc)before[n] * ((Tc)1 - r));
        from[0] = by_r;
        to[0] = by_r, to[units] = from[units];
        dh[n] = (T)((Tc)dh[n] + by_left_r);
    }
}
""",
    T=FLOATS,
)


def _outputs(k: KernelContext, dims: Sequence[Sequence[int]], dtype: Any) -> list[Array]:
    return [target(k, i, d, dtype) for i, d in enumerate(dims)]


def _delivered(k: KernelContext, made: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(deliver(k, i, array) for i, array in enumerate(made))


def lstm(k: KernelContext, *inputs: Array) -> tuple[Array, ...]:
    """Compute `BlockLSTM`."""
    x, c_first, h_first, w, b = (dense(k, a) for a in inputs)
    (steps, batch, size), units = x.shape, h_first.shape[1]
    if not steps * batch * units * size:
        made: tuple[Array, ...] = k.op.definition.kernel(k, *inputs)
        return made
    xp, dtype, along, width = k.xp, x.dtype, (steps, batch, units), len(w) + 1
    dims = (along, along, along[1:], along[1:], (4, *along), along, (steps, batch, width))
    outs = _outputs(k, dims, dtype)
    h, c, last_h, last_c, gates, tanh_c, rows = outs
    rows[:, :, :size] = x
    rows[:, :, -1] = 1
    by_x = k.scratch("by x", (steps * batch, 4 * units), dtype)
    xp.matmul(x.reshape(steps * batch, size), w[:size], out=by_x)
    by_x, by_h = by_x.reshape(steps, batch, 4 * units), k.scratch("by h", (batch, 4 * units), dtype)
    launch, count = LSTM.load(k.backend, "lstm_step", T=dtype), batch * units
    sizes = (count, units, steps * count, width, float(k.op.attrs["forget_bias"]))
    state, memory = h_first, c_first
    for t in range(steps):
        xp.matmul(state, w[size:], out=by_h)
        given = (by_x[t], by_h, b, state, memory)
        launch(
            blocks_for(count),
            (BLOCK,),
            (*given, h[t], c[t], tanh_c[t], gates[0, t], rows[t], *sizes),
        )
        state, memory = h[t], c[t]
    last_h[...], last_c[...] = state, memory
    return _delivered(k, outs)


def lstm_gradient(k: KernelContext, *inputs: Array) -> tuple[Array, ...]:
    """Compute `BlockLSTMGrad`."""
    c_first, h_first, w, b, c, gates, tanh_c, rows, *grads = (dense(k, a) for a in inputs)
    given = dict(zip(k.op.attrs["given"], grads, strict=True))
    (steps, batch, units), xp, dtype = c.shape, k.xp, c.dtype
    if not c.size:
        made: tuple[Array, ...] = k.op.definition.kernel(k, *inputs)
        return made
    dims = ((steps, batch, 4 * units), *(a.shape for a in (c_first, h_first, w, b)))
    outs = _outputs(k, dims, dtype)
    d_gates, dc, dh, by_w, by_b = outs
    dh[...] = given.get(2, 0)
    dc[...] = given.get(3, 0)
    turned, count = w[len(w) - units :].T, batch * units
    launch = LSTM.load(k.backend, "lstm_back", T=dtype)
    sizes = (count, units, steps * count, np.bool_(0 in given), np.bool_(1 in given))
    for t in reversed(range(steps)):
        # Where nothing comes from outside, something else stands that is not read.
        outside = (given.get(0, c)[t], given.get(1, c)[t])
        memory = c[t - 1] if t else c_first
        args = (gates[0, t], tanh_c[t], memory, dh, *outside, dc, d_gates[t], *sizes)
        launch(blocks_for(count), (BLOCK,), args)
        xp.matmul(d_gates[t], turned, out=dh)
    flat = d_gates.reshape(steps * batch, 4 * units)
    both = xp.matmul(rows.reshape(steps * batch, -1).T, flat)
    by_w[...], by_b[...] = both[:-1], both[-1]
    return _delivered(k, outs)


def gru(k: KernelContext, *inputs: Array) -> tuple[Array, ...]:
    """Compute `BlockGRU`."""
    x, first, w_ru, w_c, b_ru, b_c = (dense(k, a) for a in inputs)
    (steps, batch, size), units = x.shape, first.shape[1]
    if not steps * batch * units * size:
        made: tuple[Array, ...] = k.op.definition.kernel(k, *inputs)
        return made
    xp, dtype, along = k.xp, x.dtype, (steps, batch, units)
    outs = _outputs(k, (along, along[1:], (3, *along)), dtype)
    h, last, gates = outs
    rows, every = x.reshape(steps * batch, size), steps * batch
    by_x_ru = k.scratch("by x", (every, 2 * units), dtype)
    by_x_c = k.scratch("candidates by x", (every, units), dtype)
    xp.matmul(rows, w_ru[:size], out=by_x_ru)
    xp.matmul(rows, w_c[:size], out=by_x_c)
    by_h = k.scratch("by h", (batch, 2 * units), dtype)
    left, by_left = (k.scratch(name, (batch, units), dtype) for name in ("left", "by left"))
    of_gates, of_state = (GRU.load(k.backend, n, T=dtype) for n in ("gru_gates", "gru_state"))
    count, state = batch * units, first
    sizes, grid = (count, units, steps * count), blocks_for(count)
    for t in range(steps):
        part = slice(t * batch, (t + 1) * batch)
        xp.matmul(state, w_ru[size:], out=by_h)
        of_gates(grid, (BLOCK,), (by_x_ru[part], by_h, b_ru, state, gates[0, t], left, *sizes))
        xp.matmul(left, w_c[size:], out=by_left)
        of_state(grid, (BLOCK,), (by_x_c[part], by_left, b_c, state, gates[0, t], h[t], *sizes))
        state = h[t]
    last[...] = state
    return _delivered(k, outs)


def gru_gradient(k: KernelContext, *inputs: Array) -> tuple[Array, ...]:
    """Compute `BlockGRUGrad`."""
    x, first, w_ru, w_c, b_ru, b_c, h, gates, *grads = (dense(k, a) for a in inputs)
    given = dict(zip(k.op.attrs["given"], grads, strict=True))
    (steps, batch, size), units, xp, dtype = x.shape, first.shape[1], k.xp, x.dtype
    if not h.size * size:
        made: tuple[Array, ...] = k.op.definition.kernel(k, *inputs)
        return made
    dims = ((steps, batch, 3 * units), *(a.shape for a in (first, w_ru, w_c, b_ru, b_c)))
    outs = _outputs(k, dims, dtype)
    d_gates, dh, by_w_ru, by_w_c, by_b_ru, by_b_c = outs
    dh[...] = given.get(1, 0)
    d_candidate, by_left, more = (
        k.scratch(name, (batch, units), dtype) for name in ("by candidate", "by left", "more")
    )
    d_both = k.scratch("by both", (batch, 2 * units), dtype)
    back, back_left = (GRU.load(k.backend, n, T=dtype) for n in ("gru_back", "gru_back_left"))
    count, of_c, of_ru = batch * units, w_c[size:].T, w_ru[size:].T
    for t in reversed(range(steps)):
        before = h[t - 1] if t else first
        args = (gates[0, t], before, given.get(0, h)[t], dh, d_gates[t], d_candidate)
        back(
            blocks_for(count), (BLOCK,), (*args, count, units, steps * count, np.bool_(0 in given))
        )
        xp.matmul(d_candidate, of_c, out=by_left)
        args = (gates[0, t], before, by_left, dh, d_gates[t], d_both)
        back_left(blocks_for(count), (BLOCK,), (*args, count, units))
        xp.matmul(d_both, of_ru, out=more)
        xp.add(dh, more, out=dh)
    _by_gru_weights(k, (x, first, h, gates), d_gates, (by_w_ru, by_w_c, by_b_ru, by_b_c))
    return _delivered(k, outs)


def _by_gru_weights(
    k: KernelContext, given: Sequence[Array], d_gates: Array, outs: Sequence[Array]
) -> None:
    """Write the gradients by weights and biases: of r and u, and of the candidate."""
    (x, first, h, gates), xp = given, k.xp
    by_w_ru, by_w_c, by_b_ru, by_b_c = outs
    (steps, batch, size), units = x.shape, first.shape[1]
    rows = k.scratch("rows", (steps, batch, size + units + 1), x.dtype)
    rows[:, :, :size], rows[:, :, -1] = x, 1
    before = rows[:, :, size:-1]
    before[0], before[1:] = first, h[:-1]
    across = rows.reshape(steps * batch, -1).T
    flat = d_gates.reshape(steps * batch, 3 * units)
    both = xp.matmul(across, flat[:, : 2 * units])
    by_w_ru[...], by_b_ru[...] = both[:-1], both[-1]
    xp.multiply(before, gates[0], out=before)
    of_candidate = xp.matmul(across, flat[:, 2 * units :])
    by_w_c[...], by_b_c[...] = of_candidate[:-1], of_candidate[-1]


KERNELS: Mapping[str, Callable[..., Any]] = {
    "BlockLSTM": lstm,
    "BlockLSTMGrad": lstm_gradient,
    "BlockGRU": gru,
    "BlockGRUGrad": gru_gradient,
}
