"""A network as the volumes that its layers give, drawn to scale.

A value of height × width × channels is a box of that height, depth and width; a vector is a bar.
Layers that keep the shape and weigh nothing, as activations do, are named below the layer before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from dsl.drawing.layers import LEAST_SAVED, MAX_BOXES, layer_diagram
from dsl.network import Net
from tensorgraph.viz import palette
from tensorgraph.viz.diagram import Box, Diagram, Kind
from tensorgraph.viz.drawing import draw
from tensorgraph.viz.labels import shape_text
from tensorgraph.viz.painting import Form, shorten
from tensorgraph.viz.palette import finish_svg
from tensorgraph.viz.picture import Picture
from tensorgraph.viz.sketch import Point, Sketch

# In points.
TALLEST = 150.0  # the largest height
WIDEST = 90.0  # the most channels of an image
LONGEST = 150.0  # the longest vector
THINNEST = 2.0  # what is drawn at all
SLANT = 0.35  # of an edge into the depth, in both directions
TITLE_SIZE, LABEL_SIZE, HEADING_SIZE = 8.0, 7.5, 13.0
LINE = 9.5  # from one line of text to the next
MARGIN = 26.0


def draw_volumes(net: Net, format: str = "svg", *, unfold: Sequence[str] = ()) -> Picture:
    """Return a picture of a network as volumes to scale.

    Parameters
    ----------
    net : Net
        The network; the shape of its input is known.
    format : str, default "svg"
        ``"svg"``, ``"png"``, ``"pdf"`` or ``"dot"``.
    unfold : sequence of str, optional
        Blocks to draw as they are.

    Raises
    ------
    ValueError
        If the format cannot hold such a picture, or there is no block to unfold of a name.
    GraphvizMissingError, DrawingError
        As `tensorgraph.viz.render`.
    """
    if format == "mermaid":
        raise ValueError("Mermaid text cannot hold volumes: choose svg, png, pdf or dot")
    form = Form(format, net.name, MAX_BOXES, tuple(unfold), LEAST_SAVED)
    diagram = _condensed(shorten(layer_diagram(net), form))
    solids = _solids(diagram)
    places = _places(draw(_layout(diagram, solids), "plain").decode("utf-8"))
    dot = _sketch(net.name, diagram, solids, places).to_dot(net.name)
    if format == "dot":
        return Picture(format, dot.encode("utf-8"), dot)
    content = draw(dot, format, pinned=True)
    if format == "svg":
        content = finish_svg(content.decode("utf-8"), f"{net.name} to scale").encode("utf-8")
    return Picture(format, content, dot)


def _condensed(diagram: Diagram) -> Diagram:
    """Return the diagram without the layers that keep the shape; the one before names them."""
    boxes = dict(diagram.boxes)
    stands: dict[str, str] = {key: key for key in boxes}
    entering: dict[str, list[str]] = {}
    leaving: dict[str, list[str]] = {}
    for arrow in diagram.arrows:
        entering.setdefault(arrow.head, []).append(arrow.tail)
        leaving.setdefault(arrow.tail, []).append(arrow.head)
    for key, box in diagram.boxes.items():
        before = entering.get(key, [])
        if len(before) != 1 or box.multiply_adds or box.kind is Kind.FOLDED:
            continue
        into = boxes[stands[before[0]]]
        alone = len(leaving[before[0]]) == 1
        if alone and into.shape == box.shape and into.kind is Kind.OPERATION:
            stands[key] = into.id
            boxes[into.id] = replace(into, details=(*into.details, f"+ {box.title}"))
            del boxes[key]
    arrows = [replace(a, tail=stands[a.tail], head=stands[a.head]) for a in diagram.arrows]
    return replace(diagram, boxes=boxes, arrows=tuple(a for a in arrows if a.tail != a.head))


# Volumes


class _Solid(NamedTuple):
    """How large a value is drawn: ``wide`` its channels, ``tall`` and ``deep`` its image."""

    wide: float
    tall: float
    deep: float
    lines: tuple[str, ...]

    @property
    def size(self) -> Point:
        """Width and height of the drawing with its text."""
        text = max(len(line) for line in self.lines) * 0.52 * TITLE_SIZE
        width, height = self.outline
        # As much above as below, so that arrows lead to the middle of the volume.
        return max(width, text), height + 2 * (LINE * len(self.lines) + 4)

    @property
    def outline(self) -> Point:
        """Width and height of the volume."""
        slant = self.deep * SLANT
        return self.wide + slant, self.tall + slant


def _solids(diagram: Diagram) -> dict[str, _Solid]:
    """Return how large each box is drawn, at one scale for all images and one for all vectors."""
    shapes = {key: _sizes(box.shape) for key, box in diagram.boxes.items()}
    images = [s for s in shapes.values() if s[0] > 1 or s[1] > 1]
    vectors = [s for s in shapes.values() if s[0] == s[1] == 1]
    side = TALLEST / max((max(s[:2]) for s in images), default=1)
    channel = WIDEST / max((s[2] for s in images), default=1)
    entry = LONGEST / max((s[2] for s in vectors), default=1)
    solids = {}
    for key, (height, width, channels) in shapes.items():
        box = diagram.boxes[key]
        lines = (*_lines(box, diagram), shape_text(box.shape))
        if height == width == 1:
            solids[key] = _Solid(4.0, max(THINNEST, entry * channels), 4.0, lines)
        else:
            solids[key] = _Solid(
                max(THINNEST, channel * channels),
                max(THINNEST, side * height),
                max(THINNEST, side * width),
                lines,
            )
    return solids


def _sizes(shape: tuple[int | None, ...] | None) -> tuple[int, int, int]:
    """Return height, width and channels; what is not known counts as 1, time is the height."""
    known = [size or 1 for size in shape or ()]
    if len(known) < 2:
        return 1, 1, (known or [1])[0]
    *space, channels = known
    return space[-2] if len(space) > 1 else space[0], space[-1] if len(space) > 1 else 1, channels


def _lines(box: Box, diagram: Diagram) -> list[str]:
    """Return what stands below a volume: its layers, and how often they are there."""
    added = [line for line in box.details if line.startswith("+ ")]
    times = box.times > 1 and not box.title.startswith(f"{box.times:,} ")
    title = f"{box.title}{f' (in {box.times} blocks)' if times else ''}"
    return [title, *([", ".join(line[2:] for line in added)] if added else [])]


# Layout


@dataclass(frozen=True)
class _Places:
    """Where Graphviz puts things, in points: the page, the middle of boxes, the curves."""

    width: float
    height: float
    middles: Mapping[str, Point]
    curves: tuple[tuple[str, str, tuple[Point, ...]], ...]


def _layout(diagram: Diagram, solids: Mapping[str, _Solid]) -> str:
    """Return DOT text of empty boxes as large as the volumes with their texts."""
    lines = ['digraph { rankdir=LR; nodesep=0.25; ranksep=0.35; node [shape=box label=""]']
    for key, solid in solids.items():
        width, height = (size / 72 for size in solid.size)
        lines.append(f"{key} [fixedsize=true width={width:.4f} height={height:.4f}]")
    lines.extend(
        f"{a.tail} -> {a.head} [arrowhead=none weight=4 tailport=e headport=w]"
        for a in diagram.arrows
    )
    return "\n".join([*lines, "}"])


def _places(plain: str) -> _Places:
    """Read Graphviz's plain format, which is in inches."""
    page, middles, curves = (0.0, 0.0), {}, []
    for line in plain.replace("\\\n", "").splitlines():
        words = line.split()
        if words[0] == "graph":
            page = float(words[2]) * 72, float(words[3]) * 72
        elif words[0] == "node":
            middles[words[1]] = float(words[2]) * 72, float(words[3]) * 72
        elif words[0] == "edge":
            numbers = [float(word) * 72 for word in words[4 : 4 + 2 * int(words[3])]]
            points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            curves.append((words[1], words[2], points))
    return _Places(*page, middles, tuple(curves))


