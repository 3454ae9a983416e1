"""Arrays as kernels of the families want them: in rows, and results where the plan keeps them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.transpose import copy
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext


def dense(k: KernelContext, x: Array) -> Array:
    """Return an array whose elements lie in a row: itself, or a copy."""
    return x if x.flags.c_contiguous else copy(k, x)


def target(k: KernelContext, index: int, shape: Sequence[int], dtype: Any) -> Array:
    """Return where a kernel writes an output: the plan's memory if it lies in a row, else its own.

    Parameters
    ----------
    k : KernelContext
        The node.
    index : int
        Which output.
    shape : sequence of int
        Its shape.
    dtype : dtype
        Its element type.
    """
    out = k.outs[index] if index < len(k.outs) else None
    if out is not None and out.flags.c_contiguous:
        return out
    return k.xp.empty(tuple(shape), np.dtype(dtype))


def deliver(k: KernelContext, index: int, made: Array) -> Array:
    """Return an output that was written to `target`, in the plan's memory if there is any."""
    out = k.outs[index] if index < len(k.outs) else None
    if out is None or out is made:
        return made
    out[...] = made
    return out


def compute_type(dtype: Any) -> np.dtype[Any]:
    """Return the type in which numbers of an element type are computed with."""
    kind = np.dtype(dtype)
    return np.dtype(np.float32) if kind == np.float16 else kind


def matrix_sizes(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """Return how many elements there are before an axis, along it, and after it."""
    place = axis % len(shape)
    return math.prod(shape[:place]), shape[place], math.prod(shape[place + 1 :])
