"""What a kernel may use beside its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tensorgraph.base.backend import Array, Backend, RandomStream

if TYPE_CHECKING:
    from tensorgraph.graph.node import Operation


class Cell(Protocol):
    """The storage of a variable inside a session."""

    def read(self) -> Array:
        """Return the array itself. FailedPreconditionError where it was never assigned."""

    def assign(self, value: Array) -> None:
        """Copy `value` in."""

    def is_initialized(self) -> bool:
        """Return whether a value was assigned."""


class State(Protocol):
    """What a session keeps from run to run."""

    def cell(self, op: Operation) -> Cell:
        """Return the storage of a variable."""

    def stream(self, op: Operation) -> RandomStream:
        """Return the random stream of a random op."""

    def count(self, op: Operation) -> int:
        """Return how often this was asked for the operation before."""

    @property
    def strict(self) -> bool:
        """Whether kernels may not trade the last digits for speed."""

    @property
    def resources(self) -> dict[str, Any]:
        """Whatever else operations keep and share, by a name: iterators over data sets."""


class Arena:
    """Scratch memory by key, for nodes that never run at the same time.

    Attributes
    ----------
    memory : dict of str to array
        Bytes, as many as the largest that was asked for under the key.
    parts : dict of str to Arena
        That of parts of the work, which do run at the same time.
    """

    __slots__ = ("memory", "parts")

    def __init__(self) -> None:
        self.memory: dict[str, Array] = {}
        self.parts: dict[str, Arena] = {}


class KernelContext:
    """One node of a plan, as its kernel sees it.

    Parameters
    ----------
    op : Operation
        The node.
    backend : Backend
        What computes.
    state : State, optional
        The session's variables and random streams; stateless ops need none.
    outs : sequence of (array or None)
        Where to write each output; None to allocate it.
    functions : sequence of callable
        What `OpDef.calls` asked for: each takes a list of arrays and returns one. The arrays that
        it returns are the caller's own.
    arena : Arena, optional
        Where scratch memory is; default one of the node's own.

    Attributes
    ----------
    op, backend, outs, functions
        The parameters.
    xp : module
        The backend's array module.
    out : array or None
        The first of `outs`.
    """

    __slots__ = (
        "_arena", "_parts", "_scratch", "_state", "backend", "functions", "op", "out", "outs", "xp",
    )  # fmt: skip

    def __init__(
        self,
        op: Operation,
        backend: Backend,
        state: State | None = None,
        outs: Sequence[Array | None] = (None,),
        functions: Sequence[Callable[[Sequence[Array]], list[Array]]] = (),
        arena: Arena | None = None,
    ) -> None:
        self.op = op
        self.backend = backend
        self.xp: Any = backend.xp
        self.outs = outs
        self.functions = functions
        self.out: Array | None = outs[0] if outs else None
        self._state = state
        self._arena = Arena() if arena is None else arena
        self._scratch: dict[str, tuple[Array, Array]] = {}
        self._parts: dict[str, KernelContext] = {}

    def scratch(
        self, key: str, shape: Sequence[int], dtype: Any, fill: float | None = None
    ) -> Array:
        """Return working memory.

        Its content is arbitrary, for other nodes use the same memory before and after; only what is
        filled stays the node's own from run to run.

        Parameters
        ----------
        key : str
            Different memory has different keys.
        shape : sequence of int
            Its shape.
        dtype : dtype
            Its element type.
        fill : float, optional
            What it is filled with when it is made. What is never written to stays that.
        """
        shape = tuple(shape)
        array, memory = self._scratch.get(key, (None, None))
        fits = array is not None and array.shape == shape and array.dtype == dtype
        if fits and (fill is not None or memory is self._arena.memory.get(key)):
            return array
        if fill is None:
            array, memory = self._from_arena(key, shape, dtype)
        else:
            array = self.xp.full(shape, fill, dtype)
        self._scratch[key] = array, memory
        return array

    def _from_arena(self, key: str, shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array]:
        """Return an array in the memory that all nodes share under a key, and that memory."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        memory = self._arena.memory.get(key)
        if memory is None or len(memory) < size:
            memory = self._arena.memory[key] = self.xp.empty(size, np.uint8)
        return memory[:size].view(kind).reshape(shape), memory

    def part(self, name: str, out: Array | None) -> KernelContext:
        """Return a context with scratch memory of its own, for a part of the work.

        Parameters
        ----------
        name : str
            Which part; parts that run at the same time need different names.
        out : array or None
            What the part writes to.
        """
        found = self._parts.get(name)
        if found is None:
            arena = self._arena.parts.setdefault(name, Arena())
            found = KernelContext(self.op, self.backend, self._state, (out,), self.functions, arena)
            self._parts[name] = found
        found.out = out
        return found

    def stream(self) -> RandomStream:
        """Return the node's random stream in this session."""
        assert self._state is not None
        return self._state.stream(self.op)

    @property
    def strict(self) -> bool:
        """Whether the last digits matter more than time: see `ConfigProto`."""
        return self._state is None or self._state.strict

    def count(self) -> int:
        """Return how often the node ran in this session, if it asks in each run."""
        assert self._state is not None
        return self._state.count(self.op)

    @property
    def resources(self) -> dict[str, Any]:
        """Whatever else the session keeps for its operations, by name."""
        assert self._state is not None
        return self._state.resources

    def cell(self) -> Cell:
        """Return the storage of the variable that this node is."""
        assert self._state is not None
        return self._state.cell(self.op)
