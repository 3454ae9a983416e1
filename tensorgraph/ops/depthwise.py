"""Depthwise convolution: each channel has filters of its own, so that channels do not mix.

As in ``ops/conv.py``, the convolution and its gradients by input and by filter are each linear in
both inputs, and each one's gradient is made of the other two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.shapes import FullShape, Shape
from tensorgraph.graph.defaults import apply, convert_to_tensor
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
    elements,
    register,
)
from tensorgraph.graph.static import static_shape
from tensorgraph.ops.array import SHAPE, shape
from tensorgraph.ops.conv import conv2d
from tensorgraph.ops.convolution import separate
from tensorgraph.ops.convolution.case import make_case
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.windows import check_padding, filter_windows, spatial_numbers


class _Depthwise(OpDef):
    uses_out = True

    def flops(self, op: Operation) -> int:
        kernel = self.filter_shape(op)
        if kernel is None:
            return 0
        # Every output element meets the window once.
        return 2 * elements([self.result(op)]) * (kernel[0] or 1) * (kernel[1] or 1)

    def filter_shape(self, op: Operation) -> Shape:
        """Return the shape of the filter (height, width, channels, multiplier)."""
        raise NotImplementedError

    def result(self, op: Operation) -> Tensor:
        """Return the tensor of the shape of the forward convolution's output."""
        raise NotImplementedError

    def draw_case(self, draw: Draw) -> tuple[FullShape, FullShape, FullShape, dict[str, Any]]:
        """Return the shapes of image, filter and output, and the attributes."""
        size = (draw.integer(1, 3), draw.integer(1, 2))
        dilations = (draw.integer(1, 2), draw.integer(1, 2))
        strides = (draw.integer(1, 2), draw.integer(1, 2))
        attrs = {
            "strides": strides,
            "dilations": dilations,
            "padding": draw.choice(["VALID", "SAME", ((1, 0), (0, 2))]),
        }
        image = [(n - 1) * d + 1 + draw.integer(0, 2) for n, d in zip(size, dilations, strict=True)]
        batch, channels, multiplier = draw.integer(0, 2), draw.integer(1, 2), draw.integer(1, 2)
        kernel = (*size, channels, multiplier)
        places = filter_windows(attrs, kernel).places(*image)
        return (
            (batch, *image, channels), kernel, (batch, *places, channels * multiplier), attrs,
        )  # fmt: skip


def _like(result: Tensor, x: Tensor) -> Tensor:
    result.set_shape(x.dims)
    return result


