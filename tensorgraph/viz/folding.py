"""Fewer boxes, where there are too many to draw: scopes become single boxes."""

from __future__ import annotations

import re
from dataclasses import replace

from tensorgraph.viz.diagram import Arrow, Box, Diagram, Flow, Kind, Path, Role


def fold(diagram: Diagram, most: int) -> Diagram:
    """Return the diagram with at most about `most` boxes.

    The innermost scopes are folded first, and only as many levels of them as needed. What stands
    in no scope is folded last, all boxes of a name (``add``, ``add_1``, …) into one.
    """
    deepest = max((len(box.scope) for box in diagram.boxes.values()), default=0)
    depth = deepest
    while len(diagram.boxes) > most and depth > 0:
        diagram = _folded(diagram, depth)
        depth -= 1
    return _folded(diagram, 0) if len(diagram.boxes) > most else diagram


def _folded(diagram: Diagram, depth: int) -> Diagram:
    """Return the diagram with the scopes of that depth folded."""
    inside: dict[Path, dict[Role, list[Box]]] = {}
    for box in diagram.boxes.values():
        target = _target(box, depth)
        if target is not None:
            inside.setdefault(target, {}).setdefault(box.role, []).append(box)
    stands: dict[str, Box] = {box.id: box for box in diagram.boxes.values()}
    for scope, roles in inside.items():
        members = [box for group in roles.values() for box in group]
        if len(members) == 1:
            stands[members[0].id] = replace(members[0], scope=scope[:-1])
            continue
        for role, group in roles.items():
            single = _single(scope, role, group)
            stands.update((box.id, single) for box in group)
    boxes = {box.id: box for box in stands.values()}
    beside = tuple(
        pair for a, b in diagram.beside if (pair := (stands[a].id, stands[b].id)) == (a, b)
    )
    return Diagram(boxes, _joined(diagram, stands), beside)


def _target(box: Box, depth: int) -> Path | None:
    """Return the scope that a box is folded into at a depth, None to leave it."""
    if depth:
        return box.scope[:depth] if len(box.scope) >= depth else None
    return None if box.scope or box.fetched else (re.sub(r"_\d+$", "", box.title),)


def _single(scope: Path, role: Role, members: list[Box]) -> Box:
    count = sum(box.count for box in members)
    what = {Role.FORWARD: "", Role.GRADIENT: "gradient · ", Role.UPDATE: "update · "}[role]
    parameters = sum(box.parameters for box in members)
    details = [f"{what}{count:,} node{'' if count == 1 else 's'}"]
    if parameters:
        details.append(f"{parameters:,} parameter{'' if parameters == 1 else 's'}")
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
        any(box.marked for box in members),
    )


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
