"""Variables within one run: what is read before and after a change, and in what order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.passes import pipeline


@pytest.fixture(autouse=True, params=[pipeline.NAMES, ()], ids=["passes", "no passes"])
def session(request: pytest.FixtureRequest) -> Iterator[tf.Session]:
    config = tf.ConfigProto(passes=request.param)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        yield session


def variable(session: tf.Session, value: object, name: str = "v") -> tf.Variable:
    v = tf.Variable(value, name=name)
    session.run(v.initializer)
    return v


def test_initial_value_and_assignments(session: tf.Session) -> None:
    v = variable(session, [1.0, 2.0])
    assert session.run(v).tolist() == [1.0, 2.0]
    assert session.run(v.assign([3.0, 4.0])).tolist() == [3.0, 4.0]
    assert session.run(v.assign_add([1.0, 1.0])).tolist() == [4.0, 5.0]
    assert session.run(tf.assign_sub(v, [4.0, 4.0])).tolist() == [0.0, 1.0]
    v.load([7.0, 8.0], session)
    assert v.eval().tolist() == [7.0, 8.0]


def test_what_does_not_wait_for_a_change_is_read_before_it(session: tf.Session) -> None:
    v = variable(session, 1.0)
    change = v.assign(v + 1.0)
    twice, thrice = v * 2.0, v.read_value() * 3.0  # made later, but they do not wait
    assert session.run([twice, thrice, change.op])[:2] == [2.0, 3.0]
    assert session.run(v) == 2.0


def test_what_waits_for_a_change_is_read_after_it(session: tf.Session) -> None:
    v = variable(session, 1.0)
    change = v.assign_add(1.0)
    with tf.control_dependencies([change]):
        after = v.read_value() * 10.0
        early = v.value() * 10.0  # this reading is older than the context
    assert session.run([after, early]) == [20.0, 10.0]


def test_a_reading_that_outlives_a_change_keeps_its_value(session: tf.Session) -> None:
    v = variable(session, [1.0, 2.0])
    before = tf.identity(v)
    change = v.assign([8.0, 9.0])
    with tf.control_dependencies([change, before]):
        both = tf.stack([tf.identity(before), v.read_value()])
    assert session.run(both).tolist() == [[1.0, 2.0], [8.0, 9.0]]
    # Also where what is kept is only a view of the reading.
    session.run(v.initializer)
    turned = tf.reshape(before, [2, 1])
    with tf.control_dependencies([change, turned]):
        later = turned + 0.0
    assert session.run(later).tolist() == [[1.0], [2.0]]


def test_fetching_a_variable_gives_its_value_at_the_end(session: tf.Session) -> None:
    v = variable(session, 1.0)
    change = v.assign_add(1.0)
    value, reading, changed = session.run([v, v.value(), change])
    assert (value, reading, changed) == (2.0, 1.0, 2.0)


def test_what_was_fetched_does_not_change_later(session: tf.Session) -> None:
    v = variable(session, [1.0])
    held = session.run(v)
    session.run(v.assign([5.0]))
    assert held.tolist() == [1.0]
    held[0] = 7.0
    assert session.run(v).tolist() == [5.0]


def test_two_variables_swapped_in_one_run(session: tf.Session) -> None:
    a, b = variable(session, 1.0, "a"), variable(session, 2.0, "b")
    session.run([a.assign(b.value()).op, b.assign(a.value()).op])
    assert session.run([a, b]) == [2.0, 1.0]


def test_assigning_a_variable_a_view_of_itself(session: tf.Session) -> None:
    v = variable(session, np.arange(9.0).reshape(3, 3))
    session.run(v.assign(tf.transpose(v)))
    assert session.run(v).tolist() == np.arange(9.0).reshape(3, 3).T.tolist()
    session.run(v.assign_add(tf.transpose(v)))
    assert session.run(v).tolist() == [[0.0, 4.0, 8.0], [4.0, 8.0, 12.0], [8.0, 12.0, 16.0]]


def test_a_reading_through_a_node_without_effect_stays_in_its_place(session: tf.Session) -> None:
    v = variable(session, [1.0, 2.0])
    # What an assignment gives is the variable itself. Reshaping it to the shape that it has must
    # still read it then and there.
    first = tf.reshape(v.assign([3.0, 4.0]), [2])
    with tf.control_dependencies([first]):
        second = v.assign([5.0, 6.0])
    with tf.control_dependencies([second]):
        result = first + 0.0
    assert session.run(result).tolist() == [3.0, 4.0]


def test_control_dependencies_run_in_order(session: tf.Session) -> None:
    v = variable(session, 0.0)
    steps = []
    for digit in (1.0, 2.0, 3.0):
        with tf.control_dependencies(steps):
            steps = [v.assign(v.read_value() * 10.0 + digit)]
    session.run(steps[0].op)
    assert session.run(v) == 123.0


def test_control_dependencies_hold_where_a_node_is_folded_or_merged(session: tf.Session) -> None:
    v = variable(session, 0.0)
    with tf.control_dependencies([v.assign_add(1.0)]):
        constant = tf.constant(2.0) * tf.constant(3.0)
        free = tf.constant(2.0) * tf.constant(3.0)
    assert session.run([constant, free]) == [6.0, 6.0]
    assert session.run(v) == 1.0
    session.run(tf.identity(constant))
    assert session.run(v) == 2.0


def test_control_dependencies_of_none_are_dropped(session: tf.Session) -> None:
    v = variable(session, 0.0)
    change = v.assign_add(1.0)
    with tf.control_dependencies([change]), tf.control_dependencies(None):
        alone = tf.constant(1.0) + 0.0
    session.run(alone)
    assert session.run(v) == 0.0


def test_group_and_tuple(session: tf.Session) -> None:
    a, b = variable(session, 0.0, "a"), variable(session, 0.0, "b")
    both = tf.group(a.assign_add(1.0), [b.assign_add(2.0)])
    assert session.run(both) is None
    assert session.run([a, b]) == [1.0, 2.0]
    x, nothing, y = tf.tuple([tf.constant(1.0), None, tf.constant(2.0)], control_inputs=[both])
    assert nothing is None
    assert session.run(y) == 2.0
    assert session.run([a, b]) == [2.0, 4.0]
    assert x is not None
    session.run(tf.no_op())


def test_an_uninitialised_variable_is_named(session: tf.Session) -> None:
    v = tf.Variable(1.0, name="weights")
    with pytest.raises(
        tf.errors.FailedPreconditionError, match=r"'weights'.*test_state\.py:\d+"
    ) as e:
        session.run(v * 2.0)
    assert e.value.node == "weights"
    with pytest.raises(tf.errors.FailedPreconditionError, match="weights"):
        session.run(v.assign_add(1.0))
    assert not session.run(tf.is_variable_initialized(v))
    session.run(v.initializer)
    assert session.run(tf.is_variable_initialized(v))


def test_sessions_have_variables_of_their_own(session: tf.Session) -> None:
    v = variable(session, 1.0)
    with tf.Session() as other:
        with pytest.raises(tf.errors.FailedPreconditionError):
            other.run(v)
        other.run(v.assign(5.0).op)
        assert other.run(v) == 5.0
    assert session.run(v) == 1.0


def test_initialisers_that_depend_on_each_other(session: tf.Session) -> None:
    v = tf.Variable(tf.random_normal([3], seed=1))
    w = tf.Variable(v.initialized_value() * 2.0)
    session.run(tf.global_variables_initializer())
    first, second = session.run([v, w])
    np.testing.assert_allclose(second, 2 * first)


def test_a_change_of_the_wrong_shape_is_refused(session: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0], name="pair")
    with pytest.raises(ValueError, match=r"(?s)\(3,\).*test_state\.py"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="pair"):
        v.assign_add([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="float32"):
        v.assign(tf.constant([1, 2]))
    free = tf.Variable([1.0, 2.0], validate_shape=False)
    assert free.shape.ndims is None
    session.run(free.initializer)
    assert session.run(tf.assign(free, [[1.0]], validate_shape=False)).tolist() == [[1.0]]
