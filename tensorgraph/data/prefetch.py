"""Making the next batches while the current one is computed with."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")

# How often a thread with a full queue looks whether anyone still wants its batches.
_LOOK_SECONDS = 0.1


def prefetch(items: Iterator[Item], ahead: int) -> Iterator[Item]:
    """Return the same items, made by a thread that is some of them ahead.

    NumPy and file reading let other threads run, so that making batches and computing overlap.
    The thread ends with the items, and as soon as the returned iterator is closed or dropped.

    Parameters
    ----------
    items : iterator
        Runs in the thread. An error in it is raised at the place of the item it was to give.
    ahead : int
        How many items wait at most; 0 makes no thread.

    Raises
    ------
    ValueError
        If `ahead` is negative.
    """
    if ahead < 0:
        raise ValueError(f"at least 0 items are made ahead, not {ahead}")
    return _drawn(items, ahead) if ahead else items


class _End:
    """Stands behind the last item, with the error that ended them, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def _drawn(items: Iterator[Item], ahead: int) -> Iterator[Item]:
    ready: queue.Queue[Item | _End] = queue.Queue(ahead)
    stop = threading.Event()

    def put(item: Item | _End) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # told to whoever waits for the item
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=work, name="tensorgraph-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()
