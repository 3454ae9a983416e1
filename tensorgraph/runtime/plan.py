"""The plan: a program as a straight list of steps over buffers made beforehand.

All shapes are known when a plan is made, because it is made for feeds of given shapes. So every
result that can be written into a given array has one, and a run allocates almost nothing.
"""

from __future__ import annotations

import bisect
import itertools
import threading
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.backend import Array, Backend, Executor
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.graph.kernel import Arena, KernelContext
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Call
from tensorgraph.passes import pipeline
from tensorgraph.passes.program import Program, Unit, in_order, specialize
from tensorgraph.passes.regions import Region, few_channels, find_regions
from tensorgraph.runtime.failures import explained
from tensorgraph.runtime.host_values import constant, copy_of, placed
from tensorgraph.runtime.memory import Life, allocate, share_buffers
from tensorgraph.runtime.numerics import watched, watched_read
from tensorgraph.runtime.poison import poisoned
from tensorgraph.runtime.reads import read_cell, read_copy
from tensorgraph.runtime.regions import RegionKernel, divide, placements
from tensorgraph.runtime.rehearsal import Rehearsal
from tensorgraph.runtime.sharing import shared
from tensorgraph.runtime.state import SessionState
from tensorgraph.runtime.straight import MOST_STEPS, Straight


class Step(NamedTuple):
    """One call of a kernel: which slots it reads and which it fills."""

    kernel: Any
    context: KernelContext
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def ops(self) -> tuple[Operation, ...]:
        """The operations: one, or those of a region."""
        return (
            self.kernel.region.ops if isinstance(self.kernel, RegionKernel) else (self.context.op,)
        )


