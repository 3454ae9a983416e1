"""Variables beyond `assign`: rows, initial values of one another, collections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        yield graph


def evaluate(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return session.run(fetches, feed_dict)


def scattered(kind: str, rows: Array, indices: Array, updates: Array) -> Array:
    """Change one row after the other, as the definition says."""
    result = rows.copy()
    flat = updates.reshape(-1, *rows.shape[1:]) if updates.ndim else None
    for i, row in enumerate(indices.ravel()):
        change = updates if flat is None else flat[i]
        if kind == "update":
            result[row] = change
        elif kind == "add":
            result[row] += change
        else:
            result[row] -= change
    return result


@given(data=st.data(), kind=st.sampled_from(["update", "add", "sub"]))
def test_scatter(data: st.DataObject, kind: str) -> None:
    shape = data.draw(st.tuples(st.integers(1, 4)) | st.tuples(st.integers(1, 4), st.just(2)))
    where = data.draw(st.tuples() | st.tuples(st.integers(0, 4)) | st.just((2, 2)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    indices = rng.integers(0, shape[0], where)
    whole = (*where, *shape[1:])
    updates = rng.integers(-9, 9, whole if data.draw(st.booleans()) else ())
    rows = rng.integers(-9, 9, shape)
    with tf.Graph().as_default():
        variable = tf.Variable(rows, dtype=tf.int64)
        change = getattr(tf, f"scatter_{kind}")(variable, indices, updates)
        result, after = evaluate((change, variable.op.outputs[0]))
    np.testing.assert_array_equal(result, scattered(kind, rows, indices, updates))
    np.testing.assert_array_equal(after, result)


def test_scatter_names_itself_as_tensorflow_does() -> None:
    variable = tf.Variable(tf.zeros([4, 3]))
    result = tf.scatter_add(variable, [[0, 1]], tf.ones([1, 2, 3]))
    assert (result.name, result.shape, result.dtype) == ("ScatterAdd:0", (4, 3), tf.float32)


def test_scatter_beyond_the_rows_names_the_index_and_the_line() -> None:
    variable = tf.Variable(tf.zeros([4, 3]))
    change = tf.scatter_update(variable, tf.placeholder_with_default([0, 7], [2]), 1.0)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"index 7 is outside of \[0, 4\)[^$]*test_variables"
    ):
        evaluate(change)


@pytest.mark.parametrize(
    ("shape", "indices", "updates", "what"),
    [
        ([4, 3], [0, 1], np.ones((3, 3)), r"\(3, 3\) do not suit.*must be \(2, 3\)"),
        ([4, 3], 0, np.ones(4), r"must be \(3,\)"),
        ([], [0], np.ones(1), "is a scalar"),
    ],
)
def test_scatter_refuses_what_does_not_fit(
    shape: list[int], indices: Any, updates: Array, what: str
) -> None:
    variable = tf.Variable(tf.zeros(shape, tf.float64))
    with pytest.raises(ValueError, match=what):
        tf.scatter_add(variable, indices, updates)


def test_initial_values_may_read_variables_that_the_same_run_initialises() -> None:
    v = tf.Variable(tf.random_normal([3]), name="v")
    doubled = tf.Variable(v.initialized_value() * 2.0, name="doubled")
    more = tf.Variable(doubled + v + 1.0, name="more")
    first, second, third = evaluate([v, doubled, more])
    np.testing.assert_allclose(second, 2 * first)
    np.testing.assert_allclose(third, 3 * first + 1, rtol=1e-6)


def test_initial_values_of_other_variables_are_read_once_these_have_others() -> None:
    v = tf.Variable(1.0, name="v")
    w = tf.Variable(v + 1.0, name="w")
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(v.assign(10.0))
        session.run(w.initializer)
        assert session.run([v, w, v.initialized_value()]) == [10.0, 11.0, 10.0]


def test_what_an_initial_value_shares_with_the_program_stays_as_it_is() -> None:
    v = tf.Variable(1.0, name="v")
    total = v + 1.0
    tf.Variable(total, name="w")
    assert [t.name for t in total.op.inputs] == ["v/read:0", "add/y:0"]
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError):
        session.run(total)


def test_gradients_go_through_the_initialized_value() -> None:
    v = tf.Variable(3.0)
    (gradient,) = tf.gradients(v.initialized_value() ** 2.0, v)
    assert evaluate(gradient) == 6.0


def test_a_function_gives_the_initial_value_in_a_scope_of_its_own() -> None:
    v = tf.Variable(lambda: tf.random_normal([2]), name="v")
    assert v.initial_value.name == "v/Initializer/random_normal:0"
    assert evaluate(v).shape == (2,)


def test_a_shape_that_is_not_validated_may_change() -> None:
    start = tf.placeholder_with_default([1.0, 2.0], [None])
    v = tf.Variable(start, validate_shape=False)
    assert v.shape == tf.TensorShape(None)
    grow = tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False)
    assert grow.shape == (3,)
    assert evaluate(tf.tuple([grow, grow + 1.0]))[1].tolist() == [2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match=r"validate_shape=False"):
        tf.Variable(start)


def test_what_is_not_initialized_is_reported_by_name() -> None:
    a, b = tf.Variable(1.0, name="a"), tf.get_variable("s/b", [2])
    local = tf.get_local_variable("c", [])
    report = tf.report_uninitialized_variables()
    some = tf.report_uninitialized_variables([b], name="some")
    assert (report.dtype, report.name) == (tf.string, "report_uninitialized_variables:0")
    with tf.Session() as session:
        assert session.run(report).tolist() == [b"a", b"s/b", b"c"]
        # What a run initialises is reported by the next one.
        assert session.run([some, b.initializer])[0].tolist() == [b"s/b"]
        assert session.run(report).tolist() == [b"a", b"c"]
        session.run([a.initializer, local.initializer])
        assert session.run(report).size == 0
        assert session.run(tf.report_uninitialized_variables([])).size == 0


def test_optimizers_apply_the_constraint_after_each_step() -> None:
    v = tf.Variable([4.0, -1.0], constraint=lambda v: tf.maximum(v, 0.25))
    step = tf.train.GradientDescentOptimizer(0.25).minimize(tf.reduce_sum(v * v))
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(step)
        assert session.run(v).tolist() == [2.0, 0.25]


def test_collections() -> None:
    trained = tf.Variable(1.0, name="trained", collections=["mine"])
    counter = tf.Variable(1, name="counter", trainable=False)
    model = tf.Variable(1.0, trainable=False, collections=[tf.GraphKeys.MODEL_VARIABLES])
    local = tf.Variable(1.0, trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES])
    assert tf.trainable_variables() == [trained] == tf.get_collection("mine")
    assert tf.global_variables() == [counter]
    assert tf.model_variables() == [model]
    assert tf.local_variables() == [local]
    with pytest.raises(ValueError, match="list of names"):
        tf.Variable(1.0, collections="mine")


def test_a_scope_selects_by_a_regular_expression() -> None:
    for name in ("encoder/w", "encoder/b", "decoder/w"):
        tf.Variable(1.0, name=name)
    assert [v.name for v in tf.trainable_variables("encoder")] == ["encoder/w:0", "encoder/b:0"]
    assert [v.name for v in tf.global_variables("[a-z]+/w")] == ["encoder/w:0", "decoder/w:0"]
    assert len(tf.trainable_variables("")) == 3
