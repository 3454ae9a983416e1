"""Filters of one pixel: no patches, the images themselves are the matrix.

A step larger than one only takes fewer pixels; the gradient by the images then leaves zeros where
no pixel was taken. As pixels have nothing to do with each other, blocks are parts of whatever axis
lies outermost: of the batch, or of the lines where the batch lies inside of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case, has_few_rows
from tensorgraph.ops.convolution.layout import batch_inside, in_one_piece, written_in_one_piece
from tensorgraph.ops.products import THIN, product, product_over_rows, shared_product
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks

Multiply = Callable[[Any, Any, Any], None]

# Nothing is made here that would have to stay in the cache: blocks may be large.
FEWEST_ROWS = 4096


def suits(case: Case) -> bool:
    """Return whether the convolution is of this kind."""
    return case.taps == 1 and not case.framed


def forward(k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
    """Compute the convolution of images with a filter."""
    weights, order = w.reshape(case.channels, case.filters), _order(out)
    _multiply(k, case, x[_steps(case)].transpose(order), weights, out.transpose(order))


def by_input(k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the images."""
    weights = w.reshape(case.channels, case.filters).T
    if case.channels <= THIN:
        copy = functools.partial(k.xp.copyto, src=weights)
        weights = k.once("weights", weights.shape, w.dtype, copy)
    order = _order(dy)
    if case.places != case.spatial:
        out[...] = 0
    _multiply(k, case, dy.transpose(order), weights, out[_steps(case)].transpose(order))


def by_filter(k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
    """Compute its gradient by the filter."""
    order = _order(dy)
    taken, grads = x[_steps(case)].transpose(order), dy.transpose(order)

    def task(block: Block, part: Any) -> None:
        rows, grad = _matrix(block, "rows", taken), _matrix(block, "grad", grads)
        product_over_rows(block, rows, grad, part)

    with written_in_one_piece(k.scratch, out) as dw:
        total = dw.reshape(case.channels, case.filters)
        if has_few_rows(k, case):
            whole = _whole(k, grads)
            rows, grad = _matrix(whole, "rows", taken), _matrix(whole, "grad", grads)
            shared_product(k, rows.T, grad, total)
        else:
            sum_blocks(k, len(grads), _bytes_each(grads, case), total, task, _fewest(grads))


def _multiply(k: KernelContext, case: Case, images: Any, weights: Any, out: Any) -> None:
    """Write the products of all pixels of images with weights, a block after the other."""

    def task(block: Block, multiply: Multiply) -> None:
        with written_in_one_piece(block.scratch, out[block.part]) as result:
            rows = _matrix(block, "rows", images)
            multiply(rows, weights, result.reshape(-1, weights.shape[1]))

    if has_few_rows(k, case):
        task(_whole(k, images), functools.partial(shared_product, k))
        return
    in_slabs = functools.partial(product, k.xp)
    bytes_each, fewest = _bytes_each(images, case), _fewest(images)
    for_blocks(k, len(images), bytes_each, lambda block: task(block, in_slabs), fewest)


def _whole(k: KernelContext, images: Any) -> Block:
    return Block(k, 0, 0, len(images), True)


def _steps(case: Case) -> tuple[slice, ...]:
    """Return the index of the pixels that the filter meets."""
    steps = zip(case.places, case.windows.strides, strict=True)
    return (slice(None), *(slice(0, (n - 1) * step + 1, step) for n, step in steps))


def _order(x: Any) -> tuple[int, ...]:
    """Return the axes of images in the order in which they lie in memory."""
    axes = tuple(range(x.ndim))
    return (*axes[1:-1], 0, axes[-1]) if batch_inside(x) else axes


def _matrix(block: Block, name: str, images: Any) -> Any:
    """Return the pixels of a block as rows."""
    part = in_one_piece(block.scratch, name, images[block.part])
    return part.reshape(-1, part.shape[-1])


def _bytes_each(images: Any, case: Case) -> int:
    return _pixels(images) * (case.channels + case.filters) * int(images.dtype.itemsize)


def _fewest(images: Any) -> int:
    """Return how many members a block should have at least."""
    return -(-FEWEST_ROWS // max(_pixels(images), 1))


def _pixels(images: Any) -> int:
    """Return how many pixels a member of the outermost axis has."""
    return math.prod(images.shape[1:-1])
