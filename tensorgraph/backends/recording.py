"""What a kernel does, written down once and then done again without the kernel.

A kernel is Python that thinks about shapes, cuts views and then calls NumPy a few times. In a plan
everything it thinks about is the same in every run: arrays lie where they lay. So it is watched
once, while it computes: it is given arrays of a class of its own, which note every call that writes
anything. Afterwards the notes are all that is needed: a list of calls with their arrays, ready to
be made. The same is done on graphics cards, where it is called the capture of a stream.

Only what is seen can be repeated. Arrays know who looks at their numbers: a kernel that decides by
them, that asks for random numbers or that makes an array in a way unknown here is not repeated,
but called again each time; `Tape.reason` says why.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from tensorgraph.backends.watched import (
    DivergedError,
    Tape,
    Watched,
    WatchedCell,
    is_same,
    plain,
)
from tensorgraph.base.backend import Array, Backend
from tensorgraph.graph.kernel import KernelContext, Recorded, Replay
from tensorgraph.graph.node import Operation


class _Module:
    """NumPy for a kernel that is watched: arrays that it makes are watched too."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.lib = _Library(tape)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        return self._tape.watch(self._tape.keep(np.empty(shape, dtype)))

    def empty_like(self, x: Any, dtype: Any = None) -> Any:
        return self._tape.watch(self._tape.keep(np.empty_like(plain(x), dtype)))

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        array = self._tape.keep(np.full(shape, plain(value), dtype))
        self._tape.add(np.copyto, array, plain(value), casting="unsafe")
        return self._tape.watch(array)

    def zeros(self, shape: Any, dtype: Any = float) -> Any:
        return self.full(shape, 0, dtype)

    def ones(self, shape: Any, dtype: Any = float) -> Any:
        return self.full(shape, 1, dtype)

    def zeros_like(self, x: Any, dtype: Any = None) -> Any:
        return self.full(x.shape, 0, x.dtype if dtype is None else dtype)

    def ones_like(self, x: Any, dtype: Any = None) -> Any:
        return self.full(x.shape, 1, x.dtype if dtype is None else dtype)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        if isinstance(x, Watched):
            return x if dtype is None or x.dtype == dtype else x.astype(dtype)
        return np.asarray(x, dtype)

    def array(self, x: Any, dtype: Any = None) -> Any:
        if isinstance(x, Watched):
            return x.copy() if dtype is None else x.astype(dtype)
        return np.array(x, dtype)

    def ascontiguousarray(self, x: Any) -> Any:
        return self.array(x) if not x.flags.c_contiguous else x


class _Library:
    """`numpy.lib` for a kernel that is watched."""

    def __init__(self, tape: Tape) -> None:
        self.stride_tricks = self
        self._tape = tape

    def as_strided(self, x: Any, shape: Any, strides: Any) -> Any:
        view = np.lib.stride_tricks.as_strided(plain(x), shape, strides)
        return self._tape.watch(view) if isinstance(x, Watched) else view


class _WatchedBackend:
    """A backend for a kernel that is watched: workers are watched one after the other."""

    def __init__(self, backend: Backend, tape: Tape) -> None:
        self._backend, self._tape = backend, tape
        self.xp: Any = _Module(tape)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        tape = self._tape
        before, decided, parts = tape.calls, tape.decides, []
        tape.decides = False
        for share in range(shares):
            tape.calls = []
            task(share)
            parts.append(tape.calls)
        if tape.decides:
            tape.refuse("decides by numbers while it shares out its work")
        tape.calls, tape.decides = before, decided
        if any(parts):
            tape.add(self._backend.spread, shares, functools.partial(run_part, parts))

    def serial(self) -> Any:
        return _WatchedBackend(self._backend.serial(), self._tape)

    def from_host(self, array: Any) -> Array:
        return array

    def to_host(self, array: Any) -> Any:
        self._tape.refuse("copies an array to the host")
        return self._backend.to_host(plain(array))


def run_part(parts: Sequence[Sequence[Replay]], share: int) -> None:
    """Make the calls of one share."""
    for call in parts[share]:
        call()


