"""Updates of several variables by one rule, made one operation.

A small network takes longer to begin operations than to compute them, and its optimizer has a dozen
for each variable. Variables that are updated by the same rule, with the same settings, can be
updated by one operation; see `tensorgraph.ops.training.Rule`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.training import Rule, is_own
from tensorgraph.passes.program import Program, Unit, Uses, in_order


def join_updates(program: Program, backend: Backend) -> Program:
    """Replace updates that differ in nothing but their variables by one operation."""
    del backend
    joined = _alike(program)
    order = in_order(program.live(), joined, lambda unit: unit[-1].index) if joined else None
    if order is None:
        return program
    graph = Graph()
    copies: dict[Operation, Operation] = {}
    for t in program.feeds:
        copies[t.op] = graph.copy_op(t.op, (), ())

    def new(t: Tensor) -> Tensor:
        return copies[t.op].outputs[t.value_index]

    for unit in order:
        control = dict.fromkeys(copies[c] for op in unit for c in op.control_inputs)
        if len(unit) == 1:
            (op,) = unit
            if op not in copies:
                copies[op] = graph.copy_op(op, [new(t) for t in op.inputs], control)
        else:
            first, inputs = unit[0], [new(t) for t in _inputs(unit)]
            with graph.source(first.source), graph.control_dependencies(list(control)):
                one = graph.create_op(first.type, inputs, first.attrs, f"{first.name}/")
            copies.update(dict.fromkeys(unit, one))
    targets = dict.fromkeys(copies[op] for op in program.targets)
    return Program(
        graph,
        tuple(new(t) for t in program.feeds),
        tuple(new(t) for t in program.fetches),
        tuple(targets),
    )


def _alike(program: Program) -> list[Unit]:
    """Return sets of updates that can be one: none of a set comes after another one of it."""
    uses = Uses(program)
    fetched = {t.op for t in program.fetches}
    groups: dict[Hashable, list[Operation]] = defaultdict(list)
    keys: dict[Operation, Hashable] = {}
    # For each operation that comes after updates, which ones: few do.
    after: dict[Operation, frozenset[Operation]] = {}
    for op in uses.operations:
        before = [*(t.op for t in op.inputs), *op.control_inputs]
        updates = frozenset[Operation]().union(
            *(after[other] for other in before if other in after),
            (other for other in before if other in keys),
        )
        if updates:
            after[op] = updates
        if not isinstance(op.definition, Rule) or op in fetched or uses.takers(op.outputs[0]):
            continue
        rule, inputs = op.definition, op.inputs
        if len(inputs) != len(rule.inputs):
            continue
        settings = [t for t, arg in zip(inputs, rule.inputs, strict=True) if not is_own(arg)]
        key = (op.type, tuple(sorted(op.attrs.items())), inputs[0].dtype, *settings)
        group = groups[key]
        if updates.isdisjoint(group) and all(inputs[0] is not other.inputs[0] for other in group):
            group.append(op)
            keys[op] = key
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _inputs(unit: Unit) -> list[Tensor]:
    """Return the inputs of one operation that does what several of a rule do."""
    result: list[Tensor] = []
    for place, arg in enumerate(unit[0].definition.inputs):
        result.extend(op.inputs[place] for op in (unit if is_own(arg) else unit[:1]))
    return result
