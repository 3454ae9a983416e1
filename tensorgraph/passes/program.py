"""`Program`: the part of a graph that one run computes, as a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    return _copy(program, graph, mapping, tuple(placeholders), lambda op, inputs, graph: None)


def specialize(body: BodyGraph, fetches: Sequence[Tensor], shapes: Sequence[Shape]) -> Program:
    """Return the program of a call of a body, for inputs of shapes that may be known in part."""
    graph = Graph()
    mapping = {}
    for t, shape in zip(body.inputs, shapes, strict=True):
        attrs = {**t.op.attrs, "shape": shape}
        mapping[t] = graph.create_op("Placeholder", (), attrs, f"{t.op.name}/").outputs[0]
    program = Program(graph, (), tuple(fetches), ())
    return _copy(program, graph, mapping, tuple(mapping.values()), lambda op, inputs, graph: None)


def rebuild(program: Program, rule: Rule) -> Program:
    """Return a copy of the program with some operations replaced.

    The operations are copied in order, each with its new inputs; `rule` may give other tensors in
    its place. What nothing needs any more stays behind with the next call.

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
    return _copy(program, graph, mapping, tuple(feeds), rule)


def _copy(
    program: Program,
    graph: Graph,
    mapping: dict[Tensor, Tensor],
    feeds: tuple[Tensor, ...],
    rule: Rule,
) -> Program:
    replaced: dict[Operation, tuple[Operation, ...]] = {
        old.op: (new.op,) for old, new in mapping.items()
    }
    for op in needed(program.fetches, program.targets, mapping):
        inputs = [mapping[t] for t in op.inputs]
        control = [new for c in op.control_inputs for new in replaced.get(c, ())]
        outputs = None if control else rule(op, inputs, graph)
        if outputs is None:
            copy = graph.copy_op(op, inputs, dict.fromkeys(control))
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
