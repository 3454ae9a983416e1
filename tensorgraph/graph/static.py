"""Values that are known while the graph is built."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tensorgraph.base.shapes import Dimension, Shape, TensorShape, num_elements
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation, Tensor


def static_value(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """Return the value of a tensor that is known while the graph is built, or None.

    Constants are known, the shape of a tensor whose static shape is, and what is computed from
    these as shapes usually are.
    """
    known = tensor.op.definition.known(tensor.op, tensor.op.inputs)
    return _computed(tensor) if known is None else known


# How shapes are computed: by few operations, each on few numbers.
_SHAPE_OPS = frozenset(
    [
        "Add",
        "Cast",
        "ConcatV2",
        "ExpandDims",
        "FloorDiv",
        "FloorMod",
        "GatherV2",
        "Identity",
        "Max",
        "Maximum",
        "Min",
        "Minimum",
        "Mul",
        "Neg",
        "Pack",
        "Prod",
        "Range",
        "Reshape",
        "Select",
        "Slice",
        "Squeeze",
        "StridedSlice",
        "Sub",
        "Sum",
    ]
)
# Just enough of a backend for them: they need the array module alone.
_HOST: Any = SimpleNamespace(xp=np)
_MOST_OPS = 64
_MOST_ELEMENTS = 64


def _computed(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """Return the value of an integer tensor that is made of known ones, None for all others."""
    behind = _shape_ops_behind(tensor)
    if behind is None:
        return None
    values: dict[Tensor, np.ndarray[Any, Any]] = {}
    for op in sorted(behind, key=lambda op: op.index):
        (y,) = op.outputs
        value = op.definition.known(op, op.inputs)
        if value is None:
            try:
                value = op.definition.kernel(
                    KernelContext(op, _HOST), *(values[t] for t in op.inputs)
                )
            except (ValueError, IndexError):
                return None  # wrong, which is for the run to say
        values[y] = np.asarray(value, y.dtype.np_dtype)
    return values[tensor]


def _shape_ops_behind(tensor: Tensor) -> set[Operation] | None:
    """Return the operations that compute a tensor from known ones; None if others do too."""
    behind: set[Operation] = set()
    pending = [tensor]
    while pending:
        t = pending.pop()
        if t.op in behind:
            continue
        count = num_elements(t.dims)
        if count is None or count > _MOST_ELEMENTS or t.dtype.is_floating:
            return None
        if len(behind) == _MOST_OPS:
            return None
        if t.op.definition.known(t.op, t.op.inputs) is None:
            if t.op.type not in _SHAPE_OPS:
                return None
            pending.extend(t.op.inputs)
        behind.add(t.op)
    return behind


def static_shape(tensor: Tensor) -> Shape:
    """Return what is known of the shape that an integer vector describes; -1 is unknown."""
    value = static_value(tensor)
    if value is not None:
        return tuple(None if v < 0 else int(v) for v in value.ravel())
    if tensor.op.type == "Shape":
        return tensor.op.inputs[0].dims
    if tensor.op.type == "Pack" and tensor.dims is not None and len(tensor.dims) == 1:
        known = [static_value(t) for t in tensor.op.inputs]
        return tuple(None if v is None or v < 0 else int(v) for v in known)
    if tensor.dims is not None and len(tensor.dims) == 1 and tensor.dims[0] is not None:
        return (None,) * tensor.dims[0]
    return None


def static_elements(tensor: Tensor) -> tuple[int | None, ...] | None:
    """Return what is known of an integer vector, element by element; None if not its length."""
    value = static_value(tensor)
    if value is not None:
        return tuple(int(v) for v in value.ravel())
    if tensor.op.type == "Pack":
        parts = [static_value(t) for t in tensor.op.inputs]
        return tuple(None if v is None else int(v) for v in parts)
    if tensor.op.type == "Shape" and tensor.op.inputs[0].dims is not None:
        return tensor.op.inputs[0].dims
    if tensor.dims is not None and len(tensor.dims) == 1 and tensor.dims[0] is not None:
        return (None,) * tensor.dims[0]
    return None


def static_ints(value: Any, what: str) -> tuple[int, ...]:
    """Return integers that must be known while the graph is built.

    Parameters
    ----------
    value : int, array_like, TensorShape, or Tensor whose value is known
        One or many; nested lists are flattened.
    what : str
        What the message calls them.

    Raises
    ------
    TypeError
        If they are no integers.
    ValueError
        If a tensor among them has no value before the graph runs.
    """
    if isinstance(value, TensorShape):
        value = value.as_list()
    if isinstance(value, list | tuple):
        return tuple(i for v in value for i in static_ints(v, what))
    if isinstance(value, Dimension):
        return (int(value),)
    known = static_value(value) if isinstance(value, Tensor) else np.asarray(value)
    if known is None:
        raise ValueError(
            f"{what} must be known while the graph is built, but {value.name!r} is not:"
            " give numbers"
        )
    if known.dtype.kind not in "iu" and known.size:
        raise TypeError(f"{what} must be integers, not {value!r}")
    return tuple(int(i) for i in known.ravel())


def static_int(value: Any, what: str) -> int:
    """Return an integer that must be known while the graph is built, as in `static_ints`."""
    numbers = static_ints(value, what)
    if len(numbers) != 1:
        raise ValueError(f"{what} must be one integer, not {value!r}")
    return numbers[0]
