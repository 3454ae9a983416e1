"""Initializers: shapes, types, names, and the distributions that they promise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        yield graph


def value(initializer: Any, shape: Any, dtype: Any = None) -> Array:
    with tf.Session() as session:
        result: Array = session.run(initializer(shape, dtype=dtype))
    return result


def test_constants() -> None:
    assert value(tf.zeros_initializer(), [2]).tolist() == [0.0, 0.0]
    assert value(tf.ones_initializer(tf.int32), [2]).dtype == np.int32
    assert value(tf.constant_initializer(3), [2], tf.float64).tolist() == [3.0, 3.0]
    assert value(tf.constant_initializer([1.0, 2.0]), [2, 2]).tolist() == [[1, 2], [2, 2]]
    assert value(tf.initializers.identity(2.0), [2, 3]).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(ValueError, match="does not suit"):
        value(tf.constant_initializer([1.0, 2.0], verify_shape=True), [2, 2])


# A kernel of 3 x 3 places, 32 inputs and 72 outputs. Its random numbers have a variance, and a
# largest one, in standard deviations.
KERNEL = [3, 3, 32, 72]
INPUTS, OUTPUTS = 288, 648
CUT = 2 / tf.initializers.TRUNCATED_DEVIATION


@pytest.mark.parametrize(
    ("initializer", "variance", "largest"),
    [
        (tf.glorot_uniform_initializer(), 2 / (INPUTS + OUTPUTS), math.sqrt(3)),
        (tf.glorot_normal_initializer(), 2 / (INPUTS + OUTPUTS), CUT),
        (tf.initializers.he_normal(), 2 / INPUTS, CUT),
        (tf.initializers.he_uniform(), 2 / INPUTS, math.sqrt(3)),
        (tf.initializers.lecun_normal(), 1 / INPUTS, CUT),
        (tf.initializers.lecun_uniform(), 1 / INPUTS, math.sqrt(3)),
        (tf.variance_scaling_initializer(3.0, "fan_out", "uniform"), 3 / OUTPUTS, math.sqrt(3)),
        (tf.variance_scaling_initializer(distribution="untruncated_normal"), 1 / INPUTS, 6.0),
        (tf.uniform_unit_scaling_initializer(2.0), 4 / INPUTS, math.sqrt(3)),
        (tf.contrib.layers.xavier_initializer(), 2 / (INPUTS + OUTPUTS), math.sqrt(3)),
        (tf.contrib.layers.xavier_initializer(uniform=False), 2 / (INPUTS + OUTPUTS), CUT),
        (tf.contrib.layers.variance_scaling_initializer(), 2 / INPUTS, CUT),
        (tf.random_normal_initializer(stddev=0.5), 0.25, 6.0),
        (tf.truncated_normal_initializer(stddev=0.5), (0.5 * 2 / CUT) ** 2, CUT),
        (tf.random_uniform_initializer(-1, 1), 1 / 3, math.sqrt(3)),
    ],
)
def test_random_numbers_have_the_variance_promised(
    initializer: Any, variance: float, largest: float
) -> None:
    numbers = value(initializer, KERNEL)
    assert numbers.shape == tuple(KERNEL)
    assert numbers.dtype == np.float32
    deviation = math.sqrt(variance)
    # 20,736 numbers: their mean and variance lie within about five standard errors.
    assert abs(numbers.mean()) < 5 * deviation / math.sqrt(numbers.size)
    assert numbers.var() == pytest.approx(variance, rel=0.05)
    assert 0.9 * min(largest, 3) * deviation < abs(numbers).max() <= largest * deviation * 1.0001


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 4), (0, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = value(tf.orthogonal_initializer(gain=2.0), shape, tf.float64)
    assert matrix.shape == shape
    flat = matrix.reshape(-1, shape[-1])
    tall = flat if flat.shape[0] >= flat.shape[1] else flat.T
    np.testing.assert_allclose(tall.T @ tall, 4 * np.eye(tall.shape[1]), atol=1e-12)


def test_seeds_make_them_reproducible() -> None:
    initializer = tf.glorot_uniform_initializer(seed=3)
    assert (value(initializer, [4]) == value(initializer, [4])).all()
    assert (value(tf.orthogonal_initializer(), [4, 4]) != value(initializer, [4, 4])).any()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: tf.variance_scaling_initializer(0.0), "scale must be positive"),
        (lambda: tf.variance_scaling_initializer(mode="fan"), "'fan_in', 'fan_out' or 'fan_avg'"),
        (lambda: tf.variance_scaling_initializer(distribution="gamma"), "distribution must be"),
        (lambda: tf.random_normal_initializer(dtype=tf.int32), "floating-point type, not int32"),
        (lambda: tf.orthogonal_initializer()([3]), "two axes or more"),
        (lambda: tf.initializers.identity()([3]), "needs a matrix"),
    ],
)
def test_what_is_refused(make: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()
    with pytest.raises(TypeError, match="number or an array"):
        tf.constant_initializer(tf.zeros([2]))


def test_names_are_tensorflows(tf1: Any) -> None:
    kinds = ["zeros", "ones", "random_normal", "random_uniform", "truncated_normal"]
    kinds += ["glorot_uniform", "he_normal", "lecun_uniform", "variance_scaling", "constant"]
    results = []
    for module in (tf, tf1):
        with module.Graph().as_default():
            for kind in kinds:
                made = getattr(module.initializers, kind)()
                module.get_variable(kind, [2, 3], initializer=made)
            results.append([v.initial_value.name for v in module.global_variables()])
    assert results[0] == results[1]
