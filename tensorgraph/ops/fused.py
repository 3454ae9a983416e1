"""Several elementwise operations as one, computed a block at a time.

An elementwise operation on megabytes waits for memory: it reads and writes all of it to do one
addition an element. Ten of them in a row do so ten times. Computed one after the other for some
ten thousand elements, what one hands to the next is still in the processor's cache, and memory is
read and written once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorgraph.base import dtypes
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Blockwise,
    KernelContext,
    OpDef,
    Role,
    Spec,
    register,
)
from tensorgraph.ops.shares import Block, for_blocks

# So many arrays of a block, of this size together, are in the cache at the same time.
ARRAYS_AT_HAND = 8


class Step(NamedTuple):
    """One operation of a body.

    Attributes
    ----------
    op : Operation
        The operation, whose kernel computes a block.
    inputs : tuple of int
        Which values it takes: the inputs of the body count first, then the steps before.
    register : int
        Which block of working memory it writes to; -1 for the result.
    """

    op: Operation
    inputs: tuple[int, ...]
    register: int


class Body:
    """A small program of elementwise operations, all of one shape.

    Parameters
    ----------
    inputs : sequence of Tensor
        What the operations take from outside.
    members : sequence of Operation
        The operations, in order; the last one gives the result.

    Attributes
    ----------
    steps : tuple of Step
        The operations, as copies in a graph of their own.
    """

    def __init__(self, inputs: Sequence[Tensor], members: Sequence[Operation]) -> None:
        graph = Graph()
        copies: dict[Tensor, Tensor] = {}
        for n, t in enumerate(inputs):
            attrs = {"dtype": t.dtype, "shape": t.dims}
            with graph.source(t.op.source):
                copies[t] = graph.create_op("Placeholder", (), attrs, f"{n}").outputs[0]
        operations = []
        for op in members:
            copy = graph.copy_op(op, [copies[t] for t in op.inputs], ())
            copies[op.outputs[0]] = copy.outputs[0]
            operations.append(copy)
        places = {t: n for n, t in enumerate(copies.values())}
        self.steps = _with_registers(operations, places)

    def __str__(self) -> str:
        return ", ".join(step.op.type for step in self.steps)


def _with_registers(operations: Sequence[Operation], places: dict[Tensor, int]) -> tuple[Step, ...]:
    """Return the steps, each with working memory that nobody needs any more when it runs."""
    last = {t: n for n, op in enumerate(operations) for t in op.inputs}
    steps: list[Step] = []
    free: list[int] = []
    used = 0
    taken: dict[Tensor, int] = {}
    for n, op in enumerate(operations):
        place = -1
        if n < len(operations) - 1:
            # Not that of an input: some kernels read one again after they have begun to write.
            place = free.pop() if free else used
            used = max(used, place + 1)
            taken[op.outputs[0]] = place
        steps.append(Step(op, tuple(places[t] for t in op.inputs), place))
        for t in dict.fromkeys(op.inputs):
            if t in taken and last[t] == n:
                free.append(taken.pop(t))
    return tuple(steps)


class _Fused(OpDef):
    inputs = (Arg("x", dtypes.ALL, group=""),)
    variadic = True
    uses_out = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        (result,) = op.attrs["body"].steps[-1].op.outputs
        return (Spec(result.dtype, result.dims),)

    def flops(self, op: Operation) -> int:
        return sum(step.op.definition.flops(step.op) for step in op.attrs["body"].steps)


@register
class FusedElementwise(_Fused):
    """Elementwise operations in a row, made one by the pass ``fuse``."""

    type = "FusedElementwise"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        steps = k.op.attrs["body"].steps
        out = k.out
        if out is None:
            dtype = k.op.outputs[0].dtype.np_dtype
            out = k.xp.empty(k.xp.broadcast_shapes(*(a.shape for a in inputs)), dtype)
        lead = _lead(out, inputs)
        count = math.prod(out.shape[:lead])
        target = out.reshape(count, *out.shape[lead:])
        given = [_as_rows(a, out.shape, lead, count) for a in inputs]

        def task(block: Block) -> None:
            part = target[block.part]
            values = [a[block.part] if by_rows else a for a, by_rows in given]
            for n, (op, places, place) in enumerate(steps):
                into = part
                if place >= 0:
                    dtype = op.outputs[0].dtype.np_dtype
                    into = block.scratch(f"register {place}", part.shape, dtype)
                context = k.part(f"{n} of {block.worker}", into, op)
                values.append(op.definition.kernel(context, *[values[i] for i in places]))

        for_blocks(k, count, ARRAYS_AT_HAND * out.nbytes // max(count, 1), task)
        return out

    def blockwise(self, op: Operation) -> Blockwise | None:
        (y,) = op.outputs
        rows = [_is_by_rows(t.dims or (), y.dims or (), 1) for t in op.inputs]
        return Blockwise(tuple(Role.ROWS if own else Role.WHOLE for own in rows))


@register
class FusedReduction(_Fused):
    """Elementwise operations in a row, and a reduction of what they come to.

    Where groups are compiled (`Backend.compiles`), what is added up need not be written first.
    """

    type = "FusedReduction"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        steps, values = k.op.attrs["body"].steps, list(inputs)
        for n, (op, places, place) in enumerate(steps):
            context = k.part(f"{n}", k.out if place < 0 else None, op)
            values.append(op.definition.kernel(context, *[values[i] for i in places]))
        return values[-1]


def _lead(out: Any, inputs: Sequence[Any]) -> int:
    """Return how many axes, from the first on, can be walked along as one.

    Along those an input is as long as the result, or is the same all the way.
    """
    for lead in range(out.ndim, 1, -1):
        axes = out.shape[:lead]
        rows = [a for a in inputs if _is_by_rows(a.shape, out.shape, lead)]
        others = (a for a in inputs if not _is_by_rows(a.shape, out.shape, lead))
        if all(a.flags.c_contiguous for a in (out, *rows)) and all(
            math.prod(a.shape[: max(a.ndim - out.ndim + len(axes), 0)]) == 1 for a in others
        ):
            return lead
    return 1


def _is_by_rows(shape: Sequence[int | None], whole: Sequence[int | None], lead: int) -> bool:
    """Return whether an input has the first axes of the result."""
    return len(shape) == len(whole) and tuple(shape[:lead]) == tuple(whole[:lead])


def _as_rows(array: Any, shape: tuple[int, ...], lead: int, count: int) -> tuple[Any, bool]:
    """Return an input with the first axes made one, or without them, and whether it has them."""
    if _is_by_rows(array.shape, shape, lead):
        return array.reshape(count, *array.shape[lead:]), True
    rest = len(shape) - lead
    extra = max(array.ndim - rest, 0)
    return array.reshape(array.shape[extra:]), False
