"""What a pass does: the program before it and after it, side by side, node by node."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.node import Operation
from tensorgraph.passes.pipeline import PIPELINE
from tensorgraph.passes.program import Program, extract, rebuild
from tensorgraph.viz import labels
from tensorgraph.viz.diagram import Arrow, Box, Diagram, Flow, Kind, Mark, Role
from tensorgraph.viz.fetches import operations_of
from tensorgraph.viz.folding import counted
from tensorgraph.viz.painting import Form, format_of, paint
from tensorgraph.viz.picture import Picture
from tensorgraph.viz.places import Place, find_places

_NEAR = 60  # nodes on a side, up to which those far from any change are drawn too


def render_pass(
    fetches: Any,
    name: str,
    filename: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    title: str | None = None,
    max_boxes: int = 500,
    unfold: Sequence[str] = (),
) -> Picture:
    """Draw the program that some fetches need before a pass and after it, side by side.

    Each node is drawn, for what a pass takes out is often what a reader of a network need not see.
    What it takes out is red, what it puts in is green. Of a large program only the nodes near a
    change are drawn.

    Parameters
    ----------
    fetches : Tensor, Operation, Variable, or nested lists and dicts of them
        What would be run.
    name : str
        The pass, as ``"fold"``, ``"simplify"`` or ``"fuse"``. Those before it in the pipeline have
        run already.
    filename, format, title, max_boxes, unfold
        As of `render`.

    Returns
    -------
    Picture
        The picture.

    Raises
    ------
    TypeError
        If a fetch is nothing of a graph.
    ValueError
        If there is no pass of that name, or as `render` does.
    GraphvizMissingError, DrawingError, OSError
        As of `render`.

    Examples
    --------
    >>> x = tf.placeholder(tf.float32, [3], name="x")
    >>> picture = tf.viz.render_pass(tf.identity(x) + 2.0 * 3.0, "fold", "fold.svg")
    """
    chosen = format_of(filename, format)
    diagram = compare(fetches, name)
    picture = paint(diagram, Form(chosen, title, max_boxes, tuple(unfold)))
    if filename is not None:
        picture.save(filename)
    return picture


def compare(fetches: Any, name: str) -> Diagram:
    """Return the diagram of both programs, each in a scope of its own.

    Raises
    ------
    ValueError
        If there is no pass of that name, or nothing to draw.
    """
    names = [step.name for step in PIPELINE]
    if name not in names:
        raise ValueError(f"no pass is called {name!r}; there are {', '.join(names)}")
    operations = operations_of(fetches)
    backend = NumpyBackend()
    program = extract([t for op in operations for t in op.outputs], operations, {})
    for step in PIPELINE:
        before, program = program, _pruned(step.run(program, backend))
        if step.name == name:
            break
    old, new = _side(before), _side(program)
    gone, made = _changed(old, new), _changed(new, old)
    near = None
    if max(len(old), len(new)) > _NEAR:
        near = _near(old, gone) | _near(new, made)
    halves = (
        _Half(f"before {name}", old, gone, near, Mark.HOT),
        _Half(f"after {name}", new, made, near, Mark.NEW),
    )
    boxes = {key: box for half in halves for key, box in half.boxes().items()}
    return Diagram(boxes, tuple(arrow for half in halves for arrow in half.arrows()))


def _pruned(program: Program) -> Program:
    """Return a program without what nothing needs, which passes leave behind."""
    return rebuild(program, lambda op, inputs, graph: None)


_Side = dict[str, Operation]


def _side(program: Program) -> _Side:
    return {op.name: op for op in program.graph.get_operations()}


def _changed(side: _Side, other: _Side) -> set[str]:
    """Return the nodes that the other side has not, or has as something else."""
    return {name for name, op in side.items() if name not in other or other[name].type != op.type}


def _near(side: _Side, changed: set[str]) -> set[str]:
    """Return the changed nodes and their neighbours."""
    near = set()
    for name, op in side.items():
        sources = {t.op.name for t in op.inputs}
        if name in changed:
            near |= {name, *sources}
        elif not sources.isdisjoint(changed):
            near.add(name)
    return near


class _Half:
    """One side of the picture: the boxes and arrows of a program, in a scope of that heading.

    Parameters
    ----------
    heading : str
        What the side is.
    side : dict of str to Operation
        The program.
    changed : set of str
        The nodes that stand out.
    shown : set of str or None
        The nodes that are drawn; None for all.
    mark : Mark
        How they stand out.
    """

    def __init__(
        self, heading: str, side: _Side, changed: set[str], shown: set[str] | None, mark: Mark
    ) -> None:
        self._operations = list(side.values())
        self._changed = changed
        self._mark = mark
        self._letter = "b" if mark is Mark.HOT else "a"
        done = {Mark.HOT: "taken out or replaced", Mark.NEW: "new"}[mark]
        change = f", {len(changed):,} {done}" if changed else ""
        self._heading = f"{heading}: {counted(len(side), 'node')}{change}"
        self._places = find_places(self._operations, _ends(self._operations))
        self._shown = {op for op in self._operations if shown is None or op.name in shown}

    def boxes(self) -> dict[str, Box]:
        """Return a box for each node that is shown."""
        boxes = [self._box(op, self._places[op]) for op in self._operations if op in self._shown]
        if not boxes:
            # A side of which nothing is near a change says so.
            text, where = "no node is near a change", (self._heading,)
            boxes = [Box(f"{self._letter}0", Kind.CONSTANT, Role.FORWARD, text, scope=where)]
        return {box.id: box for box in boxes}

    def arrows(self) -> list[Arrow]:
        """Return the arrows between the nodes that are shown."""
        found: dict[Arrow, None] = {}
        for op in self._operations:
            if op not in self._shown:
                continue
            for t in op.inputs:
                if t.op in self._shown:
                    arrow = Arrow(self._id(t.op), self._id(op), Flow.DATA, labels.tensor_text(t))
                    found[arrow] = None
            for before in op.control_inputs:
                if before in self._shown:
                    found[Arrow(self._id(before), self._id(op), Flow.CONTROL)] = None
        return list(found)

    def _id(self, op: Operation) -> str:
        return f"{self._letter}{op.index}"

    def _box(self, op: Operation, place: Place) -> Box:
        kinds = {"Const": Kind.CONSTANT, "Placeholder": Kind.INPUT, "VariableV2": Kind.VARIABLE}
        kind = kinds.get(op.type, Kind.OPERATION)
        last = op.name.rpartition("/")[2]
        details: Sequence[str] = labels.details(op, {})
        if kind is Kind.CONSTANT:
            details = (labels.constant_text(op) or labels.tensor_text(op.outputs[0]),)
        elif last.lower() != labels.title(op).lower():
            details = (last, *details)
        return Box(
            self._id(op),
            kind,
            place.role,
            last if kind is not Kind.OPERATION else labels.title(op),
            "",
            tuple(details),
            labels.tooltip(op),
            (self._heading, *place.scope[:2]),
            order=place.order,
            mark=self._mark if op.name in self._changed else Mark.NONE,
        )


def _ends(operations: Sequence[Operation]) -> set[Operation]:
    """Return the operations that no other one uses."""
    used = {t.op for op in operations for t in op.inputs}
    return {op for op in operations if op not in used}
