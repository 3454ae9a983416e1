"""Patches as the rows of a matrix (im2col): works for every convolution.

For each place of the result the patch of the image that the filter meets is copied into a row;
then the sum over each window is one matrix product with the filter. With channels last, a row of
the window is a run of neighbours in memory, so that the copy is quick where channels are many.

The gradient by the images goes the other way: a product with the filter's transpose makes what
each patch receives, and that is added where the patch came from. The product is made one pixel of
the filter after the other, for then what it makes lies as the images do, and whole lines of them
are added at a time. Where `dy` has not many more channels than the images, it is less work to let
patches of `dy` meet the filter turned around, once for each of the `phases`: what was added is
then part of the product.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import FEW_ROWS, Case, has_few_rows
from tensorgraph.ops.convolution.layout import (
    batch_inside,
    in_one_piece,
    spread_out,
    written_in_one_piece,
)
from tensorgraph.ops.convolution.phases import frame, phases
from tensorgraph.ops.products import product, product_over_rows, shared_product
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks

# What filters of fewer pixels give is added up less often.
LARGE_FILTER = 25
# A block has at least so many rows, where there are as many.
FEWEST_ROWS = 256


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights, inside = w.reshape(-1, case.filters), batch_inside(out)

    def task(block: Block) -> None:
        rows = _rows(block, case, x, inside)
        with written_in_one_piece(block.scratch, spread_out(out[block.part], inside)) as result:
            product(k.xp, rows, weights, result.reshape(-1, case.filters))

    for_blocks(k, case.batch, _bytes_each(case, x), task, _fewest(case))


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    (_gather if _gathers(case) else _scatter)(k, case, w, dy, out)


def _gathers(case: Case) -> bool:
    """Return whether patches of `dy` are less work than adding up what patches receive."""
    wide = case.channels * (4 if case.taps >= LARGE_FILTER else 2)
    return case.filters <= wide and case.batch * case.area >= FEW_ROWS


def _gather(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute the gradient by the images from patches of `dy`, a phase after the other."""
    inside, around, parts = batch_inside(out), frame(case), []
    for phase in itertools.product(*phases(case)):
        taps = w
        for axis, along in enumerate(phase):
            taps = taps[(*[slice(None)] * axis, list(along.taps))]
        shape = (*taps.shape[:-2], case.filters, case.channels)
        repeat = functools.partial(k.xp.copyto, src=taps.swapaxes(-1, -2))
        name = " ".join(str(along.taps) for along in phase)
        parts.append((phase, k.once(f"weights {name}", shape, w.dtype, repeat)))

    def task(block: Block) -> None:
        framed = block.scratch("frame", (block.size, *around.size, case.filters), dy.dtype, 0)
        framed[(slice(None), *around.inner)] = dy[block.part]
        images, result = spread_out(framed, inside), spread_out(out[block.part], inside)
        for phase, weights in parts:
            pixels = result[(slice(None), *(along.pixels for along in phase))]
            if not weights.size:
                pixels[...] = 0
                continue
            first = zip(around.before, phase, strict=True)
            met = images[(slice(None), *(slice(b + a.first, None) for b, a in first))]
            rows = _copied(
                block,
                met,
                weights.shape[:-2],
                [1] * len(phase),
                [along.distance for along in phase],
                [along.number for along in phase],
            )
            with written_in_one_piece(block.scratch, pixels) as made:
                flat = made.reshape(-1, case.channels)
                product(k.xp, rows, weights.reshape(-1, case.channels), flat)

    share = 2 * math.prod(case.windows.strides) ** 2
    bytes_each = math.prod(case.spatial) * case.taps * case.filters * int(dy.dtype.itemsize)
    for_blocks(k, case.batch, bytes_each // share, task, _fewest(case))


def _scatter(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute the gradient by the images by adding up what each patch receives."""
    if has_few_rows(k, case):
        _scatter_few(k, case, w, dy, out)
        return
    # A matrix (filters, channels) for each pixel of the filter.
    weights = w.reshape(case.taps, case.channels, case.filters).swapaxes(1, 2)
    inside = batch_inside(dy)

    def task(block: Block) -> None:
        grad = _gradients(block, case, dy, inside)
        parts = block.scratch("parts", (case.taps, len(grad), case.channels), dy.dtype)
        k.xp.matmul(grad, weights, out=parts)
        _add_up(block, case, parts, spread_out(out[block.part], inside))

    for_blocks(k, case.batch, _bytes_each(case, dy), task, _fewest(case))


def _scatter_few(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Do the same with one product, of which each worker makes a part of the columns."""
    inside, whole = batch_inside(dy), _whole(k, case)
    grad, weights = _gradients(whole, case, dy, inside), w.reshape(-1, case.filters).T
    parts = k.scratch("parts", (len(grad), case.taps * case.channels), dy.dtype)
    shared_product(k, grad, weights, parts)
    taps = parts.reshape(len(grad), case.taps, case.channels).swapaxes(0, 1)
    _add_up(whole, case, taps, spread_out(out, inside))


def _add_up(block: Block, case: Case, parts: Any, out: Any) -> None:
    """Add what each pixel of the filter gives to the images where it met them.

    Where the filter goes in steps, pixels that are a step apart are kept together meanwhile: so
    what is added to lies in lines, as does what is added.
    """
    windows, steps = case.windows, case.windows.strides
    phased = case.framed or max(steps) > 1
    total = out
    if phased:
        counts = [-(-n // step) for n, step in zip(case.padded, steps, strict=True)]
        shape = (*steps, len(out), *counts, *out.shape[-2:])
        total = block.scratch("sum", shape, out.dtype)
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
    inside = batch_inside(dy)

    def factors(block: Block) -> tuple[Any, Any]:
        return _rows(block, case, x, inside), _gradients(block, case, dy, inside)

    def task(block: Block, part: Any) -> None:
        product_over_rows(block, *factors(block), part)

    with written_in_one_piece(k.scratch, out) as dw:
        total = dw.reshape(-1, case.filters)
        if has_few_rows(k, case):
            rows, grad = factors(_whole(k, case))
            shared_product(k, rows.T, grad, total)
        else:
            sum_blocks(k, case.batch, _bytes_each(case, x), total, task, _fewest(case))


def _whole(k: KernelContext, case: Case) -> Block:
    return Block(k, 0, 0, case.batch, True)


def _gradients(block: Block, case: Case, dy: Any, inside: bool) -> Any:
    """Return the gradients of a block of images, a row for each place."""
    grad = in_one_piece(block.scratch, "grad", spread_out(dy[block.part], inside))
    return grad.reshape(block.size * case.area, case.filters)


def _rows(block: Block, case: Case, x: Any, inside: bool) -> Any:
    """Return the patches of a block of images, a row for each place."""
    images, windows = spread_out(_framed(block, case, x[block.part]), inside), case.windows
    return _copied(block, images, windows.size, windows.strides, windows.dilations, case.places)


def _copied(
    block: Block,
    images: Any,
    size: Sequence[int],
    steps: Sequence[int],
    distances: Sequence[int],
    places: Sequence[int],
) -> Any:
    """Return patches of images (outer, spatial…, inner, channels), a row for each place."""
    outer, *along, inner, channel = images.strides
    view = block.k.xp.lib.stride_tricks.as_strided(
        images,
        (len(images), *places, images.shape[-2], *size, images.shape[-1]),
        (
            outer,
            *(s * step for s, step in zip(along, steps, strict=True)),
            inner,
            *(s * distance for s, distance in zip(along, distances, strict=True)),
            channel,
        ),
    )
    row = math.prod(size) * images.shape[-1]
    rows = block.scratch("rows", (view.size // row, row), images.dtype)
    rows.reshape(view.shape)[...] = view
    return rows


def _framed(block: Block, case: Case, images: Any) -> Any:
    """Return images with their zeros around, so that a row of a patch lies together.

    The zeros are written once: later runs change only what is inside of them.
    """
    if not case.framed and images.flags.c_contiguous:
        return images
    frame = block.scratch("frame", (len(images), *case.padded, case.channels), images.dtype, 0)
    frame[(slice(None), *case.inner)] = images
    return frame


def _bytes_each(case: Case, x: Any) -> int:
    # Half of it: the BLAS multiplies tall matrices sooner, though they leave the closest cache.
    return case.patch_bytes(x) // 2


def _fewest(case: Case) -> int:
    """Return how many images a block must have, so that filters are not read for too few rows."""
    return -(-FEWEST_ROWS // max(case.area, 1))
