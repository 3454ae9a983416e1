"""Gradients of tables by the rows that were looked up, and what optimizers make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf

Array = npt.NDArray[Any]
TABLE = np.random.default_rng(0).standard_normal((6, 3))
IDS = ([[0, 2, 2], [4, 0, 4]], [[2, 2, 2], [0, 1, 2]])


@pytest.fixture(autouse=True)
def new_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def looked_up() -> tuple[tf.Variable, tf.Tensor, tf.Tensor]:
    """Return a table, the placeholder of the places, and a loss of the rows there."""
    table, ids = tf.Variable(TABLE), tf.placeholder(tf.int32, [2, 3])
    rows = tf.nn.embedding_lookup(table, ids)
    return table, ids, tf.reduce_sum(tf.sin(rows) * np.arange(1.0, 19.0).reshape(2, 3, 3))


def run(fetches: Any, feeds: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feeds)


def test_the_gradient_of_a_table_is_its_rows() -> None:
    table, ids, loss = looked_up()
    (g,) = tf.gradients(loss, [table])
    assert isinstance(g, tf.IndexedSlices)
    assert g.values.shape.as_list() == [6, 3]
    assert g.dtype is tf.float64
    assert g.name == g.values.name
    assert g.op is g.values.op
    assert g.graph is table.graph
    value, dense = run([g, tf.convert_to_tensor(g)], {ids: IDS[0]})
    assert isinstance(value, tf.IndexedSlicesValue)
    assert value.indices.tolist() == [0, 2, 2, 4, 0, 4]
    assert value.dense_shape.tolist() == [6, 3]
    wanted = np.zeros((6, 3))
    np.add.at(wanted, value.indices, value.values)
    np.testing.assert_array_equal(dense, wanted)


def test_look_ups_in_one_table_are_joined() -> None:
    table = tf.Variable(TABLE)
    found = [tf.gather(table, [1, 3]), tf.gather(table, tf.constant([3], tf.int64))]
    (g,) = tf.gradients(found, table)
    assert isinstance(g, tf.IndexedSlices)
    value = run(g)
    assert sorted(value.indices.tolist()) == [1, 3, 3]
    assert (value.values == 1).all()


def test_what_else_uses_the_table_makes_it_a_tensor() -> None:
    table, _, loss = looked_up()
    (g,) = tf.gradients(loss + tf.nn.l2_loss(table), table)
    assert isinstance(g, tf.Tensor)
    (by_columns,) = tf.gradients(tf.gather(table, [1], axis=1), table)
    assert isinstance(by_columns, tf.Tensor)
    x = tf.placeholder(tf.float64, [6, 3])
    (of_tensor,) = tf.gradients(tf.gather(x, [1]), x)
    assert isinstance(of_tensor, tf.Tensor)


def test_it_can_be_differentiated_again() -> None:
    table, ids, loss = looked_up()
    (first,) = tf.gradients(loss, table)
    (second,) = tf.gradients(first.values, table)
    (of_whole,) = tf.gradients(tf.convert_to_tensor(first), table)
    a, b = run([tf.convert_to_tensor(second), tf.convert_to_tensor(of_whole)], {ids: IDS[0]})
    np.testing.assert_allclose(a, b)
    assert np.abs(a[[0, 2, 4]]).min() > 0


def test_without_its_shape_it_is_no_tensor() -> None:
    slices = tf.IndexedSlices(tf.ones([2, 3]), tf.constant([0, 1]))
    with pytest.raises(ValueError, match="has no dense_shape"):
        tf.convert_to_tensor(slices)
    value = run(slices)
    assert value.dense_shape is None
    assert value.values.shape == (2, 3)


def test_limits_apply_to_the_rows() -> None:
    table, ids, loss = looked_up()
    (g,) = tf.gradients(loss, table)
    (clipped,), norm = tf.clip_by_global_norm([g], 1.0)
    by_norm, by_value = tf.clip_by_norm(g, 1.0), tf.clip_by_value(g, -0.5, 0.5)
    for limited in (clipped, by_norm, by_value):
        assert isinstance(limited, tf.IndexedSlices)
        assert limited.indices is g.indices
    whole, size, *parts = run(
        [g.values, norm, clipped.values, by_norm.values, by_value.values], {ids: IDS[0]}
    )
    np.testing.assert_allclose(size, np.linalg.norm(whole))
    np.testing.assert_allclose(parts[0], whole / size)
    np.testing.assert_allclose(parts[1], whole / size)
    np.testing.assert_allclose(parts[2], whole.clip(-0.5, 0.5))


ROWS_ONLY: dict[str, Callable[[], tf.train.Optimizer]] = {
    "SGD": lambda: tf.train.GradientDescentOptimizer(0.1),
    "proximal": lambda: tf.train.ProximalGradientDescentOptimizer(
        0.1, l1_regularization_strength=0.05
    ),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "Nesterov": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "Adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "Adadelta": lambda: tf.train.AdadeltaOptimizer(0.5),
    "RMSProp": lambda: tf.train.RMSPropOptimizer(0.01, momentum=0.5),
    "centered": lambda: tf.train.RMSPropOptimizer(0.01, centered=True),
    "Ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "AdaMax": lambda: tf.contrib.opt.AdaMaxOptimizer(0.1),
}


def trained(make: Callable[[], tf.train.Optimizer], whole: bool, steps: Any) -> list[Array]:
    """Return the table and its slots after steps with gradients of rows, or of all."""
    with tf.Graph().as_default(), tf.Session() as session:
        table, ids, loss = looked_up()
        optimizer = make()
        (pair,) = optimizer.compute_gradients(loss)
        assert isinstance(pair[0], tf.IndexedSlices)
        gradient = tf.convert_to_tensor(pair[0]) if whole else pair[0]
        train = optimizer.apply_gradients([(gradient, table)])
        session.run(tf.global_variables_initializer())
        for places in steps:
            session.run(train, {ids: places})
        slots = [optimizer.get_slot(table, name) for name in optimizer.get_slot_names()]
        return list(session.run([table, *slots]))


@pytest.mark.parametrize("name", ROWS_ONLY)
def test_rows_are_updated_as_by_the_rule_and_others_stay(name: str) -> None:
    make = ROWS_ONLY[name]
    started = trained(make, whole=False, steps=())
    rows = trained(make, whole=False, steps=IDS[:1])
    full = trained(make, whole=True, steps=IDS[:1])
    for before, a, b in zip(started, rows, full, strict=True):
        np.testing.assert_allclose(a[[0, 2, 4]], b[[0, 2, 4]], rtol=1e-12)
        np.testing.assert_array_equal(a[[1, 3, 5]], before[[1, 3, 5]])


def test_momentum_does_not_move_a_row_that_is_not_looked_up() -> None:
    once = trained(ROWS_ONLY["momentum"], whole=False, steps=IDS[:1])
    twice = trained(ROWS_ONLY["momentum"], whole=False, steps=IDS)
    np.testing.assert_array_equal(once[0][4], twice[0][4])
    both = trained(ROWS_ONLY["momentum"], whole=True, steps=IDS)
    assert (both[0][4] != twice[0][4]).all()


def test_the_moments_of_adam_decay_in_every_row() -> None:
    rows, full = (
        trained(lambda: tf.train.AdamOptimizer(0.1), whole, IDS) for whole in (False, True)
    )
    for a, b in zip(rows, full, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_no_rows_at_all() -> None:
    table = tf.Variable(TABLE)
    slices = tf.IndexedSlices(tf.zeros([0, 3], tf.float64), tf.zeros([0], tf.int32))
    train = tf.train.AdagradOptimizer(0.1).apply_gradients([(slices, table)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        np.testing.assert_array_equal(session.run(table), TABLE)


def test_wrong_rows() -> None:
    table = tf.Variable(TABLE)
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    narrow = tf.IndexedSlices(tf.zeros([2, 2], tf.float64), tf.constant([0, 1]))
    with pytest.raises(ValueError, match=r"grad of shape \(2, 2\) does not suit variable"):
        optimizer.apply_gradients([(narrow, table)])
    outside = tf.IndexedSlices(tf.zeros([1, 3], tf.float64), tf.constant([6]))
    train = optimizer.apply_gradients([(outside, table)])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"index 6 is not in \[0, 6\)"):
        run(train)


def test_an_optimizer_of_ones_own_is_given_the_whole() -> None:
    class Own(tf.train.Optimizer):
        def _apply_dense(self, gradient: tf.Tensor, variable: tf.Variable) -> tf.Operation:
            return tf.assign_sub(variable, gradient).op

    table, ids, loss = looked_up()
    train = Own(False, "own").minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train, {ids: IDS[0]})
        after = session.run(table)
    assert (after[[0, 2, 4]] != TABLE[[0, 2, 4]]).all()
    np.testing.assert_array_equal(after[[1, 3, 5]], TABLE[[1, 3, 5]])
