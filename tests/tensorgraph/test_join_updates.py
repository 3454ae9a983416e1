"""Updates of several variables as one operation: what is joined, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.ops import training
from tensorgraph.passes import pipeline
from tensorgraph.passes.program import Program, extract

SEPARATE = tuple(name for name in pipeline.NAMES if name != "updates")
SHAPES = ((), (7,), (3, 4), (0, 2), (5, 5, 1, 6), (11,), (40, 50))

OPTIMIZERS: dict[str, Callable[[], tf.train.Optimizer]] = {
    "SGD": lambda: tf.train.GradientDescentOptimizer(0.3),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "Adagrad": lambda: tf.train.AdagradOptimizer(0.2),
    "Adadelta": lambda: tf.train.AdadeltaOptimizer(0.5),
    "RMSProp": lambda: tf.train.RMSPropOptimizer(0.01, centered=True),
    "Adam": lambda: tf.train.AdamOptimizer(0.1),
    "Ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
}


@pytest.fixture(autouse=True)
def own_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def variables_and_gradients(dtype: Any = np.float64) -> list[tuple[tf.Tensor, tf.Variable]]:
    """Return a loss's gradients that change from step to step, and what they are for."""
    numbers = np.random.default_rng(3)
    made = [tf.Variable(numbers.standard_normal(s).astype(dtype)) for s in SHAPES]
    return [(tf.sin(v * 3.0) + v, v) for v in made]


def updates(program: Program) -> list[tf.Operation]:
    return [op for op in program.graph.get_operations() if isinstance(op.definition, training.Rule)]


def joined(*targets: Any) -> list[tf.Operation]:
    """Return the updates that a run of some operations does."""
    ops = [t.op if isinstance(t, tf.Tensor) else t for t in targets]
    program = extract((), ops, {})
    after = pipeline.optimize(program, NumpyBackend(), verify=True)
    return updates(after)


