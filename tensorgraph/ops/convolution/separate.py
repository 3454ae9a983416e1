"""Depthwise convolution: each channel by itself, without a loop over channels.

Channels do not mix, so that there is no matrix product to make of it: it is as many
multiplications and additions of whole images as the filter has pixels. What makes them quick is to
work on whole lines, width and channels together (and the batch between them, where it lies there),
against the filter's numbers repeated along a line; and to multiply and add in one pass, which is
what `einsum` does with a sum of products, in place of a pass for either.

Several filters for a channel are as many copies of the channel with a filter each. The gradient by
the images is the convolution of `dy` with the filter turned by half a circle; where the filter goes
in steps, it is one such convolution for each phase of the pixels (`phases`).

In a `Case` of this kind the number of filters is that for each channel.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.convolution.layout import (
    batch_inside,
    in_one_piece,
    spread_out,
    written_in_one_piece,
)
from tensorgraph.ops.convolution.phases import frame, phases
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks

# Gradients by the filter are added up by whole lines, the longer the better: how many blocks of the
# usual size are one.
LONG_BLOCKS = 4


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    inside = batch_inside(out)
    weights = _along_lines(k, case, w, case.places[1], inside)

    def task(block: Block) -> None:
        patches = _patches(block, case, spread_out(x[block.part], inside))
        with written_in_one_piece(block.scratch, spread_out(out[block.part], inside)) as result:
            _sum(k, patches, weights, result)

    for_blocks(k, case.batch, _bytes_each(case, x), task)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    inside, around = batch_inside(out), frame(case)
    (top, left), parts = around.before, []
    for i, j in itertools.product(*phases(case)):
        taps = w[list(i.taps)][:, list(j.taps)]
        lines = _along_lines(k, case, taps, j.number, inside, f"{i.taps} {j.taps}")
        parts.append((i, j, lines))

    def task(block: Block) -> None:
        grad, result = (spread_out(a[block.part], inside) for a in (dy, out))
        shape = (len(grad), *around.size, *grad.shape[3:])
        framed = block.scratch("frame", shape, dy.dtype, 0)
        framed[(slice(None), *around.inner)] = grad
        for i, j, weights in parts:
            pixels = result[:, i.pixels, j.pixels]
            if not weights.size:
                pixels[...] = 0
                continue
            met = framed[:, top + i.first :, left + j.first :]
            distances, counts = (i.distance, j.distance), (i.number, j.number)
            patches = _lines(k, met, weights.shape[:2], distances, counts)
            if case.filters == 1:
                with written_in_one_piece(block.scratch, pixels) as made:
                    _sum(k, patches, weights, made)
                continue
            deep = block.scratch("deep", (*pixels.shape, case.filters), dy.dtype)
            _sum(k, patches, weights, deep)
            k.xp.add.reduce(deep, -1, out=pixels)

    for_blocks(k, case.batch, _bytes_each(case, dy), task)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""
    (tall, wide), inside = case.windows.size, batch_inside(dy)
    deep = case.channels * case.filters

    def task(block: Block, part: Any) -> None:
        patches = _patches(block, case, spread_out(x[block.part], inside))
        grad = in_one_piece(block.scratch, "grad", spread_out(dy[block.part], inside))
        grad = grad.reshape(*grad.shape[:2], -1)
        sums = block.scratch("sums", (tall, wide, grad.shape[2]), x.dtype)
        for i in range(tall):
            for j in range(wide):
                k.xp.einsum("nhk,nhk->k", patches[:, :, i, j], grad, out=sums[i, j])
        k.xp.add.reduce(sums.reshape(tall, wide, -1, deep), 2, out=part)

    with written_in_one_piece(k.scratch, out) as dw:
        total = dw.reshape(tall, wide, deep)
        # Several images at a time, so that lines are added up once for all of them.
        sum_blocks(k, case.batch, _bytes_each(case, x) // LONG_BLOCKS, total, task)


def _along_lines(
    k: KernelContext, case: Case, w: Any, width: int, inside: bool, name: str = ""
) -> Any:
    """Return the numbers of a filter, repeated along a line: (height, width, line)."""
    tall, wide, *channels = w.shape
    pixels = width * case.batch if inside else width

    def repeat(lines: Any) -> None:
        lines[...] = w[:, :, None]

    shape = (tall, wide, pixels, *channels)
    lines = k.once(f"weights {name} {pixels}", shape, w.dtype, repeat)
    return lines.reshape(tall, wide, pixels * case.channels * case.filters)


def _patches(block: Block, case: Case, images: Any) -> Any:
    """Return what each pixel of the filter meets: (outer, height, down, across, line)."""
    if case.windows.strides[1] > 1:
        return _stepping_patches(block, case, images)
    c, m = case.channels, case.filters
    if case.framed or m > 1 or not images.flags.c_contiguous:
        shape = (len(images), *case.padded, images.shape[3])
        frame = block.scratch("frame", (*shape, c * m), images.dtype, 0)
        frame.reshape(*shape, c, m)[(slice(None), *case.inner)] = images[..., None]
        images = frame
    windows = case.windows
    return _lines(block.k, images, windows.size, windows.dilations, case.places, windows.strides[0])


def _stepping_patches(block: Block, case: Case, images: Any) -> Any:
    """Return patches of which only those pixels of a line are copied that the steps meet."""
    (size, steps, distances, _), c, m = case.windows, case.channels, case.filters
    shape = (len(images), case.padded[0], size[1], case.places[1], images.shape[3])
    met = block.scratch("met", (*shape, c * m), images.dtype, 0)
    lines = met.reshape(*shape, c, m)[:, case.inner[0]]
    for tap in range(size[1]):
        # The first and the last place where this tap is on the image, not on the zeros beside it.
        start, step = tap * distances[1] - case.pads[1][0], steps[1]
        first = max(0, -(start // step))
        last = min(case.places[1] - 1, (case.spatial[1] - 1 - start) // step)
        if first <= last:
            places = slice(start + first * step, start + last * step + 1, step)
            lines[:, :, tap, first : last + 1] = images[:, :, places, ..., None]
    n, line, tap, *_ = met.strides
    return block.k.xp.lib.stride_tricks.as_strided(
        met,
        (len(met), case.places[0], *size, met[0, 0, 0].size),
        (n, line * steps[0], line * distances[0], tap, met.itemsize),
    )


def _lines(
    k: KernelContext,
    images: Any,
    size: Sequence[int],
    dilations: Sequence[int],
    places: Sequence[int],
    step: int = 1,
) -> Any:
    """Return a view (outer, height, down, across, line) of images met pixel by pixel."""
    # The stride of an axis of one channel may be anything.
    n, line, pixel, *_ = images.strides
    outer, _, _, inner, channels = images.shape
    return k.xp.lib.stride_tricks.as_strided(
        images,
        (outer, places[0], *size, places[1] * inner * channels),
        (n, line * step, line * dilations[0], pixel * dilations[1], images.itemsize),
    )


def _sum(k: KernelContext, patches: Any, weights: Any, out: Any) -> None:
    """Write the sums of what the filter meets, times its numbers."""
    lines = out.reshape(*patches.shape[:2], patches.shape[-1])
    # Of a block that has fewer images than the batch, lines are shorter.
    k.xp.einsum("nhijk,ijk->nhk", patches, weights[:, :, : lines.shape[2]], out=lines)


def _bytes_each(case: Case, x: Any) -> int:
    pixels = max(case.area, case.spatial[0] * case.spatial[1])
    return 3 * pixels * case.channels * case.filters * int(x.dtype.itemsize)
