"""Numbers at the edge: huge logits, empty batches, infinities, integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorgraph as tf


@pytest.fixture(autouse=True)
def session() -> Any:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


HUGE = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]], np.float32)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_softmax_of_huge_logits(dtype: tf.DType, session: tf.Session) -> None:
    z = tf.constant(HUGE, dtype)
    p, log_p = session.run([tf.nn.softmax(z), tf.nn.log_softmax(z)])
    third = np.full(3, 1 / 3)
    np.testing.assert_allclose(p, [[1, 0, 0], third, third], rtol=1e-6)
    np.testing.assert_allclose(log_p[0], [0, -2e4, -1e4])
    np.testing.assert_allclose(log_p[1:], np.log(1 / 3), rtol=1e-3)
    found = session.run(tf.gradients([tf.nn.softmax(z), tf.nn.log_softmax(z)], z))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_cross_entropies_of_huge_logits(dtype: tf.DType, session: tf.Session) -> None:
    z = tf.constant(HUGE, dtype)
    labels = tf.constant(np.eye(3), dtype)
    third = np.log(3.0)
    dense = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=z)
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 0], logits=z)
    binary = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=z)
    np.testing.assert_allclose(session.run(dense), [0, third, third], rtol=1e-3)
    np.testing.assert_allclose(session.run(sparse), [2e4, third, third], rtol=1e-3)
    np.testing.assert_allclose(
        session.run(binary),
        [[0, 0, np.log(2)], [0, 1e4, 0], [1e4, 1e4, 0]],
        rtol=1e-6,
    )
    for loss in (dense, sparse, binary):
        (first,) = tf.gradients(loss, z)
        assert first is not None
        (second,) = tf.gradients(first * first, z)
        for g in session.run([first, second]):
            assert np.isfinite(g).all()
            assert (np.abs(g) <= 2).all()


def test_confident_answers_keep_their_last_digits(session: tf.Session) -> None:
    z = tf.constant([20.0, -20.0])
    loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.constant([1.0, 0.0]), logits=z)
    np.testing.assert_allclose(session.run(loss), np.log1p(np.exp(-20.0)), rtol=1e-6)
    rows = tf.constant([[0.0, 15.0]])
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1], logits=rows)
    np.testing.assert_allclose(session.run(loss), np.log1p(np.exp(-15.0)), rtol=0.3)


def test_activations_of_huge_numbers(session: tf.Session) -> None:
    x = tf.constant([-1e30, -1e4, 1e4, 1e30])
    wanted: dict[Any, list[float]] = {
        tf.sigmoid: [0, 0, 1, 1],
        tf.tanh: [-1, -1, 1, 1],
        tf.nn.softplus: [0, 0, 1e4, 1e30],
        tf.nn.elu: [-1, -1, 1e4, 1e30],
        tf.nn.softsign: [-1, -0.9999, 0.9999, 1],
    }
    for function, values in wanted.items():
        y = function(x)
        np.testing.assert_allclose(session.run(y), values, rtol=1e-6, err_msg=function.__name__)
        assert np.isfinite(session.run(tf.gradients(y, x))).all(), function.__name__


def test_empty_batches(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 1])
    w, dense = tf.Variable(tf.ones([3, 3, 1, 2])), tf.Variable(tf.ones([2 * 16, 4]))
    y = tf.nn.max_pool(tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME")), 2, 2, "SAME")
    logits = tf.matmul(tf.reshape(y, [-1, 32]), dense)
    labels = tf.placeholder(tf.int64, [None])
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    session.run(tf.global_variables_initializer())
    found = tf.gradients(loss, [w, dense, x])
    nothing = {x: np.zeros((0, 8, 8, 1)), labels: np.zeros(0, np.int64)}
    losses, *grads = session.run([loss, *found], nothing)
    assert losses.shape == (0,)
    assert [g.shape for g in grads] == [(3, 3, 1, 2), (32, 4), (0, 8, 8, 1)]
    assert not any(g.any() for g in grads)
    assert np.isnan(session.run(tf.reduce_mean(loss), nothing))
    assert session.run(tf.reduce_sum(loss), nothing) == 0


def test_nan_and_infinity_are_values_and_no_warnings(session: tf.Session) -> None:
    x = tf.constant([0.0, -1.0])
    y = session.run([1.0 / x, tf.log(x), tf.sqrt(x), tf.exp(x * -1e5)])
    np.testing.assert_array_equal(y[0], [np.inf, -1])
    np.testing.assert_array_equal(y[1], [-np.inf, np.nan])
    np.testing.assert_array_equal(y[2], [0, np.nan])
    np.testing.assert_array_equal(y[3], [1, np.inf])


def test_a_masked_nan_does_not_spoil_the_gradient(session: tf.Session) -> None:
    x = tf.constant([4.0, 0.0])
    safe = tf.where(x > 0.0, x, tf.ones_like(x))
    y = tf.where(x > 0.0, tf.sqrt(safe), tf.zeros_like(x))
    assert session.run(tf.gradients(y, x))[0].tolist() == [0.25, 0.0]


def test_powers(session: tf.Session) -> None:
    x = tf.constant([-2.0, 0.0, 3.0])
    y = x**2.0
    (first,) = tf.gradients(y, x)
    assert first is not None
    (second,) = tf.gradients(first, x)
    a, b, c = session.run([y, first, second])
    assert (a.tolist(), b.tolist(), c.tolist()) == ([4, 0, 9], [-4, 0, 6], [2, 2, 2])
    exponent = tf.constant(2.0)
    (by_exponent,) = tf.gradients(tf.constant([-2.0, 0.0, 1.0]) ** exponent, exponent)
    assert session.run(by_exponent) == 0.0


def test_extremes_share_or_choose(session: tf.Session) -> None:
    x = tf.constant([1.0, 3.0, 3.0])
    assert session.run(tf.gradients(tf.reduce_max(x), x))[0].tolist() == [0, 0.5, 0.5]
    y = tf.constant([1.0, 5.0, 3.0])
    by_x, by_y = session.run(tf.gradients(tf.maximum(x, y), [x, y]))
    assert by_x.tolist() == [1, 0, 1]
    assert by_y.tolist() == [0, 1, 0]
    assert session.run(tf.argmax(x)) == 1
    assert session.run(tf.argmin(-x)) == 1


def test_integers(session: tf.Session) -> None:
    i = tf.constant([7, -7])
    assert session.run(tf.cast(tf.constant([1.9, -1.9]), tf.int32)).tolist() == [1, -1]
    assert session.run(i * 2 + 1).tolist() == [15, -13]
    assert session.run(tf.reduce_mean(i)).dtype == np.int32
    assert session.run(tf.reduce_mean(tf.constant([1, 2]))) == 1
    assert session.run(tf.cast(tf.constant([True, False]), tf.float32)).tolist() == [1, 0]