# Drawing


def _sketch(title: str, diagram: Diagram, solids: Mapping[str, _Solid], places: _Places) -> Sketch:
    below, above = 2 * LINE, MARGIN
    sketch = Sketch(places.width, places.height + below + above)

    def raised(points: Iterable[Point]) -> list[Point]:
        return [(x, y + below) for x, y in points]

    for tail, head, curve in places.curves:
        points = raised(_lengthened(curve, solids[tail], solids[head]))
        sketch.curve(points, palette.GREY)
        sketch.polygon(_tip(points), palette.GREY, palette.GREY)
    for key, solid in solids.items():
        (middle,) = raised([places.middles[key]])
        _draw_solid(sketch, diagram.boxes[key], solid, middle)
    scale = "height and depth at one scale, channels at another, vectors at a third"
    sketch.text((places.width / 2, 4), scale, LABEL_SIZE, palette.GREY)
    top = places.height + below + 8
    sketch.text((places.width / 2, top), title, HEADING_SIZE, bold=True)
    return sketch


def _lengthened(curve: Sequence[Point], tail: _Solid, head: _Solid) -> list[Point]:
    """Return a curve that goes from volume to volume, past the room for their texts."""
    (x, y), (end_x, end_y) = curve[0], curve[-1]
    first = x - (tail.size[0] - tail.outline[0]) / 2, y
    last = end_x + (head.size[0] - head.outline[0]) / 2, end_y
    return [first, first, (x, y), *curve, (end_x, end_y), last, last]


def _tip(points: Sequence[Point]) -> list[Point]:
    """Return the arrowhead at the end of a curve."""
    (x, y), (toward_x, toward_y) = points[-1], next(p for p in reversed(points) if p != points[-1])
    dx, dy = x - toward_x, y - toward_y
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = 5 * dx / length, 5 * dy / length
    return [(x, y), (x - dx - dy / 2, y - dy + dx / 2), (x - dx + dy / 2, y - dy - dx / 2)]


def _draw_solid(sketch: Sketch, box: Box, solid: _Solid, middle: Point) -> None:
    """Draw a volume from its front face back, and its text below."""
    slant = solid.deep * SLANT
    left = middle[0] - solid.outline[0] / 2
    bottom = middle[1] - solid.outline[1] / 2
    right, top = left + solid.wide, bottom + solid.tall
    fill, line = _colors(box)
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    roof = [(left, top), (right, top), (right + slant, top + slant), (left + slant, top + slant)]
    side = [(right, bottom), (right + slant, bottom + slant), (right + slant, top + slant)]
    sketch.polygon(front, fill, line, 0.8)
    sketch.polygon(roof, palette.FRAME_FILL, line, 0.8)
    sketch.polygon([*side, (right, top)], fill, line, 0.8)
    for number, text in enumerate(solid.lines, 1):
        first = number == 1
        color = palette.INK if first else palette.GREY
        size = TITLE_SIZE if first else LABEL_SIZE
        sketch.text((middle[0], bottom - LINE * number + 2), text, size, color, bold=first)


def _colors(box: Box) -> tuple[str, str]:
    if box.kind is Kind.INPUT:
        return palette.PAPER, palette.INK
    if box.multiply_adds:
        return palette.FORWARD_FILL, palette.FORWARD
    return palette.CONSTANT_FILL, palette.CONSTANT
