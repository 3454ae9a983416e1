"""The schedules of the learning rate: one table that the checker and the trainer read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dsl.layers.arguments import Whole
from dsl.layers.definition import Parameter, Signature


@dataclass(frozen=True)
class ScheduleKind:
    """A schedule.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it does, in one line.
    factor : callable
        From the share of the steps that are done, in [0, 1), to the share of the learning rate.
    """

    name: str
    doc: str
    factor: Callable[[float], float]

    @property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(self.name, options=_OPTIONS)


@dataclass(frozen=True)
class ScheduleSettings:
    """A schedule's word, and a value for each of its options."""

    name: str
    options: Mapping[str, Any]

    def factor(self, step: int, steps: int) -> float:
        """Return what the learning rate is multiplied by.

        Parameters
        ----------
        step : int
            How many steps were made.
        steps : int
            How many will be made in all.
        """
        warmup = self.options["warmup"]
        if step < warmup:
            return float((step + 1) / (warmup + 1))
        return SCHEDULES[self.name].factor((step - warmup) / max(steps - warmup, 1))


_OPTIONS = (
    Parameter("warmup", Whole(0), "so many steps raise the learning rate evenly from near 0", 0),
)

_TABLE = (
    ScheduleKind("constant", "the learning rate stays as it is", lambda done: 1.0),
    ScheduleKind(
        "cosine",
        "the learning rate falls to 0 by half a cosine (Loshchilov and Hutter, arXiv:1608.03983)",
        lambda done: 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0))),
    ),
)

SCHEDULES: dict[str, ScheduleKind] = {kind.name: kind for kind in _TABLE}
"""Every schedule by its word."""

DEFAULT_SCHEDULE = ScheduleSettings("constant", SCHEDULES["constant"].signature.defaults())
"""What the file means where it does not say."""
