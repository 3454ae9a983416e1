"""Whole graphs with every kernel shared by three workers, in small blocks, and by none."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.backends.workers import Workers

Array = npt.NDArray[Any]


@pytest.fixture
def share_all(
    monkeypatch: pytest.MonkeyPatch, share_everything: Callable[[pytest.MonkeyPatch], None]
) -> Callable[[], None]:
    """Return what makes three workers share everything from then on, in blocks of few bytes."""
    helpers = Workers()

    def begin() -> None:
        monkeypatch.setattr(NumpyBackend, "workers", 3)
        monkeypatch.setattr(
            NumpyBackend, "spread", lambda _, count, task: helpers.spread(count, task)
        )
        share_everything(monkeypatch)

    return begin


def run_pools(batch: int, seed: int) -> list[Array]:
    """Return pools of random windows with their first and second derivatives."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(numbers.permutation(batch * 9 * 8 * 3).reshape(batch, 9, 8, 3) / 100.0)
        fetches = []
        for pool in (tf.nn.max_pool, tf.nn.avg_pool):
            window = [rng.randint(1, 3), rng.randint(1, 3)]
            steps = [rng.randint(1, 3), rng.randint(1, 3)]
            y = pool(x, window, steps, rng.choice(["SAME", "VALID"]))
            (dx,) = tf.gradients(tf.reduce_sum(y * y * y), x)
            assert dx is not None
            (ddx,) = tf.gradients(tf.reduce_sum(dx * dx), x)
            fetches += [y, dx, ddx]
        return [np.asarray(a) for a in session.run(fetches)]


@pytest.mark.parametrize("batch", [0, 1, 2, 3, 7, 64, 65])
def test_pooling(share_all: Callable[[], None], batch: int) -> None:
    alone = [run_pools(batch, seed) for seed in range(4)]
    share_all()
    for seed, wanted in enumerate(alone):
        for a, b in zip(run_pools(batch, seed), wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def train(optimizer: Callable[[], Any], batch: int) -> list[Array]:
    """Return losses and final weights of a small network after four steps."""
    numbers = np.random.default_rng(0)
    images, labels = numbers.standard_normal((batch, 10, 10, 2)), numbers.integers(0, 5, batch)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [None, 10, 10, 2])
        weights = []

        def variable(*shape: int) -> Any:
            weights.append(tf.Variable(numbers.standard_normal(shape) / 3))
            return weights[-1]

        y = tf.nn.conv2d(x, variable(3, 3, 2, 6), 1, "SAME")
        y = tf.nn.max_pool(tf.nn.relu(tf.nn.bias_add(y, variable(6))), 2, 2, "VALID")
        y = tf.nn.depthwise_conv2d(y, variable(3, 3, 6, 2), [1, 1, 1, 1], "SAME")
        y = tf.nn.avg_pool(tf.tanh(y), 2, 2, "SAME")
        y = tf.matmul(tf.reshape(y, [-1, 108]), variable(108, 5))
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=y)
        )
        step = optimizer().minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            losses = [session.run([loss, step], {x: images})[0] for _ in range(4)]
            return [np.array(losses), *session.run(weights)]


@pytest.mark.parametrize("batch", [1, 7, 65])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: tf.train.AdamOptimizer(0.01),
        lambda: tf.train.MomentumOptimizer(0.01, 0.9),
        lambda: tf.train.RMSPropOptimizer(0.01),
    ],
    ids=["adam", "momentum", "rmsprop"],
)
def test_training(share_all: Callable[[], None], optimizer: Callable[[], Any], batch: int) -> None:
    alone = train(optimizer, batch)
    share_all()
    shared, again = train(optimizer, batch), train(optimizer, batch)
    for a, b, c in zip(shared, alone, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(a, c)


def test_rows_of_arrays_that_broadcast(share_all: Callable[[], None]) -> None:
    shapes = [(5, 4), (5, 1), (1, 4), (4,), ()]
    share_all()
    numbers = np.random.default_rng(0)
    with tf.Graph().as_default(), tf.Session() as session:
        for left, right in itertools.product(shapes, shapes):
            a, b = numbers.standard_normal(left), numbers.standard_normal(right)
            x, y = tf.placeholder(tf.float64, left), tf.placeholder(tf.float64, right)
            wanted = np.where(a < b, a, b) * b
            got = session.run(tf.where(x < y, x + 0 * y, y + 0 * x) * y, {x: a, y: b})
            np.testing.assert_allclose(got, wanted)
