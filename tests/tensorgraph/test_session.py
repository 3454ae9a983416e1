"""`Session`: fetching, feeding, the cache of plans, and errors while running."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.runtime.session import PLANS_KEPT


@pytest.fixture(autouse=True)
def session() -> Iterator[tf.Session]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


class Pair(NamedTuple):
    first: Any
    second: Any


def test_fetches_nest(session: tf.Session) -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant([2, 3])
    op = tf.no_op()
    assert session.run(a) == 1.0
    assert session.run([a, [a, (a,)]]) == [1.0, [1.0, (1.0,)]]
    assert session.run({"x": a, "y": [op]}) == {"x": 1.0, "y": [None]}
    assert session.run(Pair(a, op)) == Pair(1.0, None)
    ordered = session.run(collections.OrderedDict([("z", a), ("a", a)]))
    assert list(ordered.items()) == [("z", 1.0), ("a", 1.0)]
    assert session.run("a:0") == 1.0
    assert session.run("a") is None
    assert session.run([]) == []
    assert session.run(b).tolist() == [2, 3]


def test_results_are_numpy(session: tf.Session) -> None:
    scalar, vector = session.run([tf.constant(1.0), tf.constant([1], tf.int64)])
    assert type(scalar) is np.float32
    assert type(vector) is np.ndarray
    assert vector.dtype == np.int64


@pytest.mark.parametrize("fetch", [None, 3.0, "missing", "missing:0", object()])
def test_what_cannot_be_fetched(session: tf.Session, fetch: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        session.run(fetch)


def test_results_belong_to_the_caller(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2])
    fed = np.array([1.0, 2.0], np.float32)
    constant = tf.constant([5.0])
    same, doubled, held = session.run([tf.identity(x), x + x, constant], {x: fed})
    for array in (same, doubled, held):
        array[0] = -1.0
    assert fed.tolist() == [1.0, 2.0]
    assert session.run([x + x, constant], {x: fed})[0].tolist() == [2.0, 4.0]
    assert session.run(constant).tolist() == [5.0]


def test_any_tensor_can_be_fed(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [])
    y = x * 2.0
    z = y + 1.0
    c = tf.constant(4.0)
    assert session.run(z, {y: 10.0}) == 11.0  # x is not needed
    assert session.run([y, z], {y: 10.0, x: 3.0}) == [10.0, 11.0]
    assert session.run(c + 1.0, {c: 9.0}) == 10.0
    v = tf.Variable(1.0)
    assert session.run(v + 1.0, {v: 5.0}) == 6.0
    assert session.run(z, {"mul:0": 1.0}) == 2.0
    d = tf.placeholder_with_default([1.0, 2.0], [None])
    assert session.run(d * 2.0).tolist() == [2.0, 4.0]
    assert session.run(d * 2.0, {d: [3.0]}).tolist() == [6.0]


def test_one_output_of_several_can_be_fed(session: tf.Session) -> None:
    logits = tf.constant([[1.0, 2.0]])
    loss = tf.nn.softmax_cross_entropy_with_logits(labels=[[0.0, 1.0]], logits=logits)
    first, second = loss.op.outputs
    fed, computed = session.run([first, second], {first: [9.0]})
    assert fed.tolist() == [9.0]
    np.testing.assert_allclose(computed, [[0.2689414, -0.2689414]], rtol=1e-5)


def test_fed_values_are_converted_and_checked(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="images")
    i = tf.placeholder(tf.int32, [], name="index")
    assert session.run(x, {x: [[1, 2]]}).dtype == np.float32
    assert session.run(x, {x: np.ones((3, 2), np.int64)}).shape == (3, 2)
    assert session.run(x, {x: np.zeros((0, 2))}).shape == (0, 2)
    assert session.run(i, {i: np.int64(3)}) == 3
    with pytest.raises(ValueError, match=r"(?s)\(2,\).*images:0.*\(\?, 2\).*test_session\.py"):
        session.run(x, {x: [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        session.run(x, {x: [[1.0, 2.0, 3.0]]})
    with pytest.raises(ValueError, match="ragged"):
        session.run(x, {x: [[1.0, 2.0], [3.0]]})
    with pytest.raises(TypeError, match="index:0"):
        session.run(i, {i: 1.5})
    with pytest.raises(TypeError, match="images:0"):
        session.run(x, {x: "abc"})
    with pytest.raises(TypeError, match="was fed a tensor"):
        session.run(x, {x: tf.zeros([1, 2])})
    with pytest.raises(TypeError, match="operation"):
        session.run(x, {tf.no_op(): 1.0})
    with pytest.raises((TypeError, ValueError)):
        session.run(x, {"nothing:0": 1.0})


def test_a_placeholder_that_is_not_fed_is_named(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="images")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"'images'.*float32.*\(\?, 3\)") as e:
        session.run(tf.reduce_sum(x))
    assert e.value.node == "images"
    assert "test_session.py" in (e.value.source or "")


def test_errors_while_running_name_the_node_and_the_line(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.placeholder(tf.float32, [None], name="y")
    labels = tf.placeholder(tf.int64, [None])
    z = tf.add(x, y, name="total")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)3 and 4.*test_session\.py") as e:
        session.run(z, {x: np.ones(3), y: np.ones(4)})
    assert e.value.node == "total"
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=[[1.0, 2.0]])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)\[0, 2\).*test_session\.py"):
        session.run(loss, {labels: [2]})
    # The same where everything is constant, and folding meets the error first.
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[7], logits=[[1.0, 2.0]])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)\[0, 2\).*test_session\.py"):
        session.run(loss)
    assert session.run(z, {x: np.ones(3), y: np.ones(3)}).tolist() == [2.0] * 3


def test_plans_are_made_once_for_fetches_feeds_and_shapes(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    y, z = x * 2.0, x + 1.0
    for _ in range(3):
        session.run(y, {x: [1.0]})
    assert len(session._plans) == 1
    session.run(y, {x: [1.0, 2.0]})
    session.run(z, {x: [1.0]})
    session.run([y, z], {x: [1.0]})
    assert len(session._plans) == 4
    for n in range(PLANS_KEPT + 5):
        assert session.run(y, {x: np.ones(n)}).shape == (n,)
    assert len(session._plans) == PLANS_KEPT
    assert session.run(y, {x: [3.0]}).tolist() == [6.0]


def test_nodes_made_after_a_run_can_be_run(session: tf.Session) -> None:
    x = tf.constant(1.0)
    assert session.run(x) == 1.0
    assert session.run(x + 1.0) == 2.0


def test_the_default_session() -> None:
    x = tf.constant(2.0) * 2.0
    v = tf.Variable(3.0)
    assert x.eval() == 4.0
    v.initializer.run()
    assert v.eval() == 3.0
    assert tf.get_default_session() is not None
    with tf.Session() as inner:
        assert tf.get_default_session() is inner
    assert tf.get_default_session() is not inner


def test_without_a_session() -> None:
    failures: list[BaseException] = []

    def evaluate() -> None:
        with tf.Graph().as_default():
            try:
                tf.constant(1.0).eval()
            except ValueError as error:
                failures.append(error)

    thread = threading.Thread(target=evaluate)  # default sessions belong to threads
    thread.start()
    thread.join()
    assert "default session" in str(failures[0])


def test_a_closed_session(session: tf.Session) -> None:
    x = tf.constant(1.0)
    with tf.Session() as other:
        other.run(x)
    with pytest.raises(RuntimeError, match="closed"):
        other.run(x)


def test_an_interactive_session() -> None:
    with tf.Graph().as_default():
        interactive = tf.InteractiveSession()
        x = tf.constant(5.0)
        assert x.eval() == 5.0
        interactive.close()
        assert tf.get_default_session() is not interactive


def test_a_session_of_a_graph() -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.constant(1.0)
    with tf.Session(graph=graph) as session:
        assert tf.get_default_graph() is graph
        assert session.run(x) == 1.0


def test_runs_from_several_threads(session: tf.Session) -> None:
    x = tf.placeholder(tf.float64, [200])
    y = tf.tanh(x) * 2.0 + tf.exp(-x)
    wrong: list[float] = []

    def work(start: float) -> None:
        for i in range(50):
            fed = np.full(200, start + i / 50)
            error = np.abs(session.run(y, {x: fed}) - (np.tanh(fed) * 2 + np.exp(-fed))).max()
            if error > 1e-12:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
