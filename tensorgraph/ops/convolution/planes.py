"""Patches plane by plane, where images lie in memory as (channels, height, width, batch).

Blocks of a region lie so where channels are few. Then all images of a block, line after line, are
one plane for each channel, and shifting a plane by a pixel of the filter leaves whole lines of
neighbours. So the columns of patches are copied in one step, the product with the filter comes out
as planes, and what patches give back is added by whole lines.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.convolution.layout import in_one_piece, written_in_one_piece
from tensorgraph.ops.products import inner_product, product_over_columns
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks


def suits(case: Case, images: Any) -> bool:
    """Return whether an array of the case's images, or of its results, lies in planes."""
    batch, *spatial, channel = images.strides
    return (
        len(case.spatial) == 2
        and case.batch > 1
        and channel > max(spatial)
        and batch == images.itemsize < min(spatial)
    )


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights = w.reshape(-1, case.filters).T

    def task(block: Block) -> None:
        columns = _columns(block, case, x[block.part])
        with written_in_one_piece(block.scratch, _planes(out[block.part])) as result:
            product_over_columns(k.xp, weights, columns, result.reshape(case.filters, -1))

    for_blocks(k, case.batch, case.patch_bytes(x), task, fewest=64)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    weights = w.reshape(-1, case.filters)

    def task(block: Block) -> None:
        grad = in_one_piece(block.scratch, "grad", _planes(dy[block.part]))
        parts = block.scratch("parts", (len(weights), case.area * block.size), dy.dtype)
        product_over_columns(k.xp, weights, grad.reshape(case.filters, -1), parts)
        taps = parts.reshape(case.taps, case.channels, *case.places, block.size)
        result = _planes(out[block.part])
        total = result
        if case.framed:
            total = block.scratch("sum", (case.channels, *case.padded, block.size), dy.dtype)
        total[...] = 0
        for part, (_, index) in zip(taps, case.windows.regions(case.places), strict=True):
            region = total[index]
            k.xp.add(region, part, out=region)
        if case.framed:
            result[...] = total[(slice(None), *case.inner)]

    for_blocks(k, case.batch, case.patch_bytes(dy), task, fewest=64)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""

    def task(block: Block, part: Any) -> None:
        grad = in_one_piece(block.scratch, "grad", _planes(dy[block.part]))
        columns = _columns(block, case, x[block.part])
        inner_product(k.xp, columns, grad.reshape(case.filters, -1).T, part)

    with written_in_one_piece(k.scratch, out) as dw:
        total = dw.reshape(-1, case.filters)
        sum_blocks(k, case.batch, case.patch_bytes(x), total, task, fewest=64)


def _planes(x: Any) -> Any:
    """Return images (batch, height, width, channels) as (channels, height, width, batch)."""
    return x.transpose(3, 1, 2, 0)


def _columns(block: Block, case: Case, x: Any) -> Any:
    """Return (taps · channels, places · batch): a column for each patch."""
    planes, windows = _planes(x), case.windows
    if case.framed or not planes.flags.c_contiguous:
        frame = block.scratch("planes", (case.channels, *case.padded, block.size), x.dtype, 0)
        frame[(slice(None), *case.inner)] = planes
        planes = frame
    channel, line, pixel, item = planes.strides
    shape = (*windows.size, case.channels, *case.places, block.size)
    columns = block.scratch("columns", shape, x.dtype)
    columns[...] = block.k.xp.lib.stride_tricks.as_strided(
        planes,
        shape,
        (
            line * windows.dilations[0],
            pixel * windows.dilations[1],
            channel,
            line * windows.strides[0],
            pixel * windows.strides[1],
            item,
        ),
    )
    return columns.reshape(case.taps * case.channels, -1)