class Plan:
    """A compiled program.

    Parameters
    ----------
    program : Program
        What to compute, after the passes.
    backend : Backend
        What computes.
    state : SessionState
        The session's variables and random streams.
    passes : sequence of str, default all
        Which passes run over the bodies of branches and loops.
    owned : bool, default False
        The caller keeps the results of `execute`, so they may lie in no memory that a later call
        or anyone else writes to.

    Attributes
    ----------
    program : Program
        The parameter.
    steps : list of Step
        What runs, in order.
    buffer_bytes : int
        The memory of all buffers together.
    executor : callable or None
        What runs the steps in place of `execute`; see `Backend.executor`.

    Raises
    ------
    InvalidArgumentError
        If a placeholder is neither fed nor has a default.
    """

    executor: Executor | None = None
    _straight: Straight | None = None
    _ran: list[Step] | None = None  # what has run once

    def __init__(
        self,
        program: Program,
        backend: Backend,
        state: SessionState,
        passes: Sequence[str] = pipeline.NAMES,
        owned: bool = False,
    ) -> None:
        self.program = program
        self._backend = backend
        self._state = state
        self._passes = passes
        self._lock = threading.Lock()
        self._owned = owned
        self._arena = Arena()
        self._slots: dict[Tensor, int] = {}
        self._initial: list[Array] = []
        self._feeds = [self._slot(t) for t in program.feeds]
        self.steps: list[Step] = []
        order = schedule(program)
        regions = [] if owned else self._find_regions(order)
        if regions:
            order = schedule(program, regions)
        owners = _owners(order)
        last = _last_uses(program, order, owners)
        kept = {owners[t] for t in program.fetches} if owned else set()
        parts, planes = divide(regions, backend.workers), few_channels(regions)
        local, blocked = placements(program, regions)
        outs, self.buffer_bytes = _buffers(order, last, backend, kept | local, blocked)
        self._freed = _freed(order, last, outs) if state.poison_buffers else {}
        copied = _reads_to_copy(order, last) | {t.op for t in kept if t.op.definition.view}
        self._taken = {t for unit in order for op in unit for t in op.inputs}.union(program.fetches)
        by_ops = {region.ops: region for region in regions}
        for unit in order:
            region = by_ops.get(unit)
            if region is None:
                self._add_step(unit[0], outs, copied)
            else:
                kernel = RegionKernel(
                    region, parts[region.batch], outs, blocked, planes, backend, state, self._arena
                )
                self._add_region(kernel)
        self._fetches = [self._readable(t) for t in program.fetches]
        self._own_steps = self.steps
        # What the caller gave is not the caller's alone: it lies in buffers, or in a variable.
        self._shared = [
            place
            for place, t in enumerate(program.fetches)
            if owned and t.dtype is not dtypes.variant and (t.is_ref or owners[t] in program.feeds)
        ]

    def run(
        self, feeds: Sequence[Array], steps: Sequence[Step] | None = None
    ) -> list[np.ndarray[Any, Any]]:
        """Return the values of the fetches, as arrays of the host that the caller owns.

        Parameters
        ----------
        feeds : sequence of array
            The backend's arrays, of the types and shapes that the program was made for.
        steps : sequence of Step, optional
            What to run in place of the plan's own steps: the same ones, watched.

        Raises
        ------
        OpError
            If an operation fails; the message names it.
        """
        with self._lock, self._backend.running():
            if steps is not None:
                values = self._step_by_step(feeds, steps)
            elif self.executor is not None:
                values = self.executor(self, feeds)
            else:
                values = self.execute(feeds)
            return list(map(self._backend.to_host, values))

    def execute(self, feeds: Sequence[Array]) -> list[Array]:
        """Return the values of the fetches on the backend; the caller holds lock and context.

        Parameters and errors are those of `run`. Steps that run for the second time are written
        out as one function: most plans of a program run once, and a few run very often.
        """
        straight = self._straight
        if straight is None or straight.steps is not self.steps or not straight.holds():
            return self._prepare(feeds)
        try:
            return self._given_away(straight.run(*feeds))
        except Exception as error:
            failed = straight.failed(error.__traceback__)
            if failed is None:
                raise
            step, values = failed
            raise explained(error, step.context.op, [values[i] for i in step.inputs]) from error

    def _prepare(self, feeds: Sequence[Array]) -> list[Array]:
        """Do what `execute` does; in the second run, make the function of all further ones."""
        self._straight = None
        if self._ran is not self.steps or len(self.steps) > MOST_STEPS:
            self._ran = self.steps
            return self._step_by_step(feeds, self.steps)
        rehearsal = Rehearsal(self._backend, self._initial)
        watched = rehearsal if self._can_rehearse() else None
        results = self._step_by_step(feeds, self.steps, watched)
        rehearsal.end()
        if rehearsal.still_holds():
            self._straight = Straight(
                self.steps, self._initial, self._feeds, self._fetches, rehearsal
            )
        return results

    def _can_rehearse(self) -> bool:
        """Return whether the steps are such that what they do can be noted."""
        return (
            pipeline.REPLAY in self._passes
            and self.steps is self._own_steps
            and not self._owned
            and self._backend.record is not None
            and not self._state.check_numerics
            and not self._state.poison_buffers
            and self._state.tuner is None
        )

    def _step_by_step(
        self, feeds: Sequence[Array], steps: Sequence[Step], rehearsal: Rehearsal | None = None
    ) -> list[Array]:
        """Do what `execute` does, in a loop over steps."""
        values = self._initial.copy()
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array if rehearsal is None else rehearsal.feed(slot, array)
        step = None
        try:
            for number, step in enumerate(steps):
                kernel, context, inputs, outputs = step
                given = [values[i] for i in inputs]
                if rehearsal is None:
                    result = kernel(context, *given)
                else:
                    result = rehearsal.call(number, step, given)
                if len(outputs) == 1:
                    values[outputs[0]] = result
                else:
                    for i, value in zip(outputs, result, strict=True):
                        values[i] = value
        except Exception as error:
            if step is None:
                raise
            raise explained(error, step.context.op, [values[i] for i in step.inputs]) from error
        return self._given_away([values[i] for i in self._fetches])

    def _given_away(self, results: list[Array]) -> list[Array]:
        """Return results of which the caller may keep those that a plan's caller owns."""
        for place in self._shared:
            results[place] = copy_of(self._backend, results[place])
        return results

    def _slot(self, t: Tensor) -> int:
        """Return the place of a tensor's value, a new one for a new tensor."""
        if t not in self._slots:
            self._slots[t] = len(self._initial)
            self._initial.append(None)
        return self._slots[t]

    def _add_step(self, op: Operation, outs: dict[Tensor, Array], copied: set[Operation]) -> None:
        if op.type == "Placeholder":
            if op.outputs[0] in self.program.feeds:
                return
            raise InvalidArgumentError(
                f"placeholder {op.name!r} was not fed: it needs a value of"
                f" {op.outputs[0].dtype.name} of shape {op.outputs[0].shape}",
                op.name,
                op.source,
            )
        if op.type == "VariableV2":
            self._initial[self._slot(op.outputs[0])] = self._state.cell(op)
            return
        if op.type == "Identity" and op.inputs[0].is_ref:
            self._slots[op.outputs[0]] = self._read(op.inputs[0], op, copied)
            return
        inputs = []
        for t, arg in zip(op.inputs, op.definition.args(len(op.inputs)), strict=True):
            by_value = t.is_ref and not arg.ref
            inputs.append(self._read(t, op, copied) if by_value else self._slot(t))
        calls = op.definition.calls(op, [t in self._taken for t in op.outputs])
        functions = [Function(c, self._backend, self._state, self._passes) for c in calls]
        arrays = [outs.get(t) for t in op.outputs]
        context = KernelContext(op, self._backend, self._state, arrays, functions, self._arena)
        if op.type == "Const":
            self._initial[self._slot(op.outputs[0])] = constant(context)
            return
        kernel = self._backend.kernels.get(op.type, op.definition.kernel)
        kernel = placed(shared(op, kernel, context.out), context)
        if self._state.check_numerics:
            kernel = watched(kernel)
        if self._state.poison_buffers:
            kernel = poisoned(kernel, self._freed.get(op, ()), self._arena)
        outputs = tuple(self._slot(t) for t in op.outputs)
        self.steps.append(Step(kernel, context, tuple(inputs), outputs))

    def _find_regions(self, order: Sequence[Unit]) -> list[Region]:
        """Return which operations run block by block."""
        if pipeline.REGIONS not in self._passes or self._state.check_numerics:
            return []
        return find_regions(list(itertools.chain(*order)))

    def _add_region(self, kernel: RegionKernel) -> None:
        self.buffer_bytes += kernel.nbytes
        op = kernel.region.ops[0]
        kernel.freed = self._freed.get(op, ())
        context = KernelContext(op, self._backend, self._state, arena=self._arena)
        inputs, outputs = (
            tuple(map(self._slot, tensors)) for tensors in (kernel.inputs, kernel.outputs)
        )
        self.steps.append(Step(kernel, context, inputs, outputs))

    def _read(self, t: Tensor, op: Operation, copied: set[Operation]) -> int:
        """Add a step that reads a variable for an operation; return the slot of its value."""
        slot = len(self._initial)
        self._initial.append(None)
        kernel = read_copy if op in copied else read_cell
        if self._state.check_numerics:
            kernel = watched_read(kernel, t.op)
        context = KernelContext(op, self._backend, self._state)
        self.steps.append(Step(kernel, context, (self._slot(t),), (slot,)))
        return slot

    def _readable(self, t: Tensor) -> int:
        """Return the slot of a fetch: for a variable, that of its value at the end."""
        if not t.is_ref:
            return self._slot(t)
        return self._read(t, t.op, set())


