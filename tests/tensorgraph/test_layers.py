"""Layers: names, collections and values; what batch normalisation keeps between runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.testing import check_gradients

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        yield graph


def images(*shape: int | None) -> tf.Tensor:
    return tf.placeholder(tf.float32, shape, name="x")


def names(key: str = tf.GraphKeys.GLOBAL_VARIABLES) -> list[str]:
    return [v.name for v in tf.get_collection(key)]


# Names and sharing


def test_functions_make_a_new_layer_each_time() -> None:
    x = images(None, 4)
    first, second = tf.layers.dense(x, 3, tf.nn.relu), tf.layers.dense(x, 2)
    assert (first.name, second.name) == ("dense/Relu:0", "dense_1/BiasAdd:0")
    assert (first.shape.as_list(), second.shape.as_list()) == ([None, 3], [None, 2])
    assert names() == ["dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "dense_1/bias:0"]
    assert names(tf.GraphKeys.TRAINABLE_VARIABLES) == names()


def test_a_name_with_reuse_shares_variables() -> None:
    x = images(None, 4)
    tf.layers.dense(x, 3, name="fc")
    shared = tf.layers.dense(x, 3, name="fc", reuse=True)
    assert shared.name == "fc_1/BiasAdd:0"
    assert names() == ["fc/kernel:0", "fc/bias:0"]
    with pytest.raises(ValueError, match="'fc/kernel' exists already"):
        tf.layers.dense(x, 3, name="fc")
    with pytest.raises(ValueError, match=r"'fc/kernel' has shape \(4, 3\), not \(4, 5\)"):
        tf.layers.dense(x, 5, name="fc", reuse=True)
    with pytest.raises(ValueError, match="'new/kernel' does not exist"):
        tf.layers.dense(x, 5, name="new", reuse=True)


def test_layers_stand_in_variable_scopes() -> None:
    x = images(None, 4)
    with tf.variable_scope("s"):
        tf.layers.dense(x, 3)
    with tf.variable_scope("s", reuse=True):
        assert tf.layers.dense(x, 3).name == "s_1/dense/BiasAdd:0"
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        tf.layers.dense(x, 2, name="other")
    expected = ["s/dense/kernel:0", "s/dense/bias:0", "s/other/kernel:0", "s/other/bias:0"]
    assert names() == expected


def test_an_object_shares_its_variables_with_itself() -> None:
    x = images(None, 4)
    layer = tf.layers.Dense(3)
    with pytest.raises(ValueError, match="no scope before it is called"):
        layer.scope_name  # noqa: B018
    assert not layer.built
    first, second = layer(x), layer.apply(x)
    assert (first.name, second.name) == ("dense/BiasAdd:0", "dense/BiasAdd_1:0")
    assert layer.scope_name == "dense"
    assert layer.variables == layer.trainable_weights == [layer.kernel, layer.bias]
    assert layer.dtype == tf.float32
    assert tf.layers.Dense(2, name="dense")(x).name == "dense_1/BiasAdd:0"


def test_a_layer_of_your_own() -> None:
    class Scale(tf.layers.Layer):
        def build(self, input_shape: tf.TensorShape) -> None:
            size = input_shape[-1]
            self.factor = self.add_weight("factor", [size], initializer=tf.ones_initializer())
            self.count = self.add_variable("count", [], tf.int32, trainable=False)

        def call(self, inputs: Any, **kwargs: Any) -> Any:
            return inputs * self.factor * kwargs.get("times", 1.0)

    layer = Scale()
    output = layer([[1.0, 2.0]], times=3.0)
    assert (layer.factor.name, layer.count.name) == ("scale/factor:0", "scale/count:0")
    assert (layer.trainable_variables, layer.non_trainable_variables) == (
        [layer.factor],
        [layer.count],
    )
    assert run(output)[0].tolist() == [3.0, 6.0]
    with pytest.raises(TypeError, match="Scale takes no units"):
        Scale(units=3)


def test_what_is_not_trainable_is_not_trained() -> None:
    layer = tf.layers.Dense(3, trainable=False)
    layer(images(None, 4))
    assert tf.trainable_variables() == []
    assert len(layer.non_trainable_variables) == 2


def test_regularizers_add_losses_once() -> None:
    x = images(None, 4)
    l2 = tf.contrib.layers.l2_regularizer(0.1)
    for reuse in (None, True):
        tf.layers.dense(x, 3, kernel_regularizer=l2, name="d", reuse=reuse)
    assert [t.name for t in tf.losses.get_regularization_losses()] == [
        "d/kernel/Regularizer/l2_regularizer:0"
    ]
    with tf.variable_scope("s", regularizer=l2):
        tf.layers.dense(x, 3, use_bias=False, activity_regularizer=l2)
    assert [t.name for t in tf.losses.get_regularization_losses("s/")] == [
        "s/dense/kernel/Regularizer/l2_regularizer:0",
        "s/dense/ActivityRegularizer/truediv:0",
    ]


def test_variables_and_regularizers_of_a_branch_are_no_part_of_it() -> None:
    x = tf.ones([2, 4])
    l2 = tf.contrib.layers.l2_regularizer(0.1)
    with tf.variable_scope("s", regularizer=l2):
        y = tf.cond(
            tf.placeholder_with_default(False, []),
            lambda: tf.layers.dense(x, 3, kernel_regularizer=l2, use_bias=False),
            lambda: tf.zeros([2, 3]),
        )
    assert names() == ["s/dense/kernel:0"]
    assert [t.name for t in tf.losses.get_regularization_losses()] == [
        "s/dense/kernel/Regularizer/l2_regularizer:0",
        "s/cond/dense/kernel/Regularizer/l2_regularizer:0",
    ]
    kernel = np.ones((4, 3))
    value, loss = run([y, tf.losses.get_total_loss()], weights={"s/dense/kernel": kernel})
    assert (value == 0).all()
    assert loss == pytest.approx(2 * 0.1 * 12 / 2)


def test_the_variables_of_a_loop_body_are_shared_by_its_steps() -> None:
    _, y = tf.while_loop(
        lambda i, h: i < 3,
        lambda i, h: (i + 1, tf.layers.dense(h, 2, name="cell", reuse=tf.AUTO_REUSE)),
        (0, tf.ones([1, 2])),
    )
    assert names() == ["cell/kernel:0", "cell/bias:0"]
    gradients = tf.gradients(y, tf.trainable_variables())
    value, *slopes = run([y, *gradients], weights={"cell/kernel": np.full((2, 2), 0.5)})
    assert value.tolist() == [[1.0, 1.0]]
    assert [g.shape for g in slopes] == [(2, 2), (2,)]


# Values


def run(fetches: Any, feed_dict: Any = None, weights: dict[str, Array] | None = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for v in tf.global_variables():
            if weights and v.op.name in weights:
                v.load(weights[v.op.name], session)
        return session.run(fetches, feed_dict)


@given(lead=st.lists(st.integers(0, 3), min_size=1, max_size=3), seed=st.integers(0, 100))
def test_dense_works_on_the_last_axis(lead: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((*lead, 4)).astype(np.float32)
    weights = {"d/kernel": rng.standard_normal((4, 3)), "d/bias": rng.standard_normal(3)}
    with tf.Graph().as_default():
        unknown = images(*[None] * len(lead), 4)
        output = tf.layers.dense(unknown, 3, tf.nn.relu, name="d")
        assert output.shape.as_list() == [*[None] * len(lead), 3]
        got = run(output, {unknown: x}, weights)
    expected = np.maximum(x @ weights["d/kernel"] + weights["d/bias"], 0)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_float64_input_makes_float64_variables() -> None:
    assert tf.layers.dense(tf.zeros([2, 3], tf.float64), 2).dtype == tf.float64
    assert {v.dtype.name for v in tf.global_variables()} == {"float64"}


def test_constraints_are_kept_with_their_variables() -> None:
    layer = tf.layers.Dense(3, kernel_constraint=tf.nn.relu)
    layer(images(None, 4))
    assert layer.kernel.constraint is tf.nn.relu
    assert layer.bias.constraint is None


def test_shapes_of_images() -> None:
    x = images(None, 8, 9, 4)
    shapes = {
        "conv": tf.layers.conv2d(x, 5, 3, padding="same"),
        "strided": tf.layers.conv2d(x, 5, (3, 2), strides=2),
        "separable": tf.layers.separable_conv2d(x, 6, 3, depth_multiplier=2),
        "dilated": tf.layers.conv2d(x, 5, 3, dilation_rate=2),
        "pool": tf.layers.max_pooling2d(x, 2, 2),
        "mean": tf.layers.average_pooling2d(x, (3, 2), (1, 2), "same"),
        "transpose": tf.layers.conv2d_transpose(x, 5, 3, strides=2),
        "transpose same": tf.layers.conv2d_transpose(x, 5, 3, strides=2, padding="same"),
        "flat": tf.layers.flatten(x),
        "flat of contrib": tf.contrib.layers.flatten(x),
    }
    assert {name: t.shape.as_list()[1:] for name, t in shapes.items()} == {
        "conv": [8, 9, 5],
        "strided": [3, 4, 5],
        "separable": [6, 7, 6],
        "dilated": [4, 5, 5],
        "pool": [4, 4, 4],
        "mean": [8, 5, 4],
        "transpose": [17, 19, 5],
        "transpose same": [16, 18, 5],
        "flat": [288],
        "flat of contrib": [288],
    }
    values = run(list(shapes.values()), {x: np.ones((2, 8, 9, 4))})
    for value, tensor in zip(values, shapes.values(), strict=True):
        assert value.shape == (2, *tensor.shape.as_list()[1:])


def test_a_transposed_convolution_of_images_of_unknown_size() -> None:
    x = images(None, None, 3, 2)
    y = tf.layers.conv2d_transpose(x, 5, 3, strides=2)
    assert y.shape.as_list() == [None, None, 7, 5]
    assert run(y, {x: np.ones((1, 4, 3, 2))}).shape == (1, 9, 7, 5)


def test_sequences_are_images_of_height_one() -> None:
    x = images(None, 7, 2)
    convolved = tf.layers.conv1d(x, 3, 2, strides=2, name="c")
    biggest, mean = tf.layers.max_pooling1d(x, 3, 2), tf.layers.average_pooling1d(x, 3, 2)
    value = np.random.default_rng(0).standard_normal((2, 7, 2)).astype(np.float32)
    kernel = np.random.default_rng(1).standard_normal((2, 2, 3))
    got = run([convolved, biggest, mean], {x: value}, {"c/kernel": kernel})
    windows = np.lib.stride_tricks.sliding_window_view(value, 2, axis=1)[:, ::2]
    expected = np.einsum("blck,kcf->blf", windows, kernel)
    np.testing.assert_allclose(got[0], expected, rtol=1e-4, atol=1e-5)
    pools = np.lib.stride_tricks.sliding_window_view(value, 3, axis=1)[:, ::2]
    np.testing.assert_allclose(got[1], pools.max(-1))
    np.testing.assert_allclose(got[2], pools.mean(-1), rtol=1e-5, atol=1e-6)


def test_flatten_with_sizes_unknown() -> None:
    assert tf.layers.flatten(images(3, 2, 2)).shape.as_list() == [3, 4]
    assert tf.layers.flatten(images(None)).shape.as_list() == [None, 1]
    x = images(None, None, 3)
    assert run(tf.layers.flatten(x), {x: np.ones((2, 5, 3))}).shape == (2, 15)


def test_dropout() -> None:
    x, training = tf.ones([100, 100]), tf.placeholder(tf.bool, [])
    always, never = tf.layers.dropout(x, 0.25, training=True), tf.layers.dropout(x, 0.25)
    perhaps = tf.layers.dropout(x, 0.25, training=training)
    for t, fed, dropped in [
        (always, True, True),
        (never, True, False),
        (perhaps, True, True),
        (perhaps, False, False),
    ]:
        value = run(t, {training: fed})
        assert (value == 0).mean() == pytest.approx(0.25 if dropped else 0.0, abs=0.02)
        assert value.max() == pytest.approx(4 / 3 if dropped else 1.0)
    assert never.name == "dropout_1/Identity:0"
    assert (run(tf.layers.dropout(x, training=tf.constant(False))) == 1).all()
    with pytest.raises(TypeError, match="a bool or a tensor of bool"):
        tf.layers.dropout(x, training=tf.constant(0.5))


# Batch normalisation


def test_batch_normalization_makes_four_variables_of_which_two_are_trained() -> None:
    tf.layers.batch_normalization(images(None, 4), training=True)
    trained = ["batch_normalization/gamma:0", "batch_normalization/beta:0"]
    kept = ["batch_normalization/moving_mean:0", "batch_normalization/moving_variance:0"]
    assert names(tf.GraphKeys.TRAINABLE_VARIABLES) == trained
    assert names() == trained + kept
    assert names(tf.GraphKeys.UPDATE_OPS) == [
        "batch_normalization/AssignMovingAvg",
        "batch_normalization/AssignMovingAvg_1",
    ]


def test_batch_normalization_without_training_has_no_updates() -> None:
    tf.layers.batch_normalization(images(None, 4), center=False, scale=False)
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []
    assert len(tf.global_variables()) == 2


@given(
    shape=st.sampled_from([(5, 3), (2, 4, 3), (2, 3, 2, 3), (1, 3)]),
    axis=st.sampled_from([-1, 1]),
    seed=st.integers(0, 100),
    by_tensor=st.booleans(),
)
def test_batch_normalization(shape: tuple[int, ...], axis: int, seed: int, by_tensor: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * 2 + 1
    others = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    mean, variance = x.mean(others), x.var(others)
    gamma, beta = rng.standard_normal((2, *mean.shape))

    def normalized(mean: Array, variance: Array) -> Array:
        moved = np.moveaxis(x, axis, -1)
        result = (moved - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.moveaxis(result, -1, axis)

    count = x.size // mean.size
    # Of images, the unbiased estimate is kept.
    kept = variance * count / max(count - 1, 1) if len(shape) == 4 else variance
    with tf.Graph().as_default():
        inputs = tf.placeholder(tf.float64, [None, *shape[1:]])
        training = tf.placeholder_with_default(True, []) if by_tensor else True
        layer = tf.layers.BatchNormalization(axis, momentum=0.9)
        output, after = layer(inputs, training=training), layer(inputs)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        averages = [layer.moving_mean, layer.moving_variance]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            layer.gamma.load(gamma, session)
            layer.beta.load(beta, session)
            trained, _ = session.run([output, updates], {inputs: x})
            moving = session.run(averages)
            np.testing.assert_allclose(trained, normalized(mean, variance), atol=1e-9)
            np.testing.assert_allclose(moving, [0.1 * mean, 0.9 + 0.1 * kept], atol=1e-12)
            np.testing.assert_allclose(
                session.run(after, {inputs: x}), normalized(*moving), atol=1e-9
            )
            if by_tensor:
                still, _ = session.run([output, updates], {inputs: x, training: False})
                np.testing.assert_allclose(still, normalized(*moving), atol=1e-9)
                np.testing.assert_array_equal(session.run(averages), moving)


def test_batch_normalization_of_float16_keeps_its_statistics_in_float32() -> None:
    x = tf.ones([4, 2], tf.float16)
    assert tf.layers.batch_normalization(x, training=True).dtype == tf.float16
    assert {v.dtype.name for v in tf.global_variables()} == {"float32"}


# What is refused


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: tf.layers.dense(images(4), 3), r"rank 2 or more, but 'x:0' has shape \(4,\)"),
        (lambda: tf.layers.dense(images(3, None), 3), "must know the size of the last axis"),
        (lambda: tf.layers.conv2d(images(3, 8, 4), 3, 2), "inputs of rank 4"),
        (lambda: tf.layers.conv2d(images(3, 8, 8, None), 3, 2), "how many channels"),
        (lambda: tf.layers.conv2d(images(3, 8, 8, 1), 3, (2, 2, 2)), "kernel_size must be 2"),
        (lambda: tf.layers.conv2d(images(3, 8, 8, 1), 3, 2, 0), "strides must be 2 positive"),
        (lambda: tf.layers.conv2d(images(3, 8, 8, 1), 3, 2, padding="full"), "'same' or 'valid'"),
        (
            lambda: tf.layers.conv2d(images(3, 8, 8, 1), 3, 2, data_format="channels_first"),
            "use tf.transpose",
        ),
        (lambda: tf.layers.conv2d(images(3, 2, 2, 1), 3, 5), "does not fit"),
        (lambda: tf.layers.max_pooling2d(images(3, 8, 1), 2, 2), "inputs of rank 4"),
        (lambda: tf.layers.flatten(tf.placeholder(tf.float32)), "must know the rank"),
        (lambda: tf.layers.batch_normalization(images(2, None)), "how many channels"),
        (lambda: tf.layers.batch_normalization(images(2, 2), axis=[0, 1]), "one axis"),
        (lambda: tf.layers.batch_normalization(images(2, 2), renorm=True), "not supported"),
        (lambda: tf.layers.batch_normalization(images(2, 2), axis=5), "axis 5 is out of range"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()


# Beside TensorFlow


def dense_program(tf: Any, x: Any) -> Any:
    y = tf.layers.dense(x, 5, tf.nn.relu, kernel_initializer=tf.zeros_initializer())
    y = tf.layers.dropout(y, 0.5)
    return tf.layers.dense(tf.layers.flatten(y), 2, use_bias=False, name="out")


def convolution_program(tf: Any, x: Any) -> Any:
    y = tf.layers.conv2d(x, 4, 3, padding="same", activation=tf.nn.relu)
    y = tf.layers.max_pooling2d(y, 2, 2)
    y = tf.layers.conv2d_transpose(y, 3, (3, 2), strides=2, padding="same")
    y = tf.layers.average_pooling2d(y, 3, 2, padding="same")
    return tf.layers.conv2d(y, 2, 2, dilation_rate=2, name="c")


def sequence_program(tf: Any, x: Any) -> Any:
    y = tf.reshape(x, [-1, 16, 8])
    y = tf.layers.conv1d(y, 4, 3, strides=2, padding="same")
    return tf.layers.average_pooling1d(tf.layers.max_pooling1d(y, 2, 2), 2, 1)


def separable_program(tf: Any, x: Any) -> Any:
    y = tf.layers.separable_conv2d(x, 5, 3, depth_multiplier=2, activation=tf.nn.relu)
    return tf.layers.separable_conv2d(y, 3, (2, 3), dilation_rate=2, use_bias=False)


def volume_program(tf: Any, x: Any) -> Any:
    y = tf.reshape(x, [-1, 4, 4, 4, 2])
    y = tf.layers.conv3d(y, 3, 3, padding="same", activation=tf.nn.relu)
    y = tf.layers.max_pooling3d(y, 2, 1)
    return tf.layers.average_pooling3d(y, (1, 2, 3), 2, padding="same")


def normalized_program(tf: Any, x: Any) -> Any:
    with tf.variable_scope("block", reuse=tf.AUTO_REUSE):
        y = tf.layers.batch_normalization(x, training=True, momentum=0.8)
        y = tf.layers.conv2d(y, 3, 3)
        y = tf.nn.relu(tf.layers.batch_normalization(y, training=True, axis=1, fused=False))
    return tf.layers.batch_normalization(tf.layers.flatten(y), training=True, center=False)


def decided_program(tf: Any, x: Any) -> Any:
    training = tf.placeholder_with_default(True, [])
    y = tf.layers.batch_normalization(tf.layers.dense(x, 3), training=training)
    y = tf.layers.batch_normalization(tf.layers.flatten(y), training=training)
    return tf.layers.dropout(y, training=tf.logical_not(training))


PROGRAMS = [
    dense_program,
    convolution_program,
    sequence_program,
    separable_program,
    volume_program,
    normalized_program,
    decided_program,
]


def trained(tf: Any, program: Callable[[Any, Any], Any]) -> tuple[Any, list[Array]]:
    """Return what there is, and the values of the output and all variables after three steps."""
    rng = np.random.default_rng(3)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 8, 8, 2], name="x")
        y = program(tf, x)
        loss = tf.losses.mean_squared_error(tf.zeros_like(y), y)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        keys = [tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.TRAINABLE_VARIABLES]
        found: list[Any] = [[v.name for v in tf.get_collection(k)] for k in keys]
        found.append(len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for v in tf.global_variables():
                shape = v.shape.as_list()
                spread = 1.0 if "moving" in v.name or "gamma" in v.name else 0.0
                v.load(rng.uniform(-0.4, 0.4, shape) + spread, session)
            for _ in range(3):
                session.run(step, {x: rng.standard_normal((4, 8, 8, 2))})
            feed = {x: rng.standard_normal((2, 8, 8, 2))}
            values = session.run([y, loss, *tf.global_variables()], feed)
    return (found, y.shape.as_list()), values


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS)
def test_names_and_training_are_tensorflows(tf1: Any, program: Callable[[Any, Any], Any]) -> None:
    pytest.importorskip("tf_keras", reason="tf.layers of TensorFlow need it: pip install tf_keras")
    found, values = trained(tf, program)
    expected, theirs = trained(tf1, program)
    assert found == expected
    for mine, other in zip(values, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


class TestLayerNorm:
    def test_each_example_has_mean_0_and_variance_1(self) -> None:
        values = np.random.default_rng(0).normal(3.0, 2.0, (5, 4, 6))
        x = tf.placeholder(tf.float64, [None, 4, 6])
        y = tf.contrib.layers.layer_norm(x)
        assert [v.name for v in tf.trainable_variables()] == [
            "LayerNorm/beta:0",
            "LayerNorm/gamma:0",
        ]
        assert [v.shape.as_list() for v in tf.trainable_variables()] == [[6], [6]]
        assert y.shape.as_list() == [None, 4, 6]
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            result = sess.run(y, {x: values})
        np.testing.assert_allclose(result.mean((1, 2)), 0, atol=1e-12)
        np.testing.assert_allclose(result.var((1, 2)), 1, rtol=1e-9)

    def test_axes_and_second_order(self) -> None:
        x = tf.placeholder(tf.float64, [2, 3, 4])
        y = tf.contrib.layers.layer_norm(x, begin_norm_axis=2, center=False, activation_fn=tf.tanh)
        check_gradients(y, x, {x: np.random.default_rng(1).normal(size=(2, 3, 4))}, order=2)

    def test_reuse_and_bad_axes(self) -> None:
        x = tf.placeholder(tf.float32, [None, 4])
        tf.contrib.layers.layer_norm(x, scope="norm")
        tf.contrib.layers.layer_norm(x, scope="norm", reuse=True)
        assert len(tf.global_variables()) == 2
        with pytest.raises(ValueError, match="axis 2 does not exist"):
            tf.contrib.layers.layer_norm(x, begin_norm_axis=2)
        with pytest.raises(ValueError, match="must be known"):
            tf.contrib.layers.layer_norm(tf.placeholder(tf.float32, [2, None]))