def trained(make: Callable[[], tf.train.Optimizer], passes: tuple[str, ...]) -> list[np.ndarray]:
    with tf.Graph().as_default():
        optimizer = make()
        pairs = variables_and_gradients()
        train = optimizer.apply_gradients(pairs)
        fetches = [v for _, v in pairs] + optimizer.variables()
        with tf.Session(config=tf.ConfigProto(passes=passes)) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(4):
                session.run(train)
            return list(session.run(fetches))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_together_as_one_by_one(name: str) -> None:
    apart, together = trained(OPTIMIZERS[name], SEPARATE), trained(OPTIMIZERS[name], pipeline.NAMES)
    for a, b in zip(apart, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_small_and_large(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = trained(OPTIMIZERS["Adam"], SEPARATE)
    monkeypatch.setattr(training, "SMALL_VARIABLE", 100)
    for a, b in zip(apart, trained(OPTIMIZERS["Adam"], pipeline.NAMES), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_operation_for_all() -> None:
    train = tf.train.AdamOptimizer().apply_gradients(variables_and_gradients())
    (one,) = joined(train)
    assert len(one.outputs) == len(SHAPES)


def test_what_differs_is_left_apart() -> None:
    pairs = variables_and_gradients()
    groups = [
        tf.train.GradientDescentOptimizer(0.1).apply_gradients(pairs[:2]),
        tf.train.GradientDescentOptimizer(0.2).apply_gradients(pairs[2:4]),
        tf.train.MomentumOptimizer(0.1, 0.9).apply_gradients(pairs[4:6]),
    ]
    assert sorted(len(op.outputs) for op in joined(*groups)) == [2, 2, 2]


def test_an_update_that_waits_for_another_stays_behind_it() -> None:
    a, b = tf.Variable(1.0), tf.Variable(1.0)
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    first = optimizer.apply_gradients([(tf.constant(0.25), a)])
    with tf.control_dependencies([first]):
        second = optimizer.apply_gradients([(a.read_value() * 2.0, b)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([first, second])
        assert session.run([a, b]) == [0.75, -0.5]


def test_updates_that_wait_for_each_other_crosswise() -> None:
    a, b, c, d = (tf.Variable(float(i)) for i in range(4))
    one = tf.convert_to_tensor(1.0)

    def slow(v: tf.Variable) -> tf.Operation:
        return v.graph.apply("ApplyGradientDescent", v, one, one)

    def fast(v: tf.Variable) -> tf.Operation:
        return v.graph.apply(
            "ApplyMomentum", v, tf.Variable(0.0), one, one, one, use_nesterov=False
        )

    first = slow(a)
    with tf.control_dependencies([first]):
        second = fast(b)
    third = fast(c)
    with tf.control_dependencies([third]):
        fourth = slow(d)
    assert len(joined(second, fourth)) == 4
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([second, fourth])
        assert session.run([a, b, c, d]) == [-1.0, 0.0, 1.0, 2.0]


def test_one_variable_twice_is_updated_twice() -> None:
    v = tf.Variable(0.0)
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    train = optimizer.apply_gradients([(tf.constant(1.0), v), (tf.constant(2.0), v)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        assert session.run(v) == -3.0


def test_a_result_that_is_taken_keeps_its_operation() -> None:
    pairs = variables_and_gradients()
    op = tf.train.GradientDescentOptimizer(0.5).apply_gradients(pairs)
    names = [o for o in op.control_inputs if o.type == "ApplyGradientDescent"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        after, _ = session.run([names[1].outputs[0], op])
        np.testing.assert_array_equal(after, session.run(pairs[1][1]))


def test_values_that_are_set_between_steps(tmp_path: Path) -> None:
    """Loaded, restored and assigned values arrive in the shared memory; two plans share it."""
    pairs = variables_and_gradients()
    optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
    train = optimizer.apply_gradients(pairs)
    other = tf.group(train, tf.no_op())
    saver = tf.train.Saver()
    first = pairs[2][1]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        path = saver.save(session, str(tmp_path / "model"))
        kept = session.run(tf.global_variables())
        session.run([other])
        wanted = session.run(tf.global_variables())
        saver.restore(session, path)
        for a, b in zip(session.run(tf.global_variables()), kept, strict=True):
            np.testing.assert_array_equal(a, b)
        session.run(train)
        for a, b in zip(session.run(tf.global_variables()), wanted, strict=True):
            np.testing.assert_array_equal(a, b)
        first.load(np.zeros((3, 4)), session)
        session.run(tf.assign(first, first + 2.0))
        np.testing.assert_array_equal(session.run(first), np.full((3, 4), 2.0))


def test_two_optimizers_of_the_same_variables() -> None:
    """Each moves the variables to its own memory, whichever ran last."""
    results = []
    for passes in (SEPARATE, pipeline.NAMES):
        with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(passes=passes)) as session:
            pairs = variables_and_gradients()
            trains = [
                tf.train.AdamOptimizer(0.1).apply_gradients(pairs),
                tf.train.MomentumOptimizer(0.1, 0.5).apply_gradients(pairs[::-1]),
            ]
            session.run(tf.global_variables_initializer())
            for i in (0, 1, 1, 0, 0, 1):
                session.run(trains[i])
            results.append(session.run(tf.global_variables()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_variable_without_value_is_named() -> None:
    train = tf.train.AdamOptimizer().apply_gradients(variables_and_gradients())
    with (
        tf.Session() as session,
        pytest.raises(tf.errors.FailedPreconditionError, match="Variable"),
    ):
        session.run(train)


def test_a_wrong_number_of_inputs() -> None:
    v = tf.Variable(1.0)
    with pytest.raises(ValueError, match="takes 3 inputs, and 2 more for each further variable"):
        v.graph.apply("ApplyGradientDescent", v, 1.0)
    other = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="does not suit variable 'Variable_1:0'"):
        v.graph.apply("ApplyGradientDescent", v, other, 1.0, 1.0, tf.ones([3]))
