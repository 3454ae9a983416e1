"""Copies between the host's memory and the device's, none of which waits for the other side.

What is fed goes through memory that the device can read by itself ("pinned"): the user's array may
change as soon as the call returns, and the copy runs while kernels do. A small array is copied on
the stream that computes, for that costs the host the least. A large one has a stream of its own, so
that the copy for the next step runs beside the kernels of this one.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import deque
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tensorgraph.base.backend import Array
from tensorgraph.base.errors import InternalError

# From this size on, a copy is worth two events and a stream of its own.
LARGE_BYTES = 1 << 20
# What comes back goes through pinned memory up to this size.
SMALL_RESULT = 1 << 16
# How many small copies of a size may be on their way before the host waits for one.
SLOTS = 16
# So many arrays of a size may wait to be read: that of this step, of the one before, and another.
LANES = 3

HostArray = np.ndarray[Any, Any]

# Pinned memory whose owner is gone, and the event after which nothing reads it any more. CuPy hands
# such memory out anew as soon as nobody has it, though the device may not have come to the copy.
_LEFT: deque[tuple[HostArray, Any]] = deque()


class Counts:
    """How much was copied, for tests and reports.

    Attributes
    ----------
    to_device, to_host : int
        How many arrays.
    bytes_to_device, bytes_to_host : int
        Their sizes together.
    """

    def __init__(self) -> None:
        self.to_device = self.to_host = 0
        self.bytes_to_device = self.bytes_to_host = 0

    def __repr__(self) -> str:
        return (
            f"<{self.to_device} arrays ({self.bytes_to_device:,} bytes) to the device,"
            f" {self.to_host} ({self.bytes_to_host:,} bytes) back>"
        )


class _Slot:
    """Pinned memory for one copy at a time, which stays until that is done, whoever has the slot.

    Attributes
    ----------
    host : array
        The memory, as bytes.
    copied : Event
        The copy out of `host` is done.
    """

    def __init__(self, xp: Any, size: int) -> None:
        _forget_done()
        memory = xp.cuda.alloc_pinned_memory(size)
        self.host = np.frombuffer(memory, np.uint8, size)
        self.copied = xp.cuda.Event(disable_timing=True)
        # The end may come anywhere, as that of a lease.
        weakref.finalize(self, _LEFT.append, (self.host, self.copied)).atexit = False

    def fill(self, array: HostArray) -> int:
        """Copy an array in, when the copy before has left; return the address."""
        self.copied.synchronize()
        np.copyto(_shaped(self.host, array), array, casting="no")
        return int(self.host.ctypes.data)


class _Lane(_Slot):
    """Pinned memory with memory of the device, which arrays lie in until nobody has them any more.

    Attributes
    ----------
    device : MemoryPointer
        The memory on the device.
    read : Event
        Whatever reads `device` is done.
    """

    def __init__(self, xp: Any, size: int) -> None:
        super().__init__(xp, size)
        self.device = xp.cuda.alloc(size)
        self.read = xp.cuda.Event(disable_timing=True)


class _Lease:
    """Who holds an array holds this; at the end its lane is free for another one.

    Where the end comes is not known, and it may be anywhere: in another thread, or while a stream
    is recorded. So nothing is done then but to say so.
    """

    def __init__(self, returned: deque[tuple[int, _Lane]], size: int, lane: _Lane) -> None:
        self._returned, self._size, self._lane = returned, size, lane

    def __del__(self) -> None:
        self._returned.append((self._size, self._lane))


class Transfers:
    """Copies between the host and one device.

    Parameters
    ----------
    xp : module
        CuPy.
    stream : Stream
        The stream that computes.
    lock : RLock
        Is held by whoever uses that stream.

    Attributes
    ----------
    counts : Counts
        What was copied so far.
    """

    def __init__(self, xp: Any, stream: Any, lock: AbstractContextManager[Any]) -> None:
        self.counts = Counts()
        self._xp, self._stream, self._lock = xp, stream, lock
        self._copying = xp.cuda.Stream(non_blocking=True)
        self._slots: dict[int, list[_Slot]] = {}
        self._lanes: dict[int, list[_Lane]] = {}
        self._returned: deque[tuple[int, _Lane]] = deque()

    def upload(self, array: HostArray) -> Array:
        """Return the array on the device; the caller may change its own at once.

        The kernels of the computing stream that come later find it there.

        Parameters
        ----------
        array : numpy.ndarray
            Of any layout.
        """
        with self._lock:
            self.counts.to_device += 1
            self.counts.bytes_to_device += array.nbytes
            if not array.size:
                return self._xp.empty(array.shape, array.dtype)
            if array.nbytes < LARGE_BYTES:
                return self._upload_small(array)
            return self._upload_large(array)

    def _upload_small(self, array: HostArray) -> Array:
        size = _rounded(array.nbytes)
        ring = self._slots.setdefault(size, [])
        slot = ring.pop(0) if len(ring) >= SLOTS else _Slot(self._xp, size)
        address = slot.fill(array)
        with self._stream:
            result = self._xp.empty(array.shape, array.dtype)
            result.data.copy_from_host_async(address, array.nbytes)
            slot.copied.record(self._stream)
        ring.append(slot)
        return result

    def _upload_large(self, array: HostArray) -> Array:
        if self._stream.is_capturing():
            # The other stream would not know of it, and copy at once, whatever becomes of the lane.
            raise InternalError("nothing is copied to the device while a step is recorded")
        xp, size = self._xp, _rounded(array.nbytes)
        lane = self._free_lane(size)
        address = lane.fill(array)
        self._copying.wait_event(lane.read)
        lane.device.copy_from_host_async(address, array.nbytes, self._copying)
        lane.copied.record(self._copying)
        self._stream.wait_event(lane.copied)
        lease = _Lease(self._returned, size, lane)
        memory = xp.cuda.UnownedMemory(lane.device.ptr, size, lease, lane.device.device_id)
        return xp.ndarray(array.shape, array.dtype, xp.cuda.MemoryPointer(memory, 0))

    def _free_lane(self, size: int) -> _Lane:
        """Return a lane that nothing reads any more, or the one that was given back first."""
        while self._returned:
            past, back = self._returned.popleft()
            # Whatever reads its memory has been started by now.
            back.read.record(self._stream)
            self._lanes[past].append(back)
        free = self._lanes.setdefault(size, [])
        if len(free) < LANES and not (free and free[0].read.done):
            lane = _Lane(self._xp, size)
            # Its memory may have been another array's, which kernels still read.
            lane.read.record(self._stream)
            return lane
        return free.pop(0)

    def download(self, array: Array) -> HostArray:
        """Return a copy of an array in memory of the host, when it is computed.

        Parameters
        ----------
        array : array
            On the device.
        """
        with self._lock:
            self.counts.to_host += 1
            self.counts.bytes_to_host += array.nbytes
            if not 0 < array.nbytes <= SMALL_RESULT:
                result: HostArray = array.get()
                return result
            ring = self._slots.setdefault(SMALL_RESULT, [])
            slot = ring.pop(0) if ring else _Slot(self._xp, SMALL_RESULT)
            slot.copied.synchronize()
            pinned = _shaped(slot.host, array)
            array.get(out=pinned)
            ring.append(slot)
            return pinned.copy()


def _forget_done() -> None:
    """Let go of the memory of slots that nobody has, where the copy is done."""
    for _ in range(len(_LEFT)):
        # Another thread may be faster.
        with contextlib.suppress(IndexError):
            host, copied = _LEFT.popleft()
            if not copied.done:
                _LEFT.append((host, copied))


def _rounded(size: int) -> int:
    """Return the size of the memory for so many bytes: few sizes, so that they are used again."""
    return max(1 << 12, 1 << (size - 1).bit_length())


def _shaped(memory: HostArray, like: Any) -> HostArray:
    """Return the first bytes of memory as an array of the shape and type of another one."""
    shaped: HostArray = memory[: like.nbytes].view(like.dtype).reshape(like.shape)
    return shaped
