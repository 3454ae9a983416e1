"""`Session`: fetching, feeding, the cache of plans, and errors while running."""

from __future__ import annotations

import collections
import threading
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.runtime.plans import PLANS_KEPT
from tensorgraph.runtime.session import CALLS_KEPT


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


# What is remembered of a run for the next one


def test_values_are_checked_and_converted_in_every_run(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="images")
    rate = tf.placeholder(tf.float32, [], name="rate")
    y = x * rate
    good = np.ones((3, 2), np.float32)
    for _ in range(3):
        assert session.run(y, {x: good, rate: 2.0}).tolist() == [[2.0, 2.0]] * 3
    assert session.run(y, {x: good.astype(np.float64), rate: 2}).dtype == np.float32
    assert session.run(y, {x: good.astype(">f4"), rate: 2}).tolist() == [[2.0, 2.0]] * 3
    assert session.run(y, {x: good[:2].tolist(), rate: np.float32(3.0)}).shape == (2, 2)
    assert session.run(y, {x: good, rate: 2.0}).shape == (3, 2)
    with pytest.raises(ValueError, match=r"\(3,\).*images:0"):
        session.run(y, {x: good[:, 0], rate: 2.0})
    with pytest.raises(TypeError, match="rate:0"):
        session.run(y, {x: good, rate: "2"})
    with pytest.raises(TypeError, match="was fed a tensor"):
        session.run(y, {x: good, rate: tf.constant(2.0)})


def test_equal_fetches_of_other_kinds_are_not_mistaken(session: tf.Session) -> None:
    class Other(NamedTuple):
        left: Any
        right: Any

    a, b = tf.constant(1.0), tf.constant(2.0)
    for _ in range(2):
        assert session.run((a, b)) == (1.0, 2.0)
        assert session.run([a, b]) == [1.0, 2.0]
        assert type(session.run(Pair(a, b))) is Pair
        assert type(session.run(Other(a, b))) is Other
        assert session.run([Pair(a, b), (a, b)]) == [Pair(1.0, 2.0), (1.0, 2.0)]
        assert type(session.run([(a, b)])[0]) is tuple
        assert session.run({"a": a, "b": [b]}) == {"a": 1.0, "b": [2.0]}
        assert session.run({"b": a, "a": [b]}) == {"b": 1.0, "a": [2.0]}


def test_the_last_of_several_values_for_a_tensor_counts(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    for value in (2.0, 3.0):
        assert session.run(x * 1.0, {x: 1.0, "x:0": value}) == value


def test_calls_that_are_remembered_are_few(session: tf.Session) -> None:
    x = tf.constant(1.0)
    for i in range(CALLS_KEPT + 3):
        assert session.run({i: x}) == {i: 1.0}
    assert len(session._calls) == 3
    assert len(session._plans) == 1


def test_plans_that_are_used_are_kept(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = x + 1.0
    often, rarely = np.ones(3, np.float32), np.ones(4, np.float32)
    call = session.make_callable(y, [x])
    call(often)
    kept = session.plan(y, {x: often})
    given_up = weakref.ref(session.plan(y, {x: rarely}))
    for n in range(5, PLANS_KEPT + 9):
        session.run(y, {x: np.ones(n, np.float32)})
        assert call(often).tolist() == [2.0] * 3
    assert session.plan(y, {x: often}) is kept
    # Nothing else holds on to a plan: its buffers are free at once.
    assert given_up() is None


def test_a_run_that_is_repeated_leaves_earlier_results_alone(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2])
    y = tf.exp(x)
    run = session.make_callable([y, y, x], [x])
    results = [run(np.full(2, value, np.float32)) for value in (0.0, 1.0, 2.0)]
    first, again, fed = results[0]
    first += 5.0
    assert again.tolist() == [1.0, 1.0]
    assert fed.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(results[1][0], np.exp([1.0, 1.0]), rtol=1e-6)


# make_callable


def test_a_callable_does_what_run_does(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    v = tf.Variable(1.0)
    session.run(v.initializer)
    step = session.make_callable({"new": v.assign_add(1.0), "twice": x * 2.0}, ["x:0"])
    for count in (2, 3, 4):
        values = step([1.0] * count)
        assert values["new"] == count
        assert values["twice"].tolist() == [2.0] * count
    assert session.make_callable(v)() == 4.0
    assert type(session.make_callable(v)()) is np.float32
    assert session.make_callable(tf.no_op())() is None
    assert session.make_callable([], [])() == []


def test_what_a_callable_refuses(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    call = session.make_callable(x * 2.0, [x])
    with pytest.raises(TypeError, match="1 values are to be fed, not 2"):
        call([1.0, 2.0], 3.0)
    with pytest.raises(ValueError, match=r"\(3,\).*'x:0'"):
        call([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="options"):
        call([1.0, 2.0], options=tf.RunOptions())
    with pytest.raises(TypeError, match="operation"):
        session.make_callable(x, [tf.no_op()])
    with pytest.raises(ValueError, match="missing"):
        session.make_callable("missing:0")
    with tf.Session() as other:
        late = other.make_callable(tf.constant(1.0))
        assert late() == 1.0
    with pytest.raises(RuntimeError, match="closed"):
        late()
    with pytest.raises(RuntimeError, match="closed"):
        other.make_callable(tf.constant(1.0))


def test_a_callable_in_several_threads(session: tf.Session) -> None:
    x = tf.placeholder(tf.float64, [None])
    call = session.make_callable(tf.reduce_sum(x * 2.0), [x])
    wrong: list[int] = []

    def work(size: int) -> None:
        fed = np.ones(size)
        wrong.extend(size for _ in range(200) if call(fed) != 2.0 * size)

    threads = [threading.Thread(target=work, args=(size,)) for size in (1, 2, 3, 4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
