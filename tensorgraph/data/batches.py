"""Cutting a set of examples into batches, in an order that a seed and an epoch determine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tensorgraph.data.prefetch import prefetch as drawn_ahead
from tensorgraph.data.rows import Rows

if TYPE_CHECKING:
    from tensorgraph.data.augmentation import Augmentation
    from tensorgraph.data.preprocessing import Preprocessing

Batch = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def batches(
    x: Rows,
    y: npt.NDArray[Any],
    size: int,
    *,
    seed: int,
    epoch: int,
    shuffle: bool = True,
    start: int = 0,
    augmentation: Augmentation | None = None,
    preprocessing: Preprocessing | None = None,
    prefetch: int = 0,
) -> Iterator[Batch]:
    """Return one epoch of batches.

    The order depends on `seed`, `epoch` and the number of examples alone, so that a run that was
    interrupted can go on at any epoch, or at any batch of it, as if it had not been.

    Parameters
    ----------
    x : array or LazyInputs
        Inputs.
    y : array
        Labels, as many.
    size : int
        Examples in a batch. The last batch holds what is left, which may be fewer.
    seed, epoch : int
        Not negative.
    shuffle : bool
        False keeps the examples in their order; the batches are then views, not copies.
    start : int, default 0
        How many batches to leave out at the beginning.
    augmentation : Augmentation, optional
        Changes the examples first; what it does to one does not depend on the batch it is in.
    preprocessing : Preprocessing, optional
        Is applied to each batch, after the augmentation.
    prefetch : int, default 0
        How many batches a thread makes ahead.

    Yields
    ------
    tuple of array
        Inputs and labels of one batch.

    Raises
    ------
    ValueError
        If `x` and `y` are not equally many, `size` is below 1, or another number is negative.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} inputs do not go with {len(y)} labels")
    if size < 1:
        raise ValueError(f"a batch holds at least one example, not {size}")
    if seed < 0 or epoch < 0:
        raise ValueError(f"seed and epoch are not negative: {seed} and {epoch}")
    if start < 0:
        raise ValueError(f"the first batch is number 0, not {start}")
    order = order_of(len(x), seed=seed, epoch=epoch) if shuffle else None
    cut = _cut(x, y, size, order, start, augmentation, epoch)
    if preprocessing is not None:
        cut = _preprocessed(cut, preprocessing)
    return drawn_ahead(cut, prefetch)


def order_of(count: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order in which an epoch goes through `count` examples."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def _cut(
    x: Rows,
    y: npt.NDArray[Any],
    size: int,
    order: npt.NDArray[np.int64] | None,
    start: int,
    augmentation: Augmentation | None,
    epoch: int,
) -> Iterator[Batch]:
    # A function of its own, so that `batches` checks when it is called and not when it is first
    # iterated over.
    for begin in range(start * size, len(x), size):
        end = min(begin + size, len(x))
        if augmentation:
            indices = np.arange(begin, end) if order is None else order[begin:end]
            yield augmentation.batch(x, y, indices, epoch)
        else:
            part = slice(begin, end) if order is None else order[begin:end]
            yield x[part], y[part]


def _preprocessed(cut: Iterator[Batch], preprocessing: Preprocessing) -> Iterator[Batch]:
    for x, y in cut:
        yield preprocessing.apply(x), y
