"""Loop counters, conditions and shapes stay on the host, and what they are is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from standin import Traffic

import tensorgraph as tf

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def mapped(x: Any) -> Any:
    return tf.map_fn(lambda row: row * tf.reduce_sum(row), x)


def scanned(x: Any) -> Any:
    return tf.scan(lambda so_far, row: so_far + row, x)


def looped(x: Any) -> Any:
    body = lambda i, y: (i + 1, y * tf.cast(i, tf.float32) + x)  # noqa: E731
    return tf.while_loop(lambda i, y: tf.less(i, 5) & tf.not_equal(i, 9), body, [0, x])[1]


def looked_up(x: Any) -> Any:
    body = lambda i, y: (i + 1, y + tf.gather(x, i % 4) + x[i // 3])  # noqa: E731
    return tf.while_loop(lambda i, y: i < 6, body, [tf.constant(0), x])[1]


def chosen(x: Any) -> Any:
    count = tf.shape(x)[0]
    return tf.cond(tf.equal(count % 2, 0), lambda: x * 2.0, lambda: x - tf.cast(count, tf.float32))


def counted(x: Any) -> Any:
    steps = tf.while_loop(lambda i: i < 7, lambda i: i + 2, [tf.constant(1)])
    return tf.cast(steps, tf.float32) * x + tf.cast(tf.range(steps)[2:5], tf.float32)


def collected(x: Any) -> Any:
    array = tf.TensorArray(tf.int32, 3, element_shape=())
    for i in range(3):
        array = array.write(i, tf.constant(i) * 2)
    return x + tf.cast(array.stack(), tf.float32)


def by_numbers_of_the_device(x: Any) -> Any:
    largest = tf.argmax(tf.reduce_sum(x, 1), output_type=tf.int32)
    body = lambda i, y: (i + 1, y + x)  # noqa: E731
    return tf.while_loop(lambda i, y: i < largest, body, [tf.constant(0), x])[1]


PROGRAMS = [mapped, scanned, looped, looked_up, chosen, counted, collected]


def results(program: Callable[[Any], Any], backend: str) -> list[list[Any]]:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (None, 3))
        y = program(x)
        fetches = [y, *[g for g in tf.gradients(y, x) if g is not None]]
        with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
            return [session.run(fetches, {x: X}) for _ in range(2)]


@pytest.mark.parametrize("program", [*PROGRAMS, by_numbers_of_the_device])
def test_the_same_results(program: Callable[[Any], Any], cuda: Any) -> None:
    for got, wanted in zip(results(program, "cupy"), results(program, "numpy"), strict=True):
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("program", PROGRAMS)
def test_nobody_waits_but_for_the_result(program: Callable[[Any], Any], traffic: Traffic) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (None, 3))
        y = program(x)
        with tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
            for _ in range(2):
                traffic.clear()
                session.run(y, {x: X})
    assert traffic.to_host == 1, traffic.log


def test_constants_are_copied_once(traffic: Traffic) -> None:
    with tf.Graph().as_default():
        step = tf.Variable(0, name="step")
        x = tf.placeholder(tf.int32, (3,))
        fetch = [tf.assign_add(step, 2), x * 3 + tf.constant([1, 2, 3])]
        config = tf.ConfigProto(backend="cupy", cuda_graphs=False)
        with tf.Session(config=config) as session:
            session.run(step.initializer)
            for number in range(1, 5):
                traffic.clear()
                assert session.run(fetch, {x: [1, 1, 1]})[0] == 2 * number
            assert (traffic.to_device, traffic.to_host) == (1, 2), traffic.log


def test_small_numbers_can_be_fetched(cuda: Any) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, None)
        shape = tf.shape(x)
        fetches = [shape, tf.rank(x), shape + 1, tf.constant([True, False]), tf.constant(4)]
        with tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
            got = session.run(fetches, {x: X})
            first = got[3]
            first[:] = False  # the caller's own
            again = session.run(fetches, {x: X})
    assert [np.asarray(g).tolist() for g in again] == [[4, 3], 2, [5, 4], [True, False], 4]


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
def test_a_constant_that_is_fed_is_none(backend: str, cuda: Any) -> None:
    with tf.Graph().as_default():
        x, shape = tf.placeholder(tf.float32, (4, 3)), tf.constant([2, 6])
        y = tf.reshape(x, shape)
        with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
            assert session.run(y, {x: X}).shape == (2, 6)
            assert session.run(y, {x: X, shape: [12, 1]}).shape == (12, 1)
            assert session.run(y, {x: X, shape: [3, 4]}).shape == (3, 4)
