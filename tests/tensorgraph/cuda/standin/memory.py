"""Memory of the device, which is the host's here; pools count it and may refuse more."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from standin.streams import Stream, get_current_stream
from standin.traffic import TRAFFIC


class OutOfMemoryError(MemoryError):
    """A pool has no more."""

    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes,"
            f" limit set to: {limit:,} bytes)."
        )


class Memory:
    """Memory that belongs to a pool."""

    def __init__(self, array: np.ndarray, pool: MemoryPool | None = None) -> None:
        self.array, self.size, self.device_id = array, array.nbytes, 0
        self.ptr: int = array.ctypes.data
        self._pool = pool

    def __del__(self) -> None:
        if self._pool is not None:
            self._pool._used -= self.size


class UnownedMemory:
    """Memory that someone else keeps."""

    def __init__(self, ptr: int, size: int, owner: object, device_id: int = -1) -> None:
        self.ptr, self.size, self.device_id = ptr, size, max(device_id, 0)
        self._owner = owner


class MemoryPointer:
    """An address in memory."""

    def __init__(self, mem: Any, offset: int) -> None:
        self.mem, self.ptr, self.device_id = mem, mem.ptr + offset, mem.device_id

    def __int__(self) -> int:
        return self.ptr

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    def copy_from_device_async(
        self, src: MemoryPointer, size: int, stream: Stream | None = None
    ) -> None:
        stream = stream or get_current_stream()
        stream.later(lambda: _move(self, src, size))

    def copy_from_device(self, src: MemoryPointer, size: int) -> None:
        self.copy_from_device_async(src, size)

    def copy_from_host_async(self, mem: Any, size: int, stream: Stream | None = None) -> None:
        stream = stream or get_current_stream()
        _check_captured_copy(stream)
        TRAFFIC.up(size)
        # `self` is held: so are its memory, and whoever keeps that.
        stream.later(lambda: _move(self, mem, size))

    def copy_from_host(self, mem: Any, size: int) -> None:
        self.copy_from_host_async(mem, size)
        get_current_stream().synchronize()

    def copy_to_host_async(self, mem: Any, size: int, stream: Stream | None = None) -> None:
        stream = stream or get_current_stream()
        _check_captured_copy(stream)
        TRAFFIC.down(size)
        stream.later(lambda: _move(mem, self, size))

    def copy_to_host(self, mem: Any, size: int) -> None:
        self.copy_to_host_async(mem, size)
        get_current_stream().synchronize()

    def memset_async(self, value: int, size: int, stream: Stream | None = None) -> None:
        stream = stream or get_current_stream()
        stream.later(lambda: _set(self, value, size))

    def memset(self, value: int, size: int) -> None:
        self.memset_async(value, size)


def _address(mem: Any) -> int:
    return int(mem.value if isinstance(mem, ctypes.c_void_p) else mem)


def _move(target: Any, origin: Any, size: int) -> None:
    ctypes.memmove(_address(target), _address(origin), size)


def _set(target: MemoryPointer, value: int, size: int) -> None:
    ctypes.memset(target.ptr, value, size)


def _check_captured_copy(stream: Stream) -> None:
    if stream.captured is not None:
        raise RuntimeError("the current stream is capturing, so transfers are disallowed")


class MemoryPool:
    """Hands memory out up to a limit."""

    def __init__(self, allocator: Callable[[int], MemoryPointer] | None = None) -> None:
        self._used = self._limit = 0
        # What is given back stays with a pool of one's own: what was recorded has its address.
        self._kept: list[np.ndarray] | None = []

    def malloc(self, size: int) -> MemoryPointer:
        if size > TOTAL:
            raise OutOfMemoryError(size, self._used)
        return self.adopt(np.empty(-(-size // 512) * 512, np.uint8))

    def adopt(self, array: np.ndarray) -> MemoryPointer:
        """Take memory of an array into account."""
        if self._limit and self._used + array.nbytes > self._limit:
            raise OutOfMemoryError(array.nbytes, self._used, self._limit)
        self._used += array.nbytes
        if self._kept is not None:
            self._kept.append(array)
        return MemoryPointer(Memory(array, self), 0)

    def free_all_blocks(self, stream: Stream | None = None) -> None:
        """Do nothing: what is free may be in use by what was recorded."""

    def used_bytes(self) -> int:
        return self._used

    def free_bytes(self) -> int:
        return 0

    def total_bytes(self) -> int:
        return self._used

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        self._limit = int(TOTAL * fraction) if fraction is not None else size or 0

    def get_limit(self) -> int:
        return self._limit


# What the device has.
TOTAL = 1 << 40
_POOL = MemoryPool()
_POOL._kept = None  # and the common pool's is Python's


class _Allocator(threading.local):
    own: Callable[[int], MemoryPointer] | None = None


_ALLOCATOR = _Allocator()
_SHARED: list[Callable[[int], MemoryPointer]] = [_POOL.malloc]


def alloc(size: int) -> MemoryPointer:
    return get_allocator()(size)


def get_allocator() -> Callable[[int], MemoryPointer]:
    return _ALLOCATOR.own or _SHARED[0]


def set_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> None:
    _SHARED[0] = allocator or _POOL.malloc


@contextlib.contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> Iterator[None]:
    before, _ALLOCATOR.own = _ALLOCATOR.own, allocator
    try:
        yield
    finally:
        _ALLOCATOR.own = before


def get_default_memory_pool() -> MemoryPool:
    return _POOL


class PinnedMemoryPointer(np.ndarray):
    """Memory of the host that the device reads by itself: an array, for it is read as a buffer."""

    ptr: int

    def __del__(self) -> None:
        # Who comes next writes to it. Views, which have no address of their own, do not end it.
        if "ptr" in vars(self):
            self.view(np.ndarray).fill(0xEE)


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    # As the real one: at least what was asked for, as a rule more.
    memory = np.empty(max(512, 1 << (size - 1).bit_length()), np.uint8).view(PinnedMemoryPointer)
    memory.ptr = memory.ctypes.data
    return memory
