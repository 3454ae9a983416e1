"""What a backend is: the only things that differ between NumPy and CuPy.

Ops never import an array module. Their kernels receive a `KernelContext`, whose ``xp`` is the
array module of the backend that runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import numpy as np

# An array of whichever module the backend computes with.
Array: TypeAlias = Any


class RandomStream(Protocol):
    """A reproducible sequence of random numbers, one for each random op of a session."""

    def normal(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the standard normal distribution."""

    def uniform(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers from the uniform distribution on [0, 1)."""

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return integers from the uniform distribution on [low, high)."""

    def bits(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers of an unsigned type, all equally likely: the cheapest randomness."""

    def state(self) -> dict[str, Any]:
        """Return where the sequence stands, as values that JSON can hold."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where the sequence stood when `state` was called."""


class Runnable(Protocol):
    """Steps in a fixed order: a plan.

    Attributes
    ----------
    steps : sequence
        Each with its operations (``ops``) and their context.
    """

    steps: Any

    def execute(self, feeds: Sequence[Array]) -> list[Array]:
        """Return the values of the fetches on the backend, given those of the feeds."""


# Does what `Runnable.execute` does, in a way of its own.
Executor: TypeAlias = Callable[[Any, Sequence[Array]], list[Array]]


class Backend(Protocol):
    """An array module, and how data comes to it and back."""

    @property
    def name(self) -> str:
        """How users choose it: ``"numpy"``, ``"cupy"``."""

    @property
    def xp(self) -> Any:
        """The array module."""

    @property
    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        """Kernels that replace an op's own, by op type."""

    @property
    def needless_passes(self) -> Collection[str]:
        """The names of passes that gain nothing here: what they do suits another backend."""

    @property
    def compiles(self) -> bool:
        """Whether elementwise operations that stand together become one compiled function."""

    def executor(self, variables: Callable[[], list[Array | None]]) -> Executor | None:
        """Return what runs one plan, or None to have it run step by step.

        Parameters
        ----------
        variables : callable
            Returns the arrays that the plan's variables are kept in, None where one has no value.
        """

    @property
    def immediate(self) -> bool:
        """Whether the numbers in an array are there when a kernel returns it.

        Where they are not, as on a GPU that works through a queue, kernels do not look at them to
        find mistakes: to look would be to wait.
        """

    @property
    def workers(self) -> int:
        """How many shares of a kernel's work can be done at the same time; at least 1."""

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        """Call ``task(0)`` to ``task(shares - 1)``, at the same time where it can.

        Raises
        ------
        BaseException
            What a task raised, after all have ended; that of the lowest share if several did.
        """

    @property
    def record(self) -> Callable[..., Any] | None:
        """What runs a kernel and notes its calls, to be made again; None where nothing does.

        It takes kernel, context, inputs and the places of those that never change, and returns a
        `graph.kernel.Recorded`.
        """

    def serial(self) -> Backend:
        """Return the same backend for work that one of the workers does: it has no others."""

    def from_host(self, array: np.ndarray[Any, Any]) -> Array:
        """Return the array on the device; it may share memory with `array`."""

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """Return a copy of the array as a NumPy array of its own memory."""

    def random_stream(self, seed: tuple[int, int] | None) -> RandomStream:
        """Return a new stream; None seeds it from the operating system."""

    def running(self) -> AbstractContextManager[Any]:
        """Return the context in which kernels run: no warnings for NaN and infinity."""
