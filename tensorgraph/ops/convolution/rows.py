"""Patches as the rows of a matrix (im2col): works for every convolution.

For each place of the result the patch of the image that the filter meets is copied into a row;
then the sum over each window is one matrix product with the filter. With channels last, a row of
the window is a run of neighbours in memory, so that the copy is quick where channels are many.

The gradient by the images goes the other way: a product with the filter's transpose makes what
each patch receives, and that is added where the patch came from. The product is made one pixel of
the filter after the other, for then what it makes lies as the images do, and whole lines of them
are added at a time.
"""

from __future__ import annotations

import itertools
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case, with_frame
from tensorgraph.ops.products import product, product_over_rows
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks
from tensorgraph.ops.windows import padded_shape, patches


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights = w.reshape(-1, case.filters)

    def task(block: Block) -> None:
        result = out[block.part].reshape(-1, case.filters)
        product(k.xp, _rows(block, case, x), weights, result)

    for_blocks(k, case.batch, _bytes_each(case, x), task)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    # A matrix (filters, channels) for each pixel of the filter, as the BLAS likes it best.
    weights = k.scratch("weights", (case.taps, case.filters, case.channels), w.dtype)
    weights[...] = w.reshape(case.taps, case.channels, case.filters).swapaxes(1, 2)

    def task(block: Block) -> None:
        grad = dy[block.part].reshape(block.size * case.area, case.filters)
        parts = block.scratch("parts", (case.taps, len(grad), case.channels), dy.dtype)
        k.xp.matmul(grad, weights, out=parts)
        _add_up(block, case, parts, out[block.part])

    for_blocks(k, case.batch, _bytes_each(case, dy), task)


def _add_up(block: Block, case: Case, parts: Any, out: Any) -> None:
    """Add what each pixel of the filter gives to the images where it met them.

    Where the filter goes in steps, pixels that are a step apart are kept together meanwhile: so
    what is added to lies in lines, as does what is added.
    """
    windows, steps = case.windows, case.windows.strides
    phased = case.framed or max(steps) > 1
    total = out
    if phased:
        padded = padded_shape(out.shape, case.pads)[1:-1]
        counts = [-(-n // step) for n, step in zip(padded, steps, strict=True)]
        total = block.scratch("sum", (*steps, block.size, *counts, case.channels), out.dtype)
    total[...] = 0
    # Windows overlap, so each pixel of the filter is added by itself.
    for part, offset in zip(parts, itertools.product(*map(range, windows.size)), strict=True):
        starts = [i * d for i, d in zip(offset, windows.dilations, strict=True)]
        target = total
        if phased:
            target = total[tuple(i % t for i, t in zip(starts, steps, strict=True))]
        places = zip(starts, steps, case.places, strict=True)
        region = target[(slice(None), *(slice(i // t, i // t + n) for i, t, n in places))]
        block.k.xp.add(region, part.reshape(region.shape), out=region)
    if phased:
        for phase in itertools.product(*map(range, steps)):
            pairs = [
                _phase(p, t, before, n)
                for p, t, (before, _), n in zip(phase, steps, case.pads, case.spatial, strict=True)
            ]
            target = out[(slice(None), *(inside for inside, _ in pairs))]
            target[...] = total[phase][(slice(None), *(taken for _, taken in pairs))]


def _phase(phase: int, step: int, before: int, size: int) -> tuple[slice, slice]:
    """Return which pixels of an axis are of a phase, and where they are among those.

    Of an axis with so many zeros before it, those at phase, phase + step, … are kept together.
    """
    first = max(0, -(-(before - phase) // step))
    start = phase + first * step - before
    count = max(0, -(-(size - start) // step))
    return slice(start, start + count * step, step), slice(first, first + count)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""

    def task(block: Block, part: Any) -> None:
        grad = dy[block.part].reshape(-1, case.filters)
        product_over_rows(block, _rows(block, case, x), grad, part)

    total = out.reshape(-1, case.filters)
    sum_blocks(k, case.batch, _bytes_each(case, x), total, task)


def _rows(block: Block, case: Case, x: Any) -> Any:
    """Return the patches of a block of images, a row for each place."""
    view = patches(block.k, with_frame(block, case, x), case.windows, case.places)
    shape = (block.size * case.area, case.taps * case.channels)
    rows = block.scratch("rows", shape, x.dtype)
    rows.reshape(view.shape)[...] = view
    return rows


def _bytes_each(case: Case, x: Any) -> int:
    return case.area * case.taps * case.channels * int(x.dtype.itemsize)
