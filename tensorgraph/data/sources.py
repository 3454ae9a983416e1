"""Where the elements of a data set come from, as Python generators.

A source is one step of a pipeline. It says what its elements are, which tensors of the graph it
depends on, and how to begin going through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.dtypes import int64
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.data.elements import (
    Array,
    Component,
    Components,
    ElementSpec,
    as_component,
    component_of,
    split,
)
from tensorgraph.graph.node import Tensor

# A setting or a component: an array that is known now, or a tensor whose value comes when an
# iterator begins.
Value = Array | Tensor


class Run:
    """One iterator's way through a pipeline.

    Parameters
    ----------
    values : mapping of Tensor to array
        The values of the tensors that the pipeline depends on.

    Attributes
    ----------
    values : mapping
        The parameter.
    memory : dict
        What sources keep from one pass to the next inside of this run, by source.
    """

    def __init__(self, values: Mapping[Tensor, Array]) -> None:
        self.values = values
        self.memory: dict[Source, Any] = {}

    def value(self, v: Value) -> Array:
        """Return the value of a setting or a component."""
        return self.values[v] if isinstance(v, Tensor) else v

    def number(self, v: Value) -> int:
        """Return the value of a setting as an int."""
        return int(self.value(v))


class Source:
    """One step of a pipeline.

    Parameters
    ----------
    spec : ElementSpec
        What its elements are.
    before : sequence of Source
        The steps that it draws from.
    inputs : sequence of (Tensor or array)
        What else it depends on; arrays do not count.

    Attributes
    ----------
    spec : ElementSpec
        The parameter.
    inputs : tuple of Tensor
        All tensors of the graph that the elements depend on.
    """

    def __init__(
        self,
        spec: ElementSpec,
        before: Sequence[Source] = (),
        inputs: Sequence[Value] = (),
    ) -> None:
        self.spec = spec
        found = [t for source in before for t in source.inputs]
        found.extend(v for v in inputs if isinstance(v, Tensor))
        self.inputs: tuple[Tensor, ...] = tuple(dict.fromkeys(found))

    def start(self, values: Mapping[Tensor, Array]) -> Iterator[Components]:
        """Begin an iterator, with the values of the `inputs`."""
        return self.elements(Run(values))

    def elements(self, run: Run) -> Iterator[Components]:
        """Go through the elements once."""
        raise NotImplementedError


class Tensors(Source):
    """One element."""

    def __init__(self, structure: Any, values: Sequence[Value]) -> None:
        self._values = tuple(values)
        components = tuple(component_of(v) for v in values)
        super().__init__(ElementSpec(structure, components), (), values)

    def elements(self, run: Run) -> Iterator[Components]:
        yield tuple(run.value(v) for v in self._values)


class Slices(Source):
    """An element for each row of some arrays."""

    def __init__(self, structure: Any, values: Sequence[Value]) -> None:
        self._values = tuple(values)
        wholes = [component_of(v) for v in values]
        rows = None
        for whole in wholes:
            if whole.shape == ():
                raise ValueError("a scalar has no rows: give arrays of one axis or more")
            if whole.shape is not None:
                try:
                    (rows,) = shapes.merge((rows,), whole.shape[:1]) or (None,)
                except ValueError:
                    counts = [w.shape[0] for w in wholes if w.shape]
                    raise ValueError(
                        f"components have different numbers of rows: {counts}"
                    ) from None
        parts = tuple(Component(w.dtype, None if w.shape is None else w.shape[1:]) for w in wholes)
        super().__init__(ElementSpec(structure, parts), (), values)

    def elements(self, run: Run) -> Iterator[Components]:
        arrays = [run.value(v) for v in self._values]
        counts = {len(a) for a in arrays}
        if len(counts) != 1:
            raise InvalidArgumentError(f"components have different numbers of rows: {counts}")
        # A row of a vector of objects is the object itself; everything else is an array.
        return zip(*(_rows(a) for a in arrays), strict=True)


def _rows(array: Array) -> Iterator[Array]:
    return (array[i, ...] for i in range(len(array)))


class Range(Source):
    """The numbers of a range, as int64 scalars."""

    def __init__(self, start: Value, stop: Value, step: Value) -> None:
        self._limits = (start, stop, step)
        super().__init__(ElementSpec(None, (Component(int64, ()),)), (), self._limits)

    def elements(self, run: Run) -> Iterator[Components]:
        for number in range(*(run.number(v) for v in self._limits)):
            yield (np.array(number, np.int64),)


class Generated(Source):
    """What a Python generator gives."""

    def __init__(
        self, generator: Callable[..., Any], spec: ElementSpec, args: Sequence[Value]
    ) -> None:
        self._generator = generator
        self._args = tuple(args)
        super().__init__(spec, (), args)

    def elements(self, run: Run) -> Iterator[Components]:
        for element in iter(self._generator(*[run.value(a) for a in self._args])):
            yield self._checked(element)

    def _checked(self, element: Any) -> Components:
        components = self.spec.components
        # A list or an array may stand for a tuple.
        if isinstance(self.spec.structure, tuple) and not isinstance(element, tuple | dict):
            element = tuple(element)
        _, leaves = (
            split(element) if isinstance(self.spec.structure, tuple | dict) else (0, [element])
        )
        if len(leaves) != len(components):
            raise InvalidArgumentError(
                f"the generator yielded {len(leaves)} components, where {len(components)} were"
                f" expected: {element!r}"
            )
        pairs = zip(leaves, components, strict=True)
        return tuple(as_component(v, c, "the generator yielded a value") for v, c in pairs)


class Zip(Source):
    """Elements of several data sets side by side, until one of them ends."""

    def __init__(self, structure: Any, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        components = tuple(c for source in sources for c in source.spec.components)
        super().__init__(ElementSpec(structure, components), sources)

    def elements(self, run: Run) -> Iterator[Components]:
        for parts in zip(*(s.elements(run) for s in self._sources), strict=False):
            yield tuple(array for part in parts for array in part)


class Concatenated(Source):
    """One data set after the other."""

    def __init__(self, first: Source, second: Source) -> None:
        self._sources = (first, second)
        a, b = first.spec.components, second.spec.components
        if [c.dtype for c in a] != [c.dtype for c in b]:
            raise TypeError(
                f"data sets of types {first.spec.types} and {second.spec.types} cannot follow each"
                " other"
            )
        common = [
            Component(x.dtype, common_shape(x.shape, y.shape)) for x, y in zip(a, b, strict=True)
        ]
        super().__init__(ElementSpec(first.spec.structure, tuple(common)), self._sources)

    def elements(self, run: Run) -> Iterator[Components]:
        for source in self._sources:
            yield from source.elements(run)


def common_shape(a: shapes.Shape, b: shapes.Shape) -> shapes.Shape:
    """Return the static shape that suits values of either."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))
