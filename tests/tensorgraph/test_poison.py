"""Planted mistakes with memory, which `ConfigProto(poison_buffers=True)` must bring to light."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import Arena, KernelContext
from tensorgraph.runtime import plan as plans
from tensorgraph.runtime.poison import poison
from tensorgraph.runtime.regions import RegionKernel

Array = npt.NDArray[Any]
VALUES = np.array([0.5, -1.0, 2.0])


def compute(build: Callable[[tf.Tensor], tf.Tensor], poisoned: bool, x: Array = VALUES) -> Array:
    """Return what a function gives the second time that it runs."""
    config = tf.ConfigProto(poison_buffers=poisoned, intra_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        fed = tf.placeholder(x.dtype, x.shape)
        y = build(fed)
        session.run(y, {fed: x})
        return np.asarray(session.run(y, {fed: x}))


def pooled(x: tf.Tensor) -> tf.Tensor:
    """Return the images themselves, as poolings of one pixel: no region is without one."""
    return tf.nn.avg_pool(x, 1, 1, "VALID")


def read_twice(x: tf.Tensor) -> tf.Tensor:
    y = tf.tanh(x)
    return y + tf.exp(y)


READ_TWICE = np.tanh(VALUES) + np.exp(np.tanh(VALUES))


def test_a_life_cut_short_by_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    rightly = plans._last_uses

    def cut_short(*arguments: Any) -> Mapping[tf.Tensor, int]:
        last = rightly(*arguments)
        return {t: end - (t.op.type == "Tanh") for t, end in last.items()}

    np.testing.assert_allclose(compute(read_twice, poisoned=True), READ_TWICE)
    monkeypatch.setattr(plans, "_last_uses", cut_short)
    # By luck the result is right: what overwrites the buffer is the addition itself.
    np.testing.assert_allclose(compute(read_twice, poisoned=False), READ_TWICE)
    assert np.isnan(compute(read_twice, poisoned=True)).all()


def test_a_life_cut_short_within_a_region(
    monkeypatch: pytest.MonkeyPatch, share_everything: Callable[[pytest.MonkeyPatch], None]
) -> None:
    share_everything(monkeypatch)
    images = np.arange(5 * 6 * 6 * 2, dtype=np.float32).reshape(5, 6, 6, 2) / 100

    def build(x: tf.Tensor) -> tf.Tensor:
        y = tf.tanh(x)
        return pooled(tf.nn.relu(y + tf.exp(y)))

    wanted = np.maximum(np.tanh(images) + np.exp(np.tanh(images)), 0)
    np.testing.assert_allclose(compute(build, True, images), wanted, rtol=1e-6)
    rightly = RegionKernel._plan_local_memory

    def cut_short(kernel: RegionKernel, local: set[tf.Tensor]) -> None:
        rightly(kernel, local)
        assert any(t.op.type == "Tanh" for t in kernel._ends)
        kernel._ends = {t: end - (t.op.type == "Tanh") for t, end in kernel._ends.items()}

    monkeypatch.setattr(RegionKernel, "_plan_local_memory", cut_short)
    np.testing.assert_allclose(compute(build, False, images), wanted, rtol=1e-6)
    assert np.isnan(compute(build, True, images)).all()


def test_a_life_that_ends_with_a_region_too_early(
    monkeypatch: pytest.MonkeyPatch, share_everything: Callable[[pytest.MonkeyPatch], None]
) -> None:
    share_everything(monkeypatch)
    images = np.arange(5 * 6 * 6 * 2, dtype=np.float32).reshape(5, 6, 6, 2) / 100

    def build(x: tf.Tensor) -> tf.Tensor:
        y = tf.concat([x, x], 0)  # what changes the batch is in no region
        within = pooled(tf.nn.relu(tf.exp(y)))
        # So small that it lies in neither's memory.
        return tf.stack([tf.reduce_max(within), tf.reduce_max(y)])

    largest = images.max()
    np.testing.assert_allclose(compute(build, True, images), [np.exp(largest), largest], 1e-6)
    rightly = plans._last_uses

    def cut_short(program: Any, order: Any, owners: Any) -> Mapping[tf.Tensor, int]:
        (region,) = (step for step, ops in enumerate(order) if len(ops) > 1)
        last = rightly(program, order, owners)
        first = min((t for t in last if t.op.type == "ConcatV2"), key=lambda t: t.op.index)
        return {**last, first: region}

    monkeypatch.setattr(plans, "_last_uses", cut_short)
    np.testing.assert_allclose(compute(build, True, images), [np.exp(largest), np.nan], 1e-6)


def with_kernel(patch: pytest.MonkeyPatch, kernel: Callable[..., Any]) -> None:
    """Compute Tanh by another kernel."""
    patch.setattr(NumpyBackend, "kernels", {"Tanh": kernel})


def test_a_kernel_that_adds_to_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(k: KernelContext, x: Array) -> Array:
        k.out *= 0
        k.out += np.tanh(x)
        return k.out

    def build(x: tf.Tensor) -> tf.Tensor:
        return tf.tanh(x) * 2.0

    with_kernel(monkeypatch, add)
    # Without the mode it hangs on whatever was in the memory before.
    assert np.isnan(compute(build, poisoned=True)).all()


def test_a_kernel_that_finds_its_scratch_memory_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def remember(k: KernelContext, x: Array) -> Array:
        memory = k.part("one", k.out).scratch("memory", x.shape, x.dtype)
        if k.count() == 0:
            memory[:] = np.tanh(x)
        k.out[:] = memory
        return k.out

    def build(x: tf.Tensor) -> tf.Tensor:
        return tf.exp(tf.tanh(x))

    with_kernel(monkeypatch, remember)
    np.testing.assert_allclose(compute(build, poisoned=False), np.exp(np.tanh(VALUES)))
    assert np.isnan(compute(build, poisoned=True)).all()


def test_bodies_of_loops_are_spoilt_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(x: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, read_twice(a)), [0, x])[1]

    wanted = VALUES
    for _ in range(3):
        wanted = np.tanh(wanted) + np.exp(np.tanh(wanted))
    np.testing.assert_allclose(compute(build, poisoned=True), wanted)
    rightly = plans._last_uses
    monkeypatch.setattr(
        plans,
        "_last_uses",
        lambda *given: {t: end - (t.op.type == "Tanh") for t, end in rightly(*given).items()},
    )
    assert np.isnan(compute(build, poisoned=True)).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_floats_become_nan(dtype: str) -> None:
    array = np.ones((2, 3), dtype).T
    poison(array)
    assert np.isnan(array).all()


def test_what_is_no_float_becomes_odd() -> None:
    for array in (np.zeros(2, np.int8), np.zeros((), np.int64), np.zeros(2, np.uint16)):
        poison(array)
        assert (array == np.iinfo(array.dtype).max).all()
    poison(flags := np.zeros(3, np.bool_))
    assert flags.all()
    poison(memory := np.zeros(16, np.uint8))
    assert np.isnan(memory.view(np.float32)).all()
    assert np.isnan(memory.view(np.float64)).all()


def test_an_arena_yields_the_memory_of_its_parts() -> None:
    arena = Arena()
    with tf.Graph().as_default():
        k = KernelContext(tf.no_op(), NumpyBackend(), arena=arena)
    k.scratch("a", (2,), np.float32)
    k.part("one", None).part("two", None).scratch("b", (3,), np.int64)
    k.scratch("own", (2,), np.float32, fill=0)
    assert sorted(array.nbytes for array in arena.arrays()) == [8, 24]


def test_the_environment_says_what_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENSORGRAPH_POISON", raising=False)
    assert not tf.ConfigProto().poison_buffers
    monkeypatch.setenv("TENSORGRAPH_POISON", "1")
    assert tf.ConfigProto().poison_buffers
    assert not tf.ConfigProto(poison_buffers=False).poison_buffers


def test_who_does_not_ask_does_not_pay() -> None:
    with tf.Graph().as_default():
        y = tf.tanh(tf.placeholder(tf.float32, [2]))
        for poisoned in (False, True):
            config = tf.ConfigProto(poison_buffers=poisoned)
            with tf.Session(config=config) as session:
                (step,) = session.plan(y, {y.op.inputs[0]: [1, 2]}).steps
            assert (step.kernel == y.op.definition.kernel) is not poisoned
