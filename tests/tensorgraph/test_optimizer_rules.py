"""Every optimizer: its trajectory by plain formulas and by TensorFlow, its names, its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf

Array = npt.NDArray[Any]
Rule = Callable[..., Iterator[Array]]

STEPS = 20
START = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -0.25]])
PULL = np.array([[1.0, 0.5, 2.0], [0.1, 1.5, 1.0]])


def slope(w: Array) -> Array:
    """The gradient of the loss in `trajectory`: smooth, of both signs, sometimes tiny."""
    return PULL * w + np.cos(3 * w) / 3


# The formulas, as the papers (or TensorFlow's documentation) have them. Each is a generator that
# yields the weights after every step.


def sgd(w: Array, lr: float) -> Iterator[Array]:
    while True:
        w = w - lr * slope(w)
        yield w


def proximal(w: Array, lr: float, l1: float, l2: float) -> Iterator[Array]:
    while True:
        w = w - lr * slope(w)
        w = np.sign(w) * np.maximum(abs(w) - lr * l1, 0) / (1 + lr * l2)
        yield w


def momentum(w: Array, lr: float, mu: float, nesterov: bool) -> Iterator[Array]:
    v = np.zeros_like(w)
    while True:
        g = slope(w)
        v = mu * v + g
        w = w - lr * (g + mu * v if nesterov else v)
        yield w


def adagrad(w: Array, lr: float, initial: float = 0.1) -> Iterator[Array]:
    s = np.full_like(w, initial)
    while True:
        g = slope(w)
        s = s + g**2
        w = w - lr * g / np.sqrt(s)
        yield w


def adadelta(w: Array, lr: float, rho: float, eps: float) -> Iterator[Array]:
    s, d = np.zeros_like(w), np.zeros_like(w)
    while True:
        g = slope(w)
        s = rho * s + (1 - rho) * g**2
        u = np.sqrt(d + eps) / np.sqrt(s + eps) * g
        d = rho * d + (1 - rho) * u**2
        w = w - lr * u
        yield w


def rmsprop(
    w: Array, lr: float, rho: float, mu: float, eps: float, centered: bool
) -> Iterator[Array]:
    s, c, m = np.ones_like(w), np.zeros_like(w), np.zeros_like(w)
    while True:
        g = slope(w)
        s = rho * s + (1 - rho) * g**2
        c = rho * c + (1 - rho) * g
        m = mu * m + lr * g / np.sqrt((s - c**2 if centered else s) + eps)
        w = w - m
        yield w


def adam(
    w: Array, lr: float, b1: float, b2: float, eps: float, nesterov: bool = False, decay: float = 0
) -> Iterator[Array]:
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, t = slope(w), t + 1
        w = w - decay * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        rate = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
        w = w - rate * (b1 * m + (1 - b1) * g if nesterov else m) / (np.sqrt(v) + eps)
        yield w


def adamax(w: Array, lr: float, b1: float, b2: float, eps: float) -> Iterator[Array]:
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, t = slope(w), t + 1
        m = b1 * m + (1 - b1) * g
        v = np.maximum(b2 * v, abs(g))
        w = w - lr / (1 - b1**t) * m / (v + eps)
        yield w


def ftrl(
    w: Array, lr: float, power: float, initial: float, l1: float, l2: float, shrink: float
) -> Iterator[Array]:
    s, z = np.full_like(w, initial), np.zeros_like(w)
    while True:
        g = slope(w)
        new = s + g**2
        z = z + g + 2 * shrink * w - (new**-power - s**-power) / lr * w
        w = np.where(abs(z) > l1, (np.sign(z) * l1 - z) / (new**-power / lr + 2 * l2), 0)
        s = new
        yield w


class Case:
    """An optimizer: how it is made (from a ``train`` module) and what its formula is."""

    def __init__(self, make: Callable[[Any], Any], formula: Rule, *settings: Any) -> None:
        self.make, self.formula, self.settings = make, formula, settings


CASES: Mapping[str, Case] = {
    "GradientDescent": Case(lambda t: t.GradientDescentOptimizer(0.1), sgd, 0.1),
    "Proximal": Case(
        lambda t: t.ProximalGradientDescentOptimizer(0.1, 0.3, 0.2), proximal, 0.1, 0.3, 0.2
    ),
    "Momentum": Case(lambda t: t.MomentumOptimizer(0.05, 0.9), momentum, 0.05, 0.9, False),
    "Nesterov": Case(
        lambda t: t.MomentumOptimizer(0.05, 0.9, use_nesterov=True), momentum, 0.05, 0.9, True
    ),
    "Adagrad": Case(lambda t: t.AdagradOptimizer(0.3), adagrad, 0.3),
    "Adagrad from 1": Case(lambda t: t.AdagradOptimizer(0.3, 1.0), adagrad, 0.3, 1.0),
    "Adadelta": Case(
        lambda t: t.AdadeltaOptimizer(1.0, 0.9, 1e-3), adadelta, 1.0, 0.9, 1e-3
    ),
    "RMSProp": Case(
        lambda t: t.RMSPropOptimizer(0.05), rmsprop, 0.05, 0.9, 0.0, 1e-10, False
    ),
    "RMSProp with momentum": Case(
        lambda t: t.RMSPropOptimizer(0.02, 0.8, 0.7, 1e-3), rmsprop, 0.02, 0.8, 0.7, 1e-3, False
    ),
    "RMSProp centered": Case(
        lambda t: t.RMSPropOptimizer(0.02, 0.8, 0.5, 1e-3, centered=True),
        rmsprop, 0.02, 0.8, 0.5, 1e-3, True,
    ),
    "Adam": Case(
        lambda t: t.AdamOptimizer(0.1, 0.8, 0.99, 1e-6), adam, 0.1, 0.8, 0.99, 1e-6
    ),
    "Ftrl": Case(lambda t: t.FtrlOptimizer(0.5), ftrl, 0.5, -0.5, 0.1, 0.0, 0.0, 0.0),
    "Ftrl with penalties": Case(
        lambda t: t.FtrlOptimizer(0.5, -0.7, 0.2, 0.3, 0.1),
        ftrl, 0.5, -0.7, 0.2, 0.3, 0.1, 0.0,
    ),
    "Ftrl with shrinkage": Case(
        lambda t: t.FtrlOptimizer(0.5, l2_shrinkage_regularization_strength=0.2),
        ftrl, 0.5, -0.5, 0.1, 0.0, 0.0, 0.2,
    ),
}  # fmt: skip
# Of tf.contrib, which TensorFlow no longer has.
CONTRIB: Mapping[str, Case] = {
    "Nadam": Case(
        lambda t: t.NadamOptimizer(0.1, 0.8, 0.99, 1e-6), adam, 0.1, 0.8, 0.99, 1e-6, True
    ),
    "AdaMax": Case(
        lambda t: t.AdaMaxOptimizer(0.1, 0.8, 0.99, 1e-6), adamax, 0.1, 0.8, 0.99, 1e-6
    ),
    "AdamW": Case(
        lambda t: t.AdamWOptimizer(0.02, 0.1, 0.8, 0.99, 1e-6),
        adam, 0.1, 0.8, 0.99, 1e-6, False, 0.02,
    ),
}  # fmt: skip


def trajectory(
    t: Any, make: Callable[[Any], Any], dtype: str = "float64", start: Array = START
) -> Array:
    """Return the weights after each step, in whichever of the two engines `t` is."""
    with t.Graph().as_default():
        w = t.Variable(start.astype(dtype), name="w")
        # Its gradient is `slope`, but for a copy of the cosine that is fed.
        fed = t.placeholder(dtype, start.shape)
        loss = t.reduce_sum(PULL.astype(dtype) * t.square(w) * 0.5 + w * fed)
        step = make(t.train).minimize(loss)
        found = []
        with t.Session() as session:
            session.run(t.global_variables_initializer())
            for _ in range(STEPS):
                session.run(step, {fed: np.cos(3 * session.run(w)) / 3})
                found.append(session.run(w))
    return np.array(found)


@pytest.mark.parametrize("name", [*CASES, *CONTRIB])
def test_the_trajectory_is_that_of_the_formula(name: str) -> None:
    case = {**CASES, **CONTRIB}[name]
    steps = case.formula(START, *case.settings)
    expected = np.array([next(steps) for _ in range(STEPS)])
    # The settings are float32 before they become float64, as in TensorFlow.
    np.testing.assert_allclose(trajectory(tf, case.make), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trajectory(tf, case.make, "float32"), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_trajectory_is_tensorflows(name: str, dtype: str, tf1: Any) -> None:
    if (name, dtype) == ("Proximal", "float64"):
        pytest.skip("TensorFlow's own takes float32 alone: it does not cast its settings")
    case = CASES[name]
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(
        trajectory(tf, case.make, dtype),
        trajectory(tf1, case.make, dtype),
        rtol=tolerance,
        atol=tolerance,
    )


def names(t: Any, make: Callable[[Any], Any]) -> list[Any]:
    """Return every name that an optimizer makes, in either engine."""
    with t.Graph().as_default() as graph:
        w = t.Variable(np.ones(3, np.float32), name="w")
        with t.name_scope("layer"):
            u = t.Variable(np.ones((2, 2), np.float32), name="u")
        optimizer = make(t.train)
        optimizer.minimize(t.reduce_sum(w * w) + t.reduce_sum(u * u))
        slots = {
            name: [optimizer.get_slot(v, name).name for v in (w, u)]
            for name in optimizer.get_slot_names()
        }
        nodes = [
            op.name
            for op in graph.get_operations()
            if op.name.startswith(f"{optimizer.get_name()}/")
        ]
        return [
            slots,
            [v.name for v in t.global_variables()],
            [v.name for v in t.trainable_variables()],
            [v.name for v in optimizer.variables()],
            nodes,
        ]


@pytest.mark.parametrize("name", CASES)
def test_names_are_tensorflows(name: str, tf1: Any) -> None:
    case = CASES[name]
    mine, theirs = names(tf, case.make), names(tf1, case.make)
    if name.startswith("Ftrl"):
        # Later versions compute one setting from others, by nodes that 1.15 did not have.
        mine.pop()
        theirs.pop()
    assert mine == theirs


def test_slots_have_tensorflows_names() -> None:
    def slots(make: Callable[[Any], Any]) -> Any:
        return names(tf, make)[0]

    assert slots(CASES["RMSProp centered"].make) == {
        "rms": ["w/RMSProp:0", "layer/u/RMSProp:0"],
        "mg": ["w/RMSProp_1:0", "layer/u/RMSProp_1:0"],
        "momentum": ["w/RMSProp_2:0", "layer/u/RMSProp_2:0"],
    }
    assert slots(CASES["Adagrad"].make) == {"accumulator": ["w/Adagrad:0", "layer/u/Adagrad:0"]}
    assert slots(lambda t: t.FtrlOptimizer(0.1, accum_name="a", linear_name="l")) == {
        "accum": ["w/a:0", "layer/u/a:0"],
        "linear": ["w/l:0", "layer/u/l:0"],
    }
    assert slots(CONTRIB["AdaMax"].make) == {
        "m": ["w/AdaMax:0", "layer/u/AdaMax:0"],
        "v": ["w/AdaMax_1:0", "layer/u/AdaMax_1:0"],
    }


def test_variables_come_with_the_powers_first() -> None:
    assert names(tf, CASES["Adam"].make)[3] == [
        "beta1_power:0", "beta2_power:0", "layer/u/Adam:0", "layer/u/Adam_1:0", "w/Adam:0",
        "w/Adam_1:0",
    ]  # fmt: skip
    assert names(tf, CONTRIB["AdaMax"].make)[3][:2] == ["beta1_power:0", "layer/u/AdaMax:0"]


@given(
    rate=st.floats(1e-3, 0.1),
    beta1=st.floats(0.0, 0.95),
    beta2=st.floats(0.5, 0.999),
    seed=st.integers(0, 100),
)
def test_adam_by_its_formula_whatever_the_settings(
    rate: float, beta1: float, beta2: float, seed: int
) -> None:
    start = np.random.default_rng(seed).normal(size=START.shape)
    steps = adam(start, rate, beta1, beta2, 1e-6)
    expected = np.array([next(steps) for _ in range(STEPS)])
    made = trajectory(tf, lambda t: t.AdamOptimizer(rate, beta1, beta2, 1e-6), start=start)
    np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-3)


def test_settings_may_be_tensors_and_functions() -> None:
    with tf.Graph().as_default():
        w = tf.Variable(1.0)
        rate = tf.placeholder(tf.float32, [])
        step = tf.train.RMSPropOptimizer(rate, decay=lambda: 0.5).minimize(w * 3.0)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(step, {rate: 0.0})
            assert session.run(w) == 1.0
            session.run(step, {rate: 1.0})
            # The mean square went 1 → 5 → 7 by halves.
            assert session.run(w) == pytest.approx(1 - 3 / np.sqrt(7))


def test_weight_decay_touches_only_the_variables_it_is_given() -> None:
    def after(choose: bool) -> list[float]:
        with tf.Graph().as_default():
            a, b = tf.Variable(1.0), tf.Variable(1.0)
            optimizer = tf.train.AdamWOptimizer(0.5, learning_rate=0.0)
            step = optimizer.minimize(a * b, decay_var_list=[a] if choose else None)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                session.run(step)
                return [float(v) for v in session.run([a, b])]

    assert after(choose=False) == [0.5, 0.5]
    assert after(choose=True) == [0.5, 1.0]


def test_the_gradient_is_that_of_the_weights_before_they_decay() -> None:
    with tf.Graph().as_default():
        w = tf.Variable(2.0)
        optimizer = tf.train.AdamWOptimizer(0.5, 0.0, beta1=0.0)
        step = optimizer.minimize(w * w)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(step)
            assert session.run([w, optimizer.get_slot(w, "m")]) == [1.0, 4.0]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda t: t.AdagradOptimizer(0.1, 0.0), "initial_accumulator_value must be positive"),
        (lambda t: t.FtrlOptimizer(0.1, 0.5), "learning_rate_power must not be positive"),
        (lambda t: t.FtrlOptimizer(0.1, initial_accumulator_value=-1.0), "must not be negative"),
        (lambda t: t.FtrlOptimizer(0.1, l1_regularization_strength=-1.0), "l1_regularization"),
        (lambda t: t.RMSPropOptimizer(0.1, name=""), "needs a name"),
    ],
)
def test_settings_that_make_no_sense(make: Callable[[Any], Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make(tf.train)


def test_float16_variables_are_trained_in_float16() -> None:
    for name, case in {**CASES, **CONTRIB}.items():
        result = trajectory(tf, case.make, "float16")
        assert result.dtype == np.float16, name
        assert np.isfinite(result).all(), name
