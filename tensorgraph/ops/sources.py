"""Where values come from: constants, placeholders, and a value handed on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.base.shapes import Shape
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_shape
from tensorgraph.ops.array import ANY, SHAPE, shape


@register
class Const(OpDef):
    """A value that is part of the graph."""

    type = "Const"

    def infer(self, op: Operation) -> Sequence[Spec]:
        value = op.attrs["value"]
        return (Spec(as_dtype(value.dtype), value.shape),)

    def known(self, op: Operation, inputs: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
        value: np.ndarray[Any, Any] = op.attrs["value"]
        return value

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.backend.from_host(k.op.attrs["value"])

    def sample(self, draw: Draw) -> Sample:
        return Sample((), {"value": np.zeros(draw.shape(), np.float32)})


@register
class Placeholder(OpDef):
    """A value that every run must be fed, or a body is given; ``ref`` for a variable itself."""

    type = "Placeholder"
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.attrs["dtype"], op.attrs["shape"], op.attrs.get("ref", False)),)


@register
class PlaceholderWithDefault(OpDef):
    """A value that a run may be fed, else the input's."""

    type = "PlaceholderWithDefault"
    formula = "{x}"
    inputs = (ANY,)
    view = True
    # The static shape is what may be fed; the default must not be folded into it.
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        shape: Shape = op.attrs["shape"]
        if not shapes.compatible(x.dims, shape):
            raise ValueError(
                f"the default has shape {x.shape}, the placeholder {shapes.format_shape(shape)}"
            )
        return (Spec(x.dtype, shape),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0],)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        return Sample((Input(shape),), {"shape": shape})


@register
class Identity(OpDef):
    """The input itself; reading a variable is this."""

    type = "Identity"
    formula = "{x}"
    inputs = (Arg("x", (*dtypes.ALL, dtypes.string, dtypes.variant)),)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0],)

    def forwards(self, op: Operation) -> Tensor | None:
        return op.inputs[0]

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape()),))


@register
class StopGradient(Identity):
    """The input itself, taken for a constant by differentiation."""

    type = "StopGradient"
    formula = "{x}"
    differentiable = False


@register
class Fill(OpDef):
    """A tensor of a shape, all of whose elements are one value."""

    type = "Fill"
    formula = "{value} repeated"
    inputs = (SHAPE, Arg("value", dtypes.ALL))

    def infer(self, op: Operation) -> Sequence[Spec]:
        if op.inputs[1].dims not in (None, ()):
            raise ValueError(f"the value must be a scalar, not of shape {op.inputs[1].shape}")
        return (Spec(op.inputs[1].dtype, static_shape(op.inputs[0])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, value = inputs
        result = k.xp.empty(k.sizes(0, target), value.dtype)
        result[...] = value
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None, apply("SumTo", grads[0], shape(op.inputs[1])))

    def sample(self, draw: Draw) -> Sample:
        value = np.array(draw.shape(), np.int32)
        return Sample((Input(value.shape, value=value, constant=True), Input(())))


# The names users type

# As in TensorFlow, zeros and ones of more elements are filled in when the graph runs.
LARGEST_LITERAL = 1000


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """Return a constant.

    Parameters
    ----------
    value : array_like
        Its value. Python floats become float32 and integers int32; arrays keep their type.
    dtype : DType, optional
        Its element type.
    shape : sequence of int, optional
        Its shape; a scalar or a shorter list fills it with its last element.
    name : str, default "Const"
        Its name.
    verify_shape : bool, default False
        Refuse a value of another shape instead of filling.

    Raises
    ------
    TypeError
        If the value cannot have that element type.
    ValueError
        If it has more elements than the shape, or is ragged.
    """
    tensor_dtype = None if dtype is None else as_dtype(dtype)
    if shape is None:
        return convert_to_tensor(value, tensor_dtype, name)
    from_value = np.asarray(value)
    target = tuple(int(d) for d in shapes.TensorShape(shape))
    count = math.prod(target)
    if from_value.size > count or (verify_shape and from_value.shape != target):
        raise ValueError(f"a value of shape {from_value.shape} does not suit shape {target}")
    flat = from_value.ravel()
    if flat.size < count:
        if flat.size == 0:
            raise ValueError(f"an empty value cannot fill shape {target}")
        flat = np.concatenate([flat, np.full(count - flat.size, flat[-1])])
    if not isinstance(value, np.ndarray) and tensor_dtype is None:
        tensor_dtype = convert_to_tensor(value).dtype
    return convert_to_tensor(flat.reshape(target), tensor_dtype, name)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """Return a tensor that must be fed in every run that uses it.

    Parameters
    ----------
    dtype : DType
        The element type of what will be fed.
    shape : sequence of (int or None), optional
        Its shape; None for a size that may vary, or in place of the whole.
    name : str, optional
        Its name; default ``"Placeholder"``.
    """
    attrs = {"dtype": as_dtype(dtype), "shape": shapes.as_shape(shape)}
    return get_default_graph().create_op("Placeholder", (), attrs, name).outputs[0]


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return a tensor that has the value of `input` unless it is fed.

    Parameters
    ----------
    input : array_like or Tensor
        The default.
    shape : sequence of (int or None)
        What shapes may be fed.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the default has another shape.
    """
    return apply("PlaceholderWithDefault", input, name=name, shape=shapes.as_shape(shape))


def identity(input: Any, name: str | None = None) -> Tensor:
    """Return a tensor of the same value."""
    return apply("Identity", input, name=name)


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """Return a tensor of the same value, which `gradients` takes for a constant."""
    return apply("StopGradient", input, name=name)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """Return a tensor of shape `dims`, every element of which is `value`."""
    return apply("Fill", dims, value, name=name)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = "zeros") -> Tensor:
    """Return a tensor of zeros; `shape` may be a tensor."""
    return _filled(shape, 0, as_dtype(dtype), name)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = "ones") -> Tensor:
    """Return a tensor of ones; `shape` may be a tensor."""
    return _filled(shape, 1, as_dtype(dtype), name)


def _filled(shape: Any, value: int, dtype: DType, name: str | None) -> Tensor:
    if not isinstance(shape, Tensor) and not _has_tensors(shape):
        dims = tuple(int(d) for d in shapes.TensorShape(shape))
        if math.prod(dims) <= LARGEST_LITERAL:
            return convert_to_tensor(np.full(dims, value, dtype.np_dtype), name=name)
        shape = dims
    with get_default_graph().name_scope(name) as scope:
        return fill(shape, convert_to_tensor(np.array(value, dtype.np_dtype)), scope or None)


def _has_tensors(shape: Any) -> bool:
    return isinstance(shape, list | tuple) and any(isinstance(d, Tensor) for d in shape)


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = "zeros_like") -> Tensor:
    """Return zeros of the shape of `tensor`, and of its element type unless `dtype` is given."""
    return _filled_like(tensor, 0, dtype, name)


def ones_like(tensor: Any, dtype: Any = None, name: str | None = "ones_like") -> Tensor:
    """Return ones of the shape of `tensor`, and of its element type unless `dtype` is given."""
    return _filled_like(tensor, 1, dtype, name)


def _filled_like(tensor: Any, value: int, dtype: Any, name: str | None) -> Tensor:
    like = convert_to_tensor(tensor)
    target = like.dtype if dtype is None else as_dtype(dtype)
    dims: Any = like.dims if shapes.is_full(like.dims) else shape(like)
    result = _filled(dims, value, target, name)
    result.set_shape(like.dims)
    return result
