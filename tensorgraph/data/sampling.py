"""Choosing examples so that every class has its share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[Any]

TEST_SHARE = 0.2
"""The share that is set aside for testing where a set comes without a part for it."""


def share_of(y: Targets, fraction: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which examples a random share consists of, at least one; each class gives its part.

    Parameters
    ----------
    y : array
        Labels.
    fraction : float
        The share, from 0 to 1.
    seed : int
        Decides the choice. Not negative.
    """
    return sample(y, max(1, round(fraction * len(y))), seed)


def sample(y: Targets, count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return which examples a random choice of so many consists of; each class gives its part.

    Parameters
    ----------
    y : array
        Labels.
    count : int
        At least 1, at most as many as there are labels.
    seed : int
        Decides the choice. Not negative.
    """
    order = by_class(y, np.random.default_rng(seed))
    # As evenly spaced places in an order where each class stands together, from a random start.
    start = np.random.default_rng((seed, 1)).random()
    places = np.floor((np.arange(count) + start) * len(y) / count).astype(np.int64)
    chosen = np.zeros(len(y), bool)
    chosen[order[places]] = True
    return chosen


def by_class(y: Targets, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a random order in which the examples of each class stand together.

    Parameters
    ----------
    y : array
        Labels. Floats are numbers to predict, and of no class.
    random : Generator
        Decides the order.
    """
    shuffled = random.permutation(len(y))
    if y.dtype.kind == "f":
        return shuffled
    return shuffled[np.argsort(y[shuffled], kind="stable")]
