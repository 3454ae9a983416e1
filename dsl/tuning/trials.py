"""The trials of a search as plain data, their table and their plots."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dsl.network import Hyperparameter
from dsl.training.plots import BLUE, SKY, draw_points

Values = Mapping[str, str]
"""The value of each hyper-parameter, written as in a file."""


@dataclass(frozen=True)
class Trial:
    """One training with certain values.

    Attributes
    ----------
    number : int
        Counted from 0 in the order of their beginnings.
    values : mapping of str to str
        The value of each hyper-parameter.
    state : str
        ``complete``, ``pruned``, ``running`` or ``stopped``.
    curve : tuple of float
        The score after each epoch.
    score : float or None
        The best of them; None where there is none.
    seconds : float or None
        How long it took; None while it runs.
    fault : str
        Why there was nothing to train; else empty.
    """

    number: int
    values: Values
    state: str
    curve: tuple[float, ...]
    score: float | None
    seconds: float | None
    fault: str = ""

    @property
    def outcome(self) -> str:
        """What became of it, in a few words."""
        return self.fault or ("" if self.state == "complete" else self.state)


@dataclass(frozen=True)
class Trials:
    """All trials of a search.

    Attributes
    ----------
    parameters : tuple of Hyperparameter
        What was searched.
    score : str
        The score that was to improve.
    rises : bool
        Whether a higher score is better.
    trials : tuple of Trial
        In the order of their beginnings.
    """

    parameters: tuple[Hyperparameter, ...]
    score: str
    rises: bool
    trials: tuple[Trial, ...]

    @cached_property
    def ranked(self) -> tuple[Trial, ...]:
        """The trials that were trained, the best first; what was pruned stands behind the rest."""
        scored = [t for t in self.trials if t.score is not None]
        sign = -1 if self.rises else 1
        return tuple(sorted(scored, key=lambda t: (t.state != "complete", sign * (t.score or 0))))

    @property
    def best(self) -> Trial | None:
        """The best trial that was trained to its end, None if there is none."""
        return next((t for t in self.ranked if t.state == "complete"), None)

    @property
    def headers(self) -> tuple[str, ...]:
        """The headings of `rows`."""
        names = (parameter.name for parameter in self.parameters)
        return ("trial", *names, self.score, "epochs", "seconds", "")

    def rows(self, trials: Sequence[Trial]) -> list[tuple[str, ...]]:
        """Return trials as a table, columns as in `headers`."""
        return [
            (
                str(trial.number),
                *(trial.values.get(p.name, "?") for p in self.parameters),
                "" if trial.score is None else f"{trial.score:.4f}",
                str(len(trial.curve)),
                "" if trial.seconds is None else f"{trial.seconds:.1f}",
                trial.outcome,
            )
            for trial in trials
        ]

    def to_csv(self) -> bytes:
        """Return all trials as a CSV file."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow([*self.headers[:-1], "outcome"])
        writer.writerows(self.rows(self.trials))
        return file.getvalue().encode()

    def draw(self) -> dict[str, bytes]:
        """Return the plots by their file names: scores, curves, and one a hyper-parameter."""
        plots = {"scores.svg": self._draw_scores(), "curves.svg": self._draw_curves()}
        for parameter in self.parameters:
            plots[f"parameter-{parameter.name}.svg"] = self._draw_parameter(parameter)
        return plots

    def _draw_scores(self) -> bytes:
        best: list[tuple[float, float]] = []
        single = []
        pick = max if self.rises else min
        for trial in self.trials:
            if trial.score is None:
                continue
            single.append((float(trial.number), trial.score))
            if trial.state == "complete":
                score = pick(trial.score, best[-1][1]) if best else trial.score
                best.append((float(trial.number), score))
        series = {"trial": single, "best so far": best}
        return draw_points(
            f"{self.score} of the trials",
            "trial",
            self.score,
            series,
            dots=("trial",),
            colours=(SKY, BLUE),
        )

    def _draw_curves(self) -> bytes:
        series = {
            f"trial {trial.number}": [(epoch, v) for epoch, v in enumerate(trial.curve, 1)]
            for trial in self.ranked
        }
        return draw_points(
            f"{self.score} while training, the best trials first", "epoch", self.score, series
        )

    def _draw_parameter(self, parameter: Hyperparameter) -> bytes:
        name, words = parameter.name, tuple[str, ...]()
        if parameter.kind == "choose":
            words = tuple(sorted({t.values[name] for t in self.ranked if name in t.values}))
        series: dict[str, list[tuple[float, float]]] = {"complete": [], "pruned": []}
        for trial in self.ranked:
            if name in trial.values and trial.state in series:
                text = trial.values[name]
                place = words.index(text) if words else float(text)
                assert trial.score is not None
                series[trial.state].append((place, trial.score))
        return draw_points(
            f"{self.score} over {name}",
            name,
            self.score,
            series,
            log=parameter.kind == "log_uniform",
            dots=tuple(series),
            ticks=words,
            colours=(BLUE, SKY),
        )


def as_options(values: Values) -> str:
    """Return values as options of a command: ``--set lr=0.01 --set units=64``."""
    return " ".join(f"--set {shlex.quote(f'{name}={text}')}" for name, text in values.items())
