"""Streams, events and graphs.

Work is done at once, but for copies between host and device: these are done when something waits
for them, as late as a card may do them. So whoever changes the source too early, or reads the
result without waiting, gets wrong numbers here too.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

Work = Callable[[], None]


class CUDARuntimeError(RuntimeError):
    """An error of CUDA's runtime."""

    def __init__(self, status: int | str) -> None:
        self.status = status
        super().__init__(f"{status}: the stand-in says so")


class Stream:
    """A queue of work."""

    null: ClassVar[Stream]
    _numbers = itertools.count(1 << 20)
    _all: ClassVar[weakref.WeakSet[Stream]] = weakref.WeakSet()

    def __init__(
        self,
        null: bool = False,
        non_blocking: bool = False,
        ptds: bool = False,
        priority: int | None = None,
    ) -> None:
        self.ptr = 0 if null else next(self._numbers)
        self.device_id = -1 if null else 0
        self.is_non_blocking = non_blocking
        self.pending: list[Work] = []
        self.done_count = 0
        self.captured: list[Work] | None = None
        self._before: list[Stream] = []
        Stream._all.add(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return hash(self.ptr)

    def __enter__(self) -> Stream:
        self._before.append(get_current_stream())
        _THREAD.stream = self
        return self

    def __exit__(self, *error: object) -> None:
        _THREAD.stream = self._before.pop()

    def use(self) -> Stream:
        _THREAD.stream = self
        return self

    @property
    def done(self) -> bool:
        return not self.pending

    def synchronize(self) -> None:
        if self.captured is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported")
        self.settle()

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        if self.captured is not None and event.capture is not self.captured:
            raise CUDARuntimeError("cudaErrorStreamCaptureIsolation")
        event.finish()

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.captured is not None:
            raise CUDARuntimeError("cudaErrorIllegalState")
        self.settle()
        self.captured = []

    def end_capture(self) -> Graph:
        work, self.captured = self.captured, None
        if work is None:
            raise CUDARuntimeError("cudaErrorIllegalState")
        return Graph._made(work)

    def is_capturing(self) -> bool:
        return self.captured is not None

    # What the real one does not have.

    def settle(self, upto: int | None = None) -> None:
        """Do what is pending, of this stream and of those that it waits for by itself."""
        if upto is None:
            if self.ptr == 0:
                for other in list(Stream._all):
                    if not other.is_non_blocking and other is not self:
                        other.settle(other.done_count + len(other.pending))
            elif not self.is_non_blocking:
                Stream.null.settle(Stream.null.done_count + len(Stream.null.pending))
            upto = self.done_count + len(self.pending)
        while self.pending and self.done_count < upto:
            self.done_count += 1
            self.pending.pop(0)()

    def later(self, work: Work) -> None:
        """Do a copy when something waits for it."""
        if self.captured is not None:
            self.captured.append(work)
        else:
            self.pending.append(work)


class Event:
    """A place in a stream."""

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self._place: tuple[Stream, int] | None = None
        self.capture: list[Work] | None = None

    @property
    def done(self) -> bool:
        return self._place is None or self._place[0].done_count >= self._place[1]

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or get_current_stream()
        self.capture = stream.captured
        if stream.captured is None:
            self._place = stream, stream.done_count + len(stream.pending)

    def synchronize(self) -> None:
        if self.capture is not None:
            raise CUDARuntimeError("cudaErrorCapturedEvent")
        self.finish()

    def finish(self) -> None:
        if self._place is not None:
            self._place[0].settle(self._place[1])


class Graph:
    """Work that was captured."""

    _work: list[Work]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("currently this class cannot be initiated by the user")

    @classmethod
    def _made(cls, work: list[Work]) -> Graph:
        graph = cls.__new__(cls)
        graph._work = work
        return graph

    def launch(self, stream: Stream | None = None) -> None:
        for work in self._work:
            effect(work, stream)

    def upload(self, stream: Stream | None = None) -> None:
        """Do nothing: there is nothing to prepare."""

    def debug_dot_str(self, flags: int = 0) -> str:
        return f"digraph {{ // {len(self._work)} nodes\n}}"


class _Thread(threading.local):
    stream: Stream | None = None


_THREAD = _Thread()
Stream.null = Stream(null=True)


def get_current_stream(device_id: int = -1) -> Stream:
    return _THREAD.stream or Stream.null


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    return 0.0


def effect(work: Work, stream: Stream | None = None) -> None:
    """Do something on a stream, or record it there."""
    stream = stream or get_current_stream()
    if stream.captured is not None:
        stream.captured.append(work)
    else:
        stream.settle()
        work()


def recording() -> list[Work] | None:
    """Return where the current stream records; None where it works."""
    return get_current_stream().captured
