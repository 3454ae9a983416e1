"""Where the time of a training step goes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.network import Net
from dsl.training.apart import session_apart
from dsl.training.made_up import made_up_input, made_up_labels
from dsl.training.places import place
from dsl.training.trainer import Trainer
from tensorgraph.python.client.timeline import Timeline, written
from tensorgraph.runtime.labels import Label, label
from tensorgraph.runtime.step_stats import StepStats

# Of the first runs: memory is taken, and what is only done once.
_WARM_UP = 2
_ELSE = "(loss, measures and all else)"


@dataclass(frozen=True)
class NodeTime:
    """A step of the plan.

    Attributes
    ----------
    label : Label
        What it is.
    layer : str
        The layer that it counts to; of a region, the first and the last one.
    where : str
        The layer's line, or that of who made the operation.
    part : str
        ``"forward"``, ``"backward"`` or ``"update"``.
    ms : float
        The median of its times.
    bytes : int
        What it writes.
    """

    label: Label
    layer: str
    where: str
    part: str
    ms: float
    bytes: int

    @property
    def gflops(self) -> float:
        """Floating-point operations per nanosecond; 0 where it is not known how many."""
        return self.label.flops / (self.ms * 1e6) if self.ms else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {
            "node": self.label.name,
            "op": self.label.type,
            "operations": [op.name for op in self.label.ops],
            "layer": self.layer,
            "part": self.part,
            "where": self.where,
            "ms": self.ms,
            "bytes": self.bytes,
            "gflops": self.gflops,
        }


@dataclass(frozen=True)
class Total:
    """Several steps together: those of a layer, or of a type.

    Attributes
    ----------
    name : str
        The layer or the type.
    source : str
        Where the layer is stated; empty for a type.
    count : int
        How many steps.
    ms : float
        Their time.
    bytes, flops : int
        What they write, and how many floating-point operations they make.
    """

    name: str
    source: str
    count: int
    ms: float
    bytes: int
    flops: int

    @property
    def gflops(self) -> float:
        """Floating-point operations per nanosecond."""
        return self.flops / (self.ms * 1e6) if self.ms else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {**asdict(self), "gflops": self.gflops}


@dataclass(frozen=True)
class Profile:
    """Where the time of a training step goes.

    Attributes
    ----------
    net : Net
        The network.
    batch : int
        The examples of a batch.
    nodes : tuple of NodeTime
        The steps of the plan, in their order.
    ms : float
        The median time of a whole step that is not watched.
    stats : StepStats
        The last of the watched runs.
    """

    net: Net
    batch: int
    nodes: tuple[NodeTime, ...]
    ms: float
    stats: StepStats

    @property
    def total(self) -> float:
        """The milliseconds of all steps of the plan together."""
        return sum(node.ms for node in self.nodes)

    def slowest(self) -> list[NodeTime]:
        """Return the nodes, those that take longest first."""
        return sorted(self.nodes, key=lambda node: -node.ms)

    def by_layer(self) -> list[Total]:
        """Return the layers, those that take longest first."""
        lines = _lines(self.net)
        return self._totals(lambda node: (node.layer, lines.get(node.layer, "")))

    def by_op(self) -> list[Total]:
        """Return the types of operation, those that take longest first."""
        return self._totals(lambda node: (node.label.type, ""))

    @property
    def has_regions(self) -> bool:
        """Whether some operations ran together."""
        return any(len(node.label.ops) > 1 for node in self.nodes)

    def trace(self) -> str:
        """Return the last of the watched runs for chrome://tracing and Perfetto."""
        return Timeline(self.stats).generate_chrome_trace_format(show_memory=True)

    def _totals(self, key: Callable[[NodeTime], tuple[str, str]]) -> list[Total]:
        groups: dict[tuple[str, str], list[NodeTime]] = {}
        for node in self.nodes:
            groups.setdefault(key(node), []).append(node)
        totals = (
            Total(
                *name,
                len(nodes),
                sum(node.ms for node in nodes),
                sum(node.bytes for node in nodes),
                sum(node.label.flops for node in nodes),
            )
            for name, nodes in groups.items()
        )
        return sorted(totals, key=lambda total: -total.ms)


