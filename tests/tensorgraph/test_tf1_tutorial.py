"""TensorFlow 1's first tutorial, softmax regression, as one would write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import tensorgraph as tf
from tensorgraph.data import load

Array = npt.NDArray[Any]


def softmax_regression(
    images: Array, labels: Array, test_images: Array, test_labels: Array, steps: int
) -> float:
    """Train on rows of pixels and one-hot labels; return the accuracy on the test rows."""
    pixels, classes = images.shape[1], labels.shape[1]
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, pixels])
        W = tf.Variable(tf.zeros([pixels, classes]))
        b = tf.Variable(tf.zeros([classes]))
        y = tf.matmul(x, W) + b

        y_ = tf.placeholder(tf.float32, [None, classes])
        cross_entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y))
        train_step = tf.train.GradientDescentOptimizer(0.5).minimize(cross_entropy)

        correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
        accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

        rng = np.random.default_rng(0)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(steps):
                batch = rng.integers(0, len(images), 100)
                sess.run(train_step, feed_dict={x: images[batch], y_: labels[batch]})
            return float(sess.run(accuracy, feed_dict={x: test_images, y_: test_labels}))


def test_on_synthetic_data() -> None:
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(20, 5))
    images = rng.normal(size=(2000, 20)).astype(np.float32)
    labels = np.eye(5, dtype=np.float32)[(images @ directions).argmax(1)]
    assert softmax_regression(images[:1500], labels[:1500], images[1500:], labels[1500:], 500) > 0.9


def test_on_mnist(shared_data: Path) -> None:
    data = load(shared_data / "mnist")
    one_hot = np.eye(10, dtype=np.float32)
    accuracy = softmax_regression(
        data.x_train.reshape(-1, 784),
        one_hot[data.y_train],
        data.x_test.reshape(-1, 784),
        one_hot[data.y_test],
        1000,
    )
    assert accuracy >= 0.91
