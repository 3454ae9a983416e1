"""Random trainings: what makes a plan fast changes nothing that it computes.

The other side is the plain interpretation: no passes, one thread, kernels that err least. Whatever
is compared with it runs with spoilt memory (`ConfigProto.poison_buffers`), so that a step that
reads what was given away is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings

import tensorgraph as tf
from tensorgraph import data
from tensorgraph.passes import pipeline
from tensorgraph.testing.random_trainings import BuiltTraining, RandomTraining
from tensorgraph.testing.strategies import random_trainings

Array = npt.NDArray[Any]

PLAIN = tf.ConfigProto(passes=(), strict=True, intra_op_parallelism_threads=1, poison_buffers=False)
SOME = settings(max_examples=max(1, settings().max_examples // 2))
FEW = settings(max_examples=max(1, settings().max_examples // 4))
STEPS = 3


def run(drawn: RandomTraining, built: BuiltTraining, config: tf.ConfigProto) -> list[Array]:
    """Train for some steps; return all that was computed, and the variables at the end."""
    feeds = dict(zip(built.inputs, drawn.graph.inputs, strict=True))
    fetches = [built.loss, *built.gradients, *built.outputs]
    results = []
    with tf.Session(config=config) as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            values, _ = session.run([fetches, built.step], feeds)
            results += values
        # Shares no plan with the step: other results are given away earlier.
        results += session.run(built.gradients, feeds)
        return [np.asarray(a) for a in [*results, *session.run(built.variables)]]


def assert_close(got: Sequence[Array], wanted: Sequence[Array], error: float) -> None:
    """Compare with an error relative to the largest element, or to 1 where all are small."""
    for a, b in zip(got, wanted, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype.kind == "f":
            finite = b[np.isfinite(b)]
            scale = max(1.0, np.abs(finite).max(initial=0.0))
            np.testing.assert_allclose(a, b, rtol=0, atol=error * scale)
        else:
            np.testing.assert_array_equal(a, b)


@FEW
@given(random_trainings())
def test_each_pass_alone_and_all_together_change_nothing(drawn: RandomTraining) -> None:
    with tf.Graph().as_default():
        built = drawn.build()
        wanted = run(drawn, built, PLAIN)
        for passes in (pipeline.NAMES, *((name,) for name in pipeline.NAMES)):
            config = tf.ConfigProto(passes=passes, poison_buffers=True)
            assert_close(run(drawn, built, config), wanted, 1e-12)


def test_threads_change_nothing(
    monkeypatch: pytest.MonkeyPatch, share_everything: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Even if they share the least work."""
    share_everything(monkeypatch)

    @SOME
    @given(random_trainings())
    def check(drawn: RandomTraining) -> None:
        with tf.Graph().as_default():
            built = drawn.build()
            wanted = run(drawn, built, PLAIN)
            for threads in (1, 2, 4):
                config = tf.ConfigProto(intra_op_parallelism_threads=threads, poison_buffers=True)
                assert_close(run(drawn, built, config), wanted, 1e-12)

    check()


@SOME
@given(random_trainings())
def test_float32_errs_as_little(drawn: RandomTraining) -> None:
    with tf.Graph().as_default():
        built = drawn.build(tf.float32)
        wanted = run(drawn, built, PLAIN)
        got = run(drawn, built, tf.ConfigProto(poison_buffers=True))
    assert_close(got, wanted, 1e-4)


@FEW
@given(random_trainings())
def test_a_run_repeats_the_last_bit(drawn: RandomTraining) -> None:
    """Also where memory that is free is not spoilt."""
    with tf.Graph().as_default():
        built = drawn.build()
        for threads in (1, 4):
            first, second, third = (
                run(
                    drawn,
                    built,
                    tf.ConfigProto(intra_op_parallelism_threads=threads, poison_buffers=poison),
                )
                for poison in (False, False, True)
            )
            for a, b, c in zip(first, second, third, strict=True):
                np.testing.assert_array_equal(a, b)
                np.testing.assert_array_equal(a, c)


def digits_network() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Operation]:
    """Return images, labels, accuracy and training step of a small convolutional network."""
    x = tf.placeholder(tf.float32, [None, 8, 8, 1])
    labels = tf.placeholder(tf.int64, [None])
    tf.set_random_seed(1)
    y = tf.layers.conv2d(x, 8, 3, padding="same", activation=tf.nn.relu)
    y = tf.layers.max_pooling2d(y, 2, 2)
    y = tf.layers.dense(tf.layers.flatten(y), 32, activation=tf.nn.relu)
    logits = tf.layers.dense(y, 10)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    right = tf.equal(tf.argmax(logits, 1), labels)
    step = tf.train.AdamOptimizer(0.001).minimize(loss)
    return x, labels, tf.reduce_mean(tf.cast(right, tf.float32)), step


def test_a_thousand_steps_end_at_the_same_accuracy() -> None:
    digits = data.load("digits")
    reached = []
    with tf.Graph().as_default():
        x, labels, accuracy, step = digits_network()
        for config in (PLAIN, tf.ConfigProto(poison_buffers=False)):
            order = np.random.default_rng(0)
            with tf.Session(config=config) as session:
                session.run(tf.global_variables_initializer())
                for _ in range(1000):
                    batch = order.integers(0, len(digits.x_train), 64)
                    feed = {x: digits.x_train[batch], labels: digits.y_train[batch]}
                    session.run(step, feed)
                feed = {x: digits.x_test, labels: digits.y_test}
                reached.append(float(session.run(accuracy, feed)))
    assert min(reached) > 0.95
    # Rounding errors grow in a thousand steps: a few of the images change sides, no more.
    assert abs(reached[0] - reached[1]) <= 0.01
