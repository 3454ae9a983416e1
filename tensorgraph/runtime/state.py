"""What a session keeps from run to run: variables' values and random streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorgraph.base.backend import Array, Backend, RandomStream
from tensorgraph.base.errors import FailedPreconditionError
from tensorgraph.graph.kernel import Tuner
from tensorgraph.graph.node import Operation


class VariableCell:
    """The storage of one variable.

    Parameters
    ----------
    op : Operation
        The variable's node.
    backend : Backend
        Where the array lives.
    """

    __slots__ = ("_array", "_backend", "_op")

    def __init__(self, op: Operation, backend: Backend) -> None:
        self._op = op
        self._backend = backend
        self._array: Array | None = None

    @property
    def storage(self) -> Array | None:
        """Where the value lies; None before there is one."""
        return self._array

    def read(self) -> Array:
        """Return the array itself, which a later step may change.

        Raises
        ------
        FailedPreconditionError
            If the variable has no value yet.
        """
        if self._array is None:
            raise FailedPreconditionError(
                f"variable {self._op.name!r} has no value yet: run its initializer first,"
                " or tf.global_variables_initializer()",
                self._op.name,
                self._op.source,
            )
        return self._array

    def assign(self, value: Array) -> None:
        """Copy a value in; the array stays the same one while the shape does."""
        if self._array is None or self._array.shape != value.shape:
            self._array = self._backend.xp.array(value, self._op.attrs["dtype"].np_dtype)
        else:
            self._array[...] = value

    def place(self, memory: Array) -> None:
        """Copy the value into an array of its shape and type, to be kept there from now on."""
        memory[...] = self.read()
        self._array = memory

    def is_initialized(self) -> bool:
        """Return whether there is a value."""
        return self._array is not None


class SessionState:
    """Variables and random streams of one session, by the names of their nodes.

    Attributes
    ----------
    resources : dict
        Whatever else operations keep, by name.
    check_numerics : bool
        Whether plans look for NaN and infinity; see `ConfigProto`.
    strict : bool
        Whether kernels may not trade the last digits for speed.
    poison_buffers : bool
        Whether plans spoil memory that nobody needs any more; see `ConfigProto`.
    tuner : Tuner or None
        What chooses between ways to compute, where the session measures them.
    """

    def __init__(
        self,
        backend: Backend,
        check_numerics: bool = False,
        strict: bool = False,
        poison_buffers: bool = False,
        tuner: Tuner | None = None,
    ) -> None:
        self._backend = backend
        self.check_numerics = check_numerics
        self.strict = strict
        self.poison_buffers = poison_buffers
        self.tuner = tuner
        self._cells: dict[str, VariableCell] = {}
        self._streams: dict[str, RandomStream] = {}
        self._restored: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self.resources: dict[str, Any] = {}

    def cell(self, op: Operation) -> VariableCell:
        """Return the storage of a variable."""
        found = self._cells.get(op.name)
        if found is None:
            found = self._cells[op.name] = VariableCell(op, self._backend)
        return found

    def stream(self, op: Operation) -> RandomStream:
        """Return the random stream of a random op."""
        found = self._streams.get(op.name)
        if found is None:
            found = self._backend.random_stream(op.attrs["seeds"])
            if op.name in self._restored:
                found.restore(self._restored.pop(op.name))
            self._streams[op.name] = found
        return found

    def random_state(self) -> dict[str, Any]:
        """Return where every random stream stands, by the names of the nodes."""
        return self._restored | {name: s.state() for name, s in self._streams.items()}

    def restore_random_state(self, state: Mapping[str, Any]) -> None:
        """Set the random streams; those that no run has asked for yet will begin there."""
        for name, where in state.items():
            if name in self._streams:
                self._streams[name].restore(where)
            else:
                self._restored[name] = where

    def count(self, op: Operation) -> int:
        """Return how often this was asked for an operation before."""
        before = self._counts.get(op.name, 0)
        self._counts[op.name] = before + 1
        return before