class Function:
    """A body that a kernel calls, compiled when it is first called.

    Not earlier: the branch that is not taken, for shapes that it is not meant for, need not even
    fit together.

    Parameters
    ----------
    call : Call
        The body, and what is known of its inputs.
    backend, state, passes
        As of `Plan`.
    """

    __slots__ = ("_call", "_passes", "_plan", "_where")

    def __init__(
        self, call: Call, backend: Backend, state: SessionState, passes: Sequence[str]
    ) -> None:
        self._call = call
        self._where = backend, state
        self._passes = passes
        self._plan: Plan | None = None

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """Return the values of what is fetched, which are the caller's own."""
        if self._plan is None:
            self._plan = self._compiled()
        return self._plan.execute(arrays)

    def _compiled(self) -> Plan:
        body, fetches, given, feedback = self._call
        known = list(given)
        while True:
            program = pipeline.optimize(
                specialize(body, fetches, known), self._where[0], self._passes
            )
            # What a run gives to the next must have what is known of its inputs, or less is known.
            results = program.fetches[:feedback]
            less = [shapes.common(s, t.dims) for s, t in zip(known, results, strict=False)]
            if less == known[:feedback]:
                return Plan(program, *self._where, self._passes, owned=True)
            known[:feedback] = less


def schedule(program: Program, regions: Sequence[Region] = ()) -> list[Unit]:
    """Return the operations in the order in which they run, those of a region together.

    The order of creation, but that an operation which changes a variable waits until nothing else
    can run. So what does not depend on a change sees the value before it.
    """
    order = in_order(
        program.graph.get_operations(),
        [region.ops for region in regions],
        lambda unit: (unit[0].definition.mutates, unit[0].index),
    )
    assert order is not None, "regions never wait for each other"
    return order


