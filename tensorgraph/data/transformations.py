"""What is done to the elements of a data set: each class is one step of a pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.base.shapes import Shape
from tensorgraph.data.elements import Array, Component, Components
from tensorgraph.data.functions import ElementFunction
from tensorgraph.data.sources import Run, Source, Value


class _Step(Source):
    """A step that draws from one other, and whose elements are the same unless it says."""

    def __init__(self, source: Source, spec: Any = None, inputs: Sequence[Value] = ()) -> None:
        self._source = source
        super().__init__(source.spec if spec is None else spec, [source], inputs)


class Mapped(_Step):
    """What a function returns for each element."""

    def __init__(self, source: Source, function: ElementFunction) -> None:
        self._function = function
        super().__init__(source, function.spec, function.inputs)

    def elements(self, run: Run) -> Iterator[Components]:
        return map(self._function.start(run.values), self._source.elements(run))


class Filtered(_Step):
    """The elements for which a function returns True."""

    def __init__(self, source: Source, predicate: ElementFunction) -> None:
        self._predicate = predicate
        super().__init__(source, None, predicate.inputs)

    def elements(self, run: Run) -> Iterator[Components]:
        holds = self._predicate.start(run.values)
        return (e for e in self._source.elements(run) if holds(e)[0])


class Interleaved(_Step):
    """The elements of the data sets that a function returns, some at a time in turn.

    Parameters
    ----------
    source : Source
        The elements to call it with.
    function : ElementFunction
        Its outputs are the tensors that `inner` depends on.
    inner : Source
        The data set that it returned, as seen from the function's graph.
    cycle_length, block_length : int or Tensor
        Of how many data sets in turn, and how many elements of each.
    """

    def __init__(
        self,
        source: Source,
        function: ElementFunction,
        inner: Source,
        cycle_length: Value,
        block_length: Value,
    ) -> None:
        self._function = function
        self._inner = inner
        self._lengths = (cycle_length, block_length)
        super().__init__(source, inner.spec, [*function.inputs, *self._lengths])

    def elements(self, run: Run) -> Iterator[Components]:
        cycle_length, block_length = (run.number(v) for v in self._lengths)
        call, tensors = self._function.start(run.values), self._inner.inputs
        opened = (
            self._inner.start(dict(zip(tensors, call(e), strict=True)))
            for e in self._source.elements(run)
        )
        # A data set that has ended leaves its place to the next one.
        cycle: list[Iterator[Components] | None] = list(itertools.islice(opened, cycle_length))
        while cycle:
            for place, current in enumerate(cycle):
                if current is None:
                    continue
                block = list(itertools.islice(current, block_length))
                yield from block
                if len(block) < block_length:
                    cycle[place] = next(opened, None)
            cycle = [c for c in cycle if c is not None]


class Batched(_Step):
    """So many elements in one, along a new first axis."""

    def __init__(self, source: Source, batch_size: Value, drop_remainder: bool) -> None:
        self._size, self._drop = batch_size, drop_remainder
        rows = known_rows(batch_size, drop_remainder)
        spec = source.spec.map(lambda c: Component(c.dtype, _with_rows(rows, c.shape)))
        super().__init__(source, spec, [batch_size])

    def elements(self, run: Run) -> Iterator[Components]:
        for batch in _batches(self._source.elements(run), run.number(self._size), self._drop):
            yield tuple(_stacked(i, column) for i, column in enumerate(zip(*batch, strict=True)))


class PaddedBatched(_Step):
    """So many elements in one, each padded to the shape of the largest, or to a given shape."""

    def __init__(
        self,
        source: Source,
        batch_size: Value,
        padded_shapes: Sequence[Shape],
        padding_values: Sequence[Array],
        drop_remainder: bool,
    ) -> None:
        self._size, self._drop = batch_size, drop_remainder
        self._shapes, self._values = tuple(padded_shapes), tuple(padding_values)
        rows = known_rows(batch_size, drop_remainder)
        padded = iter(self._shapes)
        spec = source.spec.map(lambda c: Component(c.dtype, _with_rows(rows, next(padded))))
        super().__init__(source, spec, [batch_size])

    def elements(self, run: Run) -> Iterator[Components]:
        for batch in _batches(self._source.elements(run), run.number(self._size), self._drop):
            columns = zip(zip(*batch, strict=True), self._shapes, self._values, strict=True)
            yield tuple(_padded(column, shape, value) for column, shape, value in columns)


def known_rows(batch_size: Value, drop_remainder: bool) -> int | None:
    """Return how many rows every batch has, where that is known."""
    return int(batch_size) if drop_remainder and isinstance(batch_size, np.ndarray) else None


def _with_rows(rows: int | None, shape: Shape) -> Shape:
    return None if shape is None else (rows, *shape)


def _batches(
    elements: Iterator[Components], size: int, drop_remainder: bool
) -> Iterator[list[Components]]:
    if size < 1:
        raise InvalidArgumentError(f"a batch holds at least one element, not {size}")
    while batch := list(itertools.islice(elements, size)):
        if len(batch) < size and drop_remainder:
            return
        yield batch


def _stacked(place: int, arrays: Sequence[Array]) -> Array:
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise InvalidArgumentError(
                f"elements of different shapes cannot be batched: component {place} of the first is"
                f" {shapes.format_shape(arrays[0].shape)}, of number {i}"
                f" {shapes.format_shape(array.shape)}; see padded_batch"
            )
    return np.stack(arrays)


def _padded(arrays: Sequence[Array], shape: Shape, value: Array) -> Array:
    rank = arrays[0].ndim if shape is None else len(shape)
    wanted = (None,) * rank if shape is None else shape
    if any(a.ndim != rank for a in arrays):
        raise InvalidArgumentError(f"elements to be padded must all have rank {rank}")
    target = [max(a.shape[i] for a in arrays) if d is None else d for i, d in enumerate(wanted)]
    result = np.full((len(arrays), *target), value, value.dtype)
    for row, array in zip(result, arrays, strict=True):
        if any(have > want for have, want in zip(array.shape, target, strict=True)):
            raise InvalidArgumentError(
                f"an element of shape {shapes.format_shape(array.shape)} is larger than the padded"
                f" shape {shapes.format_shape(tuple(target))}"
            )
        row[tuple(slice(d) for d in array.shape)] = array
    return result


class Shuffled(_Step):
    """The elements in a random order.

    As TensorFlow does it: a buffer is filled, one of its elements is drawn at random, and the next
    element takes its place.
    """

    def __init__(
        self,
        source: Source,
        buffer_size: Value,
        seeds: tuple[int, int] | None,
        reshuffle_each_iteration: bool,
    ) -> None:
        self._size, self._seeds, self._again = buffer_size, seeds, reshuffle_each_iteration
        super().__init__(source, None, [buffer_size])

    def elements(self, run: Run) -> Iterator[Components]:
        size = run.number(self._size)
        if size < 1:
            raise InvalidArgumentError(
                f"the buffer to shuffle in needs a size of 1 or more: {size}"
            )
        random = self._random(run)
        elements = self._source.elements(run)
        buffer = list(itertools.islice(elements, size))
        for element in elements:
            place = int(random.integers(len(buffer)))
            yield buffer[place]
            buffer[place] = element
        for place in random.permutation(len(buffer)):
            yield buffer[place]

    def _random(self, run: Run) -> np.random.Generator:
        """Return where this pass draws from: each pass goes on, or all are the same."""
        if self not in run.memory:
            entropy = None if self._seeds is None else [s & (2**64 - 1) for s in self._seeds]
            run.memory[self] = np.random.SeedSequence(entropy)
        sequence: np.random.SeedSequence = run.memory[self]
        return np.random.default_rng(sequence.spawn(1)[0] if self._again else sequence)


class Repeated(_Step):
    """The elements over and over, so many times; -1 is without end."""

    def __init__(self, source: Source, count: Value) -> None:
        self._count = count
        super().__init__(source, None, [count])

    def elements(self, run: Run) -> Iterator[Components]:
        count = run.number(self._count)
        for _ in itertools.count() if count < 0 else range(count):
            empty = True
            for element in self._source.elements(run):
                empty = False
                yield element
            if empty and count < 0:
                return  # else this would go on for ever and give nothing


class Cut(_Step):
    """Some elements of the whole: from number `start` on, `count` of them, every `step`-th.

    A negative `count` takes all, a negative `start` skips all.
    """

    def __init__(self, source: Source, start: Value, count: Value, step: Value) -> None:
        self._limits = (start, count, step)
        super().__init__(source, None, self._limits)

    def elements(self, run: Run) -> Iterator[Components]:
        start, count, step = (run.number(v) for v in self._limits)
        if start < 0:
            return iter(())
        rest = itertools.islice(self._source.elements(run), start, None, step)
        return rest if count < 0 else itertools.islice(rest, count)


class Cached(_Step):
    """The elements, kept in memory by the first pass that comes to the end."""

    def elements(self, run: Run) -> Iterator[Components]:
        kept = run.memory.get(self)
        if kept is not None:
            yield from kept
            return
        seen = []
        for element in self._source.elements(run):
            seen.append(element)
            yield element
        run.memory[self] = seen


def zero_of(component: Component) -> Array:
    """Return what a component is padded with by default: 0, False or the empty string."""
    if component.dtype is dtypes.string:
        zero = np.empty((), np.object_)
        zero[()] = b""
        return zero
    return np.zeros((), component.dtype.np_dtype)
