"""`standardize` keeps the mean and variance of all that training has seen."""

from __future__ import annotations

import numpy as np
import pytest

import dsl
import tensorgraph as tf


def model(text: str) -> dsl.Model:
    return dsl.compile_net(dsl.check(dsl.parse(text, "a.net")))


@pytest.mark.parametrize("shape", ["3", "5x3", "4x4x3", "2x3x2x3"])
def test_statistics_are_those_of_all_batches_together(shape: str) -> None:
    rng = np.random.default_rng(0)
    sizes = [int(size) for size in shape.split("x")]
    batches = [rng.normal(3, [1, 2, 5], [n, *sizes]).astype(np.float32) for n in (3, 1, 7)]
    with tf.Graph().as_default(), tf.Session() as session:
        net = model(f"input {shape}; standardize")
        training, after = net.apply(training=True), net.apply()
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(
            session.run(after.output, {net.input: batches[0]}), batches[0]
        )
        for x in batches:
            found, _ = session.run([training.output, updates], {net.input: x})
        later = session.run(after.output, {net.input: batches[-1]})
        mean, variance, count = session.run(list(net.variables.values()))
    seen = np.concatenate(batches).reshape(-1, 3)
    np.testing.assert_allclose(mean, seen.mean(0), rtol=1e-5)
    np.testing.assert_allclose(variance, seen.var(0), rtol=1e-5)
    assert count == 11
    wanted = (batches[-1] - seen.mean(0)) / seen.std(0)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(later, wanted, atol=1e-5)


def test_nothing_of_it_is_trained_and_frozen_it_stays() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        net = model("input 4x4x3; standardize frozen")
        forward = net.apply(training=True)
        assert tf.trainable_variables() == []
        assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []
        session.run(tf.global_variables_initializer())
        x = np.full([2, 4, 4, 3], 5, np.float32)
        np.testing.assert_array_equal(session.run(forward.output, {net.input: x}), x)


def test_a_channel_that_never_changes_is_no_division_by_zero() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        net = model("input 4; standardize")
        forward = net.apply(training=True)
        session.run(tf.global_variables_initializer())
        x = np.full([2, 4], 5, np.float32)
        np.testing.assert_array_equal(session.run(forward.output, {net.input: x}), 0 * x)


def test_it_needs_to_know_the_number_of_channels() -> None:
    with pytest.raises(dsl.NetError, match="TG205"):
        dsl.check(dsl.parse("input 4x4x?; standardize", "a.net"))
