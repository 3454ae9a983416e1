"""`tf.data.Dataset`: pipelines of elements, and the iterators that bring them into a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorgraph.base import nest, shapes
from tensorgraph.base.constants import constant_array
from tensorgraph.base.dtypes import bool_
from tensorgraph.base.shapes import Shape
from tensorgraph.data.elements import (
    ElementSpec,
    as_value,
    component_of,
    flat_shapes,
    spec_of_types,
    split,
    tensors_of,
)
from tensorgraph.data.functions import ElementFunction
from tensorgraph.data.iterator import Iterator
from tensorgraph.data.sources import (
    Concatenated,
    Generated,
    Range,
    Slices,
    Source,
    Tensors,
    Value,
    Zip,
)
from tensorgraph.data.transformations import (
    Batched,
    Cached,
    Cut,
    Filtered,
    Interleaved,
    Mapped,
    PaddedBatched,
    Repeated,
    Shuffled,
    zero_of,
)
from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.node import Tensor

# A number of elements without end.
_NO_END = 2**63 - 1


class Dataset:
    """A sequence of elements, each a nested structure of tensors.

    Datasets are made by `from_tensor_slices` and its like, and changed by methods that each return
    a new one. An iterator brings the elements into the graph, one each time its `get_next` runs.
    Functions given to `map` and its like build graph operations; they are called once.

    Examples
    --------
    >>> dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    >>> dataset = dataset.shuffle(1000).repeat().batch(32)
    >>> x, y = dataset.make_one_shot_iterator().get_next()
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    # Making datasets

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """Return a dataset of one element, a nested structure of tensors or arrays."""
        return Dataset(Tensors(*tensors_of(tensors)))

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return a dataset with an element for each row.

        Parameters
        ----------
        tensors : nested structure of array_like or Tensor
            Components with equally many rows.

        Raises
        ------
        ValueError
            If a component is a scalar, or the numbers of rows differ.
        """
        return Dataset(Slices(*tensors_of(tensors)))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any,
        output_shapes: Any = None,
        args: Any = None,
    ) -> Dataset:
        """Return a dataset of what a Python generator yields.

        Parameters
        ----------
        generator : callable
            Returns something to iterate over; it is called for each pass.
        output_types : nested structure of DType
            The types of an element's components.
        output_shapes : nested structure of shapes, optional
            Their static shapes; default is unknown.
        args : tuple of Tensor or array, optional
            What `generator` is called with, as arrays.

        Raises
        ------
        TypeError
            If `generator` cannot be called.
        """
        if not callable(generator):
            raise TypeError(f"generator must be a function without arguments, not {generator!r}")
        _, values = tensors_of(tuple(args or ()))
        return Dataset(Generated(generator, spec_of_types(output_types, output_shapes), values))

    @staticmethod
    def range(*args: Any) -> Dataset:
        """Return a dataset of int64 numbers, as Python's ``range(start, stop, step)``.

        Raises
        ------
        ValueError
            If there are no arguments, or more than three.
        """
        if not 1 <= len(args) <= 3:
            raise ValueError(f"range takes one to three numbers, not {len(args)}")
        start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
        return Dataset(Range(*(_number(v) for v in (start, stop, step))))

    @staticmethod
    def zip(datasets: Any) -> Dataset:
        """Return a dataset of the elements of several side by side, until one of them ends.

        Parameters
        ----------
        datasets : nested structure of Dataset
            The datasets; elements are nested in the same way.

        Raises
        ------
        TypeError
            If one is no dataset.
        """
        structure, leaves = split(datasets)
        sources = [_source_of(d) for d in leaves]
        whole = nest.pack(structure, [s.spec.structure for s in sources])
        return Dataset(Zip(whole, sources))

    # Changing datasets

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None) -> Dataset:
        """Return a dataset of what a function returns for each element.

        Parameters
        ----------
        map_func : callable
            Builds operations on the tensors of one element; the parts of a tuple are its
            arguments. It returns a nested structure of tensors.
        num_parallel_calls : int, optional
            Accepted for TensorFlow's sake.
        """
        del num_parallel_calls
        return Dataset(Mapped(self._source, ElementFunction(map_func, self._source.spec, "map")))

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Return a dataset of the elements for which a function returns True.

        Raises
        ------
        ValueError
            If it does not return a bool scalar.
        """
        function = ElementFunction(predicate, self._source.spec, "filter")
        outputs = function.outputs
        if len(outputs) != 1 or outputs[0].dtype is not bool_ or outputs[0].dims not in ((), None):
            kinds = ", ".join(f"{t.dtype.name}{t.shape}" for t in outputs)
            raise ValueError(f"the function to filter by must return a bool scalar, not {kinds}")
        return Dataset(Filtered(self._source, function))

    def flat_map(self, map_func: Callable[..., Any]) -> Dataset:
        """Return the elements of the datasets that a function returns, one after the other."""
        return self.interleave(map_func, cycle_length=1)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any,
        block_length: Any = 1,
        num_parallel_calls: Any = None,
    ) -> Dataset:
        """Return the elements of the datasets that a function returns, in turn.

        Parameters
        ----------
        map_func : callable
            From the tensors of one element to a dataset.
        cycle_length : int or Tensor
            How many datasets take turns.
        block_length : int or Tensor, default 1
            How many elements each gives in its turn.
        num_parallel_calls : int, optional
            Accepted for TensorFlow's sake.

        Raises
        ------
        TypeError
            If `map_func` returns something else.
        """
        del num_parallel_calls
        inner: list[Source] = []

        def inputs_of(result: Any) -> list[Tensor]:
            inner.append(_source_of(result))
            return list(inner[0].inputs)

        function = ElementFunction(map_func, self._source.spec, "interleave", inputs_of)
        lengths = (_number(cycle_length), _number(block_length))
        return Dataset(Interleaved(self._source, function, inner[0], *lengths))

    def batch(self, batch_size: Any, drop_remainder: bool = False) -> Dataset:
        """Return a dataset in which so many elements are one, along a new first axis.

        Parameters
        ----------
        batch_size : int or Tensor
            How many.
        drop_remainder : bool, default False
            Leave out a last batch that has fewer; the first axis is then known.
        """
        return Dataset(Batched(self._source, _number(batch_size), bool(drop_remainder)))

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any,
        padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Dataset:
        """Return a dataset of batches of elements that differ in shape.

        Parameters
        ----------
        batch_size : int or Tensor
            How many.
        padded_shapes : nested structure of shapes
            To what each component is padded; None or -1 is the largest in the batch.
        padding_values : nested structure of scalars, optional
            What they are padded with; default 0 or the empty string.
        drop_remainder : bool, default False
            Leave out a last batch that has fewer.
        """
        spec = self._source.spec
        wanted = [_padded_shape(s) for s in flat_shapes(spec.types, padded_shapes)]
        for shape, component in zip(wanted, spec.components, strict=True):
            if len({len(s) for s in (shape, component.shape) if s is not None}) > 1:
                raise ValueError(
                    f"{shapes.format_shape(component.shape)} cannot be padded to"
                    f" {shapes.format_shape(shape)}, of another rank"
                )
        values = [zero_of(c) for c in spec.components]
        if padding_values is not None:
            _, given = split(padding_values)
            pairs = zip(given, spec.components, strict=True)
            values = [constant_array(v, c.dtype) for v, c in pairs]
        size = _number(batch_size)
        return Dataset(PaddedBatched(self._source, size, wanted, values, bool(drop_remainder)))

    def shuffle(
        self,
        buffer_size: Any,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
    ) -> Dataset:
        """Return a dataset in random order.

        Parameters
        ----------
        buffer_size : int or Tensor
            From how many elements the next is drawn; for a perfect shuffle, all of them.
        seed : int, optional
            With the graph's seed it decides the order; see `tf.set_random_seed`.
        reshuffle_each_iteration : bool, default True
            Every pass of a `repeat` has an order of its own.
        """
        again = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        seeds = get_default_graph().get_seeds(seed)
        return Dataset(Shuffled(self._source, _number(buffer_size), seeds, again))

    def repeat(self, count: Any = None) -> Dataset:
        """Return a dataset that goes through this one `count` times, by default without end."""
        return Dataset(Repeated(self._source, _number(-1 if count is None else count)))

    def take(self, count: Any) -> Dataset:
        """Return the first `count` elements; -1 is all."""
        return Dataset(Cut(self._source, _number(0), _number(count), _number(1)))

    def skip(self, count: Any) -> Dataset:
        """Return all but the first `count` elements; -1 leaves none."""
        return Dataset(Cut(self._source, _number(count), _number(-1), _number(1)))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Return every `num_shards`-th element, from number `index` on.

        Raises
        ------
        ValueError
            If there is no such shard.
        """
        if not 0 <= index < num_shards:
            raise ValueError(f"index must be in [0, {num_shards}), not {index}")
        return Dataset(Cut(self._source, _number(index), _number(-1), _number(num_shards)))

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Return the elements of this dataset, then those of the other.

        Raises
        ------
        TypeError
            If their types differ.
        """
        return Dataset(Concatenated(self._source, _source_of(dataset)))

    def enumerate(self, start: Any = 0) -> Dataset:
        """Return a dataset of pairs of a number, from `start` on, and an element."""
        return Dataset.zip((Dataset.range(start, _NO_END), self))

    def cache(self, filename: str = "") -> Dataset:
        """Return a dataset that keeps its elements in memory after the first pass.

        Raises
        ------
        ValueError
            If a file is asked for.
        """
        if filename:
            raise ValueError("elements are kept in memory only: call cache() without a file")
        return Dataset(Cached(self._source))

    def prefetch(self, buffer_size: Any) -> Dataset:
        """Return the dataset as it is: elements are made when they are asked for."""
        del buffer_size
        return self

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """Return what a function makes of the dataset.

        Raises
        ------
        TypeError
            If that is no dataset.
        """
        result = transformation_func(self)
        _source_of(result)
        return result

    # Using datasets

    @property
    def output_types(self) -> Any:
        """The types of an element's components, nested like it."""
        return self._source.spec.types

    @property
    def output_shapes(self) -> Any:
        """The static shapes of an element's components, nested like it."""
        return self._source.spec.shapes

    @property
    def output_classes(self) -> Any:
        """The class of an element's components, `tf.Tensor`, nested like it."""
        spec: ElementSpec = self._source.spec
        return spec.pack([Tensor] * len(spec.components))

    def make_one_shot_iterator(self) -> Iterator:
        """Return an iterator that begins by itself and goes through the dataset once.

        Raises
        ------
        ValueError
            If the dataset depends on placeholders or variables.
        """
        return Iterator.one_shot(self._source)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Iterator:
        """Return an iterator that begins, or begins again, when its `initializer` runs."""
        return Iterator.initializable(self._source, shared_name)

    def __repr__(self) -> str:
        return f"<Dataset shapes: {self.output_shapes}, types: {self.output_types}>"


