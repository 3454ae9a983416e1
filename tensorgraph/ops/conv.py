"""Convolution over images, channels last (NHWC), kernels as height, width, in, out (HWIO).

What the field calls convolution: the kernel is not flipped. The three ops here, the convolution
and its gradients by input and by filter, are each linear in both inputs, and the gradient of each
is made of the other two; so every order of derivative exists.

The kernels gather, for each place of the output, the patch of the image that the filter meets
(im2col), which turns the sum over a window into one matrix product. They do so for a few images at
a time, so that the patches stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.shapes import FullShape, Shape
from tensorgraph.graph.defaults import apply
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
from tensorgraph.ops.array import SHAPE, shape
from tensorgraph.ops.nn import check_channels_last

# How much of the patches is gathered at a time: about the size of a core's second-level cache.
PATCH_BYTES = 1 << 21

Padding = str | tuple[tuple[int, int], tuple[int, int]]


class Windows(NamedTuple):
    """How windows lie on an image, in two spatial axes."""

    size: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: Padding

    def pads(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the zeros before and after, for both axes."""
        vertical, horizontal = (
            shapes.window_padding(
                n,
                self.size[i],
                self.strides[i],
                self.padding if isinstance(self.padding, str) else self.padding[i],
                self.dilations[i],
            )
            for i, n in enumerate((height, width))
        )
        return vertical, horizontal

    def output(self, height: int | None, width: int | None) -> tuple[int | None, int | None]:
        """Return how many places the window takes in each axis.

        Raises
        ------
        ValueError
            If the window is larger than the padded image.
        """
        vertical, horizontal = (
            shapes.window_output(
                n,
                self.size[i],
                self.strides[i],
                self.padding if isinstance(self.padding, str) else self.padding[i],
                self.dilations[i],
            )
            for i, n in enumerate((height, width))
        )
        for n, size in ((vertical, self.size[0]), (horizontal, self.size[1])):
            if n is not None and n < 1 and (height, width).count(0) == 0:
                raise ValueError(
                    f"a window of {self.size[0]}x{self.size[1]} does not fit an image of"
                    f" {height}x{width} with padding {self.padding!r} (along the axis of {size})"
                )
        return vertical, horizontal

    def places(self, height: int, width: int) -> tuple[int, int]:
        """Return `output` for an image whose size is known."""
        vertical, horizontal = self.output(height, width)
        assert vertical is not None
        assert horizontal is not None
        return vertical, horizontal


def filter_windows(attrs: dict[str, Any], filter_dims: Sequence[int | None]) -> Windows:
    """Return the windows of a convolution with that filter shape."""
    height, width = filter_dims[0], filter_dims[1]
    if height is None or width is None:
        raise ValueError("the height and width of a convolution's filter must be known")
    return Windows((height, width), attrs["strides"], attrs["dilations"], attrs["padding"])


def patches(k: KernelContext, x: Any, windows: Windows, places: tuple[int, int]) -> Any:
    """Return a view (n, places…, window…, channels) of a padded image."""
    n, _, _, c = x.shape
    sn, sh, sw, sc = x.strides
    (kh, kw), (th, tw), (dh, dw) = windows.size, windows.strides, windows.dilations
    return k.xp.lib.stride_tricks.as_strided(
        x,
        (n, *places, kh, kw, c),
        (sn, sh * th, sw * tw, sh * dh, sw * dw, sc),
    )


def padded(k: KernelContext, x: Any, pads: Sequence[tuple[int, int]], value: float = 0) -> Any:
    """Return the image with its border, in scratch memory; the image itself if there is none."""
    (top, bottom), (left, right) = pads
    if not (top or bottom or left or right):
        return x
    n, h, w, c = x.shape
    result = k.scratch("padded", (n, h + top + bottom, w + left + right, c), x.dtype)
    result[...] = value
    result[:, top : top + h, left : left + w] = x
    return result


