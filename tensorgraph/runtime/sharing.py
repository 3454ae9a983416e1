"""Kernels whose rows workers can share: elementwise ones, of large arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation
from tensorgraph.ops.shares import Block, for_blocks

# An operation on less than this is done before another thread has woken up.
LARGE_BYTES = 1 << 20

Kernel = Callable[..., Any]


def shared(op: Operation, kernel: Kernel, out: Array | None) -> Kernel:
    """Return a kernel that has workers share its rows, or the kernel itself where that is no gain.

    Parameters
    ----------
    op : Operation
        The node.
    kernel : callable
        Its kernel.
    out : array or None
        What it writes to.
    """
    if not op.definition.by_rows or out is None or not out.ndim or out.nbytes < LARGE_BYTES:
        return kernel
    rows = len(out)

    def by_rows(k: KernelContext, *inputs: Array) -> Array:
        own = [array.ndim == out.ndim and len(array) == rows for array in inputs]

        def task(block: Block) -> None:
            part = k.part(f"{block.worker}", out[block.part])
            pairs = zip(inputs, own, strict=True)
            kernel(part, *[array[block.part] if cut else array for array, cut in pairs])

        # One block for each worker: smaller ones would help nothing.
        for_blocks(k, rows, out.nbytes // rows, task, fewest=rows)
        return out

    return by_rows
