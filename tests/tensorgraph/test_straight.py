"""Plans that are written out as one function."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.runtime.rehearsal import Rehearsal
from tensorgraph.runtime.straight import MOST_STEPS, Straight
from tensorgraph.runtime.timing import timed


@pytest.fixture(autouse=True)
def session() -> Iterator[tf.Session]:
    # No passes and no checks: the plan has the steps that the test says.
    config = tf.ConfigProto(passes=(), poison_buffers=False)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        yield session


def source(plan: Any) -> list[str]:
    assert plan._straight is not None
    lines: list[str] = plan._straight.source.splitlines()
    return lines


def test_steps_are_written_out_when_they_run_again(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2])
    low, high = tf.split(tf.exp(x) * 2.0, 2)
    fetches = [tf.nn.relu(high), low]
    feed = {x: np.array([0.0, 1.0], np.float32)}
    plan = session.plan(fetches, feed)
    first = session.run(fetches, feed)
    assert plan._straight is None
    for _ in range(3):
        again = session.run(fetches, feed)
        assert [a.tolist() for a in again] == [a.tolist() for a in first]
    lines = source(plan)
    assert len(lines) == len(plan.steps) + 3
    # A function of NumPy is called itself; a kernel with its context.
    assert lines[2] == "    v1 = f0(v0, out=o0)"
    assert plan._straight.run.__globals__["f0"] is np.exp
    assert plan._straight.run.__globals__["o0"] is plan.steps[0].context.out
    split = next(line for line in lines if line.count("=") == 1 and ", " in line.split("=")[0])
    assert "(c" in split
    assert lines[-1].startswith("    return [v")


def test_an_operation_without_results_is_a_line_of_its_own(session: tf.Session) -> None:
    v = tf.Variable(1.0)
    session.run(v.initializer)
    nothing = tf.group(v.assign_add(1.0), name="nothing")
    for _ in range(3):
        assert session.run(nothing) is None
    assert session.run(v) == 4.0
    assert any(line.startswith("    f") for line in source(session.plan(nothing)))


def test_an_error_names_the_node_in_every_run(session: tf.Session) -> None:
    x = tf.placeholder(tf.int64, [None], name="x")
    chosen = tf.gather(tf.constant([1.0, 2.0]), x + 0, name="chosen")
    total = tf.exp(chosen)
    good, bad = np.array([1, 0]), np.array([1, 5])
    messages = []
    for _ in range(3):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"test_straight\.py") as caught:
            session.run(total, {x: bad})
        assert caught.value.node == "chosen"
        messages.append(str(caught.value))
        np.testing.assert_allclose(session.run(total, {x: good}), np.exp([2.0, 1.0]), rtol=1e-6)
    assert messages == messages[:1] * 3
    assert session.plan(total, {x: bad})._straight is not None


def test_an_error_of_numpy_tells_the_inputs_in_every_run(session: tf.Session) -> None:
    # Unknown shapes, so that only NumPy sees that they do not fit.
    x, y = (tf.py_func(lambda n=n: np.ones(n), [], tf.float64, name=f"p{n}") for n in (3, 4))
    z = tf.add(x, y, name="total")
    for _ in range(3):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"float64\(3,\).*\(4,\)") as found:
            session.run(z)
        assert found.value.node == "total"


def test_steps_that_are_watched_run_in_place_of_those_written_out(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [3])
    y = tf.exp(x) + 1.0
    feed = {x: np.zeros(3, np.float32)}
    plan = session.plan(y, feed)
    for _ in range(3):
        session.run(y, feed)
    with timed(plan) as seconds:
        for _ in range(3):
            assert session.run(y, feed).tolist() == [2.0] * 3
        assert all(second > 0 for second in seconds)
    before = list(seconds)
    for _ in range(3):
        assert session.run(y, feed).tolist() == [2.0] * 3
    assert seconds == before
    assert source(plan)[2] == "    v1 = f0(v0, out=o0)"


def test_a_long_plan_stays_a_list(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [1])
    y = x
    for _ in range(MOST_STEPS + 1):
        y = tf.tanh(y)
    plan = session.plan(y, {x: [0.5]})
    for _ in range(3):
        session.run(y, {x: [0.5]})
    assert plan._straight is None


def test_nothing_holds_on_to_the_buffers_of_a_plan(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [3])
    plan = session.plan(tf.exp(x), {x: np.zeros(3)})
    straight = Straight(
        plan.steps, plan._initial, plan._feeds, plan._fetches, Rehearsal(NumpyBackend())
    )
    assert straight.run(np.zeros(3, np.float32))[0].tolist() == [1.0] * 3
    function = weakref.ref(straight.run)
    gc.collect()
    gc.disable()
    try:
        del straight
        assert function() is None
    finally:
        gc.enable()


def test_the_results_of_a_body_are_its_callers_own(session: tf.Session) -> None:
    # The body of a loop is a plan, too, which runs once a turn.
    x = tf.placeholder(tf.float64, [2])
    _, values = tf.while_loop(lambda i, v: i < 6, lambda i, v: (i + 1, v * 2.0 + x), [0, x])
    fed = np.array([1.0, 3.0])
    for _ in range(2):
        assert session.run(values, {x: fed}).tolist() == [127.0, 381.0]
    assert fed.tolist() == [1.0, 3.0]
