"""How images lie in memory: the batch outside of height and width, or inside.

All kernels take images as (batch, height, width, channels). In memory they mostly lie so; but where
a chain of operations works on a block of images, they lie as (height, width, batch, channels), for
then a line of pixels is long. Such a block comes as a view with its axes in the usual order.

So that one piece of code does both without a copy, methods look at images through a view with two
axes for the batch, (outer, height, width, inner, channels), one of which is the batch and the other
has one element.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


def batch_inside(x: Any) -> bool:
    """Return whether the batch lies inside of height and width."""
    return len(x) > 1 and x.strides[0] < x.strides[-2]


def spread_out(x: Any, inside: bool) -> Any:
    """Return a view (outer, spatial…, inner, channels) of images (batch, spatial…, channels)."""
    if not inside:
        return x[..., None, :]
    last = x.ndim - 1
    return x.transpose(*range(1, last), 0, last)[None]


def in_one_piece(scratch: Callable[..., Any], name: str, x: Any) -> Any:
    """Return an array itself if it can be reshaped without a copy, otherwise a copy in scratch."""
    if x.flags.c_contiguous:
        return x
    copy = scratch(name, x.shape, x.dtype)
    copy[...] = x
    return copy


@contextlib.contextmanager
def written_in_one_piece(scratch: Callable[..., Any], out: Any) -> Iterator[Any]:
    """Give memory that can be reshaped without a copy, for what is to be written to `out`."""
    if out.flags.c_contiguous:
        yield out
        return
    result = scratch("result", out.shape, out.dtype)
    yield result
    out[...] = result
