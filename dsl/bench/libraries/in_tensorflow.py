"""The training step in TensorFlow, as a graph of TensorFlow 1."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from dsl.bench.libraries.walk import Library, Step, Weights
from dsl.bench.task import Task

Options = Mapping[str, Any]
Variables = Mapping[str, Any]


class TensorFlow(Library):
    """TensorFlow's graph mode.

    Parameters and errors are those of `Library`.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self._tf = importlib.import_module("tensorflow.compat.v1")
        self._tf.logging.set_verbosity(self._tf.logging.ERROR)
        self._tf.disable_v2_behavior()
        self._updates: list[Any] = []
        self.version = str(self._tf.__version__)

    def make_step(self, task: Task, weights: Weights) -> Step:
        """Return what makes a training step."""
        tf = self._tf
        with tf.Graph().as_default() as graph:
            x = tf.placeholder(tf.float32, [None, *task.shape])
            y = tf.placeholder(tf.int64 if task.loss == "cross_entropy" else tf.float32)
            variables = {
                name: tf.Variable(value, trainable=name in task.trained, dtype=tf.float32)
                for name, value in weights.items()
            }
            loss = self._loss(task, self.forward(task, x, variables), y)
            penalties = [s * tf.nn.l2_loss(variables[name]) for name, s in task.decays.items()]
            with tf.control_dependencies(self._updates):
                update = self._optimizer(task).minimize(tf.add_n([loss, *penalties]))
            start = tf.global_variables_initializer()
        config = tf.ConfigProto(
            intra_op_parallelism_threads=self.threads, inter_op_parallelism_threads=self.threads
        )
        session = tf.Session(graph=graph, config=config)
        session.run(start)
        run = session.make_callable([update, loss], [x, y])
        return lambda inputs, labels: float(run(inputs, labels)[1])

    def _loss(self, task: Task, result: Any, y: Any) -> Any:
        tf = self._tf
        if task.loss == "mse":
            return tf.reduce_mean(tf.square(result - y))
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.reshape(y, [-1]), logits=result
        )
        return tf.reduce_mean(each)

    def _optimizer(self, task: Task) -> Any:
        name, o = task.optimizer.name, task.optimizer.options
        if name == "adam":
            return self._tf.train.AdamOptimizer(o["lr"], o["beta1"], o["beta2"], o["eps"])
        if not o["momentum"]:
            return self._tf.train.GradientDescentOptimizer(o["lr"])
        nesterov = name == "nesterov"
        return self._tf.train.MomentumOptimizer(o["lr"], o["momentum"], use_nesterov=nesterov)

    def conv(self, x: Any, options: Options, own: Variables) -> Any:
        """Return a convolution."""
        w = options["windows"]
        mapped = self._tf.nn.conv2d(x, own["kernel"], strides=[1, *w.stride, 1], padding=w.padding)
        return self._tf.nn.bias_add(mapped, own["bias"]) if "bias" in own else mapped

    def maxpool(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the maxima of windows."""
        w = options["windows"]
        return self._tf.nn.max_pool(x, [1, *w.size, 1], [1, *w.stride, 1], w.padding)

    def avgpool(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the means of windows."""
        w = options["windows"]
        return self._tf.nn.avg_pool(x, [1, *w.size, 1], [1, *w.stride, 1], w.padding)

    def dense(self, x: Any, options: Options, own: Variables) -> Any:
        """Return a product with a kernel."""
        rows = x if len(x.shape) == 2 else self.flatten(x, options, own)
        mapped = self._tf.matmul(rows, own["kernel"])
        return self._tf.nn.bias_add(mapped, own["bias"]) if "bias" in own else mapped

    def batchnorm(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the batch normalised; the moving statistics become updates."""
        tf = self._tf
        images = x if len(x.shape) == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])
        result, mean, variance = tf.nn.fused_batch_norm(
            images, own["gamma"], own["beta"], epsilon=options["eps"]
        )
        for moving, now in ((own["moving_mean"], mean), (own["moving_variance"], variance)):
            step = (moving - now) * (1.0 - options["momentum"])
            self._updates.append(tf.assign_sub(moving, step))
        return result if len(x.shape) == 4 else tf.reshape(result, [-1, x.shape[-1]])

    def dropout(self, x: Any, options: Options, own: Variables) -> Any:
        """Return some values, scaled up."""
        return self._tf.nn.dropout(x, rate=options["rate"])

    def flatten(self, x: Any, options: Options, own: Variables) -> Any:
        """Return each example as a row."""
        return self._tf.reshape(x, [-1, int(x.shape[1:].num_elements())])

    def gap(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the mean of each channel."""
        return self._tf.reduce_mean(x, list(range(1, len(x.shape) - 1)))

    def activation(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the activation."""
        return getattr(self._tf.nn, options["name"])(x)
