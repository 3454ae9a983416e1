"""Learning rates that change, the global step, and moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf

STEPS = [0, 1, 3, 5, 7, 9, 10, 11, 15, 20, 29, 30, 31, 70, 71, 150]


# How each is made by `t.train`, and its formula for a step s.
DECAYS: dict[str, tuple[Callable[..., Any], Callable[[int], float]]] = {
    "exponential": (
        lambda t, s: t.exponential_decay(0.5, s, 10, 0.9),
        lambda s: 0.5 * 0.9 ** (s / 10),
    ),
    "exponential, stairs": (
        lambda t, s: t.exponential_decay(0.5, s, 10, 0.9, staircase=True),
        lambda s: 0.5 * 0.9 ** (s // 10),
    ),
    "natural": (
        lambda t, s: t.natural_exp_decay(0.5, s, 10, 0.3),
        lambda s: 0.5 * math.exp(-0.3 * s / 10),
    ),
    "natural, stairs": (
        lambda t, s: t.natural_exp_decay(0.5, s, 10, 0.3, True),
        lambda s: 0.5 * math.exp(-0.3 * (s // 10)),
    ),
    "inverse": (
        lambda t, s: t.inverse_time_decay(0.5, s, 10, 0.3),
        lambda s: 0.5 / (1 + 0.3 * s / 10),
    ),
    "inverse, stairs": (
        lambda t, s: t.inverse_time_decay(0.5, s, 10, 0.3, True),
        lambda s: 0.5 / (1 + 0.3 * (s // 10)),
    ),
    "polynomial": (
        lambda t, s: t.polynomial_decay(0.5, s, 30, 0.1, 2.0),
        lambda s: 0.4 * (1 - min(s, 30) / 30) ** 2 + 0.1,
    ),
    "polynomial, cycle": (
        lambda t, s: t.polynomial_decay(0.5, s, 10, 0.1, 0.5, cycle=True),
        lambda s: 0.4 * (1 - s / (10 * max(1, math.ceil(s / 10)))) ** 0.5 + 0.1,
    ),
    "pieces": (
        lambda t, s: t.piecewise_constant(s, [10, 30], [1.0, 0.5, 0.1]),
        lambda s: 1.0 if s <= 10 else 0.5 if s <= 30 else 0.1,
    ),
    "cosine": (
        lambda t, s: t.cosine_decay(0.5, s, 30, 0.2),
        lambda s: 0.5 * (0.8 * (1 + math.cos(math.pi * min(s, 30) / 30)) / 2 + 0.2),
    ),
    "restarts": (
        lambda t, s: t.cosine_decay_restarts(0.5, s, 10, t_mul=2.0, m_mul=0.8, alpha=0.1),
        lambda s: restarts(s, 2.0),
    ),
    "restarts, all of one length": (
        lambda t, s: t.cosine_decay_restarts(0.5, s, 10, t_mul=1.0, m_mul=0.8, alpha=0.1),
        lambda s: restarts(s, 1.0),
    ),
    "linear cosine": (
        lambda t, s: t.linear_cosine_decay(0.5, s, 30, 2.0, 0.1, 0.01),
        lambda s: (
            0.5
            * (
                (0.1 + 1 - min(s, 30) / 30) * (1 + math.cos(math.pi * 4 * min(s, 30) / 30)) / 2
                + 0.01
            )
        ),
    ),
}


def restarts(s: float, longer: float) -> float:
    """SGDR by going through its periods one after the other."""
    length, height = 10.0, 1.0
    while s >= length:
        s, length, height = s - length, length * longer, height * 0.8
    return 0.5 * (0.9 * height * (1 + math.cos(math.pi * s / length)) / 2 + 0.1)


def rates(t: Any, make: Callable[..., Any], steps: list[int]) -> list[float]:
    with t.Graph().as_default(), t.Session() as session:
        step = t.placeholder(t.int64, [])
        rate = make(t.train, step)
        assert rate.shape.as_list() == []
        return [float(session.run(rate, {step: s})) for s in steps]


@pytest.mark.parametrize("name", DECAYS)
def test_a_decay_is_its_formula(name: str) -> None:
    make, formula = DECAYS[name]
    expected = [formula(s) for s in STEPS]
    np.testing.assert_allclose(rates(tf, make, STEPS), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DECAYS)
def test_a_decay_is_tensorflows(name: str, tf1: Any) -> None:
    make, _ = DECAYS[name]
    np.testing.assert_allclose(
        rates(tf, make, STEPS), rates(tf1, make, STEPS), rtol=1e-5, atol=1e-7
    )


@given(
    rate=st.floats(0.01, 1.0), decay=st.floats(0.1, 1.0), steps=st.integers(1, 50),
    now=st.integers(0, 200),
)  # fmt: skip
def test_stairs_meet_the_curve_at_every_period(
    rate: float, decay: float, steps: int, now: int
) -> None:
    def of(staircase: bool) -> list[float]:
        def make(t: Any, s: Any) -> Any:
            return t.exponential_decay(rate, s, steps, decay, staircase)

        return rates(tf, make, [now, now // steps * steps])

    curve, stairs = of(False), of(True)
    assert stairs[0] == pytest.approx(curve[1], rel=1e-4)
    assert stairs[0] >= curve[0] * (1 - 1e-4)


def test_noise_falls_with_the_step() -> None:
    def spread(step: int) -> float:
        with tf.Graph().as_default(), tf.Session() as session:
            rate = tf.train.noisy_linear_cosine_decay(1.0, step, 1000, initial_variance=1.0)
            return float(np.std([session.run(rate) for _ in range(200)]))

    first, later = spread(0), spread(400)
    # The deviation is that of the noise times a cosine that is 0.65 at step 400.
    assert first == pytest.approx(1.0, rel=0.25)
    assert later == pytest.approx(401 ** (-0.55 / 2) * 0.65, rel=0.25)


def test_the_type_is_that_of_the_first_rate() -> None:
    for make, _ in DECAYS.values():
        with tf.Graph().as_default():
            assert make(tf.train, tf.constant(3)).dtype == tf.float32
    with tf.Graph().as_default():
        rate = tf.train.exponential_decay(np.float64(0.1), 3, 10, 0.5)
        assert rate.dtype == tf.float64


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a global step"):
        tf.train.exponential_decay(0.1, None, 10, 0.9)
    with pytest.raises(ValueError, match="2 boundaries need one more value, not 2"):
        tf.train.piecewise_constant(tf.constant(1), [1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="boundaries must be int32"):
        tf.train.piecewise_constant(tf.constant(1), [1.5], [0.1, 0.2])
    with pytest.raises(ValueError, match="of one type, not float32, int32"):
        tf.train.piecewise_constant(tf.constant(1), [1], [0.1, 2])


def test_an_optimizer_follows_the_global_step() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable(1.0)
        step = tf.train.get_or_create_global_step()
        rate = tf.train.exponential_decay(1.0, step, 1, 0.5)
        train = tf.train.GradientDescentOptimizer(rate).minimize(w, global_step=step)
        session.run(tf.global_variables_initializer())
        seen = []
        for _ in range(3):
            session.run(train)
            seen.append(float(session.run(w)))
        assert seen == [0.0, -0.5, -0.75]
        assert tf.train.global_step(session, step) == 3


# The global step


def test_the_global_step_is_made_once() -> None:
    with tf.Graph().as_default() as graph:
        assert tf.train.get_global_step() is None
        with tf.name_scope("inner"):
            step = tf.train.get_or_create_global_step()
        assert (step.name, step.dtype, step.shape.as_list()) == ("global_step:0", tf.int64, [])
        assert tf.train.get_or_create_global_step() is step
        assert tf.train.get_global_step(graph) is step
        assert graph.get_collection(tf.GraphKeys.GLOBAL_STEP) == [step]
        assert tf.trainable_variables() == []
        with pytest.raises(ValueError, match="get_or_create_global_step"):
            tf.train.create_global_step()
    with tf.Graph().as_default():
        assert tf.train.get_global_step() is None
        assert tf.train.get_global_step(graph) is step


def test_a_variable_called_global_step_is_the_global_step() -> None:
    with tf.Graph().as_default():
        step = tf.Variable(0, name="global_step", trainable=False)
        assert tf.train.get_global_step() is step
    with tf.Graph().as_default():
        tf.Variable(0.5, name="global_step")
        with pytest.raises(TypeError, match="integer scalar"):
            tf.train.get_global_step()
    with tf.Graph().as_default() as graph:
        for _ in range(2):
            graph.add_to_collection(tf.GraphKeys.GLOBAL_STEP, tf.Variable(0))
        with pytest.raises(ValueError, match="2 global steps"):
            tf.train.get_global_step()


# Moving averages


def averaged(t: Any, **options: Any) -> tuple[list[float], list[str]]:
    """Train a weight for some steps; return its average after each, and the variables' names."""
    with t.Graph().as_default(), t.Session() as session:
        w = t.Variable(1.0, name="w")
        step = t.train.get_or_create_global_step()
        if options.pop("count", False):
            options["num_updates"] = step
        train = t.train.GradientDescentOptimizer(0.25).minimize(w * w, global_step=step)
        ema = t.train.ExponentialMovingAverage(0.75, **options)
        with t.control_dependencies([train]):
            both = ema.apply([w])
        session.run(t.global_variables_initializer())
        seen = []
        for _ in range(5):
            session.run(both)
            seen.append(float(session.run(ema.average(w))))
        return seen, [v.name for v in t.global_variables()]


