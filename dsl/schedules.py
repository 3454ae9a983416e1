"""The schedules of the learning rate: one table that the checker and the trainer read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dsl.layers.arguments import OneOf, Real, Whole
from dsl.layers.definition import Parameter, Signature
from dsl.metrics import SCORES, VALIDATION


@dataclass(frozen=True)
class Moment:
    """How far a training has come, warm-up not counted.

    Attributes
    ----------
    done : float
        The share of the steps that are made, from 0 up to, but not including, 1.
    epochs : float
        How many epochs are through, with fractions.
    """

    done: float
    epochs: float


_Options: TypeAlias = Mapping[str, Any]


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
        From a moment and the options to the share of the learning rate.
    options : tuple of Parameter
        Its options.
    """

    name: str
    doc: str
    factor: Callable[[Moment, _Options], float]
    options: tuple[Parameter, ...] = ()

    @property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(self.name, options=self.options)


@dataclass(frozen=True)
class ScheduleSettings:
    """A schedule's word, and a value for each of its options."""

    name: str
    options: Mapping[str, Any]

    def factor(self, step: int, steps: int, per_epoch: int = 1) -> float:
        """Return what the learning rate is multiplied by.

        Parameters
        ----------
        step : int
            How many steps were made.
        steps : int
            How many will be made in all.
        per_epoch : int, default 1
            How many steps an epoch has.
        """
        warmup = self.options.get("warmup", 0)
        if step < warmup:
            return float((step + 1) / (warmup + 1))
        moment = Moment((step - warmup) / max(steps - warmup, 1), (step - warmup) / per_epoch)
        return SCHEDULES[self.name].factor(moment, self.options)


def _half_cosine(start: float, end: float, done: float) -> float:
    """Return a value on the way from `start` to `end`, slow at both."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))


def _one_cycle(moment: Moment, options: _Options) -> float:
    # A warm-up has raised it already.
    rise = 0.0 if options["warmup"] else options["rise"]
    if moment.done < rise:
        return _half_cosine(_ONE_CYCLE_START, 1.0, moment.done / rise)
    return _half_cosine(1.0, _ONE_CYCLE_END, (moment.done - rise) / (1.0 - rise))


# As fast.ai and PyTorch have them.
_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 250_000

_WARMUP = Parameter(
    "warmup", Whole(0), "so many steps raise the learning rate evenly from near 0", 0
)
_SHARE = Real(0.0, 1.0, above=True)
_WATCHED = OneOf(
    "a score such as `val_loss`", frozenset([*SCORES, *(VALIDATION + name for name in SCORES)])
)

_TABLE = (
    ScheduleKind(
        "constant", "the learning rate stays as it is", lambda moment, options: 1.0, (_WARMUP,)
    ),
    ScheduleKind(
        "step",
        "the learning rate is multiplied by factor after every so many epochs",
        lambda moment, options: options["factor"] ** (moment.epochs // options["every"]),
        (
            Parameter("every", Whole(1), "epochs from one drop to the next", 10),
            Parameter("factor", _SHARE, "what it is multiplied by", 0.1),
            _WARMUP,
        ),
    ),
    ScheduleKind(
        "exponential",
        "the learning rate falls evenly, to factor of itself in every epoch",
        lambda moment, options: options["factor"] ** moment.epochs,
        (Parameter("factor", _SHARE, "what an epoch multiplies it by", 0.95), _WARMUP),
    ),
    ScheduleKind(
        "cosine",
        "the learning rate falls to 0 by half a cosine (Loshchilov and Hutter, arXiv:1608.03983)",
        lambda moment, options: _half_cosine(1.0, 0.0, moment.done),
        (_WARMUP,),
    ),
    ScheduleKind(
        "onecycle",
        "the learning rate rises from 1/25 of itself and falls to near 0 (Smith, arXiv:1708.07120)",
        _one_cycle,
        (
            Parameter(
                "rise",
                Real(0.0, 1.0, above=True, below=True),
                "the share of the steps in which it rises, unless `warmup` says how many",
                0.3,
            ),
            _WARMUP,
        ),
    ),
    ScheduleKind(
        "plateau",
        "the learning rate is multiplied by factor when a score has not become better for long",
        # What the score asks for is the trainer's part.
        lambda moment, options: 1.0,
        (
            Parameter("factor", _SHARE, "what it is multiplied by", 0.1),
            Parameter("patience", Whole(1), "so many epochs are waited for a better score", 3),
            Parameter("on", _WATCHED, "the score", "val_loss"),
            _WARMUP,
        ),
    ),
)

SCHEDULES: dict[str, ScheduleKind] = {kind.name: kind for kind in _TABLE}
"""Every schedule by its word."""

DEFAULT_SCHEDULE = ScheduleSettings("constant", SCHEDULES["constant"].signature.defaults())
"""What the file means where it does not say."""
