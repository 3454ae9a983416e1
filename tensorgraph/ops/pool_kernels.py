"""How pooling computes: whole views at a time, for blocks of a batch.

Each place of the window sees the image through a view of its own, shifted and taken in steps. A
maximum of two views is one pass over memory, without any gathering of windows, and without the
search for a place that `argmax` is.

What can be done along one axis after the other, is: first down the lines, which lie whole in
memory, and only what is left of that across. For a window of 3 by 3 that is 4 passes in place of 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tensorgraph.ops.shares import Block
from tensorgraph.ops.windows import Windows, inner_part, padded_shape

# With no more places in the window than this, and pixels as long as this, one axis after the other
# saves nothing.
FEW_TAPS = 4
LONG_PIXEL = 16


def views(windows: Windows, image: Any, places: Sequence[int]) -> Iterator[Any]:
    """Yield, for each place in the window, the view of the padded image that it meets."""
    return (image[index] for _, index in windows.regions(places))


def with_frame(block: Block, windows: Windows, x: Any, value: float) -> Any:
    """Return images with their border of a value, in scratch memory where there is any border."""
    pads = windows.pads(*x.shape[1:-1])
    if not any(map(any, pads)):
        return x
    frame = block.scratch(f"frame {value}", padded_shape(x.shape, pads), x.dtype, value)
    frame[inner_part(pads, x.shape[1:-1])] = x
    return frame


def without_frame(block: Block, windows: Windows, out: Any, write: Callable[[Any], None]) -> None:
    """Have images written with their border, and keep what is inside of it."""
    pads = windows.pads(*out.shape[1:-1])
    if not any(map(any, pads)):
        write(out)
        return
    frame = block.scratch("written", padded_shape(out.shape, pads), out.dtype)
    write(frame)
    out[...] = frame[inner_part(pads, out.shape[1:-1])]


def combine(block: Block, pairwise: Callable[..., Any], windows: Windows, x: Any, out: Any) -> None:
    """Write what the elements of each window come to, by a function of two arrays."""
    if math.prod(windows.size) <= FEW_TAPS and x.shape[-1] >= LONG_PIXEL:
        met = views(windows, x, out.shape[1:-1])
        _combine_all(pairwise, list(met), out)
        return
    for axis, parts in enumerate(_along_axes(windows, out.shape[1:-1])):
        found = [x[part] for part in parts]
        if axis == len(windows.size) - 1:
            _combine_all(pairwise, found, out)
        elif len(found) == 1:
            x = found[0]
        else:
            x = block.scratch(f"combined {axis}", found[0].shape, out.dtype)
            _combine_all(pairwise, found, x)


def _combine_all(pairwise: Callable[..., Any], arrays: list[Any], out: Any) -> None:
    first, *others = arrays
    if not others:
        out[...] = first
    for i, other in enumerate(others):
        pairwise(out if i else first, other, out=out)


def hand_out(block: Block, windows: Windows, share: Any, total: Any) -> None:
    """Add a number for each window to all its elements: the transpose of summing."""
    xp = block.k.xp
    axes = list(_along_axes(windows, share.shape[1:-1]))
    for axis in reversed(range(len(axes))):
        target = total
        if axis:
            shape = (*share.shape[: axis + 1], *total.shape[axis + 1 :])
            target = block.scratch(f"handed {axis}", shape, share.dtype)
        size, step = windows.size[axis], windows.strides[axis]
        if size != step or size * share.shape[axis + 1] != target.shape[axis + 1]:
            target[...] = 0
        for part in axes[axis]:
            if step < size:
                xp.add(target[part], share, out=target[part])
            else:
                target[part] = share
        share = target


def switches(block: Block, windows: Windows, x: Any, y: Any) -> Iterator[Any]:
    """Yield, for each place in the window, where its element is the first that is the largest.

    Parameters
    ----------
    block : Block
        Which part of the batch it is.
    windows : Windows
        The windows.
    x, y : array
        The images, and the maxima of their windows.
    """
    xp = block.k.xp
    image = with_frame(block, windows, x, -np.inf)
    free = block.scratch("free", y.shape, np.bool_)
    mask = block.scratch("mask", y.shape, np.bool_)
    for tap, view in enumerate(views(windows, image, y.shape[1:-1])):
        xp.equal(view, y, out=mask)
        if tap:
            xp.logical_and(mask, free, out=mask)
            # Of two truth values, the greater one is "free, and not taken now".
            xp.greater(free, mask, out=free)
        else:
            xp.logical_not(mask, out=free)
        yield mask


def send_back(block: Block, windows: Windows, x: Any, y: Any, dy: Any, total: Any) -> None:
    """Add each gradient to the element that was its window's maximum.

    Parameters
    ----------
    block, windows, x, y
        As of `switches`.
    dy : array
        The gradients, one for each window.
    total : array
        Of the shape of the images with their border; it is written anew.
    """
    xp = block.k.xp
    apart = all(step >= size for size, step in zip(windows.size, windows.strides, strict=True))
    covered = [size * n for size, n in zip(windows.size, y.shape[1:-1], strict=True)]
    if not apart or windows.size != windows.strides or covered != list(total.shape[1:-1]):
        total[...] = 0
    targets = list(views(windows, total, y.shape[1:-1]))
    for target, mask in zip(targets, switches(block, windows, x, y), strict=True):
        if apart:
            xp.multiply(dy, mask, out=target)
        else:
            part = block.scratch("part", y.shape, y.dtype)
            xp.multiply(dy, mask, out=part)
            xp.add(target, part, out=target)


def _along_axes(windows: Windows, places: Sequence[int]) -> Iterator[list[tuple[slice, ...]]]:
    """Yield for each spatial axis the indices that take a window's elements along it alone."""
    for axis, (size, step) in enumerate(zip(windows.size, windows.strides, strict=True)):
        before, reach = (slice(None),) * (axis + 1), (places[axis] - 1) * step + 1
        yield [(*before, slice(i, i + reach, step)) for i in range(size)]
