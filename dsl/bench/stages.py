"""How long each stage takes on the way from a file's text to the first training step."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorgraph as tf
from dsl.bench.profiling import Workload
from dsl.checker.check import check
from dsl.compiler import build_loss, compile_net
from dsl.network import Net
from dsl.overrides import apply_assignments
from dsl.reading import read_file
from dsl.tree import parse
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.passes import pipeline
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.state import SessionState


class Stage(NamedTuple):
    """One stage.

    Attributes
    ----------
    name : str
        What is done.
    ms : float
        How long it took.
    operations : int or None
        How many there are afterwards; steps, where it is the plan.
    """

    name: str
    ms: float
    operations: int | None = None


class Clock:
    """Measures one stage after the other."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def stage(self, name: str, operations: int | None = None) -> Stage:
        """Return the stage that ends now."""
        start, self._start = self._start, time.perf_counter()
        return Stage(name, (self._start - start) * 1e3, operations)

    def skip(self) -> None:
        """Forget the time since the last stage."""
        self._start = time.perf_counter()


def compile_stages(file: Path, net: Net, batch: int, settings: Sequence[str] = ()) -> list[Stage]:
    """Return how long each stage takes.

    Parameters
    ----------
    file : Path
        The ``.net`` file.
    net : Net
        What it comes to, with the shapes of its data.
    batch : int
        Examples in a batch.
    settings : sequence of str, optional
        What the command line changes, ``NAME=VALUE``.
    """
    return [*_front(file, net, settings), *_graph(net), *_back(net, batch)]


def _front(file: Path, net: Net, settings: Sequence[str]) -> Iterator[Stage]:
    clock = Clock()
    tree = parse(read_file(file), os.fspath(file))
    yield clock.stage("read and parse the file")
    changed, own = apply_assignments(tree, settings)
    check(changed, net.input_shape, net.classes, own)
    yield clock.stage("check it")


def _graph(net: Net) -> Iterator[Stage]:
    clock = Clock()
    with tf.Graph().as_default() as graph:
        model = compile_net(net)
        forward = model.apply(training=True)
        loss = build_loss(model, forward, _labels(net, forward.output))
        yield clock.stage("build the graph of the loss", _count(graph))
        tf.gradients(loss, tf.trainable_variables())
        yield clock.stage("add its gradients", _count(graph))


def _back(net: Net, batch: int) -> Iterator[Stage]:
    work = Workload(net, batch)
    clock = Clock()
    program = work.session.program(work.fetches, work.feed, optimized=False)
    yield clock.stage("take what the training step needs", _count(program.graph))
    backend = NumpyBackend()
    for step, after in pipeline.stages(program, backend):
        yield clock.stage(f"pass: {step.name}", _count(after.graph))
        program = after
    plan = Plan(program, backend, SessionState(backend))
    yield clock.stage("make the plan", len(plan.steps))
    del plan
    work.session.plan(work.fetches, work.feed)
    clock.skip()
    work.run()
    yield clock.stage("run it for the first time")


def _labels(net: Net, output: tf.Tensor) -> tf.Tensor:
    """Return a placeholder for labels that the network's loss takes."""
    if net.train.reconstructs:
        return tf.placeholder(tf.float32, output.shape)
    return tf.placeholder(tf.int64, [None])


def _count(graph: Any) -> int:
    return len(graph.get_operations())