def _source_of(dataset: Any) -> Source:
    if not isinstance(dataset, Dataset):
        raise TypeError(f"a Dataset is needed here, not {dataset!r}")
    return dataset._source


def _padded_shape(shape: Any) -> Shape:
    """Return a shape to pad to; None and -1 stand for the largest."""
    return None if shape is None else shapes.as_shape([None if d == -1 else d for d in shape])


def _number(value: Any) -> Value:
    """Return a setting as an array, or as a tensor where its value is not known yet.

    Raises
    ------
    TypeError
        If it is no integer scalar.
    """
    component: Value = as_value(value)
    dtype, shape = component_of(component)
    if not dtype.is_integer or shape not in ((), None):
        raise TypeError(f"an integer is needed here, not {value!r}")
    return component


def make_one_shot_iterator(dataset: Dataset) -> Iterator:
    """Return ``dataset.make_one_shot_iterator()``."""
    return dataset.make_one_shot_iterator()


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Iterator:
    """Return ``dataset.make_initializable_iterator(shared_name)``."""
    return dataset.make_initializable_iterator(shared_name)


def get_output_types(dataset_or_iterator: Dataset | Iterator) -> Any:
    """Return the types of an element's components, nested like it."""
    return dataset_or_iterator.output_types


def get_output_shapes(dataset_or_iterator: Dataset | Iterator) -> Any:
    """Return the static shapes of an element's components, nested like it."""
    return dataset_or_iterator.output_shapes


def get_output_classes(dataset_or_iterator: Dataset | Iterator) -> Any:
    """Return the class of an element's components, `tf.Tensor`, nested like it."""
    return dataset_or_iterator.output_classes
