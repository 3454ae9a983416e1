"""NumPy on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np

from tensorgraph.backends.recording import record
from tensorgraph.backends.workers import shared_workers
from tensorgraph.base.backend import Array, Executor
from tensorgraph.base.errors import foreign_random_state

_MOST = 2**64 - 1


class NumpyStream:
    """A stream of random numbers by PCG64 (O'Neill 2014), seeded through `SeedSequence`."""

    def __init__(self, seed: tuple[int, int] | None) -> None:
        entropy = None if seed is None else [s & 0xFFFFFFFFFFFFFFFF for s in seed]
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def normal(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the standard normal distribution."""
        return self._float(self._generator.standard_normal, shape, dtype)

    def uniform(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the uniform distribution on [0, 1)."""
        return self._float(self._generator.random, shape, dtype)

    def _float(
        self, method: Callable[..., Any], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> Array:
        if dtype == np.float16:
            return np.asarray(method(shape, np.float32)).astype(np.float16)
        return np.asarray(method(shape, dtype))

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return integers from the uniform distribution on [low, high)."""
        return np.asarray(self._generator.integers(low, high, shape, dtype))

    def bits(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers of an unsigned type, all equally likely."""
        count = math.prod(shape)
        words = -(-count * dtype.itemsize // 8)
        # 64 bits at a time as the generator makes them: 7 times as fast as its `bytes`.
        drawn = self._generator.integers(0, _MOST, words, np.uint64, endpoint=True)
        return drawn.view(dtype)[:count].reshape(shape)

    def state(self) -> dict[str, Any]:
        """Return where the sequence stands, as values that JSON can hold."""
        return dict(self._generator.bit_generator.state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where the sequence stood when `state` was called."""
        if state.get("bit_generator") != "PCG64":
            raise foreign_random_state()
        self._generator.bit_generator.state = state


class NumpyBackend:
    """Arrays and kernels of NumPy.

    Parameters
    ----------
    threads : int, default 0
        How many threads share a kernel's work; 0 for one on each processor.
    """

    name = "numpy"
    xp: Any = np
    immediate = True
    needless_passes: Collection[str] = ()
    compiles = False
    kernels: Mapping[str, Callable[..., Any]] = {}
    record = staticmethod(record)

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads

    @property
    def workers(self) -> int:
        """How many shares of a kernel's work can be done at the same time."""
        return shared_workers().count_for(self._threads)

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        """Call ``task(0)`` to ``task(shares - 1)``, each in a thread of its own."""
        shared_workers().spread(shares, task)

    def serial(self) -> NumpyBackend:
        """Return the same backend for work that one of the workers does."""
        return NumpyBackend(1)

    def executor(self, variables: Callable[[], list[Array | None]]) -> Executor | None:
        """Return None: plans are run step by step."""
        return None

    def from_host(self, array: np.ndarray[Any, Any]) -> Array:
        """Return the array itself: host and device are one."""
        return array

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """Return a copy, so that a later run cannot change what the user holds."""
        return np.array(array)

    def random_stream(self, seed: tuple[int, int] | None) -> NumpyStream:
        """Return a new stream; None seeds it from the operating system."""
        return NumpyStream(seed)

    def running(self) -> AbstractContextManager[Any]:
        """Return a context without warnings: NaN and infinity are values here."""
        return _Running()


def _silence() -> tuple[ContextVar[Any], Any]:
    """Return which context variable `numpy.errstate` sets to ignore errors, and to what.

    To set it costs a tenth of what `numpy.errstate` does, which a run of a few small operations
    would feel.
    """
    before = copy_context()
    with np.errstate(all="ignore"):
        within = copy_context()
    changed = [(v, value) for v, value in within.items() if before.get(v) is not value]
    # Should NumPy keep it elsewhere one day, there are warnings, which a test sees; no more.
    return changed[0] if changed else (ContextVar("unchanged"), None)


_ERRORS, _IGNORED = _silence()


class _Running(AbstractContextManager[None]):
    """NumPy without warnings, and the BLAS with as many threads at the end as before."""

    __slots__ = ("_before", "_workers")

    def __enter__(self) -> None:
        self._before = _ERRORS.set(_IGNORED)
        self._workers = shared_workers()
        self._workers.begin_run()

    def __exit__(self, *error: object) -> None:
        self._workers.end_run()
        _ERRORS.reset(self._before)
