"""Cutting a set of examples into batches, in an order that a seed and an epoch determine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt


def batches(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    size: int,
    *,
    seed: int,
    epoch: int,
    shuffle: bool = True,
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Return one epoch of batches.

    The order depends on `seed`, `epoch` and the number of examples alone, so that a run that was
    interrupted can go on at any epoch as if it had not been.

    Parameters
    ----------
    x, y : array
        Inputs and labels, equally many.
    size : int
        Examples in a batch. The last batch holds what is left, which may be fewer.
    seed, epoch : int
        Not negative.
    shuffle : bool
        False keeps the examples in their order; the batches are then views, not copies.

    Yields
    ------
    tuple of array
        Inputs and labels of one batch.

    Raises
    ------
    ValueError
        If `x` and `y` are not equally many, `size` is below 1, or `seed` or `epoch` is negative.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} inputs do not go with {len(y)} labels")
    if size < 1:
        raise ValueError(f"a batch holds at least one example, not {size}")
    if seed < 0 or epoch < 0:
        raise ValueError(f"seed and epoch are not negative: {seed} and {epoch}")
    return _cut(x, y, size, order_of(len(x), seed=seed, epoch=epoch) if shuffle else None)


def order_of(count: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order in which an epoch goes through `count` examples."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def _cut(
    x: npt.NDArray[Any], y: npt.NDArray[Any], size: int, order: npt.NDArray[np.int64] | None
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    # A function of its own, so that `batches` checks when it is called and not when it is first
    # iterated over.
    for start in range(0, len(x), size):
        part = slice(start, start + size) if order is None else order[start : start + size]
        yield x[part], y[part]
