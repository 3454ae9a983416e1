"""`render`: the function that users call."""

from __future__ import annotations

import os
from typing import Any

from tensorgraph.viz.diagram import Role
from tensorgraph.viz.dot import to_dot
from tensorgraph.viz.drawing import draw
from tensorgraph.viz.folding import fold
from tensorgraph.viz.picture import FORMATS, Picture
from tensorgraph.viz.reading import read


def render(
    fetches: Any,
    filename: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    title: str | None = None,
    gradients: bool = True,
    updates: bool = True,
    max_boxes: int = 500,
    highlight: Any = None,
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
        ``"svg"``, ``"png"``, ``"pdf"`` or ``"dot"`` (text for Graphviz); default is what
        `filename` ends in, and without one ``"svg"``.
    title : str, optional
        A heading.
    gradients : bool, default True
        Whether to draw gradient nodes.
    updates : bool, default True
        Whether to draw what changes variables, as optimizers do.
    max_boxes : int, default 500
        From how many boxes on scopes are folded into single boxes.
    highlight : Tensor, Operation, Variable, or nested lists and dicts of them, optional
        What to draw in red.

    Returns
    -------
    Picture
        The picture; a notebook shows it, and its `text` is the SVG or DOT text.

    Raises
    ------
    TypeError
        If a fetch is nothing of a graph.
    ValueError
        If there is no fetch, or they are of several graphs, or the format is unknown.
    GraphvizMissingError
        If there is no Graphviz to draw with; its `dot` is the DOT text.
    DrawingError
        If Graphviz fails.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> x = tf.placeholder(tf.float32, [None, 784], name="x")
    >>> w = tf.Variable(tf.zeros([784, 10]), name="W")
    >>> picture = tf.viz.render(tf.matmul(x, w), "graph.svg")
    """
    chosen = _format(filename, format)
    roles = [Role.FORWARD]
    if gradients:
        roles.append(Role.GRADIENT)
    if updates:
        roles.append(Role.UPDATE)
    dot = to_dot(fold(read(fetches, roles, highlight), max_boxes), title)
    content = dot.encode("utf-8") if chosen == "dot" else draw(dot, chosen)
    picture = Picture(chosen, content, dot)
    if filename is not None:
        picture.save(filename)
    return picture


def _format(filename: str | os.PathLike[str] | None, format: str | None) -> str:
    known = ", ".join(FORMATS)
    if format is not None:
        if format.lower() not in FORMATS:
            raise ValueError(f"format {format!r} is not known; it must be one of {known}")
        return format.lower()
    if filename is None:
        return "svg"
    suffix = os.path.splitext(os.fspath(filename))[1].lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ValueError(
            f"{os.fspath(filename)!r} does not say which format: let it end in one of"
            f" {', '.join('.' + f for f in FORMATS)}, or pass format="
        )
    return suffix
