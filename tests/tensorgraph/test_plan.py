"""The compiled plan computes what the graph says, whatever the passes and buffers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.passes import pipeline
from tensorgraph.runtime.memory import Life, share_buffers
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.state import SessionState
from tensorgraph.testing.random_graphs import RandomGraph
from tensorgraph.testing.strategies import random_graphs

Array = npt.NDArray[Any]


def build(drawn: RandomGraph) -> tuple[list[tf.Tensor], dict[Any, Array]]:
    """Build a random graph with its gradients; return what to fetch and to feed."""
    built = drawn.build()
    found = tf.gradients(tf.reduce_sum(built.last), built.inputs)
    fetches = [*built.outputs, *[g for g in found if g is not None]]
    return fetches, dict(zip(built.inputs, drawn.inputs, strict=True))


def interpret(fetches: Sequence[tf.Tensor], feeds: Mapping[Any, Array]) -> list[Array]:
    """Run a graph node by node, with no passes and no shared buffers."""
    backend = NumpyBackend()
    values: dict[tf.Tensor, Any] = dict(feeds)
    with backend.running():
        for op in fetches[0].graph.get_operations():
            if op.type == "Placeholder":
                continue
            context = KernelContext(op, backend, outs=[None] * len(op.outputs))
            result = op.definition.kernel(context, *[values[t] for t in op.inputs])
            results = result if isinstance(result, tuple) else (result,)
            # Copies, so that nothing hangs on what a later kernel does to its memory.
            values.update(zip(op.outputs, map(np.array, results), strict=True))
    return [values[t] for t in fetches]


def assert_close(got: Sequence[Any], wanted: Sequence[Any]) -> None:
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@given(random_graphs())
def test_passes_do_not_change_results(drawn: RandomGraph) -> None:
    with tf.Graph().as_default():
        fetches, feeds = build(drawn)
        wanted = interpret(fetches, feeds)
        choices = [(), pipeline.NAMES, *[(name,) for name in pipeline.NAMES]]
        for passes in choices:
            with tf.Session(config=tf.ConfigProto(passes=passes)) as session:
                program = session.program(fetches, feeds, optimized=False)
                pipeline.optimize(program, NumpyBackend(), passes, verify=True)
                assert_close(session.run(fetches, feeds), wanted)
                # A second run finds the buffers as the first left them.
                assert_close(session.run(fetches, feeds), wanted)


@given(random_graphs(), st.data())
def test_feeding_what_is_computed_changes_nothing(drawn: RandomGraph, data: st.DataObject) -> None:
    with tf.Graph().as_default():
        fetches, feeds = build(drawn)
        with tf.Session() as session:
            wanted = session.run(fetches, feeds)
            place = data.draw(st.integers(0, len(fetches) - 1))
            again = session.run(fetches, {**feeds, fetches[place]: wanted[place]})
        assert_close(again, wanted)


def run_poisoned(plan: Plan, feeds: Sequence[Array]) -> list[Array]:
    """Run a plan, and overwrite each buffer with NaN as soon as nothing needs it any more.

    What is needed is found here by looking at the arrays themselves: a buffer is, while a step to
    come reads an array that shares memory with it.
    """
    buffers = [out for step in plan.steps for out in step.context.outs if out is not None]
    values = plan._initial.copy()
    for slot, array in zip(plan._feeds, feeds, strict=True):
        values[slot] = array
    with NumpyBackend().running():
        for n, step in enumerate(plan.steps):
            needed = {i for later in plan.steps[n:] for i in later.inputs} | set(plan._fetches)
            alive = [v for i, v in enumerate(values) if i in needed and v is not None]
            for buffer in buffers:
                if not any(np.shares_memory(buffer, v) for v in alive):
                    buffer.fill(np.nan if buffer.dtype.kind == "f" else 1)
            result = step.kernel(step.context, *[values[i] for i in step.inputs])
            results = (result,) if len(step.outputs) == 1 else result
            for i, value in zip(step.outputs, results, strict=True):
                values[i] = value
    return [np.array(values[i]) for i in plan._fetches]


@given(random_graphs())
def test_no_buffer_is_read_after_it_is_given_away(drawn: RandomGraph) -> None:
    with tf.Graph().as_default():
        fetches, feeds = build(drawn)
        with tf.Session() as session:
            wanted = session.run(fetches, feeds)
            backend = NumpyBackend()
            plan = Plan(session.program(fetches, feeds), backend, SessionState(backend))
        assert_close(run_poisoned(plan, list(feeds.values())), wanted)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), max_size=12))
def test_buffers_are_shared_by_those_that_never_meet(drawn: list[tuple[int, int, int]]) -> None:
    lives = sorted(
        (Life(start, start + length, nbytes) for start, length, nbytes in drawn),
        key=lambda life: life.start,
    )
    owners, sizes = share_buffers(lives)
    for i, (life, owner) in enumerate(zip(lives, owners, strict=True)):
        assert life.nbytes <= sizes[owner]
        for other, its in zip(lives[:i], owners[:i], strict=True):
            # A step's inputs are read while it writes: to end where another starts is to meet.
            assert owner != its or other.end < life.start
    assert sum(sizes) <= sum(life.nbytes for life in lives)


def test_buffers_are_shared_at_all() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [1000])
        y = x
        for _ in range(50):
            y = tf.tanh(y)
        with tf.Session() as session:
            backend = NumpyBackend()
            program = session.program(y, {x: np.zeros(1000)})
            plan = Plan(program, backend, SessionState(backend))
    assert len(plan.steps) == 50
    assert plan.buffer_bytes <= 2 * 4000


# The passes, one by one


def types_of(fetches: Any, feeds: Mapping[Any, Any] | None = None) -> list[str]:
    with tf.Session() as session:
        return [op.type for op in session.program(fetches, feeds).graph.get_operations()]


def test_prune_leaves_only_what_is_needed() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2])
        tf.exp(x)
        y = tf.tanh(tf.sigmoid(x))
        assert types_of(y, {x: [1, 2]}) == ["Placeholder", "Sigmoid", "Tanh"]
        assert types_of(y, {y.op.inputs[0]: [1, 2]}) == ["Placeholder", "Tanh"]


def test_fold_computes_what_hangs_on_constants() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 3])
        count = tf.cast(tf.size(x), tf.float32)
        y = tf.reduce_sum(x) / count * tf.exp(tf.constant(0.5))
        # The size is known as soon as x is fed.
        kept = set(types_of(y, {x: np.ones((4, 3))}))
        assert kept == {"Placeholder", "Sum", "Const", "RealDiv", "Mul"}


def test_fold_does_not_touch_chance() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.random_normal([3])
        first, second = session.run(x), session.run(x)
    assert (first != second).all()


def test_merge_computes_equal_things_once_but_chance_twice() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2])
        y = tf.tanh(x) * tf.tanh(x)
        assert types_of(y, {x: [1, 2]}).count("Tanh") == 1
        # Minus zero is equal to zero, but not the same.
        z = tf.stack([1.0 / (0.0 * tf.reduce_sum(x)), 1.0 / (-0.0 * tf.reduce_sum(x))])
        r = tf.random_uniform([3]) - tf.random_uniform([3])
        with tf.Session() as session:
            assert session.run(z, {x: [1, 2]}).tolist() == [np.inf, -np.inf]
            assert session.run(r).all()


def test_an_unknown_pass_is_an_error() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        session = tf.Session(config=tf.ConfigProto(passes=["fuse_all"]))
        with session, pytest.raises(ValueError, match=r"fuse_all.*fold"):
            session.run(x)


# Depth


def test_a_graph_20000_nodes_deep() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [2])
        y = x
        for i in range(20_000):
            y = -y if i % 2 else tf.identity(y)
        (g,) = tf.gradients(y * y, [x])
        with tf.Session() as session:
            value, gradient = session.run([y, g], {x: [1.0, 2.0]})
    assert value.tolist() == [1.0, 2.0]
    assert gradient.tolist() == [2.0, 4.0]
