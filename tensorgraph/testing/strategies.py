"""Strategies for hypothesis: shapes, arrays, valid uses of each op, and whole random graphs.

Needs hypothesis: ``pip install 'tensorgraph-engine[testing]'``.

>>> @given(samples("MatMul"))
... def test_matmul(use):
...     sample, arrays = use
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "tensorgraph.testing.strategies needs hypothesis: pip install 'tensorgraph-engine[testing]'"
    ) from error

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.opdef import REAL, Domain, Input, OpDef, Sample, lookup, registered
from tensorgraph.testing.random_graphs import Node, RandomGraph, intervals
from tensorgraph.testing.random_trainings import OPTIMIZERS, RandomTraining

Array = npt.NDArray[Any]
T = TypeVar("T")

# Sizes of axes. The empty one is rare, for a tensor of three axes is empty if any of them is.
SIZES = (1, 2, 3, 1, 2, 3, 2, 0)


class HypothesisDraw:
    """The choices of a sample, made by hypothesis: it can make a failing one smaller.

    It is the `Draw` that `OpDef.sample` is handed.

    Parameters
    ----------
    draw : callable
        The first argument of a function under ``@st.composite``.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        """Return an integer of ``[low, high]``."""
        number: int = self._draw(st.integers(low, high))
        return number

    def choice(self, options: Sequence[Any]) -> Any:
        """Return one of the options; a failing example tends to the first."""
        return options[self._draw(st.integers(0, len(options) - 1))]

    def boolean(self) -> bool:
        """Return False or True."""
        answer: bool = self._draw(st.booleans())
        return answer

    def size(self, low: int = 0) -> int:
        """Return a small size; 0 and 1 come often."""
        number: int = self._draw(st.sampled_from([n for n in SIZES if n >= low]))
        return number

    def shape(self, min_rank: int = 0, max_rank: int = 3, low: int = 0) -> tuple[int, ...]:
        """Return a small shape."""
        return tuple(self.size(low) for _ in range(self.integer(min_rank, max_rank)))

    def broadcastable(self, count: int) -> tuple[tuple[int, ...], ...]:
        """Return shapes that broadcast together."""
        full = self.shape()
        result = []
        for _ in range(count):
            kept = full[self.integer(0, len(full)) :]
            result.append(tuple(1 if self.boolean() else d for d in kept))
        return tuple(result)

    def probabilities(self, rows: int, columns: int) -> Array:
        """Return a float64 matrix whose rows are positive and sum to 1."""
        parts = [[self.integer(1, 9) for _ in range(columns)] for _ in range(rows)]
        weights = np.array(parts, np.float64).reshape(rows, columns)
        rows_of_one: Array = weights / weights.sum(1, keepdims=True)
        return rows_of_one


@st.composite
def shapes(draw: st.DrawFn, min_rank: int = 0, max_rank: int = 3, low: int = 0) -> tuple[int, ...]:
    """Return a strategy for small shapes whose sizes are `low` or more."""
    return HypothesisDraw(draw).shape(min_rank, max_rank, low)


@st.composite
def broadcastable_shapes(draw: st.DrawFn, count: int) -> tuple[tuple[int, ...], ...]:
    """Return a strategy for `count` shapes that broadcast together."""
    return HypothesisDraw(draw).broadcastable(count)


@st.composite
def arrays(
    draw: st.DrawFn, shape: tuple[int, ...], domain: Domain = REAL, dtype: DType = dtypes.float64
) -> Array:
    """Return a strategy for arrays whose elements lie in a domain.

    Only the seed of the elements is drawn, so that large arrays cost no more than small ones.

    Parameters
    ----------
    shape : tuple of int
        The shape.
    domain : Domain
        Where the elements lie; bools may be both, integers are rounded towards zero.
    dtype : DType
        The element type.
    """
    (array,) = _arrays(draw, [(shape, domain, dtype)])
    return array


@st.composite
def samples(
    draw: st.DrawFn, op_type: str, dtype: DType = dtypes.float64
) -> tuple[Sample, tuple[Array, ...]]:
    """Return a strategy for valid uses of an op: the sample, and an array for each input.

    Parameters
    ----------
    op_type : str
        A registered type that has samples.
    dtype : DType, default float64
        The element type of inputs that could have several.

    Raises
    ------
    LookupError
        If there is no such op.
    """
    sample = lookup(op_type).sample(HypothesisDraw(draw))
    assert sample is not None, f"op type {op_type!r} has no samples"
    return sample, concrete(draw, sample.inputs, dtype)


