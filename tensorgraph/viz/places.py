"""Which part of a network an operation belongs to: its role, and the layer that it stands in.

A gradient node belongs to the layer of the forward node whose rule made it. `gradients` names the
nodes of a rule ``gradients/conv/Relu_grad/…`` where ``conv/Relu`` is the forward node, so that the
name tells. With higher orders the forward node is a gradient node itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tensorgraph.graph.node import Operation
from tensorgraph.viz.diagram import Path, Role

_RULE = re.compile(r"(.+)_grad(_\d+)?")
_UPDATE = re.compile(r"(.+?)/update_.+/Apply\w+")


@dataclass(frozen=True)
class Place:
    """Where an operation belongs.

    Attributes
    ----------
    role : Role
        What it is there for.
    scope : tuple of str
        The scope to draw it in.
    order : int
        How many times `gradients` was applied; 0 for no gradient.
    forward : Operation or None
        What it is the gradient of.
    optimizer : str
        The name of the optimizer's operation that it is a part of, else ``""``.
    """

    role: Role
    scope: Path
    order: int = 0
    forward: Operation | None = None
    optimizer: str = ""


def scope_of(op: Operation) -> Path:
    """Return the scopes in an operation's name."""
    return tuple(op.name.split("/")[:-1])


def consumers_of(operations: Iterable[Operation]) -> dict[Operation, list[Operation]]:
    """Return who uses each operation, by its outputs or its order, among the given ones."""
    consumers: dict[Operation, list[Operation]] = {}
    for op in operations:
        for source in dict.fromkeys([*(t.op for t in op.inputs), *op.control_inputs]):
            consumers.setdefault(source, []).append(op)
    return consumers


def find_places(operations: Sequence[Operation], fetched: set[Operation]) -> dict[Operation, Place]:
    """Return the place of each operation.

    Parameters
    ----------
    operations : sequence of Operation
        In order of creation, with all that they need.
    fetched : set of Operation
        Those that are not there for the sake of others.
    """
    consumers = consumers_of(operations)
    places = _gradients(operations[0].graph.get_operations()) if operations else {}
    optimizers = {m[1] for op in operations if (m := _UPDATE.fullmatch(op.name))}
    updates = _updates(operations, consumers, fetched, places)
    for op in reversed(operations):
        if op in places:
            continue
        if op not in updates:
            places[op] = Place(Role.FORWARD, scope_of(op))
            continue
        optimizer = next((o for o in (*_scopes_around(op), op.name) if o in optimizers), "")
        places[op] = Place(Role.UPDATE, _update_scope(op, consumers, places), optimizer=optimizer)
    return places


def _gradients(operations: Sequence[Operation]) -> dict[Operation, Place]:
    """Return the places of the nodes of a graph that `gradients` made."""
    by_name = {op.name: op for op in operations}
    consumers = consumers_of(operations)
    rules = {op: made_by for op in operations if (made_by := _rule(op, by_name)) is not None}
    calls = {call for call, _ in rules.values()}
    places: dict[Operation, Place] = {}

    def place(forward: Operation) -> Place:
        """Return the place of a gradient of an older node, whose own place is known by now."""
        below = places.get(forward)
        if below is None:
            return Place(Role.GRADIENT, scope_of(forward), 1, forward)
        return Place(Role.GRADIENT, below.scope, below.order + 1, forward)

    for op in operations:
        if op in rules:
            places[op] = place(rules[op][1])
            continue
        call = next((c for c in _scopes_around(op) if c in calls), None)
        if call is not None:
            # What `gradients` makes around the rules, as the first gradient and sums, goes with
            # its user.
            around = [*consumers.get(op, ()), *(t.op for t in op.inputs)]
            near = next((rules[o][1] for o in around if o in rules and rules[o][0] == call), None)
            places[op] = (
                Place(Role.GRADIENT, (), 1) if near is None else replace(place(near), forward=None)
            )
    return places


def _scopes_around(op: Operation) -> list[str]:
    """Return the full names of the scopes that a node is in, the outermost first."""
    parts = scope_of(op)
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _rule(op: Operation, by_name: Mapping[str, Operation]) -> tuple[str, Operation] | None:
    """Return the scope of the call of `gradients` that made a node, and the forward node."""
    parts = op.name.split("/")
    for end in range(len(parts) - 1, 0, -1):
        rule = _RULE.fullmatch(parts[end - 1])
        if rule is None:
            continue
        for start in range(1, end):
            forward = by_name.get("/".join([*parts[start : end - 1], rule[1]]))
            if forward is not None:
                return "/".join(parts[:start]), forward
    return None


def _updates(
    operations: Sequence[Operation],
    consumers: Mapping[Operation, Sequence[Operation]],
    fetched: set[Operation],
    gradients: Mapping[Operation, Place],
) -> set[Operation]:
    """Return the nodes that change variables, that wait for these, or that serve them alone."""
    updates: set[Operation] = set()
    for op in operations:
        before = [*(t.op for t in op.inputs), *op.control_inputs]
        if op.definition.mutates or not updates.isdisjoint(before):
            updates.add(op)
    for op in reversed(operations):
        users = consumers.get(op, ())
        if users and op not in gradients and op not in fetched and updates.issuperset(users):
            updates.add(op)
    return updates


def _update_scope(
    op: Operation,
    consumers: Mapping[Operation, Sequence[Operation]],
    places: Mapping[Operation, Place],
) -> Path:
    if op.definition.mutates:
        return scope_of(op.inputs[0].op)
    own = scope_of(op)
    users = consumers.get(op, ())
    return own if own or not users else places[users[0]].scope
