"""Fewer boxes, where there are too many to draw: scopes become single boxes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from tensorgraph.viz.diagram import Arrow, Box, Diagram, Flow, Kind, Mark, Path, Role


@dataclass(frozen=True)
class Opened:
    """What stays as it is.

    Attributes
    ----------
    whole : tuple of scope
        Scopes with all that is in them; those around them stay open too.
    around : tuple of scope
        Scopes that stay open themselves, and those around them.
    """

    whole: tuple[Path, ...] = ()
    around: tuple[Path, ...] = ()

    def holds(self, scope: Path) -> bool:
        """Return whether a scope stays open."""
        size = len(scope)
        return any(scope[: len(path)] == path[:size] for path in self.whole) or any(
            scope == path[:size] for path in self.around
        )


NONE = Opened()

# What functions of the library call their scopes: inside of a layer nobody needs their arithmetic.
_FUNCTIONS = {"batchnorm", "moments", "l2_normalize", "AssignMovingAvg"}


def fold(diagram: Diagram, most: int, opened: Opened = NONE, *, names: bool = True) -> Diagram:
    """Return the diagram with at most about `most` boxes.

    The innermost scopes are folded first, and only as many levels of them as needed.

    Parameters
    ----------
    diagram : Diagram
        What to fold.
    most : int
        How many boxes there may be.
    opened : Opened
        What is not folded.
    names : bool, default True
        Whether to fold in the end what stands in no scope, all boxes of a name (``add``,
        ``add_1``, …) into one.
    """
    depth = max((len(box.scope) for box in diagram.boxes.values()), default=0)
    while len(diagram.boxes) > most and depth >= (0 if names else 1):
        diagram = _folded(diagram, partial(_target, depth=depth), opened)
        depth -= 1
    return diagram


def fold_functions(diagram: Diagram, opened: Opened = NONE) -> Diagram:
    """Return the diagram with the library's own functions inside of layers as a box each.

    Parameters
    ----------
    diagram : Diagram
        What to fold.
    opened : Opened
        What is not folded.
    """
    return _folded(diagram, _function, opened)


def _folded(diagram: Diagram, target_of: Callable[[Box], Path | None], opened: Opened) -> Diagram:
    """Return the diagram with each box in the one for the scope that it is folded into."""
    inside: dict[Path, dict[Role, list[Box]]] = {}
    for box in diagram.boxes.values():
        target = target_of(box)
        if target is not None and not opened.holds(target):
            inside.setdefault(target, {}).setdefault(box.role, []).append(box)
    if not inside:
        return diagram
    stands: dict[str, Box] = {box.id: box for box in diagram.boxes.values()}
    rows: list[tuple[str, str]] = []
    for scope, roles in inside.items():
        members = [box for group in roles.values() for box in group]
        if len(members) == 1:
            stands[members[0].id] = replace(members[0], scope=scope[:-1])
            continue
        singles = [_single(scope, role, group, diagram.noun) for role, group in roles.items()]
        for single, group in zip(singles, roles.values(), strict=True):
            stands.update((box.id, single) for box in group)
        rows.extend((a.id, b.id) for a, b in pairwise(singles))
    boxes = {box.id: box for box in stands.values()}
    beside = [pair for a, b in diagram.beside if (pair := (stands[a].id, stands[b].id)) == (a, b)]
    arrows = _joined(diagram, stands)
    return replace(diagram, boxes=boxes, arrows=arrows, beside=(*beside, *rows))


def _function(box: Box) -> Path | None:
    """Return the scope of the library's function that a box belongs to, None for any other."""
    for end in range(2, len(box.scope) + 1):
        if re.sub(r"_\d+$", "", box.scope[end - 1]) in _FUNCTIONS:
            return box.scope[:end]
    return None


def _target(box: Box, depth: int) -> Path | None:
    """Return the scope that a box is folded into at a depth, None to leave it."""
    if depth:
        return box.scope[:depth] if len(box.scope) >= depth else None
    if box.scope or box.fetched or box.mark is Mark.HOT:
        return None
    return (re.sub(r"_\d+$", "", box.title),)


def _single(scope: Path, role: Role, members: list[Box], noun: str) -> Box:
    count = sum(box.count * box.times for box in members)
    what = {Role.FORWARD: "", Role.GRADIENT: "gradient · ", Role.UPDATE: "update · "}[role]
    parameters = sum(box.parameters * box.times for box in members)
    multiply_adds = sum(box.multiply_adds * box.times for box in members)
    details = [f"{what}{counted(count, noun)}"]
    if parameters:
        details.append(counted(parameters, "parameter"))
    if multiply_adds:
        details.append(f"{rounded(multiply_adds)} multiply-adds")
    marks = {box.mark for box in members}
    return Box(
        f"{members[0].id}f",
        Kind.FOLDED,
        role,
        scope[-1],
        "",
        tuple(details),
        "/".join(scope),
        scope[:-1],
        any(box.fetched for box in members),
        max(box.order for box in members),
        count,
        parameters,
        multiply_adds,
        # One node that stands out is to be found; a part that stands back is no matter.
        next((m for m in (Mark.HOT, Mark.NEW) if m in marks), min(marks, key=_rank)),
        members[-1].shape,
    )


def _rank(mark: Mark) -> bool:
    return mark is Mark.COLD


def counted(number: int, noun: str) -> str:
    """Return ``1 node``, ``2,400 nodes``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rounded(number: int) -> str:
    """Return ``9,600``, ``118 M`` or ``11.3 G``: three figures of a large number."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6)):
        if number >= size:
            whole = number / size
            return f"{whole:.{0 if whole >= 100 else 1 if whole >= 10 else 2}f} {unit}"
    return f"{number:,}"


def _joined(diagram: Diagram, stands: dict[str, Box]) -> tuple[Arrow, ...]:
    """Return the arrows between what is left, those of one way as one."""
    ways: dict[tuple[str, str, Flow], list[Arrow]] = {}
    for arrow in diagram.arrows:
        tail, head = stands[arrow.tail].id, stands[arrow.head].id
        if tail != head:
            ways.setdefault((tail, head, arrow.flow), []).append(arrow)
    joined = []
    for (tail, head, _), arrows in ways.items():
        values = sum(arrow.values for arrow in arrows)
        texts = {arrow.label for arrow in arrows}
        label = texts.pop() if len(texts) == 1 else f"{values} values"
        joined.append(replace(arrows[0], tail=tail, head=head, label=label, values=values))
    return tuple(joined)
