"""The networks as TensorFlow 1 programs.

This is the point of the project: `tf` is the module, ``tensorgraph`` or ``tensorflow.compat.v1``,
and the program is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workload import INPUT_SHAPES, LEARNING_RATE, Batch, stddev


def dense(tf: Any, x: Any, inputs: int, units: int) -> Any:
    """Return ``x @ w + b`` with new variables."""
    weights = tf.Variable(tf.truncated_normal([inputs, units], stddev=stddev((inputs, units))))
    return tf.matmul(x, weights) + tf.Variable(tf.zeros([units]))


def conv(tf: Any, x: Any, size: int, inputs: int, filters: int, padding: str) -> Any:
    """Return a convolution with bias, of stride 1, with new variables."""
    shape = (size, size, inputs, filters)
    kernel = tf.Variable(tf.truncated_normal(shape, stddev=stddev(shape)))
    mapped = tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding=padding)
    return tf.nn.bias_add(mapped, tf.Variable(tf.zeros([filters])))


def max_pool(tf: Any, x: Any) -> Any:
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")


def avg_pool(tf: Any, x: Any) -> Any:
    return tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")


def mlp(tf: Any, x: Any) -> Any:
    return dense(tf, tf.nn.relu(dense(tf, x, 784, 128)), 128, 10)


def lenet(tf: Any, x: Any) -> Any:
    x = avg_pool(tf, tf.tanh(conv(tf, x, 5, 1, 6, "SAME")))
    x = avg_pool(tf, tf.tanh(conv(tf, x, 5, 6, 16, "VALID")))
    x = tf.reshape(x, [-1, 5 * 5 * 16])
    x = tf.tanh(dense(tf, x, 5 * 5 * 16, 120))
    x = tf.tanh(dense(tf, x, 120, 84))
    return dense(tf, x, 84, 10)


def lab(tf: Any, x: Any) -> Any:
    x = tf.nn.relu(conv(tf, x, 3, 1, 32, "VALID"))
    x = tf.nn.relu(conv(tf, x, 3, 32, 64, "VALID"))
    x = tf.nn.dropout(max_pool(tf, x), rate=0.25)
    x = tf.reshape(x, [-1, 12 * 12 * 64])
    x = tf.nn.dropout(tf.nn.relu(dense(tf, x, 12 * 12 * 64, 128)), rate=0.5)
    return dense(tf, x, 128, 10)


NETS = {"mlp": mlp, "lenet": lenet, "lab": lab}


def make_step(tf: Any, net: str, config: Any = None) -> Callable[[Batch], float]:
    """Return a function that trains on one batch and returns its loss.

    Parameters
    ----------
    tf : module
        ``tensorgraph`` or ``tensorflow.compat.v1``.
    net : str
        A key of `NETS`.
    config : tf.ConfigProto, optional
        Of the session.
    """
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, *INPUT_SHAPES[net]])
        y = tf.placeholder(tf.int64, [None])
        logits = NETS[net](tf, x)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(losses)
        train = tf.train.AdamOptimizer(LEARNING_RATE).minimize(loss)
        start = tf.global_variables_initializer()
    session = tf.Session(graph=graph, **({} if config is None else {"config": config}))
    session.run(start)

    def step(batch: Batch) -> float:
        _, value = session.run([train, loss], {x: batch[0], y: batch[1]})
        return float(value)

    return step
