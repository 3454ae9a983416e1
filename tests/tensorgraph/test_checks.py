"""Printing, assertions, checks of numbers, calls of Python, and gradients of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.testing import check_gradients


@pytest.fixture(autouse=True)
def new_graph() -> Any:
    with tf.Graph().as_default():
        yield


def run(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


# Print and Assert


def test_print(capsys: pytest.CaptureFixture[str]) -> None:
    x = tf.placeholder(tf.float64, [5])
    y = tf.Print(x, [x, "and", tf.constant(3), x > 1.0], message="x is ", summarize=2)
    value, gradient = run([y, tf.gradients(y * y, x)[0]], {x: np.arange(5.0)})
    np.testing.assert_array_equal(value, np.arange(5))
    np.testing.assert_array_equal(gradient, 2 * np.arange(5))
    assert capsys.readouterr().err == "x is [0.0 1.0...][and][3][False False...]\n"


def test_print_all_and_only_so_often(capsys: pytest.CaptureFixture[str]) -> None:
    y = tf.Print(tf.constant(1), [tf.range(5)], first_n=2, summarize=-1)
    with tf.Session() as session:
        for _ in range(4):
            session.run(y)
    assert capsys.readouterr().err == "[0 1 2 3 4]\n" * 2


def test_print_in_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    run(tf.while_loop(lambda i: i < 3, lambda i: tf.Print(i + 1, [i]), [0]))
    assert capsys.readouterr().err == "[0]\n[1]\n[2]\n"


def test_assert() -> None:
    x = tf.placeholder(tf.float32, [None])
    check = tf.Assert(tf.reduce_all(x > 0.0), ["x must be positive:", x])
    assert isinstance(check, tf.Operation)
    with tf.control_dependencies([check]):
        y = tf.identity(x)
    np.testing.assert_array_equal(run(y, {x: [1, 2]}), [1, 2])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"\[x must be positive:\] \[1.0 -2.0 3.0\.\.\.\]"
    ):
        run(y, {x: [1, -2, 3, 4]})


# Numbers


def test_check_numerics() -> None:
    x = tf.placeholder(tf.float64, [2])
    y = tf.check_numerics(x * x, "squares")
    check_gradients(y, x, {x: [1.0, 2.0]}, order=2)
    for bad, words in (([np.nan, 1], "NaN"), ([np.inf, 1], "Inf"), ([np.nan, np.inf], "NaN and")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"squares : Tensor had {words}"):
            run(y, {x: bad})


def test_check_numerics_of_the_gradient() -> None:
    x = tf.placeholder(tf.float64, [])
    gradient = tf.gradients(tf.sqrt(tf.check_numerics(x, "x")), x)[0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="detected in gradient"):
        run(gradient, {x: 0.0})


def test_add_check_numerics_ops() -> None:
    x = tf.placeholder(tf.float32, [])
    y = tf.log(x, name="first") + tf.cast(tf.constant(1), tf.float32)
    z = tf.exp(y * 1e30, name="second")
    check = tf.add_check_numerics_ops()
    run([check, z], {x: 0.1})
    with pytest.raises(tf.errors.InvalidArgumentError, match="first:0 : Tensor had Inf"):
        run([check, z], {x: 0.0})
    with pytest.raises(tf.errors.InvalidArgumentError, match="second:0 : Tensor had Inf"):
        run([check, z], {x: 1.0})


# Python


def test_py_func() -> None:
    x = tf.placeholder(tf.float32, [None])
    one = tf.py_func(lambda a: a[::-1] * np.float32(2), [x], tf.float32)
    many = tf.py_func(lambda a, b: (a.sum(), [b, 2]), [x, 7], [tf.float32, tf.int32])
    assert one.shape.ndims is None
    np.testing.assert_array_equal(run(one, {x: [1, 2, 3]}), [6, 4, 2])
    total, pair = run(many, {x: [1, 2]})
    assert (total, pair.tolist()) == (3, [7, 2])
    assert tf.gradients(one, x) == [None]


def test_py_func_for_its_effect() -> None:
    seen: list[Any] = []
    op = tf.py_func(seen.append, [tf.constant(3)], [])
    assert isinstance(op, tf.Operation)
    run(op)
    assert seen == [3]


def test_stateful_calls_are_all_made() -> None:
    calls: list[int] = []

    def count() -> np.int32:
        calls.append(1)
        return np.int32(len(calls))

    separate = [tf.py_func(count, [], tf.int32) for _ in range(2)]
    assert sorted(run(separate)) == [1, 2]
    x = tf.placeholder(tf.int32, [])

    def count_too(x: np.int32) -> np.int32:
        return count()

    same = [tf.py_func(count_too, [x], tf.int32, stateful=False) for _ in range(2)]
    assert run(same, {x: 0}) == [3, 3]


def test_arrays_of_python_are_not_shared() -> None:
    kept = np.zeros(3, np.float32)
    y = tf.py_func(lambda: kept, [], tf.float32)
    value = run(y + 1.0)
    kept[:] = 5
    np.testing.assert_array_equal(value, 1)


@pytest.mark.parametrize(
    ("message", "function", "types"),
    [
        ("of float64, but Tout says float32", lambda: np.zeros(2), tf.float32),
        ("of int64, but Tout says float32", lambda: 1, tf.float32),
        ("returned 2 values, but Tout names 1", lambda: (1.0, 2.0), [tf.float32]),
        ("returned 1 values, but Tout names 2", lambda: 1.0, [tf.float32] * 2),
        ("division by zero", lambda: 1 / 0, tf.float32),
    ],
)
def test_bad_calls_of_python(message: str, function: Callable[[], Any], types: Any) -> None:
    y = tf.py_func(function, [], types, name="mine")
    with pytest.raises(tf.errors.InvalidArgumentError, match=message) as caught:
        run(y)
    assert caught.value.node == "mine"
    assert "test_checks.py" in (caught.value.source or "")


# custom_gradient


def test_custom_gradient() -> None:
    @tf.custom_gradient
    def log1pexp(x: tf.Tensor) -> Any:
        e = tf.exp(x)
        return tf.log(1.0 + e), lambda dy: dy * (1.0 - 1.0 / (1.0 + e))

    x = tf.placeholder(tf.float64, [2])
    y = log1pexp(x)
    np.testing.assert_allclose(run(y, {x: [0.5, 2]}), np.log1p(np.exp([0.5, 2])))
    check_gradients(y, x, {x: [0.5, 2]}, order=2)
    assert np.isfinite(run(tf.gradients(y, x)[0], {x: [500.0, 1.0]})).all()


def test_custom_gradient_of_several_results_and_arguments() -> None:
    @tf.custom_gradient
    def swapped(x: tf.Tensor, y: tf.Tensor) -> Any:
        return {"a": y * 2.0, "b": x}, lambda da, db: (db * 10.0, da * 100.0)

    x, y = tf.constant(1.0), tf.constant(2.0)
    result = swapped(x, y)
    assert run(result) == {"a": 4.0, "b": 1.0}
    assert run(tf.gradients(result["a"], [x, y])) == [0.0, 100.0]
    assert run(tf.gradients([result["a"], result["b"]], [x, y])) == [10.0, 100.0]


def test_custom_gradient_with_variables() -> None:
    @tf.custom_gradient
    def scaled(x: tf.Tensor) -> Any:
        w = tf.get_variable("w", [], initializer=tf.constant_initializer(3.0))

        def gradient(dy: tf.Tensor, variables: list[Any]) -> Any:
            assert variables == [w]
            return dy * 5.0, [dy * 7.0]

        return x * w, gradient

    x = tf.constant(2.0)
    y = scaled(x)
    assert run([y, *tf.gradients(y, [x, *tf.trainable_variables()])]) == [6, 5, 7]


def test_custom_gradient_gives_python_a_gradient() -> None:
    @tf.custom_gradient
    def sine(x: tf.Tensor) -> Any:
        y = tf.py_func(np.sin, [x], tf.float64)
        y.set_shape(x.shape)
        return y, lambda dy: dy * tf.cos(x)

    x = tf.placeholder(tf.float64, [3])
    check_gradients(sine(x), x, {x: [0.1, 0.5, 2.0]}, order=2)


def test_bad_custom_gradients() -> None:
    @tf.custom_gradient
    def forgetful(x: tf.Tensor) -> Any:
        w = tf.get_variable("w", [], initializer=tf.ones_initializer())
        return x * w, lambda dy: dy

    @tf.custom_gradient
    def generous(x: tf.Tensor) -> Any:
        return x * 1.0, lambda dy: (dy, dy)

    x = tf.constant(1.0)
    with pytest.raises(TypeError, match="variables="):
        forgetful(x)
    with pytest.raises(ValueError, match="2 gradients for 1 inputs"):
        tf.gradients(generous(x), x)
