"""Copies between host and device: right whatever is changed meanwhile, counted, and few."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_nets import NETS, dropping, steps
from standin import Traffic

import tensorgraph as tf
from tensorgraph.backends.cuda import transfer
from tensorgraph.backends.cuda.backend import CupyBackend

KINDS = st.sampled_from(["?", "i1", "u2", "i4", "i8", "f2", "f4", "f8"])


@settings(max_examples=50)
@given(array=hnp.arrays(KINDS, hnp.array_shapes(min_dims=0, min_side=0)), data=st.data())
def test_there_and_back(lasting_cuda: CupyBackend, array: Any, data: st.DataObject) -> None:
    if array.ndim and data.draw(st.booleans()):
        array = array[::-1].T
    with lasting_cuda.running():
        back = lasting_cuda.to_host(lasting_cuda.from_host(array))
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert not np.shares_memory(back, array)


@pytest.mark.parametrize("size", [10, 1000, transfer.LARGE_BYTES // 4 + 1])
def test_what_was_fed_may_change_at_once(cuda: CupyBackend, size: int) -> None:
    wanted, results = [], []
    for step in range(2 * transfer.SLOTS):
        fed = np.full(size, step, np.float32)
        wanted.append(fed.sum())
        array = cuda.from_host(fed)
        fed[:] = -1
        with cuda.running():
            results.append(array.sum())
            del array
    assert [cuda.to_host(r) for r in results] == wanted


@pytest.mark.parametrize("size", [10, transfer.LARGE_BYTES])
def test_what_is_on_its_way_outlives_who_sent_it(cuda: CupyBackend, size: int) -> None:
    sender = CupyBackend()
    array = sender.from_host(np.full(size, 7, np.float32))
    gone = weakref.ref(sender.transfers)
    del sender
    gc.collect()
    assert gone() is None
    cuda.from_host(np.zeros(size, np.float32))
    assert (cuda.to_host(array) == 7).all()


def test_pinned_memory_that_nobody_has_is_let_go_after_the_copy(cuda: CupyBackend) -> None:
    sender = CupyBackend()
    sender.from_host(np.zeros(4, np.float32))
    (slot,) = sender.transfers._slots[4096]
    memory = weakref.ref(slot.host)
    del sender, slot
    gc.collect()
    cuda.stream.synchronize()
    cuda.from_host(np.zeros(4, np.float32))
    assert memory() is None


def test_nothing_large_is_copied_while_a_step_is_recorded(cuda: CupyBackend) -> None:
    with cuda.running():
        cuda.stream.begin_capture()
        with pytest.raises(tf.errors.InternalError, match="while a step is recorded"):
            cuda.from_host(np.zeros(transfer.LARGE_BYTES, np.uint8))
        cuda.stream.end_capture()
        assert not cuda.to_host(cuda.from_host(np.zeros(3))).any()


def test_memory_of_large_feeds_is_used_again_when_nobody_has_them(cuda: CupyBackend) -> None:
    fed = np.zeros(transfer.LARGE_BYTES, np.uint8)
    first = cuda.from_host(fed)
    place, part = first.data.ptr, first[5:]
    del first
    second = cuda.from_host(fed + 1)
    assert second.data.ptr != place
    del part
    third = cuda.from_host(fed + 2)
    assert third.data.ptr == place
    with cuda.running():
        assert [int(cuda.to_host(a)[7]) for a in (second, third)] == [1, 2]


def test_counts(cuda: CupyBackend) -> None:
    with cuda.running():
        cuda.to_host(cuda.from_host(np.zeros((3, 4), np.float32)))
        cuda.to_host(cuda.from_host(np.zeros((0, 4), np.float32)))
    counts = cuda.transfers.counts
    assert repr(counts) == "<2 arrays (48 bytes) to the device, 2 (48 bytes) back>"


def test_text_stays_on_the_host(cuda: CupyBackend) -> None:
    text = np.array([b"a", b"bc"], object)
    assert cuda.from_host(text) is text
    back = cuda.to_host(text)
    assert back.tolist() == text.tolist()
    assert back is not text


@pytest.mark.parametrize("net", [*NETS, dropping])
def test_a_step_moves_feeds_and_fetches_only(net: Any, traffic: Traffic) -> None:
    for number, _ in enumerate(steps(net, tf.ConfigProto(backend="cupy"), 6)):
        if number:
            assert (traffic.to_device, traffic.to_host) == (2, 1), traffic.log
        traffic.clear()
