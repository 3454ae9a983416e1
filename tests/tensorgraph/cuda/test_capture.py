"""A step that was recorded computes what the same step does kernel by kernel."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.cuda import capture
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.cuda.capture import Capture

# A function makes a net, and returns what to fetch, and what a step is fed.
Net = Callable[[], tuple[Any, Callable[[int], dict[Any, Any]]]]


@pytest.fixture(autouse=True)
def fresh_graph() -> None:
    tf.reset_default_graph()


def dense() -> tuple[Any, Any]:
    x, y = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.int32, [None])
    h = tf.layers.dense(x, 8, tf.nn.relu, kernel_initializer=_spread(48))
    logits = tf.layers.dense(h, 3, kernel_initializer=_spread(24))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(0.05).minimize(loss)

    def feeds(n: int) -> dict[Any, Any]:
        numbers = np.random.default_rng(n)
        return {x: numbers.standard_normal((4, 6)), y: numbers.integers(0, 3, 4)}

    return [loss, step], feeds


def images() -> tuple[Any, Any]:
    x = tf.placeholder(tf.float32, [2, 6, 6, 2])
    h = tf.layers.conv2d(x, 3, 3, activation=tf.nn.relu, kernel_initializer=_spread(54))
    h = tf.layers.max_pooling2d(tf.layers.batch_normalization(h, training=True), 2, 2)
    loss = tf.reduce_mean(tf.layers.dense(tf.layers.flatten(h), 1, kernel_initializer=_spread(12)))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss**2)

    def feeds(n: int) -> dict[Any, Any]:
        return {x: np.random.default_rng(n).standard_normal((2, 6, 6, 2))}

    return [loss, step], feeds


def words() -> tuple[Any, Any]:
    ids = tf.placeholder(tf.int32, [4, 3])
    table = tf.get_variable("table", [7, 5], initializer=_spread(35))
    h = tf.nn.embedding_lookup(table, ids)
    outputs, _ = tf.nn.dynamic_rnn(
        tf.nn.rnn_cell.LSTMCell(4, initializer=_spread(144)), h, dtype=tf.float32
    )
    loss = tf.reduce_mean(tf.square(outputs - 0.2))
    step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    return [loss, step], lambda n: {ids: np.random.default_rng(n).integers(0, 7, (4, 3))}


NETS: dict[str, Net] = {"dense": dense, "images": images, "words": words}


def _spread(count: int) -> Any:
    return tf.constant_initializer(np.linspace(-1, 1, count))


@contextmanager
def session(backend: str, **options: Any) -> Iterator[tf.Session]:
    """Open a session on the default graph, its variables initialised."""
    with tf.Session(config=tf.ConfigProto(backend=backend, **options)) as opened:
        opened.run(tf.global_variables_initializer())
        yield opened


def trained(net: Net, backend: str, steps: int = 7, **options: Any) -> tuple[list[Any], Capture]:
    """Return the losses of some steps with the variables at the end, and what ran the steps."""
    tf.reset_default_graph()
    fetches, feeds = net()
    with session(backend, **options) as opened:
        losses = [opened.run(fetches, feeds(n))[0] for n in range(steps)]
        plan: Any = opened.plan(fetches, feeds(0))
        return [*losses, *opened.run(tf.global_variables())], plan.executor


@pytest.mark.parametrize("name", NETS)
def test_a_recorded_step_trains_as_every_other_does(name: str, cuda: CupyBackend) -> None:
    wanted, _ = trained(NETS[name], "numpy")
    recorded, executor = trained(NETS[name], "cupy")
    assert executor.refusal is None
    assert executor.recordings == 1
    eager, nothing = trained(NETS[name], "cupy", cuda_graphs=False)
    assert nothing is None
    for found, plain, expected in zip(recorded, eager, wanted, strict=True):
        np.testing.assert_array_equal(found, plain)
        np.testing.assert_allclose(found, expected, 2e-4, 1e-5)


def test_a_plan_for_each_shape_is_recorded_by_itself(cuda: CupyBackend) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.reduce_sum(x * 2.0)
    with session("cupy") as opened:
        for n in range(12):
            size = 2 + n % 2
            assert opened.run(y, {x: np.full(size, n)}) == 2 * n * size
        for size in (2, 3):
            plan: Any = opened.plan(y, {x: np.zeros(size)})
            assert plan.executor.recordings == 1


def test_what_is_fed_and_fetched_is_the_callers(cuda: CupyBackend) -> None:
    x = tf.placeholder(tf.float32, [3])
    y = x + 1.0
    fed = np.zeros(3, np.float32)
    with session("cupy") as opened:
        found = []
        for n in range(6):
            fed[...] = n
            found.append(opened.run(y, {x: fed}))
            fed[...] = -1
        for n, values in enumerate(found):
            np.testing.assert_array_equal(values, np.full(3, n + 1.0))


def test_variables_assigned_between_runs_are_seen(cuda: CupyBackend) -> None:
    v = tf.Variable(1.0)
    w = tf.get_variable("w", initializer=np.zeros(2, np.float32), validate_shape=False)
    given = tf.placeholder(tf.float32, None)
    other = tf.assign(w, given, validate_shape=False)
    step, total = v.assign_add(1.0), v * 10.0 + tf.reduce_sum(w)
    with session("cupy") as opened:
        for _ in range(5):
            opened.run(step)
        assert opened.run(v) == 6
        v.load(2.0, opened)
        opened.run(step)
        assert opened.run(v) == 3
        plan: Any = opened.plan(step)
        assert plan.executor.recordings == 1
        # A variable of another shape lies elsewhere.
        plan = opened.plan(total)
        for size in (2, 2, 2, 2, 5, 5, 5, 5):
            opened.run(other, {given: np.ones(size)})
            assert opened.run(total) == 30 + size
        assert plan.executor.recordings == 2


def test_a_variable_that_moves_in_the_recorded_step_is_read_where_it_went(
    cuda: CupyBackend,
) -> None:
    v = tf.get_variable("v", initializer=np.zeros(2, np.float32), validate_shape=False)
    given = tf.placeholder(tf.float32, [None])
    before = tf.reduce_sum(v) * 1.0
    with tf.control_dependencies([before]):
        after = tf.assign(v, given, validate_shape=False).op
    wanted = 0.0
    with session("cupy") as opened:
        # The third run of a size is recorded: once after the other size, once after its own.
        for n, size in enumerate((2, 2, 5, 2, 2, 2, 5, 5, 5, 2)):
            found = opened.run([before, after], {given: np.full(size, n)})[0]
            assert found == wanted
            wanted = n * size
        plan: Any = opened.plan([before, after], {given: np.zeros(2)})
        assert plan.executor.recordings


def test_random_numbers_go_on(cuda: CupyBackend) -> None:
    drawn = {}
    for graphs in (True, False):
        tf.reset_default_graph()
        x = tf.random_normal([4], seed=7)
        with session("cupy", cuda_graphs=graphs) as opened:
            drawn[graphs] = np.stack([opened.run(x) for _ in range(6)])
    np.testing.assert_array_equal(drawn[True], drawn[False])
    assert len(np.unique(drawn[True])) == 24


def _branch() -> Any:
    x = tf.placeholder_with_default(1.0, [])
    return tf.cond(x > 0, lambda: x * 2, lambda: x * 3)


def _python() -> Any:
    return tf.py_func(lambda: np.float32(2), [], tf.float32) * 1.0


def _printed() -> Any:
    return tf.Print(tf.constant(1.0) * tf.Variable(2.0), [1.0], first_n=0)


@pytest.mark.parametrize(
    ("make", "reason"),
    [(_branch, "decides on the host"), (_python, "on the host"), (_printed, "on the host")],
)
def test_what_the_host_does_is_not_recorded(make: Any, reason: str, cuda: CupyBackend) -> None:
    y = make()
    with session("cupy") as opened:
        assert [opened.run(y) for _ in range(5)] == [2.0] * 5
        plan: Any = opened.plan(y)
        assert reason in plan.executor.refusal
        assert plan.executor.recordings == 0


def test_an_error_while_recording_falls_back_and_is_logged_once(
    cuda: CupyBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    v = tf.Variable(np.float32(3))
    step = v.assign_add(tf.tanh(v) * 0 + 1.0)
    kernel = type(cuda).kernels.get("AssignAdd") or step.op.definition.kernel

    def reads_back(k: Any, cell: Any, value: Any) -> Any:
        float(k.backend.to_host(value))
        return kernel(k, cell, value)

    monkeypatch.setattr(type(cuda), "kernels", {**type(cuda).kernels, "AssignAdd": reads_back})
    with session("cupy") as opened, caplog.at_level("WARNING", "tensorgraph"):
        for _ in range(6):
            opened.run(step)
        assert opened.run(v) == 9
        plan: Any = opened.plan(step)
        assert plan.executor.refusal
    assert len([r for r in caplog.records if "is not recorded" in r.message]) == 1


def test_an_error_of_the_users_stays_theirs(cuda: CupyBackend) -> None:
    x = tf.placeholder(tf.float32, [2])
    v = tf.Variable(np.zeros(2, np.float32), name="unset")
    with tf.Session(config=tf.ConfigProto(backend="cupy")) as opened:
        for _ in range(4):
            with pytest.raises(tf.errors.FailedPreconditionError, match="unset"):
                opened.run(v + x, {x: np.zeros(2)})


def test_a_plan_whose_variables_move_all_the_time_is_not_recorded(
    cuda: CupyBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MOST_RECORDINGS", 2)
    v = tf.get_variable("v", initializer=np.zeros(1, np.float32), validate_shape=False)
    given, total = tf.placeholder(tf.float32, [None]), tf.reduce_sum(v) + 1.0
    other = tf.assign(v, given, validate_shape=False)
    with session("cupy") as opened:
        for size in range(1, 6):
            opened.run(other, {given: np.ones(size)})
            for _ in range(3):
                assert opened.run(total) == size + 1
        plan: Any = opened.plan(total)
        assert plan.executor.refusal == "its variables move in memory"


@pytest.mark.parametrize("option", ["check_numerics", "poison_buffers"])
def test_what_is_watched_is_not_recorded(
    option: str, cuda: CupyBackend, caplog: pytest.LogCaptureFixture
) -> None:
    x = tf.placeholder(tf.float32, [3])
    y = tf.tanh(x) * 2.0
    with caplog.at_level("WARNING", "tensorgraph"), session("cupy", **{option: True}) as opened:
        for _ in range(4):
            opened.run(y, {x: np.zeros(3)})
        assert opened.plan(y, {x: np.zeros(3)}).executor is None
    assert not [r for r in caplog.records if "recorded" in r.message]


def test_a_plan_that_is_given_up_leaves_nothing(cuda: CupyBackend) -> None:
    x = tf.placeholder(tf.float32, [3])
    opened = tf.Session(config=tf.ConfigProto(backend="cupy"))
    for _ in range(4):
        opened.run(x * 2.0, {x: np.ones(3)})
    y = x * 3.0
    for _ in range(4):
        opened.run(y, {x: np.ones(3)})
    plan = weakref.ref(opened.plan(y, {x: np.ones(3)}))
    gc.disable()
    try:
        opened.close()
        assert plan() is None
    finally:
        gc.enable()


def test_mixed_precision_is_recorded(cuda: CupyBackend) -> None:
    def net() -> tuple[Any, Any]:
        x = tf.placeholder(tf.float32, [2, 6, 6, 2])
        h = tf.layers.conv2d(x, 3, 3, activation=tf.nn.relu, kernel_initializer=_spread(54))
        h = tf.layers.dense(tf.layers.flatten(h), 1, kernel_initializer=_spread(48))
        optimizer = tf.train.experimental.enable_mixed_precision_graph_rewrite(
            tf.train.AdamOptimizer(0.01)
        )
        loss = tf.reduce_mean(tf.square(h))
        step = optimizer.minimize(loss)
        return [loss, step], lambda n: {x: np.random.default_rng(n).standard_normal((2, 6, 6, 2))}

    wanted, _ = trained(net, "numpy")
    found, executor = trained(net, "cupy")
    assert (executor.refusal, executor.recordings) == (None, 1)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, 5e-2, 1e-2)
