"""Which buffer each result is written to.

A result lives from the step that computes it to the last step that reads it or a view of it. Two
results whose lives do not overlap may share a buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


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
    free_from: list[int] = []
    for life in lives:
        # A step reads its inputs while it writes, so a buffer is free only after its last reader.
        free = [i for i, step in enumerate(free_from) if step < life.start]
        best = min(free, key=lambda i: _misfit(sizes[i], life.nbytes), default=None)
        if best is None or _misfit(sizes[best], life.nbytes) > life.nbytes:
            best = len(sizes)
            sizes.append(life.nbytes)
            free_from.append(life.end)
        sizes[best] = max(sizes[best], life.nbytes)
        free_from[best] = life.end
        owners.append(best)
    return owners, sizes


def _misfit(size: int, wanted: int) -> int:
    """Return how badly a buffer suits: bytes to grow it by, or bytes that it wastes."""
    return abs(size - wanted)
