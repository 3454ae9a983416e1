"""Worked numbers of the textbooks, which a reader can check with a pencil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf

Array = npt.NDArray[Any]


def value(tensor: Any, feeds: Any = None) -> Any:
    with tf.Session(graph=tensor.graph) as session:
        return session.run(tensor, feeds)


def rows(text: str) -> Array:
    """Return a matrix from rows of numbers parted by slashes."""
    return np.array([[float(n) for n in row.split()] for row in text.split("/")], np.float32)


def convolve(
    image: Array, kernels: Sequence[Array], stride: int = 1, padding: Any = "VALID"
) -> list[Array]:
    """Return the map of each kernel over an image of one channel."""
    with tf.Graph().as_default():
        maps = tf.nn.conv2d(
            image[None, :, :, None], np.stack(kernels, -1)[:, :, None], stride, padding
        )
        return list(np.moveaxis(value(maps)[0], -1, 0))


def pool(image: Array, size: int, stride: int, padding: str = "VALID") -> Array:
    with tf.Graph().as_default():
        result: Array = value(tf.nn.max_pool(image[None, :, :, None], size, stride, padding))
    return result[0, :, :, 0]


def test_a_2x2_kernel_over_a_4x4_image() -> None:
    image = rows("5 2 3 4 / 6 7 8 5 / 4 5 4 5 / 1 0 2 3")
    (found,) = convolve(image, [rows("1 0 / 1 -1")])
    np.testing.assert_array_equal(found, rows("4 1 6 / 5 8 7 / 5 3 3"))


def test_a_3x3_kernel_with_stride_2_and_padding_1() -> None:
    image = rows("2 2 3 3 3 / 0 1 3 0 3 / 2 3 0 1 3 / 3 3 2 1 2 / 3 3 0 2 3")
    kernel, wanted = rows("2 0 1 / 1 0 0 / 0 1 1"), rows("1 5 6 / 7 8 3 / 3 10 4")
    for padding in ("SAME", [(0, 0), (1, 1), (1, 1), (0, 0)]):
        (found,) = convolve(image, [kernel], 2, padding)
        np.testing.assert_array_equal(found, wanted)


def test_two_kernels_over_a_6x6_image() -> None:
    image = rows(
        "1 0 0 0 0 1 / 0 1 0 0 1 0 / 0 0 1 1 0 0 / 1 0 0 0 1 0 / 0 1 0 0 1 0 / 0 0 1 0 1 0"
    )
    kernels = [rows("1 -1 -1 / -1 1 -1 / -1 -1 1"), rows("-1 1 -1 / -1 1 -1 / -1 1 -1")]
    wanted = [
        rows("3 -1 -3 -1 / -3 1 0 -3 / -3 -3 0 1 / 3 -2 -2 -1"),
        rows("-1 -1 -1 -1 / -1 -1 -2 1 / -1 -1 -2 1 / -1 0 -4 3"),
    ]
    np.testing.assert_array_equal(convolve(image, kernels), wanted)
    assert convolve(image, kernels, 2)[0].shape == (2, 2)
    np.testing.assert_array_equal(convolve(image, kernels, 2)[0], wanted[0][::2, ::2])


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "output"),
    [
        (7, 3, 1, 0, 5),
        (7, 3, 2, 0, 3),
        (7, 3, 3, 0, 2),  # (7 - 3) / 3 + 1 = 2.33: the last column is dropped
        (7, 3, 1, 1, 7),
        (32, 5, 1, 0, 28),
        (5, 3, 2, 1, 3),
        (9, 3, 1, 1, 9),
        (9, 5, 1, 2, 9),
        (9, 7, 1, 3, 9),
        (227, 11, 4, 0, 55),
    ],
)
def test_output_sizes(size: int, kernel: int, stride: int, padding: int, output: int) -> None:
    with tf.Graph().as_default():
        image = tf.placeholder(tf.float32, [None, size, size, 3])
        pads = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
        maps = tf.nn.conv2d(image, tf.zeros([kernel, kernel, 3, 2]), stride, pads)
        assert maps.shape.as_list() == [None, output, output, 2]


def test_alexnets_volumes() -> None:
    with tf.Graph().as_default():

        def conv(x: Any, size: int, channels: int, stride: int = 1, padding: str = "SAME") -> Any:
            depth = x.shape.as_list()[3]
            kernel = tf.placeholder(tf.float32, [size, size, depth, channels])
            return tf.nn.conv2d(x, kernel, stride, padding)

        x = tf.placeholder(tf.float32, [None, 227, 227, 3])
        volumes = []
        for layer in (
            lambda x: conv(x, 11, 96, 4, "VALID"),
            lambda x: tf.nn.max_pool(x, 3, 2, "VALID"),
            lambda x: conv(x, 5, 256),
            lambda x: tf.nn.max_pool(x, 3, 2, "VALID"),
            lambda x: conv(x, 3, 384),
            lambda x: conv(x, 3, 384),
            lambda x: conv(x, 3, 256),
            lambda x: tf.nn.max_pool(x, 3, 2, "VALID"),
        ):
            x = layer(x)
            volumes.append(tuple(x.shape.as_list()[1:]))
    assert volumes == [
        (55, 55, 96),
        (27, 27, 96),
        (27, 27, 256),
        (13, 13, 256),
        (13, 13, 384),
        (13, 13, 384),
        (13, 13, 256),
        (6, 6, 256),
    ]


def test_the_picture_of_an_x() -> None:
    image = np.full((9, 9), -1.0, np.float32)
    for i in range(1, 8):
        image[i, i] = image[i, 8 - i] = 1.0
    (sums,) = convolve(image, [rows("1 -1 -1 / -1 1 -1 / -1 -1 1")])
    responses = sums / 9
    # The textbook cuts after two digits.
    cut = np.trunc(responses * 100 + np.sign(responses) * 1e-3) / 100
    np.testing.assert_allclose(cut[0], [0.77, -0.11, 0.11, 0.33, 0.55, -0.11, 0.33], atol=1e-6)
    np.testing.assert_allclose(responses, responses.T)
    assert [cut[i, i] for i in (1, 2, 4, 5)] == [1.0] * 4
    assert responses[3, 3] == pytest.approx(5 / 9)
    np.testing.assert_allclose(
        pool(cut, 2, 2, "SAME"),
        rows("1 .33 .55 .33 / .33 1 .33 .55 / .55 .33 1 .11 / .33 .55 .11 .77"),
        atol=1e-6,
    )


POOLED = "1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4"


def test_max_pooling() -> None:
    np.testing.assert_array_equal(pool(rows(POOLED), 2, 2), rows("6 8 / 3 4"))


def test_the_gradient_of_pooling_goes_to_the_maximum_alone() -> None:
    with tf.Graph().as_default():
        image = tf.constant(rows(POOLED)[None, :, :, None])
        y = tf.nn.max_pool(image, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
        (found,) = tf.gradients(y, image, rows("10 20 / 30 40")[None, :, :, None])
        got = value(found)[0, :, :, 0]
    np.testing.assert_array_equal(got, rows("0 0 0 0 / 0 10 0 20 / 30 0 0 0 / 0 0 0 40"))


def test_the_first_of_equal_maxima_has_the_gradient() -> None:
    with tf.Graph().as_default():
        image = tf.constant(rows("1 2 2 1 / 2 2 2 2")[None, :, :, None])
        (found,) = tf.gradients(tf.nn.max_pool(image, 2, 2, "VALID"), image)
        got = value(found)[0, :, :, 0]
    np.testing.assert_array_equal(got, rows("0 1 1 0 / 0 0 0 0"))


def test_average_pooling_counts_only_the_images_own_pixels() -> None:
    with tf.Graph().as_default():
        image = rows("1 2 3 / 4 5 6 / 7 8 9")[None, :, :, None]
        got = value(tf.nn.avg_pool(image, 2, 2, "SAME"))[0, :, :, 0]
    np.testing.assert_array_equal(got, rows("3 4.5 / 7.5 9"))


@pytest.mark.parametrize(
    ("outputs", "targets", "error"),
    [([0.2, 0.4, 0.1, 0.3], [0, 0, 1, 0], 0.55), ([0.1, 0.1, 0.7, 0.1], [0, 0, 1, 0], 0.06)],
)
def test_total_error(outputs: list[float], targets: list[float], error: float) -> None:
    with tf.Graph().as_default():
        difference = tf.constant(targets, tf.float32) - outputs
        assert value(0.5 * tf.reduce_sum(tf.square(difference))) == pytest.approx(error)
        assert value(tf.nn.l2_loss(difference)) == pytest.approx(error)


Z = np.array([-2.0, -0.5, 0.0, 1.0, 3.0])


def test_formulas_of_activations() -> None:
    e = np.exp(Z)
    with tf.Graph().as_default():
        cases = {
            "softmax": (tf.nn.softmax(Z), e / e.sum()),
            "log-softmax": (tf.nn.log_softmax(Z), Z - np.log(e.sum())),
            "sigmoid": (tf.sigmoid(Z), 1 / (1 + 1 / e)),
            "tanh": (tf.tanh(Z), 2 / (1 + np.exp(-2 * Z)) - 1),
            "relu": (tf.nn.relu(Z), [0, 0, 0, 1, 3]),
            "leaky relu": (tf.nn.leaky_relu(Z, 0.1), np.maximum(0.1 * Z, Z)),
            "elu": (tf.nn.elu(Z), np.where(Z > 0, Z, e - 1)),
            "softplus": (tf.nn.softplus(Z), np.log(1 + e)),
            "softsign": (tf.nn.softsign(Z), Z / (1 + abs(Z))),
        }
        for name, (tensor, wanted) in cases.items():
            np.testing.assert_allclose(value(tensor), wanted, rtol=1e-6, err_msg=name)
        assert value(tf.reduce_sum(tf.nn.softmax(Z))) == pytest.approx(1)


def test_slopes_at_zero() -> None:
    wanted = {
        tf.nn.relu: 0.0,
        tf.nn.leaky_relu: 0.2,
        tf.nn.elu: 1.0,
        tf.nn.softplus: 0.5,
        tf.nn.softsign: 1.0,
        tf.sigmoid: 0.25,
        tf.tanh: 1.0,
        tf.abs: 0.0,
    }
    for function, slope in wanted.items():
        with tf.Graph().as_default():
            x = tf.constant(0.0)
            (found,) = tf.gradients(function(x), x)
            assert value(found) == pytest.approx(slope), function.__name__


def test_cross_entropies() -> None:
    logits = np.array([[2.0, 1.0, 0.1], [0.0, 0.0, 0.0]])
    labels = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    with tf.Graph().as_default():
        z = tf.constant(logits)
        dense = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=z)
        np.testing.assert_allclose(value(dense), -(labels * np.log(p)).sum(1))
        (found,) = tf.gradients(dense, z)
        np.testing.assert_allclose(value(found), p - labels)
        sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=z)
        np.testing.assert_allclose(value(sparse), -np.log(p[[0, 1], [0, 1]]))
        assert value(sparse)[1] == pytest.approx(np.log(3))
        binary = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=z)
        s = 1 / (1 + np.exp(-logits))
        np.testing.assert_allclose(
            value(binary), -labels * np.log(s) - (1 - labels) * np.log(1 - s)
        )
        (found,) = tf.gradients(binary, z)
        np.testing.assert_allclose(value(found), s - labels, atol=1e-12)  # at 0: ½ - y


def test_dropout_keeps_a_share_and_the_mean() -> None:
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        x = tf.ones([100, 1000])
        for kept in (0.25, 0.5, 0.9):
            y = value(tf.nn.dropout(x, keep_prob=kept))
            np.testing.assert_allclose(np.unique(y), [0, 1 / kept], rtol=1e-6)
            # 100,000 draws: five standard deviations of the share.
            assert abs((y > 0).mean() - kept) < 5 * np.sqrt(kept * (1 - kept) / y.size)
        assert tf.nn.dropout(x, rate=0.0) is x
        with tf.Session() as session:
            masks = session.run([tf.nn.dropout(x, rate=0.5)] * 2)
            again = session.run(tf.nn.dropout(x, 0.5, noise_shape=[100, 1]))
        assert (masks[0] == masks[1]).all(), "one node, one draw in a run"
        assert (again == again[:, :1]).all()


def test_dropout_and_its_gradient_use_one_mask() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.ones([1000])
        y = tf.nn.dropout(x, rate=0.5)
        (found,) = tf.gradients(y, x)
        out, slope = session.run([y, found])
    np.testing.assert_array_equal(out, slope)


def test_random_numbers_are_distributed_as_they_should() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        normal, uniform, cut, integers = session.run(
            [
                tf.random_normal([100_000], 2.0, 3.0),
                tf.random_uniform([100_000], -1.0, 3.0),
                tf.truncated_normal([100_000], 1.0, 0.5),
                tf.random_uniform([100_000], 2, 5, tf.int32),
            ]
        )
    assert normal.dtype == np.float32
    assert normal.mean() == pytest.approx(2, abs=0.05)
    assert normal.std() == pytest.approx(3, abs=0.05)
    assert (uniform.min() >= -1) & (uniform.max() < 3)
    assert uniform.mean() == pytest.approx(1, abs=0.02)
    assert (cut.min() >= 0) & (cut.max() <= 2)
    assert cut.std() == pytest.approx(0.5 * 0.8796, abs=0.01)  # of a normal cut at 2σ
    assert np.bincount(integers).tolist()[:2] == [0, 0]
    assert set(np.unique(integers)) == {2, 3, 4}


def test_neurons_that_start_alike_stay_alike() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
        hidden, out = tf.Variable(tf.zeros([4, 3])), tf.Variable(tf.zeros([3, 2]))
        logits = tf.matmul(tf.sigmoid(tf.matmul(x, hidden)), out)
        labels = np.arange(8) % 2
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )
        train = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(train)
        weights = session.run(hidden)
    np.testing.assert_allclose(weights, weights[:, :1] @ np.ones((1, 3)), atol=1e-7)
