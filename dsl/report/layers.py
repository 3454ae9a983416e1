"""What the layers of a trained network look like, and how long they take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod
from typing import Any

from dsl.looking.drawing import enlarged
from dsl.network import Net
from dsl.pages.pixels import Pixels, framed, paint_range, paint_signed, tile
from dsl.training.apart import session_apart
from dsl.training.places import place
from dsl.training.state import Arrays
from dsl.training.trainer import Trainer
from tensorgraph.runtime.labels import label
from tensorgraph.runtime.timing import timed

MOST_FILTERS = 64
_PATCH = 48  # how large a filter is shown at least
_SECONDS = 2.0  # after which a step is not measured again
_RUNS = 5


@dataclass(frozen=True)
class Filters:
    """The filters of a layer as pictures side by side.

    Attributes
    ----------
    layer : str
        The layer's name.
    pixels : Pixels
        The pictures.
    text : str
        What they are.
    """

    layer: str
    pixels: Pixels
    text: str


@dataclass(frozen=True)
class LayerTime:
    """Milliseconds of one training step.

    Attributes
    ----------
    name : str
        The layer, or what else takes time.
    forward, backward, update : float
        For its result, its gradients, and the change of its weights.
    """

    name: str
    forward: float
    backward: float
    update: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.forward + self.backward + self.update


def show_filters(net: Net, weights: Arrays) -> Filters | None:
    """Return the filters of the first layer that has a kernel; None where they are no pictures.

    Parameters
    ----------
    net : Net
        The network.
    weights : dict of str to array
        Its weights.
    """
    first = next((layer for layer in net.layers if f"{layer.name}/kernel" in weights), None)
    if first is None:
        return None
    kernel = weights[f"{first.name}/kernel"]
    shape = tuple(size for size in net.input_shape or () if size is not None)
    if kernel.ndim == 2 and len(shape) == 3 and prod(shape) == len(kernel):
        kernel = kernel.reshape(*shape, -1)  # a unit looks at the whole image
    elif kernel.ndim != 4 or "depthwise" in first.kind:
        return None
    filters = [kernel[..., i] for i in range(min(kernel.shape[-1], MOST_FILTERS))]
    in_colour = kernel.shape[2] == 3
    painted = [paint_range(f) if in_colour else paint_signed(f.mean(axis=-1)) for f in filters]
    height, width, channels, count = kernel.shape
    factor = max(1, -(-_PATCH // min(height, width)))
    pixels = tile([framed(enlarged(p, factor)) for p in painted], min(16, len(painted)), gap=6)
    shown = f"{len(filters)} of {count:,}" if len(filters) < count else f"{count}"
    kind = {1: "", 3: " in colour"}.get(channels, f", the mean over {channels} channels")
    text = f"{shown} filters of {height}x{width}{kind}"
    return Filters(first.name, pixels, text)


def time_layers(trainer: Trainer, x: Any, y: Any) -> list[LayerTime]:
    """Return how long each layer takes in a step of training, each operation run by itself.

    Layers that compute nothing are left out.

    Parameters
    ----------
    trainer : Trainer
        The network.
    x, y : array of shape (batch, ...)
        A batch of examples with their labels.
    """
    step = trainer.step(y)
    feed = trainer.feed(step, x if step.attacks else trainer.preprocessing.apply(x), y, 0.0)
    fetches = [*step.measures.means.values(), step.op]
    session = session_apart(trainer)
    session.run(fetches, feed)  # the first run makes what later ones use
    plan = session.plan(fetches, feed)
    start, runs = time.perf_counter(), list[list[float]]()
    while len(runs) < _RUNS and (not runs or time.perf_counter() - start < _SECONDS):
        with timed(plan) as seconds:
            session.run(fetches, feed)
        runs.append(seconds)
    names = [layer.name for layer in trainer.net.layers]
    totals: dict[str, dict[str, float]] = {name: {} for name in [*names, _OTHER]}
    for taken, made in zip(zip(*runs, strict=True), plan.steps, strict=True):
        layer, part = place(label(made).name, totals)
        name = layer or _OTHER
        # The shortest time is the one that nothing else has disturbed.
        totals[name][part] = totals[name].get(part, 0.0) + min(taken) * 1e3
    return [
        LayerTime(name, *(parts.get(part, 0.0) for part in ("forward", "backward", "update")))
        for name, parts in totals.items()
        if parts
    ]


_OTHER = "loss, measures and all else"
