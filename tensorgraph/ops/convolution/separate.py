"""Depthwise convolution: each channel by itself, without a loop over channels.

Channels do not mix, so that there is no matrix product to make of it: it is as many
multiplications and additions of whole images as the filter has pixels. What makes them quick is to
work on whole lines, width and channels together, against the filter's numbers repeated along a
line; and to multiply and add in one pass, which is what `einsum` does with a sum of products, in
place of a pass for either.

Several filters for a channel are as many copies of the channel with a filter each. The gradient by
the images is the convolution of `dy` with the filter turned by half a circle, where a step larger
than one puts zeros between the numbers of `dy`.

In a `Case` of this kind the number of filters is that for each channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks
from tensorgraph.ops.windows import inner_part, padded_shape


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights = _along_lines(k, w, case.places[1])

    def task(block: Block) -> None:
        _sum(k, _patches(block, case, x), weights, out[block.part])

    for_blocks(k, case.batch, _bytes_each(case, x), task)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    height, width = case.spatial
    deep = case.channels * case.filters
    weights = _along_lines(k, w[::-1, ::-1], width)
    reach, ends = [], []
    for n, size, step, distance in zip(case.places, *case.windows[:3], strict=True):
        reach.append((size - 1) * distance)
        ends.append((n - 1) * step + 1)
    # As large as the padded images, and what the filter reaches over at the start.
    frame_shape = padded_shape((1, *case.spatial, deep), case.pads)[1:]
    tall, wide = (n + r for n, r in zip(frame_shape, reach, strict=False))
    spots = (
        slice(None),
        *(slice(r, r + e, s) for r, e, s in zip(reach, ends, case.windows.strides, strict=True)),
    )

    def task(block: Block) -> None:
        frame = block.scratch("frame", (block.size, tall, wide, deep), dy.dtype, 0)
        frame[spots] = dy[block.part]
        (top, _), (left, _) = case.pads
        inner = frame[:, top:, left:]
        patches = _lines(k, inner, case.windows.size, case.windows.dilations, (height, width))
        if case.filters == 1:
            _sum(k, patches, weights, out[block.part])
            return
        parts = block.scratch("parts", (block.size, height, width, deep), dy.dtype)
        _sum(k, patches, weights, parts)
        parts = parts.reshape(*parts.shape[:3], case.channels, case.filters)
        k.xp.add.reduce(parts, -1, out=out[block.part])

    for_blocks(k, case.batch, _bytes_each(case, dy), task)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""
    (tall, wide), (height, width) = case.windows.size, case.places
    deep = case.channels * case.filters

    def task(block: Block, part: Any) -> None:
        patches = _patches(block, case, x)
        grad = dy[block.part].reshape(block.size, height, width * deep)
        sums = block.scratch("sums", (tall, wide, width * deep), x.dtype)
        for i in range(tall):
            for j in range(wide):
                k.xp.einsum("nhk,nhk->k", patches[:, :, i, j], grad, out=sums[i, j])
        k.xp.add.reduce(sums.reshape(tall, wide, width, deep), 2, out=part)

    total = out.reshape(tall, wide, deep)
    sum_blocks(k, case.batch, _bytes_each(case, x), total, task)


def _along_lines(k: KernelContext, w: Any, width: int) -> Any:
    """Return the numbers of a filter, repeated along a line: (height, width, line)."""
    tall, wide, *channels = w.shape
    lines = k.scratch("weights", (tall, wide, width, *channels), w.dtype)
    lines[...] = w[:, :, None]
    return lines.reshape(tall, wide, lines[0, 0].size)


def _patches(block: Block, case: Case, x: Any) -> Any:
    """Return what each pixel of the filter meets: (images, height, down, across, line)."""
    images, (c, m) = x[block.part], (case.channels, case.filters)
    if case.framed or m > 1 or not images.flags.c_contiguous:
        shape = padded_shape((*images.shape[:3], c * m), case.pads)
        frame = block.scratch("frame", shape, x.dtype, 0)
        inside = inner_part(case.pads, case.spatial)
        frame.reshape(*shape[:3], c, m)[inside] = images[..., None]
        images = frame
    windows = case.windows
    if windows.strides[1] == 1:
        return _lines(
            block.k, images, windows.size, windows.dilations, case.places, windows.strides[0]
        )
    # Only what the steps along a line meet, so that it lies together.
    strided = block.k.xp.lib.stride_tricks.as_strided
    n, line, pixel, channel = images.strides
    size, tall, _, deep = images.shape
    shape = (size, tall, windows.size[1], case.places[1], deep)
    met = block.scratch("met", shape, x.dtype)
    across = (pixel * windows.dilations[1], pixel * windows.strides[1])
    met[...] = strided(images, shape, (n, line, *across, channel))
    n, line, tap, *_ = met.strides
    return strided(
        met,
        (size, case.places[0], *windows.size, case.places[1] * deep),
        (n, line * windows.strides[0], line * windows.dilations[0], tap, met.itemsize),
    )


def _lines(
    k: KernelContext,
    images: Any,
    size: Sequence[int],
    dilations: Sequence[int],
    places: Sequence[int],
    step: int = 1,
) -> Any:
    """Return a view (images, height, down, across, line) of images met pixel by pixel."""
    # The stride of an axis of one channel may be anything.
    n, line, pixel, _ = images.strides
    return k.xp.lib.stride_tricks.as_strided(
        images,
        (len(images), places[0], *size, places[1] * images.shape[3]),
        (n, line * step, line * dilations[0], pixel * dilations[1], images.itemsize),
    )


def _sum(k: KernelContext, patches: Any, weights: Any, out: Any) -> None:
    lines = out.reshape(*patches.shape[:2], patches.shape[-1])
    k.xp.einsum("nhijk,ijk->nhk", patches, weights, out=lines)


def _bytes_each(case: Case, x: Any) -> int:
    pixels = max(case.area, case.spatial[0] * case.spatial[1])
    return 3 * pixels * case.channels * case.filters * int(x.dtype.itemsize)
