"""`ConfigProto(check_numerics=True)`: the first node to produce NaN or infinity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.graph.opdef import lookup


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def careful() -> tf.Session:
    return tf.Session(config=tf.ConfigProto(check_numerics=True))


def test_the_node_its_inputs_and_the_line() -> None:
    x = tf.placeholder(tf.float32, [3], name="x")
    bad = tf.log(x - 1.0, name="bad")
    y = tf.reduce_sum(bad * 2.0)
    with careful() as session:
        assert np.isfinite(session.run(y, {x: [2, 3, 4]}))
        with pytest.raises(tf.errors.InvalidArgumentError) as e:
            session.run(y, {x: [0, 1, 2]})
    assert e.value.node == "bad"
    assert (
        "Log gave NaN and Inf in 2 of 3 elements of shape (3,); its inputs: sub:0 in [-1, 1]"
        in str(e.value)
    )
    assert f"test_check_numerics.py:{bad.op.source.rpartition(':')[2]}" in str(e.value)


def test_nothing_is_looked_at_without_it() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.log(x)
    with tf.Session(config=tf.ConfigProto(poison_buffers=False)) as session:
        assert session.run(y, {x: 0.0}) == -np.inf
        assert [step.kernel for step in session.plan(y, {x: 0.0}).steps] == [lookup("Log").kernel]


def test_a_constant_may_be_infinite_but_not_what_becomes_nan_of_it() -> None:
    mask = tf.constant([0.0, -np.inf])
    with careful() as session:
        assert session.run(tf.nn.softmax(mask)).tolist() == [1.0, 0.0]
        assert session.run(mask * 2.0).tolist() == [0.0, -np.inf]
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Mul gave NaN .* in \[-inf, 0\]"):
            session.run(mask * [1.0, 0.0])


def test_constants_are_not_folded_away() -> None:
    with careful() as session, pytest.raises(tf.errors.InvalidArgumentError, match="Sqrt gave NaN"):
        session.run(tf.sqrt(tf.constant(-1.0)) + 1.0)


def test_feeds_and_variables() -> None:
    x = tf.placeholder(tf.float64, [2], name="x")
    w = tf.Variable([1.0, 1.0], dtype=tf.float64, name="w")
    step = w.assign_sub(x)
    with careful() as session:
        session.run(w.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"fed to 'x:0' has NaN in 1 of 2"):
            session.run(x, {x: [np.nan, 0.0]})
        session.run(step, {x: [-1.7e308, 0.0]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="AssignSub gave Inf in 1 of 2"):
            session.run(step, {x: [-1.7e308, 0.0]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="the variable holds Inf") as e:
            session.run(w * 2.0)
        assert e.value.node == "w"


def test_inside_of_loops() -> None:
    y = tf.while_loop(lambda a: a < 1e38, lambda a: (tf.exp(a, name="grow"),), [1.0])
    with careful() as session, pytest.raises(tf.errors.InvalidArgumentError) as e:
        session.run(y)
    assert e.value.node == "while/grow"
    assert "Exp gave Inf" in str(e.value)


def test_training_runs_as_without() -> None:
    x = tf.placeholder(tf.float64, [4, 2])
    w = tf.Variable(tf.ones([2, 1], tf.float64))
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 1.0))
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    feeds = {x: np.arange(8.0).reshape(4, 2)}
    results = []
    for session in (careful(), tf.Session()):
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(train, feeds)
        results.append(session.run([loss, w], feeds))
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12)
