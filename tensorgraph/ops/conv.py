"""Convolution over images, channels last (NHWC), kernels as height, width, in, out (HWIO).

What the field calls convolution: the kernel is not flipped. The three ops here, the convolution
and its gradients by input and by filter, are each linear in both inputs, and the gradient of each
is made of the other two; so every order of derivative exists. Each is written for any number of
spatial axes, and registered for two and for three.

How they are computed depends on the shapes: ``ops/convolution`` has the ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.shapes import FullShape, Shape
from tensorgraph.graph.defaults import apply
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Blockwise,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Role,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_shape
from tensorgraph.ops.array import SHAPE, shape
from tensorgraph.ops.convolution.case import make_case
from tensorgraph.ops.convolution.choice import backward, compute
from tensorgraph.ops.division import convert_pair
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.windows import check_padding, filter_windows, spatial_numbers


class _Convolution(OpDef):
    """What the ops of convolution have in common.

    Attributes
    ----------
    spatial : int
        How many spatial axes there are.
    family : tuple of str
        The types of the convolution, and of its gradients by input and by filter.
    """

    uses_out = True
    spatial: int = 2
    family: tuple[str, str, str] = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")

    def flops(self, op: Operation) -> int:
        # Each op meets every pair of an input's patch element and an output channel once.
        image, kernel = self.image_and_filter(op)
        if image is None or kernel is None or not shapes.is_full(kernel):
            return 0
        total = 2 * (image[0] or 1)
        places = filter_windows(op.attrs, kernel).output(*image[1:-1])
        for d in (*places, *kernel):
            total *= 1 if d is None else d
        return total

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        """Return the shapes of the forward convolution's inputs."""
        raise NotImplementedError

    def shaped(self, target: Tensor) -> Shape:
        """Return what is known of a result whose shape is an input."""
        dims = static_shape(target)
        return (None,) * (self.spatial + 2) if dims is None else dims

    def draw_case(self, draw: Draw) -> tuple[FullShape, FullShape, FullShape, dict[str, Any]]:
        """Return the shapes of image, filter and output, and the attributes."""
        axes = range(self.spatial)
        size = tuple(draw.integer(1, 3 if self.spatial == 2 else 2) for _ in axes)
        dilations = tuple(draw.integer(1, 2) for _ in axes)
        strides = tuple(draw.integer(1, 2) for _ in axes)
        padding = draw.choice(["VALID", "SAME", ((1, 0), (0, 2), (1, 1))[: self.spatial]])
        extra = [draw.integer(0, 2 if self.spatial == 2 else 1) for _ in axes]
        image = tuple((size[i] - 1) * dilations[i] + 1 + extra[i] for i in axes)
        channels, groups = draw.integer(1, 2), draw.integer(1, 2)
        filters = groups * draw.integer(1, 2)
        kernel = (*size, channels, filters)
        attrs = {"strides": strides, "dilations": dilations, "padding": padding}
        batch = draw.integer(0, 2)
        places = filter_windows(attrs, kernel).places(*image)
        return (batch, *image, channels * groups), kernel, (batch, *places, filters), attrs


