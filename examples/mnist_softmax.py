"""Softmax regression on MNIST, as TensorFlow 1's first tutorial had it.

    python examples/mnist_softmax.py [FOLDER]

FOLDER holds the four IDX files of MNIST, gzipped or not; without one, MNIST is looked for where
`tg train --data mnist` looks, and the packaged 8x8 digits serve where there is none.
"""

import sys

import numpy as np

import tensorgraph as tf
from tensorgraph import data


def load(arguments: list[str]) -> data.ExampleSet:
    if arguments:
        return data.load(arguments[0])
    try:
        return data.load("mnist")
    except tf.errors.DataError as error:
        print(f"{error}\nusing the packaged digits instead", file=sys.stderr)
        return data.load("digits")


def main(arguments: list[str]) -> float:
    examples = load(arguments)
    pixels = int(np.prod(examples.input_shape))
    train_images = examples.x_train.reshape(-1, pixels)
    test_images = examples.x_test.reshape(-1, pixels)
    train_labels = np.eye(10)[examples.y_train]
    test_labels = np.eye(10)[examples.y_test]

    # The model
    x = tf.placeholder(tf.float32, [None, pixels])
    W = tf.Variable(tf.zeros([pixels, 10]))  # noqa: N806
    b = tf.Variable(tf.zeros([10]))
    y = tf.matmul(x, W) + b

    # The loss and the optimizer
    y_ = tf.placeholder(tf.float32, [None, 10])
    cross_entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y))
    train_step = tf.train.GradientDescentOptimizer(0.5).minimize(cross_entropy)

    correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

    random = np.random.default_rng(0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(1000):
            batch = random.integers(0, len(train_images), 100)
            sess.run(train_step, feed_dict={x: train_images[batch], y_: train_labels[batch]})
        result = sess.run(accuracy, feed_dict={x: test_images, y_: test_labels})
    print(f"test accuracy {result:.4f}")
    return float(result)


if __name__ == "__main__":
    main(sys.argv[1:])
