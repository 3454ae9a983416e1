"""Equal parts in a row are drawn once, with their number: ``35 × bottleneck``.

A part is a scope, or a box that stands in none. Parts are equal if their boxes and the arrows
between these are, and they are in a row if each is joined to the next in the same way, and to
nothing else but what all of them are joined to.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from tensorgraph.viz.diagram import Arrow, Box, Diagram, Flow, Kind, Path, Repeat, Role
from tensorgraph.viz.folding import NONE, Opened, counted, rounded
from tensorgraph.viz.labels import TIMES

LEAST_SAVED = 8
"""How many boxes a repetition has to save; without, two equal layers would be one too."""

_LONGEST_PERIOD = 8
_MOST_NAMES = 4  # of the parts that repeat together, in the title of their frame


def merge_repeats(diagram: Diagram, opened: Opened = NONE, least: int = LEAST_SAVED) -> Diagram:
    """Return the diagram with equal parts in a row drawn once.

    Parameters
    ----------
    diagram : Diagram
        What to shorten.
    opened : Opened
        What stays as it is.
    least : int, default LEAST_SAVED
        How many boxes a repetition has to save.
    """
    deepest = max((len(box.scope) for box in diagram.boxes.values()), default=0)
    for depth in range(deepest, -1, -1):
        for run in _runs(diagram, depth, opened, least):
            diagram = _merged(diagram, run)
    return diagram


@dataclass(frozen=True)
class _Part:
    """A scope, or boxes that stand in none but share a title.

    Attributes
    ----------
    name : str
        What it is called.
    scope : Path or None
        Its own scope, None where it has none.
    boxes : tuple of Box
        All of its boxes, in order.
    """

    name: str
    scope: Path | None
    boxes: tuple[Box, ...]


_Touching = dict[str, list[Arrow]]
"""The arrows that leave or enter each box."""


@dataclass(frozen=True)
class _Run:
    """Equal groups of parts in a row."""

    depth: int
    groups: tuple[tuple[_Part, ...], ...]

    def members(self) -> list[list[Box]]:
        """Return the boxes of each group; those at one place are equal."""
        return [[box for part in group for box in part.boxes] for group in self.groups]


# Finding


def _runs(diagram: Diagram, depth: int, opened: Opened, least: int) -> list[_Run]:
    """Return the runs of parts that stand in scopes of that depth."""
    touching: _Touching = {}
    for arrow in diagram.arrows:
        for key in {arrow.tail, arrow.head}:
            touching.setdefault(key, []).append(arrow)
    runs = []
    for parts in _parts(diagram, depth).values():
        codes: dict[Hashable, int] = {}
        signs = [
            codes.setdefault(_sign(part, depth, diagram, touching, opened), len(codes))
            for part in parts
        ]
        start = 0
        while start < len(parts):
            run = _run_from(parts, signs, start, depth, touching, least)
            if run is None:
                start += 1
            else:
                runs.append(run)
                start += len(run.groups) * len(run.groups[0])
    return runs


def _parts(diagram: Diagram, depth: int) -> dict[Path, list[_Part]]:
    """Return the parts of each scope of that depth."""
    found: dict[Path, dict[Hashable, list[Box]]] = {}
    for box in diagram.boxes.values():
        if len(box.scope) < depth:
            continue
        key: Hashable = box.scope[depth] if len(box.scope) > depth else (box.id,)
        if len(box.scope) == depth and box.kind is Kind.FOLDED:
            key = (box.title, "")  # forward, gradient and update of one scope
        found.setdefault(box.scope[:depth], {}).setdefault(key, []).append(box)
    return {
        scope: [
            _Part(key, (*scope, key), tuple(boxes))
            if isinstance(key, str)
            else _Part(boxes[0].title, None, tuple(boxes))
            for key, boxes in groups.items()
        ]
        for scope, groups in found.items()
    }


def _sign(
    part: _Part,
    depth: int,
    diagram: Diagram,
    touching: _Touching,
    opened: Opened,
) -> Hashable:
    """Return something that is equal for equal parts only."""
    own = part.scope or (*part.boxes[0].scope, part.name)
    if opened.holds(own):
        return part.boxes[0].id
    place = {box.id: i for i, box in enumerate(part.boxes)}
    arrows = sorted(
        (i, place[arrow.head], arrow.flow.value, arrow.label, arrow.values)
        for key, i in place.items()
        for arrow in touching.get(key, ())
        if arrow.tail == key and arrow.head in place
    )
    repeats = sorted(
        (path[depth + 1 :], repeat.count)
        for path, repeat in diagram.repeats.items()
        if part.scope is not None and path[: depth + 1] == part.scope
    )
    return (
        tuple(_plain(box, depth) for box in part.boxes),
        tuple(arrows),
        tuple(repeats),
        part.scope is None,
    )


def _plain(box: Box, depth: int) -> Box:
    """Return a box without what distinguishes it from an equal one."""
    scope = box.scope[depth:]
    return replace(
        box,
        id="",
        tooltip="",
        title=box.title if scope else _base(box.title),
        scope=(_base(scope[0]), *scope[1:]) if scope else (),
    )


def _base(name: str) -> str:
    return re.sub(r"_\d+$", "", name)


def _run_from(
    parts: Sequence[_Part],
    signs: Sequence[int],
    start: int,
    depth: int,
    touching: _Touching,
    least: int,
) -> _Run | None:
    """Return the run from a part on that saves most, None where none is worth it."""
    best, most = None, least - 1
    for period in range(1, min(_LONGEST_PERIOD, (len(parts) - start) // 2) + 1):
        if not _follows(parts[start : start + 2 * period], period, touching):
            continue
        count = 1
        while (
            signs[start : start + period]
            == signs[start + count * period : start + (count + 1) * period]
        ):
            count += 1
        if count == 1:
            continue
        places = range(start, start + count * period, period)
        groups = tuple(tuple(parts[i : i + period]) for i in places)
        run = _joined_alike(_Run(depth, groups), touching)
        saved = (len(run.groups) - 1) * sum(map(_weight, run.members()[0]))
        if saved > most:
            best, most = run, saved
    return best


def _weight(box: Box) -> int:
    """Return how much a box counts among those that are saved: gradients come along."""
    if box.role is not Role.FORWARD:
        return 0
    return LEAST_SAVED if box.kind is Kind.FOLDED else 1


def _follows(parts: Sequence[_Part], period: int, touching: _Touching) -> bool:
    """Return whether any arrow leads from the first of two groups of parts to the second."""
    second = {box.id for part in parts[period:] for box in part.boxes}
    return any(
        arrow.head in second
        for part in parts[:period]
        for box in part.boxes
        for arrow in touching.get(box.id, ())
    )


def _joined_alike(run: _Run, touching: _Touching) -> _Run:
    """Return the longest beginning of a run whose groups are joined as a row is."""
    place = {
        box.id: (number, i)
        for number, boxes in enumerate(run.members())
        for i, box in enumerate(boxes)
    }
    role = {box.id: box.role for boxes in run.members() for box in boxes}
    count = len(run.groups)
    steps: list[set[Hashable]] = [set() for _ in range(count)]  # to the group after
    outside: list[set[_Link]] = [set() for _ in range(count)]
    broken = count
    for arrow in dict.fromkeys(a for key in place for a in touching.get(key, ())):
        tail, head = place.get(arrow.tail), place.get(arrow.head)
        if tail is not None and head is not None:
            low, high = sorted((tail[0], head[0]))
            if high - low == 1:
                back = tail[0] > head[0]
                steps[low].add((back, tail[1], head[1], arrow.flow, arrow.label, arrow.values))
            elif high > low:
                broken = min(broken, high)
        elif tail is not None:
            outside[tail[0]].add((arrow.head, tail[1], not _is_backward(arrow, role[arrow.tail])))
        elif head is not None:
            outside[head[0]].add((arrow.tail, head[1], _is_backward(arrow, role[arrow.head])))
    common = {link for link in set.intersection(*outside) if not link[2]}
    own = [links - common for links in outside]
    length = 1
    while (
        steps[0]
        and length < broken
        and steps[length - 1] == steps[0]
        and not any(after for _, _, after in own[length - 1])
        and all(after for _, _, after in own[length])
    ):
        length += 1
    return replace(run, groups=run.groups[:length])


# A box outside of a run, the place of the box in its group, and whether it is after the run.
_Link = tuple[str, int, bool]


def _is_backward(arrow: Arrow, role: Role) -> bool:
    """Return whether an arrow runs against the forward pass."""
    return role is Role.GRADIENT and arrow.flow is Flow.DATA


# Merging


def _merged(diagram: Diagram, run: _Run) -> Diagram:
    """Return the diagram with the first group of a run in place of all."""
    count = len(run.groups)
    members = run.members()
    first = run.groups[0]
    stands = {box.id: members[0][i].id for boxes in members for i, box in enumerate(boxes)}
    kept = {box.id for box in members[0]}
    dropped = stands.keys() - kept
    frame = _frame(first)
    boxes = {}
    for key, box in diagram.boxes.items():
        if key in kept:
            boxes[key] = _counted(box, run, frame)
        elif key not in dropped:
            boxes[key] = box
    arrows: dict[tuple[str, str, Flow], Arrow] = {}
    for arrow in diagram.arrows:
        if arrow.tail in stands and arrow.head in stands and not {arrow.tail, arrow.head} <= kept:
            continue  # inside of another group, or between two
        tail, head = stands.get(arrow.tail, arrow.tail), stands.get(arrow.head, arrow.head)
        arrows.setdefault((tail, head, arrow.flow), replace(arrow, tail=tail, head=head))
    beside = tuple(pair for pair in diagram.beside if dropped.isdisjoint(pair))
    repeats = {
        _moved(path, run, frame): repeat
        for path, repeat in diagram.repeats.items()
        if not _is_dropped(path, run)
    }
    if first[0].scope is not None or frame:
        parent = members[0][0].scope[: run.depth]
        names = _names(first[0].name, run.groups[-1][-1].name, count)
        repeats[(*parent, frame or first[0].name)] = Repeat(count, _title(first), names)
    shorter = tuple(arrows.values())
    return replace(diagram, boxes=boxes, arrows=shorter, beside=beside, repeats=repeats)


def _frame(group: Sequence[_Part]) -> str:
    """Return a new scope around parts that repeat together; empty for a single part."""
    return "" if len(group) == 1 else f"repeat {group[0].boxes[0].id}"


def _title(group: Sequence[_Part]) -> str:
    names = [_base(part.name) for part in group]
    return " ".join([*names[:_MOST_NAMES], *(["…"] if len(names) > _MOST_NAMES else [])])


def _names(first: str, last: str, count: int) -> str:
    return f"{first}{', ' if count == 2 else ' … '}{last}"


def _counted(box: Box, run: _Run, frame: str) -> Box:
    count = len(run.groups)
    box = replace(box, times=box.times * count, scope=_moved(box.scope, run, frame))
    if frame or run.groups[0][0].scope is not None:
        return box
    lines = [f"each {line}" for line in box.details] if box.kind is Kind.FOLDED else box.details
    first, last = run.groups[0][0].name, run.groups[-1][0].name
    names = [] if first == last else [_names(first, last, count)]
    return replace(box, title=f"{count:,} {TIMES} {_base(box.title)}", details=(*names, *lines))


def _moved(path: Path, run: _Run, frame: str) -> Path:
    """Return where a scope is drawn: inside of the new frame, if it is of the first group."""
    if not frame:
        return path
    parent = run.groups[0][0].boxes[0].scope[: run.depth]
    own = {part.scope for part in run.groups[0]}
    inside = path[: run.depth + 1] in own or path == parent
    return (*parent, frame, *path[run.depth :]) if inside else path


def _is_dropped(path: Path, run: _Run) -> bool:
    others = {part.scope for group in run.groups[1:] for part in group}
    return path[: run.depth + 1] in others


def costs_of(scope: Path, boxes: Iterable[Box], repeats: Mapping[Path, Repeat]) -> tuple[str, ...]:
    """Return parameters and multiply-adds of a scope in words; of one, where it stands for several.

    Parameters
    ----------
    scope : tuple of str
        The scope.
    boxes : iterable of Box
        All boxes in it.
    repeats : mapping of scope to Repeat
        The scopes that stand for several.
    """
    paths = [scope[:end] for end in range(1, len(scope) + 1)]
    around = prod(repeats[path].count for path in paths if path in repeats)
    parameters = multiply_adds = 0
    for box in boxes:
        parameters += box.parameters * box.times // around
        multiply_adds += box.multiply_adds * box.times // around
    each = "each " if scope in repeats else ""
    return (
        *([f"{each}{counted(parameters, 'parameter')}"] if parameters else []),
        *([f"{each}{rounded(multiply_adds)} multiply-adds"] if multiply_adds else []),
    )
