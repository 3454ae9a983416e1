"""The second run of a plan, in which it is watched what there is to do in all further runs.

Most of what a run does is the same in every run, down to the memory that each call works on. In the
second run (many plans run only once) each step whose arrays will always be the same ones is run by
`recording.record`, and from then on the calls that it made are made in its place. A variable's
storage may move, when a session restores another shape or an optimizer puts all variables side by
side; so it is noted where it was, and the plan looks before each run.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.backend import Array, Backend
from tensorgraph.graph.kernel import Cell, Replay
from tensorgraph.runtime.reads import READS, read_copy
from tensorgraph.runtime.regions import RegionKernel

if TYPE_CHECKING:
    from tensorgraph.runtime.plan import Step

# Larger feeds are not copied: what reads them is called with the user's own arrays.
MOST_STAGED = 1 << 22


class Rehearsal:
    """What was seen of the steps of a plan.

    Parameters
    ----------
    backend : Backend
        What computes.
    initial : sequence, optional
        The value of each slot before the first step: constants and variables, None elsewhere.

    Attributes
    ----------
    calls : dict of int to list of callable
        What to call in place of a step, by its number.
    fixed : dict of int to array
        The slots whose array is the same in all runs.
    staged : set of int
        Feeds that are copied into their array of `fixed`.
    copyto : callable
        What copies them.
    """

    def __init__(self, backend: Backend, initial: Sequence[Any] = ()) -> None:
        self._xp, self._record = backend.xp, backend.record
        self.copyto = backend.xp.copyto
        self._constant = {i for i, value in enumerate(initial) if isinstance(value, np.ndarray)}
        self._known = {i for i, value in enumerate(initial) if value is not None}
        self.calls: dict[int, list[Replay]] = {}
        self.fixed: dict[int, Any] = {}
        self.staged: set[int] = set()
        self._used: set[int] = set()  # by steps whose calls are repeated
        self._cells: list[tuple[Cell, Array]] = []

    def still_holds(self) -> bool:
        """Return whether all variables lie where they lay."""
        return all(cell.storage is array for cell, array in self._cells)

    def end(self) -> None:
        """Say that all steps were seen: feeds that no repeated call reads need not be copied."""
        for slot in self.staged - self._used:
            self.staged.remove(slot)
            del self.fixed[slot]

    def feed(self, slot: int, array: Array) -> Array:
        """Return what is used in place of a feed: an array that is the same in all runs."""
        if array.nbytes > MOST_STAGED or array.dtype.hasobject:
            return array
        self.fixed[slot] = self._xp.array(array)
        self.staged.add(slot)
        return self.fixed[slot]

    def call(self, number: int, step: Step, given: Sequence[Any]) -> Any:
        """Do a step, and see what it does."""
        kernel, context, inputs, outputs = step
        calls: list[Replay] | None = None
        if kernel in READS:
            result, calls = self._read(kernel, given[0])
        elif not all(i in self.fixed or i in self._known for i in inputs):
            result = kernel(context, *given)
        elif self._record is not None and isinstance(kernel, RegionKernel):
            result, calls = kernel.record(given)
        elif self._record is not None and _is_repeatable(step) and not is_one_function(step):
            constant = {place for place, slot in enumerate(inputs) if slot in self._constant}
            result, calls, cells = self._record(kernel, context, given, constant)
            self._cells += cells
        else:
            result = kernel(context, *given)
        if calls is not None:
            self.calls[number] = calls
            self._used.update(inputs)
        results = (result,) if len(outputs) == 1 else result
        for place, slot in enumerate(outputs):
            if calls is not None or _is_own(step, place, results[place]):
                self.fixed[slot] = results[place]
        return result

    def _read(self, kernel: Any, cell: Cell) -> tuple[Array, list[Replay]]:
        storage = cell.read()
        self._cells.append((cell, storage))
        if kernel is not read_copy:
            return storage, []
        copy = self._xp.array(storage)
        return copy, [functools.partial(self._xp.copyto, copy, storage)]


def _is_own(step: Step, place: int, result: Any) -> bool:
    """Return whether a result lies in memory that the plan has for it."""
    outs = step.context.outs
    return isinstance(step.kernel, RegionKernel) or (place < len(outs) and result is outs[place])


def is_one_function(step: Step) -> bool:
    """Return whether a step is a call of one function of the array module, which can be written."""
    context, definition = step.context, step.context.op.definition
    return bool(definition.ufunc) and context.out is not None and step.kernel == definition.kernel


def _is_repeatable(step: Step) -> bool:
    """Return whether a step depends on nothing but the numbers in arrays of known shape."""
    op = step.context.op
    return (
        (op.definition.mutates or not op.definition.stateful)
        and not step.context.functions
        and bool(step.outputs)
        and all(shapes.is_full(t.dims) for t in (*op.inputs, *op.outputs))
    )
