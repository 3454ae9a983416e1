"""Regions: operations that work on each part of a batch by itself, to be run part by part.

A convolution, its bias, its activation and the pooling after it, and all their gradients, need of
each other only the same images. Run one after the other, each is shared out between workers anew,
and each writes its results for the whole batch. Run as a chain over a block of images at a time,
workers meet once for all of them, and what only the next operation needs is never there as a whole.

What is a sum over the batch, as the gradient of a filter, takes part: each block adds its share.
Only what needs such a sum must wait until all blocks are done. So a region is a set of operations
between two such points.

Each operation gets a level: the number of those points before it. Whatever works by blocks, on
batches of the same size, and has the same level, is one region. No other operation can lie between
two of them: it would depend on the one and be one level higher than the other.

In a region blocks may lie in memory as it suits them: with all images side by side, line by line
and pixel by pixel, so that what would be done for one pixel's channels is done for all of them; and
where images have few channels, as in the first networks of every course, channel by channel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tensorgraph.base import shapes
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Blockwise, Elementwise, Role

# Regions that make less than this are not worth their blocks.
SMALL_REGION = 1 << 20
# Of fewer images, large ones mostly, each operation cuts as many as suit it.
FEWEST_IMAGES = 16
# Where no image has more channels, blocks lie plane by plane.
FEW_CHANNELS = 16
# What is elementwise, too, but for the restriction that the shapes are equal, or one is a vector.
_ALSO = frozenset(["ReluGrad", "Relu6Grad", "BiasAdd", "AddN", "Cast", "FusedElementwise"])


class Region(NamedTuple):
    """Operations that run block by block.

    Attributes
    ----------
    ops : tuple of Operation
        In order.
    ways : tuple of Blockwise
        How each of them works on a block.
    batch : int
        How many rows their results have.
    """

    ops: tuple[Operation, ...]
    ways: tuple[Blockwise, ...]
    batch: int


def find_regions(order: Sequence[Operation]) -> list[Region]:
    """Return the regions of a program.

    Parameters
    ----------
    order : sequence of Operation
        Its operations, in an order of execution.
    """
    ways = {op: way for op in order if (way := way_of(op))}
    batches = {op: batch for op, way in ways.items() if (batch := _batch(op, way))}
    level: dict[Operation, int] = {}
    members: dict[tuple[int, int], list[Operation]] = defaultdict(list)
    for op in order:
        batch = batches.get(op)
        here = max((level[other] + (other in batches) for other in op.control_inputs), default=0)
        for i, t in enumerate(op.inputs):
            inside = (
                batch is not None
                and batches.get(t.op) == batch
                and ways[op].inputs[i] is Role.ROWS
                and ways[t.op].outputs[t.value_index] is Role.ROWS
            )
            here = max(here, level[t.op] + (t.op in batches and not inside))
        level[op] = here
        if batch is not None:
            members[here, batch].append(op)
    return [
        Region(tuple(ops), tuple(ways[op] for op in ops), batch)
        for (_, batch), ops in members.items()
        if len(ops) > 1
        and batch >= FEWEST_IMAGES
        and any(map(_on_images, ops))
        and _bytes(ops) >= SMALL_REGION
    ]


def few_channels(regions: Sequence[Region]) -> bool:
    """Return whether no image of regions has many channels, and no filter makes many of many.

    By many, of many, convolutions are computed in ways that need no long lines.
    """
    channels = []
    for region in regions:
        for op, way in zip(region.ops, region.ways, strict=True):
            roles = (
                *zip(op.inputs, way.inputs, strict=True),
                *zip(op.outputs, way.outputs, strict=True),
            )
            for dims, role in ((t.dims or (), role) for t, role in roles):
                if len(dims) == 4 and role is Role.ROWS:
                    channels.append(dims[-1] or 0)
                elif len(dims) == 4 and min(d or 0 for d in dims[-2:]) >= FEW_CHANNELS:
                    return False
    return bool(channels) and max(channels) <= FEW_CHANNELS


def is_elementwise(op: Operation) -> bool:
    """Return whether each element of the result is made of the same elements of the inputs."""
    plain = isinstance(op.definition, Elementwise) and op.definition.uses_out
    return plain or op.type in _ALSO


def way_of(op: Operation) -> Blockwise | None:
    """Return how an operation works on a part of a batch; None if it cannot."""
    definition = op.definition
    if definition.stateful or not definition.uses_out or not op.outputs or op.control_inputs:
        return None
    if any(t.is_ref for t in op.inputs):
        return None
    if not all(shapes.is_full(t.dims) for t in (*op.inputs, *op.outputs)):
        return None
    return definition.blockwise(op) if all(t.dims for t in op.outputs) else None


def _batch(op: Operation, way: Blockwise) -> int | None:
    """Return how many rows an operation works on one by one; None if they are not known."""
    given, made = zip(op.inputs, way.inputs, strict=True), zip(op.outputs, way.outputs, strict=True)
    rows = set()
    for t, role in (*given, *made):
        if role is Role.ROWS and t.dims:
            rows.add(t.dims[0])
        # The rows that a shape speaks of must be known to be cut.
        if role is Role.SHAPE and t.op.type != "Const":
            return None
    return rows.pop() if len(rows) == 1 else None


def _on_images(op: Operation) -> bool:
    """Return whether an operation looks around in images, or adds up over them."""
    return not is_elementwise(op) and any(len(t.dims or ()) > 3 for t in op.inputs)


def _bytes(ops: Sequence[Operation]) -> int:
    """Return how much operations read and write."""
    return sum(nbytes(t) for t in {t for op in ops for t in (*op.inputs, *op.outputs)})


def nbytes(t: Tensor) -> int:
    """Return the size of a tensor of known shape."""
    return (shapes.num_elements(t.dims) or 0) * t.dtype.size
