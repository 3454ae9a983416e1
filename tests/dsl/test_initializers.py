"""What weights start from: statistics, the kernels of image work, and kernels that are given."""

import numpy as np
import pytest

import dsl
import tensorgraph as tf
from dsl.layers import INITIALIZERS
from dsl.layers.initializers import Fans

VARIANCES = {
    "glorot_uniform": 2 / (400 + 200),
    "glorot_normal": 2 / (400 + 200),
    "he_uniform": 2 / 400,
    "he_normal": 2 / 400,
    "lecun_uniform": 1 / 400,
    "lecun_normal": 1 / 400,
    "zeros": 0,
    "ones": 0,
    "constant": 0,
    "normal": 0.05**2,
    "truncated_normal": (0.05 * 0.87962566103423978) ** 2,
    "uniform": 0.1**2 / 12,
    "orthogonal": 1 / 400,
}
KERNELS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "edge": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "box_blur": [[1 / 9] * 3] * 3,
    "gaussian3": [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]],
    "gaussian5": np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256,
    "unsharp": [
        [-1 / 256, -4 / 256, -6 / 256, -4 / 256, -1 / 256],
        [-4 / 256, -16 / 256, -24 / 256, -16 / 256, -4 / 256],
        [-6 / 256, -24 / 256, 476 / 256, -24 / 256, -6 / 256],
        [-4 / 256, -16 / 256, -24 / 256, -16 / 256, -4 / 256],
        [-1 / 256, -4 / 256, -6 / 256, -4 / 256, -1 / 256],
    ],
}


def test_every_initializer_is_tested():
    assert VARIANCES.keys() | KERNELS.keys() == INITIALIZERS.keys()


@pytest.mark.parametrize("name", VARIANCES)
def test_initializer_has_its_variance(name):
    with tf.Graph().as_default(), tf.Session() as session:
        values = session.run(INITIALIZERS[name].draw((400, 200), Fans(400, 200), 7))
    assert values.shape == (400, 200)
    assert values.var() == pytest.approx(VARIANCES[name], rel=0.02)
    assert values.mean() == pytest.approx(1.0 if name == "ones" else 0.0, abs=2e-3)


def start_of(text, name="kernel", layer=-1):
    """Return the first value of a weight of the last layer."""
    net = dsl.check(dsl.parse(text))
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net)
        session.run(tf.global_variables_initializer())
        return session.run(model.variables[f"{net.layers[layer].name}/{name}"])


@pytest.mark.parametrize(
    ("init", "low", "high"),
    [
        ("uniform(2, 3)", 2, 3),
        ("uniform(0)", 0, 0.05),
        ("constant(0.5)", 0.5, 0.5),
        ("0.25", 0.25, 0.25),
        ("-1", -1, -1),
        ("truncated_normal(0.01)", -0.02, 0.02),
    ],
)
def test_parameters_of_an_initializer(init, low, high):
    values = start_of(f"input 30\ndense 40 init={init}")
    assert low <= values.min() <= values.max() <= high
    assert values.max() - values.min() >= 0.9 * (high - low)


def test_orthogonal_kernels():
    kernel = start_of("input 8x8x2\nconv 5 3x3 init=orthogonal(2)").reshape(18, 5)
    np.testing.assert_allclose(kernel.T @ kernel, 4 * np.eye(5), atol=1e-5)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_of_image_work(name):
    kernel = np.array(KERNELS[name], np.float32)
    size = f"{len(kernel)}x{len(kernel)}"
    gray = start_of(f"input 8x8x1\nconv 1 {size} init={name}")
    np.testing.assert_allclose(gray[:, :, 0, 0], kernel)
    # As many filters as channels: each has its own.
    colours = start_of(f"input 8x8x3\nconv 3 {size} init={name}")
    np.testing.assert_allclose(colours, kernel[:, :, None, None] * np.eye(3))
    # Otherwise each sees the mean of all.
    mean = start_of(f"input 8x8x3\nconv 2 {size} init={name}")
    np.testing.assert_allclose(mean, np.tile(kernel[:, :, None, None] / 3, (1, 1, 3, 2)))
    by_channel = start_of(f"input 8x8x3\ndepthwise {size} multiplier=2 init={name}")
    np.testing.assert_allclose(by_channel, np.tile(kernel[..., None, None], (1, 1, 3, 2)))


def test_identity_of_a_matrix_and_of_any_kernel():
    np.testing.assert_array_equal(start_of("input 3\ndense 4 init=identity"), np.eye(3, 4))
    np.testing.assert_array_equal(
        start_of("input 9x1\nconv1d 1 5 init=identity").ravel(), [0, 0, 1, 0, 0]
    )
    assert start_of("input 4x4x4x1\nconv3d 1 3 init=identity")[1, 1, 1, 0, 0] == 1


def test_given_kernels(run):
    rows = "[[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]"
    kernel = np.where(np.eye(3) == 1, 1, -1)
    one = start_of(f"input 9x9x1\nconv 2 3x3 init={rows}")
    np.testing.assert_array_equal(one, np.repeat(kernel[:, :, None, None], 2, -1))
    two = start_of(f"input 9x9x1\nconv 2 3x3 init=[{rows}, {rows}]")
    np.testing.assert_array_equal(two, one)
    whole = start_of("input 2\ndense 3 init=[[1, 2, 3], [4, 5, 6]]")
    np.testing.assert_array_equal(whole, [[1, 2, 3], [4, 5, 6]])
    bias = start_of("input 2\ndense 3 bias_init=[1, 2, 3]", "bias")
    np.testing.assert_array_equal(bias, [1, 2, 3])


@pytest.mark.parametrize(
    ("statement", "message", "label"),
    [
        ("conv 1 3x3 init=gaussian5", "does not fit the kernel of `conv`, which is 3x3x1x1", "5x5"),
        ("conv 3 3x3 init=[[[1]], [[2]]]", "does not fit", "it has kernels of 1x1"),
        ("conv 3 1x1 init=[[[1]], [[2]]]", "does not fit", "it has 2 kernels for 3 filters"),
        ("dense 3 init=sharpen", "does not fit", "a height and a width"),
        ("dense 3 bias_init=[1, 2]", "does not fit the bias of `dense`, which is 3", "it is 2"),
        ("dense 3 bias_init=orthogonal", "does not fit", "a vector has no columns"),
        ("lstm 3 init=edge", "`lstm` needs a sequence", "expected time x features"),
        ("separable 3 3x3 init=unsharp", "does not fit the depthwise_kernel", "5x5"),
        ("separable 3 3x3 init=edge", "does not fit the pointwise_kernel", "3x3"),
    ],
)
def test_kernel_that_does_not_fit(statement, message, label):
    with pytest.raises(dsl.NetError) as caught:
        dsl.check(dsl.parse(f"input 8x8x1\n{statement}"))
    (error,) = caught.value.errors
    assert message in error.message
    assert label in error.label


@pytest.mark.parametrize(
    "init",
    ["[1, [2]]", "[]", "[[1], [true]]", "glorot_uniform(2)", "normal(1, 2)", "normal(-1)", '"x"'],
)
def test_what_is_no_initializer(init):
    with pytest.raises(dsl.NetError) as caught:
        dsl.check(dsl.parse(f"input 8\ndense 1 init={init}"))
    assert {error.code for error in caught.value.errors} <= {"TG403", "TG404"}
