"""What the elements of a data set are: nested tuples and dicts of components.

A component is known by its type and static shape. Lists are no structure but become one tensor, as
everywhere in ``tf.data``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import nest, shapes
from tensorgraph.base.constants import constant_array, string_array
from tensorgraph.base.dtypes import DType, as_dtype, string
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.base.shapes import Shape, TensorShape
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.static import static_value

Array = np.ndarray[Any, Any]
Components = tuple[Array, ...]


class Component(NamedTuple):
    """Type and static shape of a component."""

    dtype: DType
    shape: Shape


class ElementSpec(NamedTuple):
    """Components and how they are nested.

    Attributes
    ----------
    structure : nested structure
        Its leaves mean nothing.
    components : tuple of Component
        In the order of the leaves.
    """

    structure: Any
    components: tuple[Component, ...]

    def map(self, change: Callable[[Component], Component]) -> ElementSpec:
        """Return a spec of the same structure with other components."""
        return ElementSpec(self.structure, tuple(change(c) for c in self.components))

    @property
    def types(self) -> Any:
        """The types, nested as the element."""
        return self.pack([c.dtype for c in self.components])

    @property
    def shapes(self) -> Any:
        """The static shapes, nested as the element."""
        return self.pack([TensorShape(c.shape) for c in self.components])

    def pack(self, leaves: Sequence[Any]) -> Any:
        """Return the leaves, one for each component, nested as the element."""
        return nest.pack(self.structure, leaves)


def spec_of_types(output_types: Any, output_shapes: Any) -> ElementSpec:
    """Return the spec of nested types and nested shapes; shapes of None are unknown.

    Raises
    ------
    ValueError
        If there are not as many shapes as types.
    """
    types = [as_dtype(t) for t in nest.flatten(output_types)]
    given: list[Any] = [None] * len(types)
    if output_shapes is not None:
        given = flat_shapes(output_types, output_shapes)
    if len(given) != len(types):
        raise ValueError(f"{len(types)} types do not go with {len(given)} shapes")
    components = tuple(Component(t, shapes.as_shape(s)) for t, s in zip(types, given, strict=True))
    return ElementSpec(output_types, components)


def flat_shapes(output_types: Any, output_shapes: Any) -> list[Any]:
    """Return the shapes in the order of the types; a shape may itself be a list or a tuple."""
    if not nest.is_nested(output_types):
        return [output_shapes]
    if isinstance(output_types, dict):
        if not isinstance(output_shapes, dict) or output_shapes.keys() != output_types.keys():
            raise ValueError(f"types {output_types} do not go with shapes {output_shapes}")
        keys = sorted(output_types)
        return [s for k in keys for s in flat_shapes(output_types[k], output_shapes[k])]
    if not isinstance(output_shapes, list | tuple) or len(output_shapes) != len(output_types):
        raise ValueError(f"types {output_types} do not go with shapes {output_shapes}")
    pairs = zip(output_types, output_shapes, strict=True)
    return [s for t, inner in pairs for s in flat_shapes(t, inner)]


def split(value: Any) -> tuple[Any, list[Any]]:
    """Return a value's structure, with None for each leaf, and its leaves; lists are leaves."""
    leaves: list[Any] = []

    def walk(part: Any) -> Any:
        if isinstance(part, dict):
            return type(part)((key, walk(part[key])) for key in sorted(part))
        if isinstance(part, tuple):
            make = getattr(type(part), "_make", type(part))  # named tuples
            return make([walk(p) for p in part])
        leaves.append(part)
        return None

    return walk(value), leaves


def tensors_of(value: Any) -> tuple[Any, list[Any]]:
    """Return the structure of a value, and its components: arrays, or tensors of the graph.

    Raises
    ------
    TypeError, ValueError
        If a component cannot be a tensor.
    """
    structure, leaves = split(value)
    return structure, [as_value(leaf) for leaf in leaves]


def as_value(value: Any) -> Any:
    """Return an array where the value is known now, else a tensor.

    Raises
    ------
    TypeError, ValueError
        If it cannot be a tensor.
    """
    if not _holds_tensor(value):
        return constant_array(value)
    tensor = convert_to_tensor(value)
    known = static_value(tensor)
    return tensor if known is None else known


def _holds_tensor(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_tensor(v) for v in value)
    return isinstance(value, Tensor) or hasattr(value, "_as_tensor")


def component_of(value: Any) -> Component:
    """Return type and static shape of an array or a tensor."""
    if isinstance(value, Tensor):
        return Component(value.dtype, value.dims)
    return Component(as_dtype(value.dtype), value.shape)


def as_component(value: Any, component: Component, what: str) -> Array:
    """Return what a Python function gave as an array of that type and shape.

    Raises
    ------
    InvalidArgumentError
        If it is something else; `what` says where it came from.
    """
    dtype = component.dtype
    try:
        array = string_array(value) if dtype is string else _number_array(value, dtype)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{what} that is not of {dtype.name}: {error}") from None
    if not shapes.compatible(array.shape, component.shape):
        raise InvalidArgumentError(
            f"{what} of shape {shapes.format_shape(array.shape)}, where"
            f" {shapes.format_shape(component.shape)} was expected"
        )
    return array


def _number_array(value: Any, dtype: DType) -> Array:
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and not dtype.is_floating):
            raise TypeError(f"it is {array.dtype}")
        return array.astype(dtype.np_dtype)
    return constant_array(value, dtype)
