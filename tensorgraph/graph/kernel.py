"""What a kernel may use beside its inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from tensorgraph.base.backend import Array, Backend, RandomStream

if TYPE_CHECKING:
    from tensorgraph.graph.node import Operation


@runtime_checkable
class Cell(Protocol):
    """The storage of a variable inside a session."""

    @property
    def storage(self) -> Array | None:
        """Where the value lies; None before there is one."""

    def read(self) -> Array:
        """Return the array itself. FailedPreconditionError where it was never assigned."""

    def assign(self, value: Array) -> None:
        """Copy `value` in."""

    def place(self, memory: Array) -> None:
        """Copy the value into an array of its shape and type, to be kept there from now on."""

    def is_initialized(self) -> bool:
        """Return whether a value was assigned."""


class Tuner(Protocol):
    """Knows which of several ways to compute something is the fastest on this machine."""

    def choose(
        self,
        case: str,
        usual: str,
        ways: Collection[str],
        prepare: Callable[[str], Callable[[], object]],
    ) -> str:
        """Return the name of the way to take.

        Parameters
        ----------
        case : str
            What is computed, with all that the time depends on.
        usual : str
            The way to take unless another one is clearly faster.
        ways : collection of str
            The names of all of them.
        prepare : callable
            Returns what runs a way, given its name.
        """


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
    def tuner(self) -> Tuner | None:
        """What chooses between ways to compute; None where kernels go by a fixed rule."""

    @property
    def resources(self) -> dict[str, Any]:
        """Whatever else operations keep and share, by a name: iterators over data sets."""


class Arena:
    """Scratch memory, for nodes that never run at the same time.

    Attributes
    ----------
    memory : dict of int to array
        Bytes: what a node asks for first, second and so on, as many as any node asks for there.
    parts : dict of str to Arena
        That of parts of the work, which do run at the same time.
    """

    __slots__ = ("memory", "parts")

    def __init__(self) -> None:
        self.memory: dict[int, Array] = {}
        self.parts: dict[str, Arena] = {}

    def arrays(self) -> Iterator[Array]:
        """Yield all of the memory, that of the parts too."""
        yield from self.memory.values()
        for part in self.parts.values():
            yield from part.arrays()


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
    undivided : bool, default False
        The node is given blocks of a batch, by one of several workers: it need not cut them.

    Attributes
    ----------
    op, backend, outs, functions, undivided
        The parameters.
    xp : module
        The backend's array module.
    out : array or None
        The first of `outs`.
    """

    __slots__ = (
        "_arena", "_count", "_once", "_parts", "_places", "_scratch", "_state", "backend",
        "functions", "op", "out", "outs", "undivided", "xp",
    )  # fmt: skip

    def __init__(
        self,
        op: Operation,
        backend: Backend,
        state: State | None = None,
        outs: Sequence[Array | None] = (None,),
        functions: Sequence[Callable[[Sequence[Array]], list[Array]]] = (),
        arena: Arena | None = None,
        undivided: bool = False,
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
        self._places: dict[str, int] = {}
        self._count = itertools.count()
        self._once: dict[str, Array] = {}
        self.undivided = undivided

    def begin(self) -> None:
        """Say that a run begins, for a node that is given blocks."""
        self._once.clear()
        for part in self._parts.values():
            part.begin()

    def once(
        self, key: str, shape: Sequence[int], dtype: Any, make: Callable[[Array], None]
    ) -> Array:
        """Return what is the same for all blocks of a run, as a transformed filter.

        Parameters
        ----------
        key : str
            Different things have different keys.
        shape : sequence of int
            Its shape.
        dtype : dtype
            Its element type.
        make : callable
            Writes it into the array that it is given.
        """
        if not self.undivided:
            array = self.scratch(key, shape, dtype)
            make(array)
            return array
        if key not in self._once:
            # Memory of the node's own, which other nodes do not write to between two blocks.
            self._once[key] = self.scratch(f"once {key}", shape, dtype, 0)
            make(self._once[key])
        return self._once[key]

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
        if fits and (fill is not None or memory is self._arena.memory.get(self._places[key])):
            return array
        if fill is None:
            array, memory = self._from_arena(key, shape, dtype)
        else:
            array = self.xp.full(shape, fill, dtype)
        self._scratch[key] = array, memory
        return array

    def _from_arena(self, key: str, shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array]:
        """Return an array in the memory that all nodes share at a place, and that memory."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        # Workers ask at the same time: a count gives each number once.
        place = self._places.setdefault(key, next(self._count))
        memory = self._arena.memory.get(place)
        if memory is None or len(memory) < size:
            memory = self._arena.memory[place] = self.xp.empty(size, np.uint8)
        return memory[:size].view(kind).reshape(shape), memory

    def part(self, name: str, out: Array | None, op: Operation | None = None) -> KernelContext:
        """Return a context with scratch memory of its own, for a part of the work.

        Parameters
        ----------
        name : str
            Which part; parts that run at the same time need different names.
        out : array or None
            What the part writes to.
        op : Operation, optional
            The operation that the part is, where the node is made of several.
        """
        found = self._parts.get(name)
        if found is None:
            arena = self._arena.parts.setdefault(name, Arena())
            node = op or self.op
            found = KernelContext(
                node, self.backend, self._state, (out,), self.functions, arena, self.undivided
            )
            self._parts[name] = found
        found.out = out
        return found

    def host(self, place: int, array: Array) -> np.ndarray[Any, Any]:
        """Return an input as an array of the host: a shape, an axis, what a kernel must know.

        What is a constant of the graph is at hand. All else comes from the device, which has to
        finish before: so a kernel asks for no more than it must.

        Parameters
        ----------
        place : int
            Which input it is.
        array : array
            The input.
        """
        op = self.op.inputs[place].op
        if op.type == "Const":
            value: np.ndarray[Any, Any] = op.attrs["value"]
            return value
        return array if isinstance(array, np.ndarray) else self.backend.to_host(array)

    def sizes(self, place: int, array: Array) -> tuple[int, ...]:
        """Return an input that is a shape, as a tuple; see `host`."""
        return tuple(self.host(place, array).tolist())

    def kept(self, array: Array) -> Array:
        """Return an array that a kernel has kept from an earlier run, before it uses it.

        It is the same array; who watches what a kernel does must know of it.
        """
        return array

    def stream(self) -> RandomStream:
        """Return the node's random stream in this session."""
        assert self._state is not None
        return self._state.stream(self.op)

    @property
    def strict(self) -> bool:
        """Whether the last digits matter more than time: see `ConfigProto`."""
        return self._state is None or self._state.strict

    @property
    def tuner(self) -> Tuner | None:
        """What chooses between ways to compute; None where the kernel goes by a fixed rule."""
        return None if self._state is None else self._state.tuner

    def fresh(self) -> KernelContext:
        """Return a context of the same node with scratch memory of its own, to try something."""
        return KernelContext(
            self.op, self.backend, self._state, self.outs, self.functions, undivided=self.undivided
        )

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


# A call with everything that it is made with.
Replay: TypeAlias = Callable[[], object]


class Recorded(NamedTuple):
    """What a kernel gave, and did.

    Attributes
    ----------
    result : array, or tuple of array
        Its outputs.
    calls : list of callable, or None
        What to call to have them computed again, into the same arrays, from what the inputs then
        hold. None where that would not do the same.
    cells : sequence of (Cell, array)
        Variables, and where their values must lie for that.
    """

    result: Any
    calls: list[Replay] | None
    cells: Sequence[tuple[Cell, Array]] = ()
