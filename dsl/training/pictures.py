"""The picture of a network, in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorgraph as tf
from dsl.compiler import build_loss, compile_net
from dsl.drawing import draw_layers, draw_volumes
from dsl.network import Net
from tensorgraph.base.errors import DataError
from tensorgraph.base.files import write_atomically
from tensorgraph.viz import (
    SUFFIXES,
    DrawingError,
    GraphvizMissingError,
    Picture,
    render,
    render_pass,
)

ROLES = ("forward", "gradient", "update")


@dataclass(frozen=True)
class View:
    """What a picture of a network shows.

    Attributes
    ----------
    kind : str
        ``"graph"``: every operation a reader needs; ``"layers"``: one box a layer; ``"volumes"``:
        what the layers give, to scale; ``"pass"``: the graph before and after a pass.
    gradients : bool
        Of a graph: draw loss, gradients and updates too.
    hidden : tuple of str
        Of a graph: which of `ROLES` not to draw.
    unfold : tuple of str
        Scopes that are not folded; ``"all"`` for none at all.
    name : str
        The pass.
    """

    kind: str = "graph"
    gradients: bool = False
    hidden: tuple[str, ...] = ()
    unfold: tuple[str, ...] = ()
    name: str = ""


def draw_net(net: Net, format: str = "svg", view: View = View()) -> Picture:
    """Return a picture of a network.

    Parameters
    ----------
    net : Net
        The network; the shape of its input is known.
    format : str, default "svg"
        One of `tensorgraph.viz.FORMATS`.
    view : View, optional
        What it shows; default is the forward pass.

    Raises
    ------
    ValueError
        If there is no scope or pass of a name, or the format cannot hold the picture.
    GraphvizMissingError
        If nothing on this machine can draw it; the error holds the DOT text.
    DrawingError
        If Graphviz fails, or there is more to draw than it can.
    """
    if view.kind == "layers":
        return draw_layers(net, format, unfold=view.unfold)
    if view.kind == "volumes":
        return draw_volumes(net, format, unfold=view.unfold)
    with tf.Graph().as_default():
        fetches = _fetches(net, view.gradients)
        if view.kind == "pass":
            return render_pass(
                fetches, view.name, format=format, title=net.name, unfold=view.unfold
            )
        return render(
            fetches,
            format=format,
            title=net.name,
            forward="forward" not in view.hidden,
            gradients="gradient" not in view.hidden,
            updates="update" not in view.hidden,
            unfold=view.unfold,
        )


def _fetches(net: Net, gradients: bool) -> list[Any]:
    """Return what of the network's graph is drawn, in the default graph."""
    model = compile_net(net)
    forward = model.apply(training=gradients)
    if not gradients:
        return list(forward.outputs)
    labels = tf.placeholder(tf.int64, [None], name="labels")
    loss = build_loss(model, forward, labels)
    return [loss, net.train.optimizer.build().minimize(loss)]


def write_picture(path: Path, net: Net, view: View = View()) -> tuple[Path, str]:
    """Draw a network into a file, whose ending says the format.

    Parameters
    ----------
    path : Path
        The file.
    net, view
        As for `draw_net`.

    Returns
    -------
    path : Path
        What was written: `path`, or DOT text beside it where nothing can draw.
    note : str
        What to install then; else empty.

    Raises
    ------
    DataError
        If the ending is of no known format, there is no scope or pass of a name, the picture is
        too large, or the file cannot be written.
    """
    format = SUFFIXES.get(path.suffix.lower())
    if format is None:
        raise DataError(f"{path}: the ending must be one of {', '.join(SUFFIXES)}")
    try:
        try:
            content, note = draw_net(net, format, view).content, ""
        except GraphvizMissingError as error:
            path, note = path.with_suffix(".dot"), str(error)
            content = error.dot.encode()
        write_atomically(path, content)
    except (DrawingError, ValueError) as error:
        raise DataError(f"cannot draw {net.name}: {error}") from None
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}") from None
    return path, note