def _owners(order: Sequence[Unit]) -> dict[Tensor, Tensor]:
    """Return for each tensor the one whose memory it may share: itself, or what it is a view of."""
    owners: dict[Tensor, Tensor] = {}
    for op in itertools.chain(*order):
        is_view = op.definition.view and not op.inputs[0].is_ref
        for t in op.outputs:
            owners[t] = owners[op.inputs[0]] if is_view else t
    return owners


def _last_uses(
    program: Program, order: Sequence[Unit], owners: dict[Tensor, Tensor]
) -> dict[Tensor, int]:
    """Return for each tensor with memory of its own the last step that reads it or a view."""
    last: dict[Tensor, int] = {}
    for step, unit in enumerate(order):
        for t in itertools.chain(*(op.inputs for op in unit)):
            last[owners[t]] = step
    for t in program.fetches:
        last[owners[t]] = len(order)
    return last


def _buffers(
    order: Sequence[Unit],
    last: dict[Tensor, int],
    backend: Backend,
    kept: Set[Tensor],
    blocked: Set[Tensor],
) -> tuple[dict[Tensor, Array], int]:
    """Return the arrays that results are written to, but for those kept, and their total bytes.

    Those of `blocked` are bytes only: the regions know how they lie in them.
    """
    tensors, lives = [], []
    for step, unit in enumerate(order):
        for t in itertools.chain(*(op.outputs for op in unit if op.definition.uses_out)):
            count = shapes.num_elements(t.dims)
            if count is not None and t not in kept:
                tensors.append(t)
                lives.append(Life(step, last.get(t, step), count * t.dtype.size))
    owners, sizes = share_buffers(lives)
    arenas = allocate(backend, sizes)
    arrays = {}
    for t, owner, life in zip(tensors, owners, lives, strict=True):
        memory = arenas[owner][: life.nbytes]
        arrays[t] = memory if t in blocked else memory.view(t.dtype.np_dtype).reshape(t.dims)
    return arrays, sum(sizes)


def _freed(
    order: Sequence[Unit], last: Mapping[Tensor, int], outs: Mapping[Tensor, Array]
) -> dict[Operation, list[Array]]:
    """Return for each step's first operation the arrays that nothing needs any more after it."""
    steps = {op: unit[0] for unit in order for op in unit}
    freed: dict[Operation, list[Array]] = {}
    for t, array in outs.items():
        end = last.get(t)
        if end is None or end < len(order):
            freed.setdefault(steps[t.op] if end is None else order[end][0], []).append(array)
    return freed


def _reads_to_copy(order: Sequence[Unit], last: dict[Tensor, int]) -> set[Operation]:
    """Return the operations whose reading of a variable outlives a change of it.

    Reading hands out the storage itself. Where something uses that after a later step has written
    to it, the reading must take a copy.
    """
    variables = _variables(order)
    writes: dict[str, list[int]] = {}
    for step, (op, *_) in enumerate(order):
        if op.definition.mutates:
            for t, arg in zip(op.inputs, op.definition.args(len(op.inputs)), strict=True):
                if arg.ref and t.is_ref:
                    writes.setdefault(variables[t], []).append(step)
    result = set()
    for step, (op, *_) in enumerate(order):
        if not op.definition.view or not op.inputs[0].is_ref:
            continue
        end = last.get(op.outputs[0], step)
        later = writes.get(variables[op.inputs[0]], [])
        following = bisect.bisect_right(later, step)
        # A loop goes on reading while it writes.
        if following < len(later) and later[following] <= end:
            result.add(op)
    return result


def _variables(order: Sequence[Unit]) -> dict[Tensor, str]:
    """Return for each reference the name of the variable that it refers to."""
    names: dict[Tensor, str] = {}
    for op in itertools.chain(*order):
        for t in op.outputs:
            if t.is_ref:
                names[t] = names[op.inputs[0]] if op.definition.mutates else op.name
    return names
