"""Passes that know networks: softmax and logarithm, biases, batch normalization, fusion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tensorgraph as tf
from tensorgraph.ops.fused import Body
from tensorgraph.passes import affine, fuse, pipeline
from tensorgraph.passes.program import Uses
from tensorgraph.testing.random_graphs import RandomGraph
from tensorgraph.testing.strategies import random_graphs

RNG = np.random.default_rng(5)
IMAGES = RNG.normal(size=(4, 6, 6, 3))
FILTER = RNG.normal(size=(3, 3, 3, 4))
ROWS = RNG.normal(size=(5, 4))
LABELS = np.eye(4)[[0, 1, 2, 3, 0]]


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def images() -> tf.Tensor:
    return tf.placeholder(tf.float64, [None, 6, 6, 3], "images")


def vector(size: int = 4) -> Any:
    return tf.Variable(np.ones(size)).value()


# Softmax


def losses(z: tf.Tensor) -> dict[str, tf.Tensor]:
    p = tf.nn.softmax(z)
    return {
        "sum": -tf.reduce_sum(LABELS * tf.log(p)),
        "mean of rows": tf.reduce_mean(-tf.reduce_sum(LABELS * tf.log(p), axis=1)),
        "mean": -tf.reduce_mean(tf.log(p) * LABELS),
        "one hot": -tf.reduce_sum(tf.one_hot([0, 1, 2, 3, 0], 4, dtype=tf.float64) * tf.log(p)),
        "first axis": -tf.reduce_sum(LABELS * tf.log(tf.nn.softmax(z, axis=0))),
    }


@pytest.mark.parametrize("name", ["sum", "mean of rows", "mean", "one hot", "first axis"])
def test_cross_entropy_written_out(name: str, effect_of: Any) -> None:
    z = tf.Variable(ROWS)
    loss = losses(z.value())[name]
    effect = effect_of([loss, *tf.gradients(loss, z)])
    assert effect.after["LogSoftmax"] == 1
    assert not {"Log", "Softmax", "RealDiv"} & set(effect.after)
    effect.assert_same()


def test_probabilities_that_are_wanted_too_are_computed_once(effect_of: Any) -> None:
    z = tf.Variable(ROWS)
    p = tf.nn.softmax(z)
    loss = -tf.reduce_sum(LABELS * tf.log(p))
    effect = effect_of([p, *tf.gradients(loss, z)])
    assert (effect.after["Softmax"], effect.after["Exp"]) == (1, 0)
    effect.assert_same()


def test_a_gradient_without_its_loss_is_simplified_too(effect_of: Any) -> None:
    z = tf.Variable(ROWS)
    loss = -tf.reduce_sum(LABELS * tf.log(tf.nn.softmax(z)))
    effect = effect_of(tf.gradients(loss, z))
    assert (effect.after["Softmax"], effect.after["Log"], effect.after["RealDiv"]) == (1, 0, 0)
    effect.assert_same()


def test_a_clip_between_softmax_and_logarithm_stays(effect_of: Any) -> None:
    z = tf.Variable(ROWS)
    p = tf.clip_by_value(tf.nn.softmax(z), 0.1, 1.0)
    loss = -tf.reduce_sum(LABELS * tf.log(p))
    effect = effect_of([loss, *tf.gradients(loss, z)])
    assert effect.after["Log"] == effect.after["Softmax"] == effect.after["RealDiv"] == 1
    effect.assert_same()


def test_probabilities_that_underflow_do_no_harm() -> None:
    z = tf.constant([[0.0, -2000.0]], tf.float64)
    fed = tf.placeholder(tf.float64, [1, 2])
    loss = -tf.reduce_sum(fed * tf.log(tf.nn.softmax(z + 0.0 * fed)))
    (by_fed,) = tf.gradients(loss, fed)
    with tf.Session() as session:
        value, slope = session.run([loss, by_fed], {fed: [[0.0, 1.0]]})
    assert value == 2000.0
    assert np.isfinite(slope).all()


# Biases before a batch normalization


def normalized(x: tf.Tensor, bias: Any) -> tuple[tf.Tensor, ...]:
    y = tf.nn.bias_add(tf.nn.conv2d(x, FILTER, [1, 1, 1, 1], "SAME"), bias)
    outputs: tuple[tf.Tensor, ...] = tf.nn.fused_batch_norm(y, vector(), vector())
    return outputs


def test_a_bias_before_a_normalization_is_dropped(images: tf.Tensor, effect_of: Any) -> None:
    bias = tf.Variable([1.0, 2.0, 3.0, 4.0], dtype=tf.float64)
    y, mean, variance = normalized(images, bias.value())
    loss = tf.reduce_sum(y**3.0)
    effect = effect_of([y, mean, variance, *tf.gradients(loss, [bias, images])], {images: IMAGES})
    assert (effect.before["BiasAdd"], effect.after["BiasAdd"]) == (1, 0)
    assert (effect.before["BiasAddGrad"], effect.after["BiasAddGrad"]) == (1, 0)
    effect.assert_same(atol=1e-9)  # the gradient by the bias is zero, or noise of that size
    assert effect.values[3].tolist() == [0.0] * 4
    assert effect.plain[3].any()


def test_an_optimizer_does_not_follow_noise(images: tf.Tensor) -> None:
    bias = tf.Variable(np.ones(4))
    decay = 0.5 * tf.reduce_sum(bias[:1] ** 2.0)
    loss = tf.reduce_sum(normalized(images, bias.value())[0] ** 3.0)
    train = tf.train.AdamOptimizer(0.1).minimize(loss + decay, var_list=[bias])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(train, {images: IMAGES})
        moved = session.run(bias)
    # The decay moves the one that it speaks of.
    assert moved[0] == pytest.approx(0.7, abs=0.01)
    assert moved[1:].tolist() == [1.0] * 3


def test_a_bias_that_something_else_sees_stays(images: tf.Tensor, effect_of: Any) -> None:
    y = tf.nn.bias_add(tf.nn.conv2d(images, FILTER, [1, 1, 1, 1], "SAME"), vector())
    both = tf.nn.fused_batch_norm(y, vector(), vector())[0] + y
    effect = effect_of(both, {images: IMAGES}, ["bias"])
    assert effect.after["BiasAdd"] == 1
    effect.assert_same()


# Affine chains


@pytest.fixture
def join_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affine, "FEWEST_ELEMENTS", 1)


def predicted(y: tf.Tensor, channels: int) -> tf.Tensor:
    """Return a batch normalization by known statistics."""
    scale, offset, mean, variance = (vector(channels) for _ in range(4))
    return tf.nn.fused_batch_norm(y, scale, offset, mean, variance, is_training=False)[0]


@pytest.mark.usefixtures("join_all")
def test_a_normalization_goes_into_the_filter(images: tf.Tensor, effect_of: Any) -> None:
    y = tf.nn.conv2d(images, tf.Variable(FILTER).value(), [1, 1, 1, 1], "SAME")
    y = predicted(tf.nn.bias_add(y, vector()), 4)
    effect = effect_of(tf.nn.relu(y), {images: IMAGES}, ["merge", "affine"])
    large = (*IMAGES.shape[:3], 4)
    with tf.Session() as session:
        program = session.program(tf.nn.relu(y), {images: IMAGES})
    full = [op.type for op in program.graph.get_operations() if op.outputs[0].dims == large]
    assert full == ["Conv2D", "BiasAdd", "Relu"]
    effect.assert_same()


@pytest.mark.usefixtures("join_all")
def test_a_depthwise_filter_takes_the_scale_by_channel(images: tf.Tensor, effect_of: Any) -> None:
    kernel = tf.Variable(RNG.normal(size=(3, 3, 3, 2))).value()
    y = tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "VALID")
    effect = effect_of(predicted(y, 6), {images: IMAGES}, ["affine"])
    assert effect.after["BiasAdd"] == 1
    effect.assert_same()


@pytest.mark.usefixtures("join_all")
@pytest.mark.parametrize(("rows", "into"), [(40, True), (2, False)])
def test_a_filter_larger_than_its_results_stays(rows: int, into: bool, effect_of: Any) -> None:
    x = tf.placeholder(tf.float64, [None, 9])
    product = tf.matmul(x, tf.Variable(np.ones((9, 4))).value())
    y = predicted(product + vector(), 4)
    effect = effect_of(y, {x: RNG.normal(size=(rows, 9))}, ["affine"])
    with tf.Session() as session:
        program = session.program(y, {x: np.ones((rows, 9))})
    scaled = [op for op in program.graph.get_operations() if op.name.endswith(".scaled")]
    assert bool(scaled) is not into
    effect.assert_same()


@pytest.mark.usefixtures("join_all")
def test_a_frozen_network_keeps_no_trace_of_it(images: tf.Tensor, effect_of: Any) -> None:
    y = tf.nn.conv2d(images, FILTER, [1, 1, 1, 1], "SAME")
    numbers = [np.linspace(n, n + 1.0, 4) for n in (1.5, 0.5, 0.25, 2.0)]
    y = tf.nn.fused_batch_norm(y, *map(tf.constant, numbers), is_training=False)[0]
    effect = effect_of(y, {images: IMAGES})
    assert effect.after == {"Placeholder": 1, "Const": 2, "Conv2D": 1, "BiasAdd": 1}
    effect.assert_same()


@pytest.mark.usefixtures("join_all")
def test_what_is_used_in_between_stays(images: tf.Tensor, effect_of: Any) -> None:
    y = tf.nn.conv2d(images, FILTER, [1, 1, 1, 1], "SAME")
    scaled = y * vector()
    effect = effect_of([scaled + vector(), y], {images: IMAGES}, ["affine"])
    assert effect.after == effect.before
    effect.assert_same(rtol=0)


@pytest.mark.usefixtures("join_all")
def test_numbers_far_from_zero_keep_their_digits(effect_of: Any) -> None:
    years = tf.placeholder(tf.float32, [None, 2])
    y = (years - np.float32(2_000_000)) * np.float32(1e6) + np.float32(0.25)
    effect = effect_of(y, {years: [[2_000_000, 2_000_001]]})
    effect.assert_same(rtol=1e-6)


def test_a_small_result_is_not_worth_it(images: tf.Tensor, effect_of: Any) -> None:
    y = predicted(tf.nn.conv2d(images, FILTER, [1, 1, 1, 1], "SAME"), 4)
    effect = effect_of(y, {images: IMAGES}, ["affine"])
    assert effect.after == effect.before


@pytest.mark.parametrize("kinds", ["-*+", "+-*", "-+*-", "--*", "*-", "*+*", "-*-*+"])
@pytest.mark.usefixtures("join_all")
def test_any_chain_is_one_scale_and_one_shift(
    kinds: str, images: tf.Tensor, effect_of: Any
) -> None:
    y = tf.nn.conv2d(images, FILTER, [1, 1, 1, 1], "SAME")
    for kind in kinds:
        v = vector()
        y = {"+": y + v, "-": y - v, "*": v * y}[kind]
    effect = effect_of(y, {images: IMAGES}, ["affine"])
    assert effect.after["BiasAdd"] == 1
    effect.assert_same(atol=1e-9)


# Fusion


@pytest.fixture
def fuse_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "FEWEST_ELEMENTS", 1)


CHAINS = {
    "one after the other": lambda x: tf.exp(tf.tanh(x) * 2.0 + 1.0),
    "a tree": lambda x: tf.tanh(x) * tf.exp(x) + tf.sigmoid(x) * tf.square(x),
    "used twice": lambda x: tf.square(tf.exp(x)) - tf.exp(x) / (1.0 + tf.abs(x)),
    "by channel": lambda x: tf.nn.relu(tf.nn.bias_add(x * 2.0, vector(3))) - np.ones(3),
    "columns": lambda x: tf.exp(x - tf.reduce_max(x, [2, 3], keepdims=True)) * 0.5,
    "first row": lambda x: tf.exp(x * x[:1]) + x[:1],
    "choices": lambda x: tf.where(x > 0.5, tf.exp(x), tf.expm1(x) + 1.0) * 2.0,
    "types": lambda x: tf.cast(tf.cast(x, tf.float32) > 0.0, tf.float64) * tf.exp(x),
    "transposed": lambda x: tf.exp(tf.tanh(tf.transpose(x, [3, 0, 1, 2])) * 2.0),
    "turned": lambda x: tf.exp(tf.transpose(x, [0, 2, 1, 3]) * 2.0) + x,
    "in place": lambda x: tf.where(tf.tanh(x) > 0.0, tf.exp(tf.tanh(x)), tf.tanh(x)),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.usefixtures("fuse_all")
def test_elementwise_operations_become_one(
    name: str, images: tf.Tensor, effect_of: Any, share_everything: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        share_everything(patch)
        effect = effect_of(CHAINS[name](images), {images: IMAGES}, ["merge", "fuse"])
    assert effect.after["FusedElementwise"] == 1
    effect.assert_same(rtol=1e-15)


@given(random_graphs())
def test_fusion_changes_no_result(drawn: RandomGraph) -> None:
    with pytest.MonkeyPatch.context() as patch, tf.Graph().as_default():
        patch.setattr(fuse, "FEWEST_ELEMENTS", 1)
        built = drawn.build()
        found = tf.gradients(tf.reduce_sum(built.last), built.inputs)
        fetches = [*built.outputs, *[g for g in found if g is not None]]
        feeds = dict(zip(built.inputs, drawn.inputs, strict=True))
        results = []
        for passes in (("merge",), ("merge", "fuse"), ("merge", "fuse")):
            config = tf.ConfigProto(passes=passes, poison_buffers=len(results) == 2)
            with tf.Session(config=config) as session:
                results.append(session.run(fetches, feeds))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("fuse_all")
def test_only_what_the_group_alone_needs_is_fused(images: tf.Tensor, effect_of: Any) -> None:
    a = tf.exp(images)
    b = tf.tanh(a)
    effect = effect_of([b * 2.0, a], {images: IMAGES}, ["fuse"])
    assert effect.after["Exp"] == 1  # a result, so it stays by itself
    assert effect.after["FusedElementwise"] == 1
    effect.assert_same(rtol=0)


def test_small_tensors_are_not_worth_it(images: tf.Tensor, effect_of: Any) -> None:
    effect = effect_of(tf.exp(tf.tanh(images)), {images: IMAGES}, ["fuse"])
    assert effect.after == effect.before


@pytest.mark.usefixtures("fuse_all")
def test_what_must_be_left_alone_is(images: tf.Tensor) -> None:
    with tf.Session() as session:
        program = session.program(
            tf.exp(tf.tanh(tf.sigmoid(images))), {images: IMAGES}, optimized=False
        )
    uses = Uses(program)
    (everything,) = fuse.find_groups(uses, lambda op: False).values()
    assert [op.type for op in everything] == ["Sigmoid", "Tanh", "Exp"]
    assert not fuse.find_groups(uses, lambda op: op.type == "Tanh")


def test_working_memory_is_used_again(images: tf.Tensor) -> None:
    y = images
    members = []
    for _ in range(6):
        y = tf.tanh(y)
        members.append(y.op)
    steps = Body([images], members).steps
    assert [step.register for step in steps] == [0, 1, 0, 1, 0, -1]
    assert str(Body([images], members)) == "Tanh, Tanh, Tanh, Tanh, Tanh, Tanh"


@pytest.mark.usefixtures("fuse_all")
def test_fused_operations_are_drawn() -> None:
    y = tf.exp(tf.tanh(tf.placeholder(tf.float32, [3])))
    picture = tf.viz.render_pass(y, "fuse", format="mermaid")
    assert "FusedElementwise" in picture.text
    assert "steps Tanh, Exp" in picture.text


def test_all_passes_have_a_name_and_an_explanation() -> None:
    assert len(set(pipeline.NAMES)) == len(pipeline.NAMES)
    for step in pipeline.PIPELINE:
        assert step.run.__doc__