@register
class DepthwiseConv(_Depthwise):
    """The convolution of each channel with its own filters."""

    type = "DepthwiseConv2dNative"
    inputs = (Arg("input"), Arg("filter"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, w = op.inputs
        image = (None,) * 4 if x.dims is None else x.dims
        kernel = (None,) * 4 if w.dims is None else w.dims
        if len(image) != 4 or len(kernel) != 4:
            raise ValueError(
                "depthwise convolution needs images (batch, height, width, channels), got"
                f" {x.shape}, and a filter (height, width, channels, multiplier), got {w.shape}"
            )
        if not shapes.compatible(image[3:], kernel[2:3]):
            raise ValueError(f"images of {image[3]} channels do not suit a filter of {w.shape}")
        channels = image[3] if kernel[2] is None else kernel[2]
        deep = None if channels is None or kernel[3] is None else channels * kernel[3]
        if None in kernel[:2]:
            return (Spec(x.dtype, (image[0], None, None, deep)),)
        places = filter_windows(op.attrs, kernel).output(*image[1:3])
        return (Spec(x.dtype, (image[0], *places, deep)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, w = inputs
        case = make_case(k.op.attrs, x.shape, w.shape)
        out = k.out
        if out is None:
            deep = case.channels * case.filters
            out = k.xp.empty((case.batch, *case.places, deep), x.dtype)
        separate.forward(k, case, x, w, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, w), attrs = grads, op.inputs, op.attrs
        by_input, by_filter = DepthwiseByInput.type, DepthwiseByFilter.type
        return (
            lambda: _like(apply(by_input, shape(x), w, dy, **attrs), x),
            lambda: _like(apply(by_filter, x, shape(w), dy, **attrs), w),
        )

    def filter_shape(self, op: Operation) -> Shape:
        return op.inputs[1].dims

    def result(self, op: Operation) -> Tensor:
        return op.outputs[0]

    def sample(self, draw: Draw) -> Sample:
        image, kernel, _, attrs = self.draw_case(draw)
        return Sample((Input(image), Input(kernel)), attrs)


@register
class DepthwiseByInput(_Depthwise):
    """The gradient by the images: inputs are their shape, the filter, dy."""

    type = "DepthwiseConv2dNativeBackpropInput"
    inputs = (SHAPE, Arg("filter"), Arg("out_backprop"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target = static_shape(op.inputs[0])
        return (Spec(op.inputs[1].dtype, (None,) * 4 if target is None else target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, w, dy = inputs
        dims = [int(d) for d in target]
        out = k.xp.empty(dims, dy.dtype) if k.out is None else k.out
        separate.by_input(k, make_case(k.op.attrs, dims, w.shape), w, dy, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (g,), (_, w, dy), attrs = grads, op.inputs, op.attrs
        return (
            None,
            lambda: _like(apply(DepthwiseByFilter.type, g, shape(w), dy, **attrs), w),
            lambda: _like(apply(DepthwiseConv.type, g, w, **attrs), dy),
        )

    def filter_shape(self, op: Operation) -> Shape:
        return op.inputs[1].dims

    def result(self, op: Operation) -> Tensor:
        return op.inputs[2]

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        target = Input((4,), value=np.array(image, np.int32), constant=True)
        return Sample((target, Input(kernel), Input(result)), attrs)


@register
class DepthwiseByFilter(_Depthwise):
    """The gradient by the filter: inputs are the images, its shape, dy."""

    type = "DepthwiseConv2dNativeBackpropFilter"
    inputs = (Arg("input"), SHAPE, Arg("out_backprop"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target = static_shape(op.inputs[1])
        return (Spec(op.inputs[0].dtype, (None,) * 4 if target is None else target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, target, dy = inputs
        dims = [int(d) for d in target]
        out = k.xp.empty(dims, x.dtype) if k.out is None else k.out
        separate.by_filter(k, make_case(k.op.attrs, x.shape, dims), x, dy, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (g,), (x, _, dy), attrs = grads, op.inputs, op.attrs
        return (
            lambda: _like(apply(DepthwiseByInput.type, shape(x), g, dy, **attrs), x),
            None,
            lambda: _like(apply(DepthwiseConv.type, x, g, **attrs), dy),
        )

    def filter_shape(self, op: Operation) -> Shape:
        return op.outputs[0].dims

    def result(self, op: Operation) -> Tensor:
        return op.inputs[2]

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        target = Input((4,), value=np.array(kernel, np.int32), constant=True)
        return Sample((Input(image), target, Input(result)), attrs)


# The names users type


def depthwise_conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Return the convolution of each channel of images with filters of its own.

    Parameters
    ----------
    input : Tensor of shape (batch, height, width, channels)
        The images.
    filter : Tensor of shape (height, width, channels, multiplier)
        As many filters as the multiplier says, for each channel.
    strides : int or list of int
        The step, one for each axis of NHWC or one or two for the image.
    padding : str or list of (int, int)
        ``"VALID"``, ``"SAME"``, or the zeros before and after for each axis of NHWC.
    rate : int or list of int, default 1
        The distance of the filter's elements; ``dilations`` is its newer name.
    name : str, default "depthwise"
        Its name.
    data_format : str, optional
        Channels last only.
    dilations : int or list of int, optional
        The newer name of `rate`.

    Returns
    -------
    Tensor of shape (batch, new height, new width, channels · multiplier)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    check_channels_last(data_format)
    if filter is None or padding is None:
        raise ValueError("depthwise_conv2d needs a filter and a padding")
    distance = rate if dilations is None else dilations
    attrs = {
        "strides": spatial_numbers(1 if strides is None else strides, "strides"),
        "dilations": spatial_numbers(1 if distance is None else distance, "dilations"),
        "padding": check_padding(padding),
    }
    return apply(DepthwiseConv.type, input, filter, name=name or "depthwise", **attrs)


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = 1,
    name: str | None = None,
) -> Tensor:
    """Return what `depthwise_conv2d` does, whose parameters it has."""
    name = name or DepthwiseConv.type
    return depthwise_conv2d(input, filter, strides, padding, dilations, name, data_format)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Return a depthwise convolution, the channels of which are then mixed at each pixel.

    Parameters
    ----------
    input : Tensor of shape (batch, height, width, channels)
        The images.
    depthwise_filter : Tensor of shape (height, width, channels, multiplier)
        The filters of each channel.
    pointwise_filter : Tensor of shape (1, 1, channels · multiplier, out)
        The weights of the mixture.
    strides, padding, rate, data_format, dilations
        As in `depthwise_conv2d`.
    name : str, default "separable_conv2d"
        Its name.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x = convert_to_tensor(input)
    with x.graph.name_scope(name or "separable_conv2d") as scope:
        deep = depthwise_conv2d(
            x, depthwise_filter, strides, padding, rate, "depthwise", data_format, dilations
        )
        point = convert_to_tensor(pointwise_filter)
        if point.dims is not None and point.dims[:2] != (1, 1):
            raise ValueError(f"the pointwise filter must be 1 by 1, not of shape {point.shape}")
        return conv2d(deep, point, 1, "VALID", name=scope)
