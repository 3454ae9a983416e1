"""How long each step of a plan takes."""

import time

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.runtime.timing import timed


def test_each_step_is_measured_while_the_context_lasts():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [300, 300])
        y = tf.matmul(x, x, name="slow")
        z = tf.reduce_sum(y, name="quick")
        feed = {x: np.ones((300, 300), np.float32)}
        plan = session.plan(z, feed)
        steps = plan.steps
        with timed(plan) as seconds:
            assert seconds == [0.0] * len(steps)
            start = time.perf_counter()
            assert session.run(z, feed) == pytest.approx(300**3)
            whole = time.perf_counter() - start
        assert plan.steps is steps
        assert all(second > 0 for second in seconds)
        assert sum(seconds) <= whole
        before = list(seconds)
        session.run(z, feed)
        assert seconds == before


def test_the_plan_is_as_before_after_an_error():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None])
        checked = tf.check_numerics(x, "here")
        feed = {x: np.array([np.nan], np.float32)}
        plan = session.plan(checked, feed)
        steps = plan.steps
        with pytest.raises(tf.errors.InvalidArgumentError), timed(plan):
            session.run(checked, feed)
        assert plan.steps is steps
