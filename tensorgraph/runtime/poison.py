"""Memory that nobody needs any more, spoilt: what `ConfigProto.poison_buffers` does.

Results share buffers, and kernels share scratch memory. A step that reads what was given away
already finds the old numbers there as long as nobody has written others, so that such a mistake
may hide for a long time. Here it cannot: what is given away is filled with NaN at once, and so is
what a kernel is to write to. A plan that is not asked for it has the kernels themselves, and pays
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import Arena, KernelContext

Kernel = Callable[..., Any]


def poisoned(kernel: Kernel, freed: Sequence[Array], arena: Arena) -> Kernel:
    """Return a kernel that spoils what it is given to write to, and afterwards what is free.

    Parameters
    ----------
    kernel : callable
        The kernel of a step.
    freed : sequence of array
        The buffers that, by the plan's account, no later step reads.
    arena : Arena
        The plan's scratch memory: it is all free after each step.
    """

    def spoiling(k: KernelContext, *inputs: Any) -> Any:
        for out in k.outs:
            if out is not None:
                poison(out)
        result = kernel(k, *inputs)
        for array in freed:
            poison(array)
        for array in arena.arrays():
            poison(array)
        return result

    return spoiling


def poison(array: Array) -> None:
    """Fill an array with NaN, with True, or with the largest integer.

    The largest integer is out of the range of any index. In bytes, as which scratch memory is
    kept, it reads as NaN.
    """
    kind = array.dtype.kind
    if kind in ("f", "c"):
        array.fill(np.nan)
    else:
        array.fill(kind == "b" or np.iinfo(array.dtype).max)
