"""Arrays that note what is done with them: see `recording`.

A watched array is NumPy's own with another class. NumPy asks the class of its arguments before it
computes anything (``__array_ufunc__``, ``__array_function__``), views of an array have its class,
and Python's own methods tell when numbers are looked at. So a kernel needs not know of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import Cell, Replay

# A result that a kernel keeps for itself is kept for good: no more than this.
MOST_KEPT = 1 << 16
# Functions that compute from arrays nothing but an array, whose shape depends on theirs alone.
_PURE = frozenset(
    [
        np.where, np.concatenate, np.stack, np.take, np.dot, np.outer, np.einsum, np.tensordot,
        np.sum, np.mean, np.clip, np.cumsum, np.cumprod, np.pad, np.roll, np.flip, np.repeat,
        np.tile, np.sort, np.argsort, np.argmax, np.argmin, np.take_along_axis, np.linalg.norm,
    ]
)  # fmt: skip


class DivergedError(Exception):
    """A kernel would decide otherwise this time."""


class Tape:
    """Calls that were made, in order.

    Parameters
    ----------
    outs : sequence of (array or None)
        What the kernel writes its results to.

    Attributes
    ----------
    calls : list of callable
        What to call to do it all again.
    decides : bool
        One of them raises `DivergedError` where the kernel would go another way, before any
        that writes to `outs`.
    reason : str
        Why the calls would not do the same; empty if they do.
    cells : list of (Cell, array)
        Variables that were read or written to, and where their values lay.
    """

    def __init__(self, outs: Sequence[Array | None] = ()) -> None:
        self.calls: list[Replay] = []
        self.decides = False
        self.reason = ""
        self.cells: list[tuple[Cell, Array]] = []
        self._outs = [out for out in outs if out is not None]
        self._wrote = False

    def add(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """Note a call, of plain arrays."""
        self._wrote = self._wrote or self._writes(arguments, named)
        self.calls.append(functools.partial(function, *arguments, **named))

    def _writes(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> bool:
        """Return whether a call may write to the results."""
        if not self._outs:
            return False
        targets = named.get("out")
        if targets is None:
            targets = [a for a in arguments if isinstance(a, np.ndarray)]
        elif not isinstance(targets, tuple):
            targets = [targets]
        return any(np.may_share_memory(t, out) for t in targets for out in self._outs)

    def decide(self, array: Any) -> bool:
        """Return whether an array of one element is true, and note that it must be so again."""
        outcome = bool(array)
        if self._wrote:
            self.refuse("decides by numbers when it has begun to write")
        self.decides = True
        self.calls.append(functools.partial(_expect, array, outcome))
        return outcome

    def refuse(self, reason: str) -> None:
        """Say that the notes are not all that happened; the first reason counts."""
        self.reason = self.reason or reason

    def watch(self, array: Any) -> Any:
        """Return an array or a variable that notes here what is done with it."""
        if isinstance(array, Cell):
            return WatchedCell(array, self)
        if type(array) is not np.ndarray:
            return array
        watched = array.view(Watched)
        watched.tape = self
        return watched

    def keep(self, result: Any) -> Any:
        """Return a new array or number as an array that further calls can write to."""
        array = np.asarray(result)
        if array.nbytes > MOST_KEPT:
            self.refuse("makes large arrays of its own")
        return array


class Watched(np.ndarray[Any, Any]):
    """An array that notes what is done with it, and so do all its views."""

    tape: Tape | None

    def __array_finalize__(self, source: Any) -> None:
        self.tape = getattr(source, "tape", None)
        # Views have another array's memory. Whatever has its own was copied unseen.
        if self.tape is not None and self.size and not _is_view(self, [source]):
            self.tape.refuse("copies an array")

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **named: Any
    ) -> Any:
        tape = _tape_of((*inputs, *(out or ()), *named.values()))
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        given, named = list(map(plain, inputs)), {key: plain(v) for key, v in named.items()}
        if method == "at":
            function(*given, **named)
            tape.add(function, *given, **named)
            return None
        if out is None:
            result = function(*given, **named)
            several = isinstance(result, tuple)
            targets = tuple(map(tape.keep, result if several else (result,)))
        else:
            targets = tuple(map(plain, out))
            several = len(targets) > 1
            if any(target is None for target in targets):
                tape.refuse(f"gives {ufunc.__name__} some of its outputs")
                return function(*given, out=targets, **named)
            named["out"] = targets if several else targets[0]
            function(*given, **named)
        named["out"] = targets if several else targets[0]
        tape.add(function, *given, **named)
        watched = tuple(map(tape.watch, targets))
        return watched if several else watched[0]

    def __array_function__(self, function: Any, types: Any, arguments: Any, named: Any) -> Any:
        everything = (*arguments, *named.values())
        tape = _tape_of(everything)
        given, named = [plain(a) for a in arguments], {key: plain(v) for key, v in named.items()}
        result = function(*given, **named)
        if function is np.copyto or named.get("out") is not None:
            tape.add(function, *given, **named)
            return tape.watch(result)
        if isinstance(result, np.ndarray) and _is_view(result, everything):
            return tape.watch(result)
        if function in _PURE:
            target = tape.keep(result)
            tape.add(_call_into, target, functools.partial(function, *given, **named))
            return tape.watch(target)
        tape.refuse(f"calls {function.__name__}")
        return result

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if _is_basic(keys):
            result = super().__getitem__(key)
            return result if isinstance(result, np.ndarray) else self._seen(result)
        result = plain(self)[plain(key)]
        tape = _tape_of((self, *keys))
        if any(np.asarray(k).dtype == bool for k in keys if isinstance(k, np.ndarray | list)):
            tape.refuse("selects elements by their numbers")
        target = tape.keep(result)
        tape.add(_call_into, target, functools.partial(plain(self).__getitem__, plain(key)))
        return tape.watch(target)

    def __setitem__(self, key: Any, value: Any) -> None:
        target, content = _place(plain(self), plain(key)), plain(value)
        if self.tape is None or target is None:
            plain(self)[plain(key)] = content
            keys = key if isinstance(key, tuple) else (key,)
            _tape_of((self, value, *keys)).add(plain(self).__setitem__, plain(key), content)
            return
        if not is_same(target, content):
            np.copyto(target, content, casting="unsafe")
            self.tape.add(np.copyto, target, content, casting="unsafe")

    def fill(self, value: Any) -> None:
        """Set all elements."""
        self[...] = value

    def copy(self, order: Any = "C") -> Any:
        """Return a copy, which is made anew each time."""
        return self._made(np.array(plain(self), order=order))

    def astype(self, dtype: Any, *arguments: Any, **named: Any) -> Any:
        """Return a copy of another type, which is made anew each time."""
        return self._made(plain(self).astype(dtype, *arguments, **named))

    def _made(self, result: Any) -> Any:
        tape = self.tape
        assert tape is not None
        target = tape.keep(result)
        tape.add(np.copyto, target, plain(self), casting="unsafe")
        return tape.watch(target)

    def _seen(self, value: Any) -> Any:
        if self.tape is not None:
            self.tape.refuse("looks at the numbers")
        return value

    def __bool__(self) -> bool:
        return bool(plain(self)) if self.tape is None else self.tape.decide(plain(self))

    def __int__(self) -> int:
        return int(self._seen(plain(self)))

    def __float__(self) -> float:
        return float(self._seen(plain(self)))

    def __index__(self) -> int:
        return int(self._seen(plain(self)).__index__())

    def item(self, *arguments: Any) -> Any:
        """Return a number, which what follows may depend on."""
        return self._seen(plain(self)).item(*arguments)

    def tolist(self) -> Any:
        """Return the numbers, which what follows may depend on."""
        return self._seen(plain(self)).tolist()


def plain(value: Any) -> Any:
    """Return an array without its watching; the same of what is inside tuples and lists."""
    if isinstance(value, Watched):
        return value.view(np.ndarray)
    if isinstance(value, WatchedCell):
        return value.cell
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value


def _tape_of(values: Any) -> Tape:
    """Return where the first array that is watched notes things."""
    for value in values:
        if isinstance(value, Watched) and value.tape is not None:
            return value.tape
        if isinstance(value, tuple | list):
            try:
                return _tape_of(value)
            except LookupError:
                continue
    raise LookupError("none of the arrays is watched")


def _is_view(result: Any, sources: Any) -> bool:
    return any(
        isinstance(source, np.ndarray) and np.may_share_memory(plain(result), plain(source))
        for source in sources
    )


def _place(array: Any, key: Any) -> Any:
    """Return the part of an array that a key means, as a view; None if it cannot be one."""
    keys = key if isinstance(key, tuple) else (key,)
    if not _is_basic(keys):
        return None
    # With it, a single element is a view too.
    return array[keys if any(k is Ellipsis for k in keys) else (*keys, Ellipsis)]


def _is_basic(keys: Sequence[Any]) -> bool:
    """Return whether an index means a view."""
    return all(k is None or k is Ellipsis or isinstance(k, int | slice | np.integer) for k in keys)


def is_same(a: Any, b: Any) -> bool:
    """Return whether two arrays are the same place, as after ``a[...] += 1``."""
    return (
        isinstance(b, np.ndarray)
        and a.__array_interface__["data"] == b.__array_interface__["data"]
        and (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    )


def _expect(array: Any, outcome: bool) -> None:
    if bool(array) is not outcome:
        raise DivergedError


def _call_into(target: Any, function: Callable[[], Any]) -> None:
    np.copyto(target, function())


class WatchedCell:
    """A variable that notes what is done with it."""

    def __init__(self, cell: Cell, tape: Tape) -> None:
        self.cell, self._tape = cell, tape

    @property
    def storage(self) -> Array | None:
        """Where the value lies."""
        return self.cell.storage

    def read(self) -> Array:
        """Return the value, watched."""
        storage = self.cell.read()
        self._tape.cells.append((self.cell, storage))
        return self._tape.watch(storage)

    def assign(self, value: Any) -> None:
        """Copy a value in."""
        before = self.cell.storage
        self.cell.assign(plain(value))
        if self.cell.storage is not before:
            self._tape.refuse("gives a variable a place in memory")
            return
        self._tape.cells.append((self.cell, before))
        self._tape.add(np.copyto, before, plain(value), casting="unsafe")

    def place(self, memory: Any) -> None:
        """Move the value, which can be done only once."""
        self.cell.place(plain(memory))
        self._tape.refuse("moves a variable")

    def is_initialized(self) -> bool:
        """Return whether there is a value."""
        return self.cell.is_initialized()
