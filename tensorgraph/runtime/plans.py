"""The compiled plans of a session, one for each set of fetches, feeds and their shapes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

from tensorgraph.base.backend import Array, Backend
from tensorgraph.base.collecting import collector_paused
from tensorgraph.base.shapes import FullShape
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes import pipeline
from tensorgraph.passes.mixed import MIXED_PRECISION, products_in_half
from tensorgraph.passes.program import Program, extract
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.state import SessionState

# Each plan owns buffers, so that only so many are kept.
PLANS_KEPT = 64

Elements = Sequence[Tensor | Operation]
Shapes = Mapping[Tensor, FullShape]
Key = tuple[tuple[Tensor | Operation, ...], tuple[tuple[Tensor, FullShape], ...]]


class Plans:
    """Makes plans, and keeps those that were used last.

    Parameters
    ----------
    backend : Backend
        What computes.
    state : SessionState
        The session's variables and random streams.
    passes : sequence of str
        Which graph passes run.

    Attributes
    ----------
    backend, state
        The parameters.
    closed : bool
        Whether the session was closed.
    """

    def __init__(self, backend: Backend, state: SessionState, passes: Sequence[str]) -> None:
        self.backend, self.state, self._passes = backend, state, passes
        self._kept: OrderedDict[Key, Plan] = OrderedDict()
        self._latest: Plan | None = None
        self._lock = threading.Lock()
        self.closed = False

    def __len__(self) -> int:
        """Return how many plans are kept."""
        return len(self._kept)

    def find(self, elements: Elements, feeds: Shapes) -> tuple[Key, Plan]:
        """Return the plan for fetches and feeds, made where there is none, and its key.

        Parameters
        ----------
        elements : sequence of Tensor or Operation
            The fetches.
        feeds : mapping of Tensor to tuple of int
            The shapes of what is fed.

        Raises
        ------
        RuntimeError
            If the session is closed.
        """
        self.check_open()
        key = tuple(elements), tuple(feeds.items())
        plan = self._kept.get(key)
        if plan is None:
            with collector_paused():
                program = self.program(elements, feeds)
                plan = Plan(program, self.backend, self.state, self._passes)
                plan.executor = self.backend.executor(partial(self._variables, program))
        self.used(key, plan)
        return key, plan

    def _variables(self, program: Program) -> list[Array | None]:
        """Return the arrays that the variables of a program are kept in."""
        variables = (op for op in program.graph.get_operations() if op.type == "VariableV2")
        return [c.read() if c.is_initialized() else None for c in map(self.state.cell, variables)]

    def used(self, key: Key, plan: Plan) -> None:
        """Say that a plan is used: those that were not for the longest time are given up."""
        if plan is self._latest:
            return
        self.check_open()
        with self._lock:
            self._latest = self._kept[key] = plan
            self._kept.move_to_end(key)
            if len(self._kept) > PLANS_KEPT:
                self._kept.popitem(last=False)

    def program(self, elements: Elements, feeds: Shapes, optimized: bool = True) -> Program:
        """Return what a plan is made of, before or after the passes."""
        program = extract(
            [e for e in elements if isinstance(e, Tensor)],
            [e for e in elements if isinstance(e, Operation)],
            feeds,
        )
        if elements and elements[0].graph.get_collection(MIXED_PRECISION):
            program = products_in_half(program)
        if not optimized:
            return program
        return pipeline.optimize(program, self.backend, self._passes)

    def close(self) -> None:
        """Give all plans up; from now on there are none."""
        self.closed = True
        self._kept.clear()
        self._latest = None

    def check_open(self) -> None:
        """Raise RuntimeError if the session is closed."""
        if self.closed:
            raise RuntimeError("the session is closed")
