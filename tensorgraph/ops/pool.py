"""Pooling over images, channels last.

The gradient of a maximum goes to one element alone: the first of the largest, in reading order.
An average counts only the image's own pixels, not the padding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorgraph.graph.defaults import apply
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
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
from tensorgraph.ops.array import SHAPE, shape, zeros_like
from tensorgraph.ops.conv import Windows, check_padding, padded, spatial_pair
from tensorgraph.ops.nn import check_channels_last


def _windows(op: Operation) -> Windows:
    return Windows(op.attrs["ksize"], op.attrs["strides"], (1, 1), op.attrs["padding"])


def _places(windows: Windows, image: Any, oh: int, ow: int) -> Iterator[Any]:
    """Yield, for each place in the window, the view of the padded image that it meets."""
    (kh, kw), (th, tw) = windows.size, windows.strides
    for i in range(kh):
        for j in range(kw):
            yield image[:, i : i + (oh - 1) * th + 1 : th, j : j + (ow - 1) * tw + 1 : tw]


class _Pooling(OpDef):
    """What all ops of pooling have in common."""

    uses_out = True

    def flops(self, op: Operation) -> int:
        kh, kw = _windows(op).size
        return kh * kw * elements(op.outputs)

    def draw_case(self, draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
        """Return the shapes of image and result, and the attributes."""
        size = (draw.integer(1, 3), draw.integer(1, 3))
        strides = (draw.integer(1, 3), draw.integer(1, 3))
        spatial = (size[0] + draw.integer(0, 3), size[1] + draw.integer(0, 3))
        pad = ((0, min(1, size[0] - 1)), (min(1, size[1] - 1), 0))
        padding = draw.choice(["VALID", "SAME", pad])
        attrs = {"ksize": size, "strides": strides, "padding": padding}
        image = (draw.integer(0, 2), *spatial, draw.integer(1, 2))
        oh, ow = Windows(size, strides, (1, 1), padding).places(*spatial)
        return image, (image[0], oh, ow, image[3]), attrs


class _PoolForward(_Pooling):
    inputs = (Arg("input"),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is None:
            return (Spec(x.dtype, (None,) * 4),)
        if len(x.dims) != 4:
            raise ValueError(
                f"pooling needs images (batch, height, width, channels), got {x.shape}"
            )
        places = _windows(op).output(x.dims[1], x.dims[2])
        return (Spec(x.dtype, (x.dims[0], *places, x.dims[3])),)

    def sample(self, draw: Draw) -> Sample:
        image, _, attrs = self.draw_case(draw)
        return Sample((Input(image, DISTINCT),), attrs)


@register
class MaxPool(_PoolForward):
    """The largest element of each window."""

    type = "MaxPool"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        windows = _windows(k.op)
        oh, ow = windows.places(x.shape[1], x.shape[2])
        out = k.out
        if out is None:
            out = k.xp.empty((x.shape[0], oh, ow, x.shape[3]), x.dtype)
        image = padded(k, x, windows.pads(x.shape[1], x.shape[2]), -np.inf)
        # Pairwise maxima of shifted views: no gather, no argmax.
        for n, view in enumerate(_places(windows, image, oh, ow)):
            if n == 0:
                out[...] = view
            else:
                k.xp.maximum(out, view, out=out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("MaxPoolGrad", op.inputs[0], op.outputs[0], grads[0], **op.attrs),)


class _MaxPoolSwitch(_Pooling):
    """An op that follows the switches: which element of each window was the largest."""

    def chosen(self, k: KernelContext, x: Any, y: Any) -> Iterator[tuple[int, Any]]:
        """Yield for each place of the window where its element is the first largest."""
        windows = _windows(k.op)
        image = padded(k, x, windows.pads(x.shape[1], x.shape[2]), -np.inf)
        free = k.scratch("free", y.shape, np.bool_)
        mask = k.scratch("mask", y.shape, np.bool_)
        free[...] = True
        for n, view in enumerate(_places(windows, image, *y.shape[1:3])):
            k.xp.equal(view, y, out=mask)
            k.xp.logical_and(mask, free, out=mask)
            k.xp.greater(free, mask, out=free)
            yield n, mask

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
    windows = Windows(attrs["ksize"], attrs["strides"], (1, 1), attrs["padding"])
    (top, _), (left, _) = windows.pads(x.shape[1], x.shape[2])
    y = np.empty(result)
    for i in range(result[1]):
        for j in range(result[2]):
            row, col = i * windows.strides[0] - top, j * windows.strides[1] - left
            block = x[
                :,
                max(row, 0) : row + windows.size[0],
                max(col, 0) : col + windows.size[1],
            ]
            y[:, i, j] = block.max((1, 2))
    return y


@register
class MaxPoolGrad(_MaxPoolSwitch):
    """The gradient of `MaxPool` by its images: inputs are images, maxima, and dy."""

    type = "MaxPoolGrad"
    inputs = (Arg("orig_input"), Arg("orig_output"), Arg("grad"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y, dy = inputs
        windows = _windows(k.op)
        (top, bottom), (left, right) = windows.pads(x.shape[1], x.shape[2])
        n, h, w, c = x.shape
        total = k.scratch("total", (n, h + top + bottom, w + left + right, c), x.dtype)
        total[...] = 0
        part = k.scratch("part", y.shape, y.dtype)
        views = list(_places(windows, total, *y.shape[1:3]))
        for place, mask in self.chosen(k, x, y):
            k.xp.multiply(dy, mask, out=part)
            k.xp.add(views[place], part, out=views[place])
        inner = total[:, top : top + h, left : left + w]
        if k.out is None:
            return inner.copy()
        k.out[...] = inner
        return k.out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, y, _ = op.inputs
        return (
            lambda: zeros_like(x),
            lambda: zeros_like(y),
            lambda: apply("MaxPoolGradGrad", x, y, grads[0], **op.attrs),
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

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y, g = inputs
        windows = _windows(k.op)
        pads = windows.pads(x.shape[1], x.shape[2])
        total = k.out if k.out is not None else k.xp.empty(y.shape, y.dtype)
        total[...] = 0
        part = k.scratch("part", y.shape, y.dtype)
        n, h, w, c = x.shape
        (top, bottom), (left, right) = pads
        image = k.scratch("grad", (n, h + top + bottom, w + left + right, c), g.dtype)
        image[...] = 0
        image[:, top : top + h, left : left + w] = g
        views = list(_places(windows, image, *y.shape[1:3]))
        for place, mask in self.chosen(k, x, y):
            k.xp.multiply(views[place], mask, out=part)
            k.xp.add(total, part, out=total)
        return total

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, y, _ = op.inputs
        return (
            lambda: zeros_like(x),
            lambda: zeros_like(y),
            lambda: apply("MaxPoolGrad", x, y, grads[0], **op.attrs),
        )

    def sample(self, draw: Draw) -> Sample:
        x, y, g, _, attrs = self.draw_inputs(draw)
        return Sample((x, y, g), attrs)


def _counts(k: KernelContext, windows: Windows, height: int, width: int) -> Any:
    """Return how many pixels of the image each window covers, or one number if all the same."""
    (top, bottom), (left, right) = windows.pads(height, width)
    if not (top or bottom or left or right):
        return windows.size[0] * windows.size[1]
    covered = []
    for axis, (n, before) in enumerate(((height, top), (width, left))):
        places = windows.places(height, width)[axis]
        starts = np.asarray(range(places)) * windows.strides[axis] - before
        ends = starts + windows.size[axis]
        covered.append(ends.clip(0, n) - starts.clip(0, n))
    table = covered[0][:, None, None] * covered[1][None, :, None]
    return k.backend.from_host(table)


@register
class AvgPool(_PoolForward):
    """The mean of each window."""

    type = "AvgPool"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        windows = _windows(k.op)
        oh, ow = windows.places(x.shape[1], x.shape[2])
        out = k.out
        if out is None:
            out = k.xp.empty((x.shape[0], oh, ow, x.shape[3]), x.dtype)
        image = padded(k, x, windows.pads(x.shape[1], x.shape[2]))
        for n, view in enumerate(_places(windows, image, oh, ow)):
            if n == 0:
                out[...] = view
            else:
                k.xp.add(out, view, out=out)
        count = _counts(k, windows, x.shape[1], x.shape[2])
        return k.xp.true_divide(out, count, out=out, casting="same_kind")

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[0]
        result = apply("AvgPoolGrad", shape(x), grads[0], **op.attrs)
        result.set_shape(x.dims)
        return (result,)


@register
class AvgPoolGrad(_Pooling):
    """The gradient of `AvgPool` by its images: inputs are their shape, and dy."""

    type = "AvgPoolGrad"
    inputs = (SHAPE, Arg("grad"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target = static_shape(op.inputs[0])
        return (Spec(op.inputs[1].dtype, (None,) * 4 if target is None else target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, dy = inputs
        n, h, w, c = (int(d) for d in target)
        windows = _windows(k.op)
        (top, bottom), (left, right) = windows.pads(h, w)
        share = k.scratch("share", dy.shape, dy.dtype)
        count = _counts(k, windows, h, w)
        k.xp.true_divide(dy, count, out=share, casting="same_kind")
        total = k.scratch("total", (n, h + top + bottom, w + left + right, c), dy.dtype)
        total[...] = 0
        for view in _places(windows, total, *dy.shape[1:3]):
            k.xp.add(view, share, out=view)
        inner = total[:, top : top + h, left : left + w]
        if k.out is None:
            return inner.copy()
        k.out[...] = inner
        return k.out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None, apply("AvgPool", grads[0], **op.attrs))

    def sample(self, draw: Draw) -> Sample:
        image, result, attrs = self.draw_case(draw)
        target = Input((4,), value=np.array(image, np.int32), constant=True)
        return Sample((target, Input(result)), attrs)


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
    size, pads = spatial_pair(ksize, "ksize"), check_padding(padding)
    if not isinstance(pads, str) and any(max(p) >= n for p, n in zip(pads, size, strict=True)):
        raise ValueError(f"padding {pads} must be smaller than the window {size}")
    steps = spatial_pair(strides, "strides")
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