class WatchedContext(KernelContext):
    """A node's context whose arrays are watched; scratch memory stays where it is.

    Parameters
    ----------
    context : KernelContext
        The node's own.
    tape : Tape
        Where calls are noted.
    """

    __slots__ = ("_context", "_tape")

    def __init__(self, context: KernelContext, tape: Tape) -> None:
        backend: Any = _WatchedBackend(context.backend, tape)
        outs = tuple(map(tape.watch, context.outs))
        super().__init__(context.op, backend, outs=outs, undivided=context.undivided)
        self._context, self._tape = context, tape
        self.out = tape.watch(context.out)

    def scratch(
        self, key: str, shape: Sequence[int], dtype: Any, fill: float | None = None
    ) -> Array:
        """Return working memory."""
        return self._tape.watch(self._context.scratch(key, shape, dtype, fill))

    def once(
        self, key: str, shape: Sequence[int], dtype: Any, make: Callable[[Array], None]
    ) -> Array:
        """Return what is the same for all blocks of a run; making it is noted for the first."""

        def noted(array: Array) -> None:
            make(self._tape.watch(array))

        return self._tape.watch(self._context.once(key, shape, dtype, noted))

    def kept(self, array: Array) -> Array:
        """Return an array that the kernel kept, watched from now on."""
        return self._tape.watch(array)

    def part(self, name: str, out: Array | None, op: Operation | None = None) -> KernelContext:
        """Return the context of a part of the work, which notes things in the same place."""
        return WatchedContext(self._context.part(name, plain(out), op), self._tape)

    @property
    def strict(self) -> bool:
        """Whether the last digits matter more than time."""
        return self._context.strict

    def stream(self) -> Any:
        """Return the node's random stream, whose numbers are new in each run."""
        self._tape.refuse("takes random numbers")
        return self._context.stream()

    def count(self) -> int:
        """Return how often the node ran, which is different in each run."""
        self._tape.refuse("counts its runs")
        return self._context.count()

    @property
    def resources(self) -> dict[str, Any]:
        """Whatever else the session keeps."""
        return self._context.resources

    def cell(self) -> Any:
        """Return the storage of the variable that the node is."""
        self._tape.refuse("uses a variable itself")
        return self._context.cell()


def record(
    kernel: Callable[..., Any],
    context: KernelContext,
    inputs: Sequence[Any],
    constant: Collection[int] = (),
) -> Recorded:
    """Run a kernel and note what it does.

    Parameters
    ----------
    kernel : callable
        A node's kernel.
    context : KernelContext
        Its context; it has run once, so that its scratch memory is there.
    inputs : sequence of array or Cell
        Its inputs.
    constant : collection of int
        Which of them never change; a kernel may look at their numbers.
    """
    tape = Tape(context.outs)
    given = [x if i in constant else tape.watch(x) for i, x in enumerate(inputs)]
    watched = kernel(WatchedContext(context, tape), *given)
    result = plain(watched)
    _check_results(tape, watched if isinstance(watched, tuple) else (watched,), context.outs)
    if tape.reason:
        return Recorded(result, None)
    if tape.decides:
        again = functools.partial(_or_else, tape.calls, kernel, context, inputs)
        return Recorded(result, [again], tape.cells)
    return Recorded(result, tape.calls, tape.cells)


def _check_results(tape: Tape, results: Sequence[Any], outs: Sequence[Array | None]) -> None:
    """Refuse results that the calls which were noted do not write."""
    for place, result in enumerate(results):
        own = outs[place] if place < len(outs) else None
        if not isinstance(result, Watched | WatchedCell) and (own is None or result is not own):
            tape.refuse("gives an array that was not watched")
        elif tape.decides and (own is None or not is_same(plain(result), own)):
            tape.refuse("decides by numbers, and gives memory of its own")


def _or_else(
    calls: Sequence[Replay], kernel: Callable[..., Any], context: KernelContext, inputs: Any
) -> None:
    """Make calls; where the kernel would make others, call that."""
    try:
        for call in calls:
            call()
    except DivergedError:
        kernel(context, *inputs)
