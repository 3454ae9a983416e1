"""The drawings of a network: its layers, its graph, and that with gradients; folded and not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorgraph as tf
from dsl.compiler import build_loss, compile_net
from dsl.drawing import draw_layers, draw_volumes
from dsl.network import Net
from dsl.pages import inline_svg
from tensorgraph.viz import DrawingError, GraphvizMissingError, Picture, render

MOST_BOXES = 300
"""From how many boxes on even the unfolded drawings are folded."""

Draw = Callable[[str], Picture]
"""Makes a picture in a format."""


@dataclass(frozen=True)
class View:
    """One thing, drawn in several ways.

    Attributes
    ----------
    name : str
        What is drawn.
    pictures : list of (str, Markup)
        The ways, and the SVG of each.
    note : str
        Why there is none, or empty.
    """

    name: str
    pictures: list[tuple[str, Any]]
    note: str = ""


def draw_views(net: Net) -> list[View]:
    """Return the drawings of a network.

    Parameters
    ----------
    net : Net
        The network; the shape of its input is known.
    """
    views = [
        _view(
            net,
            "layers",
            {
                "one box a layer": lambda format: draw_layers(net, format),
                "all blocks": lambda format: draw_layers(
                    net, format, unfold=["all"] if len(net.layers) < MOST_BOXES else []
                ),
                "volumes to scale": lambda format: draw_volumes(net, format),
            },
        )
    ]
    with tf.Graph().as_default():
        model = compile_net(net)
        views.append(_graph_view(net, "graph", list(model.apply().outputs), len(net.layers)))
    with tf.Graph().as_default():
        model = compile_net(net)
        labels = tf.placeholder(tf.int64, [None], name="labels")
        loss = build_loss(model, model.apply(training=True), labels)
        update = net.train.optimizer.build().minimize(loss)
        # Forward, its gradient and its update: three boxes a layer.
        views.append(_graph_view(net, "gradients and updates", [loss, update], 3 * len(net.layers)))
    return views


def _graph_view(net: Net, name: str, fetches: list[Any], parts: int) -> View:
    """Return a graph folded to little more than its parts, and with all that can be read."""
    few = parts + 12
    return _view(
        net,
        name,
        {
            "folded": lambda format: render(fetches, format=format, max_boxes=few),
            "all operations": lambda format: render(fetches, format=format, max_boxes=MOST_BOXES),
        },
    )


def _view(net: Net, name: str, ways: dict[str, Draw]) -> View:
    """Return a view with a picture for each way; of equal ones there is only the first."""
    pictures, known = [], set[str]()
    try:
        for number, (way, draw) in enumerate(ways.items()):
            # The text is made in no time; only what differs is drawn.
            text = draw("dot").dot
            if text in known:
                continue
            known.add(text)
            label = f"{net.name}, {name}: {way}"
            prefix = f"{name.partition(' ')[0]}{number}-"
            pictures.append((way, inline_svg(draw("svg").content, label, prefix)))
    except (GraphvizMissingError, DrawingError) as error:
        return View(name, pictures, str(error).partition("\n")[0])
    return View(name, pictures)
