"""One forward and one backward pass of a network, as a page to step through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.compiler import Forward, Model, build_loss, compile_net
from dsl.network import Net
from dsl.training.errors import RunError
from dsl.training.trainer import Trainer
from tensorgraph import viz
from tensorgraph.pages import Page

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Batch:
    """Examples to walk with.

    Attributes
    ----------
    x : array
        The examples, as the data has them.
    y : array or None
        Their labels; without them the sum of the results is differentiated.
    title : str
        What they are.
    """

    x: Array
    y: Array | None
    title: str


def random_batch(net: Net, count: int) -> Batch:
    """Return examples for a network that names no data: numbers between 0 and 1, or token ids."""
    rng = np.random.default_rng(net.train.seed)
    given = net.inputs[0]
    shape = (count, *(8 if size is None else size for size in given.shape or ()))
    if given.vocabulary is not None:
        return Batch(rng.integers(0, given.vocabulary, shape, np.int32), None, "random token ids")
    return Batch(rng.random(shape, np.float32), None, "random numbers")


def walk_net(trainer: Trainer, batch: Batch) -> Page:
    """Return the page.

    Parameters
    ----------
    trainer : Trainer
        The network with its weights, and what is done to examples before it.
    batch : Batch
        The examples.

    Raises
    ------
    RunError
        If the network has several inputs, or more operations than one can walk through.
    """
    net = trainer.net
    if len(net.inputs) > 1:
        raise RunError(f"{net.name} has {len(net.inputs)} inputs; a walk takes networks with one")
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        model = compile_net(net)
        forward = model.apply()
        feed: dict[tf.Tensor, Any] = {model.input: trainer.inputs(batch.x)}
        with graph.source(Path(net.source.name).name):
            loss = _result(model, forward, batch, feed)
        for name, value in trainer.weights().items():
            model.variables[name].load(value, session)
        try:
            return viz.step(loss, feed, session=session, title=f"{net.name} on {batch.title}")
        except viz.TooManyOperationsError as error:
            raise RunError(f"{net.name}: {error}") from None


def _result(model: Model, forward: Forward, batch: Batch, feed: dict[tf.Tensor, Any]) -> tf.Tensor:
    """Return what is differentiated: the loss, or the sum of all results where it has no labels."""
    if batch.y is not None:
        kind = tf.int64 if batch.y.dtype.kind in "iub" else tf.float32
        shape = [None] if kind == tf.int64 else None
        labels = tf.placeholder(kind, shape, name="labels")
        feed[labels] = batch.y
        return build_loss(model, forward, labels)
    with tf.name_scope("total"):
        if len(forward.outputs) == 1:
            return tf.reduce_sum(forward.output, name="total")
        return tf.add_n([tf.reduce_sum(value) for value in forward.outputs], name="total")
