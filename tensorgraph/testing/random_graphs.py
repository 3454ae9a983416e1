"""Random graphs as data: ops with the numbers of their inputs, and how to build them.

Any op with samples can be a node. Its sample says what shapes it wants, and where the values may
lie; other nodes' values are brought there, by repeating or cutting their elements and by a smooth
function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import FullShape
from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.opdef import Domain, Input, Sample, lookup
from tensorgraph.ops.array import reshape
from tensorgraph.ops.blocks import concat, slice_
from tensorgraph.ops.math import sigmoid
from tensorgraph.ops.sources import placeholder

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One node of a random graph.

    Attributes
    ----------
    op_type : str
        Its kind.
    sample : Sample
        The shapes and domains of its inputs, and its attributes.
    sources : tuple of int
        For each input, which of the tensors made so far it takes, counted round and round.
    """

    op_type: str
    sample: Sample
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Built:
    """A random graph, built.

    Attributes
    ----------
    inputs : list of Tensor
        What the nodes stand on.
    outputs : list of Tensor
        What each node gives.
    last : Tensor
        The newest of them that has elements and is of floating-point type.
    """

    inputs: list[Tensor]
    outputs: list[Tensor]
    last: Tensor


@dataclass(frozen=True)
class RandomGraph:
    """A graph as data.

    Attributes
    ----------
    inputs : tuple of array
        The values of the placeholders; none is empty.
    nodes : tuple of Node
        The ops, in order.
    """

    inputs: tuple[Array, ...]
    nodes: tuple[Node, ...]

    def build(self) -> Built:
        """Add it to the default graph, in float64."""
        return self.build_on([placeholder(dtypes.float64, x.shape) for x in self.inputs])

    def build_on(self, inputs: Sequence[Tensor]) -> Built:
        """Add its nodes to the default graph, on tensors of the inputs' shapes and one type."""
        usable = list(inputs)
        dtype = inputs[0].dtype
        outputs: list[Tensor] = []
        for node in self.nodes:
            made = _build_node(node, usable, dtype)
            outputs.extend(made)
            usable.extend(t for t in made if t.dtype is dtype and t.shape.num_elements())
        return Built(list(inputs), outputs, usable[-1])


def _build_node(node: Node, usable: list[Tensor], dtype: DType) -> tuple[Tensor, ...]:
    inputs = []
    arguments = lookup(node.op_type).args(len(node.sample.inputs))
    for given, arg, source in zip(node.sample.inputs, arguments, node.sources, strict=True):
        if given.value is not None:
            inputs.append(_constant(given, dtype))
        elif dtype in arg.dtypes:
            inputs.append(_fit(usable[source % len(usable)], given.shape, given.domain))
        else:
            zeros = np.zeros(given.shape, (given.dtype or arg.dtypes[0]).np_dtype)
            inputs.append(convert_to_tensor(zeros))
    return get_default_graph().apply(node.op_type, *inputs, **node.sample.attrs).outputs


def _constant(given: Input, dtype: DType) -> Tensor:
    value = np.asarray(given.value)
    return convert_to_tensor(value.astype(dtype.np_dtype) if value.dtype.kind == "f" else value)


def _fit(x: Tensor, shape: FullShape, domain: Domain) -> Tensor:
    """Return a tensor of that shape and domain whose elements are made of those of `x`."""
    have, want = x.shape.num_elements(), math.prod(shape)
    assert have, "an empty tensor is no source of elements"
    flat = reshape(x, [-1])
    if have < want:
        flat = concat([flat] * -(-want // have), 0)
    if have != want:
        flat = slice_(flat, [0], [want])
    low, high = widest_interval(domain)
    # Also keeps the numbers from growing from node to node.
    return low + (high - low) * sigmoid(reshape(flat, shape))


def widest_interval(domain: Domain) -> tuple[float, float]:
    """Return the longest of the intervals between the points that a domain avoids."""
    return max(intervals(domain), key=lambda ends: ends[1] - ends[0])


def intervals(domain: Domain) -> list[tuple[float, float]]:
    """Return what is left of a domain around the points that it avoids."""
    ends = [domain.low]
    for point in sorted(domain.avoid):
        ends += [point - domain.margin, point + domain.margin]
    ends.append(domain.high)
    pairs = zip(ends[::2], ends[1::2], strict=True)
    return [(low, high) for low, high in pairs if low < high]
