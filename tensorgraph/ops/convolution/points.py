"""Filters of one pixel: no patches, the images themselves are the matrix.

A step larger than one only takes fewer pixels; the gradient by the images then leaves zeros where
no pixel was taken.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.products import product, product_over_rows
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks


def suits(case: Case) -> bool:
    """Return whether the convolution is of this kind."""
    return case.taps == 1 and not case.framed


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights = w.reshape(case.channels, case.filters)

    def task(block: Block) -> None:
        result = out[block.part].reshape(-1, case.filters)
        product(k.xp, _taken(block, case, x), weights, result)

    for_blocks(k, case.batch, _bytes_each(case, x), task)


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    weights = k.scratch("weights", (case.filters, case.channels), w.dtype)
    weights[...] = w.reshape(case.channels, case.filters).T

    def task(block: Block) -> None:
        grad, result = dy[block.part], out[block.part]
        shape = (*grad.shape[:-1], case.channels)
        dense = shape == result.shape
        made = result if dense else block.scratch("made", shape, dy.dtype)
        matrix = made.reshape(-1, case.channels)
        product(k.xp, grad.reshape(-1, case.filters), weights, matrix)
        if not dense:
            result[...] = 0
            result[_steps(case)] = made

    for_blocks(k, case.batch, _bytes_each(case, dy), task)


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""

    def task(block: Block, part: Any) -> None:
        grad = dy[block.part].reshape(-1, case.filters)
        product_over_rows(block, _taken(block, case, x), grad, part)

    total = out.reshape(case.channels, case.filters)
    sum_blocks(k, case.batch, _bytes_each(case, x), total, task)


def _steps(case: Case) -> tuple[slice, ...]:
    """Return the index of the pixels that the filter meets."""
    steps = zip(case.places, case.windows.strides, strict=True)
    return (slice(None), *(slice(0, (n - 1) * step + 1, step) for n, step in steps))


def _taken(block: Block, case: Case, x: Any) -> Any:
    """Return the pixels of a block that the filter meets, a row each."""
    taken = x[block.part][_steps(case)]
    if not taken.flags.c_contiguous:
        rows = block.scratch("rows", taken.shape, x.dtype)
        rows[...] = taken
        taken = rows
    return taken.reshape(-1, case.channels)


def _bytes_each(case: Case, x: Any) -> int:
    return case.area * (case.channels + case.filters) * int(x.dtype.itemsize)