def test_the_average_follows_the_values_after_each_step() -> None:
    expected, w, average = [], 1.0, 1.0
    for _ in range(5):
        w *= 0.5
        average = 0.75 * average + 0.25 * w
        expected.append(average)
    seen, names = averaged(tf)
    assert seen == expected
    assert names == ["w:0", "global_step:0", "w/ExponentialMovingAverage:0"]


def test_the_first_updates_count_more() -> None:
    seen, _ = averaged(tf, count=True, name="mean")
    # The first step: min(0.75, (1 + 1) / (10 + 1)), of values 1 and 0.5.
    assert seen[0] == pytest.approx(2 / 11 + 0.5 * 9 / 11)


@pytest.mark.parametrize("options", [{}, {"count": True, "name": "mean"}])
def test_averages_are_tensorflows(options: dict[str, Any], tf1: Any) -> None:
    mine, theirs = averaged(tf, **options), averaged(tf1, **options)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-6)
    assert mine[1] == theirs[1]


def test_averages_of_tensors_begin_at_zero_and_can_be_corrected() -> None:
    def run(**options: Any) -> list[float]:
        with tf.Graph().as_default(), tf.Session() as session:
            x = tf.placeholder(tf.float32, [])
            value = tf.identity(x)
            ema = tf.train.ExponentialMovingAverage(0.5, **options)
            update = ema.apply([value])
            session.run(tf.global_variables_initializer())
            seen = []
            for number in (4.0, 4.0, 0.0):
                session.run(update, {x: number})
                seen.append(float(session.run(ema.average(value))))
            return seen

    assert run() == [2.0, 3.0, 1.5]
    assert run(zero_debias=True) == pytest.approx([4.0, 4.0, 1.5 / (1 - 0.5**3)])


def test_what_to_restore_from_averages() -> None:
    with tf.Graph().as_default():
        w = tf.Variable(1.0, name="w")
        b = tf.Variable(1.0, name="b", trainable=False)
        ema = tf.train.ExponentialMovingAverage(0.5)
        assert ema.average(w) is None
        assert ema.average_name(w) == "w/ExponentialMovingAverage"
        ema.apply()
        assert tf.moving_average_variables() == [w]
        average = ema.average(w)
        assert average is not None
        assert ema.average_name(w) == average.op.name == "w/ExponentialMovingAverage"
        names = ema.variables_to_restore()
        assert names.pop("w/ExponentialMovingAverage") is w
        assert names == {"b": b}
        with pytest.raises(TypeError, match="only floats can be averaged"):
            ema.apply([tf.Variable(3)])
