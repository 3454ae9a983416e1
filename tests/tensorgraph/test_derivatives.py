"""Jacobians, Hessians, Hessian-vector products, and explanations of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.graph import opdef
from tensorgraph.graph.opdef import Unary, register


@pytest.fixture(autouse=True)
def session() -> Any:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def placeholder(*shape: int | None, name: str = "x") -> tf.Tensor:
    return tf.placeholder(tf.float64, shape, name=name)


# Jacobians


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 255))
def test_jacobian_of_a_product(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, x = rng.normal(size=(rows, columns)), rng.normal(size=(columns, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        t = placeholder(columns, 2)
        found = tf.jacobian(tf.matmul(a, t), t)
        assert found.shape.as_list() == [rows, 2, columns, 2]
        value = session.run(found, {t: x})
    np.testing.assert_allclose(value, np.einsum("ij,kl->ikjl", a, np.eye(2)), atol=1e-12)


def test_jacobian_by_several_and_of_unknown_shape(session: tf.Session) -> None:
    x, w = placeholder(None), tf.Variable(2.0, dtype=tf.float64, name="w")
    session.run(w.initializer)
    by_x, by_w, by_other = tf.jacobian(x * x * w, [x, w, placeholder(3, name="other")])
    assert by_x.shape.as_list() == [None, None]
    assert by_other is None
    feeds = {x: [1.0, 3.0]}
    assert session.run(by_x, feeds).tolist() == [[4.0, 0.0], [0.0, 12.0]]
    assert session.run(by_w, feeds).tolist() == [1.0, 9.0]


def test_jacobian_of_what_gradients_do_not_pass() -> None:
    x = placeholder(2)
    assert tf.jacobian(tf.stop_gradient(x), x) is None
    with pytest.raises(TypeError, match="floating-point"):
        tf.jacobian(tf.argmax(x), x)
    with pytest.raises(TypeError, match="no tensor"):
        tf.jacobian(x, "x")


# Hessians


@given(st.integers(0, 255))
def test_hessian_of_a_quadratic_form(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, x = rng.normal(size=(4, 4)), rng.normal(size=(2, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        t = placeholder(2, 2)
        flat = tf.reshape(t, [4, 1])
        (found,) = tf.hessians(tf.matmul(flat, tf.matmul(a, flat), transpose_a=True), t)
        assert found is not None
        assert found.shape.as_list() == [2, 2, 2, 2]
        value = session.run(found, {t: x})
        (product,) = tf.hessian_vector_product(tf.reduce_sum(flat * tf.matmul(a, flat)), t, x)
        np.testing.assert_allclose(
            session.run(product, {t: x}).ravel(), (a + a.T) @ x.ravel(), atol=1e-9
        )
    np.testing.assert_allclose(value.reshape(4, 4), a + a.T, atol=1e-9)


def test_hessians_by_several(session: tf.Session) -> None:
    x, z = placeholder(2), placeholder(name="z")
    by_x, by_z, by_other = tf.hessians(
        [tf.reduce_sum(x**3.0), 5.0 * z], [x, z, placeholder(name="other")]
    )
    assert by_other is None
    assert session.run(by_x, {x: [1.0, 2.0]}).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert session.run(by_z, {z: 1.0}) == 0.0, "linear: zeros, not None"


def test_hessians_agree_with_tensorflow(session: tf.Session, tf1: Any) -> None:
    def found(m: Any) -> Any:
        with m.Graph().as_default(), m.Session() as sess:
            x = m.placeholder(m.float64, [2, 3])
            y = m.reduce_sum(m.sin(x) * m.reduce_prod(x, 1, keepdims=True))
            return sess.run(m.hessians(y, x)[0], {x: np.arange(1.0, 7.0).reshape(2, 3)})

    np.testing.assert_allclose(found(tf), found(tf1), rtol=1e-9, atol=1e-12)


def test_hessian_vector_products_across_inputs(session: tf.Session) -> None:
    x, z, w = placeholder(2), placeholder(2, name="z"), placeholder(2, name="w")
    products = tf.hessian_vector_product(
        x * z, [x, z, w], [tf.constant([1.0, 2.0], tf.float64), np.array([3.0, 4.0]), x]
    )
    assert products[2] is None
    values = session.run(products[:2], {x: [5.0, 6.0], z: [7.0, 8.0]})
    assert [v.tolist() for v in values] == [[3.0, 4.0], [1.0, 2.0]]
    assert tf.hessian_vector_product(x, [z], [z]) == [None]
    with pytest.raises(ValueError, match="1 vs for 2 xs"):
        tf.hessian_vector_product(x, [x, z], [x])
    with pytest.raises(ValueError, match="shape"):
        tf.hessian_vector_product(x * x, x, tf.zeros([3], tf.float64))


# Explanations


def names(operations: Any) -> list[str]:
    return [op.name for op in operations]


def test_the_smooth_path() -> None:
    x = placeholder(2, 2)
    w = tf.Variable(np.eye(2), name="w")
    y = tf.reduce_sum(tf.exp(tf.matmul(x, w)), name="y")
    before = len(y.graph.get_operations())
    found = tf.explain_gradient(y, w)
    assert len(y.graph.get_operations()) == before, "nothing was added"
    assert found.connected
    assert found.cut is None
    assert found.cuts == ()
    assert names(found.operations) == ["w", "w/read", "MatMul", "Exp", "y"]
    assert all(op.graph is y.graph for op in found.operations)
    assert "the gradient of 'y:0' by 'w:0' flows through" in str(found)
    assert "test_derivatives.py:" in str(found)
    assert names(tf.explain_gradient(x, x).operations) == ["x"]


@pytest.mark.parametrize(
    ("function", "op_type", "reason"),
    [
        (tf.stop_gradient, "StopGradient", "stop_gradient was asked for"),
        (tf.ceil, "Ceil", "its derivative is zero"),
        (tf.floor, "Floor", "its derivative is zero"),
        (lambda x: tf.cast(tf.cast(x, tf.int32), tf.float64), "Cast", ""),
        (lambda x: tf.cast(tf.argmax(x), tf.float64), "ArgMax", "of int64, not of floats"),
        (lambda x: tf.gather(np.ones(3), tf.cast(x, tf.int32) + 1), "Cast", "of int32"),
    ],
)
def test_what_cuts_a_gradient(function: Any, op_type: str, reason: str) -> None:
    x = placeholder(2)
    y = tf.exp(function(x * 2.0))
    found = tf.explain_gradient(y, x)
    assert tf.gradients(y, x) == [None]
    assert not found.connected
    assert found.cut is not None
    assert found.cut.type == op_type
    assert reason in found.cuts[0].reason
    assert "there is no gradient of 'Exp:0' by 'x:0'\nit is cut at\n" in str(found)


def test_integers_that_decide_are_named() -> None:
    i = tf.placeholder(tf.int32, [2], name="i")
    found = tf.explain_gradient(tf.gather(tf.constant([1.0, 2.0]), i), i)
    assert found.cut is not None
    assert found.cut.type == "GatherV2"
    assert found.cuts[0].input is i
    assert "the input 'indices' is of int32, not of floats" in str(found)


def test_y_that_is_no_float() -> None:
    x = placeholder(2)
    found = tf.explain_gradient(tf.argmax(x), x)
    assert "ArgMax (ArgMax), made at" in str(found)
    assert found.cut is not None
    assert found.cuts[0].reason == "its result is of int64, not of floats"


def test_cuts_beside_a_path() -> None:
    x = placeholder(2)
    found = tf.explain_gradient(x * tf.stop_gradient(x), x)
    assert names(found.operations) == ["x", "mul"]
    assert [cut.op.type for cut in found.cuts] == ["StopGradient"]
    assert found.cut is None
    assert "it is cut on other ways, at" in str(found)


def test_an_op_without_a_rule() -> None:
    @register
    class NoRule(Unary):
        """It has a derivative, but no rule."""

        type = "NoRule"

    try:
        x = placeholder(2)
        y = tf.get_default_graph().apply("NoRule", x).outputs[0]
        found = tf.explain_gradient(tf.exp(y), x)
        assert found.cut is y.op
        assert "op type 'NoRule' has no gradient rule" in str(found)
    finally:
        del opdef._REGISTRY["NoRule"]


def test_branches_and_loops_are_one_operation() -> None:
    x = placeholder()
    looped = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x])[1]
    y = tf.cond(tf.greater(looped, 1.0), lambda: looped * x, lambda: x)
    found = tf.explain_gradient(y, x)
    assert found.connected
    assert tf.gradients(y, x)[0] is not None


def test_no_dependence_and_bad_arguments() -> None:
    x, z = placeholder(2), placeholder(2, name="z")
    found = tf.explain_gradient(tf.exp(x), z)
    assert not found.connected
    assert str(found) == "'Exp:0' does not depend on 'z:0'"
    with pytest.raises(TypeError, match="no tensor"):
        tf.explain_gradient(x, "x")
    with tf.Graph().as_default():
        other = placeholder(2)
    with pytest.raises(ValueError, match="of one graph"):
        tf.explain_gradient(x, other)


@pytest.mark.parametrize("depth", [20_000])
def test_deep_graphs(depth: int) -> None:
    x = placeholder()
    y = x
    for _ in range(depth):
        y = y + x
    assert len(tf.explain_gradient(y, x).operations) >= 2
