"""``maxpool``, ``avgpool``, ``sumpool``: one number for each window of each channel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Sizes, format_sizes
from dsl.layers.conv import convolve
from dsl.layers.definition import (
    Complaint,
    Flag,
    Layer,
    Parameter,
    Use,
    Window,
    register,
)
from dsl.layers.spatial import require_axes
from dsl.layers.windows import PADDING_FLAGS, PADDING_OPTION, Windows
from tensorgraph.base.shapes import Shape


class _Pool(Layer):
    positional = (Parameter("size", Sizes(1), "size of a window, for each axis or for all"),)
    options = (
        Parameter("stride", Sizes(1), "how far apart two windows are; the size by default", None),
        PADDING_OPTION,
    )
    flags = (*PADDING_FLAGS, Flag("ceil", "ceil", True, "keeps the last partial window"))

    def output_shape(self, use: Use) -> Shape:
        """Return the number of windows along each axis, and the channels."""
        if not require_axes(use, self.name, sizes=("size", "stride", "padding")):
            return None
        assert use.input is not None
        windows = Windows.of(use, "window")
        if not _arguments_agree(use, windows):
            return None
        places = windows.output(use)
        return None if places is None else (*places, use.input[-1])

    def window(self, use: Use) -> Window:
        """Return the window's size, stride and start."""
        return Windows.of(use, "window").seen(use)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return one number for each window."""
        windows, x = Windows.of(use, "window"), inputs[0]
        if len(windows.size) > 1:
            return self.pool(x, windows)
        # A sequence is an image of one row.
        return tf.squeeze(self.pool(tf.expand_dims(x, 1), windows.in_a_row), [1])

    @abstractmethod
    def pool(self, x: tf.Tensor, windows: Windows) -> tf.Tensor:
        """Return one number for each window of images or volumes."""


def _arguments_agree(use: Use, windows: Windows) -> bool:
    """Return whether every window holds a pixel, and no flag is without effect."""
    padding = windows.padding
    if padding == "same" and windows.ceil:
        use.complain(
            Complaint(
                "TG406",
                "`ceil` has no effect with `same`",
                "`same` already keeps the last partial window",
                at=("ceil",),
            )
        )
        return False
    if not isinstance(padding, str) and any(
        zeros >= size for zeros, size in zip(padding, windows.size, strict=True)
    ):
        use.complain(
            Complaint(
                "TG404",
                f"a padding of {format_sizes(padding)} hides whole windows",
                f"expected less than the size {format_sizes(windows.size)}",
                at=("padding",),
                notes=("a window that holds nothing but padding would have no value",),
            )
        )
        return False
    return True


class MaxPool(_Pool):
    """The largest value of each window."""

    name = "maxpool"
    example = "maxpool 2"

    def pool(self, x: tf.Tensor, windows: Windows) -> tf.Tensor:
        """Return the maxima; padding never is one."""
        pool = tf.nn.max_pool if len(windows.size) == 2 else tf.nn.max_pool3d
        return pool(x, [1, *windows.size, 1], **windows.arguments)


class AvgPool(_Pool):
    """The mean of each window; where it reaches over the edge, of the pixels that are real."""

    name = "avgpool"
    example = "avgpool 2"

    def pool(self, x: tf.Tensor, windows: Windows) -> tf.Tensor:
        """Return the means; padding is not counted."""
        pool = tf.nn.avg_pool if len(windows.size) == 2 else tf.nn.avg_pool3d
        return pool(x, [1, *windows.size, 1], **windows.arguments)


class SumPool(AvgPool):
    """The sum of each window."""

    name = "sumpool"
    example = "sumpool 2"

    def pool(self, x: tf.Tensor, windows: Windows) -> tf.Tensor:
        """Return the means, times the number of pixels that each window holds."""
        axes = len(windows.size)
        first = tf.slice(x, [0] * (axes + 2), [1, *[-1] * axes, 1])
        ones = tf.ones([*windows.size, 1, 1], x.dtype)
        return super().pool(x, windows) * convolve(tf.ones_like(first), ones, windows)


for _layer in (MaxPool(), AvgPool(), SumPool()):
    register(_layer)
