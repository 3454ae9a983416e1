"""``conv``, ``conv1d``, ``conv3d``: convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar

import tensorgraph as tf
from dsl.layers.arguments import Sizes, Whole
from dsl.layers.definition import Complaint, Layer, Parameter, Use, Weight, Window, register
from dsl.layers.spatial import require_axes, require_channels
from dsl.layers.weighted import FROZEN, KERNEL_OPTIONS, NO_BIAS, add_bias, kernel_weight, with_bias
from dsl.layers.windows import PADDING_FLAGS, Windows
from tensorgraph.base.shapes import Shape

GROUPS_OPTION = Parameter(
    "groups", Whole(1), "how many groups of channels have filters of their own", 1
)
FILTERS = Parameter("filters", Whole(1), "how many kernels, and so channels of the result")

_WORDS = ("conv1d", "conv", "conv3d")


def kernel_options(axes: int | None, *others: Parameter) -> tuple[Parameter, ...]:
    """Return stride, dilation and padding of kernels, others before the padding.

    Parameters
    ----------
    axes : int or None
        How many axes the kernels move along; None: as many as the input has.
    *others : Parameter
        What stands between dilation and padding.
    """
    one = (1,) * (axes or 1)
    return (
        Parameter("stride", Sizes(1, axes), "how far apart two places of the kernel are", one),
        Parameter("dilation", Sizes(1, axes), "how far apart two elements of the kernel look", one),
        *others,
        Parameter("pad", Sizes(0, axes), "zeros on each side of the image", "valid", key="padding"),
    )


class _Convolution(Layer):
    axes: ClassVar[int]
    flags = (*PADDING_FLAGS, NO_BIAS, FROZEN)
    takes_activation = True

    def output_shape(self, use: Use) -> Shape:
        """Return the number of places along each axis, and the filters."""
        if not require_axes(use, self.name, (self.axes,), _WORDS):
            return None
        if not require_channels(use, self.name) or not groups_divide(use):
            return None
        places = Windows.of(use).output(use)
        return None if places is None else (*places, use["filters"])

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the kernel (its size, channels of a group, filters) and the bias."""
        assert use.input is not None
        channels = use.input[-1]
        assert channels is not None
        shape = (*use["size"], channels // use["groups"], use["filters"])
        return with_bias(use, use["filters"], kernel_weight(use, shape))

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return one per element of the kernel, at each place."""
        return prod(output[:-1]) * self.weights(use)[0].size

    def window(self, use: Use) -> Window:
        """Return the kernel's extent, stride and start."""
        return Windows.of(use).seen(use)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the convolution with the bias added."""
        kernel = weights["kernel"].value()
        return add_bias(convolve(inputs[0], kernel, Windows.of(use), use["groups"]), weights)


class Conv(_Convolution):
    """Convolution of an image with a number of kernels, which are not flipped."""

    name = "conv"
    axes = 2
    example = "conv 16 3x3 same relu"
    positional = (FILTERS, Parameter("size", Sizes(1, 2), "height and width of a kernel"))
    options = (*kernel_options(2, GROUPS_OPTION), *KERNEL_OPTIONS)


class Conv1d(_Convolution):
    """Convolution of a sequence, time x features, along the time."""

    name = "conv1d"
    axes = 1
    example = "conv1d 16 3 same relu"
    example_input = "128x9"
    positional = (FILTERS, Parameter("size", Sizes(1, 1), "how many steps a kernel sees"))
    options = (*kernel_options(1, GROUPS_OPTION), *KERNEL_OPTIONS)


class Conv3d(_Convolution):
    """Convolution of a volume, depth x height x width x channels."""

    name = "conv3d"
    axes = 3
    example = "conv3d 8 3x3x3 same relu"
    example_input = "4x8x8x2"
    positional = (FILTERS, Parameter("size", Sizes(1, 3), "depth, height and width of a kernel"))
    options = (*kernel_options(3, GROUPS_OPTION), *KERNEL_OPTIONS)


def groups_divide(use: Use) -> bool:
    """Return whether the groups divide the channels and the filters; complain if they do not."""
    assert use.input is not None
    groups, channels = use["groups"], use.input[-1]
    assert channels is not None
    for count, what in ((channels, "channels of the input"), (use["filters"], "filters")):
        if count % groups:
            use.complain(
                Complaint(
                    "TG222",
                    f"{groups} groups do not divide the {count} {what}",
                    f"expected a divisor of {count}",
                    at=("groups",),
                    notes=("each group of channels gets the same number of filters",),
                )
            )
            return False
    return True


def convolve(x: tf.Tensor, kernel: tf.Tensor, windows: Windows, groups: int = 1) -> tf.Tensor:
    """Return the convolution of sequences, images or volumes.

    Parameters
    ----------
    x : Tensor of shape (batch, axes…, channels)
        What is convolved.
    kernel : Tensor of shape (axes…, channels / groups, filters)
        The kernels.
    windows : Windows
        How they move.
    groups : int, default 1
        Each group of channels meets its own share of the filters.
    """
    if len(windows.size) == 1:
        # A sequence is an image of one row.
        row = convolve(tf.expand_dims(x, 1), tf.expand_dims(kernel, 0), windows.in_a_row, groups)
        return tf.squeeze(row, [1])
    if len(windows.size) == 3 and groups > 1:
        parts = zip(*(tf.split(t, groups, -1) for t in (x, kernel)), strict=True)
        return tf.concat([convolve(part, taps, windows) for part, taps in parts], -1)
    convolution = tf.nn.conv2d if len(windows.size) == 2 else tf.nn.conv3d
    dilations = [1, *windows.dilation, 1]
    return convolution(x, kernel, **windows.arguments, dilations=dilations)


register(Conv())
register(Conv1d())
register(Conv3d())
