"""Which buffer each result is written to.

A result lives from the step that computes it to the last step that reads it or a view of it. Two
results whose lives do not overlap may share a buffer.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tensorgraph.base.backend import Array, Backend
from tensorgraph.base.errors import ResourceExhaustedError


class Life(NamedTuple):
    """One result that needs a buffer.

    Attributes
    ----------
    start, end : int
        The steps that write it and last read it.
    nbytes : int
        Its size.
    """

    start: int
    end: int
    nbytes: int


def share_buffers(lives: Sequence[Life]) -> tuple[list[int], list[int]]:
    """Give each result a buffer, reusing those that are free.

    Parameters
    ----------
    lives : sequence of Life
        In the order of `start`.

    Returns
    -------
    owners : list of int
        The buffer of each result.
    sizes : list of int
        The bytes of each buffer.
    """
    owners: list[int] = []
    sizes: list[int] = []
    busy: list[tuple[int, int]] = []  # a heap of (last reader, buffer)
    free: list[tuple[int, int]] = []  # sorted (bytes, buffer)
    for life in lives:
        # A step reads its inputs while it writes, so a buffer is free only after its last reader.
        while busy and busy[0][0] < life.start:
            buffer = heapq.heappop(busy)[1]
            bisect.insort(free, (sizes[buffer], buffer))
        # The best is the smallest that is large enough, or the largest of the others.
        place = bisect.bisect_left(free, (life.nbytes, 0))
        near = range(max(place - 1, 0), min(place + 1, len(free)))
        best = min(near, key=lambda i: abs(free[i][0] - life.nbytes), default=None)
        if best is None or abs(free[best][0] - life.nbytes) > life.nbytes:
            buffer = len(sizes)
            sizes.append(life.nbytes)
        else:
            buffer = free.pop(best)[1]
            sizes[buffer] = max(sizes[buffer], life.nbytes)
        heapq.heappush(busy, (life.end, buffer))
        owners.append(buffer)
    return owners, sizes


def allocate(backend: Backend, sizes: Sequence[int]) -> list[Array]:
    """Return buffers, as bytes.

    Parameters
    ----------
    backend : Backend
        Whose memory they are.
    sizes : sequence of int
        How many bytes each has.

    Raises
    ------
    ResourceExhaustedError
        If there is not enough memory; the message says how much all of them need.
    """
    try:
        return [backend.xp.empty(size, np.uint8) for size in sizes]
    except MemoryError as error:
        raise ResourceExhaustedError(
            f"the results of this run need {sum(sizes):,} bytes of memory, the largest buffer"
            f" {max(sizes):,} of them, beside what variables, feeds and kernels take: {error}; try"
            " a smaller batch, or `tg plan` to see which results are so large"
        ) from error
