"""Pooling over images, channels last: for any number of spatial axes, registered for two and three.

The gradient of a maximum goes to one element alone: the first of the largest, in reading order.
An average counts only the image's own pixels, not the padding.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.graph.defaults import apply
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
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
    elements,
    register,
)
from tensorgraph.graph.static import static_shape
from tensorgraph.ops.array import SHAPE, shape
from tensorgraph.ops.memory_order import scratch_like
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.pool_kernels import (
    combine,
    hand_back,
    hand_out,
    layout_of,
    switches,
    with_frame,
    without_frame,
)
from tensorgraph.ops.shares import Block, for_blocks
from tensorgraph.ops.sources import zeros_like
from tensorgraph.ops.windows import Windows, check_padding, spatial_numbers


def pool_windows(op: Operation) -> Windows:
    """Return how an op's windows lie."""
    size = op.attrs["ksize"]
    return Windows(size, op.attrs["strides"], (1,) * len(size), op.attrs["padding"])


def bytes_each(x: Any) -> int:
    """Return what counts of each member of a batch like `x`, when it is cut into blocks.

    A quarter of it: pooling passes over its images so few times that larger blocks are better.
    """
    return int(math.prod(x.shape[1:]) * x.dtype.itemsize) // 4


def _out(k: KernelContext, x: Any) -> Any:
    """Return where to write a number for each window on images."""
    if k.out is not None:
        return k.out
    places = pool_windows(k.op).places(*x.shape[1:-1])
    return k.xp.empty((len(x), *places, x.shape[-1]), x.dtype)


class _Pooling(OpDef):
    """What all ops of pooling have in common.

    Attributes
    ----------
    spatial : int
        How many spatial axes there are.
    maximum, average : tuple of str
        The types of the family's ops: forward, gradient, and for maxima the gradient of that.
    """

    uses_out = True
    spatial: int = 2
    maximum: tuple[str, str, str] = ("MaxPool", "MaxPoolGrad", "MaxPoolGradGrad")
    average: tuple[str, str] = ("AvgPool", "AvgPoolGrad")

    def flops(self, op: Operation) -> int:
        return math.prod(pool_windows(op).size) * elements(op.outputs)

    def draw_case(self, draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
        """Return the shapes of image and result, and the attributes."""
        axes = range(self.spatial)
        size = tuple(draw.integer(1, 3 if self.spatial == 2 else 2) for _ in axes)
        strides = tuple(draw.integer(1, 3) for _ in axes)
        spatial = [n + draw.integer(0, 3 if self.spatial == 2 else 2) for n in size]
        pad = tuple(
            (min(1, n - 1) * (i % 2), min(1, n - 1) * (1 - i % 2)) for i, n in enumerate(size)
        )
        padding = draw.choice(["VALID", "SAME", pad])
        attrs = {"ksize": size, "strides": strides, "padding": padding}
        image = (draw.integer(0, 2), *spatial, draw.integer(1, 2))
        places = Windows(size, strides, (1,) * self.spatial, padding).places(*spatial)
        return image, (image[0], *places, image[-1]), attrs


class PoolForward(_Pooling):
    """An op that makes one number of each window."""

    inputs = (Arg("input"),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is None:
            return (Spec(x.dtype, (None,) * (self.spatial + 2)),)
        if len(x.dims) != self.spatial + 2:
            raise ValueError(
                f"{self.type} needs images of {self.spatial} axes between batch and channels, got"
                f" {x.shape}"
            )
        places = pool_windows(op).output(*x.dims[1:-1])
        return (Spec(x.dtype, (x.dims[0], *places, x.dims[-1])),)

    def sample(self, draw: Draw) -> Sample:
        image, _, attrs = self.draw_case(draw)
        return Sample((Input(image, DISTINCT),), attrs)


@register
class MaxPool(PoolForward):
    """The largest element of each window."""

    type = "MaxPool"
    formula = "the largest of each window of {input}"

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS,))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        layout, out = layout_of(pool_windows(k.op), x.shape[1:-1]), _out(k, x)

        def task(block: Block) -> None:
            image = with_frame(block, layout, x[block.part], -np.inf)
            combine(block, k.xp.maximum, layout, image, out[block.part])

        for_blocks(k, len(x), bytes_each(x), task)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply(self.maximum[1], op.inputs[0], op.outputs[0], grads[0], **op.attrs),)


class _MaxPoolSwitch(_Pooling):
    """An op that follows the switches: which element of each window was the largest."""

    def draw_inputs(self, draw: Draw) -> tuple[Input, Input, Input, Input, dict[str, Any]]:
        """Return image, its pooled maximum, a gradient of either shape, and the attributes."""
        image, result, attrs = self.draw_case(draw)
        count = math.prod(image)
        values = np.array([draw.integer(0, 999) for _ in range(count)], np.float64)
        # Distinct numbers, so that the switches stand still when a test moves them a little.
        x = (values + np.arange(count) / max(count, 1)).reshape(image) / 100
        y = _reference_maximum(x, result, attrs)
        return (
            Input(value=x, shape=image),
            Input(value=y, shape=result),
            Input(image),
            Input(result),
            attrs,
        )


