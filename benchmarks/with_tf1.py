"""The networks as a TensorFlow 1 program.

This is the point of the project: `tf` is the module, ``tensorgraph`` or ``tensorflow.compat.v1``,
and the program is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from workload import EPSILON, LEARNING_RATE, MOMENTUM, OPERATIONS, Batch, Layer, Net, stddev


class Builder:
    """Adds layers to the default graph: a method each, from a tensor to a tensor.

    Parameters
    ----------
    tf : module
        ``tensorgraph`` or ``tensorflow.compat.v1``.
    training : bool
        Whether dropout drops, and batches give the statistics of batch norm.
    """

    def __init__(self, tf: Any, training: bool) -> None:
        self.tf = tf
        self.training = training
        # What moves the averages of batch norm.
        self.updates: list[Any] = []

    def build(self, layers: Sequence[Layer], x: Any) -> Any:
        for kind, *numbers in layers:
            x = getattr(self, kind)(x, *numbers)
        return x

    def weights(self, *shape: int) -> Any:
        return self.tf.Variable(self.tf.truncated_normal(shape, stddev=stddev(shape)))

    def zeros(self, size: int) -> Any:
        return self.tf.Variable(self.tf.zeros([size]))

    def dense(self, x: Any, units: int) -> Any:
        inputs = math.prod(x.shape.as_list()[1:])
        if len(x.shape) > 2:
            x = self.tf.reshape(x, [-1, inputs])
        return self.tf.matmul(x, self.weights(inputs, units)) + self.zeros(units)

    def conv(
        self,
        x: Any,
        filters: int,
        size: int,
        padding: str = "same",
        step: int = 1,
        bias: str = "bias",
    ) -> Any:
        kernel = self.weights(size, size, x.shape.as_list()[-1], filters)
        steps = [1, step, step, 1]
        mapped = self.tf.nn.conv2d(x, kernel, strides=steps, padding=padding.upper())
        return self.tf.nn.bias_add(mapped, self.zeros(filters)) if bias == "bias" else mapped

    def depthwise(self, x: Any, size: int, step: int) -> Any:
        shape = (size, size, x.shape.as_list()[-1], 1)
        # What each result is a sum of are the pixels of one channel.
        drawn = self.tf.truncated_normal(shape, stddev=stddev((size, size, 1)))
        kernel = self.tf.Variable(drawn)
        return self.tf.nn.depthwise_conv2d(x, kernel, [1, step, step, 1], "SAME")

    def maxpool(self, x: Any, size: int, step: int = 0, padding: str = "valid") -> Any:
        return self.tf.nn.max_pool(x, *windows(size, step), padding.upper())

    def avgpool(self, x: Any, size: int) -> Any:
        return self.tf.nn.avg_pool(x, *windows(size), "VALID")

    def gap(self, x: Any) -> Any:
        return self.tf.reduce_mean(x, [1, 2])

    def batchnorm(self, x: Any) -> Any:
        channels = x.shape.as_list()[-1]
        scale, offset = self.tf.Variable(self.tf.ones([channels])), self.zeros(channels)
        averages = [
            self.tf.Variable(start([channels]), trainable=False)
            for start in (self.tf.zeros, self.tf.ones)
        ]
        given = {} if self.training else dict(zip(("mean", "variance"), averages, strict=True))
        y, *found = self.tf.nn.fused_batch_norm(
            x, scale, offset, epsilon=EPSILON, is_training=self.training, **given
        )
        if self.training:
            self.updates += [
                self.tf.assign_sub(average, (1 - MOMENTUM) * (average - value))
                for average, value in zip(averages, found, strict=True)
            ]
        return y

    def residual(self, x: Any, body: Sequence[Layer], shortcut: Sequence[Layer]) -> Any:
        return self.build(body, x) + self.build(shortcut, x)

    def dropout(self, x: Any, share: float) -> Any:
        return self.tf.nn.dropout(x, rate=share) if self.training else x

    def lstm(self, x: Any, units: int) -> Any:
        cell = self.tf.nn.rnn_cell.LSTMCell(units)
        return self.tf.nn.dynamic_rnn(cell, x, dtype=self.tf.float32)[1].h

    def relu(self, x: Any) -> Any:
        return self.tf.nn.relu(x)

    def relu6(self, x: Any) -> Any:
        return self.tf.nn.relu6(x)

    def tanh(self, x: Any) -> Any:
        return self.tf.tanh(x)


def windows(size: int, step: int = 0) -> tuple[list[int], list[int]]:
    """Return the window of a pooling and its steps, as large as the window where none is given."""
    return [1, size, size, 1], [1, step or size, step or size, 1]


class Step:
    """A step of a network: call it with a batch; it returns the loss, or a result of forward runs.

    Parameters
    ----------
    tf : module
        ``tensorgraph`` or ``tensorflow.compat.v1``.
    net : Net
        The network.
    training : bool
        Whether a step computes gradients and applies them.
    config : tf.ConfigProto, optional
        Of the session.
    """

    def __init__(self, tf: Any, net: Net, training: bool, config: Any = None) -> None:
        with tf.Graph().as_default() as graph:
            self.x = tf.placeholder(tf.float32, [None, *net.shape])
            self.y = tf.placeholder(tf.int64, [None])
            builder = Builder(tf, training)
            logits = builder.build(net.layers, self.x)
            self.fetches = logits
            if training:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=self.y, logits=logits
                )
                loss = tf.reduce_mean(losses)
                train = tf.train.AdamOptimizer(LEARNING_RATE).minimize(loss)
                self.fetches = [loss, tf.group(train, *builder.updates)]
            start = tf.global_variables_initializer()
        self.session = tf.Session(graph=graph, config=config)
        self.training = training
        self.session.run(start)

    def feeds(self, batch: Batch) -> dict[Any, Any]:
        return {self.x: batch[0], self.y: batch[1]} if self.training else {self.x: batch[0]}

    def __call__(self, batch: Batch) -> float:
        found = self.session.run(self.fetches, self.feeds(batch))
        return float(found[0] if self.training else found[0, 0])


class Calls:
    """Ten operations on eight numbers, where it is the call that takes the time.

    Parameters
    ----------
    tf, config
        As of `Step`.
    prepared : bool
        Whether the call is made by `Session.make_callable` in place of `Session.run`.
    """

    def __init__(self, tf: Any, prepared: bool, config: Any = None) -> None:
        with tf.Graph().as_default() as graph:
            x = tf.placeholder(tf.float32, [8])
            y = x
            for _ in range(OPERATIONS // 2):
                y = tf.tanh(y * 1.5)
        session = tf.Session(graph=graph, config=config)
        prepared_call = session.make_callable(y, [x]) if prepared else None
        self.call = prepared_call or (lambda fed: session.run(y, {x: fed}))

    def __call__(self, fed: np.ndarray[Any, Any]) -> float:
        return float(self.call(fed)[0])
