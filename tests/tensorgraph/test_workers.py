"""Threads that share the work of a kernel, and how a batch is split between them."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.backends.workers import Workers, processors
from tensorgraph.graph.kernel import Arena, KernelContext
from tensorgraph.ops.shares import Block, for_blocks, sum_blocks


def test_every_share_is_worked_once_and_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    seen = []

    def task(share: int) -> None:
        meeting.wait()
        seen.append((share, threading.get_ident()))

    workers = Workers()
    for _ in range(3):
        seen.clear()
        workers.spread(3, task)
        assert sorted(share for share, _ in seen) == [0, 1, 2]
        assert len({thread for _, thread in seen}) == 3
        assert (0, threading.get_ident()) in seen


def test_an_error_is_raised_after_all_have_ended() -> None:
    ended = []

    def task(share: int) -> None:
        if share:
            ended.append(share)
            raise ValueError(f"share {share}")

    workers = Workers()
    with pytest.raises(ValueError, match="share 1"):
        workers.spread(3, task)
    assert sorted(ended) == [1, 2]
    workers.spread(2, lambda share: ended.append(10 + share))
    assert sorted(ended) == [1, 2, 10, 11]


def test_an_interruption_waits_for_the_helpers() -> None:
    """A user's Ctrl-C: no helper may still write when the caller goes on."""
    ended = []

    def task(share: int) -> None:
        if share:
            _thread.interrupt_main()
            time.sleep(0.1)
            ended.append(share)

    workers = Workers()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            workers.spread(3, task)
        assert sorted(ended) == [1, 2]
        ended.clear()
    workers.spread(3, ended.append)
    assert sorted(ended) == [0, 1, 2]


def test_shares_within_shares_are_worked_in_turn() -> None:
    """A second session, in another thread, does its work alone while the helpers are busy."""
    seen: list[tuple[int, int]] = []
    workers = Workers()
    workers.spread(2, lambda a: workers.spread(2, lambda b: seen.append((a, b))))
    assert sorted(seen) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_helpers_warn_of_nothing() -> None:
    found: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        Workers().spread(2, lambda share: found.update({share: np.geterr()}))
    assert found[0] == found[1] == dict.fromkeys(("divide", "over", "under", "invalid"), "ignore")


def test_the_blas_gets_its_threads_back() -> None:
    workers = Workers()
    blas = workers._blas
    if blas is None:
        pytest.skip("no BLAS whose threads can be set")
    before = blas.get_num_threads()
    blas.set_num_threads(2)
    try:
        inside: list[int] = []
        workers.spread(2, lambda share: inside.append(blas.get_num_threads()))
        assert inside == [1, 1]
        assert blas.get_num_threads() == 2
        # Within a run, only once it has ended; of two runs, the last.
        workers.begin_run()
        workers.begin_run()
        assert blas.get_num_threads() == 2
        workers.spread(2, lambda share: None)
        workers.end_run()
        assert blas.get_num_threads() == 1
        workers.end_run()
        assert blas.get_num_threads() == 2
    finally:
        blas.set_num_threads(before)


FORKING = """
import os, warnings
from tensorgraph.backends.numpy_backend import NumpyBackend

warnings.simplefilter("ignore", DeprecationWarning)
NumpyBackend().spread(2, lambda share: None)
child = os.fork()
if child == 0:
    NumpyBackend().spread(2, lambda share: None)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_workers_of_its_own() -> None:
    # In a process of its own, for other libraries that tests import mind being forked.
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("threads", [1, 4])
def test_a_session_has_as_many_threads_as_it_asks_for(threads: int) -> None:
    """More than there are processors, too."""
    if Workers()._blas is None:
        pytest.skip("no BLAS whose threads can be set")
    with tf.Graph().as_default():
        session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=threads))
    backend = session._backend
    assert backend.workers == threads
    meeting = threading.Barrier(threads, timeout=10)
    seen = set()

    def task(share: int) -> None:
        meeting.wait()
        seen.add(threading.get_ident())

    backend.spread(backend.workers, task)
    assert len(seen) == threads


def test_threads_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers()
    assert workers.count_for(0) == workers.count <= processors()
    # Where the BLAS keeps its own threads, ours would be too many.
    monkeypatch.setattr(Workers, "_blas", None)
    assert Workers().count_for(0) == Workers().count_for(4) == 1


class ThreeWorkers(NumpyBackend):
    @property
    def workers(self) -> int:
        return 3

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        for share in reversed(range(shares)):
            task(share)


def context() -> KernelContext:
    with tf.Graph().as_default():
        return KernelContext(tf.no_op(), ThreeWorkers())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 65])
@pytest.mark.parametrize("bytes_each", [1, 1 << 18, 1 << 19, 1 << 22])
@pytest.mark.parametrize("fewest", [1, 5])
def test_blocks_cover_a_batch_once(count: int, bytes_each: int, fewest: int) -> None:
    blocks: list[Block] = []
    workers = for_blocks(context(), count, bytes_each, blocks.append, fewest)
    blocks.sort(key=lambda block: block.start)
    assert [i for block in blocks for i in range(count)[block.part]] == list(range(count))
    assert all(block.size > 0 for block in blocks)
    # Each worker has one range, and one first block.
    assert [block.worker for block in blocks] == sorted(block.worker for block in blocks)
    assert [block.worker for block in blocks if block.first] == list(range(workers))[:count]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 65])
def test_sums_over_blocks(count: int) -> None:
    rows = np.arange(count * 3.0).reshape(count, 3)

    def task(block: Block, part: Any) -> None:
        part[...] = rows[block.part].sum(0)

    for bytes_each in (1, 1 << 19):
        out = np.full(3, np.nan)
        sum_blocks(context(), count, bytes_each, out, task)
        np.testing.assert_array_equal(out, rows.sum(0))


def test_scratch_is_filled_once() -> None:
    k = context()
    first = k.scratch("frame", (2, 2), np.float32, 7.0)
    assert (first == 7).all()
    first[0] = 1
    assert k.scratch("frame", (2, 2), np.float32, 7.0) is first
    assert (k.scratch("frame", (3,), np.float32, 7.0) == 7).all()


def test_nodes_share_scratch_of_one_key() -> None:
    arena = Arena()
    op = context().op
    small, large = (KernelContext(op, ThreeWorkers(), arena=arena) for _ in range(2))
    first = small.scratch("rows", (2, 3), np.float32)
    assert small.scratch("rows", (2, 3), np.float32) is first
    other = large.scratch("rows", (5, 3), np.float64)
    assert (other.shape, other.dtype) == ((5, 3), np.float64)
    # The memory has grown: from now on both use the larger one.
    assert np.shares_memory(small.scratch("rows", (2, 3), np.float32), other)
    assert not np.shares_memory(small.scratch("more", (2, 3), np.float32), other)
    # Parts of the work run at the same time.
    parts = [small.part(name, None).scratch("rows", (2,), np.float32) for name in "ab"]
    assert not np.shares_memory(*parts)
    assert not np.shares_memory(parts[0], other)
    # What is filled stays the node's own.
    filled = small.scratch("frame", (2,), np.float32, 1.0)
    assert not np.shares_memory(filled, large.scratch("frame", (2,), np.float32, 1.0))
