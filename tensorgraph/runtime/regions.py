"""How a region runs: all its operations on one block of the batch, then on the next.

Each worker has a fixed range of the blocks and memory of its own for what stays within a block.
What is needed afterwards is written to memory for the whole batch: as it is, where others read it;
or, where only regions do, block by block. There, images lie as (height, width, images, channels),
and those of few channels as (channels, height, width, images): for those who compute, an image is
still (height, width, channels), only strides differ; but a line of memory holds all images of a
block, and what would be done for six neighbours is done for hundreds.

What is a sum over the batch is added up by each worker in the order of its blocks, and then over
the workers, so that a run gives the same bits as the one before.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.backend import Array, Backend
from tensorgraph.graph.kernel import Arena, KernelContext, Replay
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Role
from tensorgraph.ops.shares import blocks_of
from tensorgraph.passes.program import Program
from tensorgraph.passes.regions import Region, nbytes
from tensorgraph.runtime.failures import explained
from tensorgraph.runtime.memory import Life, share_buffers
from tensorgraph.runtime.poison import poison, poisoned
from tensorgraph.runtime.state import SessionState

# What one operation of a region reads and writes of a block: it should stay in the cache.
BLOCK_BYTES = 1 << 22


class Part(NamedTuple):
    """A block: which rows, and its place among all blocks."""

    start: int
    stop: int
    place: int

    @property
    def size(self) -> int:
        """How many rows it has."""
        return self.stop - self.start


def divide(regions: Sequence[Region], workers: int) -> dict[int, list[list[Part]]]:
    """Return, for each size of batch, the blocks of each worker: small enough for the cache."""
    largest: dict[int, int] = {}
    for batch, op in ((region.batch, op) for region in regions for op in region.ops):
        rows = {t for t in (*op.inputs, *op.outputs) if t.dims and t.dims[0] == batch}
        largest[batch] = max(largest.get(batch, 1), sum(map(nbytes, rows)))
    return {batch: _blocks(batch, size, workers) for batch, size in largest.items()}


def _blocks(batch: int, nbytes: int, workers: int) -> list[list[Part]]:
    size = max(1, BLOCK_BYTES * batch // nbytes)
    workers = min(workers, batch)
    places = itertools.count()
    return [
        [Part(*bounds, next(places)) for bounds in blocks_of(worker, workers, batch, size)]
        for worker in range(workers)
    ]


def placements(program: Program, regions: Sequence[Region]) -> tuple[set[Tensor], set[Tensor]]:
    """Return which results of regions stay within a block, and which others may lie in blocks.

    What only operations of the same region take is never there as a whole. What only operations of
    regions take, and from each batch its rows, may lie as it suits them.
    """
    home = {op: region for region in regions for op in region.ops}
    ways = {op: way for r in regions for op, way in zip(r.ops, r.ways, strict=True)}
    users: dict[Tensor, list[tuple[Operation, Role]]] = {}
    for op in program.graph.get_operations():
        roles = ways[op].inputs if op in ways else (Role.WHOLE,) * len(op.inputs)
        for t, role in zip(op.inputs, roles, strict=True):
            users.setdefault(t, []).append((op, role))
    local, blocked = set(), set()
    for op, region in home.items():
        for t, role in zip(op.outputs, ways[op].outputs, strict=True):
            takers = users.get(t, [])
            by_rows = role is Role.ROWS and all(taken is Role.ROWS for _, taken in takers)
            if t in program.fetches or not by_rows:
                continue
            if all(home.get(user) is region for user, _ in takers):
                local.add(t)
            elif all(user in home and home[user].batch == region.batch for user, _ in takers):
                blocked.add(t)
    return local, blocked


def block_array(memory: Array, part: Part, t: Tensor, planes: bool) -> Array:
    """Return a block in bytes of memory; images lie in it plane by plane, or side by side."""
    dims, dtype = (part.size, *(t.dims or ())[1:]), t.dtype.np_dtype
    count = part.size * (shapes.num_elements(dims[1:]) or 0)
    flat = memory[: count * dtype.itemsize].view(dtype)
    if len(dims) != 4:
        return flat.reshape(dims)
    n, height, width, c = dims
    if not planes:
        return flat.reshape(height, width, n, c).transpose(2, 0, 1, 3)
    return flat.reshape(c, height, width, n).transpose(3, 1, 2, 0)


class _Call(NamedTuple):
    """One operation on one block."""

    kernel: Any
    context: KernelContext
    inputs: tuple[int, ...]
    outs: tuple[Array, ...]
    outputs: tuple[int, ...]
    sums: tuple[tuple[Array, Array], ...]  # (what to add to, what to add)
    constant: tuple[int, ...]  # inputs that are the same in each run


def _make(call: _Call, given: Sequence[Array]) -> None:
    context = call.context
    context.outs, context.out = call.outs, call.outs[0]
    try:
        call.kernel(context, *given)
    except Exception as error:
        raise explained(error, context.op, given) from error


class _Cut(NamedTuple):
    """An input of the region: where its value is, and what a block gets of it."""

    place: int
    role: Role
    blocked: bool


class RegionKernel:
    """Runs a region, as a step of a plan.

    Parameters
    ----------
    region : Region
        What runs.
    parts : sequence of sequence of Part
        The blocks of each worker.
    outs : mapping of Tensor to array
        Memory for what is needed afterwards; bytes for those of `blocked`.
    blocked : collection of Tensor
        Which tensors, also of other regions, lie in blocks.
    planes : bool
        Images lie plane by plane, not side by side.
    backend, state
        As of a plan.
    arena : Arena
        The plan's scratch memory.

    Attributes
    ----------
    region : Region
        The parameter.
    inputs, outputs : tuple of Tensor
        What it takes from the plan and what it gives.
    nbytes : int
        The memory of its own.
    freed : sequence of array
        What is spoilt at its end: see `runtime.poison`.
    """

    freed: Sequence[Array] = ()

    def __init__(
        self,
        region: Region,
        parts: Sequence[Sequence[Part]],
        outs: Mapping[Tensor, Array],
        blocked: Collection[Tensor],
        planes: bool,
        backend: Backend,
        state: SessionState,
        arena: Arena,
    ) -> None:
        self.region, self._parts, self._blocked = region, parts, blocked
        self._backend, self._state = backend, state
        self._outs, self._planes = outs, planes
        made = {t for op in region.ops for t in op.outputs}
        self.outputs = tuple(t for op in region.ops for t in op.outputs if t in outs)
        self._cuts: dict[tuple[Tensor, Role], int] = {}
        for op, way in zip(region.ops, region.ways, strict=True):
            for t, role in zip(op.inputs, way.inputs, strict=True):
                if t not in made:
                    self._cuts.setdefault((t, role), len(self._cuts))
        self.inputs = tuple(dict.fromkeys(t for t, _ in self._cuts))
        places = {t: i for i, t in enumerate(self.inputs)}
        self._fed = [_Cut(places[t], role, t in blocked) for t, role in self._cuts]
        self._slots = {
            t: len(self._cuts) + i for i, t in enumerate(t for op in region.ops for t in op.outputs)
        }
        self._whole = {t: self._block_views(t) if t in blocked else outs[t] for t in self.outputs}
        self._results = tuple(self._whole.values())
        self._plan_local_memory(made - set(outs))
        self._totals: list[dict[Tensor, Array]] = []
        self._programs = [
            self._program(worker, arena.parts.setdefault(f"worker {worker}", Arena()))
            for worker in range(len(parts))
        ]

    def __call__(self, k: KernelContext, *values: Array) -> Any:
        """Run all blocks; return the one output, or all of them."""

        def share(worker: int) -> None:
            blocks, contexts = self._programs[worker]
            for context in contexts:
                context.begin()
            for part, calls in zip(self._parts[worker], blocks, strict=True):
                self._run_block(part, calls, values)

        self._backend.spread(len(self._programs), share)
        first, *others = self._totals
        for t, total in first.items():
            for other in others:
                k.xp.add(total, other[t], out=total)
        for array in self.freed:
            poison(array)
        return self._results[0] if len(self._results) == 1 else self._results

    def record(self, values: Sequence[Array]) -> tuple[Any, list[Replay]]:
        """Run all blocks; return the output or outputs, and what to call to do it again.

        Parameters
        ----------
        values : sequence of array
            The inputs, which will be the same arrays.
        """
        parts: list[list[Replay]] = []
        for worker, (blocks, contexts) in enumerate(self._programs):
            notes: list[Replay] = [context.begin for context in contexts]
            for context in contexts:
                context.begin()
            for part, calls in zip(self._parts[worker], blocks, strict=True):
                self._run_block(part, calls, values, notes)
            parts.append(notes)

        def share(worker: int) -> None:
            for call in parts[worker]:
                call()

        add, (first, *others) = self._backend.xp.add, self._totals
        sums: list[Replay] = [
            functools.partial(add, total, other[t], out=total)
            for t, total in first.items()
            for other in others
        ]
        for call in sums:
            call()
        result = self._results[0] if len(self._results) == 1 else self._results
        return result, [functools.partial(self._backend.spread, len(parts), share), *sums]

    def _run_block(
        self,
        part: Part,
        calls: Sequence[_Call],
        values: Sequence[Array],
        notes: list[Replay] | None = None,
    ) -> None:
        found = [self._cut(cut, part, values[cut.place]) for cut in self._fed]
        found += [None] * len(self._slots)
        for call in calls:
            given = [found[i] for i in call.inputs]
            if notes is None:
                _make(call, given)
            else:
                notes += self._noted(call, given)
            for i, out in zip(call.outputs, call.outs, strict=True):
                found[i] = out
            for total, added in call.sums:
                add = functools.partial(call.context.xp.add, total, added, out=total)
                add()
                if notes is not None:
                    notes.append(add)

    def _noted(self, call: _Call, given: Sequence[Array]) -> list[Replay]:
        """Make a call, and return what to call to make it again."""
        context, record = call.context, self._backend.record
        assert record is not None
        context.outs, context.out = call.outs, call.outs[0]
        try:
            replays: list[Replay] | None = record(call.kernel, context, given, call.constant).calls
        except Exception as error:
            raise explained(error, context.op, given) from error
        return [functools.partial(_make, call, given)] if replays is None else replays

    def _cut(self, cut: _Cut, part: Part, value: Array) -> Array:
        if cut.role is Role.WHOLE:
            return value
        if cut.role is Role.SHAPE:
            shape = np.array(value)
            shape[0] = part.size
            return shape
        return value[part.place] if cut.blocked else value[part.start : part.stop]

    def _block_views(self, t: Tensor) -> list[Array]:
        """Return the blocks of a tensor that lies in blocks."""
        memory, each = self._outs[t], nbytes(t) // self.region.batch
        return [
            block_array(memory[part.start * each :], part, t, self._planes)
            for own in self._parts
            for part in own
        ]

    def _plan_local_memory(self, local: set[Tensor]) -> None:
        """Decide which of what stays within a block shares memory."""
        ops = self.region.ops
        last = {t: i for i, op in enumerate(ops) for t in (*op.outputs, *op.inputs) if t in local}
        order = [t for op in ops for t in op.outputs if t in local]
        starts = {t: i for i, op in enumerate(ops) for t in op.outputs}
        lives = [Life(starts[t], last[t], nbytes(t)) for t in order]
        owners, sizes = share_buffers(lives)
        largest = max(part.size for own in self._parts for part in own)
        self._local = dict(zip(order, owners, strict=True))
        self._ends = last
        self._local_bytes = [-(-size // self.region.batch) * largest for size in sizes]
        self.nbytes = sum(self._local_bytes) * len(self._parts)

    def _program(self, worker: int, arena: Arena) -> tuple[list[list[_Call]], list[KernelContext]]:
        """Return what a worker calls for each of its blocks, and the contexts of the calls."""
        xp = self._backend.xp
        pool = [xp.empty(size, np.uint8) for size in self._local_bytes]
        serial = self._backend.serial()
        contexts: dict[tuple[Operation, int], KernelContext] = {}
        sums = {
            t: self._outs[t]
            if not worker and t in self._outs
            else xp.empty(t.dims, t.dtype.np_dtype)
            for op, way in zip(self.region.ops, self.region.ways, strict=True)
            for t, role in zip(op.outputs, way.outputs, strict=True)
            if role is Role.SUM
        }
        added = {t: xp.empty_like(total) for t, total in sums.items()}
        self._totals.append(sums)
        program = []
        for number, part in enumerate(self._parts[worker]):
            calls = []
            for place, op in enumerate(self.region.ops):
                key = op, part.size
                if key not in contexts:
                    contexts[key] = KernelContext(
                        op, serial, self._state, arena=arena, undivided=True
                    )
                outs = tuple(
                    (added[t] if number else sums[t]) if t in sums else self._out(t, part, pool)
                    for t in op.outputs
                )
                kernel = self._backend.kernels.get(op.type, op.definition.kernel)
                if self._state.poison_buffers:
                    freed = [t for t, end in self._ends.items() if end == place]
                    kernel = poisoned(kernel, [self._out(t, part, pool) for t in freed], arena)
                more = [(sums[t], added[t]) for t in op.outputs if t in sums and number]
                inputs = [self._place(op, i) for i in range(len(op.inputs))]
                outputs = tuple(self._slots[t] for t in op.outputs)
                roles = enumerate(self.region.ways[place].inputs)
                constant = tuple(
                    i for i, role in roles if role is Role.SHAPE or op.inputs[i].op.type == "Const"
                )
                calls.append(
                    _Call(
                        kernel, contexts[key], tuple(inputs), outs, outputs, tuple(more), constant
                    )
                )
            program.append(calls)
        return program, list(contexts.values())

    def _place(self, op: Operation, i: int) -> int:
        """Return where, among the values of a block, an operation's input is."""
        t = op.inputs[i]
        if t in self._slots:
            return self._slots[t]
        way = self.region.ways[self.region.ops.index(op)]
        return self._cuts[t, way.inputs[i]]

    def _out(self, t: Tensor, part: Part, pool: Sequence[Array]) -> Array:
        """Return where a block of a result is written to."""
        if t in self._blocked:
            return self._whole[t][part.place]
        if t in self._outs:
            return self._outs[t][part.start : part.stop]
        return block_array(pool[self._local[t]], part, t, self._planes)
