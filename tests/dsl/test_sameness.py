"""Small networks of the zoo's kinds: what makes a step fast changes nothing that it computes.

As in ``tests/tensorgraph/test_sameness.py``, the other side is the plain interpretation, and what
is compared with it runs with spoilt memory.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

import dsl
import tensorgraph as tf
from dsl.compiler import compile_net
from dsl.network import Net
from dsl.training.step import TrainingStep
from tensorgraph.passes import pipeline

Array = npt.NDArray[Any]

# Adam and its like divide gradients by their own size: with the usual epsilon, a gradient that
# should be zero becomes a whole step by its rounding error alone.
NETS = {
    "mlp": "input 20; dense 16 relu; dense 5 softmax; train { optimizer sgd lr=0.1 }",
    "lenet": """
        input 12x12x1
        conv 4 5x5 same tanh; avgpool 2; conv 6 3x3 tanh; flatten; dense 12 tanh; dense 5 softmax
        train { optimizer momentum lr=0.05; regularize l2=0.01 }
    """,
    "batchnorm": """
        input 8x8x3
        conv 8 3x3 same nobias; batchnorm relu; maxpool 2
        conv 8 3x3 same nobias; batchnorm; relu; gap; dense 5 softmax
        train { optimizer nesterov lr=0.05 }
    """,
    "wide": """
        input 10x10x16
        conv 16 3x3 same relu; conv 16 5x5 same relu; maxpool 3 stride=2; dense 5 softmax
        train { optimizer momentum lr=0.01; clip norm=1.0 }
    """,
    "residual": """
        input 8x8x4
        repeat 2 { residual { batchnorm; relu; conv 4 3x3 same; relu; conv 4 3x3 same } }
        residual { conv 8 3x3 same stride=2 } shortcut { conv 8 1x1 stride=2 }
        gap; dense 5 softmax
        train { optimizer rmsprop lr=0.001 eps=0.01 }
    """,
    "branches": """
        input 9x9x3
        branch { conv 4 1x1 relu } { conv 4 3x3 same relu } { maxpool 3 stride=1 same } { } concat
        branch { avgpool 3 stride=1 same } { act tanh } mul
        lrn; dense 5 softmax
        train { optimizer adam lr=0.001 eps=0.01 }
    """,
    "depthwise": """
        input 10x10x3
        conv 8 3x3 stride=2 same; depthwise 3x3 same relu; conv 8 1x1 relu
        separable 12 3x3 same elu; batchnorm; gmp; dense 5 softmax
        train { optimizer adam lr=0.001 eps=0.01; regularize l1=0.001 }
    """,
    "squeeze": """
        input 8x8x8
        stem = conv 8 3x3 same silu
        gap; dense 4 relu; dense 8 sigmoid; mul stem; layernorm; dense 5 softmax
        train { optimizer adagrad lr=0.01 }
    """,
    "autoencoder": """
        input 8x8x2
        conv 6 3x3 same stride=2 relu; deconv 4 2x2 stride=2 relu
        upsample 2; avgpool 2; zeropad 1; crop 1; conv 2 3x3 same sigmoid
        train { loss mse; optimizer momentum lr=0.1 }
    """,
    "lstm": """
        input 7x6
        lstm 8 return=all; gru 6; dense 5 softmax
        train { optimizer adam lr=0.001 eps=0.01; clip value=0.5 }
    """,
    "text": """
        input 9 of 30
        embedding 6; rnn 8 bidirectional; dense 5 softmax
        train { optimizer sgd lr=0.1 }
    """,
    "series": """
        input 24x3
        conv1d 8 5 same relu; conv1d 8 3 dilation=2 leaky_relu(0.1); flatten
        dense 8 selu max_norm=1; dense 3
        train { loss huber; optimizer sgd lr=0.05 }
    """,
}
BATCHES = (1, 2, 3, 7, 64, 65)
DEEP = settings().max_examples > 100
# The largest errors in float32: sums in another order, and Winograd's convolution.
SINGLE, DOUBLE = 3e-4, 1e-12


class Training:
    """The step of a network in a graph of its own, to be made by sessions of many kinds."""

    def __init__(self, net: Net, dtype: tf.DType) -> None:
        self._net = net
        with tf.Graph().as_default() as self._graph:
            model = compile_net(net, dtype=dtype)
            of_classes = net.train.loss == "cross_entropy"
            shape = [None] if of_classes else [None, *net.output_shape]
            labels = tf.placeholder(tf.int64 if of_classes else dtype, shape)
            forward = model.apply()
            step = TrainingStep(model, labels, of_classes)
            self._labels, self._input, self._step = labels, step.input, step.op
            self._variables = tf.global_variables()
            self._fetches = [forward.output, step.measures.means["loss"], *step.gradients.values()]

    def _feeds(self, batch: int) -> dict[tf.Tensor, Array]:
        numbers = np.random.default_rng(batch)
        feeds = {}
        for t in (self._input, self._labels):
            shape = (batch, *t.shape.as_list()[1:])
            whole = t.dtype.is_integer
            # Classes are below 5, words below 30: 5 is enough for both.
            feeds[t] = numbers.integers(0, 5, shape) if whole else numbers.standard_normal(shape)
        return feeds

    def run(self, batches: Sequence[int], **config: Any) -> Iterator[list[Array]]:
        """Make two steps for each size of batch; yield all that was computed, and the variables."""
        with tf.Session(graph=self._graph, config=tf.ConfigProto(**config)) as session:
            for batch in batches:
                session.run(tf.global_variables_initializer())
                results = []
                for _ in range(2):
                    values, _ = session.run([self._fetches, self._step], self._feeds(batch))
                    results += values
                yield [np.asarray(a) for a in [*results, *session.run(self._variables)]]


PLAIN: dict[str, Any] = {
    "passes": (),
    "strict": True,
    "intra_op_parallelism_threads": 1,
    "poison_buffers": False,
}


def assert_close(got: Sequence[Array], wanted: Sequence[Array], error: float) -> None:
    """Compare with an error relative to the largest element."""
    for a, b in zip(got, wanted, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=0, atol=error * max(np.abs(b).max(), 1e-3))


def chosen(name: str, options: Sequence[Any], count: int) -> Sequence[Any]:
    """Return a few options, others for each network; in the deep profile, all."""
    if DEEP:
        return options
    first = zlib.crc32(name.encode()) % len(options)
    return [options[(first + i) % len(options)] for i in range(count)]


@functools.cache
def training_of(name: str, dtype: tf.DType) -> Training:
    return Training(dsl.check(dsl.parse(NETS[name])), dtype)


@pytest.mark.parametrize("name", NETS)
def test_batches_of_any_size(name: str) -> None:
    training = training_of(name, tf.float32)
    wanted = training.run(BATCHES, **PLAIN)
    got = training.run(BATCHES, poison_buffers=True)
    for a, b in zip(got, wanted, strict=True):
        assert_close(a, b, SINGLE)


@pytest.mark.parametrize("name", NETS)
def test_each_pass_alone_and_all_together(name: str) -> None:
    training = training_of(name, tf.float64)
    batches = chosen(name, BATCHES, 1)
    wanted = list(training.run(batches, **PLAIN))
    for passes in (pipeline.NAMES, *((one,) for one in pipeline.NAMES)):
        got = training.run(batches, passes=passes, poison_buffers=True)
        for a, b in zip(got, wanted, strict=True):
            assert_close(a, b, DOUBLE)


@pytest.mark.parametrize("name", NETS)
def test_threads(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    share_everything: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """Even the least work is shared, and a run repeats every bit."""
    share_everything(monkeypatch)
    batches = chosen(name, BATCHES, 1)
    for dtype, error in chosen(name, [(tf.float32, SINGLE), (tf.float64, DOUBLE)], 1):
        training = training_of(name, dtype)
        wanted = list(training.run(batches, **PLAIN))
        for threads in (1, 2, 4):
            got, again = (
                training.run(batches, intra_op_parallelism_threads=threads, poison_buffers=poison)
                for poison in (True, False)
            )
            for a, b, c in zip(got, again, wanted, strict=True):
                assert_close(a, c, error)
                for x, y in zip(a, b, strict=True):
                    np.testing.assert_array_equal(x, y)
