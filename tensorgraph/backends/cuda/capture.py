"""A step of a plan as one CUDA graph: all of its kernels are started by one call.

A small network's kernels take microseconds each, and to start one from Python takes as long again
or longer. A graph is recorded once, while the step's Python code runs for the third time, and then
launched as a whole.

What is recorded are addresses. So all that a step reads and writes has to stay where it is: buffers
are the plan's own; what is fed is copied to memory of the graph's own; what kernels allocate comes
from a pool that lives as long as the graph; and where a variable has moved, the graph is recorded
anew.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base.backend import Array, Backend, Runnable
from tensorgraph.base.collecting import collector_paused
from tensorgraph.graph.node import Operation

_logger = logging.getLogger("tensorgraph")

# Runs before the one that is recorded: the first compiles kernels and measures, the second finds
# all memory where it will be.
WARM_UPS = 2
# A plan whose variables move more often than this is run step by step.
MOST_RECORDINGS = 8


# Operations that have a state to tell them apart, and do nothing.
_HARMLESS = ("NoOp", "PlaceholderWithDefault", "VariableV2")


class _Recording(NamedTuple):
    """A graph, and what it must not lose.

    Attributes
    ----------
    graph : Graph
        CuPy's.
    feeds : list of array
        Where it reads what is fed.
    results : list of array
        Where it leaves what is fetched.
    variables : list of array
        Where the variables were; that they are there still is looked at before each launch.
    pool : MemoryPool
        Where all else is.
    """

    graph: Any
    feeds: list[Array]
    results: list[Array]
    variables: list[Array | None]
    pool: Any


class Capture:
    """Runs one plan: step by step at first, then as a graph, where that is possible.

    Parameters
    ----------
    backend : Backend
        What computes: on its attribute `stream`, which is not the default stream.
    variables : callable
        Returns the arrays of the plan's variables, None for those that have no value.

    Attributes
    ----------
    refusal : str or None
        Why the plan is run step by step for good; None where it is not.
    recordings : int
        How often it was recorded.
    """

    def __init__(self, backend: Backend, variables: Callable[[], list[Array | None]]) -> None:
        self._backend: Any = backend
        self._variables = variables
        self._recording: _Recording | None = None
        self._runs = 0
        self._pool: Any = None
        self.refusal: str | None = None
        self.recordings = 0

    def __call__(self, plan: Runnable, feeds: Sequence[Array]) -> list[Array]:
        """Return the values of the fetches, as `Runnable.execute` does."""
        if self.refusal is not None:
            return plan.execute(feeds)
        recording = self._recording
        if recording is not None and _same(recording.variables, self._variables()):
            return self._launch(recording, feeds)
        self._recording = None
        if self._runs == 0:
            if (reason := why_not(plan)) is not None:
                return self._refuse(plan, feeds, reason, logging.DEBUG)
            self._pool = self._backend.new_pool()
        self._runs += 1
        if self._runs <= WARM_UPS:
            with self._backend.xp.cuda.using_allocator(self._pool.malloc):
                return plan.execute(feeds)
        return self._record(plan, feeds)

    def _record(self, plan: Runnable, feeds: Sequence[Array]) -> list[Array]:
        """Record the plan's steps, and run what was recorded."""
        if self.recordings >= MOST_RECORDINGS:
            return self._refuse(plan, feeds, "its variables move in memory", logging.WARNING)
        xp, stream = self._backend.xp, self._backend.stream
        given = [xp.empty(a.shape, a.dtype) for a in feeds]
        before = self._variables()
        try:
            # What is collected meanwhile might be freed in the middle of the recording.
            with collector_paused(), xp.cuda.using_allocator(self._pool.malloc):
                stream.begin_capture()
                try:
                    results = plan.execute(given)
                except BaseException:
                    with contextlib.suppress(Exception):
                        stream.end_capture()
                    raise
                graph = stream.end_capture()
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            return self._refuse(plan, feeds, reason, logging.WARNING)
        graph.upload(stream)
        self.recordings += 1
        # The next time that variables have moved, one run finds all memory where it will be.
        self._runs = WARM_UPS - 1
        made = _Recording(graph, given, results, self._variables(), self._pool)
        # Where a variable moves in the step itself, the next one begins with it elsewhere.
        self._recording = made if _same(before, made.variables) else None
        return self._launch(made, feeds)

    def _launch(self, recording: _Recording, feeds: Sequence[Array]) -> list[Array]:
        stream = self._backend.stream
        for target, fed in zip(recording.feeds, feeds, strict=True):
            if fed.flags.c_contiguous:
                target.data.copy_from_device_async(fed.data, fed.nbytes, stream)
            else:
                target[...] = fed
        recording.graph.launch(stream)
        return list(recording.results)

    def _refuse(
        self, plan: Runnable, feeds: Sequence[Array], reason: str, level: int
    ) -> list[Array]:
        """Run the plan step by step, from now on for good, and say so once."""
        self.refusal = reason
        self._pool = None
        _logger.log(level, "a step of %d parts is not recorded: %s", len(plan.steps), reason)
        return plan.execute(feeds)


def _same(before: Sequence[Array | None], now: Sequence[Array | None]) -> bool:
    """Return whether all arrays are the same ones."""
    return all(a is b for a, b in zip(before, now, strict=True))


def why_not(plan: Runnable) -> str | None:
    """Return why a plan cannot be recorded, as far as its operations tell; None if it can.

    Parameters
    ----------
    plan : Runnable
        The plan.
    """
    for step in plan.steps:
        for op in step.ops:
            if (reason := _on_the_host(op, step)) is not None:
                return f"{op.type} {op.name!r} {reason}"
    return None


def _on_the_host(op: Operation, step: Any) -> str | None:
    """Return what an operation does that no graph can hold."""
    if step.context.functions:
        return "decides on the host what runs next"
    if any(t.dtype.np_dtype == np.object_ for t in (*op.inputs, *op.outputs)):
        return "works on values of the host"
    definition = op.definition
    random = "seeds" in op.attrs
    if definition.stateful and not (definition.mutates or random or op.type in _HARMLESS):
        return "does something on the host"
    return None
