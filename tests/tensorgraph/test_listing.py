"""Graphs as typed lines."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorgraph as tf


@pytest.fixture
def graph():
    """Return a graph of its own, as the default one."""
    with tf.Graph().as_default() as graph:
        yield graph


def lines_of(text: str) -> list[str]:
    return [re.sub(r", test_listing\.py:\d+$", "", line) for line in text.splitlines()]


def test_pretty(graph):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.Variable(tf.zeros([3, 2]), name="w")
    with tf.control_dependencies([w.initializer]):
        y = tf.matmul(x, w, transpose_b=False, name="y")
    tf.no_op(name="nothing")
    assert y.graph is graph
    assert lines_of(graph.pretty()) == [
        "%0: float32[?,3] = Placeholder(dtype=float32, shape=(None, 3))  # x",
        "%1: float32[3,2] = Const([[0., 0.],",
        " [0., 0.],",
        " [0., 0.]])  # zeros",
        "%2: float32&[3,2] = VariableV2(dtype=float32, shape=(3, 2))  # w",
        "%3: float32&[3,2] = Assign(%2, %1, validate_shape=True)  # w/Assign",
        "%4: float32[3,2] = Identity(%2)  # w/read",
        "%5: float32[?,2] = MatMul(%0, %4, ^%3)  # y",
        "%6 = NoOp()  # nothing",
    ]


def test_several_outputs_and_large_constants(graph):
    z = tf.constant(np.ones((20, 4), np.float32))
    tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.constant(np.zeros(20, np.int64)), logits=z, name="loss"
    )
    assert lines_of(graph.pretty()) == [
        "%0: float32[20,4] = Const()  # Const",
        "%1: int64[20] = Const()  # Const_1",
        "%2, %3: float32[20], float32[20,4] = SparseSoftmaxCrossEntropyWithLogits(%0, %1)  # loss",
    ]


def test_print_graph_before_and_after_the_passes(graph, capsys):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    unused = tf.exp(x, name="unused")
    y = tf.reshape(x, tf.shape(x), name="y")
    total = tf.add(y, tf.constant(1.0) + tf.constant(2.0), name="total")
    assert unused.graph is graph
    tf.print_graph(total)
    before = lines_of(capsys.readouterr().out)
    assert [line.partition("# ")[2] for line in before] == [
        *("x", "Shape", "y", "Const", "Const_1", "add", "total")
    ]
    tf.print_graph(total, {x: np.zeros((5, 3))}, passes=tf.ConfigProto().passes)
    after = lines_of(capsys.readouterr().out)
    assert after == [
        "%0: float32[5,3] = Placeholder(dtype=float32, shape=(5, 3))  # x",
        "%1: float32[] = Const(3.)  # add",
        "%2: float32[5,3] = Add(%0, %1)  # total",
    ]
    tf.print_graph()
    assert len(capsys.readouterr().out.splitlines()) == len(graph.get_operations())
