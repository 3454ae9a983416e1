"""The random numbers of a session can be put back to where they stood."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend


def sources():
    """Return nodes that draw random numbers in different ways."""
    tf.set_random_seed(3)
    x = tf.ones([4, 5])
    return [
        tf.random_normal([3]),
        tf.random_uniform([2, 2], seed=4),
        tf.random_uniform([5], maxval=9, dtype=tf.int32),
        tf.nn.dropout(x, rate=0.5),
    ]


def drawn(session, nodes):
    return [np.array(value) for value in session.run(nodes)]


def test_the_same_numbers_come_again():
    with tf.Graph().as_default(), tf.Session() as session:
        nodes = sources()
        first = drawn(session, nodes)
        state = json.loads(json.dumps(session.random_state()))
        after = [drawn(session, nodes) for _ in range(3)]
        session.restore_random_state(state)
        again = [drawn(session, nodes) for _ in range(3)]
    for one, other in zip(after, again, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, after[0], strict=True))


def test_another_session_goes_on_with_them():
    with tf.Graph().as_default():
        nodes = sources()
        with tf.Session() as session:
            drawn(session, nodes)
            state = session.random_state()
            expected = drawn(session, nodes)
        with tf.Session() as fresh:
            # Nothing has been drawn here yet: the streams begin where they are told to.
            fresh.restore_random_state(state)
            assert fresh.random_state() == state
            for a, b in zip(drawn(fresh, nodes), expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_session_that_drew_nothing_has_no_state():
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.constant(1.0))
        assert session.random_state() == {}


def test_a_closed_session_draws_nothing():
    with tf.Graph().as_default():
        nodes = sources()
        session = tf.Session()
        state = session.random_state()
        session.close()
        session.restore_random_state(state)
        with pytest.raises(RuntimeError, match="closed"):
            session.run(nodes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64])
def test_bits_are_all_equally_likely(dtype):
    stream = NumpyBackend().random_stream((1, 2))
    for shape in ((), (0, 3), (3,), (7, 5)):
        assert stream.bits(shape, np.dtype(dtype)).shape == shape
    drawn = stream.bits((40_001,), np.dtype(dtype))
    assert drawn.dtype == dtype
    for bit in range(8 * drawn.itemsize):
        share = (drawn >> dtype(bit) & dtype(1)).mean()
        assert abs(share - 0.5) < 0.02, f"bit {bit} is set in {share:.1%}"


@pytest.mark.parametrize("rate", [0.25, 0.3, 0.5, 0.9])
def test_dropout_drops_the_share_that_it_is_told(rate):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        y = session.run(tf.nn.dropout(tf.ones([300, 1000]), rate=rate))
    assert abs((y == 0).mean() - rate) < 0.004
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-5)
