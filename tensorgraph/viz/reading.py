"""Operations → `Diagram`: what of a graph a reader needs to see.

A variable is one box, however many nodes create, initialise and read it. What only moves a value
on (`Identity`) is left out, as is arithmetic on shapes. Constants that are mere settings go into
the label of what they set, and an optimizer's own nodes into one box.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tensorgraph.base.shapes import num_elements
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg
from tensorgraph.viz import labels
from tensorgraph.viz.diagram import Arrow, Box, Diagram, Flow, Kind, Mark, Path, Role
from tensorgraph.viz.fetches import flatten, needed, operations_of
from tensorgraph.viz.places import consumers_of, find_places

_INPUTS = {"Placeholder", "PlaceholderWithDefault"}
_VARIABLE = "VariableV2"
_GRADIENTS = {"grad", "delta"}  # what the updates of optimizers call it
_LONGEST_ROW = 4  # nodes of a gradient rule that stand on one line
_DEEPEST = 6  # scopes within scopes that are drawn


def read(
    fetches: Any, roles: Iterable[Role] = tuple(Role), highlight: Any = None, fade: Any = None
) -> Diagram:
    """Return the diagram of all that some fetches need.

    Parameters
    ----------
    fetches : Tensor, Operation, Variable, or nested lists and dicts of them
        What to draw.
    roles : iterable of Role
        What to draw of it.
    highlight : Tensor, Operation, Variable, or nested lists and dicts of them, optional
        What stands out.
    fade : Tensor, Operation, Variable, or nested lists and dicts of them, optional
        What stands back.

    Raises
    ------
    TypeError
        If a fetch is nothing of a graph.
    ValueError
        If there is no fetch, or they are of several graphs.
    """
    fetched = operations_of(fetches)
    marks = dict.fromkeys(flatten(fade), Mark.COLD)
    marks |= dict.fromkeys(flatten(highlight), Mark.HOT)
    return _Reader(fetched, set(roles), marks).diagram()


class _Reader:
    """Reads one diagram out of a graph."""

    def __init__(
        self, fetched: list[Operation], roles: set[Role], marks: Mapping[Operation, Mark]
    ) -> None:
        self._fetched = set(fetched)
        self._marks = marks
        # These are drawn, whatever they are.
        self._kept = self._fetched | {op for op, mark in marks.items() if mark is Mark.HOT}
        self._operations = needed(fetched)
        self._consumers = consumers_of(self._operations)
        self._places = find_places(self._operations, self._fetched)
        self._roles = roles
        self._trainable = {
            v.op for v in fetched[0].graph.get_collection(GraphKeys.TRAINABLE_VARIABLES)
        }
        self._of_shapes = self._arithmetic_on_shapes()
        self._boxes: dict[str, Box] = {}
        self._rules: dict[Operation, list[Operation]] = {}
        self._labelled: set[tuple[Tensor, Path]] = set()
        self._arrows: dict[tuple[str, str, Flow], Arrow] = {}

    def diagram(self) -> Diagram:
        shown = [op for op in self._operations if self._is_shown(op)]
        for op in shown:
            self._boxes[_id(op)] = self._box(op)
        optimizers = self._optimizer_boxes()
        self._boxes.update(optimizers)
        for op in shown:
            self._add_arrows(op)
        for op in self._operations:
            if self._places[op].optimizer:
                self._add_schedule(op)
        boxes = self._tidy_scopes(self._boxes)
        return Diagram(boxes, tuple(self._arrows.values()), tuple(self._pairs(shown)))

    # What is drawn

    def _arithmetic_on_shapes(self) -> set[Operation]:
        """Return the nodes that only say how large things are."""
        found: set[Operation] = set()
        for op in self._operations:
            small = all(_is_small(t) for t in op.outputs)
            before = [t.op for t in op.inputs]
            if op.type in ("Shape", "Size") or (
                small
                and not found.isdisjoint(before)
                and all(
                    o in found or (o.type == "Const" and not labels.is_named(o)) for o in before
                )
            ):
                found.add(op)
        return found - self._kept

    def _is_shown(self, op: Operation) -> bool:
        place = self._places[op]
        if place.role not in self._roles:
            return False
        if op in self._kept and not place.optimizer:
            return True
        if op in self._of_shapes or _passes_on(op):
            return False
        if place.optimizer and not _is_apply(op):
            return False
        users = self._consumers.get(op, ())
        if op.type == "Const":
            return any(self._is_drawn_into(op, user) for user in self._real_users(op))
        if op.type == _VARIABLE and place.role is Role.UPDATE:
            return not all(self._places[u].optimizer for u in self._real_users(op))
        return not (op.type == "NoOp" and not users)

    def _real_users(self, op: Operation) -> list[Operation]:
        """Return who uses a value, looking through what only passes it on."""
        users: list[Operation] = []
        pending = list(self._consumers.get(op, ()))
        while pending:
            user = pending.pop()
            if _passes_on(user) and user not in self._kept:
                pending.extend(self._consumers.get(user, ()))
            else:
                users.append(user)
        return users

    def _is_drawn_into(self, const: Operation, user: Operation) -> bool:
        """Return whether a constant is drawn as a box with an arrow to this user."""
        if user in self._of_shapes or self._places[user].optimizer:
            return False
        sources = [self._source(t).op for t in user.inputs]
        places = [i for i, source in enumerate(sources) if source is const]
        args = user.definition.args(len(user.inputs))
        shapes = [arg.group == "shape" or arg.name == "shape" for arg in args]
        if not places or all(shapes[i] for i in places):
            return False
        if labels.is_named(const) or not _is_small(const.outputs[0]):
            return True
        if any(shapes):
            return False
        return all(source.type == "Const" or source in self._of_shapes for source in sources)

    # Boxes

    def _box(self, op: Operation) -> Box:
        place = self._places[op]
        kind, title, aside, details = self._text(op)
        details = (*details, *(f"with {name}" for name in self._own_variables(op)))
        fetched = op in self._fetched
        shown = any(u for u in self._real_users(op) if self._is_visible(u))
        if kind is Kind.OPERATION and op.outputs and not shown and place.role is not Role.UPDATE:
            # No arrow leaves that could say it.
            details = (*details, f"→ {labels.tensor_text(op.outputs[0])}")
        return Box(
            _id(op),
            kind,
            place.role,
            title,
            aside,
            details,
            labels.tooltip(op),
            place.scope,
            fetched,
            place.order,
            parameters=num_elements(op.outputs[0].dims) or 0 if op in self._trainable else 0,
            multiply_adds=labels.multiply_adds(op) if place.role is Role.FORWARD else 0,
            mark=self._marks.get(op, Mark.NONE),
        )

    def _is_visible(self, op: Operation) -> bool:
        return op not in self._of_shapes and self._places[op].role in self._roles

    def _text(self, op: Operation) -> tuple[Kind, str, str, tuple[str, ...]]:
        """Return kind, title, what stands beside the title, and the smaller lines."""
        last = op.name.rpartition("/")[2]
        if op.type == _VARIABLE:
            frozen = () if op in self._trainable else ("not trained",)
            return Kind.VARIABLE, last, labels.variable_text(op), frozen
        if op.type in _INPUTS:
            return Kind.INPUT, last, "", ()
        if op.type == "Const":
            return Kind.CONSTANT, *self._constant_text(op)
        operands = self._operands(op)
        if op.definition.mutates:
            variable = op.inputs[0].op.name.rpartition("/")[2]
            constants = () if self._places[op].optimizer else labels.details(op, operands)
            return Kind.OPERATION, f"update {variable}", "", (op.type, *constants)
        return Kind.OPERATION, labels.title(op), "", labels.details(op, operands)

    def _constant_text(self, op: Operation) -> tuple[str, str, tuple[str, ...]]:
        value = labels.constant_text(op) or labels.tensor_text(op.outputs[0])
        if self._places[op].role is Role.GRADIENT and labels.base_name(op.name) == "grad_ys":
            return value, "", ("first gradient",)
        if labels.is_named(op):
            return op.name.rpartition("/")[2], value, ()
        return ("constant", value, ()) if op.outputs[0].dims else (value, "", ())

    def _operands(self, op: Operation) -> dict[int, str]:
        """Return what to call the inputs that no arrow shows."""
        known = {}
        for i, source in enumerate(self._source(t).op for t in op.inputs):
            if source in self._of_shapes:
                known[i] = "size"
            elif source.type == "Const" and not self._is_drawn_into(source, op):
                known[i] = labels.constant_text(source)
        return {i: text for i, text in known.items() if text}

    def _optimizer_boxes(self) -> dict[str, Box]:
        """Return one box for each optimizer, with its settings."""
        if Role.UPDATE not in self._roles:
            return {}
        parts: dict[str, list[Operation]] = {}
        for op in self._operations:
            if self._places[op].optimizer:
                parts.setdefault(self._places[op].optimizer, []).append(op)
        boxes = {}
        for name, operations in parts.items():
            settings = [
                f"{op.name.rpartition('/')[2].replace('_', ' ')} {labels.constant_text(op)}"
                for op in operations
                if op.type == "Const" and labels.is_named(op)
            ]
            count = sum(map(_is_apply, operations))
            last = operations[-1]
            boxes[_optimizer_id(last)] = Box(
                _optimizer_id(last),
                Kind.FOLDED,
                Role.UPDATE,
                name.rpartition("/")[2],
                "",
                (*settings, f"updates {count} variable{'' if count == 1 else 's'}"),
                f"{name}\n{len(operations)} nodes",
                fetched=any(op in self._fetched for op in operations),
                mark=self._mark_of(operations),
                count=len(operations),
            )
        return boxes

    def _mark_of(self, operations: Iterable[Operation]) -> Mark:
        """Return the mark of a box for several operations."""
        marks = {self._marks.get(op, Mark.NONE) for op in operations}
        return Mark.HOT if Mark.HOT in marks else Mark.NONE

    def _own_variables(self, op: Operation) -> list[str]:
        """Return the names of the variables that a gradient reads of its own layer."""
        sources = dict.fromkeys(self._source(t).op for t in op.inputs)
        return [o.name.rpartition("/")[2] for o in sources if self._is_own_variable(o, op)]

    def _is_own_variable(self, source: Operation, op: Operation) -> bool:
        """Return whether a label says that a gradient reads a variable: the arrow would be long."""
        place = self._places[op]
        near = self._places[source].scope == place.scope != ()
        return source.type == _VARIABLE and place.role is Role.GRADIENT and near

    # Arrows

    def _source(self, tensor: Tensor) -> Tensor:
        """Return where a value comes from, looking through what only passes it on."""
        while _passes_on(tensor.op) and tensor.op not in self._kept:
            tensor = tensor.op.inputs[0]
        return tensor

    def _add_arrows(self, op: Operation) -> None:
        into = _id(op)
        args = op.definition.args(len(op.inputs))
        for arg, given in zip(args, op.inputs, strict=True):
            source = self._source(given)
            tail = _id(source.op)
            if tail not in self._boxes:
                continue
            if arg.ref and op.definition.mutates:
                # Which variable an optimizer's node updates is said by its label.
                if not _is_apply(op):
                    self._add(Arrow(into, tail, Flow.STORE))
                continue
            if source.op.type == "Const" and not self._is_drawn_into(source.op, op):
                continue
            if self._is_own_variable(source.op, op) or _is_setting(arg, op):
                continue
            self._add(self._arrow(source, op))
        for before in op.control_inputs:
            if _id(before) in self._boxes and before.type != _VARIABLE:
                self._add(Arrow(_id(before), into, Flow.CONTROL))

    def _arrow(self, source: Tensor, op: Operation) -> Arrow:
        tail, head = self._boxes[_id(source.op)], self._boxes[_id(op)]
        saved = head.role is Role.GRADIENT and tail.role is Role.FORWARD
        plain = tail.kind in (Kind.VARIABLE, Kind.CONSTANT)
        label = "" if plain or saved else labels.tensor_text(source)
        if head.role is Role.GRADIENT:
            # The backward pass is dense: a value that goes to several boxes of a layer says its
            # shape once.
            if (source, head.scope) in self._labelled:
                label = ""
            self._labelled.add((source, head.scope))
        return Arrow(tail.id, head.id, Flow.SAVED if saved else Flow.DATA, label)

    def _add_schedule(self, op: Operation) -> None:
        """Add arrows from what an optimizer's settings are computed of."""
        name = self._places[op].optimizer
        box = next((b for b in self._boxes.values() if b.tooltip.startswith(f"{name}\n")), None)
        if box is None:
            return
        for arg, given in zip(op.definition.args(len(op.inputs)), op.inputs, strict=True):
            source = self._source(given).op
            of_others = _id(source) in self._boxes and not self._places[source].optimizer
            if of_others and (_is_setting(arg, op) or not _is_apply(op)):
                self._add(Arrow(_id(source), box.id))

    def _add(self, arrow: Arrow) -> None:
        key = (arrow.tail, arrow.head, arrow.flow)
        if arrow.tail != arrow.head and key not in self._arrows:
            self._arrows[key] = arrow

    # Where things stand

    def _pairs(self, shown: Sequence[Operation]) -> Iterable[tuple[str, str]]:
        """Return boxes that belong side by side, of which the first stands left."""
        for op in shown:
            forward = self._places[op].forward
            if forward is not None and _id(forward) in self._boxes:
                self._rules.setdefault(forward, []).append(op)
        for op in shown:
            place = self._places[op]
            if op.type == _VARIABLE:
                users = [
                    u
                    for u in self._real_users(op)
                    if _id(u) in self._boxes and self._places[u].role is Role.FORWARD
                ]
                if users:
                    yield _id(op), _id(min(users, key=lambda u: u.index))
            elif place.order == 1 and place.forward in self._rules:
                assert place.forward is not None
                yield from self._beside_forward(op, place.forward)
            elif _is_apply(op):
                gradient = self._source(op.inputs[-1]).op
                for given in op.inputs:
                    if self._places[given.op].role is Role.GRADIENT:
                        gradient = self._source(given).op
                if _id(gradient) in self._boxes:
                    yield _id(gradient), _id(op)

    def _beside_forward(self, op: Operation, forward: Operation) -> Iterable[tuple[str, str]]:
        """Return the pairs that put a node of a gradient rule on the line of its operation."""
        rule = self._rules[forward]
        before = [o for o in map(_op_of, map(self._source, op.inputs)) if o in rule]
        after = [o for o in self._real_users(op) if o in rule]
        if len(rule) <= _LONGEST_ROW:
            yield from ((_id(o), _id(op)) for o in before)
            if not before:
                yield _id(forward), _id(op)
        elif not after:
            yield _id(forward), _id(op)

    def _tidy_scopes(self, boxes: dict[str, Box]) -> dict[str, Box]:
        """Return the boxes with scopes that are worth a frame of their own."""
        sizes: dict[Path, int] = {}
        for box in boxes.values():
            for depth in range(1, len(box.scope) + 1):
                sizes[box.scope[:depth]] = sizes.get(box.scope[:depth], 0) + 1

        def tidied(scope: Path) -> Path:
            kept = len(scope)
            while kept > 1 and (kept > _DEEPEST or sizes[scope[:kept]] < 2):
                kept -= 1
            return scope[:kept]

        scopes = {scope: tidied(scope) for scope in {box.scope for box in boxes.values()}}
        return {
            key: box if scopes[box.scope] == box.scope else replace(box, scope=scopes[box.scope])
            for key, box in boxes.items()
        }


def _op_of(tensor: Tensor) -> Operation:
    return tensor.op


def _id(op: Operation) -> str:
    return f"n{op.index}"


def _optimizer_id(op: Operation) -> str:
    return f"o{op.index}"


def _is_apply(op: Operation) -> bool:
    return op.definition.mutates and op.type.startswith("Apply")


def _is_setting(arg: Arg, op: Operation) -> bool:
    """Return whether an input of an optimizer's update is a rate or the like, for all alike."""
    return _is_apply(op) and not arg.ref and arg.name not in _GRADIENTS


def _passes_on(op: Operation) -> bool:
    same = op.type == "Cast" and op.inputs[0].dtype is op.outputs[0].dtype
    return (op.type == "Identity" or same) and not labels.is_named(op)


def _is_small(tensor: Tensor) -> bool:
    """Return whether a tensor is a scalar, or a short vector of integers as shapes are."""
    dims = tensor.dims
    return dims == () or (dims is not None and len(dims) == 1 and tensor.dtype.is_integer)
