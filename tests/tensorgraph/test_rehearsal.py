"""Plans whose later runs only repeat the calls that were noted in the second one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.passes import pipeline
from tensorgraph.runtime import rehearsal

Array = npt.NDArray[Any]
WITHOUT = tuple(name for name in pipeline.NAMES if name != pipeline.REPLAY)


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as made:
        tf.set_random_seed(3)
        yield made


def session_of(passes: Any = None, **options: Any) -> tf.Session:
    names = pipeline.NAMES if passes is None else passes
    return tf.Session(config=tf.ConfigProto(passes=names, poison_buffers=False, **options))


def numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def repeated(session: tf.Session, fetches: Any, feeds: Any) -> set[str]:
    """Return the types of the operations whose calls are repeated."""
    plan: Any = session.plan(fetches, feeds)
    assert plan._straight is not None
    lines = plan._straight.source.splitlines()[2:]
    steps = zip(plan.steps, lines, strict=False)
    return {step.context.op.type for step, line in steps if line.lstrip().startswith("r")}


def test_results_follow_the_feeds() -> None:
    x = tf.placeholder(tf.float32, [None, 5])
    y = tf.nn.relu(tf.matmul(x, tf.constant(numbers(0, 5, 3))) + 1.0)
    with session_of() as session, session_of(WITHOUT) as plain:
        for seed in range(6):
            feed = {x: numbers(seed, 4, 5)[:, ::1] if seed % 2 else numbers(seed, 5, 4).T}
            np.testing.assert_array_equal(session.run(y, feed), plain.run(y, feed))
        assert {"MatMul", "Relu"} <= repeated(session, y, feed)


def test_results_are_the_callers_own() -> None:
    x = tf.placeholder(tf.float32, [3])
    with session_of() as session:
        kept = [session.run([x * 2.0, x], {x: np.full(3, n, np.float32)}) for n in range(5)]
    for n, (doubled, fed) in enumerate(kept):
        assert doubled.tolist() == [2.0 * n] * 3
        assert fed.tolist() == [n] * 3


def test_large_feeds_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "MOST_STAGED", 8)
    x = tf.placeholder(tf.float32, [2, 3])
    y = tf.nn.softmax(tf.nn.relu(x))
    with session_of() as session, session_of(WITHOUT) as plain:
        for seed in range(5):
            feed = {x: numbers(seed, 2, 3)}
            np.testing.assert_array_equal(session.run(y, feed), plain.run(y, feed))
        assert repeated(session, y, {x: numbers(0, 2, 3)}) == {"Softmax"}


class TestVariables:
    def test_changes_within_a_run_are_seen(self) -> None:
        v = tf.Variable(np.zeros(3, np.float32))
        before = v + 0.0
        with tf.control_dependencies([before]):
            step = v.assign_add([1.0, 2.0, 3.0])
        with session_of() as session:
            session.run(v.initializer)
            for n in range(6):
                old, new = session.run([before, step])
                assert old.tolist() == [n, 2 * n, 3 * n]
                assert new.tolist() == [n + 1, 2 * n + 2, 3 * n + 3]

    def test_a_value_of_another_shape_lies_elsewhere(self) -> None:
        v = tf.Variable(np.zeros(3, np.float32), validate_shape=False)
        fed = tf.placeholder(tf.float32, None)
        put, total = tf.assign(v, fed, validate_shape=False), tf.reduce_sum(v * 2.0)
        with session_of() as session:
            session.run(v.initializer)
            for n in (2, 2, 2, 5, 5, 5, 1, 1, 1):
                session.run(put, {fed: np.ones(n, np.float32)})
                assert session.run(total) == 2 * n

    def test_storage_that_moves(self) -> None:
        v = tf.Variable(np.ones(3, np.float32))
        doubled = v * 2.0
        with session_of() as session:
            session.run(v.initializer)
            for _ in range(4):
                assert session.run(doubled).tolist() == [2.0] * 3
            cell: Any = session._plans.state.cell(v.op)
            cell.place(np.empty(3, np.float32))
            session.run(v.assign([5.0, 6.0, 7.0]))
            for _ in range(4):
                assert session.run(doubled).tolist() == [10.0, 12.0, 14.0]

    def test_one_without_a_value_is_told_again(self) -> None:
        v = tf.Variable(1.0)
        with session_of() as session:
            for _ in range(4):
                with pytest.raises(tf.errors.FailedPreconditionError):
                    session.run(v + 1.0)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: tf.train.GradientDescentOptimizer(0.1),
            lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
            lambda: tf.train.AdamOptimizer(0.01),
            lambda: tf.train.RMSPropOptimizer(0.01, centered=True),
            lambda: tf.train.AdagradOptimizer(0.1),
            lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
        ],
    )
    def test_optimizers(self, make: Callable[[], tf.train.Optimizer]) -> None:
        x = tf.placeholder(tf.float32, [8, 4])
        h = x
        for size in (5, 4, 3, 1):  # enough variables to be kept together
            h = tf.layers.dense(h, size, tf.nn.tanh)
        step = make().minimize(tf.reduce_mean((h - 1.0) ** 2.0))
        found = []
        for passes in (pipeline.NAMES, WITHOUT):
            with session_of(passes) as session:
                session.run(tf.global_variables_initializer())
                for seed in range(7):
                    session.run(step, {x: numbers(seed, 8, 4)})
                found.append(session.run(tf.trainable_variables()))
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)


class TestDecisions:
    def test_labels_that_are_no_classes(self) -> None:
        logits = tf.placeholder(tf.float32, [None, 3])
        labels = tf.placeholder(tf.int64, [None])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=logits, name="losses"
        )
        good = {logits: numbers(0, 4, 3), labels: np.array([0, 1, 2, 0])}
        bad = {logits: numbers(0, 4, 3), labels: np.array([0, 1, 3, 0])}
        with session_of() as session:
            wanted = session.run(losses, good)
            for _ in range(3):
                np.testing.assert_array_equal(session.run(losses, good), wanted)
                with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[0, 3\)") as caught:
                    session.run(losses, bad)
                assert "losses" in caught.value.node
            assert "SparseSoftmaxCrossEntropyWithLogits" in repeated(session, losses, good)

    def test_a_kernel_takes_another_way(self) -> None:
        x = tf.placeholder(tf.float32, [16, 2, 2, 4])
        y = tf.layers.batch_normalization(x, training=True)
        near = numbers(0, 16, 2, 2, 4)
        far = (near + 1000).astype(np.float32)
        whole = [name for name in pipeline.NAMES if name != "norms"]
        with session_of(whole) as session, session_of(WITHOUT) as plain:
            for s in (session, plain):
                s.run(tf.global_variables_initializer())
            for value in (near, near, near, far, near, far, far):
                got, wanted = session.run(y, {x: value}), plain.run(y, {x: value})
                np.testing.assert_allclose(got, wanted, atol=1e-3)
            assert "FusedBatchNormV3" in repeated(session, y, {x: near})

    def test_random_numbers_are_new_ones(self) -> None:
        x = tf.ones([1000])
        y = tf.nn.dropout(x, 0.5) * 2.0
        results = []
        for passes in (pipeline.NAMES, WITHOUT):
            with session_of(passes) as session:
                results.append([session.run(y) for _ in range(5)])
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)
        assert not np.array_equal(results[0][3], results[0][4])


def test_who_looks_at_the_plan_sees_kernels(tmp_path: Any) -> None:
    """What is traced, checked or spoilt is done by kernels, each by itself."""
    x = tf.placeholder(tf.float32, [4])
    y = tf.log(tf.sin(x))
    metadata, options = tf.RunMetadata(), tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with session_of() as session:
        for _ in range(4):
            session.run(y, {x: np.ones(4, np.float32)})
        session.run(y, {x: np.ones(4, np.float32)}, options, metadata)
    names = [node.node_name for node in metadata.step_stats.dev_stats[0].node_stats]
    assert names == [t.op.name for t in (y.op.inputs[0], y)]
    with session_of(check_numerics=True) as session:
        for _ in range(3):
            session.run(y, {x: np.ones(4, np.float32)})
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(y, {x: np.zeros(4, np.float32) - 1})


def test_threads_take_turns() -> None:
    x = tf.placeholder(tf.float32, [16, 16])
    y = tf.matmul(tf.sin(x), x)
    feeds = [numbers(seed, 16, 16) for seed in range(4)]
    wrong: list[int] = []
    with session_of() as session:
        wanted = [session.run(y, {x: feed}) for feed in feeds]

        def work(place: int) -> None:
            for _ in range(200):
                if not np.array_equal(session.run(y, {x: feeds[place]}), wanted[place]):
                    wrong.append(place)

        threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
