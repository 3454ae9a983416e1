"""Passes around convolutions: pooling first, and both gradients at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.passes import pipeline

RNG = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def values(fetches: Any, feeds: Any = None, passes: Any = ()) -> list[Any]:
    with tf.Session(config=tf.ConfigProto(passes=passes)) as session:
        session.run(tf.global_variables_initializer())
        return [np.asarray(a) for a in session.run(fetches, feeds)]


def pooled(x: Any, bias: Any, size: int = 2, step: int = 2, padding: str = "VALID") -> tf.Tensor:
    return tf.nn.max_pool(tf.nn.relu(tf.nn.bias_add(x, bias)), size, step, padding)


def pooling_first(fetches: Any, feeds: Any = None) -> dict[str, list[int]]:
    """Return the shape of each kind of result once pooling comes first."""
    with tf.Session(config=tf.ConfigProto(passes=["pool"])) as session:
        operations = session.program(fetches, feeds).graph.get_operations()
    return {op.type: op.outputs[0].shape.as_list() for op in operations if op.outputs}


class TestPoolFirst:
    def test_bias_and_rectifier_see_the_largest_only(self) -> None:
        x, bias = tf.Variable(RNG.normal(size=(2, 6, 6, 3))), tf.Variable(RNG.normal(size=3))
        y = pooled(x, bias)
        gradients = tf.gradients(tf.reduce_sum(y * y), [x, bias])
        sizes = pooling_first([y, *gradients])
        for kind in ("BiasAdd", "Relu", "ReluGrad"):
            assert sizes[kind] == [2, 3, 3, 3]
        assert sizes["MaxPoolGrad"] == [2, 6, 6, 3]

    @given(st.integers(1, 3), st.integers(1, 3), st.sampled_from(["VALID", "SAME"]), st.booleans())
    def test_same_results(self, size: int, step: int, padding: str, rounded: bool) -> None:
        # Whole numbers: several of a window are the largest, and many are zero after the bias.
        data = RNG.normal(size=(2, 5, 6, 2)) * 2
        start = np.round(data) if rounded else data
        with tf.Graph().as_default():
            x, bias = tf.Variable(start), tf.Variable(np.array([1.0, -1.0]))
            y = pooled(x, bias, size, step, padding)
            weights = tf.constant(RNG.normal(size=y.shape.as_list()))
            fetches = [y, *tf.gradients(tf.reduce_sum(y * weights), [x, bias])]
            for a, b in zip(values(fetches), values(fetches, passes=["pool"]), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)

    def test_without_a_bias(self) -> None:
        x = tf.placeholder(tf.float64, [2, 6, 6, 3])
        y = tf.nn.max_pool(tf.nn.relu(x), 2, 2, "VALID")
        sizes = pooling_first(y, {x: RNG.normal(size=(2, 6, 6, 3))})
        assert sizes["MaxPool"] == sizes["Relu"] == [2, 3, 3, 3]

    def test_what_somebody_else_sees_stays(self) -> None:
        x, bias = tf.Variable(RNG.normal(size=(2, 6, 6, 3))), tf.Variable(RNG.normal(size=3))
        z = tf.nn.relu(tf.nn.bias_add(x, bias))
        y = tf.nn.max_pool(z, 2, 2, "VALID")
        for fetches in ([y, z], [y, tf.reduce_sum(z)], tf.gradients(y * y, z)):
            assert pooling_first(fetches)["Relu"] == [2, 6, 6, 3]


class TestPairs:
    SHAPE = (8, 16, 16, 16)

    def both(self, filters: int = 16, size: int = 3, padding: str = "SAME") -> list[Any]:
        x = tf.Variable(RNG.normal(size=self.SHAPE).astype(np.float32))
        w = tf.Variable(RNG.normal(size=(size, size, 16, filters)).astype(np.float32))
        y = tf.tanh(tf.nn.conv2d(x, w, 1, padding))
        return list(tf.gradients(tf.reduce_sum(y * y), [x, w]))

    def test_one_operation_of_two(self, effect_of: Any) -> None:
        effect = effect_of(self.both())
        assert effect.before["Conv2DBackpropInput"] == effect.before["Conv2DBackpropFilter"] == 1
        assert effect.after["Conv2DBackprop"] == 1
        assert not {"Conv2DBackpropInput", "Conv2DBackpropFilter"} & set(effect.after)

    @pytest.mark.parametrize("size", [3, 5])
    @pytest.mark.parametrize("padding", ["SAME", "VALID"])
    @pytest.mark.parametrize("strict", [False, True])
    def test_same_results(self, size: int, padding: str, strict: bool) -> None:
        fetches = self.both(24, size, padding)
        results = []
        for passes in ((), ["pairs"]):
            config = tf.ConfigProto(passes=passes, strict=strict, poison_buffers=True)
            with tf.Session(config=config) as session:
                tf.set_random_seed(0)
                session.run(tf.global_variables_initializer())
                results.append(session.run(fetches))
        for a, b in zip(*results, strict=True):
            error = 5e-6 if strict else 5e-5
            np.testing.assert_allclose(a, b, rtol=0, atol=error * np.abs(a).max())

    def test_only_where_it_is_less_work(self, effect_of: Any) -> None:
        assert not effect_of(self.both(size=1)).after["Conv2DBackprop"]
        assert not effect_of(self.both(filters=2)).after["Conv2DBackprop"]

    def test_one_of_them_alone_stays(self, effect_of: Any) -> None:
        assert effect_of(self.both()[:1]).after["Conv2DBackpropInput"] == 1
        assert effect_of(self.both()[1:]).after["Conv2DBackpropFilter"] == 1


def test_all_are_in_the_pipeline() -> None:
    assert {"pool", "pairs", pipeline.REGIONS} <= set(pipeline.NAMES)
