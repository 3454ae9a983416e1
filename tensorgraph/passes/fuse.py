"""Fusion: elementwise operations in a row become one, so that memory is read and written once.

See `tensorgraph.ops.fused` for what is gained. A group is an operation with all those before it
whose results nothing but the group needs; so no other operation can lie between its members.
What `passes.regions` will run block by block together with convolutions is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.fused import Body
from tensorgraph.passes.program import Program, Uses, derive, rebuild
from tensorgraph.passes.regions import find_regions, is_elementwise

# Smaller results stay in the cache that the cores share, and each block has its price in calls.
FEWEST_ELEMENTS = 1 << 21
MOST_MEMBERS = 40
# What a compiled group may end with.
_REDUCTIONS = frozenset(["Sum", "Mean", "Max", "Min", "BiasAddGrad"])


def fuse_elementwise(program: Program, backend: Backend) -> Program:
    """Replace groups of elementwise operations on large tensors by one operation each."""
    uses = Uses(program)
    in_regions: set[Operation] = set()
    if not backend.compiles:
        in_regions.update(*(region.ops for region in find_regions(uses.operations)))
    groups = find_groups(uses, lambda op: op in in_regions, backend.compiles)
    if not groups:
        return program

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        members = groups.get(op)
        if members is None:
            return None
        new = _new_tensors(op, inputs, set(members))
        taken = dict.fromkeys(t for member in members for t in member.inputs)
        outside = [t for t in taken if t.op not in members]
        body = Body(outside, members)
        attrs = {"steps": str(body), "body": body}
        kind = "FusedReduction" if op.type in _REDUCTIONS else "FusedElementwise"
        return [derive(graph, op, kind, [new[t] for t in outside], attrs)]

    return rebuild(program, rule)


def find_groups(
    uses: Uses, skip: Callable[[Operation], bool], compiled: bool = False
) -> dict[Operation, tuple[Operation, ...]]:
    """Return the groups of two operations or more, in order, each by its last operation.

    Parameters
    ----------
    uses : Uses
        The program.
    skip : callable
        Says of an operation whether it must be left alone.
    compiled : bool, default False
        Each group will be a compiled function, which gains whatever the size.
    """
    fits = _is_expressed if compiled else _is_candidate
    free = {op for op in uses.operations if fits(op) and not skip(op)}
    groups: dict[Operation, tuple[Operation, ...]] = {}
    for op in reversed(uses.operations):
        if op in free or (compiled and _is_last(op, free, uses)):
            members = _grow(op, free, uses)
            free -= members
            if len(members) > 1:
                groups[op] = tuple(sorted(members, key=lambda member: member.index))
    return groups


def _is_candidate(op: Operation) -> bool:
    if not is_elementwise(op) or op.control_inputs or any(t.is_ref for t in op.inputs):
        return False
    (y,) = op.outputs
    if not all(shapes.is_full(t.dims) for t in (*op.inputs, y)):
        return False
    return (shapes.num_elements(y.dims) or 0) >= FEWEST_ELEMENTS


def _is_expressed(op: Operation) -> bool:
    """Return whether an operation can be a part of a compiled function."""
    known = all(shapes.is_full(t.dims) for t in (*op.inputs, *op.outputs))
    return (
        known and is_elementwise(op) and not op.control_inputs and bool(op.definition.cuda_of(op))
    )


def _is_last(op: Operation, free: set[Operation], uses: Uses) -> bool:
    """Return whether an operation reduces what a group makes for nothing else."""
    if op.type not in _REDUCTIONS or op.control_inputs:
        return False
    (x,) = op.inputs
    return x.op in free and uses.only_taker(x) is op and bool(shapes.num_elements(x.dims))


def _grow(last: Operation, free: set[Operation], uses: Uses) -> set[Operation]:
    """Return an operation with those before it that only the group needs."""
    members = {last}
    dims = (last.inputs[0] if last.type in _REDUCTIONS else last.outputs[0]).dims
    pending = [t.op for t in last.inputs]
    while pending and len(members) < MOST_MEMBERS:
        op = pending.pop()
        if op in members or op not in free or op.outputs[0].dims != dims:
            continue
        if uses.is_inner(op) and members.issuperset(uses.takers(op.outputs[0])):
            members.add(op)
            pending += [t.op for t in op.inputs]
    return members


def _new_tensors(
    last: Operation, inputs: Sequence[Tensor], members: set[Operation]
) -> dict[Tensor, Tensor]:
    """Return what stands in the new graph for what a group takes, found by walking both graphs."""
    found: dict[Tensor, Tensor] = {}
    pending = list(zip(last.inputs, inputs, strict=True))
    while pending:
        old, new = pending.pop()
        if old not in found:
            found[old] = new
            if old.op in members:
                pending += zip(old.op.inputs, new.op.inputs, strict=True)
    return found