class Workload:
    """A training step of a network with made-up examples.

    Parameters
    ----------
    net : Net
        The network; all its shapes are known.
    batch : int
        Examples in a batch.
    regions : bool, default True
        Whether operations run together in regions.

    Attributes
    ----------
    session : Session
        Where it runs.
    fetches : list
        What a step computes.
    feed : dict
        What it is fed.
    """

    def __init__(self, net: Net, batch: int, regions: bool = True) -> None:
        trainer = Trainer(net)
        rng = np.random.default_rng(net.train.seed)
        inputs = {given.name: made_up_input(given, batch, rng) for given in net.inputs}
        first = inputs[net.inputs[0].name]
        labels = made_up_labels(net, first, rng)
        step, rate = trainer.step(labels), trainer.learning_rate
        self.fetches = [step.measures.means, step.op]
        self.feed = {trainer.model.inputs[name]: value for name, value in inputs.items()}
        self.feed |= trainer.feed(step, np.asarray(first, np.float32), labels, rate)
        self.session = trainer.session if regions else session_apart(trainer)

    def run(self) -> None:
        """Make a step."""
        self.session.run(self.fetches, self.feed)

    def traced(self) -> StepStats:
        """Make a step, and return when each node began and ended."""
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        metadata = tf.RunMetadata()
        self.session.run(self.fetches, self.feed, options, metadata)
        return metadata.step_stats


def profile(net: Net, batch: int, steps: int = 20, regions: bool = True) -> Profile:
    """Return where the time of a training step goes.

    Parameters
    ----------
    net : Net
        The network; all its shapes are known.
    batch : int
        Examples in a batch. They are random numbers.
    steps : int, default 20
        How many steps are measured.
    regions : bool, default True
        Whether operations run together in regions, as they do in a training.
    """
    work = Workload(net, batch, regions)
    for _ in range(_WARM_UP):
        work.run()
    whole, runs = [], []
    for _ in range(steps):
        start = time.perf_counter()
        work.run()
        whole.append((time.perf_counter() - start) * 1e3)
        runs.append(work.traced())
    lines = _lines(net)
    labels = [label(step) for step in work.session.plan(work.fetches, work.feed).steps]
    nodes = tuple(
        NodeTime(found, *_place(found, lines), statistics.median(times), size)
        for found, times, size in zip(labels, _times(runs), _sizes(runs[-1]), strict=True)
    )
    return Profile(net, batch, nodes, statistics.median(whole), runs[-1])


def _times(runs: Sequence[StepStats]) -> Iterator[list[float]]:
    """Yield the milliseconds of each node in all runs."""
    for nodes in zip(*(run.dev_stats[0].node_stats for run in runs), strict=True):
        yield [node.op_end_rel_nanos / 1e6 for node in nodes]


def _sizes(run: StepStats) -> list[int]:
    return [written(node) for node in run.dev_stats[0].node_stats]


def _place(found: Label, lines: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the layers that a step counts to, where they are, and the part of the step."""
    places = [place(op.name, lines) for op in found.ops] or [place(found.name, lines)]
    known = list(dict.fromkeys(layer for layer, _ in places if layer is not None))
    layer = known[0] if known else _ELSE
    where = lines.get(layer, os.path.basename(found.source))
    parts = dict.fromkeys(part for _, part in places)
    return (layer if len(known) < 2 else f"{layer} … {known[-1]}"), where, "+".join(parts)


def _lines(net: Net) -> dict[str, str]:
    """Return the place in its file of each layer, without the folder."""
    return {layer.name: os.path.basename(layer.span.location) for layer in net.layers}
