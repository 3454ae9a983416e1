"""Patches as the columns of a matrix, for images of few channels.

The first convolution of a network sees one channel, or three. A row of a patch is then a handful of
numbers, and copying handfuls is slow: it is the number of copies that costs, not their length. Laid
out the other way, channels first, a row of the matrix is one pixel of the filter at all places: the
image itself, shifted. It is copied in two steps, first shifted along the lines, then by whole
lines, which lie one after the other, so that most of it moves at the speed of memory.

Each image gets a matrix of its own, and the product of its transpose with the filter comes out as
the result must lie.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks
from tensorgraph.ops.windows import inner_part, padded_shape

# A row of a patch as long as this is copied as it is.
LONG_ROW = 24
# What a patch gives to few channels is added up by columns if it is so many numbers.
LARGE_PATCH = 25


def suits(case: Case) -> bool:
    """Return whether patches of the images have short rows."""
    return len(case.spatial) == 2 and case.windows.size[1] * case.channels < LONG_ROW


def suits_by_input(case: Case) -> bool:
    """Return whether the gradient by the images, of few channels, is best computed so."""
    patch = case.taps * case.channels
    return len(case.spatial) == 2 and case.channels <= 8 and patch >= LARGE_PATCH


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights = w.reshape(-1, case.filters)

    def task(block: Block) -> None:
        result = out[block.part].reshape(block.size, case.area, case.filters)
        k.xp.matmul(_columns(block, case, x).swapaxes(1, 2), weights, out=result)

    for_blocks(k, case.batch, _bytes_each(case, x), task)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images.

    Here the batch comes last, behind height and width: of few channels and small images it makes
    lines long enough to be added quickly.
    """
    height, width = case.places
    weights = w.reshape(-1, case.filters)
    shape = (case.channels, *padded_shape((1, *case.spatial, 1), case.pads)[1:3])
    inside = inner_part(case.pads, case.spatial)

    def task(block: Block) -> None:
        size = block.size
        grad = block.scratch("grad", (height, width * size, case.filters), dy.dtype)
        grad.reshape(height, width, size, -1)[...] = dy[block.part].transpose(1, 2, 0, 3)
        # A product for each line: all at once would be too large for the BLAS to take as it is.
        parts = block.scratch("parts", (len(weights), height, width * size), dy.dtype)
        k.xp.matmul(weights, grad.swapaxes(1, 2), out=parts.swapaxes(0, 1))
        taps = parts.reshape(case.taps, case.channels, height, width, size)
        total = block.scratch("sum", (*shape, size), dy.dtype)
        total[...] = 0
        for part, (_, index) in zip(taps, case.windows.regions(case.places), strict=True):
            region = total[index]
            k.xp.add(region, part, out=region)
        out[block.part] = total[inside].transpose(3, 1, 2, 0)

    for_blocks(k, case.batch, _bytes_each(case, dy), task, fewest=16)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""
    total = out.reshape(-1, case.filters)

    def task(block: Block, part: Any) -> None:
        grad = dy[block.part].reshape(block.size, case.area, case.filters)
        parts = block.scratch("parts", (block.size, *total.shape), x.dtype)
        k.xp.matmul(_columns(block, case, x), grad, out=parts)
        k.xp.add.reduce(parts, 0, out=part)

    sum_blocks(k, case.batch, _bytes_each(case, x), total, task)


def _columns(block: Block, case: Case, x: Any) -> Any:
    """Return (images, taps · channels, places): a column for each patch."""
    size, c = block.size, case.channels
    (tall, wide), (height, width), windows = case.windows.size, case.places, case.windows
    dims = (size, c, *padded_shape((1, *case.spatial, 1), case.pads)[1:3])
    planes = block.scratch("planes", dims, x.dtype, 0)
    inside = inner_part(case.pads, case.spatial)
    planes.transpose(0, 2, 3, 1)[inside] = x[block.part]
    strided = block.k.xp.lib.stride_tricks.as_strided
    # Shifted along the lines: (images, across the filter, channels, lines, width).
    n, channel, line, pixel = planes.strides
    lines = block.scratch("lines", (size, wide, c, dims[2], width), x.dtype)
    lines[...] = strided(
        planes,
        lines.shape,
        (n, pixel * windows.dilations[1], channel, line, pixel * windows.strides[1]),
    )
    # Shifted by lines: (images, down the filter, across it, channels, height, width).
    n, across, channel, line, pixel = lines.strides
    columns = block.scratch("columns", (size, tall, wide, c, height, width), x.dtype)
    columns[...] = strided(
        lines,
        columns.shape,
        (n, line * windows.dilations[0], across, channel, line * windows.strides[0], pixel),
    )
    return columns.reshape(size, case.taps * c, case.area)


def _bytes_each(case: Case, x: Any) -> int:
    return case.area * case.taps * case.channels * int(x.dtype.itemsize)
