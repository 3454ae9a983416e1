"""Mixed precision: products in float16, variables in float32, and a loss that is scaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf

experimental = tf.train.experimental
mixed = experimental.enable_mixed_precision_graph_rewrite


@pytest.fixture(autouse=True)
def fresh_graph() -> None:
    tf.reset_default_graph()


def classifier() -> tuple[Any, Callable[[int], dict[Any, Any]]]:
    """Return the loss of a small network, and what each step is fed."""
    x, y = tf.placeholder(tf.float32, [None, 8, 8, 1]), tf.placeholder(tf.int32, [None])
    start = tf.constant_initializer(np.linspace(-1, 1, 36))
    h = tf.layers.conv2d(x, 4, 3, activation=tf.nn.relu, kernel_initializer=start)
    h = tf.layers.flatten(tf.layers.max_pooling2d(h, 2, 2))
    logits = tf.layers.dense(h, 3, kernel_initializer=tf.glorot_uniform_initializer(seed=1))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    prototypes = np.random.default_rng(0).standard_normal((3, 8, 8, 1))

    def feeds(step: int) -> dict[Any, Any]:
        numbers = np.random.default_rng(step)
        labels = numbers.integers(0, 3, 16)
        return {x: prototypes[labels] + 0.3 * numbers.standard_normal((16, 8, 8, 1)), y: labels}

    return tf.reduce_mean(losses), feeds


def trained(is_mixed: bool, steps: int = 40, backend: str = "numpy") -> list[float]:
    tf.reset_default_graph()
    loss, feeds = classifier()
    optimizer: Any = tf.train.AdamOptimizer(0.01)
    train = (mixed(optimizer) if is_mixed else optimizer).minimize(loss)
    with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
        session.run(tf.global_variables_initializer())
        return [session.run([loss, train], feeds(n))[0] for n in range(steps)]


def test_a_network_learns_as_it_does_in_float32() -> None:
    plain, half = trained(False), trained(True)
    assert half[-1] < 0.05 * half[0]
    np.testing.assert_allclose(half, plain, rtol=0.02, atol=0.005)


def test_products_are_computed_in_half_and_variables_stay() -> None:
    loss, feeds = classifier()
    train = mixed(tf.train.MomentumOptimizer(0.1, 0.9)).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        program = session.program([loss, train], feeds(0))
        session.run(train, feeds(0))
    types = {}
    for op in program.graph.get_operations():
        if op.outputs:
            types.setdefault(op.type, set()).add(op.outputs[0].dtype.name)
    for product in ("Conv2D", "MatMul", "Conv2DBackpropFilter"):
        assert types[product] == {"float16"}
    for other in ("VariableV2", "ApplyMomentum", "SparseSoftmaxCrossEntropyWithLogits"):
        assert types[other] <= {"float32", "int32"}
    # Images are cast once for the convolution and for its gradient by the filter.
    images = [op for op in program.graph.get_operations() if op.type.startswith("Conv2D")]
    assert len({op.inputs[0] for op in images}) == 1


def test_other_graphs_and_other_types_are_left_alone() -> None:
    a = tf.constant(np.ones((2, 2)))
    mixed(tf.train.GradientDescentOptimizer(0.1))
    with tf.Session() as session:
        assert session.run(a @ a).dtype == np.float64
        third = tf.constant([[1 / 3]])
        assert session.run(third @ tf.constant([[1.0]])) == np.float32(np.float16(1 / 3))
        experimental.disable_mixed_precision_graph_rewrite()
        assert session.run(third @ tf.constant([[1.0]]) + 0) == np.float32(1 / 3)
    with tf.Graph().as_default(), tf.Session() as session:
        third = tf.constant([[1 / 3]])
        assert session.run(third @ tf.constant([[1.0]])) == np.float32(1 / 3)


@pytest.mark.parametrize(("scale", "moves"), [(1.0, False), (2.0**15, True), ("dynamic", True)])
def test_the_scale_saves_small_gradients(scale: Any, moves: bool) -> None:
    """2⁻³⁰ is no number of float16, but a number of float32."""
    w = tf.Variable([[1.0]])
    loss = tf.reduce_sum((tf.constant([[1.0]]) @ w) * 2.0**-30)
    train = mixed(tf.train.GradientDescentOptimizer(2.0**29), scale).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        assert session.run(w) == (0.5 if moves else 1.0)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: tf.train.AdamOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.9),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_that_is_not_finite_changes_the_scale_alone(name: str) -> None:
    factor = tf.placeholder(tf.float32, [])
    w = tf.Variable([[1.0, 2.0]])
    table = tf.Variable(np.ones((3, 2), np.float32))
    picked = tf.gather(table, [0, 2])
    loss = tf.reduce_sum(tf.square(picked @ tf.transpose(w)) * factor)
    scale = experimental.DynamicLossScale(64.0, increment_period=3)
    optimizer = mixed(OPTIMIZERS[name](), scale)
    step = tf.train.get_or_create_global_step()
    train = optimizer.minimize(loss, global_step=step)
    kept = [w, table, step, *optimizer.variables()[: -len(scale.variables())]]
    current, good = scale.variables()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train, {factor: 1.0})
        before = session.run(kept)
        for wanted in (32.0, 16.0):
            # On the way back through a product this is infinite in float16.
            session.run(train, {factor: 1e6})
            assert session.run([current, good]) == [wanted, 0]
        for old, new in zip(before, session.run(kept), strict=True):
            np.testing.assert_array_equal(new, old)
        for wanted in ((16.0, 1), (16.0, 2), (32.0, 0)):
            session.run(train, {factor: 1.0})
            assert tuple(session.run([current, good])) == wanted
        assert session.run(step) == 4
        assert (session.run(w) != before[0]).all()


def test_the_scale_does_not_fall_below_one() -> None:
    scale = experimental.DynamicLossScale(2.0, multiplier=4.0)
    update = scale.update(tf.constant(False))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(update)
            assert session.run(scale()) == 1.0


def test_steps_that_are_finite_are_those_of_the_optimizer_itself() -> None:
    values = []
    for wrapped in (False, True):
        tf.reset_default_graph()
        w = tf.Variable(np.linspace(-1, 1, 6).reshape(3, 2))
        loss = tf.reduce_sum(tf.square(tf.gather(w, [2, 0, 2]) - 0.5))
        optimizer: Any = tf.train.AdagradOptimizer(0.3)
        if wrapped:
            optimizer = experimental.MixedPrecisionLossScaleOptimizer(optimizer, 1024)
        train = optimizer.minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(4):
                session.run(train)
            values.append(session.run([w, optimizer.get_slot(w, "accumulator")]))
    np.testing.assert_allclose(values[1], values[0], 1e-12)


def test_it_stands_for_the_optimizer_that_it_is_given() -> None:
    w = tf.Variable([[1.0]])
    optimizer = mixed(tf.train.MomentumOptimizer(0.1, 0.9))
    optimizer.minimize(tf.reduce_sum(w @ w))
    assert optimizer.get_name() == "Momentum"
    assert optimizer.get_slot_names() == ["momentum"]
    slot = optimizer.get_slot(w, "momentum")
    names = [v.op.name for v in optimizer.variables()]
    assert slot is not None
    assert names == [slot.op.name, "current_loss_scale", "num_good_steps"]
    with pytest.raises(ValueError, match="no gradients"):
        optimizer.apply_gradients([(None, w)])


def test_what_is_no_scale_is_refused() -> None:
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="at least 1"):
        mixed(optimizer, 0.5)
    with pytest.raises(ValueError, match="'static'"):
        mixed(optimizer, "static")
    with pytest.raises(ValueError, match="already"):
        mixed(mixed(optimizer))