def _reference_maximum(x: Any, result: tuple[int, ...], attrs: dict[str, Any]) -> Any:
    """Return the pooled maximum, computed window by window."""
    size, strides = attrs["ksize"], attrs["strides"]
    pads = Windows(size, strides, (1,) * len(size), attrs["padding"]).pads(*x.shape[1:-1])
    y: Any = np.empty(result)
    for place in itertools.product(*map(range, result[1:-1])):
        starts: list[int] = [
            i * t - before for i, t, (before, _) in zip(place, strides, pads, strict=True)
        ]
        block = tuple(slice(max(s, 0), s + n) for s, n in zip(starts, size, strict=True))
        y[(slice(None), *place)] = x[(slice(None), *block)].max(tuple(range(1, len(size) + 1)))
    return y


@register
class MaxPoolGrad(_MaxPoolSwitch):
    """The gradient of `MaxPool` by its images: inputs are images, maxima, and dy."""

    type = "MaxPoolGrad"
    formula = "{grad} where {orig_input} is the largest of its window, else 0"
    inputs = (Arg("orig_input"), Arg("orig_output"), Arg("grad"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise(
            (
                Role.ROWS,
                Role.ROWS,
                Role.ROWS,
            )
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y, dy = inputs
        layout = layout_of(pool_windows(k.op), x.shape[1:-1])
        out = k.xp.empty_like(x) if k.out is None else k.out

        def task(block: Block) -> None:
            masks = switches(block, layout, x[block.part], y[block.part])
            hand = functools.partial(hand_back, block, layout, masks, dy[block.part])
            without_frame(block, layout, out[block.part], hand)

        for_blocks(k, len(x), bytes_each(x), task)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, y, _ = op.inputs
        return (
            lambda: zeros_like(x),
            lambda: zeros_like(y),
            lambda: apply(self.maximum[2], x, y, grads[0], **op.attrs),
        )

    def sample(self, draw: Draw) -> Sample:
        x, y, _, dy, attrs = self.draw_inputs(draw)
        return Sample((x, y, dy), attrs)


@register
class MaxPoolGradGrad(_MaxPoolSwitch):
    """From each window the element at the place where the images have their maximum."""

    type = "MaxPoolGradGrad"
    inputs = (Arg("orig_input"), Arg("orig_output"), Arg("grad"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[1].dtype, op.inputs[1].dims),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise(
            (
                Role.ROWS,
                Role.ROWS,
                Role.ROWS,
            )
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y, g = inputs
        layout = layout_of(pool_windows(k.op), x.shape[1:-1])
        out = k.xp.empty_like(y) if k.out is None else k.out

        def task(block: Block) -> None:
            total, maxima = out[block.part], y[block.part]
            total[...] = 0
            image = with_frame(block, layout, g[block.part], 0)
            part = scratch_like(block, "part", maxima)
            masks = switches(block, layout, x[block.part], maxima)
            for tap, mask in zip(layout.taps, masks, strict=True):
                k.xp.multiply(image[tap], mask, out=part)
                k.xp.add(total, part, out=total)

        for_blocks(k, len(x), bytes_each(x), task)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, y, _ = op.inputs
        return (
            lambda: zeros_like(x),
            lambda: zeros_like(y),
            lambda: apply(self.maximum[1], x, y, grads[0], **op.attrs),
        )

    def sample(self, draw: Draw) -> Sample:
        x, y, g, _, attrs = self.draw_inputs(draw)
        return Sample((x, y, g), attrs)


def _counts(k: KernelContext, windows: Windows, spatial: Sequence[int]) -> Any:
    """Return how many pixels of the image each window covers, or one number if all the same."""
    pads = windows.pads(*spatial)
    if not any(map(any, pads)):
        return math.prod(windows.size)
    table = np.ones((1,) * (len(spatial) + 1), np.int64)
    for axis, (n, (before, _)) in enumerate(zip(spatial, pads, strict=True)):
        starts = np.arange(windows.places(*spatial)[axis]) * windows.strides[axis] - before
        covered = (starts + windows.size[axis]).clip(0, n) - starts.clip(0, n)
        table = table * covered.reshape((-1,) + (1,) * (len(spatial) - axis))
    return k.backend.from_host(table)


@register
class AvgPool(PoolForward):
    """The mean of each window."""

    type = "AvgPool"
    formula = "the mean of each window of {input}"

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS,))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        windows, out = pool_windows(k.op), _out(k, x)
        layout, count = layout_of(windows, x.shape[1:-1]), _counts(k, windows, x.shape[1:-1])

        def task(block: Block) -> None:
            image, total = with_frame(block, layout, x[block.part], 0), out[block.part]
            combine(block, k.xp.add, layout, image, total)
            k.xp.true_divide(total, count, out=total, casting="same_kind")

        for_blocks(k, len(x), bytes_each(x), task)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[0]
        result = apply(self.average[1], shape(x), grads[0], **op.attrs)
        result.set_shape(x.dims)
        return (result,)


@register
class AvgPoolGrad(_Pooling):
    """The gradient of `AvgPool` by its images: inputs are their shape, and dy."""

    type = "AvgPoolGrad"
    formula = "{grad}, shared evenly by its window"
    inputs = (SHAPE, Arg("grad"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target = static_shape(op.inputs[0])
        return (
            Spec(op.inputs[1].dtype, (None,) * (self.spatial + 2) if target is None else target),
        )

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise(
            (
                Role.SHAPE,
                Role.ROWS,
            )
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, dy = inputs
        dims = tuple(int(d) for d in target)
        windows = pool_windows(k.op)
        out = k.xp.empty(dims, dy.dtype) if k.out is None else k.out
        layout, count = layout_of(windows, dims[1:-1]), _counts(k, windows, dims[1:-1])

        def task(block: Block) -> None:
            grad = dy[block.part]
            share = scratch_like(block, "share", grad)
            k.xp.true_divide(grad, count, out=share, casting="same_kind")
            hand = functools.partial(hand_out, block, layout, share)
            without_frame(block, layout, out[block.part], hand)

        for_blocks(k, dims[0], bytes_each(out), task)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None, apply(self.average[0], grads[0], **op.attrs))

    def sample(self, draw: Draw) -> Sample:
        image, result, attrs = self.draw_case(draw)
        target = Input((len(image),), value=np.array(image, np.int32), constant=True)
        return Sample((target, Input(result)), attrs)


class _Volume(_Pooling):
    spatial = 3
    maximum = ("MaxPool3D", "MaxPool3DGrad", "MaxPool3DGradGrad")
    average = ("AvgPool3D", "AvgPool3DGrad")


@register
class MaxPool3D(_Volume, MaxPool):
    """The largest element of each window of a volume."""

    type = "MaxPool3D"
    formula = "the largest of each window of {input}"


@register
class MaxPool3DGrad(_Volume, MaxPoolGrad):
    """The gradient of `MaxPool3D` by its volumes: inputs are volumes, maxima, and dy."""

    type = "MaxPool3DGrad"
    formula = "{grad} where {orig_input} is the largest of its window, else 0"


@register
class MaxPool3DGradGrad(_Volume, MaxPoolGradGrad):
    """From each window the element at the place where the volumes have their maximum."""

    type = "MaxPool3DGradGrad"


@register
class AvgPool3D(_Volume, AvgPool):
    """The mean of each window of a volume."""

    type = "AvgPool3D"
    formula = "the mean of each window of {input}"


@register
class AvgPool3DGrad(_Volume, AvgPoolGrad):
    """The gradient of `AvgPool3D` by its volumes: inputs are their shape, and dy."""

    type = "AvgPool3DGrad"
    formula = "{grad}, shared evenly by its window"


# The names users type


def _pool(
    op_type: str,
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str,
    name: str | None,
) -> Tensor:
    check_channels_last(data_format)
    axes = 3 if op_type.endswith("3D") else 2
    size, pads = spatial_numbers(ksize, "ksize", axes), check_padding(padding, axes)
    if not isinstance(pads, str) and any(max(p) >= n for p, n in zip(pads, size, strict=True)):
        raise ValueError(f"padding {pads} must be smaller than the window {size}")
    steps = spatial_numbers(strides, "strides", axes)
    return apply(op_type, value, name=name, ksize=size, strides=steps, padding=pads)


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """Return the largest element of each window.

    Parameters
    ----------
    value : Tensor of shape (batch, height, width, channels)
        The images.
    ksize : int or list of int
        The window, one number for each axis of NHWC or one or two for the image.
    strides : int or list of int
        The step, likewise.
    padding : str or list of (int, int)
        ``"VALID"``, ``"SAME"``, or the border for each axis of NHWC; it never wins.
    data_format : str, default "NHWC"
        The only layout.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the window does not fit.
    """
    return _pool("MaxPool", value, ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """Return the mean of each window, of the image's own pixels; parameters as in `max_pool`."""
    return _pool("AvgPool", value, ksize, strides, padding, data_format, name)


def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """Return the largest element of each window of volumes (batch, depth, height, width, channels).

    Parameters are those of `max_pool`, with three numbers for the volume, or five.
    """
    return _pool("MaxPool3D", input, ksize, strides, padding, data_format, name)


def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """Return the mean of each window of volumes (batch, depth, height, width, channels).

    Parameters are those of `max_pool`, with three numbers for the volume, or five.
    """
    return _pool("AvgPool3D", input, ksize, strides, padding, data_format, name)
