"""The default graph, and the functions that act on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.convert import convert
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor, graph_element
from tensorgraph.graph.stacks import stacks

_global_graph: Graph | None = None


def get_default_graph() -> Graph:
    """Return the graph that new operations go to."""
    global _global_graph  # noqa: PLW0603 - the process-wide default graph is TensorFlow 1's model
    if stacks.graphs:
        return stacks.graphs[-1]
    if _global_graph is None:
        _global_graph = Graph()
    return _global_graph


def reset_default_graph() -> None:
    """Replace the process-wide default graph by an empty one.

    Raises
    ------
    AssertionError
        Inside ``with graph.as_default()``.
    """
    global _global_graph  # noqa: PLW0603
    if stacks.graphs:
        raise AssertionError("reset_default_graph() cannot be used inside a `with` of a graph")
    _global_graph = Graph()


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> Tensor:
    """Return `value` as a tensor of the default graph.

    Parameters
    ----------
    value : Tensor, Variable, array_like, or a list with tensors among its items
        Python floats become float32 and integers int32; NumPy arrays keep their type.
    dtype : DType, optional
        The element type it must have.
    name : str, optional
        The name of a constant made here; default ``"Const"``.
    preferred_dtype : DType, optional
        The element type it should have, where it can.

    Raises
    ------
    TypeError
        If the value cannot have that element type, or is of none that the engine knows.
    ValueError
        If the value cannot be an array, as with ragged lists.
    """
    graph = get_default_graph()
    if dtype is None and preferred_dtype is not None:
        try:
            return convert(graph, value, as_dtype(preferred_dtype), name)
        except TypeError:
            return convert(graph, value, None, name)
    return convert(graph, value, None if dtype is None else as_dtype(dtype), name)


def apply(op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Tensor:
    """Add an operation to the graph of its inputs and return its first output.

    See `Graph.apply`.
    """
    return apply_op(op_type, *inputs, name=name, **attrs).outputs[0]


def apply_op(op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Operation:
    """Do as `apply`, and return the operation."""
    elements = (graph_element(value) for value in inputs)
    graph = next((e.graph for e in elements if e is not None), None) or get_default_graph()
    return graph.apply(op_type, *inputs, name=name, **attrs)


def name_scope(
    name: str | None, default_name: str | None = None, values: Any = None
) -> AbstractContextManager[str]:
    """Return a context that puts new operations' names under `name`.

    Parameters
    ----------
    name : str or None
        The scope; one that ends in a slash is entered again as it is.
    default_name : str, optional
        The scope where `name` is None.
    values : list, optional
        Accepted for TensorFlow's sake; the graph is the default one.
    """
    return get_default_graph().name_scope(default_name if name is None else name)


def control_dependencies(
    control_inputs: Iterable[Any] | None,
) -> AbstractContextManager[None]:
    """Return a context in which new operations run after the given ones."""
    return get_default_graph().control_dependencies(control_inputs)


def device(
    device_name_or_function: str | Callable[[Operation], str | None] | None,
) -> AbstractContextManager[None]:
    """Return a context that says where new operations are to run; see `Graph.device`."""
    return get_default_graph().device(device_name_or_function)


def set_random_seed(seed: int | None) -> None:
    """Set the graph-level seed of the default graph: the same seed gives the same numbers."""
    get_default_graph().outermost.seed = seed


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """Return a copy of a collection of the default graph."""
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name: Any, value: Any) -> None:
    """Append a value to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)
