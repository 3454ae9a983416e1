"""Each layer that has no windows against the same in NumPy: vectors, sequences, images, volumes."""

import numpy as np
import pytest

import dsl
import tensorgraph as tf


def examples(*shape):
    return np.random.default_rng(0).normal(size=(2, *shape))


def padded(x, padding, value=0.0):
    return np.pad(x, [(0, 0), *padding, (0, 0)], constant_values=value)


def close(result, expected):
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def sizes(shape):
    return "x".join(map(str, shape))


# Normalisation


@pytest.mark.parametrize("shape", [(4,), (5, 4), (3, 3, 4), (2, 3, 3, 4)])
def test_batch_normalization(run, shape):
    x, axes = examples(*shape), tuple(range(len(shape)))
    weights = {"batchnorm/moving_variance": [0.5, 1, 2, 3]}
    text = f"input {sizes(shape)}\nbatchnorm eps=0.01"
    result, w = run(text, x, weights)
    gamma, beta, mean, variance = (
        w[f"batchnorm/{n}"] for n in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    close(result, (x - mean) / np.sqrt(variance + 0.01) * gamma + beta)
    result, _ = run(text, x, weights, training=True)
    close(result, (x - x.mean(axes)) / np.sqrt(x.var(axes) + 0.01) * gamma + beta)


def test_batch_normalization_keeps_moving_statistics(run):
    net = dsl.check(dsl.parse("input 5x4\nbatchnorm momentum=0.9 noscale nocenter"))
    assert [(w.name, w.trainable) for w in net.layers[0].weights] == [
        ("moving_mean", False),
        ("moving_variance", False),
    ]
    x = examples(5, 4)
    with tf.Graph().as_default():
        model = dsl.compile_net(net, dtype=tf.float64)
        model.apply()
        assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        model.apply(training=True)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(updates, {model.input: x})
            mean, variance = session.run(
                [model.variables[f"batchnorm/moving_{n}"] for n in ("mean", "variance")]
            )
    np.testing.assert_allclose(mean, 0.1 * x.mean((0, 1)))
    # As in TensorFlow, the variance that is kept is the unbiased one.
    np.testing.assert_allclose(variance, 0.9 + 0.1 * x.var((0, 1), ddof=1))


@pytest.mark.parametrize("statement", ["batchnorm frozen", "x = batchnorm\nfreeze x"])
def test_frozen_batch_normalization_uses_its_moving_statistics(run, statement):
    x = examples(5, 4)
    text = f"input 5x4\n{statement}"
    name = "x" if "freeze" in statement else "batchnorm"
    weights = {f"{name}/moving_variance": [0.5, 1, 2, 3]}
    close(run(text, x, weights, training=True)[0], run(text, x, weights)[0])


def test_layer_normalization(run):
    x = examples(3, 5)
    result, w = run("input 3x5\nlayernorm eps=0.01", x)
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.01)
    close(result, normal * w["layernorm/gamma"] + w["layernorm/beta"])
    close(run("input 3x5\nlayernorm eps=0.01 noscale nocenter", x)[0], normal)


def test_local_response_normalization(run):
    x = examples(2, 2, 7)
    result, _ = run("input 2x2x7\nlrn radius=2 bias=2 alpha=0.5 beta=0.75", x)
    near = np.stack([(x[..., max(i - 2, 0) : i + 3] ** 2).sum(-1) for i in range(7)], -1)
    close(result, x / (2 + 0.5 * near) ** 0.75)


# Chance


def test_spatial_dropout_drops_whole_channels(run):
    x = np.ones((4, 3, 3, 50))
    text = "input 3x3x50\nspatial_dropout 0.5"
    close(run(text, x)[0], x)
    channels = run(text, x, training=True)[0].reshape(4, 9, 50)
    assert (channels == channels[:, :1]).all()
    assert set(np.unique(channels)) == {0.0, 2.0}


def test_noise_has_its_deviation_in_training_only(run):
    x = np.zeros((10, 1000))
    close(run("input 1000\nnoise 0.5", x)[0], x)
    noise = run("input 1000\nnoise 0.5", x, training=True)[0]
    assert noise.std() == pytest.approx(0.5, rel=0.05)
    assert noise.mean() == pytest.approx(0, abs=0.02)


# Shapes


@pytest.mark.parametrize(
    "statement", ["reshape 4x6", "reshape ?x6", "reshape 4 6", "reshape 2*2 ?"]
)
def test_reshape(run, statement):
    x = examples(2, 3, 4)
    close(run(f"input 2x3x4\n{statement}", x)[0], x.reshape(2, 4, 6))


