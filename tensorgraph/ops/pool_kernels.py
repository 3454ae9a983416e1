"""How pooling computes: whole views at a time, for blocks of a batch.

Each place of the window sees the image through a view of its own, shifted and taken in steps. A
maximum of two views is one pass over memory, without any gathering of windows, and without the
search for a place that `argmax` is.

What can be done along one axis after the other, is: first down the lines, which lie whole in
memory, and only what is left of that across. For a window of 3 by 3 that is 4 passes in place of 8.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.ops.memory_order import scratch_like
from tensorgraph.ops.shares import Block
from tensorgraph.ops.windows import Windows, inner_part, padded_shape

# With no more places in the window than this, and pixels as long as this, one axis after the other
# saves nothing.
FEW_TAPS = 4
LONG_PIXEL = 16


class Layout(NamedTuple):
    """How windows lie on images of one size.

    Attributes
    ----------
    pads : tuple of (int, int)
        The border before and after, for each spatial axis.
    framed : bool
        There is any border.
    taps : tuple of index
        For each place in the window, the elements of the images, with border, that it meets.
    along : tuple of tuple of index
        For each spatial axis, the elements that the window meets along this axis alone.
    apart : bool
        No element lies in two windows.
    covered : tuple of bool
        For each spatial axis: every element lies in exactly one window.
    """

    pads: tuple[tuple[int, int], ...]
    framed: bool
    taps: tuple[Any, ...]
    along: tuple[tuple[Any, ...], ...]
    apart: bool
    covered: tuple[bool, ...]


@functools.lru_cache(1000)
def layout_of(windows: Windows, spatial: tuple[int, ...]) -> Layout:
    """Return how windows lie on images of a size; kept, for a kernel asks for each block."""
    pads, places = windows.pads(*spatial), windows.places(*spatial)
    along = []
    for axis, (size, step) in enumerate(zip(windows.size, windows.strides, strict=True)):
        before, reach = (slice(None),) * (axis + 1), (places[axis] - 1) * step + 1
        along.append(tuple((*before, slice(i, i + reach, step)) for i in range(size)))
    return Layout(
        pads,
        any(map(any, pads)),
        tuple(index for _, index in windows.regions(places)),
        tuple(along),
        all(step >= size for size, step in zip(windows.size, windows.strides, strict=True)),
        tuple(
            size == step and size * count == n + sum(pad)
            for size, step, count, n, pad in zip(
                windows.size, windows.strides, places, spatial, pads, strict=True
            )
        ),
    )


def with_frame(block: Block, layout: Layout, x: Any, value: float) -> Any:
    """Return images with their border of a value, in scratch memory where there is any border."""
    if not layout.framed:
        return x
    shape = padded_shape(x.shape, layout.pads)
    frame = scratch_like(block, f"frame {value}", x, shape=shape, fill=value)
    frame[inner_part(layout.pads, x.shape[1:-1])] = x
    return frame


def without_frame(block: Block, layout: Layout, out: Any, write: Callable[[Any], None]) -> None:
    """Have images written with their border, and keep what is inside of it."""
    if not layout.framed:
        write(out)
        return
    frame = scratch_like(block, "written", out, shape=padded_shape(out.shape, layout.pads))
    write(frame)
    out[...] = frame[inner_part(layout.pads, out.shape[1:-1])]


def combine(block: Block, pairwise: Callable[..., Any], layout: Layout, x: Any, out: Any) -> None:
    """Write what the elements of each window come to, by a function of two arrays."""
    if len(layout.taps) <= FEW_TAPS and x.shape[-1] >= LONG_PIXEL:
        _combine_all(pairwise, [x[tap] for tap in layout.taps], out)
        return
    for axis, parts in enumerate(layout.along):
        found = [x[part] for part in parts]
        if axis == len(layout.along) - 1:
            _combine_all(pairwise, found, out)
        elif len(found) == 1:
            x = found[0]
        else:
            x = scratch_like(block, f"combined {axis}", x, shape=found[0].shape)
            _combine_all(pairwise, found, x)


def _combine_all(pairwise: Callable[..., Any], arrays: list[Any], out: Any) -> None:
    first, *others = arrays
    if not others:
        out[...] = first
    for i, other in enumerate(others):
        pairwise(out if i else first, other, out=out)


def hand_out(block: Block, layout: Layout, share: Any, total: Any) -> None:
    """Add a number for each window to all its elements: the transpose of summing."""
    xp = block.k.xp
    for axis in reversed(range(len(layout.along))):
        target = total
        if axis:
            shape = (*share.shape[: axis + 1], *total.shape[axis + 1 :])
            target = scratch_like(block, f"handed {axis}", share, shape=shape)
        if not layout.covered[axis]:
            target[...] = 0
        for part in layout.along[axis]:
            if layout.covered[axis]:
                target[part] = share
            else:
                xp.add(target[part], share, out=target[part])
        share = target


def switches(block: Block, layout: Layout, x: Any, y: Any) -> Iterator[Any]:
    """Yield, for each place in the window, where its element is the first that is the largest.

    Parameters
    ----------
    block : Block
        Which part of the batch it is.
    layout : Layout
        The windows.
    x, y : array
        The images, and the maxima of their windows.
    """
    xp = block.k.xp
    image = with_frame(block, layout, x, -np.inf)
    free, mask = (scratch_like(block, name, y, np.bool_) for name in ("free", "mask"))
    *earlier, last = layout.taps
    if not earlier:
        xp.equal(image[last], y, out=free)
    for i, tap in enumerate(earlier):
        xp.equal(image[tap], y, out=mask)
        if i:
            xp.logical_and(mask, free, out=mask)
            # Of two truth values, the greater one is "free, and not taken now".
            xp.greater(free, mask, out=free)
        else:
            xp.logical_not(mask, out=free)
        yield mask
    # What was none of the others must be the last one.
    yield free


def hand_back(block: Block, layout: Layout, masks: Iterator[Any], dy: Any, total: Any) -> None:
    """Add each gradient to the element that was its window's maximum.

    Parameters
    ----------
    block : Block
        Which part of the batch it is.
    layout : Layout
        The windows.
    masks : iterator of array
        For each place in the window, whether the maximum is there, as `switches` gives them.
    dy : array
        The gradients, one for each window.
    total : array
        Of the shape of the images with their border; it is written anew.
    """
    xp = block.k.xp
    if not all(layout.covered):
        total[...] = 0
    for tap, mask in zip(layout.taps, masks, strict=True):
        if layout.apart:
            xp.multiply(dy, mask, out=total[tap])
        else:
            part = scratch_like(block, "part", dy)
            xp.multiply(dy, mask, out=part)
            xp.add(total[tap], part, out=total[tap])
