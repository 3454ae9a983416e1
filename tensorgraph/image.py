"""Images, under the names of ``tf.image``: (height, width, channels), or batches of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tensorgraph.base import dtypes
from tensorgraph.base.advice import missing
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.static import static_int, static_ints, static_value
from tensorgraph.ops.arrangement import reverse
from tensorgraph.ops.array import shape, transpose
from tensorgraph.ops.clip import clip_by_value
from tensorgraph.ops.einsum import tensordot
from tensorgraph.ops.math import cast, less, maximum, sqrt, where
from tensorgraph.ops.padding import pad
from tensorgraph.ops.random import random_uniform
from tensorgraph.ops.reduction import reduce_mean
from tensorgraph.ops.resize import resize_bilinear, resize_nearest_neighbor
from tensorgraph.ops.statistics import reduce_variance

__all__ = [
    "ResizeMethod",
    "adjust_brightness",
    "adjust_contrast",
    "central_crop",
    "convert_image_dtype",
    "crop_to_bounding_box",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "pad_to_bounding_box",
    "per_image_standardization",
    "random_brightness",
    "random_contrast",
    "random_flip_left_right",
    "random_flip_up_down",
    "resize",
    "resize_bilinear",
    "resize_image_with_crop_or_pad",
    "resize_images",
    "resize_nearest_neighbor",
    "rgb_to_grayscale",
    "rot90",
    "transpose_image",
]

# ITU-R BT.601, as TensorFlow rounds it.
_LUMA = (0.2989, 0.5870, 0.1140)


class ResizeMethod:
    """How `resize_images` computes a pixel."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1


def _images(value: Any) -> tuple[Tensor, int]:
    """Return an image or a batch as a tensor, and the axis of its height."""
    x = convert_to_tensor(value)
    if x.dims is None or len(x.dims) not in (3, 4):
        raise ValueError(
            f"an image (height, width, channels) or a batch of them is needed, not {x.shape}"
        )
    return x, len(x.dims) - 3


