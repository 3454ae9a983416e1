"""The kernels of steps that only read a variable."""

from __future__ import annotations

from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import Cell, KernelContext


def read_cell(k: KernelContext, cell: Cell) -> Array:
    """Return the storage itself, for steps that are done before it changes."""
    del k
    return cell.read()


def read_copy(k: KernelContext, cell: Cell) -> Array:
    """Return a copy of the value, for steps that come after a change."""
    return k.xp.array(cell.read())


READS = (read_cell, read_copy)
