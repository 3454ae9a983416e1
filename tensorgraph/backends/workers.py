"""Threads that share the work of one kernel, and the BLAS kept to one thread meanwhile.

NumPy releases the interpreter's lock while it computes, so threads of Python really do compute at
the same time. A kernel splits its batch into shares, one for each worker, always in the same way:
what a share adds up does not depend on which thread was faster, and results are the same from run
to run.

The BLAS has threads of its own. Where both had theirs, there would be more threads than
processors, which costs far more than it brings, the more so as those of the BLAS keep a processor
busy for a while after they have done their work. So from the first large kernel of a
run to the run's end, the BLAS has one thread.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

Task = Callable[[int], None]


class _Helper:
    """A thread that waits for one task at a time."""

    def __init__(self, index: int) -> None:
        self._index = index
        # A lock handed over is the fastest signal: 6 µs there and back. It only wakes; what
        # counts is `_ended`, for a user's Ctrl-C may come between any two lines of who waits.
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._ended = True
        self._task: Task | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._work, name=f"worker {index}", daemon=True).start()

    def start(self, task: Task) -> None:
        """Begin with ``task(index)``."""
        self._ended, self._error, self._task = False, None, task
        self._go.release()

    def finish(self) -> BaseException | None:
        """Wait for the end; return what the task raised, or what interrupted the waiting."""
        interruption = None
        while not self._ended:
            try:
                self._done.acquire()
            except BaseException as error:
                # The task writes to memory that whoever goes on would use.
                interruption = error
        self._task = None
        return self._error or interruption

    def _work(self) -> None:
        # Each thread has its own error state: NaN and infinity are values, as in the other thread.
        with np.errstate(all="ignore"):
            while True:
                self._go.acquire()
                try:
                    assert self._task is not None
                    self._task(self._index)
                except BaseException as error:
                    # For the thread that waits, which raises it.
                    self._error = error
                self._ended = True
                with contextlib.suppress(RuntimeError):  # nobody waits
                    self._done.release()


class Workers:
    """The thread that calls, and helpers.

    Where nobody says how many, there are as many threads as the BLAS would use; so
    ``OMP_NUM_THREADS`` and ``OPENBLAS_NUM_THREADS`` limit them too. Where nothing can keep the BLAS
    to one thread (Apple's Accelerate), there are no helpers.
    """

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._helpers: list[_Helper] = []
        self._counting = threading.Lock()
        # As many as there are runs: to add and to take away is one step each, without a lock.
        self._runs: list[None] = []
        self._blas_threads = 0  # to be given back; 0 while the BLAS has them

    @functools.cached_property
    def count(self) -> int:
        """How many threads there are where nobody says how many; it stays what it was at first.

        Changes would change what kernels add up in which order, and with it the last bits.
        """
        return 1 if self._blas is None else max(1, min(self._blas.get_num_threads(), processors()))

    def count_for(self, threads: int) -> int:
        """Return how many shares are worked at the same time for who asks for so many threads.

        They may be more than there are processors: so a run can repeat that of another machine.

        Parameters
        ----------
        threads : int
            How many; 0 for `count`.
        """
        if not threads:
            return self.count
        return 1 if self._blas is None else threads

    def begin_run(self) -> None:
        """Say that kernels will come; each call needs one of `end_run`."""
        self._runs.append(None)

    def end_run(self) -> None:
        """Give the BLAS its threads back, if this was the last run of any session."""
        self._runs.pop()
        if self._blas_threads and not self._runs:
            self._give_back()

    def _give_back(self) -> None:
        with self._counting:
            # In this order: a run that begins meanwhile sees that the BLAS has its threads again,
            # and waits to take them, or is seen here.
            threads, self._blas_threads = self._blas_threads, 0
            if self._runs:
                self._blas_threads = threads
            elif threads:
                self._blas.set_num_threads(threads)

    def spread(self, shares: int, task: Task) -> None:
        """Call ``task(0)`` to ``task(shares - 1)``, at the same time if no other thread does so.

        Parameters
        ----------
        shares : int
            How many.
        task : callable
            What to do for a share.

        Raises
        ------
        BaseException
            What a task raised; that of the lowest share if there are several.
        """
        self.begin_run()
        try:
            self._keep_blas_to_one_thread()
            if shares > 1 and self._busy.acquire(blocking=False):
                try:
                    self._share(shares, task)
                finally:
                    self._busy.release()
            else:
                for share in range(shares):
                    task(share)
        finally:
            self.end_run()

    def _keep_blas_to_one_thread(self) -> None:
        if self._blas_threads:
            return
        with self._counting:
            if self._blas is not None and not self._blas_threads:
                self._blas_threads = self._blas.get_num_threads()
                self._blas.set_num_threads(1)

    def _share(self, shares: int, task: Task) -> None:
        while len(self._helpers) < shares - 1:
            self._helpers.append(_Helper(len(self._helpers) + 1))
        started: list[_Helper] = []
        errors: list[BaseException | None] = []
        try:
            for helper in self._helpers[: shares - 1]:
                started.append(helper)
                helper.start(task)
            task(0)
        except BaseException as error:
            # Raised below: the helpers must have come to an end first.
            errors.append(error)
        errors += [helper.finish() for helper in started]
        for found in errors:
            if found is not None:
                raise found

    @functools.cached_property
    def _blas(self) -> Any:
        """What sets the number of threads of NumPy's BLAS; None where nothing can."""
        # Imported here: only large work needs it.
        from threadpoolctl import ThreadpoolController

        found = ThreadpoolController().select(user_api="blas").lib_controllers
        own = [c for c in found if c.filepath.startswith(os.path.dirname(np.__file__))]
        return next(iter(own or found), None)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_SHARED: list[Workers] = []


def shared_workers() -> Workers:
    """Return the workers of this process, which all sessions share."""
    if not _SHARED:
        _SHARED.append(Workers())
    return _SHARED[0]


if hasattr(os, "register_at_fork"):
    # Threads do not live on in a child process: it makes its own.
    os.register_at_fork(after_in_child=_SHARED.clear)
