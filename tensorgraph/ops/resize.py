"""Resizing of images, with TensorFlow 1's rules of where a pixel lies.

Every new pixel is a weighted mean of old ones, along rows and columns by themselves. So a resize
is a product with a matrix of weights along each axis, and its gradient that with the transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
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
    elements,
    register,
)
from tensorgraph.graph.static import static_elements, static_shape
from tensorgraph.ops.array import SHAPE, shape


def _sources(k: KernelContext, old: int, new: int) -> Any:
    """Return where each new pixel lies among the old ones."""
    attrs = k.op.attrs
    # In float32, as TensorFlow does: which of two pixels is nearest may hang on it.
    corners = attrs["align_corners"] and new > 1
    scale = (
        np.float32(old - 1) / np.float32(new - 1) if corners else np.float32(old) / np.float32(new)
    )
    places = k.xp.arange(new, dtype=np.float32)
    return (places + np.float32(0.5)) * scale if attrs["half_pixel_centers"] else places * scale


class _Resize(OpDef):
    """What both methods and their gradients have in common."""

    def weights(self, k: KernelContext, old: int, new: int, dtype: Any) -> Any:
        """Return the matrix (new, old) of weights."""
        raise NotImplementedError

    def scaled(self, k: KernelContext, x: Any, sizes: Sequence[int], *, back: bool) -> Any:
        """Return images resized to `sizes`, or by the transposed matrices that lead there."""
        for axis, size in enumerate(sizes, 1):
            old, new = (size, x.shape[axis]) if back else (x.shape[axis], size)
            matrix = self.weights(k, old, new, x.dtype)
            moved = k.xp.tensordot(matrix.T if back else matrix, x, (1, axis))
            x = k.xp.moveaxis(moved, 0, axis)
        return k.xp.ascontiguousarray(x)

    def flops(self, op: Operation) -> int:
        return 8 * elements(op.outputs)

    def draw_case(self, draw: Draw) -> tuple[tuple[int, ...], tuple[int, int], dict[str, Any]]:
        """Return the shape of images, the new size, and the attributes."""
        images = (draw.integer(0, 2), draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 2))
        # TensorFlow knows three of the four pairs.
        corners, centres = draw.choice([(False, False), (True, False), (False, True)])
        attrs = {"align_corners": corners, "half_pixel_centers": centres}
        return images, (draw.integer(1, 5), draw.integer(1, 5)), attrs


class _Bilinear(_Resize):
    def weights(self, k: KernelContext, old: int, new: int, dtype: Any) -> Any:
        places = _sources(k, old, new)
        if k.op.attrs["half_pixel_centers"]:
            places = places - np.float32(0.5)
        floor = k.xp.floor(places)
        lower = k.xp.maximum(floor, 0).astype(np.int64)
        upper = k.xp.minimum(k.xp.ceil(places), old - 1).astype(np.int64)
        share = places - floor
        result, rows = k.xp.zeros((new, old), dtype), k.xp.arange(new)
        k.xp.add.at(result, (rows, lower), 1 - share)
        k.xp.add.at(result, (rows, upper), share)
        return result


class _Nearest(_Resize):
    def places(self, k: KernelContext, old: int, new: int) -> Any:
        """Return the old pixel that each new one takes."""
        places = _sources(k, old, new)
        # Halves are rounded away from 0, as C does.
        places = k.xp.floor(places + np.float32(0.5)) if k.op.attrs["align_corners"] else places
        return k.xp.minimum(places.astype(np.int64), old - 1)

    def weights(self, k: KernelContext, old: int, new: int, dtype: Any) -> Any:
        return (self.places(k, old, new)[:, None] == k.xp.arange(old)).astype(dtype)


class _Forward(_Resize):
    inputs = (Arg("images", dtypes.NUMERIC), Arg("size", (dtypes.int32,), group="size"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, size = op.inputs
        if x.dims is not None and len(x.dims) != 4:
            raise ValueError(f"images (batch, height, width, channels) are needed, not {x.shape}")
        new = static_elements(size) or (None, None)
        if len(new) != 2 or any(n is not None and n < 1 for n in new):
            raise ValueError(f"the size must be two positive numbers, not {new}")
        n, _, _, c = x.dims or (None,) * 4
        return (Spec(x.dtype, (n, *new, c)),)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[0]
        result = apply(f"{self.type}Grad", grads[0], shape(x), **op.attrs)
        result.set_shape(x.dims)
        return (result, None)

    def sample(self, draw: Draw) -> Sample:
        images, size, attrs = self.draw_case(draw)
        target = Input((2,), value=np.array(size, np.int32), constant=True)
        return Sample((Input(images), target), attrs)


class _Backward(_Resize):
    inputs = (Arg("dy"), SHAPE)
    forward: str

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[1])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return self.scaled(k, inputs[0], k.sizes(1, inputs[1])[1:3], back=True)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        dy = op.inputs[0]
        size = apply("Cast", shape(dy)[1:3], dtype=dtypes.int32)
        result = apply(self.forward, grads[0], size, **op.attrs)
        result.set_shape(dy.dims)
        return (result, None)

    def sample(self, draw: Draw) -> Sample:
        images, size, attrs = self.draw_case(draw)
        target = Input((4,), value=np.array(images, np.int32), constant=True)
        return Sample((Input((images[0], *size, images[3])), target), attrs)


@register
class ResizeBilinear(_Bilinear, _Forward):
    """Images in another size, each pixel a mean of the up to four around its place."""

    type = "ResizeBilinear"
    inputs = (Arg("images"), Arg("size", (dtypes.int32,), group="size"))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return self.scaled(k, inputs[0], k.sizes(1, inputs[1]), back=False)


@register
class ResizeBilinearGrad(_Bilinear, _Backward):
    """The gradient of `ResizeBilinear` by its images: inputs are dy, and their shape."""

    type = "ResizeBilinearGrad"
    forward = "ResizeBilinear"


@register
class ResizeNearest(_Nearest, _Forward):
    """Images in another size, each pixel that of the nearest place."""

    type = "ResizeNearestNeighbor"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        size = k.sizes(1, inputs[1])
        rows, columns = (self.places(k, x.shape[i], size[i - 1]) for i in (1, 2))
        return x[:, rows[:, None], columns]


@register
class ResizeNearestGrad(_Nearest, _Backward):
    """The gradient of `ResizeNearestNeighbor` by its images: inputs are dy, and their shape."""

    type = "ResizeNearestNeighborGrad"
    forward = "ResizeNearestNeighbor"


# The names users type


def resize_bilinear(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Return images in another size, each pixel a mean of the up to four around its place.

    Parameters
    ----------
    images : Tensor of shape (batch, height, width, channels)
        The images; integers become float32.
    size : pair of int, or Tensor of int32
        New height and width.
    align_corners : bool, default False
        The centres of the corner pixels stay where they are.
    name : str, optional
        Its name.
    half_pixel_centers : bool, default False
        Pixels are squares with their centres at halves, as in newer versions of TensorFlow.

    Raises
    ------
    ValueError
        If these are no images, or the size is not positive.
    """
    x = _floats(images)
    attrs = _flags(align_corners, half_pixel_centers)
    return apply("ResizeBilinear", x, size, name=name, **attrs)


def resize_nearest_neighbor(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Return images in another size, each pixel that of the nearest place.

    Parameters are those of `resize_bilinear`; the element type stays.
    """
    attrs = _flags(align_corners, half_pixel_centers)
    return apply("ResizeNearestNeighbor", images, size, name=name, **attrs)


def _floats(images: Any) -> Any:
    dtype = getattr(images, "dtype", None)
    if isinstance(dtype, dtypes.DType) and not dtype.is_floating:
        return apply("Cast", images, dtype=dtypes.float32)
    return images


def _flags(align_corners: bool, half_pixel_centers: bool) -> dict[str, bool]:
    if align_corners and half_pixel_centers:
        raise ValueError("if half_pixel_centers is True, align_corners must be False")
    return {
        "align_corners": bool(align_corners),
        "half_pixel_centers": bool(half_pixel_centers),
    }
