"""The curves of a training, as one SVG file that opens anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pygal

from dsl.training.plots import BLUE, FORM, ORANGE, SKY, VERMILLION, format_number, make_style

# Losses come first, then accuracies: blue for training, orange for validation.
_STYLE = make_style(BLUE, VERMILLION, SKY, ORANGE)


def draw_curves(title: str, epochs: Sequence[Mapping[str, Any]]) -> bytes:
    """Return loss (left axis) and accuracy (right axis) over the epochs, as SVG.

    Parameters
    ----------
    title : str
        Stands above the plot.
    epochs : sequence of mapping
        The records of ``metrics.jsonl``: ``epoch``, ``train_loss``, ``train_accuracy``,
        ``val_loss`` and ``val_accuracy``, each a number or None.
    """
    chart = pygal.Line(
        title=title,
        x_title="epoch",
        style=_STYLE,
        show_minor_x_labels=False,
        value_formatter=format_number,
        **FORM,
    )
    labels = [str(record["epoch"]) for record in epochs]
    chart.x_labels = labels
    chart.x_labels_major = labels[:: max(1, -(-len(labels) // 20))]
    for key, name, secondary, dashed in (
        ("train_loss", "training loss", False, False),
        ("train_accuracy", "training accuracy (right)", True, False),
        ("val_loss", "validation loss", False, True),
        ("val_accuracy", "validation accuracy (right)", True, True),
    ):
        values = [record.get(key) for record in epochs]
        if any(value is not None for value in values):
            stroke = {"width": 2.5, "dasharray": "6, 4"} if dashed else {"width": 2.5}
            chart.add(name, values, secondary=secondary, stroke_style=stroke)
    svg: bytes = chart.render()
    return svg
