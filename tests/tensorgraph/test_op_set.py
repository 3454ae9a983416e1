"""What the ops of the library give: beside NumPy and Python's `math`, and where they refuse."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph as tf
from tensorgraph.testing import check_gradients

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def run(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        return session.run(fetches, feed_dict)


# Slicing


@given(data=st.data())
def test_index_is_numpys(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    x = np.arange(math.prod(shape)).reshape(shape)
    with tf.Graph().as_default():
        known, unknown = tf.constant(x), tf.placeholder(tf.int64, [None] * len(shape))
        static, free = known[index], unknown[index]
        got = run([static, free], {unknown: x})
    for value in got:
        np.testing.assert_array_equal(value, x[index])
    assert static.shape == x[index].shape
    assert len(free.shape) == x[index].ndim


@given(
    begin=st.integers(-6, 6), end=st.integers(-6, 6), step=st.integers(-3, 3).filter(lambda n: n)
)
def test_index_by_tensors(begin: int, end: int, step: int) -> None:
    x = np.arange(5)
    with tf.Graph().as_default():
        bounds = [tf.placeholder(tf.int32, []) for _ in range(3)]
        part = tf.constant(x)[slice(*bounds)]
        got = run(part, dict(zip(bounds, (begin, end, step), strict=True)))
    np.testing.assert_array_equal(got, x[begin:end:step])


def test_index_of_a_variable() -> None:
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    (gradient,) = tf.gradients(tf.reduce_sum(v[:, -1] ** 2.0), [v])
    assert gradient is not None
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(v[1]), [3, 4])
        np.testing.assert_array_equal(session.run(gradient), [[0, 4], [0, 8]])


def test_place_outside_when_run() -> None:
    x, i = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])
    with pytest.raises(tf.errors.InvalidArgumentError, match="slice index 3 of dimension 0"):
        run(x[i], {x: [1, 2, 3], i: 3})
    with pytest.raises(tf.errors.InvalidArgumentError, match="outside of axis 0"):
        run(tf.slice(x, [i], [2]), {x: [1, 2, 3], i: 2})


def test_index_by_a_mask() -> None:
    x = tf.placeholder(tf.float64, [None, 2, 3])
    value = np.random.default_rng(0).normal(size=(4, 2, 3))
    rows = np.array([True, False, True, True])
    got = run([x[x > 0.0], x[:, 0][x[:, 0] < 1.0], x[rows]], {x: value})
    np.testing.assert_array_equal(got[0], value[value > 0])
    np.testing.assert_array_equal(got[1], value[:, 0][value[:, 0] < 1])
    np.testing.assert_array_equal(got[2], value[rows])
    check_gradients(x[x > 0.0], x, {x: value}, order=2)
    with pytest.raises(ValueError, match="not compatible"):
        x[tf.constant([[True]])]
    with pytest.raises(TypeError, match="use tf"):
        x[[0, 1]]


# Special functions


def relative(got: Array, wanted: Array) -> float:
    return float(np.max(np.abs(got - wanted) / np.maximum(np.abs(wanted), 1e-300)))


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_function_is_pythons(name: str) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-6, 6, 3000), 10.0 ** rng.uniform(-300, 1.3, 1000)])
    got = run(getattr(tf, name)(tf.constant(x)))
    assert relative(got, np.array([getattr(math, name)(v) for v in x])) < 1e-14


@pytest.mark.parametrize(("name", "ends"), [("erf", [-1, 1]), ("erfc", [2, 0])])
def test_error_function_of_no_number_is_none(name: str, ends: list[float]) -> None:
    results = run(getattr(tf, name)([np.nan, -np.inf, np.inf]))
    np.testing.assert_array_equal(results, [np.nan, *ends])


def test_lgamma_is_pythons() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(2.1, 200, 3000), 10.0 ** rng.uniform(-300, -0.1, 1000)])
    assert relative(run(tf.lgamma(x)), np.array([math.lgamma(v) for v in x])) < 1e-14
    # Near its zeros, 1 and 2: there Python's own is exact only absolutely. The series is -γt + …
    t = 10.0 ** rng.uniform(-12, -5, 100)
    series = -0.5772156649015329 * t + math.pi**2 / 12 * t**2
    assert relative(run(tf.lgamma(1 + t)), series) < 1e-3
    np.testing.assert_array_equal(
        run(tf.lgamma([1.0, 2.0, 0.0, -1.0, np.inf])), [0, 0] + [np.inf] * 3
    )
    below = -rng.uniform(0, 20, 500)
    wanted = np.array([math.lgamma(v) for v in below])
    np.testing.assert_allclose(run(tf.lgamma(below)), wanted, rtol=1e-13, atol=1e-13)


def test_gamma_family_by_recurrence_and_reflection() -> None:
    x = np.random.default_rng(0).uniform(-9.9, 30, 2000)
    x = x[np.abs(x - np.rint(x)) > 0.05]  # at poles the differences cancel
    above, here = run([tf.digamma(x + 1), tf.digamma(x)])
    np.testing.assert_allclose(above, here + 1 / x, rtol=1e-11, atol=1e-11)
    for n in (1, 2, 3):
        above, here = run([tf.polygamma(n, x + 1), tf.polygamma(n, x)])
        step = (-1) ** n * math.factorial(n) / x ** (n + 1)
        np.testing.assert_allclose(above, here + step, rtol=1e-10, atol=1e-10)
    # ψ(1) = -γ; ψ'(1) = π²/6.
    assert run(tf.digamma(np.float64(1))) == pytest.approx(-0.5772156649015329, abs=1e-15)
    assert run(tf.polygamma(1, np.float64(1))) == pytest.approx(math.pi**2 / 6, rel=1e-15)
    assert np.isnan(run(tf.digamma([0.0, -3.0]))).all()


# Division


@given(
    hnp.arrays(np.int32, 7, elements=st.integers(-50, 50)),
    hnp.arrays(np.int32, 7, elements=st.integers(-9, 9).filter(lambda n: n)),
)
def test_whole_quotients_are_pythons(x: Array, y: Array) -> None:
    with tf.Graph().as_default():
        a, b = tf.constant(x), tf.constant(y)
        got = run([a // b, a % b, tf.truncatediv(a, b), tf.truncatemod(a, b), a / b])
    pairs = list(zip(x.tolist(), y.tolist(), strict=True))
    np.testing.assert_array_equal(got[0], [p // q for p, q in pairs])
    np.testing.assert_array_equal(got[1], [p % q for p, q in pairs])
    np.testing.assert_array_equal(got[2], [math.trunc(p / q) for p, q in pairs])
    np.testing.assert_array_equal(got[3], [math.fmod(p, q) for p, q in pairs])
    np.testing.assert_array_equal(got[4], [p / q for p, q in pairs])


@pytest.mark.parametrize("divide", [tf.floordiv, tf.mod, tf.truncatediv, tf.div])
def test_whole_division_by_zero(divide: Callable[..., tf.Tensor]) -> None:
    x = tf.placeholder(tf.int32, [2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="division by zero"):
        run(divide(4, x), {x: [1, 0]})


def test_where_the_divisor_is_zero_the_quotient_and_its_slope_are() -> None:
    x, y = tf.constant([3.0, 3.0]), tf.constant([2.0, 0.0])
    z = tf.div_no_nan(x, y)
    np.testing.assert_array_equal(run([z, *tf.gradients(z, [x, y])])[1:], [[0.5, 0], [-0.75, 0]])


# Products with zeros among them


@given(data=st.data())
def test_gradient_of_products_with_zeros(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    x = data.draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.5, -1.0, 2.0])))
    axis = data.draw(st.none() | st.integers(0, len(shape) - 1))
    exclusive, reverse = data.draw(st.booleans()), data.draw(st.booleans())
    with tf.Graph().as_default():
        t = tf.placeholder(tf.float64, shape)
        check_gradients(tf.reduce_prod(t, axis), t, {t: x}, order=2)
        y = tf.cumprod(t, axis or 0, exclusive, reverse)
        check_gradients(y, t, {t: x}, order=2)


def test_gradient_of_a_product_of_unknown_rank() -> None:
    x = tf.placeholder(tf.float32)
    (gradient,) = tf.gradients(tf.reduce_prod(x), [x])
    np.testing.assert_array_equal(run(gradient, {x: [[2, 0], [3, 5]]}), [[0, 30], [0, 0]])


# Sizes that only the data decide


def test_data_decide_the_size_through_the_whole_plan() -> None:
    x = tf.placeholder(tf.float64, [None, 3])
    kept = tf.boolean_mask(x, x[:, 0] > 0)
    assert kept.shape.as_list() == [None, 3]
    hidden = tf.nn.relu(tf.matmul(kept, tf.constant(np.eye(3))) + 1.0)
    loss = tf.reduce_mean(tf.square(tf.nn.softmax(hidden)))
    (gradient,) = tf.gradients(loss, [x])
    with tf.Session() as session:
        # The same plan serves runs that keep another number of rows.
        for signs in itertools.product((-1.0, 1.0), repeat=3):
            value = np.arange(1, 10).reshape(3, 3) * np.array(signs)[:, None] / 9
            rows, dx = session.run([kept, gradient], {x: value})
            mask = np.array(signs) > 0
            np.testing.assert_array_equal(rows, value[mask])
            assert (np.abs(dx).sum(1) > 0).tolist() == mask.tolist() if mask.any() else True
    check_gradients(hidden, x, {x: np.eye(3) + 0.5}, order=2)


def test_unique_and_segments() -> None:
    x = tf.placeholder(tf.int32, [None])
    values, numbers, counts = tf.unique_with_counts(x)
    sums = tf.unsorted_segment_sum(tf.cast(x, tf.float32), numbers, tf.size(values))
    with tf.Session() as session:
        for given_values in ([5, 3, 5, 5], [1], [2, 2]):
            got = session.run([values, counts, sums], {x: given_values})
            distinct = list(dict.fromkeys(given_values))
            tallies = [given_values.count(v) for v in distinct]
            assert got[0].tolist() == distinct
            assert got[1].tolist() == tallies
            assert got[2].tolist() == [v * c for v, c in zip(distinct, tallies, strict=True)]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda i: tf.gather([1.0, 2.0], i), r"index 2 is not in \[0, 2\)"),
        (lambda i: tf.gather_nd([1.0, 2.0], i[:, None]), r"index 2 is not in \[0, 2\)"),
        (lambda i: tf.scatter_nd(i[:, None], [1.0], [2]), r"index 2 is not in \[0, 2\)"),
        (lambda i: tf.segment_sum([1.0, 1.0], tf.concat([i, [0]], 0)), "not increasing"),
        (lambda i: tf.unsorted_segment_sum([1.0], i, 2), r"segment id 2 is not in \[0, 2\)"),
        (tf.invert_permutation, "no permutation"),
        (lambda i: tf.cholesky([[1.0, 2.0], [2.0, 1.0]]) * tf.cast(i, tf.float32), "Cholesky"),
    ],
)
def test_wrong_places_when_run(build: Callable[[tf.Tensor], tf.Tensor], message: str) -> None:
    i = tf.placeholder(tf.int32, [1])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run(build(i), {i: [2]})


# Shapes that are computed


def test_shape_arithmetic_is_known_while_the_graph_is_built() -> None:
    x = tf.placeholder(tf.float32, [4, 6])
    rows, columns = tf.shape(x)[0], tf.shape(x)[1]
    assert tf.reshape(x, [rows // 2, columns * 2]).shape == [2, 12]
    assert tf.zeros([rows + 1, columns]).shape == [5, 6]
    assert tf.range(rows - 1).shape == [3]
    free = tf.placeholder(tf.float32, [None, 6])
    assert tf.reshape(free, [tf.shape(free)[0], 2, 3]).shape.as_list() == [None, 2, 3]
    assert free[: tf.shape(free)[0]].shape.as_list() == [None, 6]


def test_a_long_chain_of_numbers_is_no_known_shape() -> None:
    n = tf.constant(0)
    for _ in range(3000):
        n = n + 1
    assert tf.zeros([n]).shape.as_list() == [None]
    assert run(tf.zeros([n])).shape == (3000,)


def test_arguments_that_must_be_known() -> None:
    n = tf.placeholder(tf.int32, [])
    with pytest.raises(ValueError, match="must be known while the graph is built"):
        tf.reduce_sum([1.0], n)
    with pytest.raises(TypeError, match="must be integers"):
        tf.cumsum([1.0], 0.5)


# Random numbers


def test_gamma_has_its_moments() -> None:
    alpha = np.array([0.3, 1.0, 4.5], np.float32)
    x = run(tf.random_gamma([20000], alpha, beta=2.0, seed=3))
    assert x.shape == (20000, 3)
    assert x.min() > 0
    np.testing.assert_allclose(x.mean(0), alpha / 2, rtol=0.03)
    np.testing.assert_allclose(x.var(0), alpha / 4, rtol=0.08)


def test_multinomial_has_its_frequencies() -> None:
    p = np.array([[0.1, 0.6, 0.0, 0.3], [0.25, 0.25, 0.25, 0.25]])
    with np.errstate(divide="ignore"):
        drawn = run(tf.multinomial(np.log(p) + np.array([[5.0], [-800.0]]), 20000, seed=1))
    assert drawn.dtype == np.int64
    shares = np.array([np.bincount(row, minlength=4) for row in drawn]) / 20000
    np.testing.assert_allclose(shares, p, atol=0.015)
    assert shares[0, 2] == 0


@pytest.mark.parametrize("unique", [False, True])
def test_candidates_come_as_often_as_expected(unique: bool) -> None:
    truth = tf.constant([[0], [7]], tf.int64)
    drawn = tf.nn.log_uniform_candidate_sampler(truth, 1, 4, unique, 9, seed=5)
    tally, expected = np.zeros(9), np.zeros(2)
    with tf.Session() as session:
        for _ in range(3000):
            classes, counts, own = session.run(list(drawn))
            assert len(set(classes)) == 4 or not unique
            tally += np.bincount(classes, minlength=9)
            expected += counts[:, 0]
            np.testing.assert_allclose(own[classes == 0], counts[0, 0])
    np.testing.assert_allclose(tally[[0, 7]], expected, rtol=0.12)
    with pytest.raises(ValueError, match="different classes"):
        tf.nn.uniform_candidate_sampler(truth, 1, 10, True, 9)


def test_shuffle_and_crop() -> None:
    x = np.arange(60.0).reshape(10, 6)
    shuffled = tf.random_shuffle(tf.constant(x), seed=1)
    crop = tf.random_crop(tf.constant(x), [3, 2], seed=2)
    with tf.Session() as session:
        orders = [session.run(shuffled) for _ in range(5)]
        corners = {session.run(crop)[0, 0] for _ in range(200)}
        block = session.run(crop)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order[:, 0]), x[:, 0])
    assert len({tuple(o[:, 0]) for o in orders}) > 1
    assert corners <= {float(v) for v in x[:8, :5].ravel()}
    assert len(corners) > 30
    np.testing.assert_array_equal(block - block[0, 0], x[:3, :2])
    with pytest.raises(ValueError, match="does not fit"):
        tf.random_crop(tf.constant(x), [11, 1])


def test_random_flips_turn_half_of_the_images() -> None:
    x = np.zeros((400, 1, 2, 1), np.float32)
    x[:, :, 0] = 1
    flipped = run(tf.image.random_flip_left_right(tf.constant(x), seed=1))[:, 0, 1, 0]
    assert set(flipped) == {0, 1}
    assert 120 < flipped.sum() < 280


# Networks


def test_gelu() -> None:
    x = np.linspace(-4, 4, 9)
    exact, near = run([tf.nn.gelu(x), tf.nn.gelu(x, approximate=True)])
    np.testing.assert_allclose(exact, [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])
    np.testing.assert_allclose(near, exact, atol=1e-3)


def test_resized_image_keeps_a_plane() -> None:
    rows, columns = np.mgrid[:3, :4].astype(float)
    plane = (2 * rows + columns)[None, :, :, None]
    bigger = run(tf.image.resize_bilinear(tf.constant(plane), [5, 7], align_corners=True))[
        0, :, :, 0
    ]
    wanted = 2 * np.linspace(0, 2, 5)[:, None] + np.linspace(0, 3, 7)
    np.testing.assert_allclose(bigger, wanted, atol=1e-6)


def test_image_types_scale() -> None:
    x = tf.constant(np.array([0, 51, 255], np.uint8))
    floats = tf.image.convert_image_dtype(x, tf.float32)
    np.testing.assert_allclose(run(floats), [0, 0.2, 1], rtol=1e-6)
    back = tf.image.convert_image_dtype(floats * 2.0, tf.uint8, saturate=True)
    np.testing.assert_array_equal(run(back), [0, 102, 255])


def test_convolution_in_groups() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 5, 5, 6)), rng.normal(size=(3, 3, 2, 9))
    joint = tf.nn.conv2d(x, w, 1, "SAME", name="grouped")
    parts = [
        tf.nn.conv2d(x[..., 2 * i : 2 * i + 2], w[..., 3 * i : 3 * i + 3], 1, "SAME")
        for i in range(3)
    ]
    assert joint.name == "grouped:0"
    got, wanted = run([joint, parts])
    np.testing.assert_allclose(got, np.concatenate(wanted, -1), atol=1e-12)
    with pytest.raises(ValueError, match="in groups"):
        tf.nn.conv2d(x, w[..., :8], 1, "SAME")


def test_wrong_output_shape_of_a_transposed_convolution() -> None:
    x, w = tf.zeros([1, 4, 4, 2]), tf.zeros([3, 3, 5, 2])
    with pytest.raises(ValueError, match="makes"):
        tf.nn.conv2d_transpose(x, w, [1, 4, 4, 5], 2, "SAME")


def test_arguments_may_be_known_tensors() -> None:
    x = tf.placeholder(tf.float32, [2, 3])
    assert tf.transpose(x, tf.constant([1, 0])).shape == [3, 2]
    assert tf.reduce_sum(x, tf.constant(1)).shape == [2]
    assert x[tf.newaxis].shape == [1, 2, 3]
    assert tf.size(x, out_type=tf.int64).dtype == tf.int64


@pytest.mark.parametrize("module", [tf.math, tf.linalg, tf.random])
def test_namespaces_name_what_they_have(module: Any) -> None:
    assert module.__all__ == sorted(set(module.__all__))
    for name in module.__all__:
        assert callable(getattr(module, name)), name
        assert getattr(module, name).__doc__, name


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_hold_to_second_order(weighted: bool) -> None:
    x = tf.placeholder(tf.float64, [4, 3])
    weights = tf.constant(np.linspace(0.5, 2.0, 12).reshape(4, 3))
    mean, variance = tf.nn.weighted_moments(x, [0], weights) if weighted else tf.nn.moments(x, [0])
    values = np.random.default_rng(0).normal(size=(4, 3))
    check_gradients(mean * variance, x, {x: values}, order=2)