class _Forward(_Convolution):
    inputs = (Arg("input"), Arg("filter"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, w = op.inputs
        rank = self.spatial + 2
        image = (None,) * rank if x.dims is None else x.dims
        kernel = (None,) * rank if w.dims is None else w.dims
        if len(image) != rank or len(kernel) != rank:
            axes = "depth, height, width"[7 * (3 - self.spatial) :]
            raise ValueError(
                f"{self.type} needs images (batch, {axes}, channels), got {x.shape}, and a"
                f" filter ({axes}, in, out), got {w.shape}"
            )
        if not _suit(image[-1], kernel):
            raise ValueError(
                f"images of {image[-1]} channels do not suit a filter for {kernel[-2]}: {w.shape}"
                " (in groups, both channels and filters must divide)"
            )
        if None in kernel[:-2]:
            return (Spec(x.dtype, (image[0], *[None] * self.spatial, kernel[-1])),)
        places = filter_windows(op.attrs, kernel).output(*image[1:-1])
        return (Spec(x.dtype, (image[0], *places, kernel[-1])),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise(
            (
                Role.ROWS,
                Role.WHOLE,
            )
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, w = inputs
        case = make_case(k.op.attrs, x.shape, w.shape)
        out = k.out
        if out is None:
            out = k.xp.empty((case.batch, *case.places, w.shape[-1]), x.dtype)
        compute(k, case, "forward", x, w, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, w), (_, by_input, by_filter) = grads, op.inputs, self.family
        return (
            lambda: _like(apply(by_input, shape(x), w, dy, **op.attrs), x),
            lambda: _like(apply(by_filter, x, shape(w), dy, **op.attrs), w),
        )

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.inputs[0].dims, op.inputs[1].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, _, attrs = self.draw_case(draw)
        return Sample((Input(image), Input(kernel)), attrs)


class _ByInput(_Convolution):
    inputs = (SHAPE, Arg("filter"), Arg("out_backprop"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target, w, dy = op.inputs
        dims = self.shaped(target)
        if dims is not None and w.dims is not None and None not in w.dims[:-2]:
            made = filter_windows(op.attrs, w.dims).output(*dims[1:-1])
            wanted = (dims[0], *made, w.dims[-1])
            if not shapes.compatible(dy.dims, wanted) or not _suit(dims[-1], w.dims):
                raise ValueError(
                    f"a filter of shape {w.shape} makes {shapes.format_shape(wanted)} of images of"
                    f" {shapes.format_shape(dims)}, not {dy.shape}"
                )
        return (Spec(w.dtype, dims),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise(
            (
                Role.SHAPE,
                Role.WHOLE,
                Role.ROWS,
            )
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, w, dy = inputs
        dims = [int(d) for d in target]
        case = make_case(k.op.attrs, dims, w.shape)
        out = k.out
        if out is None:
            out = k.xp.empty(dims, dy.dtype)
        compute(k, case, "by_input", w, dy, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (g,), (_, w, dy), (forward, _, by_filter) = grads, op.inputs, self.family
        return (
            None,
            lambda: _like(apply(by_filter, g, shape(w), dy, **op.attrs), w),
            lambda: _like(apply(forward, g, w, **op.attrs), dy),
        )

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.outputs[0].dims, op.inputs[1].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        target = Input((len(image),), value=np.array(image, np.int32), constant=True)
        return Sample((target, Input(kernel), Input(result)), attrs)


class _ByFilter(_Convolution):
    inputs = (Arg("input"), SHAPE, Arg("out_backprop"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, self.shaped(op.inputs[1])),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise(
            (
                Role.ROWS,
                Role.WHOLE,
                Role.ROWS,
            ),
            (Role.SUM,),
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, target, dy = inputs
        dims = [int(d) for d in target]
        case = make_case(k.op.attrs, x.shape, dims)
        out = k.out
        if out is None:
            out = k.xp.empty(dims, x.dtype)
        compute(k, case, "by_filter", x, dy, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (g,), (x, _, dy), (forward, by_input, _) = grads, op.inputs, self.family
        return (
            lambda: _like(apply(by_input, shape(x), g, dy, **op.attrs), x),
            None,
            lambda: _like(apply(forward, x, g, **op.attrs), dy),
        )

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.inputs[0].dims, op.outputs[0].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        target = Input((len(kernel),), value=np.array(kernel, np.int32), constant=True)
        return Sample((Input(image), target, Input(result)), attrs)


@register
class Conv2D(_Forward):
    """The convolution of images with a filter."""

    type = "Conv2D"
    formula = "{input} ∗ {filter}"


@register
class Conv2DBackpropInput(_ByInput):
    """The gradient of a convolution by its images: inputs are their shape, the filter, dy."""

    type = "Conv2DBackpropInput"
    formula = "Σ {out_backprop} · the weight of {filter} between the two places"


@register
class Conv2DBackpropFilter(_ByFilter):
    """The gradient of a convolution by its filter: inputs are the images, its shape, dy."""

    type = "Conv2DBackpropFilter"
    formula = "Σ {out_backprop} · what {input} has under the weight"


@register
class Conv2DBackprop(_Convolution):
    """Both gradients of a convolution at once: inputs are the images, the filter, and dy.

    A pass makes it of `Conv2DBackpropInput` and `Conv2DBackpropFilter`, after all gradients have
    been made.
    """

    type = "Conv2DBackprop"
    formula = "Σ {out_backprop} · the weight of {filter} between the two places"
    formulas_besides = ("Σ {out_backprop} · what {input} has under the weight",)
    inputs = (Arg("input"), Arg("filter"), Arg("out_backprop"))
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return tuple(Spec(t.dtype, t.dims) for t in op.inputs[:2])

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, Role.WHOLE, Role.ROWS), (Role.ROWS, Role.SUM))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, w, dy = inputs
        case = make_case(k.op.attrs, x.shape, w.shape)
        dx, dw = (
            k.xp.empty(a.shape, a.dtype) if out is None else out
            for a, out in zip((x, w), (*k.outs, None), strict=False)
        )
        backward(k, case, x, w, dy, dx, dw)
        return dx, dw

    def flops(self, op: Operation) -> int:
        return 2 * super().flops(op)

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.inputs[0].dims, op.inputs[1].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        return Sample((Input(image), Input(kernel), Input(result)), attrs)


class _Volume(_Convolution):
    spatial = 3
    family = ("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2")


@register
class Conv3D(_Volume, _Forward):
    """The convolution of volumes with a filter."""

    type = "Conv3D"
    formula = "{input} ∗ {filter}"


@register
class Conv3DBackpropInput(_Volume, _ByInput):
    """The gradient of a convolution by its volumes: inputs are their shape, the filter, dy."""

    type = "Conv3DBackpropInputV2"
    formula = "Σ {out_backprop} · the weight of {filter} between the two places"


@register
class Conv3DBackpropFilter(_Volume, _ByFilter):
    """The gradient of a convolution by its filter: inputs are the volumes, its shape, dy."""

    type = "Conv3DBackpropFilterV2"
    formula = "Σ {out_backprop} · what {input} has under the weight"


def _like(result: Tensor, x: Tensor) -> Tensor:
    result.set_shape(x.dims)
    return result


def _suit(channels: int | None, kernel: Sequence[int | None]) -> bool:
    """Return whether images of so many channels suit a filter, in groups where it is for fewer."""
    *_, taken, filters = kernel
    if channels is None or taken is None or channels == taken:
        return True
    if not taken or channels % taken:
        return False
    return filters is None or filters % (channels // taken) == 0


# The names users type


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = 1,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Return the convolution of images with a filter; the filter is not flipped.

    Parameters
    ----------
    input : Tensor of shape (batch, height, width, in)
        The images.
    filter : Tensor of shape (height, width, in, out)
        The filter; ``filters`` is its newer name. One for a part of the channels only convolves
        them in groups, each with its share of the filters.
    strides : int or list of int
        The step, one for each axis of NHWC or one or two for the image.
    padding : str or list of (int, int)
        ``"VALID"``, ``"SAME"``, or the zeros before and after for each axis of NHWC.
    use_cudnn_on_gpu : bool
        Accepted for TensorFlow's sake.
    data_format : str, default "NHWC"
        The only layout.
    dilations : int or list of int, default 1
        The distance of the filter's elements.
    name : str, optional
        Its name.
    filters : Tensor, optional
        The newer name of `filter`.

    Returns
    -------
    Tensor of shape (batch, new height, new width, out)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    del use_cudnn_on_gpu
    check_channels_last(data_format)
    kernel = filters if filter is None else filter
    if kernel is None or padding is None:
        raise ValueError("conv2d needs a filter and a padding")
    attrs: dict[str, Any] = {
        "strides": spatial_numbers(1 if strides is None else strides, "strides"),
        "dilations": spatial_numbers(dilations, "dilations"),
        "padding": check_padding(padding),
    }
    x, w = convert_pair(input, kernel)
    return apply("Conv2D", x, w, name=name, **attrs)
