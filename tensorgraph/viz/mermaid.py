"""`Diagram` → Mermaid text, which GitHub and many editors draw where it stands in a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tensorgraph.viz import palette
from tensorgraph.viz.diagram import Arrow, Box, Diagram, Flow, Kind, Mark, Path, Repeat, Role
from tensorgraph.viz.labels import TIMES

# The shape of a box: what stands before and after its text.
_SHAPES = {
    Kind.OPERATION: ("(", ")"),
    Kind.INPUT: ("([", "])"),
    Kind.VARIABLE: ("[(", ")]"),
    Kind.CONSTANT: ("[", "]"),
    Kind.FOLDED: ("[[", "]]"),
}
_ARROWS = {
    Flow.DATA: "-->",
    Flow.SAVED: "-.->",
    Flow.STORE: "-.->",
    Flow.CONTROL: "-.->",
}
_CLASSES = {
    "forward": (palette.FORWARD_FILL, palette.FORWARD, ""),
    "gradient": (palette.GRADIENT_FILL, palette.GRADIENT, ",stroke-dasharray:5 3"),
    "update": (palette.UPDATE_FILL, palette.UPDATE, ",stroke-width:3px"),
    "variable": (palette.VARIABLE_FILL, palette.VARIABLE, ""),
    "constant": (palette.CONSTANT_FILL, palette.CONSTANT, ""),
    "input": (palette.PAPER, palette.INK, ""),
    "hot": (palette.RED_FILL, palette.RED, ",stroke-width:4px"),
    "cold": (palette.FADED_FILL, palette.FADED, ",stroke-dasharray:2 2"),
    "new": (palette.GREEN_FILL, palette.GREEN, ",stroke-width:4px"),
}


def to_mermaid(diagram: Diagram, title: str | None = None) -> str:
    """Return the Mermaid text of a diagram.

    Parameters
    ----------
    diagram : Diagram
        What to draw.
    title : str, optional
        A heading.
    """
    lines = ["flowchart TB"]
    if title:
        lines.append(f"  accTitle: {re.sub(r'[^ -~]|[;{}%<>]', ' ', title).strip() or 'graph'}")
    lines.extend(_scope((), list(diagram.boxes.values()), diagram.repeats, "  "))
    lines.extend(f"  {_arrow(arrow)}" for arrow in diagram.arrows)
    used: dict[str, list[str]] = {}
    for box in diagram.boxes.values():
        used.setdefault(_class(box), []).append(box.id)
    for name, (fill, line, more) in _CLASSES.items():
        if name in used:
            lines.append(f"  classDef {name} fill:{fill},stroke:{line},color:{palette.INK}{more}")
            lines.append(f"  class {','.join(used[name])} {name}")
    return "\n".join(lines) + "\n"


def _scope(
    scope: Path, boxes: Iterable[Box], repeats: Mapping[Path, Repeat], indent: str
) -> Iterator[str]:
    """Yield the lines of the boxes of a scope, and of the scopes in it."""
    inner: dict[str, list[Box]] = {}
    for box in boxes:
        if box.scope == scope:
            before, after = _SHAPES[box.kind]
            yield f"{indent}{box.id}{before}{_text(_words(box))}{after}"
        else:
            inner.setdefault(box.scope[len(scope)], []).append(box)
    for name, members in inner.items():
        path = (*scope, name)
        repeat = repeats.get(path)
        # One short line: Mermaid keeps no room for more.
        heading = name if repeat is None else f"{repeat.count:,} {TIMES} {repeat.title}"
        frame = f"s{len(scope)}{members[0].id}"
        yield f"{indent}subgraph {frame}[{_text([heading])}]"
        yield f"{indent}  style {frame} fill:{palette.FRAME_FILL},stroke:{palette.FRAME}"
        yield from _scope(path, members, repeats, f"{indent}  ")
        yield f"{indent}end"


def _words(box: Box) -> list[str]:
    aside = f" {box.aside}" if box.aside else ""
    return [f"{box.title}{aside}", *box.details]


def _text(lines: Iterable[str]) -> str:
    """Return lines in quotes, in which nothing means anything to Mermaid."""
    return '"' + "<br>".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    """Return text in which all but letters, figures and harmless signs are numbers."""
    text = text.replace("\n", " ")
    return "".join(
        c if c.isalnum() or c in " _.,:=+/×→·…" else f"#{ord(c)};"
        for c in text
        if c.isprintable() and not "\ud800" <= c <= "\udfff"
    )


def _class(box: Box) -> str:
    if box.mark is not Mark.NONE:
        return str(box.mark.value)
    if box.kind.value in _CLASSES and box.role is not Role.GRADIENT:
        return str(box.kind.value)
    return str(box.role.value)


def _arrow(arrow: Arrow) -> str:
    label = f"|{_text([arrow.label])}|" if arrow.label else ""
    return f"{arrow.tail} {_ARROWS[arrow.flow]}{label} {arrow.head}"
