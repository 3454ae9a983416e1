"""`render`: the function that users call."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tensorgraph.viz.diagram import Role
from tensorgraph.viz.painting import Form, format_of, paint
from tensorgraph.viz.picture import Picture
from tensorgraph.viz.reading import read


def render(
    fetches: Any,
    filename: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    title: str | None = None,
    forward: bool = True,
    gradients: bool = True,
    updates: bool = True,
    max_boxes: int = 500,
    unfold: str | Iterable[str] = (),
    highlight: Any = None,
    fade: Any = None,
) -> Picture:
    """Draw the part of a graph that some fetches need.

    The forward pass runs down the page, each name scope in a frame. Where the fetches need
    gradients, the backward pass runs up beside it. Variables, constants and what only serves them
    are drawn as a reader thinks of them, not node by node; initialisers are left out.

    Parameters
    ----------
    fetches : Tensor, Operation, Variable, or nested lists and dicts of them
        What to draw, with all that it needs: a loss, or what an optimizer's ``minimize`` returned.
    filename : str or path-like, optional
        Where to write the picture, in one step. Its folder must exist.
    format : str, optional
        ``"svg"``, ``"png"``, ``"pdf"``, ``"dot"`` (text for Graphviz) or ``"mermaid"`` (text for
        web pages); default is what `filename` ends in (``.mmd`` for Mermaid), and without one
        ``"svg"``.
    title : str, optional
        A heading.
    forward : bool, default True
        Whether to draw the forward pass.
    gradients : bool, default True
        Whether to draw gradient nodes.
    updates : bool, default True
        Whether to draw what changes variables, as optimizers do.
    max_boxes : int, default 500
        From how many boxes on scopes are folded into single boxes. Equal parts in a row are drawn
        once, with their number, however few there are.
    unfold : str or iterable of str, optional
        Scopes to draw as they are, ``"resnet/stage"``; ``"all"`` for the whole graph.
    highlight : Tensor, Operation, Variable, or nested lists and dicts of them, optional
        What to draw in red.
    fade : Tensor, Operation, Variable, or nested lists and dicts of them, optional
        What to draw in grey.

    Returns
    -------
    Picture
        The picture; a notebook shows it, and its `text` is the SVG or DOT text.

    Raises
    ------
    TypeError
        If a fetch is nothing of a graph.
    ValueError
        If there is no fetch, or they are of several graphs, or the format or a scope to unfold is
        unknown.
    GraphvizMissingError
        If there is no Graphviz to draw with; its `dot` is the DOT text.
    DrawingError
        If Graphviz fails, or there is more to draw than it can.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> x = tf.placeholder(tf.float32, [None, 784], name="x")
    >>> w = tf.Variable(tf.zeros([784, 10]), name="W")
    >>> picture = tf.viz.render(tf.matmul(x, w), "graph.svg")
    """
    chosen = format_of(filename, format)
    switches = {Role.FORWARD: forward, Role.GRADIENT: gradients, Role.UPDATE: updates}
    diagram = read(fetches, [role for role, on in switches.items() if on], highlight, fade)
    scopes = (unfold,) if isinstance(unfold, str) else tuple(unfold)
    picture = paint(diagram, Form(chosen, title, max_boxes, scopes))
    if filename is not None:
        picture.save(filename)
    return picture
