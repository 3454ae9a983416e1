"""What a kernel may use beside its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

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
    def resources(self) -> dict[str, Any]:
        """Whatever else operations keep and share, by a name: iterators over data sets."""


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

    Attributes
    ----------
    op, backend, outs, functions
        The parameters.
    xp : module
        The backend's array module.
    out : array or None
        The first of `outs`.
    """

    __slots__ = ("_scratch", "_state", "backend", "functions", "op", "out", "outs", "xp")

    def __init__(
        self,
        op: Operation,
        backend: Backend,
        state: State | None = None,
        outs: Sequence[Array | None] = (None,),
        functions: Sequence[Callable[[Sequence[Array]], list[Array]]] = (),
    ) -> None:
        self.op = op
        self.backend = backend
        self.xp: Any = backend.xp
        self.outs = outs
        self.functions = functions
        self.out: Array | None = outs[0] if outs else None
        self._state = state
        self._scratch: dict[str, Array] = {}

    def scratch(self, key: str, shape: Sequence[int], dtype: Any) -> Array:
        """Return working memory that is kept between runs; its content is arbitrary."""
        array = self._scratch.get(key)
        if array is None or array.shape != tuple(shape) or array.dtype != dtype:
            array = self._scratch[key] = self.xp.empty(tuple(shape), dtype)
        return array

    def stream(self) -> RandomStream:
        """Return the node's random stream in this session."""
        assert self._state is not None
        return self._state.stream(self.op)

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
