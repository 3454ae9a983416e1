"""CuPy on a GPU."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tensorgraph.backends.cuda import (
    blas,
    convolution,
    dropout,
    elementwise,
    fused_reduce,
    gather,
    module,
    norm,
    optimizers,
    pool,
    random,
    recurrent,
    reduce,
    softmax,
)
from tensorgraph.backends.cuda.capture import Capture
from tensorgraph.backends.cuda.random import PhiloxStream
from tensorgraph.backends.cuda.transfer import Transfers
from tensorgraph.base.backend import Array, Executor
from tensorgraph.base.errors import ResourceExhaustedError

KERNELS: Mapping[str, Callable[..., Any]] = {
    **random.KERNELS,
    **recurrent.KERNELS,
    **fused_reduce.KERNELS,
    **dropout.KERNELS,
    **gather.KERNELS,
    **pool.KERNELS,
    **norm.KERNELS,
    **softmax.KERNELS,
    **elementwise.KERNELS,
    **reduce.KERNELS,
    **blas.KERNELS,
    **convolution.KERNELS,
    **optimizers.KERNELS,
}


class CupyBackend:
    """Arrays of CuPy, and kernels of our own, on one GPU.

    Parameters
    ----------
    device : int, default 0
        Which one.
    memory_fraction : float, default 0
        The share of its memory that each pool may take, the common one and those of recorded steps;
        0 for all.
    tf32 : bool, default False
        Whether products of float32 may be computed by tensor cores, which read 10 bits of each
        fraction.
    graphs : bool, default True
        Whether steps that run often are recorded as CUDA graphs.

    Attributes
    ----------
    xp : module
        CuPy, with matrix products of our own.
    device : Device
        The GPU.
    stream : Stream
        What all kernels run on, one after the other.
    transfers : Transfers
        What copies between host and device, and counts it.

    Raises
    ------
    MissingLibraryError
        If CuPy is not installed.
    UnavailableError
        If there is no driver, no such GPU, or no compiler of CUDA's toolkit.
    """

    name = "cupy"
    immediate = False
    workers = 1
    record = None  # a CUDA graph holds what a step does
    kernels: Mapping[str, Callable[..., Any]] = KERNELS
    # Blocks that fit a processor's cache, and what suits one way to convolve there.
    needless_passes: Collection[str] = (
        "norms", "pairs", "pool", "regions", "reshapes", "switches",
    )  # fmt: skip
    compiles = True

    def __init__(
        self,
        device: int = 0,
        memory_fraction: float = 0.0,
        tf32: bool = False,
        graphs: bool = True,
    ) -> None:
        cupy = module.ready(device)
        self.xp: Any = blas.with_products(cupy, tf32)
        self.device = cupy.cuda.Device(device)
        self.stream, self._lock = _queue(cupy, device)
        with self.device:
            if memory_fraction:
                cupy.get_default_memory_pool().set_limit(fraction=memory_fraction)
            self.transfers = Transfers(cupy, self.stream, self._lock)
        self._graphs = graphs

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        """Call ``task(0)`` to ``task(shares - 1)``, in order: each keeps the whole GPU busy."""
        for share in range(shares):
            task(share)

    def serial(self) -> CupyBackend:
        """Return the backend itself: it has no other workers."""
        return self

    def from_host(self, array: np.ndarray[Any, Any]) -> Array:
        """Return the array on the device; text stays on the host, where all that reads it runs."""
        if array.dtype.kind in "OSU":
            return array
        try:
            return self.transfers.upload(array)
        except MemoryError as error:
            raise ResourceExhaustedError(
                f"the GPU has no room for an array of {array.nbytes:,} bytes: {error}"
            ) from error

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """Return a copy of the array as a NumPy array, as soon as it is computed."""
        if isinstance(array, np.ndarray):
            return np.array(array)
        with self.running():
            return self.transfers.download(array)

    def executor(self, variables: Callable[[], list[Array | None]]) -> Executor | None:
        """Return what records a plan's steps as a CUDA graph, if that is wanted."""
        return Capture(self, variables) if self._graphs else None

    def new_pool(self) -> Any:
        """Return a pool for what a recorded step allocates, with the limit of the common one."""
        pool = self.xp.cuda.MemoryPool()
        limit = self.xp.get_default_memory_pool().get_limit()
        if limit:
            pool.set_limit(size=limit)
        return pool

    def random_stream(self, seed: tuple[int, int] | None) -> PhiloxStream:
        """Return a new stream; None seeds it from the operating system."""
        return PhiloxStream(self, seed)

    def running(self) -> AbstractContextManager[Any]:
        """Return the context in which kernels run, on the stream and of one thread at a time."""
        return _Running(self._lock, self.device, self.stream)


@functools.cache
def _queue(cupy: Any, device: int) -> tuple[Any, Any]:
    """Return the stream of a GPU, and the lock of whoever uses it: one for all sessions.

    So memory that one session gives back is never written to by another one before the first one's
    kernels are done with it. It is not a "non-blocking" stream: plans are made on the default one,
    and each waits for the other. The lock keeps other threads' work away while one records.
    """
    with cupy.cuda.Device(device):
        return cupy.cuda.Stream(), threading.RLock()


class _Running(AbstractContextManager[None]):
    __slots__ = ("_device", "_lock", "_stream")

    def __init__(self, lock: Any, device: Any, stream: Any) -> None:
        self._lock, self._device, self._stream = lock, device, stream

    def __enter__(self) -> None:
        self._lock.__enter__()
        self._device.__enter__()
        self._stream.__enter__()

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(*error)
        self._device.__exit__(*error)
        self._lock.__exit__(*error)
