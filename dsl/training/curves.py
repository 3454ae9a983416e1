"""The curves of a training, as one SVG file that opens anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from pygal.style import Style

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_STYLE = Style(
    background="white",
    plot_background="white",
    foreground="#333333",
    foreground_strong="#111111",
    foreground_subtle="#999999",
    # Losses come first, then accuracies: blue for training, orange for validation.
    colors=("#0072B2", "#D55E00", "#56B4E9", "#E69F00"),
    font_family="Helvetica, Arial, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    title_font_size=18,
    guide_stroke_color="#e4e4e4",
    major_guide_stroke_color="#d0d0d0",
    guide_stroke_dasharray="none",
    major_guide_stroke_dasharray="none",
    stroke_width=2.5,
)


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
        js=(),  # the default would load a script from the network
        width=900,
        height=520,
        legend_at_bottom=True,
        show_minor_x_labels=False,
        dots_size=3,
        value_formatter=lambda value: f"{value:.4g}",
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
