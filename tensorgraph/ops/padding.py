"""Padding by reflection, and moving blocks of an image between space and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    register,
)
from tensorgraph.graph.static import static_ints
from tensorgraph.ops.array import ANY, reshape, shape, transpose
from tensorgraph.ops.blocks import pad as constant_pad
from tensorgraph.ops.nn import check_channels_last


class _Mirror(OpDef):
    """An op on margins in which an image is reflected: ``paddings`` and ``mode``.

    REFLECT leaves out the elements at the border, SYMMETRIC repeats them.
    """

    def check(self, dims: Sequence[int | None], attrs: dict[str, Any]) -> None:
        """Raise ValueError where a margin is wider than what it reflects."""
        paddings, offset = attrs["paddings"], attrs["mode"] == "REFLECT"
        if len(dims) != len(paddings) or any(len(p) != 2 or min(p) < 0 for p in paddings):
            raise ValueError(f"paddings {paddings} do not suit a tensor of rank {len(dims)}")
        for axis, (size, margins) in enumerate(zip(dims, paddings, strict=True)):
            if size is not None and max(margins) > max(size - offset, 0):
                raise ValueError(
                    f"paddings {margins} are too wide for axis {axis} of size {size} in mode"
                    f" {attrs['mode']}"
                )

    def draw_case(self, draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
        """Return the shapes of the inner and of the padded tensor, and the attributes."""
        dims = draw.shape(low=1)
        mode = draw.choice(["REFLECT", "SYMMETRIC"])
        widest = [d - (mode == "REFLECT") for d in dims]
        paddings = tuple((draw.integer(0, w), draw.integer(0, w)) for w in widest)
        padded = tuple(d + sum(p) for d, p in zip(dims, paddings, strict=True))
        return dims, padded, {"paddings": paddings, "mode": mode}


@register
class MirrorPad(_Mirror):
    """The tensor with margins in which it is reflected."""

    type = "MirrorPad"
    inputs = (ANY,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, paddings = op.inputs[0], op.attrs["paddings"]
        dims = (None,) * len(paddings) if x.dims is None else x.dims
        self.check(dims, op.attrs)
        padded = (None if d is None else d + sum(p) for d, p in zip(dims, paddings, strict=True))
        return (Spec(x.dtype, tuple(padded)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        self.check(inputs[0].shape, attrs)
        if not attrs["paddings"]:
            return inputs[0].copy()
        return k.xp.pad(inputs[0], attrs["paddings"], attrs["mode"].lower())

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("MirrorPadGrad", grads[0], **op.attrs),)

    def sample(self, draw: Draw) -> Sample:
        dims, _, attrs = self.draw_case(draw)
        return Sample((Input(dims),), attrs)


@register
class MirrorPadGrad(_Mirror):
    """The tensor without its margins, which are added to what they reflect."""

    type = "MirrorPadGrad"
    inputs = (Arg("dy"),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        dy, paddings = op.inputs[0], op.attrs["paddings"]
        dims = (None,) * len(paddings) if dy.dims is None else dy.dims
        cut = (None if d is None else d - sum(p) for d, p in zip(dims, paddings, strict=True))
        return (Spec(dy.dtype, tuple(cut)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        total, paddings = inputs[0], k.op.attrs["paddings"]
        offset = int(k.op.attrs["mode"] == "REFLECT")
        for axis, (before, after) in enumerate(paddings):
            view = k.xp.moveaxis(total, axis, 0)
            size = len(view) - before - after
            inner = view[before : before + size].copy()
            inner[offset : offset + before] += view[:before][::-1]
            inner[size - offset - after : size - offset] += view[before + size :][::-1]
            total = k.xp.moveaxis(inner, 0, axis)
        return k.xp.array(total)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("MirrorPad", grads[0], **op.attrs),)

    def sample(self, draw: Draw) -> Sample:
        _, padded, attrs = self.draw_case(draw)
        return Sample((Input(padded),), attrs)


# The names users type


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: float = 0,
) -> Tensor:
    """Return the tensor with margins around it.

    Parameters
    ----------
    tensor : Tensor
        What to pad.
    paddings : sequence of (int, int)
        How many elements to add before and after, for each axis.
    mode : str, default "CONSTANT"
        Or ``"REFLECT"``, the tensor reflected at its border elements, or ``"SYMMETRIC"``, the
        same with these repeated.
    name : str, optional
        Its name.
    constant_values : float, default 0
        What to pad with.

    Raises
    ------
    ValueError
        If the paddings do not suit the shape, or the mode is another.
    """
    flat = static_ints(paddings, "the paddings")
    pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
    if mode.upper() == "CONSTANT":
        return constant_pad(tensor, pairs, name=name, constant_values=constant_values)
    if mode.upper() not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(f"mode must be 'CONSTANT', 'REFLECT' or 'SYMMETRIC', not {mode!r}")
    return apply("MirrorPad", tensor, name=name, paddings=pairs, mode=mode.upper())


def _image(value: Any, block_size: int) -> tuple[Tensor, list[Any], list[int | None]]:
    """Return images, their sizes as numbers where known, else as tensors, and what is known."""
    x = convert_to_tensor(value)
    if x.dims is None or len(x.dims) != 4:
        raise ValueError(f"images (batch, height, width, channels) are needed, not {x.shape}")
    if block_size < 1:
        raise ValueError(f"the block size must be positive, not {block_size}")
    sizes = shape(x)
    return x, [sizes[i] if d is None else d for i, d in enumerate(x.dims)], list(x.dims)


def _divided(size: int | None, by: int, what: str) -> int | None:
    if size is not None and size % by:
        raise ValueError(f"{what} {size} is not divisible by {by}")
    return None if size is None else size // by


def _times(size: int | None, by: int) -> int | None:
    return None if size is None else size * by


def space_to_depth(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Tensor:
    """Return images whose blocks of pixels have become channels.

    Parameters
    ----------
    input : Tensor of shape (batch, height, width, channels)
        The images.
    block_size : int
        Height and width of a block.
    name : str, default "SpaceToDepth"
        Its name.
    data_format : str, default "NHWC"
        The only layout.

    Returns
    -------
    Tensor of shape (batch, height / block, width / block, channels · block²)

    Raises
    ------
    ValueError
        If the images cannot be divided into blocks.
    """
    check_channels_last(data_format)
    x, (n, h, w, c), (kn, kh, kw, kc) = _image(input, block_size)
    height, width = (
        _divided(d, block_size, what) for d, what in ((kh, "the height"), (kw, "the width"))
    )
    with x.graph.name_scope(name or "SpaceToDepth") as scope:
        rows, columns = h // block_size, w // block_size
        blocks = reshape(x, [n, rows, block_size, columns, block_size, c])
        moved = transpose(blocks, [0, 1, 3, 2, 4, 5])
        result = reshape(moved, [n, rows, columns, c * block_size**2], name=scope)
    result.set_shape((kn, height, width, _times(kc, block_size**2)))
    return result


def depth_to_space(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Tensor:
    """Return images whose channels have become blocks of pixels: `space_to_depth` undone."""
    check_channels_last(data_format)
    x, (n, h, w, c), (kn, kh, kw, kc) = _image(input, block_size)
    channels = _divided(kc, block_size**2, "the number of channels")
    with x.graph.name_scope(name or "DepthToSpace") as scope:
        left = c // block_size**2
        blocks = reshape(x, [n, h, w, block_size, block_size, left])
        moved = transpose(blocks, [0, 1, 3, 2, 4, 5])
        result = reshape(moved, [n, h * block_size, w * block_size, left], name=scope)
    result.set_shape((kn, _times(kh, block_size), _times(kw, block_size), channels))
    return result