def concrete(draw: st.DrawFn, inputs: Sequence[Input], dtype: DType) -> tuple[Array, ...]:
    """Return an array for each input of a sample."""
    drawn = iter(
        _arrays(draw, [(i.shape, i.domain, i.dtype or dtype) for i in inputs if i.value is None])
    )
    return tuple(next(drawn) if i.value is None else fixed(i, dtype) for i in inputs)


def fixed(given: Input, dtype: DType) -> Array:
    """Return the value of an input that has a fixed one; floats get the type under test."""
    value = np.asarray(given.value)
    if given.dtype is not None:
        return value.astype(given.dtype.np_dtype)
    return value.astype(dtype.np_dtype) if value.dtype.kind == "f" else value


def _arrays(
    draw: st.DrawFn, wanted: Sequence[tuple[tuple[int, ...], Domain, DType]]
) -> list[Array]:
    rng = np.random.default_rng(draw(st.integers(0, 255)))
    # What must be distinct must be so over all arrays together.
    total = sum(math.prod(s) for s, d, _ in wanted if d.distinct)
    places = rng.permutation(total)
    result = []
    values: Array
    for shape, domain, dtype in wanted:
        count = math.prod(shape)
        if dtype.is_bool:
            values = rng.integers(0, 2, count)
        elif domain.distinct:
            mine, places = places[:count], places[count:]
            # Around the middle of the domain; many elements may reach beyond its ends.
            values = (domain.low + domain.high) / 2 + (mine - (total - 1) / 2) * domain.margin
        else:
            values = _inside(domain, rng.uniform(size=count))
        result.append(values.astype(dtype.np_dtype).reshape(shape))
    return result


def _inside(domain: Domain, fractions: Array) -> Array:
    """Return numbers of [0, 1) spread evenly over a domain."""
    parts = intervals(domain)
    lengths = [high - low for low, high in parts]
    along = fractions * sum(lengths)
    values = np.empty_like(along)
    start = 0.0
    for (low, _), length in zip(parts, lengths, strict=True):
        here = along >= start
        values[here] = low + along[here] - start
        start += length
    return values


def op_types() -> list[str]:
    """Return the types of all ops that can be nodes of a random graph: differentiable, sampled."""
    return sorted(
        name
        for name, definition in registered().items()
        if definition.differentiable and type(definition).sample is not OpDef.sample
    )


@st.composite
def _nodes(draw: st.DrawFn, types: Sequence[str]) -> Node:
    op_type = draw(st.sampled_from(types))
    sample = lookup(op_type).sample(HypothesisDraw(draw))
    assert sample is not None
    return Node(op_type, sample, tuple(draw(st.integers(0, 31)) for _ in sample.inputs))


def _smooth(node: Node) -> bool:
    """Return whether values made by other nodes keep away from the op's kinks."""
    return not any(i.domain.distinct and i.value is None for i in node.sample.inputs)


@st.composite
def random_graphs(
    draw: st.DrawFn, max_nodes: int = 8, types: Sequence[str] | None = None
) -> RandomGraph:
    """Return a strategy for graphs of random ops.

    A graph is encoded as a list of ops, each with the numbers of its inputs, so that a failing
    one is made smaller by leaving nodes out.

    Parameters
    ----------
    max_nodes : int, default 8
        How many nodes at most.
    types : sequence of str, optional
        The ops to choose from; default `op_types`.
    """
    chosen = op_types() if types is None else list(types)
    nodes = draw(st.lists(_nodes(chosen).filter(_smooth), min_size=1, max_size=max_nodes))
    # A node takes many choices, which hypothesis seldom leaves out all at once; but it tries each
    # choice at its least, and so leaves out any node that does not matter.
    kept = [node for node in nodes if draw(st.integers(0, 7))]
    count = draw(st.integers(1, 2))
    inputs = tuple(draw(arrays(draw(shapes(low=1)))) for _ in range(count))
    return RandomGraph(inputs, tuple(kept or nodes[-1:]))


@st.composite
def random_trainings(
    draw: st.DrawFn, max_nodes: int = 8, types: Sequence[str] | None = None
) -> RandomTraining:
    """Return a strategy for whole trainings: variables, a random graph on them, an optimizer.

    Parameters are those of `random_graphs`.
    """
    graph = draw(random_graphs(max_nodes, types))
    weights = tuple(draw(arrays(x.shape)) for x in graph.inputs)
    return RandomTraining(graph, weights, draw(st.sampled_from(sorted(OPTIMIZERS))))