def resize_images(
    images: Any,
    size: Any,
    method: int = ResizeMethod.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return images in another size.

    Parameters
    ----------
    images : Tensor of shape (height, width, channels), or a batch
        The images.
    size : pair of int, or Tensor of int32
        New height and width.
    method : int, default ResizeMethod.BILINEAR
        Or ``ResizeMethod.NEAREST_NEIGHBOR``, which keeps the element type.
    align_corners : bool, default False
        The centres of the corner pixels stay where they are.
    preserve_aspect_ratio : bool, default False
        Make the images only as large as fits into `size`; all sizes must then be known.
    name : str, default "resize"
        Its scope.

    Raises
    ------
    ValueError
        If these are no images, or the method is another.
    """
    functions = {0: resize_bilinear, 1: resize_nearest_neighbor}
    if method not in functions:
        raise ValueError(f"method must be BILINEAR or NEAREST_NEIGHBOR of ResizeMethod: {method!r}")
    x, axis = _images(images)
    with x.graph.name_scope(name or "resize"):
        target = convert_to_tensor(size, dtypes.int32)
        if preserve_aspect_ratio:
            target = convert_to_tensor(_fitted(x, axis, static_ints(size, "the size")))
        new = static_value(target)
        old = (x.dims or ())[axis : axis + 2]
        if new is not None and tuple(new.tolist()) == old:
            return x
        batch = x if axis else apply("ExpandDims", x, axes=(0,))
        result = functions[method](batch, target, align_corners)
        return result if axis else apply("Squeeze", result, axes=(0,))


def _fitted(x: Tensor, axis: int, size: tuple[int, ...]) -> list[int]:
    """Return the largest size of the same proportions that fits into `size`."""
    height, width = _known_size(x, axis)
    scale = min(size[0] / height, size[1] / width)
    return [round(height * scale), round(width * scale)]


def _known_size(x: Tensor, axis: int) -> tuple[int, int]:
    assert x.dims is not None
    height, width = x.dims[axis : axis + 2]
    if height is None or width is None:
        raise ValueError(f"height and width must be known, but the images are {x.shape}")
    return height, width


resize = resize_images


def flip_left_right(image: Any) -> Tensor:
    """Return images with left and right swapped."""
    x, axis = _images(image)
    with x.graph.name_scope("flip_left_right"):
        return reverse(x, [axis + 1])


def flip_up_down(image: Any) -> Tensor:
    """Return images with top and bottom swapped."""
    x, axis = _images(image)
    with x.graph.name_scope("flip_up_down"):
        return reverse(x, [axis])


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Return images, each of which has left and right swapped with probability ½."""
    x, axis = _images(image)
    return _random_flip(x, axis, axis + 1, seed, "random_flip_left_right")


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Return images, each of which has top and bottom swapped with probability ½."""
    x, axis = _images(image)
    return _random_flip(x, axis, axis, seed, "random_flip_up_down")


def _random_flip(x: Tensor, axis: int, along: int, seed: int | None, name: str) -> Tensor:
    with x.graph.name_scope(name):
        numbers = random_uniform(shape(x)[:axis], seed=seed)
        flipped = less(numbers, 0.5)
        for _ in range(3):
            flipped = apply("ExpandDims", flipped, axes=(-1,))
        return where(flipped, reverse(x, [along]), x)


def transpose_image(image: Any) -> Tensor:
    """Return images with rows and columns swapped."""
    x, axis = _images(image)
    order = [1, 0, 2] if axis == 0 else [0, 2, 1, 3]
    return transpose(x, order, name="transpose_image")


def rot90(image: Any, k: Any = 1, name: str | None = None) -> Tensor:
    """Return images turned counter-clockwise `k` times by 90 degrees."""
    x, axis = _images(image)
    with x.graph.name_scope(name or "rot90"):
        turns = static_int(k, "the number of turns") % 4
        if turns == 0:
            return x
        if turns == 2:
            return reverse(x, [axis, axis + 1])
        swapped = transpose_image(x)
        return reverse(swapped, [axis if turns == 1 else axis + 1])


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """Return a block of images.

    Parameters
    ----------
    image : Tensor of shape (height, width, channels), or a batch
        The images.
    offset_height, offset_width : int
        The first row and column.
    target_height, target_width : int
        The size of the block.

    Raises
    ------
    ValueError
        If the block lies outside.
    """
    x, axis = _images(image)
    given = (offset_height, offset_width, target_height, target_width)
    top, left, height, width = static_ints(given, "the bounding box")
    if min(top, left) < 0 or min(height, width) < 1:
        raise ValueError(f"the bounding box must have a size and lie inside, not {given}")
    lead, rest = [0] * axis, [-1] * axis
    begin, size = [*lead, top, left, 0], [*rest, height, width, -1]
    with x.graph.name_scope("crop_to_bounding_box"):
        return apply("Slice", x, begin=tuple(begin), size=tuple(size))


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """Return images with zeros around them, so that they have the target's size.

    Parameters
    ----------
    image : Tensor of shape (height, width, channels), or a batch
        The images; height and width must be known.
    offset_height, offset_width : int
        How many rows and columns of zeros come first.
    target_height, target_width : int
        The new size.

    Raises
    ------
    ValueError
        If the images do not fit.
    """
    x, axis = _images(image)
    given = (offset_height, offset_width, target_height, target_width)
    top, left, height, width = static_ints(given, "the bounding box")
    rows, columns = _known_size(x, axis)
    bottom, right = height - top - rows, width - left - columns
    if min(top, left, bottom, right) < 0:
        raise ValueError(f"images of {rows} by {columns} do not fit the bounding box {given}")
    with x.graph.name_scope("pad_to_bounding_box"):
        return pad(x, [(0, 0)] * axis + [(top, bottom), (left, right), (0, 0)])


def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """Return the middle of images in another size: cut off where larger, zeros where smaller."""
    x, axis = _images(image)
    height, width = _known_size(x, axis)
    target = static_ints((target_height, target_width), "the size")
    with x.graph.name_scope("resize_image_with_crop_or_pad"):
        inner = [min(n, t) for n, t in zip((height, width), target, strict=True)]
        spare = [max(n - t, 0) // 2 for n, t in zip((height, width), target, strict=True)]
        cut = crop_to_bounding_box(x, *spare, *inner)
        missing = [max(t - n, 0) // 2 for n, t in zip((height, width), target, strict=True)]
        return pad_to_bounding_box(cut, *missing, *target)


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """Return the middle of images, that fraction of height and width."""
    if not 0 < central_fraction <= 1:
        raise ValueError(f"central_fraction must lie in (0, 1], not {central_fraction}")
    x, axis = _images(image)
    if central_fraction == 1:
        return x
    sizes = _known_size(x, axis)
    starts = [int((n - n * central_fraction) / 2) for n in sizes]
    return crop_to_bounding_box(
        x, *starts, *(n - 2 * s for n, s in zip(sizes, starts, strict=True))
    )


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """Return images of another element type, with values scaled to its range.

    Floats lie in [0, 1], integers from 0 to the largest of their type.

    Parameters
    ----------
    image : Tensor
        The images.
    dtype : DType
        The new element type.
    saturate : bool, default False
        Cut what lies outside of the new range.
    name : str, default "convert_image"
        Its scope.
    """
    x, target = convert_to_tensor(image), as_dtype(dtype)
    if x.dtype is target:
        return x
    with x.graph.name_scope(name or "convert_image"):
        if x.dtype.is_integer and target.is_integer:
            if x.dtype.max > target.max:
                small = apply("FloorDiv", x, (int(x.dtype.max) + 1) // (int(target.max) + 1))
                return _cast(small, target, saturate)
            large = _cast(x, target, saturate)
            return large * ((int(target.max) + 1) // (int(x.dtype.max) + 1))
        if x.dtype.is_floating and target.is_floating:
            return cast(x, target)
        if target.is_floating:
            return cast(x, target) * (1.0 / int(x.dtype.max))
        return _cast(x * (int(target.max) + 0.5), target, saturate)


def _cast(x: Tensor, dtype: dtypes.DType, saturate: bool) -> Tensor:
    if saturate:
        low, high = max(x.dtype.min, dtype.min), min(x.dtype.max, dtype.max)
        x = clip_by_value(x, x.dtype.as_numpy_dtype(low), x.dtype.as_numpy_dtype(high))
    return cast(x, dtype)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Return images with `delta` added to all values, which are scaled to [0, 1] for it."""
    x = convert_to_tensor(image)
    with x.graph.name_scope("adjust_brightness"):
        kind = x.dtype if x.dtype.is_floating else dtypes.float32
        changed = convert_image_dtype(x, kind) + cast(delta, kind)
        return convert_image_dtype(changed, x.dtype, saturate=True)


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """Return images with one random number of [-max_delta, max_delta) added to all values."""
    if max_delta < 0:
        raise ValueError(f"max_delta must not be negative: {max_delta}")
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Return images whose values lie `contrast_factor` times as far from their channel's mean."""
    x, axis = _images(images)
    with x.graph.name_scope("adjust_contrast"):
        kind = x.dtype if x.dtype is dtypes.float64 else dtypes.float32
        values = convert_image_dtype(x, kind)
        mean = reduce_mean(values, [axis, axis + 1], keepdims=True)
        changed = (values - mean) * cast(contrast_factor, kind) + mean
        return convert_image_dtype(changed, x.dtype, saturate=True)


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """Return images with their contrast adjusted by a random number of [lower, upper)."""
    if not 0 <= lower < upper:
        raise ValueError(f"0 <= lower < upper is needed, not {lower} and {upper}")
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


def per_image_standardization(image: Any) -> Tensor:
    """Return images, each with mean 0 and standard deviation 1; uniform ones become 0."""
    x, axis = _images(image)
    with x.graph.name_scope("per_image_standardization") as scope:
        value = x if x.dtype.is_floating else cast(x, dtypes.float32)
        axes = [axis, axis + 1, axis + 2]
        count = cast(apply("Prod", shape(value)[-3:], axes=None, keepdims=False), value.dtype)
        deviation = sqrt(reduce_variance(value, axes, keepdims=True))
        # As if one pixel differed by 1, where none does.
        least = apply("Rsqrt", count)
        centred = value - reduce_mean(value, axes, keepdims=True)
        return apply("RealDiv", centred, maximum(deviation, least), name=scope)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """Return images of one channel, the brightness of red, green and blue."""
    x = convert_to_tensor(images)
    with x.graph.name_scope(name or "rgb_to_grayscale"):
        kind = x.dtype if x.dtype.is_floating else dtypes.float32
        values = convert_image_dtype(x, kind)
        weights = convert_to_tensor([[w] for w in _LUMA], kind)
        return convert_image_dtype(tensordot(values, weights, 1), x.dtype)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Return images of three equal channels made of images of one."""
    x, axis = _images(images)
    if x.dims is None or x.dims[-1] not in (1, None):
        raise ValueError(f"images of one channel are needed, not {x.shape}")
    return apply("Tile", x, [1] * (axis + 2) + [3], name=name or "grayscale_to_rgb")


if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> NoReturn:
        raise missing("tf.image", name, globals())
