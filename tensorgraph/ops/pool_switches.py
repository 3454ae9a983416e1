"""Max-pooling that remembers which element of each window was the largest.

The gradient of a maximum compares the images with the maxima of their windows. Remembered as a byte
for each window, the places need a sixteenth of the memory of the images, for windows of two by two;
and they are found while the images are in the cache. The pass `passes.switches` puts these
operations in the place of `ops.pool`'s, which compute the same.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.graph.node import Operation
from tensorgraph.graph.opdef import (
    Arg,
    Blockwise,
    KernelContext,
    OpDef,
    Role,
    Spec,
    elements,
    register,
)
from tensorgraph.ops.memory_order import made_output, scratch_like
from tensorgraph.ops.pool import bytes_each, pool_windows
from tensorgraph.ops.pool_kernels import (
    combine,
    hand_back,
    layout_of,
    switches,
    with_frame,
    without_frame,
)
from tensorgraph.ops.shares import Block, for_blocks

# What a byte can count.
MOST_TAPS = 256


@register
class MaxPoolSwitches(OpDef):
    """The largest element of each window, and its place in the window, the first of several.

    Places are counted in reading order.
    """

    type = "MaxPoolSwitches"
    formula = "the largest of each window of {input}"
    formulas_besides = ("the place of the largest in each window of {input}",)
    inputs = (Arg("input"),)
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        dims = x.dims or (None,) * 4
        places = (dims[0], *pool_windows(op).output(*dims[1:-1]), dims[-1])
        return (Spec(x.dtype, places), Spec(dtypes.uint8, places))

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS,), (Role.ROWS, Role.ROWS))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (x,), xp = inputs, k.xp
        windows = pool_windows(k.op)
        layout = layout_of(windows, x.shape[1:-1])
        dims = (len(x), *windows.places(*x.shape[1:-1]), x.shape[-1])
        largest, place = (made_output(k, i, dims, t) for i, t in enumerate((x.dtype, np.uint8)))

        def task(block: Block) -> None:
            images, out, found = x[block.part], largest[block.part], place[block.part]
            combine(block, xp.maximum, layout, with_frame(block, layout, images, -np.inf), out)
            part = scratch_like(block, "place", out, np.uint8)
            found[...] = 0
            for i, mask in enumerate(switches(block, layout, images, out)):
                if i:
                    xp.multiply(mask.view(np.uint8), np.uint8(i), out=part)
                    xp.add(found, part, out=found)

        for_blocks(k, len(x), bytes_each(x), task)
        return largest, place

    def flops(self, op: Operation) -> int:
        return 2 * elements(op.inputs)


@register
class MaxPoolSwitchesGrad(OpDef):
    """The gradient of `MaxPoolSwitches` by its images: inputs are the places, and dy.

    The attribute ``spatial`` is the size of the images.
    """

    type = "MaxPoolSwitchesGrad"
    formula = "{grad} at {places} of each window, else 0"
    inputs = (Arg("places", (dtypes.uint8,), group="places"), Arg("grad"))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        dy = op.inputs[1]
        dims = dy.dims or (None,) * 4
        return (Spec(dy.dtype, (dims[0], *op.attrs["spatial"], dims[-1])),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, Role.ROWS))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (places, dy), xp = inputs, k.xp
        spatial = k.op.attrs["spatial"]
        layout = layout_of(pool_windows(k.op), spatial)
        out = k.out
        if out is None:
            out = xp.empty((len(dy), *spatial, dy.shape[-1]), dy.dtype)

        def task(block: Block) -> None:
            found, grad = places[block.part], dy[block.part]
            mask = scratch_like(block, "mask", found, np.bool_)
            masks = (xp.equal(found, np.uint8(i), out=mask) for i in range(len(layout.taps)))
            hand = functools.partial(hand_back, block, layout, masks, grad)
            without_frame(block, layout, out[block.part], hand)

        for_blocks(k, len(dy), bytes_each(out), task)
        return out

    def flops(self, op: Operation) -> int:
        return 2 * elements(op.outputs)
