"""`Program`: the part of a graph that one run computes, as a graph of its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tensorgraph.base.shapes import FullShape, Shape
from tensorgraph.graph.body import BodyGraph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor

# What a rule gives for an operation: tensors of the new graph in place of its outputs, or None
# to copy it. It is asked with the operation, its new inputs and the new graph.
Rule = Callable[[Operation, Sequence[Tensor], Graph], Sequence[Tensor] | None]


@dataclass(frozen=True)
class Program:
    """A graph with what goes in and what comes out.

    Attributes
    ----------
    graph : Graph
        Only what is needed, in an order of execution. Names are those of the user's graph.
    feeds : tuple of Tensor
        Placeholders of known shape.
    fetches : tuple of Tensor
        The results.
    targets : tuple of Operation
        Operations to run for their effect.
    """

    graph: Graph
    feeds: tuple[Tensor, ...]
    fetches: tuple[Tensor, ...]
    targets: tuple[Operation, ...]

    def live(self) -> list[Operation]:
        """Return, in order, the operations that the results and targets need."""
        live = {t.op for t in (*self.fetches, *self.feeds)}
        live.update(self.targets)
        operations = []
        for op in reversed(self.graph.get_operations()):
            if op in live:
                operations.append(op)
                live.update([t.op for t in op.inputs])
                live.update(op.control_inputs)
        operations.reverse()
        return operations


class Uses:
    """Who takes what in a program, for passes that look at several operations at once.

    Parameters
    ----------
    program : Program
        The program.

    Attributes
    ----------
    operations : list of Operation
        Those that are needed, in order.
    """

    def __init__(self, program: Program) -> None:
        self.operations = program.live()
        self._takers: dict[Tensor, list[Operation]] = {}
        for op in self.operations:
            for t in op.inputs:
                self._takers.setdefault(t, []).append(op)
        # Besides those that take a value: results, and what must have run.
        self._wanted = {t.op for t in program.fetches}.union(program.targets)
        self._wanted.update(c for op in self.operations for c in op.control_inputs)

    def takers(self, t: Tensor) -> Sequence[Operation]:
        """Return the operations that take a tensor, each as often as it does."""
        return self._takers.get(t, ())

    def is_inner(self, op: Operation) -> bool:
        """Return whether others only take its outputs: it is no result, nor waited for."""
        return op not in self._wanted

    def only_taker(self, t: Tensor) -> Operation | None:
        """Return the one operation that needs a tensor, and takes it once; None if others do."""
        takers = self._takers.get(t, ())
        return takers[0] if len(takers) == 1 and t.op not in self._wanted else None


# Operations that come one after the other with nothing in between; mostly it is one.
Unit: TypeAlias = tuple[Operation, ...]


def in_order(
    operations: Iterable[Operation], joined: Sequence[Unit], key: Callable[[Unit], Any]
) -> list[Unit] | None:
    """Return operations in an order of execution, some of them together.

    Parameters
    ----------
    operations : iterable of Operation
        The operations, with all that they need.
    joined : sequence of tuple of Operation
        Those that come together; all others are alone.
    key : callable
        Of what can come next, the one with the least key does. Different for all units.

    Returns
    -------
    list of tuple of Operation, or None
        None where two of `joined` wait for each other.
    """
    units = {op: unit for unit in joined for op in unit}
    waits_for: dict[Unit, int] = {}
    users: dict[Unit, list[Unit]] = {}
    for op in operations:
        users.setdefault(units.setdefault(op, (op,)), [])
    for unit in users:
        before = {units[t.op] for op in unit for t in op.inputs}
        before.update(units[other] for op in unit for other in op.control_inputs)
        before.discard(unit)
        waits_for[unit] = len(before)
        for other in before:
            users[other].append(unit)
    ready = [(key(unit), unit) for unit in users if not waits_for[unit]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, unit = heapq.heappop(ready)
        order.append(unit)
        for user in users[unit]:
            waits_for[user] -= 1
            if not waits_for[user]:
                heapq.heappush(ready, (key(user), user))
    return order if len(order) == len(users) else None


def extract(
    fetches: Sequence[Tensor],
    targets: Sequence[Operation],
    feeds: Mapping[Tensor, FullShape],
) -> Program:
    """Return the program that computes `fetches` and `targets`: everything else is pruned.

    Parameters
    ----------
    fetches : sequence of Tensor
        The results wanted.
    targets : sequence of Operation
        The operations wanted for their effect.
    feeds : mapping of Tensor to tuple of int
        The tensors whose values will be given, with the shapes they will have. What only they
        needed is pruned too, and shapes after them are inferred anew.
    """
    graph = Graph()
    mapping: dict[Tensor, Tensor] = {}
    placeholders = []
    for tensor, shape in feeds.items():
        attrs = {"dtype": tensor.dtype, "shape": shape}
        with graph.source(tensor.op.source):
            # Beside a fed output, others may be computed: they need the name.
            name = tensor.op.name
            if len(tensor.op.outputs) > 1:
                name += f"/feed_{tensor.value_index}"
            fed = graph.create_op("Placeholder", (), attrs, f"{name}/").outputs[0]
        mapping[tensor] = fed
        placeholders.append(fed)
    program = Program(graph, (), tuple(fetches), tuple(targets))
    operations = needed(fetches, targets, mapping)
    return _copy(program, graph, operations, mapping, tuple(placeholders), _as_it_is)


def specialize(body: BodyGraph, fetches: Sequence[Tensor], shapes: Sequence[Shape]) -> Program:
    """Return the program of a call of a body, for inputs of shapes that may be known in part."""
    graph = Graph()
    mapping = {}
    for t, shape in zip(body.inputs, shapes, strict=True):
        attrs = {**t.op.attrs, "shape": shape}
        mapping[t] = graph.create_op("Placeholder", (), attrs, f"{t.op.name}/").outputs[0]
    program = Program(graph, (), tuple(fetches), ())
    operations = needed(fetches, (), mapping)
    return _copy(program, graph, operations, mapping, tuple(mapping.values()), _as_it_is)


def rebuild(program: Program, rule: Rule) -> Program:
    """Return a copy of the program with some operations replaced.

    The operations are copied in order, each with its new inputs; `rule` may give other tensors in
    its place. What nothing needs any more stays behind with the next call; see `prune`.

    Parameters
    ----------
    program : Program
        The program.
    rule : callable
        See `Rule`.
    """
    graph = Graph()
    feeds = []
    mapping: dict[Tensor, Tensor] = {}
    for tensor in program.feeds:
        fed = graph.copy_op(tensor.op, (), ()).outputs[0]
        mapping[tensor] = fed
        feeds.append(fed)
    given = {t.op for t in program.feeds}
    operations = [op for op in program.live() if op not in given]
    return _copy(program, graph, operations, mapping, tuple(feeds), rule)


def prune(program: Program) -> Program:
    """Return a program without what nothing needs: itself, where that is nothing."""
    if len(program.live()) == len(program.graph.get_operations()):
        return program
    return rebuild(program, _as_it_is)


def derive(
    graph: Graph,
    op: Operation,
    op_type: str,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any] | None = None,
    part: str = "",
) -> Tensor:
    """Add an operation that comes of another one; return its first output.

    Parameters
    ----------
    graph : Graph
        Where to.
    op : Operation
        What it stands for: it gets its name and source.
    op_type, inputs, attrs
        As of `Graph.create_op`.
    part : str, optional
        What it is called where it is only a part of what stands for `op`.
    """
    name = f"{op.name}.{part}" if part else op.name
    unique, count = name, 1
    while graph.has_operation(unique):
        unique, count = f"{name}_{count}", count + 1
    with graph.source(op.source):
        return graph.create_op(op_type, inputs, attrs, f"{unique}/").outputs[0]


def _as_it_is(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> None:
    """Copy an operation: a `Rule` that changes nothing."""
    del op, inputs, graph


def _copy(
    program: Program,
    graph: Graph,
    operations: Iterable[Operation],
    mapping: dict[Tensor, Tensor],
    feeds: tuple[Tensor, ...],
    rule: Rule,
) -> Program:
    replaced: dict[Operation, tuple[Operation, ...]] = {
        old.op: (new.op,) for old, new in mapping.items()
    }
    for op in operations:
        inputs = [mapping[t] for t in op.inputs]
        control: dict[Operation, None] = {}
        for c in op.control_inputs:
            control.update(dict.fromkeys(replaced.get(c, ())))
        outputs = None if control else rule(op, inputs, graph)
        if outputs is None:
            copy = graph.copy_op(op, inputs, control)
            outputs = copy.outputs
            replaced[op] = (copy,)
        else:
            replaced[op] = tuple(dict.fromkeys(t.op for t in outputs))
        for old, new in zip(op.outputs, outputs, strict=True):
            mapping.setdefault(old, new)
    return Program(
        graph,
        feeds,
        tuple(mapping[t] for t in program.fetches),
        tuple(new for op in program.targets for new in replaced[op]),
    )


def needed(
    fetches: Iterable[Tensor], targets: Iterable[Operation], known: Mapping[Tensor, Tensor]
) -> list[Operation]:
    """Return, in order, the operations that must run where the tensors `known` are given."""
    seen: set[Operation] = set()
    pending = [t.op for t in fetches if t not in known]
    pending.extend(
        op for op in targets if not op.outputs or any(t not in known for t in op.outputs)
    )
    while pending:
        op = pending.pop()
        if op in seen:
            continue
        seen.add(op)
        pending.extend(t.op for t in op.inputs if t not in known)
        pending.extend(c for c in op.control_inputs if not _given(c, known))
    return sorted(seen, key=lambda op: op.index)


def _given(op: Operation, known: Mapping[Tensor, Tensor]) -> bool:
    """Return whether all that the operation computes is given."""
    return bool(op.outputs) and all(t in known for t in op.outputs)
