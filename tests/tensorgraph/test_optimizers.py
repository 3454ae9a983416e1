"""Optimizers: 20 steps beside the formulas in plain NumPy, slots, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf

Array = npt.NDArray[Any]
STEPS = 20

START = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]])
SCALE = np.array([[1.0, 0.3, 2.0], [0.1, 1.5, 0.7]])
TARGET = np.array([[0.0, 1.0, -1.0], [2.0, 0.5, 0.0]])


@pytest.fixture(autouse=True)
def session() -> Iterator[tf.Session]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def gradient(w: Array) -> Array:
    """Return the gradient of ½ Σ scale (w - target)² + Σ cosh w."""
    return SCALE * (w - TARGET) + np.sinh(w)


def loss_of(w: tf.Variable) -> tf.Tensor:
    square = 0.5 * tf.reduce_sum(SCALE * tf.square(w - TARGET))
    return square + tf.reduce_sum(0.5 * (tf.exp(w.value()) + tf.exp(-w.value())))


def descent(rate: float) -> Iterator[Array]:
    w = START.copy()
    while True:
        w = w - rate * gradient(w)
        yield w


def momentum(rate: float, mu: float, nesterov: bool) -> Iterator[Array]:
    w, v = START.copy(), np.zeros_like(START)
    while True:
        g = gradient(w)
        v = mu * v + g
        w = w - rate * (g + mu * v if nesterov else v)
        yield w


def adam(rate: float, beta1: float, beta2: float, epsilon: float) -> Iterator[Array]:
    w, m, v, t = START.copy(), np.zeros_like(START), np.zeros_like(START), 0
    while True:
        t += 1
        g = gradient(w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        corrected = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        w = w - corrected * m / (np.sqrt(v) + epsilon)
        yield w


# As in TensorFlow, settings become float32 first, whatever the variables are. These all are
# float32 numbers.
CASES: dict[str, tuple[Callable[[], Any], Callable[[], Iterator[Array]]]] = {
    "descent": (lambda: tf.train.GradientDescentOptimizer(0.125), lambda: descent(0.125)),
    "momentum": (
        lambda: tf.train.MomentumOptimizer(0.0625, 0.875),
        lambda: momentum(0.0625, 0.875, False),
    ),
    "nesterov": (
        lambda: tf.train.MomentumOptimizer(0.0625, 0.875, use_nesterov=True),
        lambda: momentum(0.0625, 0.875, True),
    ),
    "adam": (
        lambda: tf.train.AdamOptimizer(0.125, 0.875, 0.9375, 2**-20),
        lambda: adam(0.125, 0.875, 0.9375, 2**-20),
    ),
    "adam with a large epsilon": (
        lambda: tf.train.AdamOptimizer(0.25, 0.5, 0.875, 0.125),
        lambda: adam(0.25, 0.5, 0.875, 0.125),
    ),
}


def precision(name: str) -> float:
    # Adam keeps the powers of its decays as float32.
    return 1e-5 if name.startswith("adam") else 1e-9


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_trajectory(name: str, dtype: tf.DType, session: tf.Session) -> None:
    make, formula = CASES[name]
    w = tf.Variable(START.astype(dtype.as_numpy_dtype))
    train = make().minimize(loss_of(w))
    session.run(tf.global_variables_initializer())
    tolerance = precision(name) if dtype == tf.float64 else 1e-4
    for step, wanted in zip(range(STEPS), formula(), strict=False):
        assert session.run(train) is None
        got = session.run(w)
        assert got.dtype == dtype.as_numpy_dtype
        np.testing.assert_allclose(
            got, wanted, rtol=tolerance, atol=tolerance, err_msg=f"step {step}"
        )


@pytest.mark.parametrize("name", CASES)
def test_several_variables_are_updated_from_one_point(name: str, session: tf.Session) -> None:
    make, formula = CASES[name]
    # Each gradient must be that of before the step, whichever variable is updated first.
    a, b = tf.Variable(START[:1]), tf.Variable(START[1:])
    train = make().minimize(_joined_loss(a, b))
    session.run(tf.global_variables_initializer())
    for _, wanted in zip(range(STEPS), formula(), strict=False):
        session.run(train)
        np.testing.assert_allclose(
            np.concatenate(session.run([a, b])), wanted, rtol=precision(name)
        )


def _joined_loss(a: tf.Variable, b: tf.Variable) -> tf.Tensor:
    w = tf.concat([a, b], 0)
    square = 0.5 * tf.reduce_sum(SCALE * tf.square(w - TARGET))
    return square + tf.reduce_sum(0.5 * (tf.exp(w) + tf.exp(-w)))


def test_adam_has_the_defaults_of_the_paper(session: tf.Session) -> None:
    w = tf.Variable(START)
    train = tf.train.AdamOptimizer().minimize(loss_of(w))
    session.run(tf.global_variables_initializer())
    for _, wanted in zip(range(STEPS), adam(1e-3, 0.9, 0.999, 1e-8), strict=False):
        session.run(train)
        np.testing.assert_allclose(session.run(w), wanted, rtol=1e-6, atol=1e-6)


def test_slots(session: tf.Session) -> None:
    w = tf.Variable(START, name="W")
    adam_optimizer, moving = tf.train.AdamOptimizer(), tf.train.MomentumOptimizer(0.1, 0.9)
    adam_optimizer.minimize(loss_of(w))
    moving.minimize(loss_of(w))
    assert adam_optimizer.get_slot_names() == ["m", "v"]
    m, v = adam_optimizer.get_slot(w, "m"), adam_optimizer.get_slot(w, "v")
    accumulated = moving.get_slot(w, "momentum")
    assert m is not None
    assert v is not None
    assert accumulated is not None
    assert [s.op.name for s in (m, v, accumulated)] == ["W/Adam", "W/Adam_1", "W/Momentum"]
    assert m.shape.as_list() == [2, 3]
    assert m.dtype == tf.float64
    assert adam_optimizer.get_slot(w, "other") is None
    assert [s.op.name for s in adam_optimizer.variables()] == [
        "beta1_power",
        "beta2_power",
        "W/Adam",
        "W/Adam_1",
    ]
    assert tf.trainable_variables() == [w]
    assert set(tf.global_variables()) == {w, accumulated, *adam_optimizer.variables()}
    session.run(tf.global_variables_initializer())
    assert not session.run(m).any()


def test_global_step_counts(session: tf.Session) -> None:
    w = tf.Variable(START)
    step = tf.Variable(0, trainable=False, name="global_step")
    train = tf.train.GradientDescentOptimizer(0.1).minimize(loss_of(w), global_step=step)
    assert train.name == "GradientDescent"
    assert train in tf.get_collection(tf.GraphKeys.TRAIN_OP)
    session.run(tf.global_variables_initializer())
    for n in range(3):
        assert session.run(step) == n
        session.run(train)


def test_the_learning_rate_can_be_a_tensor(session: tf.Session) -> None:
    w = tf.Variable(START)
    rate = tf.placeholder(tf.float32, [])
    train = tf.train.GradientDescentOptimizer(rate).minimize(loss_of(w))
    session.run(tf.global_variables_initializer())
    session.run(train, {rate: 0.0})
    assert (session.run(w) == START).all()
    session.run(train, {rate: 0.5})
    np.testing.assert_allclose(session.run(w), START - 0.5 * gradient(START))


def test_gradients_can_be_changed_before_they_are_applied(session: tf.Session) -> None:
    w, unused = tf.Variable(START), tf.Variable(1.0)
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(loss_of(w))
    assert [v for _, v in pairs] == [w, unused]
    assert pairs[1][0] is None
    clipped = [(None if g is None else tf.minimum(g, 0.25), v) for g, v in pairs]
    train = optimizer.apply_gradients(clipped)
    session.run(tf.global_variables_initializer())
    session.run(train)
    np.testing.assert_allclose(session.run(w), START - np.minimum(gradient(START), 0.25))
    assert session.run(unused) == 1.0


def test_loss_and_step_in_one_run_see_the_same_weights(session: tf.Session) -> None:
    w = tf.Variable(START)
    loss = loss_of(w)
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    session.run(tf.global_variables_initializer())
    before = session.run(loss)
    _, during = session.run([train, loss])
    assert during == before
    assert session.run(loss) < before


def test_var_list_and_grad_loss(session: tf.Session) -> None:
    a, b = tf.Variable(START[:1]), tf.Variable(START[1:])
    loss = _joined_loss(a, b)
    weight = tf.constant(2.0, tf.float64)
    train = tf.train.GradientDescentOptimizer(0.125).minimize(loss, var_list=[b], grad_loss=weight)
    session.run(tf.global_variables_initializer())
    session.run(train)
    assert (session.run(a) == START[:1]).all()
    np.testing.assert_allclose(session.run(b), (START - 0.25 * gradient(START))[1:])


def test_what_cannot_be_trained() -> None:
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="no variables"):
        optimizer.minimize(tf.constant(1.0))
    v = tf.Variable(1.0, name="far_away")
    with pytest.raises(ValueError, match="far_away"):
        optimizer.minimize(tf.constant(1.0))
    with pytest.raises(ValueError, match=r"(?i)no gradients"):
        optimizer.apply_gradients([(None, v)])
    with pytest.raises(ValueError, match="name"):
        tf.train.GradientDescentOptimizer(0.1, name="")
