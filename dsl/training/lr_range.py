"""The learning-rate range test: short training while the rate rises, until the loss explodes.

Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from dsl.network import Net
from dsl.training.batches import Batch, TrainingBatches
from dsl.training.plots import BLUE, SKY, VERMILLION, draw_points
from dsl.training.preparation import make_trainer
from tensorgraph.data import ExampleSet

SMOOTHING = 0.9
"""How much of the smoothed loss stays from step to step."""
EXPLODED = 4.0
"""How many times its lowest value the smoothed loss reaches before the test stops."""
_BEGUN = 0.1
"""The share of its whole fall after which the loss counts as falling."""
_HARDLY = 0.05
"""A fall by a smaller share of the loss says nothing."""
_SAFETY = 10.0
"""How far below the rate with the lowest loss the largest useful one lies."""


@dataclass(frozen=True)
class RangeTest:
    """What a range test measured.

    Attributes
    ----------
    rates, losses, smoothed : tuple of float
        The learning rate of each step, the loss of its batch, and the loss smoothed.
    exploded : bool
        Whether the loss exploded before the last rate.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    exploded: bool

    @property
    def suggestion(self) -> tuple[float, float] | None:
        """The useful rates.

        They go from where the loss has begun to fall to a tenth of where it is lowest. None where
        the loss hardly falls, so that nothing can be said.
        """
        smoothed = np.array(self.smoothed)
        if len(smoothed) < 3 or not np.isfinite(smoothed).all():
            return None
        lowest = int(smoothed.argmin())
        before = smoothed[: lowest + 1]
        fall = before.max() - smoothed[lowest]
        if fall < _HARDLY * abs(before.max()):
            return None
        # The last time that the loss is still high: early batches differ by chance.
        begun = int(np.flatnonzero(before > before.max() - _BEGUN * fall)[-1])
        high = self.rates[lowest] / _SAFETY
        return min(self.rates[begun], high / 2), high

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary of numbers and lists."""
        return {
            "rates": list(self.rates),
            "losses": list(self.losses),
            "smoothed": list(self.smoothed),
            "exploded": self.exploded,
            "suggestion": None if self.suggestion is None else list(self.suggestion),
        }

    def draw(self, title: str) -> bytes:
        """Return losses over rates as SVG, the suggested range between two upright lines."""
        if not self.rates:
            return draw_points(title, "learning rate", "loss", {})
        # Above this the loss has exploded, and would press all else to the ground.
        top = 1.5 * max(self.smoothed[: int(np.argmin(self.smoothed)) + 1])
        low = min(self.losses)
        series = {
            "loss of a batch": _below(top, self.rates, self.losses),
            "smoothed": _below(top, self.rates, self.smoothed),
        }
        for name, rate in zip(("from", "to"), self.suggestion or (), strict=False):
            series[f"{name} {rate:.2g}"] = [(rate, low), (rate, top)]
        colours = (SKY, BLUE, VERMILLION, VERMILLION)
        return draw_points(title, "learning rate", "loss", series, log=True, colours=colours)


def range_test(
    net: Net, examples: ExampleSet, *, low: float = 1e-7, high: float = 10.0, steps: int = 100
) -> RangeTest:
    """Train a network for some steps while the learning rate rises exponentially.

    Parameters
    ----------
    net : Net
        The network; its optimizer, batch size, augmentation and seed are used, its schedule not.
    examples : ExampleSet
        The data; only the part to train on is used, again from the start where it is short.
    low, high : float, default 1e-7 and 10
        The first and the last rate, both above 0.
    steps : int, default 100
        How many steps lead from one to the other, at least 2. Fewer are made if the loss explodes
        before: it is no number, or several times what it was at its lowest.

    Raises
    ------
    RunError
        If there is nothing to train.
    ValueError
        If rates or steps are out of range.
    """
    if not 0 < low < high or steps < 2:
        raise ValueError(f"there are no {steps} steps from {low} to {high}")
    trainer = make_trainer(net, examples)
    batches = TrainingBatches(examples, net.train, trainer.preprocessing, net.output_shape)
    step = trainer.step(batches.labels_like, batches.of_classes, examples.input_shape)
    tested, losses, smoothed = [], [], []
    mean, exploded = 0.0, False
    for number, (x, y) in zip(range(steps), _endless(batches), strict=False):
        rate = low * (high / low) ** (number / (steps - 1))
        feed = trainer.feed(step, x, y, rate)
        values, _ = trainer.session.run([step.measures.means, step.op], feed)
        loss = float(values["loss"])
        if not math.isfinite(loss):
            exploded = True
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        tested.append(rate)
        losses.append(loss)
        # Early means lean towards the 0 that they start from; the divisor makes up for it.
        smoothed.append(mean / (1 - SMOOTHING ** (number + 1)))
        if smoothed[-1] > EXPLODED * min(smoothed) + 1e-12:
            exploded = True
            break
    return RangeTest(tuple(tested), tuple(losses), tuple(smoothed), exploded)


def _endless(batches: TrainingBatches) -> Iterator[Batch]:
    """Yield the batches of one epoch after the other."""
    for epoch in count(1):
        yield from batches.epoch(epoch)


def _below(
    top: float, rates: tuple[float, ...], losses: tuple[float, ...]
) -> list[tuple[float, float]]:
    return [(rate, loss) for rate, loss in zip(rates, losses, strict=True) if loss <= top]
