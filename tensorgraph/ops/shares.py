"""A batch in blocks: small enough for the cache, and shared out between the backend's workers.

A kernel that makes something large out of each image, as convolutions do, works through the batch
in blocks, so that what it makes is still in the cache when it is used. Each worker has a fixed
range of them and memory of its own. What blocks add up is added in a fixed order, so that the
result is the same, to the last bit, whichever worker was faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tensorgraph.graph.opdef import KernelContext

# How much a worker has at hand at a time: about the size of a core's second-level cache.
BLOCK_BYTES = 3 << 19
# Work on less than this is done before another thread has woken up.
SHARED_BYTES = 1 << 18


class Block(NamedTuple):
    """A part of a batch, and whose it is.

    Attributes
    ----------
    k : KernelContext
        The node.
    worker : int
        The worker.
    start, stop : int
        Which members of the batch.
    first : bool
        It is the worker's first.
    """

    k: KernelContext
    worker: int
    start: int
    stop: int
    first: bool

    @property
    def part(self) -> slice:
        """The index of the block in the batch."""
        return slice(self.start, self.stop)

    @property
    def size(self) -> int:
        """How many members it has."""
        return self.stop - self.start

    def scratch(
        self, name: str, shape: Sequence[int], dtype: Any, fill: float | None = None
    ) -> Any:
        """Return memory of the worker's own; see `KernelContext`."""
        if fill is None:
            return self.k.scratch(f"{name} {self.worker}", shape, dtype)
        # For blocks of this size: what is never written to must stay where it is.
        return self.k.scratch(f"{name} {self.worker} {self.size}", shape, dtype, fill)


def blocks_of(worker: int, workers: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """Return where each block of a worker begins and ends: about equal ones, none larger.

    Parameters
    ----------
    worker, workers : int
        Which of how many; there are at least as many members as workers.
    count : int
        The size of the batch.
    size : int
        How many members a block has at most.
    """
    begin, end = (i * count // workers for i in (worker, worker + 1))
    blocks = -(-(end - begin) // size)
    return itertools.pairwise(begin + i * (end - begin) // blocks for i in range(blocks + 1))


def for_blocks(
    k: KernelContext,
    count: int,
    bytes_each: int,
    task: Callable[[Block], None],
    fewest: int = 1,
) -> int:
    """Call a task for each block of a batch; return how many workers shared in it.

    Parameters
    ----------
    k : KernelContext
        The node.
    count : int
        The size of the batch.
    bytes_each : int
        How much the task makes of each member.
    task : callable
        Takes a block. It must write only to the block's part of the result, and to scratch memory
        of the block.
    fewest : int, default 1
        How many members a block should have at least, where the batch has them.
    """
    alone = k.undivided or count * bytes_each < SHARED_BYTES
    workers = 1 if alone else min(k.backend.workers, count)
    size = max(fewest, BLOCK_BYTES // max(bytes_each, 1), 1)

    def share(worker: int) -> None:
        for n, (start, stop) in enumerate(blocks_of(worker, workers, count, size)):
            task(Block(k, worker, start, stop, not n))

    if k.undivided and count:
        share(0)
    elif count:
        k.backend.spread(workers, share)
    return workers


def sum_blocks(
    k: KernelContext,
    count: int,
    bytes_each: int,
    out: Any,
    task: Callable[[Block, Any], None],
    fewest: int = 1,
) -> None:
    """Write the sum of what a task makes of each block of a batch.

    Parameters
    ----------
    k, count, bytes_each, fewest
        As of `for_blocks`.
    out : array
        Where to write the sum.
    task : callable
        Takes a block and an array like `out`, into which it writes the block's share.
    """
    if not count:
        out[...] = 0

    def add(block: Block) -> None:
        total = out
        if block.worker:
            total = k.scratch(f"total {block.worker}", out.shape, out.dtype)
        if block.first:
            task(block, total)
        else:
            part = k.scratch(f"part {block.worker}", out.shape, out.dtype)
            task(block, part)
            k.xp.add(total, part, out=total)

    for worker in range(1, for_blocks(k, count, bytes_each, add, fewest)):
        k.xp.add(out, k.scratch(f"total {worker}", out.shape, out.dtype), out=out)
