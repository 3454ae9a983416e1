"""Each pass takes out what it says, leaves alone what it must, and changes no result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.passes import fold, pipeline
from tensorgraph.passes.program import Uses, derive, extract, prune
from tensorgraph.testing.random_graphs import RandomGraph
from tensorgraph.testing.strategies import random_graphs

X = np.linspace(-2.0, 2.0, 24).reshape(4, 6)
BACKEND = NumpyBackend()


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def x() -> tf.Tensor:
    return tf.placeholder(tf.float64, [None, 6], "x")


# The pipeline


def test_stages_are_the_passes_one_after_the_other(x: tf.Tensor) -> None:
    with tf.Session() as session:
        program = session.program(tf.negative(-x) * 1.0, {x: X}, optimized=False)
    found = list(pipeline.stages(program, BACKEND))
    assert [step.name for step, _ in found] == [step.name for step in pipeline.PIPELINE]
    counts = {step.name: len(after.graph.get_operations()) for step, after in found}
    assert counts["fold"] == 5  # x, two negations, the constant and the product
    assert counts["merge"] == counts["fold"]
    assert counts["simplify"] == 1
    with pytest.raises(ValueError, match=r"no pass is called polish; there are control, fold"):
        list(pipeline.stages(program, BACKEND, ["polish"]))


def test_what_a_pass_leaves_behind_is_pruned(x: tf.Tensor) -> None:
    program = extract([tf.exp(x)], [], {x: (4, 6)})
    assert prune(program) is program
    derive(program.graph, program.fetches[0].op, "Neg", program.feeds)
    assert len(prune(program).graph.get_operations()) == 2


def test_derived_operations_have_the_source_and_a_name_of_their_own(x: tf.Tensor) -> None:
    y = tf.exp(x, name="y")
    program = extract([y], [], {x: (4, 6)})
    op = program.fetches[0].op
    names = [derive(program.graph, op, "Neg", program.feeds, part="part").op for _ in range(2)]
    assert [new.name for new in names] == ["y.part", "y.part_1"]
    assert {new.source for new in names} == {y.op.source}


def test_uses_know_who_takes_what(x: tf.Tensor) -> None:
    a, b = tf.exp(x), tf.tanh(x)
    y = a * a + b
    uses = Uses(extract([y, b], [], {x: (4, 6)}))
    new = {op.type: op.outputs[0] for op in uses.operations}
    assert [op.type for op in uses.takers(new["Exp"])] == ["Mul", "Mul"]
    assert uses.only_taker(new["Exp"]) is None  # it is taken twice
    assert uses.only_taker(new["Mul"]) is new["Add"].op
    assert uses.only_taker(new["Tanh"]) is None  # it is a result
    assert not uses.is_inner(new["Tanh"].op)


@given(random_graphs(), st.permutations(pipeline.NAMES))
def test_any_choice_of_passes_gives_the_same(drawn: RandomGraph, names: list[str]) -> None:
    with tf.Graph().as_default():
        built = drawn.build()
        found = tf.gradients(tf.reduce_sum(built.last), built.inputs)
        fetches = [*built.outputs, *[g for g in found if g is not None]]
        feeds = dict(zip(built.inputs, drawn.inputs, strict=True))
        results = []
        for passes in ((), names[: len(names) // 2], names):
            with tf.Session(config=tf.ConfigProto(passes=passes)) as session:
                results.append(session.run(fetches, feeds))
    for some in results[1:]:
        for one, other in zip(results[0], some, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10)


# Folding


def test_a_large_tensor_of_one_number_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "LARGEST_REPEATED", 8 * 100)
    with tf.Session() as session:
        for count, kind in ((100, "Const"), (101, "Fill")):
            y = tf.fill([count], tf.constant(2.0, tf.float64))
            assert session.program(y).fetches[0].op.type == kind
            assert session.run(y).tolist() == [2.0] * count


# Merging


def test_the_order_of_terms_does_not_matter_where_it_need_not(x: tf.Tensor, effect_of: Any) -> None:
    a, b = tf.exp(x), tf.tanh(x)
    effect = effect_of([a + b, b + a, a * b, b * a, a - b, b - a], {x: X}, ["merge"])
    assert (effect.before["Add"], effect.after["Add"]) == (2, 1)
    assert (effect.before["Mul"], effect.after["Mul"]) == (2, 1)
    assert effect.after["Sub"] == 2
    effect.assert_same(rtol=0)


# Simplifying

ONES = np.ones((4, 6))
IDENTITIES: dict[str, tuple[Callable[[tf.Tensor], tf.Tensor], dict[str, int]]] = {
    "x·1": (lambda x: 1.0 * (x * 1.0), {}),
    "x/1": (lambda x: x / 1.0, {}),
    "x+0": (lambda x: 0.0 + (x + 0.0), {}),
    "x-0": (lambda x: x - 0.0, {}),
    "x·ones": (lambda x: x * tf.ones_like(x), {}),
    "x·(-1)": (lambda x: x * -1.0, {"Neg": 1}),
    "x**1": (lambda x: x**1.0, {}),
    "x**2": (lambda x: x**2.0, {"Square": 1}),
    "x·x": (lambda x: x * x, {"Square": 1}),
    "-(-x)": (lambda x: tf.negative(-x), {}),
    "x-(-x)": (lambda x: tf.exp(x) - (-x), {"Exp": 1, "Add": 1}),
    "x+(-x)": (lambda x: (-x) + tf.exp(x), {"Exp": 1, "Sub": 1}),
    "factors": (lambda x: 2.0 * ((x * 3.0) * 0.5), {"Mul": 1}),
    "-(2·x)": (lambda x: -(2.0 * x), {"Mul": 1}),
    "2·(-x)": (lambda x: 2.0 * (-x), {"Mul": 1}),
    "add_n of one": (lambda x: tf.add_n([x]), {}),
    "add_n of two": (lambda x: tf.add_n([x, tf.exp(x)]), {"Exp": 1, "Add": 1}),
    "add_n of zeros": (lambda x: tf.add_n([tf.zeros_like(x), x]), {}),
    "add_n of equals": (lambda x: tf.add_n([x, x, x]), {"Mul": 1}),
    "cast": (lambda x: tf.cast(tf.identity(x), tf.float64), {}),
    "relu of relu": (lambda x: tf.nn.relu(tf.nn.relu(x)), {"Relu": 1}),
    "abs of abs": (lambda x: tf.abs(tf.abs(x)), {"Abs": 1}),
    "not not": (
        lambda x: tf.logical_not(tf.logical_not(x > 0.0)),
        {"Greater": 1},
    ),
    "a known choice": (lambda x: tf.where(ONES > 0, x, tf.exp(x)), {}),
    "transposes": (lambda x: tf.transpose(tf.transpose(x)), {}),
    "three transposes": (lambda x: tf.transpose(tf.transpose(tf.transpose(x))), {"Transpose": 1}),
    "an axis of 1": (
        lambda x: tf.transpose(tf.reshape(x, [4, 1, 6]), [1, 0, 2]),
        {"Reshape": 1},
    ),
    "reshapes": (lambda x: tf.reshape(tf.reshape(x, [8, 3]), [2, 12]), {"Reshape": 1}),
    "there and back": (lambda x: tf.squeeze(tf.expand_dims(x, 0), 0), {}),
    "slice": (lambda x: tf.slice(x, [0, 0], [-1, -1]), {}),
    "x[:]": (lambda x: x[:, 0:6], {}),
    "backwards": (lambda x: x[::-1], {"StridedSlice": 1}),
    "pad": (lambda x: tf.pad(x, [[0, 0], [0, 0]]), {}),
    "mirror": (lambda x: tf.pad(x, [[0, 0], [0, 0]], "REFLECT"), {}),
    "tile": (lambda x: tf.tile(x, [1, 1]), {}),
    "concat": (lambda x: tf.concat([x, x[4:]], 0), {}),
    "sum over nothing": (lambda x: tf.reduce_sum(x, []), {}),
    "mean over 1": (lambda x: tf.reduce_mean(tf.expand_dims(x, 0), 0), {}),
    "repeated": (
        lambda x: tf.broadcast_to(tf.broadcast_to(x, [2, 4, 6]), [3, 2, 4, 6]),
        {"BroadcastTo": 1},
    ),
    "repeated in a product": (
        lambda x: tf.exp(x) * tf.broadcast_to(x[0], [4, 6]),
        {"Exp": 1, "StridedSlice": 1, "Mul": 1},
    ),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_algebra(name: str, x: tf.Tensor, effect_of: Any) -> None:
    build, left = IDENTITIES[name]
    effect = effect_of(build(x), {x: X}, ["fold", "simplify"])
    del effect.after["Const"]
    assert effect.after == {"Placeholder": 1, **left}
    effect.assert_same(rtol=1e-15)


LEFT_ALONE: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "x·0, which may be NaN": lambda x: x * 0.0,
    "x-x, which may be NaN": lambda x: x - x,
    "a scalar made a matrix": lambda x: x[0, 0] * tf.ones([4, 6], tf.float64),
    "factors whose product overflows": lambda x: 1e200 * (1e200 * x),
    "factors whose product underflows": lambda x: 1e-200 * (1e-200 * (x + 1e300)),
    "a reading for its time": lambda x: x * tf.Variable(ONES),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_algebra_leaves_alone(name: str, x: tf.Tensor, effect_of: Any) -> None:
    effect = effect_of(LEFT_ALONE[name](x), {x: X}, ["simplify"])
    del effect.before["Const"], effect.after["Const"]
    assert effect.after == effect.before
    effect.assert_same(rtol=0)


def test_nan_and_infinity_come_through(x: tf.Tensor, effect_of: Any) -> None:
    odd = np.array([[np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0]])
    built = [build(x) for build, _ in (IDENTITIES[n] for n in ("x·1", "x+0", "-(-x)", "factors"))]
    with np.errstate(invalid="ignore"):
        effect_of(built, {x: odd}).assert_same(rtol=0)


# Control edges


def test_what_only_computes_does_not_wait(x: tf.Tensor, effect_of: Any) -> None:
    count = tf.Variable(0.0, dtype=tf.float64)
    with tf.control_dependencies([count.assign_add(1.0)]):
        y = tf.exp(x) * 1.0 + tf.exp(x)
    effect = effect_of(y, {x: X})
    assert effect.after["Exp"] == 1
    assert not effect.after["Mul"]
    effect.assert_same()
    assert effect.values[-1] - effect.plain[-1] == 0  # and the change is still made


def test_what_reads_still_waits(effect_of: Any) -> None:
    v = tf.Variable(1.0, dtype=tf.float64)
    with tf.control_dependencies([v.assign_add(1.0)]):
        middle = tf.constant(2.0, tf.float64) * 3.0
    with tf.control_dependencies([middle]):
        late = v.read_value()
    early = v.value()
    effect = effect_of([early, late, early + late], passes=["control"])
    effect.assert_same(rtol=0)
    early, late, _ = effect.values[:3]
    assert late == early + 1.0


def test_a_condition_is_still_checked(x: tf.Tensor) -> None:
    with tf.control_dependencies([tf.Assert(tf.reduce_all(x > -1.0), [x])]):
        y = tf.sqrt(x + 1.0)
    with tf.Session() as session:
        assert session.run(y, {x: abs(X)}).shape == (4, 6)
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(y, {x: X})


def test_without_control_edges_nothing_is_copied(x: tf.Tensor) -> None:
    program = extract([tf.exp(x)], [], {x: (4, 6)})
    assert pipeline.PIPELINE[0].run(program, BACKEND) is program
