"""`map_fn`, `scan`, `foldl` and `foldr`: loops over the first axis of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorgraph.base import dtypes, nest
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.base.shapes import Dim
from tensorgraph.control.bodies import check_function
from tensorgraph.control.loop import while_loop
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.math import greater_equal, less
from tensorgraph.ops.tensor_array import TensorArray


class _Elements:
    """Tensors along whose first axis a loop goes.

    Parameters
    ----------
    elems
        A nested structure of tensors.

    Attributes
    ----------
    count : Tensor
        The size of the first axis.
    static : int or None
        The same, where it is known.

    Raises
    ------
    ValueError
        If a tensor has no axis, or their first sizes differ.
    """

    def __init__(self, elems: Any) -> None:
        self._structure = elems
        tensors = [convert_to_tensor(e, name="elems") for e in nest.flatten(elems)]
        self.static: Dim = None
        for t in tensors:
            if t.dims == ():
                raise ValueError(
                    f"elems must have a first axis to go along: {t.name!r} is a scalar"
                )
            first = t.dims[0] if t.dims else None
            if None not in (first, self.static) and first != self.static:
                raise ValueError(f"elems differ in their first sizes: {self.static} and {first}")
            self.static = self.static if first is None else first
        count = apply("Shape", tensors[0], out_type=dtypes.int32)[0]
        self.count: Tensor = count if self.static is None else convert_to_tensor(self.static)
        self._arrays = [TensorArray(t.dtype, self.count).unstack(t) for t in tensors]

    def __getitem__(self, index: Any) -> Any:
        """Return the elements at an index, in the structure of the tensors."""
        return nest.pack(self._structure, [a.read(index) for a in self._arrays])

    def results(self, arrays: Sequence[TensorArray]) -> list[Tensor]:
        """Return what was written for each element, stacked."""
        stacked = [a.stack() for a in arrays]
        for t in stacked:
            if t.dims is not None:
                t.set_shape((self.static, *t.dims[1:]))
        return stacked


def _flat(structure: Any, types: Sequence[Any]) -> list[Tensor]:
    leaves = nest.flatten(structure)
    return [convert_to_tensor(x, dtype) for x, dtype in zip(leaves, types, strict=True)]


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """Return what a function gives for each element along the first axis, stacked.

    Parameters
    ----------
    fn : callable
        From an element (in the structure of `elems`) to tensors.
    elems : Tensor, or nested structure of them
        The elements; their first sizes are equal.
    dtype : DType, or nested structure of them
        What `fn` returns, where that differs from `elems`.
    parallel_iterations, swap_memory : object
        Accepted for TensorFlow's sake.
    back_prop : bool, default True
        Gradients flow through the loop.
    infer_shape : bool, default True
        All results have one shape.
    name : str, default "map"
        The scope of all nodes.

    Raises
    ------
    TypeError
        If `fn` cannot be called, or returns other types than `dtype` says.
    ValueError
        If `elems` have no first axis, or `fn` returns another structure.
    """
    check_function(fn, "fn")
    del parallel_iterations, swap_memory
    with get_default_graph().name_scope(name or "map"):
        elements = _Elements(elems)
        wanted = nest.map_leaves(lambda e: convert_to_tensor(e).dtype, elems)
        if dtype is not None:
            wanted = nest.map_leaves(as_dtype, dtype)
        types = nest.flatten(wanted)
        empty = [TensorArray(t, elements.count, infer_shape=infer_shape) for t in types]

        def body(i: Tensor, arrays: Any) -> Any:
            values = fn(elements[i])
            nest.check_same(wanted, values)
            written = zip(arrays, _flat(values, types), strict=True)
            return i + 1, [a.write(i, v) for a, v in written]

        _, arrays = while_loop(
            lambda i, _: less(i, elements.count),
            body,
            (0, empty),
            back_prop=back_prop,
            maximum_iterations=elements.count,
        )
        return nest.pack(wanted, elements.results(arrays))


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """Return all the values that a function gives when it goes along the first axis.

    Parameters
    ----------
    fn : callable
        From its own last value and an element to the next value.
    elems : Tensor, or nested structure of them
        The elements; their first sizes are equal.
    initializer : Tensor, or nested structure of them
        The value before the first element; without it the first element is the first value.
    parallel_iterations, swap_memory : object
        Accepted for TensorFlow's sake.
    back_prop : bool, default True
        Gradients flow through the loop.
    infer_shape : bool, default True
        All values have one shape.
    reverse : bool, default False
        Go from the last element to the first.
    name : str, default "scan"
        The scope of all nodes.

    Raises
    ------
    TypeError, ValueError
        As `map_fn`.
    """
    check_function(fn, "fn")
    del parallel_iterations, swap_memory
    with get_default_graph().name_scope(name or "scan"):
        elements = _Elements(elems)
        first, start = _start(elements, initializer, reverse)
        types = [t.dtype for t in start]
        structure = elems if initializer is None else initializer
        empty = [TensorArray(t, elements.count, infer_shape=infer_shape) for t in types]
        if initializer is None:
            empty = [a.write(first, v) for a, v in zip(empty, start, strict=True)]

        def body(i: Tensor, last: Any, arrays: Any) -> Any:
            values = fn(nest.pack(structure, last), elements[i])
            nest.check_same(structure, values)
            flat = _flat(values, types)
            written = [a.write(i, v) for a, v in zip(arrays, flat, strict=True)]
            return _step(i, reverse), flat, written

        begin = first if initializer is not None else _step(first, reverse)
        _, _, arrays = while_loop(
            _inside(elements, reverse),
            body,
            (begin, start, empty),
            back_prop=back_prop,
            maximum_iterations=elements.count,
        )
        return nest.pack(structure, elements.results(arrays))


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Return the last value that a function gives when it goes along the first axis.

    Parameters and errors are those of `scan`.
    """
    del parallel_iterations, swap_memory
    return _fold(fn, elems, initializer, back_prop, False, name or "foldl")


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Do as `foldl`, from the last element to the first."""
    del parallel_iterations, swap_memory
    return _fold(fn, elems, initializer, back_prop, True, name or "foldr")


def _fold(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any,
    back_prop: bool,
    reverse: bool,
    name: str,
) -> Any:
    check_function(fn, "fn")
    with get_default_graph().name_scope(name):
        elements = _Elements(elems)
        first, start = _start(elements, initializer, reverse)
        structure = elems if initializer is None else initializer

        def body(i: Tensor, last: Any) -> Any:
            values = fn(nest.pack(structure, last), elements[i])
            nest.check_same(structure, values)
            return _step(i, reverse), _flat(values, [t.dtype for t in start])

        begin = first if initializer is not None else _step(first, reverse)
        _, last = while_loop(
            _inside(elements, reverse),
            body,
            (begin, start),
            back_prop=back_prop,
            maximum_iterations=elements.count,
        )
        return nest.pack(structure, last)


def _start(elements: _Elements, initializer: Any, reverse: bool) -> tuple[Tensor, list[Tensor]]:
    """Return the first index, and the values to begin with: given ones, or its elements."""
    first = elements.count - 1 if reverse else convert_to_tensor(0)
    values = elements[first] if initializer is None else initializer
    return first, [convert_to_tensor(v) for v in nest.flatten(values)]


def _step(i: Tensor, reverse: bool) -> Tensor:
    return i - 1 if reverse else i + 1


def _inside(elements: _Elements, reverse: bool) -> Callable[..., Tensor]:
    return lambda i, *_: greater_equal(i, 0) if reverse else less(i, elements.count)
