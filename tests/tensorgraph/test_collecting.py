"""The collector rests while graphs and plans are made, and only then."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.base.collecting import collector_paused, without_collector
from tensorgraph.graph.opdef import lookup


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    yield
    gc.enable()


def test_it_is_put_off_to_the_end() -> None:
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()  # the outer one is not over
    assert gc.isenabled()


def test_an_error_ends_it_too() -> None:
    @without_collector
    def fail() -> None:
        assert not gc.isenabled()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert gc.isenabled()


def test_who_has_switched_it_off_keeps_it_so() -> None:
    gc.disable()
    with collector_paused():
        pass
    assert not gc.isenabled()


def test_it_rests_where_graphs_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    tanh, kernel = lookup("Tanh"), lookup("Tanh").kernel
    rule = tanh.gradient

    def gradient(*args: object) -> object:
        seen.add(("gradient", gc.isenabled()))
        return rule(*args)

    def run(*args: object) -> object:
        seen.add(("kernel", gc.isenabled()))
        return kernel(*args)

    monkeypatch.setattr(tanh, "gradient", gradient)
    monkeypatch.setattr(tanh, "kernel", run)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [2])
        (g,) = tf.gradients(tf.tanh(x), x)
        session.run(g, {x: np.zeros(2)})
    assert seen == {("gradient", False), ("kernel", True)}


def test_the_line_of_the_user_is_found_through_it() -> None:
    with tf.Graph().as_default():
        v = tf.Variable(1.0)
        train = tf.train.GradientDescentOptimizer(0.1).minimize(v * v)
    assert "test_collecting.py" in train.source
