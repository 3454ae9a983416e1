"""The kernels of image processing, and how kernels that are given fill the weights of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

_BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
_CENTRE = np.pad([[1]], 2)

KERNELS: dict[str, tuple[str, Any]] = {
    "edge": (
        "edges: 8 in the middle, -1 around it; 3x3",
        np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    ),
    "sharpen": (
        "sharpens: 5 in the middle, -1 beside it; 3x3",
        np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    ),
    "gaussian3": (
        "blurs with the weights 1 2 1 each way, / 16; 3x3",
        np.outer([1, 2, 1], [1, 2, 1]) / 16,
    ),
    "gaussian5": ("blurs with the weights 1 4 6 4 1 each way, / 256; 5x5", _BINOMIAL / 256),
    "unsharp": (
        "sharpens by twice the image less `gaussian5`; 5x5",
        2 * _CENTRE - _BINOMIAL / 256,
    ),
}
"""What each kernel does, and its numbers."""


def identity(shape: Sequence[int]) -> Any:
    """Return weights that pass the input on: a matrix, or kernels with a 1 in the middle."""
    if len(shape) < 2:
        return np.ones(shape)
    if len(shape) == 2:
        return np.eye(shape[0], shape[1])
    size = shape[:-2]
    kernel = np.zeros(size)
    kernel[tuple((extent - 1) // 2 for extent in size)] = 1
    return spread(kernel, shape)


def box_blur(shape: Sequence[int]) -> Any:
    """Return kernels that take the mean of their window."""
    size = shape[:-2]
    return spread(np.full(size, 1 / prod(size)), shape)


def spread(kernels: Any, shape: Sequence[int]) -> Any:
    """Return the weights of a layer whose filters are given kernels.

    With as many filters as channels, each filter looks at the channel of its own number;
    otherwise each looks at the mean of all channels.

    Parameters
    ----------
    kernels : array
        One kernel for all filters, or one for each along the first axis.
    shape : sequence of int
        The shape of the weights: that of a kernel, channels, filters.
    """
    *size, channels, filters = shape
    one_each = np.broadcast_to(kernels, (filters, *size))
    by_filter = np.moveaxis(one_each, 0, -1)[..., None, :]
    mixture = (
        np.eye(channels) if channels == filters else np.full((channels, filters), 1 / channels)
    )
    return by_filter * mixture


def misfit(given: Sequence[int], shape: Sequence[int]) -> str | None:
    """Return what is wrong with kernels of some shape for such weights, None if nothing is.

    They may be the weights themselves, one kernel for all filters, or one for each.
    """
    given, weights = tuple(given), tuple(shape)
    if given == weights:
        return None
    size, filters = weights[:-2], weights[-1]
    if len(weights) < 3:
        return f"it is {_sizes(given)}"
    if given == size or given == (filters, *size):
        return None
    if len(given) == len(size) + 1 and given[1:] == size:
        return f"it has {given[0]} kernels for {filters} filters"
    return f"it has kernels of {_sizes(given[-len(size) :])}"


def fill(given: Any, shape: Sequence[int]) -> Any:
    """Return the weights that `misfit` has found nothing wrong with."""
    return given if given.shape == tuple(shape) else spread(given, shape)


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
