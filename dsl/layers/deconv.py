"""``deconv``: transposed convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import tensorgraph as tf
from dsl.layers.arguments import Sizes, format_sizes
from dsl.layers.conv import FILTERS, GROUPS_OPTION, groups_divide, kernel_options
from dsl.layers.definition import Complaint, Layer, Parameter, Use, Weight, Window, register
from dsl.layers.spatial import (
    require_axes,
    require_channels,
    run_time_sizes,
    spatial_axes,
    spread_sizes,
)
from dsl.layers.weighted import FROZEN, KERNEL_OPTIONS, NO_BIAS, add_bias, kernel_weight, with_bias
from dsl.layers.windows import PADDING_FLAGS, Windows
from tensorgraph.base.shapes import Shape


class Deconv(Layer):
    """Transposed convolution: each value spreads a kernel over a larger image."""

    name = "deconv"
    example = "deconv 8 3x3 stride=2 same relu"
    positional = (FILTERS, Parameter("size", Sizes(1), "size of a kernel, each way or all"))
    options = (*kernel_options(None, GROUPS_OPTION), *KERNEL_OPTIONS)
    flags = (*PADDING_FLAGS, NO_BIAS, FROZEN)
    takes_activation = True

    def output_shape(self, use: Use) -> Shape:
        """Return the size that a convolution would make the input's size of, and the filters."""
        if not require_axes(use, self.name, sizes=("size", "stride", "dilation", "padding")):
            return None
        if not require_channels(use, self.name) or not groups_divide(use):
            return None
        assert use.input is not None
        windows = Windows.of(use)
        sizes = [_grown(size, windows, axis) for axis, size in enumerate(use.input[:-1])]
        if any(size is not None and size < 1 for size in sizes):
            use.complain(
                Complaint(
                    "TG227",
                    f"a padding of {format_sizes(use['padding'])} leaves nothing of the result",
                    "the transposed convolution cuts it off on each side",
                    at=("padding",),
                )
            )
            return None
        return (*sizes, use["filters"])

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the kernel (its size, filters of a group, channels) and the bias."""
        assert use.input is not None
        channels = use.input[-1]
        assert channels is not None
        size = spread_sizes(use["size"], spatial_axes(use))
        shape = (*size, use["filters"] // use["groups"], channels)
        axes = (*range(len(size)), len(size) + 1)
        return with_bias(use, use["filters"], kernel_weight(use, shape, norm_axes=axes))

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return one per element of the kernel, at each place of the input."""
        assert use.input is not None
        return prod(size or 0 for size in use.input[:-1]) * self.weights(use)[0].size

    def window(self, use: Use) -> Window:
        """Return how many values reach one place of the result, and the share of their distance."""
        windows = Windows.of(use)
        extent = tuple(
            -(-size // stride) for size, stride in zip(windows.extent, windows.stride, strict=True)
        )
        shape = self.output_shape(use)
        assert shape is not None
        # Output i gets input p where i + zeros - extent < p · stride ≤ i + zeros.
        start = tuple(
            None if first is None else Fraction(1 - first - size, stride)
            for first, size, stride in zip(
                windows.starts(shape[:-1]), windows.extent, windows.stride, strict=True
            )
        )
        return Window(extent, tuple(Fraction(1, stride) for stride in windows.stride), start)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the transposed convolution with the bias added."""
        windows, x = Windows.of(use), inputs[0]
        kernel = weights["kernel"].value()
        sizes = [_grown(size, windows, axis) for axis, size in enumerate(run_time_sizes(x))]
        if len(windows.size) == 1:
            # A sequence is an image of one row.
            x, kernel, sizes = tf.expand_dims(x, 1), tf.expand_dims(kernel, 0), [1, *sizes]
            grown = _transposed(x, kernel, sizes, windows.in_a_row, use["groups"])
            result = tf.squeeze(grown, [1])
        else:
            result = _transposed(x, kernel, sizes, windows, use["groups"])
        result.set_shape((None, *(self.output_shape(use) or ())))
        return add_bias(result, weights)


def _grown(size: Any, windows: Windows, axis: int) -> Any:
    """Return the size of the result along an axis: a number, or a tensor where `size` is one."""
    if size is None:
        return None
    stride = windows.stride[axis]
    padding = windows.axis_padding(axis)
    if isinstance(padding, str):
        return size * stride
    return size * stride + max(windows.extent[axis] - stride, 0) - sum(padding)


def _transposed(
    x: tf.Tensor, kernel: tf.Tensor, sizes: Sequence[Any], windows: Windows, groups: int
) -> tf.Tensor:
    """Return the transposed convolution of images or volumes, group by group."""
    if groups > 1:
        parts = zip(*(tf.split(t, groups, -1) for t in (x, kernel)), strict=True)
        return tf.concat([_transposed(part, k, sizes, windows, 1) for part, k in parts], -1)
    transpose = tf.nn.conv2d_transpose if len(windows.size) == 2 else tf.nn.conv3d_transpose
    target = tf.stack([tf.shape(x)[0], *sizes, kernel.shape.as_list()[-2]])
    return transpose(x, kernel, target, **windows.arguments, dilations=[1, *windows.dilation, 1])


register(Deconv())
