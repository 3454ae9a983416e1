"""Winograd's convolution: fewer multiplications, for square filters that go step by step.

The images are cut into tiles that overlap, each of which makes m by m results at once. Tiles and
filter are transformed by small matrices (`tiles` has them), along the height and along the width;
then each of the T · T numbers of a tile, T = m + r - 1, is multiplied by itself: a matrix product
over the channels for each position in the tile, T² products of (tiles, channels) with (channels,
filters). For r = 3 and m = 4 that is 36 multiplications for 16 results, where patches take 144.

What this trades is accuracy in the last digits: transforms add numbers and subtract them again.
Relative to the largest result, float32 errs by up to 1e-6 in patches, as much with m = 2 and r = 3,
and by up to 1e-5 with m = 4. So m is 4; in a session that is `strict` it is 2, and filters of 5 by
5 take patches, as does float64.

Inside, images lie as (height, width, batch, channels): then the transforms are matrix products of a
T by T matrix with long rows, and a tile more is a step in memory. The gradient by the images is
the convolution of `dy` with the filter turned by half a circle. The gradient by the filter meets
transformed tiles with the transposed transform of `dy`, adds up over all tiles, and is transformed
back once.

Lavin and Gray (2015), "Fast Algorithms for Convolutional Neural Networks".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.convolution.layout import written_in_one_piece
from tensorgraph.ops.convolution.tiles import transform
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks

# With fewer channels, transforming them takes longer than multiplying them.
LEAST_CHANNELS = 16
# Of fewer multiplications, it takes longer to begin than to do them.
LEAST_PRODUCTS = 1 << 21
# For fewer results of a filter, transforming the filters takes longer than multiplying by them.
LEAST_PLACES = 512


def suits(case: Case, dtype: Any, strict: bool) -> bool:
    """Return whether the convolution can be computed so, and gains by it."""
    return (
        is_able(case, dtype, strict)
        and min(case.channels, case.filters) >= LEAST_CHANNELS
        and min(*case.spatial, *case.places) >= 4
        and case.products >= LEAST_PRODUCTS
        and case.batch * case.area >= LEAST_PLACES
    )


def is_able(case: Case, dtype: Any, strict: bool) -> bool:
    """Return whether the convolution can be computed so."""
    windows = case.windows
    return (
        dtype == np.float32
        and (windows.size == (3, 3) or (windows.size == (5, 5) and not strict))
        and windows.strides == windows.dilations == (1, 1)
        and max(map(max, case.pads)) < windows.size[0]
        and case.groups == 1
    )


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    _convolve(k, x, w, [before for before, _ in case.pads], out)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    turned = w[::-1, ::-1].swapaxes(2, 3)
    _convolve(k, dy, turned, [len(w) - 1 - before for before, _ in case.pads], out)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""
    tiling = _Tiling(k, len(out), x, dy)
    before = [pad for pad, _ in case.pads]

    def task(block: Block, part: Any) -> None:
        tiles = tiling.tiles(block, x[block.part], before)
        k.xp.matmul(tiles.swapaxes(1, 2), tiling.spread(block, dy[block.part]), out=part)

    total = k.scratch("total", (tiling.size**2, case.channels, case.filters), x.dtype)
    sum_blocks(k, case.batch, tiling.bytes_each, total, task)
    back = tiling.filter.T
    with written_in_one_piece(k.scratch, out) as dw:
        k.xp.matmul(back, total.reshape(tiling.size**2, -1), out=dw.reshape(len(back), -1))


def both(k: KernelContext, case: Case, x: Any, w: Any, dy: Any, dx: Any, dw: Any) -> None:
    """Compute both gradients: what is made of `dy` serves the one and the other.

    The gradient by the images goes the way of the convolution back: the products' gradients with
    the transformed filter give what each tile receives, which is transformed back and added where
    the tiles overlap.
    """
    tiling = _Tiling(k, len(w), x, dy)
    before = [pad for pad, _ in case.pads]
    positions = tiling.size**2

    def transform_filter(weights: Any) -> None:
        made = k.scratch("filter", (positions, case.channels, case.filters), x.dtype)
        taps = w.reshape(len(w) ** 2, -1)
        k.xp.matmul(tiling.filter, taps, out=made.reshape(positions, -1))
        weights[...] = made.swapaxes(1, 2)

    shape = (positions, case.filters, case.channels)
    weights = k.once("turned", shape, x.dtype, transform_filter)

    def task(block: Block, part: Any) -> None:
        tiles = tiling.tiles(block, x[block.part], before)
        products = tiling.spread(block, dy[block.part])
        k.xp.matmul(tiles.swapaxes(1, 2), products, out=part)
        # The tiles have served; their gradients take their place.
        k.xp.matmul(products, weights, out=tiles)
        tiling.add_up(block, tiles, before, dx[block.part])

    total = k.scratch("total", (positions, case.channels, case.filters), x.dtype)
    sum_blocks(k, case.batch, tiling.bytes_each, total, task)
    back = tiling.filter.T
    with written_in_one_piece(k.scratch, dw) as result:
        k.xp.matmul(back, total.reshape(positions, -1), out=result.reshape(len(back), -1))


def _convolve(k: KernelContext, x: Any, w: Any, before: Sequence[int], out: Any) -> None:
    """Write the convolution of images, so many zeros before them, that makes `out` of them."""
    tiling = _Tiling(k, len(w), x, out)

    def transform_filter(weights: Any) -> None:
        taps = w.reshape(len(w) ** 2, -1)
        k.xp.matmul(tiling.filter, taps, out=weights.reshape(tiling.size**2, -1))

    shape = (tiling.size**2, *w.shape[2:])
    weights = k.once("weights", shape, x.dtype, transform_filter)

    def task(block: Block) -> None:
        tiles = tiling.tiles(block, x[block.part], before)
        shape = (*tiles.shape[:2], out.shape[3])
        products = block.scratch("products", shape, x.dtype)
        k.xp.matmul(tiles, weights, out=products)
        tiling.gather(block, products, out[block.part])

    for_blocks(k, len(x), tiling.bytes_each, task)


@functools.cache
def _matrices(m: int, taps: int, dtype: Any) -> tuple[Any, ...]:
    """Return the transforms of inputs, results and square filters as arrays of the host."""
    found = transform(m, taps)
    return tuple(np.array(rows, dtype) for rows in (found.inputs, found.results, found.square))


class _Tiling:
    """How images are cut into tiles, and the way there and back.

    What one step makes is no longer needed two steps later, so that three pieces of working memory
    take turns: lines, tiles and products.

    Parameters
    ----------
    k : KernelContext
        The node.
    taps : int
        The filter's size.
    x, y : array (batch, height, width, channels)
        Images, and what the convolution makes of them.

    Attributes
    ----------
    size, m : int
        What a tile takes in each direction, and what it makes.
    filter : array (size², taps²)
        The transform of the filter, both directions at once.
    bytes_each : int
        What is made of an image in each of the steps, at most.
    """

    def __init__(self, k: KernelContext, taps: int, x: Any, y: Any) -> None:
        self.m = 2 if k.strict else 4
        self.size = self.m + taps - 1
        self._xp = k.xp
        self._count = tuple(-(-n // self.m) for n in y.shape[1:3])
        matrices = _matrices(self.m, taps, x.dtype)
        self._inputs, self._results, self.filter = map(k.backend.from_host, matrices)
        numbers = self.size**2 * math.prod(self._count) * max(x.shape[3], y.shape[3])
        self.bytes_each = numbers * int(x.dtype.itemsize)

    def tiles(self, block: Block, x: Any, before: Sequence[int]) -> Any:
        """Return the transformed tiles of images: (place in the tile, tile, channel)."""
        (n, height, width, c), (down, across) = x.shape, self._count
        size, m, (top, left) = self.size, self.m, before
        tall, wide = (count * m + size - m for count in self._count)
        frame = _frame(block, "frame", (tall, wide, n, c), x, (height, width))
        frame[top : top + height, left : left + width] = x.transpose(1, 2, 0, 3)
        strided = self._xp.lib.stride_tricks.as_strided
        line, item = frame.strides[0], frame.itemsize
        bands = strided(frame, (down, size, wide * n * c), (m * line, line, item))
        lines = block.scratch("lines", (down, size, wide, n * c), x.dtype)
        self._xp.matmul(self._inputs, bands, out=lines.reshape(bands.shape))
        band, line, pixel, item = lines.strides
        tiles = strided(
            lines, (down, size, across, size, n * c), (band, line, m * pixel, pixel, item)
        )
        result = block.scratch("tiles", (size, size, down, across, n * c), x.dtype)
        self._xp.matmul(self._inputs, tiles, out=result.transpose(2, 0, 3, 1, 4))
        return result.reshape(size * size, down * across * n, c)

    def gather(self, block: Block, products: Any, out: Any) -> None:
        """Write the results that the products of the tiles stand for."""
        (n, height, width, f), (down, across) = out.shape, self._count
        size, m = self.size, self.m
        # A product for each line of tiles: all at once would be slow, see `products`.
        half = block.scratch("lines", (size, m, down, across, n * f), out.dtype)
        places = products.reshape(size, size, down, -1).transpose(1, 2, 0, 3)
        lines = half.reshape(size, m, down, -1).swapaxes(1, 2)
        self._xp.matmul(self._results, places, out=lines)
        made = block.scratch("tiles", (down, m, across, m, n * f), out.dtype)
        self._xp.matmul(self._results, half.transpose(2, 1, 3, 0, 4), out=made)
        images = made.reshape(down * m, across * m, n, f)
        out[...] = images[:height, :width].transpose(2, 0, 1, 3)

    def spread(self, block: Block, dy: Any) -> Any:
        """Return what gradients give to the products: the transpose of `gather`."""
        (n, height, width, f), (down, across) = dy.shape, self._count
        size, m, back = self.size, self.m, self._results.T
        images = _frame(block, "grad", (down * m, across * m, n, f), dy, (height, width))
        frame = images.reshape(down, m, across, m, n * f)
        images[:height, :width] = dy.transpose(1, 2, 0, 3)
        half = block.scratch("lines", (size, m, down, across, n * f), dy.dtype)
        self._xp.matmul(back, frame, out=half.transpose(2, 1, 3, 0, 4))
        products = block.scratch("products", (size, size, down, across, n * f), dy.dtype)
        places = products.reshape(size, size, down, -1).transpose(1, 2, 0, 3)
        lines = half.reshape(size, m, down, -1).swapaxes(1, 2)
        self._xp.matmul(back, lines, out=places)
        return products.reshape(size * size, down * across * n, f)

    def add_up(self, block: Block, tiles: Any, before: Sequence[int], out: Any) -> None:
        """Write what gradients of tiles give to the images: the transpose of `tiles`."""
        (n, height, width, c), (down, across) = out.shape, self._count
        size, m, back = self.size, self.m, self._inputs.T
        tall, wide = (count * m + size - m for count in self._count)
        strided = self._xp.lib.stride_tricks.as_strided
        handed = block.scratch("products", (down, size, across, size, n * c), out.dtype)
        places = tiles.reshape(size, size, down, across, n * c).transpose(2, 0, 3, 1, 4)
        self._xp.matmul(back, places, out=handed)
        # Along the width: of each tile the first m pixels are its own, the others the next one's.
        lines = block.scratch("lines", (down, size, wide, n * c), out.dtype)
        lines[:, :, : across * m].reshape(down, size, across, m, n * c)[...] = handed[..., :m, :]
        lines[:, :, across * m :] = 0
        band, line, pixel, item = lines.strides
        shared = strided(
            lines[:, :, m:],
            (down, size, across, size - m, n * c),
            (band, line, m * pixel, pixel, item),
        )
        self._xp.add(shared, handed[..., m:, :], out=shared)
        # And along the height.
        bands = handed.reshape(-1)[: lines.size].reshape(down, size, wide * n * c)
        self._xp.matmul(back, lines.reshape(bands.shape), out=bands)
        frame = block.scratch("sum", (tall, wide * n * c), out.dtype)
        frame[: down * m].reshape(down, m, -1)[...] = bands[:, :m]
        frame[down * m :] = 0
        line, item = frame.strides
        shared = strided(frame[m:], (down, size - m, wide * n * c), (m * line, line, item))
        self._xp.add(shared, bands[:, m:], out=shared)
        images = frame.reshape(tall, wide, n, c)
        top, left = before
        inside = images[top : top + height, left : left + width]
        out[...] = inside.transpose(2, 0, 1, 3)


def _frame(block: Block, name: str, shape: Sequence[int], x: Any, size: Sequence[int]) -> Any:
    """Return memory for images of a size; what is around them is zero, and written only once."""
    if tuple(shape[:2]) == tuple(size):
        return block.scratch(name, shape, x.dtype)
    return block.scratch(name, shape, x.dtype, 0)