def blocks(count: int, bytes_each: int) -> Iterator[slice]:
    """Yield slices of a batch, each of about `PATCH_BYTES`."""
    step = max(1, min(count, PATCH_BYTES // max(bytes_each, 1)))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


class _Convolution(OpDef):
    """What the three ops of convolution have in common."""

    uses_out = True

    def flops(self, op: Operation) -> int:
        # Each op meets every pair of an input's patch element and an output channel once.
        image, kernel = self.image_and_filter(op)
        if image is None or kernel is None or not shapes.is_full(kernel):
            return 0
        kh, kw, cin, cout = (d or 1 for d in kernel)
        windows = filter_windows(op.attrs, kernel)
        oh, ow = windows.output(image[1], image[2])
        return 2 * (image[0] or 1) * (oh or 1) * (ow or 1) * kh * kw * cin * cout

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        """Return the shapes of the forward convolution's inputs."""
        raise NotImplementedError

    def draw_case(self, draw: Draw) -> tuple[FullShape, FullShape, FullShape, dict[str, Any]]:
        """Return the shapes of image, filter and output, and the attributes."""
        size = (draw.integer(1, 3), draw.integer(1, 3))
        dilations = (draw.integer(1, 2), draw.integer(1, 2))
        strides = (draw.integer(1, 2), draw.integer(1, 2))
        padding = draw.choice(["VALID", "SAME", ((1, 0), (0, 2))])
        height, width = ((size[i] - 1) * dilations[i] + 1 + draw.integer(0, 2) for i in (0, 1))
        image = (draw.integer(0, 2), height, width, draw.integer(1, 2))
        kernel = (*size, image[3], draw.integer(1, 2))
        attrs = {"strides": strides, "dilations": dilations, "padding": padding}
        oh, ow = filter_windows(attrs, kernel).places(height, width)
        return image, kernel, (image[0], oh, ow, kernel[3]), attrs


@register
class Conv2D(_Convolution):
    """The convolution of images with a filter."""

    type = "Conv2D"
    inputs = (Arg("input"), Arg("filter"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, w = op.inputs
        image = (None,) * 4 if x.dims is None else x.dims
        kernel = (None,) * 4 if w.dims is None else w.dims
        if len(image) != 4 or len(kernel) != 4:
            raise ValueError(
                f"conv2d needs images (batch, height, width, channels), got {x.shape}, and a"
                f" filter (height, width, in, out), got {w.shape}"
            )
        if not shapes.compatible(image[3:], kernel[2:3]):
            raise ValueError(
                f"images of {image[3]} channels do not suit a filter for {kernel[2]}: {w.shape}"
            )
        if kernel[0] is None or kernel[1] is None:
            return (Spec(x.dtype, (image[0], None, None, kernel[3])),)
        places = filter_windows(op.attrs, kernel).output(image[1], image[2])
        return (Spec(x.dtype, (image[0], *places, kernel[3])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, w = inputs
        n, height, width, _ = x.shape
        windows = filter_windows(k.op.attrs, w.shape)
        oh, ow = windows.places(height, width)
        out = k.out
        if out is None:
            out = k.xp.empty((n, oh, ow, w.shape[3]), x.dtype)
        weights = w.reshape(-1, w.shape[3])
        view = patches(k, padded(k, x, windows.pads(height, width)), windows, (oh, ow))
        row = weights.shape[0] * x.dtype.itemsize
        for block in blocks(n, oh * ow * row):
            columns = _columns(k, view[block])
            k.xp.matmul(columns, weights, out=out[block].reshape(-1, w.shape[3]))
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, w) = grads, op.inputs
        return (
            lambda: _like(apply("Conv2DBackpropInput", shape(x), w, dy, **op.attrs), x),
            lambda: _like(apply("Conv2DBackpropFilter", x, shape(w), dy, **op.attrs), w),
        )

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.inputs[0].dims, op.inputs[1].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, _, attrs = self.draw_case(draw)
        return Sample((Input(image), Input(kernel)), attrs)


@register
class Conv2DBackpropInput(_Convolution):
    """The gradient of a convolution by its images: inputs are their shape, the filter, dy."""

    type = "Conv2DBackpropInput"
    inputs = (SHAPE, Arg("filter"), Arg("out_backprop"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target = static_shape(op.inputs[0])
        return (Spec(op.inputs[1].dtype, (None,) * 4 if target is None else target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, w, dy = inputs
        n, height, width, c = (int(d) for d in target)
        windows = filter_windows(k.op.attrs, w.shape)
        (top, bottom), (left, right) = windows.pads(height, width)
        out = k.out
        if out is None:
            out = k.xp.empty((n, height, width, c), dy.dtype)
        kh, kw, _, f = w.shape
        _, oh, ow, _ = dy.shape
        (th, tw), (dh, dw) = windows.strides, windows.dilations
        weights = w.reshape(-1, f).T
        for block in blocks(n, oh * ow * kh * kw * c * dy.dtype.itemsize):
            size = block.stop - block.start
            columns = k.scratch("columns", (size * oh * ow, kh * kw * c), dy.dtype)
            k.xp.matmul(dy[block].reshape(-1, f), weights, out=columns)
            parts = columns.reshape(size, oh, ow, kh, kw, c)
            total = k.scratch(
                "sum", (size, height + top + bottom, width + left + right, c), dy.dtype
            )
            total[...] = 0
            # Windows overlap, so each place of the filter is added by itself.
            for i in range(kh):
                for j in range(kw):
                    rows = slice(i * dh, i * dh + (oh - 1) * th + 1, th)
                    cols = slice(j * dw, j * dw + (ow - 1) * tw + 1, tw)
                    region = total[:, rows, cols]
                    k.xp.add(region, parts[:, :, :, i, j], out=region)
            out[block] = total[:, top : top + height, left : left + width]
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (g,), (_, w, dy) = grads, op.inputs
        return (
            None,
            lambda: _like(apply("Conv2DBackpropFilter", g, shape(w), dy, **op.attrs), w),
            lambda: _like(apply("Conv2D", g, w, **op.attrs), dy),
        )

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.outputs[0].dims, op.inputs[1].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        target = Input((4,), value=np.array(image, np.int32), constant=True)
        return Sample((target, Input(kernel), Input(result)), attrs)


@register
class Conv2DBackpropFilter(_Convolution):
    """The gradient of a convolution by its filter: inputs are the images, its shape, dy."""

    type = "Conv2DBackpropFilter"
    inputs = (Arg("input"), SHAPE, Arg("out_backprop"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        target = static_shape(op.inputs[1])
        return (Spec(op.inputs[0].dtype, (None,) * 4 if target is None else target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, target, dy = inputs
        kernel = tuple(int(d) for d in target)
        n, height, width, _ = x.shape
        windows = filter_windows(k.op.attrs, kernel)
        oh, ow, f = dy.shape[1:]
        out = k.out
        if out is None:
            out = k.xp.empty(kernel, x.dtype)
        total = out.reshape(-1, f)
        total[...] = 0
        view = patches(k, padded(k, x, windows.pads(height, width)), windows, (oh, ow))
        part = k.scratch("part", total.shape, x.dtype)
        for block in blocks(n, oh * ow * total.shape[0] * x.dtype.itemsize):
            columns = _columns(k, view[block])
            k.xp.matmul(columns.T, dy[block].reshape(-1, f), out=part)
            k.xp.add(total, part, out=total)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (g,), (x, _, dy) = grads, op.inputs
        return (
            lambda: _like(apply("Conv2DBackpropInput", shape(x), g, dy, **op.attrs), x),
            None,
            lambda: _like(apply("Conv2D", x, g, **op.attrs), dy),
        )

    def image_and_filter(self, op: Operation) -> tuple[Shape, Shape]:
        return op.inputs[0].dims, op.outputs[0].dims

    def sample(self, draw: Draw) -> Sample:
        image, kernel, result, attrs = self.draw_case(draw)
        target = Input((4,), value=np.array(kernel, np.int32), constant=True)
        return Sample((Input(image), target, Input(result)), attrs)


def _columns(k: KernelContext, view: Any) -> Any:
    """Return patches (n, oh, ow, kh, kw, c) as a matrix of one row a place."""
    n, oh, ow, kh, kw, c = view.shape
    if kh == kw == 1 and view.flags.c_contiguous:
        return view.reshape(-1, c)
    columns = k.scratch("columns", (n * oh * ow, kh * kw * c), view.dtype)
    columns.reshape(view.shape)[...] = view
    return columns


def _like(result: Tensor, x: Tensor) -> Tensor:
    result.set_shape(x.dims)
    return result


# The names users type


def spatial_pair(value: Any, what: str, *, both_ends: bool = True) -> tuple[int, int]:
    """Return the height and width entries of strides, dilations or window sizes.

    Parameters
    ----------
    value : int, or a list of 1, 2 or 4 ints
        Four are one for each axis of NHWC.
    what : str
        Its name, for the message.
    both_ends : bool, default True
        The entries of batch and channels must be 1.

    Raises
    ------
    ValueError
        If it is none of these, or a number is below 1.
    """
    numbers = [int(v) for v in np.atleast_1d(np.asarray(value))]
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) == 4:
        if both_ends and (numbers[0] != 1 or numbers[3] != 1):
            raise ValueError(f"{what} must be 1 along batch and channels, not {numbers}")
        numbers = numbers[1:3]
    if len(numbers) != 2 or min(numbers) < 1:
        raise ValueError(f"{what} must be positive numbers for NHWC, not {value!r}")
    return numbers[0], numbers[1]


def check_padding(padding: Any) -> Padding:
    """Return ``"SAME"``, ``"VALID"``, or explicit numbers for height and width.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise ValueError(f"padding must be 'SAME', 'VALID' or a list, not {padding!r}")
        return padding.upper()
    pairs = [(int(before), int(after)) for before, after in padding]
    if len(pairs) == 4:
        if pairs[0] != (0, 0) or pairs[3] != (0, 0):
            raise ValueError(f"padding must be 0 along batch and channels, not {padding!r}")
        pairs = pairs[1:3]
    if len(pairs) != 2 or min(min(p) for p in pairs) < 0:
        raise ValueError(f"padding must have a pair for each axis of NHWC, not {padding!r}")
    return pairs[0], pairs[1]


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
        The filter; ``filters`` is its newer name.
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
    attrs = {
        "strides": spatial_pair(1 if strides is None else strides, "strides"),
        "dilations": spatial_pair(dilations, "dilations"),
        "padding": check_padding(padding),
    }
    return apply("Conv2D", input, kernel, name=name, **attrs)
