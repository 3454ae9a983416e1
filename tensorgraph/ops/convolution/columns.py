"""Patches as the columns of a matrix, for images of few channels.

The first convolution of a network sees one channel, or three. A row of a patch is then a handful of
numbers, and copying handfuls is slow: it is the number of copies that costs, not their length. Laid
out the other way, channels first, a row of the matrix is one pixel of the filter at all places: the
image itself, shifted. It is copied in two steps, first shifted along the lines, then by whole
lines, which lie one after the other, so that most of it moves at the speed of memory.

Each image gets a matrix of its own, and the product of its transpose with the filter comes out as
the result must lie. Where the batch lies inside of height and width, there is one matrix for all.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.convolution.layout import (
    batch_inside,
    in_one_piece,
    spread_out,
    written_in_one_piece,
)
from tensorgraph.ops.products import WORTHWHILE_SLAB, inner_product, small_product
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks

# A row of a patch as long as this is copied as it is.
LONG_ROW = 24
# What a patch gives to few channels is added up by columns if it is so many numbers.
LARGE_PATCH = 25


def suits(case: Case) -> bool:
    """Return whether patches of the images have short rows."""
    row = case.windows.size[1] * case.channels * case.windows.strides[1]
    return len(case.spatial) == 2 and row < LONG_ROW


def suits_by_input(case: Case) -> bool:
    """Return whether the gradient by the images, of few channels, is best computed so."""
    patch = case.taps * case.channels
    return len(case.spatial) == 2 and case.channels < 8 and patch >= LARGE_PATCH


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights, inside = w.reshape(-1, case.filters), batch_inside(out)

    def task(block: Block) -> None:
        columns = _columns(block, case, spread_out(x[block.part], inside))
        with written_in_one_piece(block.scratch, spread_out(out[block.part], inside)) as result:
            y = result.reshape(len(columns), -1, case.filters)
            for part in _slabs(y.shape[1], weights.size):
                k.xp.matmul(columns[..., part].swapaxes(1, 2), weights, out=y[:, part])

    for_blocks(k, case.batch, case.patch_bytes(x), task)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images.

    Here the batch comes last, behind height and width: of few channels and small images it makes
    lines long enough to be added quickly.
    """
    height, width = case.places
    weights = w.reshape(-1, case.filters)

    def task(block: Block) -> None:
        size = block.size
        grad = in_one_piece(block.scratch, "grad", dy[block.part].transpose(1, 2, 0, 3))
        grad = grad.reshape(height, width * size, case.filters)
        # A product for each line: all at once would be too large for the BLAS to take as it is.
        parts = block.scratch("parts", (len(weights), height, width * size), dy.dtype)
        k.xp.matmul(weights, grad.swapaxes(1, 2), out=parts.swapaxes(0, 1))
        taps = parts.reshape(case.taps, case.channels, height, width, size)
        total = block.scratch("sum", (case.channels, *case.padded, size), dy.dtype)
        total[...] = 0
        for part, (_, index) in zip(taps, case.windows.regions(case.places), strict=True):
            region = total[index]
            k.xp.add(region, part, out=region)
        out[block.part] = total[(slice(None), *case.inner)].transpose(3, 1, 2, 0)

    for_blocks(k, case.batch, case.patch_bytes(dy), task, fewest=16)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""
    inside = batch_inside(dy)

    def task(block: Block, part: Any) -> None:
        columns = _columns(block, case, spread_out(x[block.part], inside))
        grad = in_one_piece(block.scratch, "grad", spread_out(dy[block.part], inside))
        grad = grad.reshape(len(columns), -1, case.filters)
        slabs = _slabs(grad.shape[1], part.size)
        sums = block.scratch("sums", (len(slabs), len(columns), *part.shape), x.dtype)
        for slab, total in zip(slabs, sums, strict=True):
            if len(columns) == 1:
                inner_product(k.xp, columns[0, :, slab], grad[0, slab], total[0])
            else:
                k.xp.matmul(columns[..., slab], grad[:, slab], out=total)
        k.xp.add.reduce(sums, (0, 1), out=part)

    with written_in_one_piece(k.scratch, out) as dw:
        total = dw.reshape(-1, case.filters)
        sum_blocks(k, case.batch, case.patch_bytes(x), total, task)


def _slabs(places: int, numbers: int) -> list[slice]:
    """Return parts of the places for which a product with so many weights is small; `products`."""
    step = small_product() // max(numbers, 1) // 8 * 8
    if not step:
        return [slice(0, places)]
    step = max(step, WORTHWHILE_SLAB)
    return [slice(start, start + step) for start in range(0, places, step)]


def _columns(block: Block, case: Case, x: Any) -> Any:
    """Return (outer, taps · channels, places · inner): a column for each patch."""
    (outer, *_, inner, c), windows = x.shape, case.windows
    (tall, wide), (height, width), lines_of_image = windows.size, case.places, case.padded[0]
    planes = block.scratch("planes", (outer, c, *case.padded, inner), x.dtype, 0)
    planes.transpose(0, 2, 3, 4, 1)[(slice(None), *case.inner)] = x
    strided = block.k.xp.lib.stride_tricks.as_strided
    # Shifted along the lines: (outer, across the filter, channels, lines, width, inner).
    n, channel, line, pixel, item = planes.strides
    lines = block.scratch("lines", (outer, wide, c, lines_of_image, width, inner), x.dtype)
    lines[...] = strided(
        planes,
        lines.shape,
        (n, pixel * windows.dilations[1], channel, line, pixel * windows.strides[1], item),
    )
    # Shifted by lines: (outer, down the filter, across it, channels, height, width · inner).
    n, across, channel, line, *_ = lines.strides
    columns = block.scratch("columns", (outer, tall, wide, c, height, width * inner), x.dtype)
    columns[...] = strided(
        lines,
        columns.shape,
        (n, line * windows.dilations[0], across, channel, line * windows.strides[0], item),
    )
    return columns.reshape(outer, case.taps * c, case.area * inner)