def test_permute(run):
    x = examples(2, 3, 4)
    close(run("input 2x3x4\npermute 3 1 2", x)[0], x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 2), (2, 1, 3, 2)])
def test_upsample(run, shape):
    x = examples(*shape)
    expected = x
    for axis in range(1, len(shape)):
        expected = expected.repeat(2, axis)
    close(run(f"input {sizes(shape)}\nupsample 2", x)[0], expected)


def test_upsample_between_pixels(run):
    x = np.array([0.0, 4.0, 8.0]).reshape(1, 3, 1, 1)
    result, _ = run("input 3x1x1\nupsample 2x1 bilinear", x)
    np.testing.assert_allclose(result[0, :, 0, 0], [0, 1, 3, 5, 7, 8], rtol=1e-6)
    row, _ = run("input 3x1\nupsample 2 bilinear", x[:, :, 0])
    np.testing.assert_allclose(row[0, :, 0], [0, 1, 3, 5, 7, 8], rtol=1e-6)


@pytest.mark.parametrize("shape", [(5, 2), (5, 6, 2), (5, 6, 7, 2)])
def test_zeros_around_and_edges_cut_off(run, shape):
    x, axes = examples(*shape), len(shape) - 1
    text = f"input {sizes(shape)}\n"
    close(run(f"{text}zeropad 2", x)[0], padded(x, [(2, 2)] * axes))
    close(run(f"{text}zeropad 0 1", x)[0], padded(x, [(0, 1)] * axes))
    close(run(f"{text}crop 1", x)[0], x[(slice(None), *[slice(1, -1)] * axes)])
    close(run(f"{text}crop 2 0", x)[0], x[(slice(None), *[slice(2, None)] * axes)])


# Merges


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("add", lambda *values: sum(values)),
        ("mul", lambda *values: np.prod(values, 0)),
        ("max", lambda *values: np.max(values, 0)),
        ("average", lambda *values: np.mean(values, 0)),
        ("concat", lambda *values: np.concatenate(values, -1)),
    ],
)
def test_merges_of_three(run, word, expected):
    x = examples(2, 3)
    text = f'input 2x3\na = linear\nb = lambda "x + 1"\nlambda "-2 * x"\n{word} a b'
    close(run(text, x)[0], expected(-2 * (x + 1), x, x + 1))


@pytest.mark.parametrize(("word", "expected"), [("add", np.add), ("mul", np.multiply)])
def test_a_vector_of_channels_is_spread_over_an_image(run, word, expected):
    x = examples(3, 4, 2)
    result, _ = run(f"input 3x4x2\nimage = linear\ngap\n{word} image", x)
    close(result, expected(x.mean((1, 2), keepdims=True), x))


# Formulas


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x * sigmoid(1.702 * x)", lambda x: x / (1 + np.exp(-1.702 * x))),
        ("-x**2 + 3*x - 1", lambda x: -(x**2) + 3 * x - 1),
        ("x * (x > 0) + 0.5 * (x <= 0)", lambda x: np.where(x > 0, x, 0.5)),
        ("min(max(x, 0), 1, 0.75)", lambda x: x.clip(0, 0.75)),
        ("leaky_relu(x) + leaky_relu(x, 0.3)", lambda x: np.where(x > 0, 2 * x, 0.4 * x)),
        ("x % 2 + x // 2", lambda x: x % 2 + x // 2),
        ("2 ** x / (1 + abs(x))", lambda x: 2**x / (1 + abs(x))),
        ("sin(pi * x) * exp(1) - e", lambda x: np.sin(np.pi * x) * np.e - np.e),
        ("1", np.ones_like),
    ],
)
def test_formula(run, formula, expected):
    x = examples(7)
    close(run(f'input 7\nlambda "{formula}"', x)[0], expected(x))


# Sizes that are not fixed


@pytest.mark.parametrize(
    "statement",
    [
        "conv 2 3x3 same",
        "deconv 2 3x3 stride=2",
        "depthwise 3x3",
        "separable 4 3x3",
        "maxpool 2 ceil",
        "sumpool 2 same",
        "upsample 2",
        "upsample 2 bilinear",
        "zeropad 1",
        "crop 1",
        "batchnorm",
        "spatial_dropout 0.5",
        "permute 3 1 2",
        "gap",
        "gmp",
    ],
)
def test_open_sizes_are_those_of_the_batch(run, statement):
    opened, _ = run(f"input ?x?x3\n{statement}\nlinear", examples(6, 5, 3))
    fixed, _ = run(f"input 6x5x3\n{statement}\nlinear", examples(6, 5, 3))
    np.testing.assert_array_equal(opened, fixed)
