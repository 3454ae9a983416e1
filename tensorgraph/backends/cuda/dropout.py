"""The random factors of dropout, 16 bits of Philox for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorgraph.backends.cuda.arrays import deliver, target
from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.backends.cuda.random import PHILOX
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

# A block of Philox is eight numbers of 16 bits.
EACH = 8

MASK = source(
    "dropout mask",
    PHILOX
    + """
// Read on the device, the rate may change from run to run; NaN where it is no share.
extern "C" __global__ void dropout_mask(const T *rate, T *out, int64 count, uint32 *state) {
    Philox stream = philox_at(state);
    double share = (double)(Tc)*rate;
    bool valid = share >= 0 && share < 1;
    T kept = (T)(Tc)(valid ? 1 / (1 - share) : (double)__int_as_float(0x7fffffff));
    T dropped = valid ? (T)(Tc)0 : kept;
    uint32 limit = (uint32)(valid ? share * 65536 + 0.5 : 0);
    int64 blocks = (count + 7) / 8;
    FOR_ITEMS(block, blocks) {
        Words w = philox(stream, block);
        uint32 words[4] = {w.x, w.y, w.z, w.w};
        // Neighbours write neighbours.
        for (int j = 0; j < 8; j++) {
            int64 place = j * blocks + block;
            uint32 bits = words[j / 2] >> (j % 2 * 16) & 0xffffu;
            if (place < count) out[place] = bits >= limit ? kept : dropped;
        }
    }
    philox_done(state, blocks);
}
""",
    T=FLOATS,
)


def dropout_mask(k: KernelContext, shape: Array, rate: Array) -> Array:
    """Compute `DropoutMask`."""
    if k.op.inputs[1].op.type == "Const":
        share = float(k.host(1, rate))
        if not 0 <= share < 1:
            raise ValueError(f"the share dropped must lie in [0, 1), not {share}")
    out = target(k, 0, k.sizes(0, shape), rate.dtype)
    if out.size:
        stream: Any = k.stream()
        launch = MASK.load(k.backend, "dropout_mask", T=rate.dtype)
        launch(blocks_for(-(-out.size // EACH)), (BLOCK,), (rate, out, out.size, stream.words))
    return deliver(k, 0, out)


KERNELS: Mapping[str, Callable[..., Any]] = {"DropoutMask": dropout_mask}
