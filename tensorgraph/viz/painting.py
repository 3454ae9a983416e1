"""`Diagram` → `Picture`: shortened where it is long, and in the format that is asked for."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from tensorgraph.viz.diagram import Diagram, Kind, Mark, Path, Role
from tensorgraph.viz.dot import to_dot
from tensorgraph.viz.drawing import DrawingError, draw
from tensorgraph.viz.folding import Opened, fold, fold_functions
from tensorgraph.viz.mermaid import to_mermaid
from tensorgraph.viz.palette import finish_svg
from tensorgraph.viz.picture import FORMATS, SUFFIXES, Picture
from tensorgraph.viz.repeats import LEAST_SAVED, merge_repeats

ALL = "all"
"""Of `unfold`: nothing is folded."""

_FEW = 12
_PAGE = 50
_PATIENT = 10  # times as many boxes as wanted are searched for equal parts

MOST_DRAWN = 4000
"""With more boxes Graphviz takes minutes."""


@dataclass(frozen=True)
class Form:
    """What a picture is to be like.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    title : str or None
        A heading.
    max_boxes : int
        From how many boxes on scopes are folded.
    unfold : tuple of str
        Scopes that are not folded, ``("resnet/stage",)``; ``("all",)`` for none.
    least_saved : int
        How many boxes have to be saved where equal parts are drawn once.
    """

    format: str = "svg"
    title: str | None = None
    max_boxes: int = 500
    unfold: tuple[str, ...] = ()
    least_saved: int = LEAST_SAVED


def paint(diagram: Diagram, form: Form) -> Picture:
    """Return the picture of a diagram.

    Parameters
    ----------
    diagram : Diagram
        What to draw.
    form : Form
        How.

    Raises
    ------
    ValueError
        If there is no scope to unfold of a name.
    GraphvizMissingError
        If there is no Graphviz to draw with.
    DrawingError
        If Graphviz fails, or there is more to draw than it can.
    """
    short = shorten(diagram, form)
    if form.format == "mermaid":
        text = to_mermaid(short, form.title)
        return Picture(form.format, text.encode("utf-8"), to_dot(short, form.title))
    if len(short.boxes) > MOST_DRAWN and form.format != "dot":
        raise DrawingError(
            f"there are {len(short.boxes):,} boxes to draw, and {MOST_DRAWN:,} at most can be:"
            " draw a part of the graph, put its parts into name scopes, so that they fold, or"
            " unfold less",
            "",
        )
    dot = to_dot(short, form.title)
    if form.format == "dot":
        return Picture(form.format, dot.encode("utf-8"), dot)
    content = draw(dot, form.format)
    if form.format == "svg":
        content = finish_svg(content.decode("utf-8"), form.title or "graph").encode("utf-8")
    return Picture(form.format, content, dot)


def shorten(diagram: Diagram, form: Form) -> Diagram:
    """Return the diagram with scopes folded where there are many boxes, and equal parts once.

    What stands out is never folded where that is little.

    Raises
    ------
    ValueError
        If there is no scope to unfold of a name.
    """
    if ALL in form.unfold:
        return diagram
    hot = [box.scope for box in diagram.boxes.values() if box.mark is Mark.HOT and box.scope]
    around = tuple(hot) if len(hot) <= _FEW else ()
    wanted = tuple(_scopes(diagram, form.unfold))
    opened = Opened(wanted, around)
    # Those of the library stay closed in what is opened, unless they are named themselves.
    functions = fold_functions(diagram, Opened(around=(*wanted, *around)))
    most = form.max_boxes
    scopes = fold(functions, most, opened, names=False)
    if len(scopes.boxes) > _PATIENT * most:
        scopes = fold(scopes, most, opened)
        if len(scopes.boxes) > _PATIENT * most:
            return scopes
    fewer = merge_repeats(scopes, opened, form.least_saved)
    # Where scopes have to be folded, one level more may make a page of a scroll.
    while len(diagram.boxes) > most and _length(fewer) > _PAGE:
        further = fold(scopes, len(scopes.boxes) - 1, opened, names=False)
        if len(further.boxes) == len(scopes.boxes):
            break
        scopes = further
        fewer = merge_repeats(scopes, opened, form.least_saved)
    return fewer if len(fewer.boxes) <= most else fold(fewer, most, opened)


def _length(diagram: Diagram) -> int:
    """Return how many boxes there are below each other, roughly."""
    return sum(
        box.role is Role.FORWARD and box.kind is not Kind.VARIABLE for box in diagram.boxes.values()
    )


def format_of(filename: str | os.PathLike[str] | None, format: str | None) -> str:
    """Return the format that is asked for, by name or by what a file's name ends in.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if format is not None:
        if format.lower() not in FORMATS:
            known = ", ".join(FORMATS)
            raise ValueError(f"format {format!r} is not known; it must be one of {known}")
        return format.lower()
    if filename is None:
        return "svg"
    suffix = os.path.splitext(os.fspath(filename))[1].lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{os.fspath(filename)!r} does not say which format: let it end in one of"
            f" {', '.join(SUFFIXES)}, or pass format="
        )
    return SUFFIXES[suffix]


def _scopes(diagram: Diagram, names: Iterable[str]) -> list[Path]:
    """Return the scopes of some names."""
    known = {
        "/".join(box.scope[:end]): box.scope[:end]
        for box in diagram.boxes.values()
        for end in range(1, len(box.scope) + 1)
    }
    found = []
    for name in names:
        scope = known.get(name.strip("/"))
        if scope is None:
            near = difflib.get_close_matches(name, known, 3) or list(known)[:3]
            hint = f"; there are {', '.join(near)}, …" if near else "; there are none at all"
            raise ValueError(f"there is no scope {name!r} to unfold{hint}")
        found.append(scope)
    return found
