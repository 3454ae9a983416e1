"""Fetches and feeds as users write them, made ready once for many runs.

What a run needs to know of them does not change: which tensors they are, which types are fed, and
how the results are put together. As long as what is fed are arrays of the types and shapes of the
run before, its plan is the right one, and there is nothing to look up or to check.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.backend import Array
from tensorgraph.base.constants import feed_array
from tensorgraph.base.shapes import FullShape
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.indexed_slices import IndexedSlices, IndexedSlicesValue
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.variables import Variable
from tensorgraph.runtime.numerics import check_feeds
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.plans import Key, Plans

# What runs a plan, by default `Plan.run`.
Runner = Callable[[Plan, Sequence[Array]], list[np.ndarray[Any, Any]]]

# What is the same fetch or feed whenever it is equal.
_LEAVES = frozenset((Tensor, Operation, Variable, str))


class _Feed(NamedTuple):
    """What is fed to a tensor: its place among the values, and what it was in the run before."""

    place: int
    tensor: Tensor
    dtype: np.dtype[Any] | None
    shape: FullShape | None


class _Ready(NamedTuple):
    """What the run before has found."""

    plan: Callable[[], Plan | None]
    key: Key
    feeds: Sequence[_Feed]


class Call:
    """Fetches and feeds of a session.

    Parameters
    ----------
    plans : Plans
        The session's plans.
    graph : Graph
        What fetches and feeds are part of.
    fetches : object
        What to compute, nested as users like.
    feeds : iterable
        What will be fed: tensors, or variables, or names of them.

    Attributes
    ----------
    elements : list of Tensor or Operation
        The leaves of `fetches`.

    Raises
    ------
    TypeError, ValueError
        If a fetch or a feed is no part of the graph, or cannot be one.
    """

    __slots__ = ("_has_operations", "_plans", "_ready", "_rebuild", "elements")

    def __init__(self, plans: Plans, graph: Graph, fetches: Any, feeds: Iterable[Any]) -> None:
        self._plans = plans
        self.elements: list[Tensor | Operation] = []
        self._rebuild = _flatten(graph, fetches, self.elements)
        self._has_operations = any(isinstance(e, Operation) for e in self.elements)
        # Where a tensor is named twice, the last one counts.
        places = {_fed_tensor(graph, key): place for place, key in enumerate(feeds)}
        unknown = [_Feed(place, tensor, None, None) for tensor, place in places.items()]
        self._ready = _Ready(lambda: None, ((), ()), unknown)

    def run(self, values: Sequence[Any], run: Runner = Plan.run) -> Any:
        """Return the values of the fetches.

        Parameters
        ----------
        values : sequence
            One for each of the feeds.
        run : callable, optional
            What runs the plan.

        Returns
        -------
        numpy.ndarray or numpy scalar, or a structure of them like `fetches`

        Raises
        ------
        RuntimeError
            If the session is closed.
        TypeError, ValueError
            If a value has the wrong type or shape.
        OpError
            If an operation fails.
        """
        known, key, feeds = self._ready
        plan = known()
        from_host = self._plans.backend.from_host
        arrays = []
        for place, tensor, dtype, shape in feeds:
            value = values[place]
            if type(value) is not np.ndarray or value.dtype is not dtype:
                value = _fed_array(tensor, value)
            if value.shape != shape:
                plan = None
            arrays.append(from_host(value))
        if plan is None:
            plan = self._find(arrays)
        else:
            self._plans.used(key, plan)
        if self._plans.state.check_numerics:
            fed = {feed.tensor: array for feed, array in zip(feeds, arrays, strict=True)}
            check_feeds(self._plans.backend.xp, fed)
        results: list[Any] = [v if v.ndim else v[()] for v in run(plan, arrays)]
        if self._has_operations:
            found = iter(results)
            results = [next(found) if isinstance(e, Tensor) else None for e in self.elements]
        return self._rebuild(results)

    def shapes(self, values: Sequence[Any]) -> dict[Tensor, FullShape]:
        """Return the shapes of what is fed, checked as in `run`."""
        return {
            feed.tensor: _checked_shape(feed.tensor, _fed_array(feed.tensor, values[feed.place]))
            for feed in self._ready.feeds
        }

    def _find(self, arrays: Sequence[Array]) -> Plan:
        """Return the plan for arrays of new shapes, and remember it."""
        feeds = [
            feed._replace(dtype=_plain_dtype(feed.tensor), shape=_checked_shape(feed.tensor, array))
            for feed, array in zip(self._ready.feeds, arrays, strict=True)
        ]
        fed = {feed.tensor: feed.shape for feed in feeds if feed.shape is not None}
        key, plan = self._plans.find(self.elements, fed)
        # Weakly: a plan owns memory, and the session decides how many it keeps.
        self._ready = _Ready(weakref.ref(plan), key, feeds)
        return plan


def signature(fetches: Any, feeds: Iterable[Any]) -> Hashable:
    """Return what is equal for equal fetches and feeds; it may be no more than looks so.

    Raises
    ------
    TypeError
        If there is none: a fetch is of an unusual type, or is none at all.
    """
    return _frozen(fetches), *feeds


def is_lasting(feeds: Iterable[Any]) -> bool:
    """Return whether equal feeds, as `signature` compares them, are the same."""
    return all(type(feed) in _LEAVES for feed in feeds)


def _frozen(fetches: Any) -> Hashable:
    kind = type(fetches)
    if kind in _LEAVES:
        return fetches  # type: ignore[no-any-return]
    if kind is list or kind is tuple:
        return kind, *map(_frozen, fetches)
    if kind is dict:
        return kind, *fetches, *map(_frozen, fetches.values())
    raise TypeError(f"{kind.__name__} is no usual structure")


def _flatten(
    graph: Graph, fetches: Any, elements: list[Tensor | Operation]
) -> Callable[[list[Any]], Any]:
    """Add the leaves of a nested structure to `elements`; return what builds it again."""
    if isinstance(fetches, list | tuple):
        parts = [_flatten(graph, f, elements) for f in fetches]
        make = getattr(type(fetches), "_make", type(fetches))  # named tuples
        return lambda values: make([part(values) for part in parts])
    if isinstance(fetches, Mapping):
        entries = {key: _flatten(graph, f, elements) for key, f in fetches.items()}
        kind = type(fetches) if isinstance(fetches, OrderedDict) else dict
        return lambda values: kind((key, part(values)) for key, part in entries.items())
    if isinstance(fetches, IndexedSlices):
        rows = [fetches.values, fetches.indices]
        shape = [] if fetches.dense_shape is None else [fetches.dense_shape]
        build = _flatten(graph, rows + shape, elements)
        return lambda values: IndexedSlicesValue(*build(values))
    if fetches is None:
        raise TypeError("None cannot be fetched")
    place = len(elements)
    elements.append(graph.as_graph_element(fetches))
    return lambda values: values[place]


def _fed_tensor(graph: Graph, key: Any) -> Tensor:
    tensor = graph.as_graph_element(key)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{key!r} is an operation: only tensors can be fed")
    return tensor


def _fed_array(tensor: Tensor, value: Any) -> np.ndarray[Any, Any]:
    """Return what is fed to a tensor as an array of its type."""
    if isinstance(value, Tensor):
        raise TypeError(f"{tensor.name!r} was fed a tensor: feed an array or a number")
    try:
        return feed_array(value, tensor.dtype)
    except (TypeError, ValueError) as error:
        raise type(error)(f"cannot feed {tensor.name!r}, of {tensor.dtype.name}: {error}") from None


def _checked_shape(tensor: Tensor, array: Array) -> FullShape:
    """Return the shape of what is fed to a tensor."""
    shape: FullShape = array.shape
    if not shapes.compatible(shape, tensor.dims):
        raise ValueError(
            f"cannot feed a value of shape {shapes.format_shape(shape)} to"
            f" {tensor.name!r}, which has shape {tensor.shape}"
            f" (made at {tensor.op.source})"
        )
    return shape


def _plain_dtype(tensor: Tensor) -> np.dtype[Any] | None:
    """Return the type that an array must have to be taken as it is; None where none is."""
    return None if tensor.dtype is dtypes.string else tensor.dtype.np_dtype
