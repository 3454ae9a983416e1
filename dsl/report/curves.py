"""The curves of a training: a plot for each score, training and validation together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dsl.training.plots import BLUE, VERMILLION, Point, draw_points

MOST_PLOTS = 8

_PARTS = (("train_", "training", BLUE), ("val_", "validation", VERMILLION))
_RATE = "learning_rate"
_SIZE = (600, 400)  # two of them stand beside each other


def draw_scores(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, bytes]]:
    """Return a plot over the epochs for each score, as SVG, with its name.

    Loss and accuracy come first, the learning rate last, where it has changed.

    Parameters
    ----------
    records : sequence of mapping
        The lines of ``metrics.jsonl``.
    """
    names = {"loss": None, "accuracy": None} | dict.fromkeys(
        key.removeprefix(part)
        for record in records
        for key in record
        for part, _, _ in _PARTS
        if key.startswith(part)
    )
    plots: list[tuple[str, bytes]] = []
    for name in names:
        found = [(word, _points(records, part + name), c) for part, word, c in _PARTS]
        series = [(word, points, colour) for word, points, colour in found if points]
        if series and len(plots) < MOST_PLOTS:
            plots.append((name, _draw(name, series)))
    rates = _points(records, _RATE)
    if len({rate for _, rate in rates}) > 1:
        plots.append(("learning rate", _draw("learning rate", [("learning rate", rates, BLUE)])))
    return plots


def _points(records: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    return [(r["epoch"], r[key]) for r in records if isinstance(r.get(key), int | float)]


def _draw(name: str, series: Sequence[tuple[str, list[Point], str]]) -> bytes:
    # A single epoch makes no line.
    dots = [word for word, points, _ in series if len(points) == 1]
    return draw_points(
        name,
        "epoch",
        name,
        {word: points for word, points, _ in series},
        dots=dots,
        colours=[colour for _, _, colour in series],
        size=_SIZE,
    )
