"""Small networks of each kind, to be trained on several backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tensorgraph as tf


def dense(x: Any) -> Any:
    h = tf.layers.dense(tf.reshape(x, [-1, 64]), 16, tf.nn.relu)
    return tf.layers.dense(h, 4)


def convolutional(x: Any) -> Any:
    h = tf.layers.conv2d(x, 4, 3, activation=tf.nn.relu)
    h = tf.layers.max_pooling2d(h, 2, 2)
    h = tf.layers.batch_normalization(h, training=True)
    return tf.layers.dense(tf.layers.flatten(h), 4)


def recurrent(x: Any) -> Any:
    cell = tf.nn.rnn_cell.BasicLSTMCell(6)
    outputs, _ = tf.nn.static_rnn(cell, tf.unstack(x[..., 0], axis=1), dtype=tf.float32)
    return tf.layers.dense(outputs[-1], 4)


def embedding(x: Any) -> Any:
    table = tf.get_variable("table", (20, 6))
    ids = tf.cast(tf.abs(x[:, :5, 0, 0]) * 7, tf.int32) % 20
    return tf.layers.dense(tf.reduce_mean(tf.nn.embedding_lookup(table, ids), 1), 4)


def dropping(x: Any) -> Any:
    return dense(tf.layers.dropout(x, 0.3, training=True))


# Whose steps depend on nothing but weights and examples.
NETS = [dense, convolutional, recurrent, embedding]
OPTIMIZERS = {
    dense: lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    convolutional: tf.train.AdamOptimizer,
    recurrent: lambda: tf.train.RMSPropOptimizer(0.01),
    embedding: lambda: tf.train.AdagradOptimizer(0.1),
    dropping: lambda: tf.train.GradientDescentOptimizer(0.1),
}


def steps(net: Callable[[Any], Any], config: tf.ConfigProto, count: int) -> Iterator[float]:
    """Yield the loss of training steps on random examples, always the same ones."""
    rng = np.random.default_rng(3)
    images = rng.normal(size=(6, 8, 8, 1)).astype(np.float32)
    labels = rng.integers(0, 4, 6)
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, (None, 8, 8, 1)), tf.placeholder(tf.int64, (None,))
        loss = tf.losses.sparse_softmax_cross_entropy(y, net(x))
        train = OPTIMIZERS[net]().minimize(loss)
        start = [
            tf.assign(v, rng.normal(size=v.shape.as_list()) * 0.3) for v in tf.trainable_variables()
        ]
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            session.run(start)
            for _ in range(count):
                yield session.run([train, loss], {x: images, y: labels})[1]
