"""Graphs far deeper than Python's stack: nothing in the engine follows them by recursion."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf

DEPTH = 5_000
assert sys.getrecursionlimit() < DEPTH

X: npt.NDArray[Any] = np.array([1.0, 2.0])


def run(fetches: Any, x: tf.Tensor, value: npt.NDArray[Any] = X, **options: Any) -> Any:
    with tf.Session(graph=x.graph, config=tf.ConfigProto(**options)) as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, {x: value})


@pytest.mark.parametrize("passes", [(), ("fold", "simplify", "merge")], ids=["as it is", "passes"])
def test_additions(passes: tuple[str, ...]) -> None:
    with tf.Graph().as_default():
        x = y = tf.placeholder(tf.float64, [2])
        for _ in range(DEPTH):
            y = y + x
        found = run([y, *tf.gradients(y, x)], x, passes=passes)
    np.testing.assert_array_equal(found, [(DEPTH + 1) * X, [DEPTH + 1] * 2])


def test_products_to_second_order() -> None:
    depth = 1_500
    with tf.Graph().as_default():
        x = y = tf.placeholder(tf.float64, [2])
        for _ in range(depth - 1):
            y = y * x
        (slope,) = tf.gradients(y, x)
        (curvature,) = tf.gradients(slope, x)
        found = run([y, slope, curvature], x, np.ones(2))
    np.testing.assert_allclose(found, [[1] * 2, [depth] * 2, [depth * (depth - 1)] * 2])


def test_views_of_views() -> None:
    with tf.Graph().as_default():
        x = y = tf.placeholder(tf.float64, [2])
        for i in range(DEPTH):
            y = tf.reshape(y, [2] if i % 2 else [2, 1])
        found = run([y, *tf.gradients(y * y, x)], x)
    np.testing.assert_array_equal(found, [X, 2 * X])


def test_changes_of_one_variable_with_a_reading_in_between() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [2])
        v = tf.Variable(np.zeros(2))
        y: Any = v
        half = None
        for i in range(DEPTH):
            y = tf.assign_add(y, x)
            if i + 1 == DEPTH // 2:
                half = tf.identity(y)
                with tf.control_dependencies([half]):
                    y = tf.assign_add(y, tf.zeros_like(x))
        found = run([half, y], x)
    np.testing.assert_array_equal(found, [DEPTH // 2 * X, DEPTH * X])


def test_control_dependencies() -> None:
    with tf.Graph().as_default():
        x = y = tf.placeholder(tf.float64, [2])
        for _ in range(DEPTH):
            with tf.control_dependencies([y]):
                y = tf.negative(x)
        np.testing.assert_array_equal(run(y, x), -X)


def test_a_deep_graph_is_listed_written_and_read() -> None:
    with tf.Graph().as_default() as graph:
        x = y = tf.placeholder(tf.float64, [2], name="x")
        for _ in range(DEPTH):
            y = tf.tanh(y)
        y = tf.identity(y, name="y")
        assert len(graph.pretty().splitlines()) == DEPTH + 2
        wanted = run(y, x)
    with tf.Graph().as_default() as copy:
        tf.import_graph_def(graph.as_graph_def(), name="")
        found = run(copy.get_tensor_by_name("y:0"), copy.get_tensor_by_name("x:0"))
    np.testing.assert_array_equal(found, wanted)
