"""Reductions of what is computed on the way, on the GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kernel_checks import check, numpy_results

import tensorgraph as tf

CASES: dict[str, Callable[[Any, Any], Any]] = {
    "all of a product": lambda x, v: tf.reduce_sum(x * x * v),
    "rows": lambda x, v: tf.reduce_mean(tf.exp(x) + v, -1),
    "columns": lambda x, v: tf.reduce_sum(tf.nn.relu(x) * v, [0, 1]),
    "one in the middle": lambda x, v: tf.reduce_max(tf.abs(x) - v, 1, keepdims=True),
    "the outer ones": lambda x, v: tf.reduce_min(tf.square(x) * v, [0, 2]),
    "a small one beside": lambda x, v: tf.reduce_sum(x * tf.exp(v), 0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (tf.float32, (3, 5, 4)),
        (tf.float32, (2, 700, 6)),
        (tf.float16, (40, 3, 300)),
        (tf.float64, (2, 3, 5)),
    ],
)
def test_group_and_reduction_are_one(
    cuda: Any, case: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    random = np.random.default_rng(11)
    feeds = [(random.normal(size=s) / 8).astype(dtype.np_dtype) for s in (shape, shape[-1:])]
    results = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            places = [tf.placeholder(dtype, f.shape) for f in feeds]
            y = CASES[case](*places)
            with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
                fed = dict(zip(places, feeds, strict=True))
                kinds = [op.type for op in session.program(y, fed).graph.get_operations()]
                assert (backend == "cupy") == ("FusedReduction" in kinds)
                results.append(session.run(y, fed).astype(np.float64))
    # NumPy adds numbers of 16 bits in 16 bits.
    tolerance = {tf.float16: 5e-2, tf.float32: 1e-5, tf.float64: 1e-12}[dtype]
    np.testing.assert_allclose(*results, rtol=tolerance, atol=tolerance * 40)


def test_bias_gradient_of_a_relu(cuda: Any) -> None:
    x = np.random.default_rng(12).normal(size=(6, 7)).astype(np.float32)
    results = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            given = tf.placeholder(tf.float32, x.shape)
            bias = tf.Variable(np.zeros(7, np.float32))
            loss = tf.reduce_sum(tf.square(tf.nn.relu(tf.nn.bias_add(given, bias))))
            (gradient,) = tf.gradients(loss, bias)
            with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
                session.run(tf.global_variables_initializer())
                results.append(session.run(gradient, {given: x}))
                if backend == "cupy":
                    program = session.program(gradient, {given: x})
                    kinds = [op.type for op in program.graph.get_operations()]
                    assert "FusedReduction" in kinds
                    assert "BiasAddGrad" not in kinds
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_what_else_is_needed_is_written(cuda: Any) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (4,))
        y = tf.exp(x)
        total = tf.reduce_sum(y)
        with tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
            values, added = session.run([y, total], {x: np.zeros(4, np.float32)})
    assert (values.tolist(), added) == ([1.0] * 4, 4.0)


def test_the_operation_itself_computes_the_same(cuda: Any) -> None:
    random = np.random.default_rng(15)
    feeds = [random.normal(size=s) for s in ((3, 4), (4,))]
    with tf.Graph().as_default():
        places = [tf.placeholder(tf.float64, f.shape) for f in feeds]
        y = tf.reduce_sum(tf.tanh(places[0] * places[1]), 0)
        with tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
            fed = dict(zip(places, feeds, strict=True))
            operations = session.program(y, fed).graph.get_operations()
    (op,) = (o for o in operations if o.type == "FusedReduction")
    assert op.definition.flops(op) == 12 + 12 + 12
    wanted = np.tanh(feeds[0] * feeds[1]).sum(0)
    np.testing.assert_allclose(numpy_results(op, feeds)[0], wanted, rtol=1e-12)
    check(cuda, op, feeds, 1e-12, 1e-12)
