"""NumPy on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tensorgraph.backends.workers import shared_workers
from tensorgraph.base.backend import Array


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

    def bits16(self, shape: tuple[int, ...]) -> Array:
        """Return uniform uint16 numbers."""
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self._generator.bytes(2 * count), np.uint16).reshape(shape)

    def state(self) -> dict[str, Any]:
        """Return where the sequence stands, as values that JSON can hold."""
        return dict(self._generator.bit_generator.state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where the sequence stood when `state` was called."""
        self._generator.bit_generator.state = state


class NumpyBackend:
    """Arrays and kernels of NumPy.

    Parameters
    ----------
    threads : int, default 0
        How many threads may share a kernel's work; 0 for one on each processor.
    """

    name = "numpy"
    xp: Any = np
    kernels: Mapping[str, Callable[..., Any]] = {}

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads

    @property
    def workers(self) -> int:
        """How many shares of a kernel's work can be done at the same time."""
        count = shared_workers().count
        return min(count, self._threads) if self._threads else count

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        """Call ``task(0)`` to ``task(shares - 1)``, each in a thread of its own."""
        shared_workers().spread(shares, task)

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


class _Running(AbstractContextManager[None]):
    """NumPy without warnings, and the BLAS with as many threads at the end as before."""

    __slots__ = ("_errors",)

    def __init__(self) -> None:
        self._errors = np.errstate(all="ignore")

    def __enter__(self) -> None:
        self._errors.__enter__()
        shared_workers().begin_run()

    def __exit__(self, *error: object) -> None:
        shared_workers().end_run()
        self._errors.__exit__(None, None, None)
