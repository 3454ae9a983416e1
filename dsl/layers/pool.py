"""``maxpool`` and ``avgpool``: one number for each window of each channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Pair, format_sizes
from dsl.layers.definition import (
    Complaint,
    Flag,
    Layer,
    Parameter,
    Use,
    Window,
    register,
)
from dsl.layers.windows import PADDING_FLAGS, PADDING_OPTION, Windows, require_image
from tensorgraph.base.shapes import Shape


class _Pool(Layer):
    positional = (Parameter("size", Pair(1), "height and width of a window"),)
    options = (
        Parameter("stride", Pair(1), "how far apart two windows are; the size by default", None),
        PADDING_OPTION,
    )
    flags = (*PADDING_FLAGS, Flag("ceil", "ceil", True, "keeps the last partial window"))

    def infer(self, use: Use) -> Shape:
        """Return the number of windows high and wide, and the channels."""
        if not require_image(use, self.name) or not self._arguments_agree(use):
            return None
        assert use.input is not None
        places = self._windows(use).output(use)
        return None if places is None else (*places, use.input[2])

    def _arguments_agree(self, use: Use) -> bool:
        """Return whether every window holds a pixel, and no flag is without effect."""
        padding, size = use["padding"], use["size"]
        if padding == "same" and use["ceil"]:
            use.complain(
                Complaint(
                    "TG406",
                    "`ceil` has no effect with `same`",
                    "`same` already keeps the last partial window",
                    at=("ceil",),
                )
            )
            return False
        if isinstance(padding, tuple) and (padding[0] >= size[0] or padding[1] >= size[1]):
            use.complain(
                Complaint(
                    "TG404",
                    f"a padding of {format_sizes(padding)} hides whole windows",
                    f"expected less than the size {format_sizes(size)}",
                    at=("padding",),
                    notes=("a window that holds nothing but padding would have no value",),
                )
            )
            return False
        return True

    def window(self, use: Use) -> Window:
        """Return the window's size and stride."""
        return Window(use["size"], use["stride"] or use["size"])

    def _windows(self, use: Use) -> Windows:
        stride = use["stride"] or use["size"]
        return Windows("window", use["size"], stride, use["padding"], ceil=use["ceil"])


class MaxPool(_Pool):
    """The largest value of each window."""

    name = "maxpool"
    example = "maxpool 2"

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the maxima; padding never is one."""
        windows = self._windows(use)
        ksize = [1, *windows.size, 1]
        return tf.nn.max_pool(inputs[0], ksize, windows.strides, windows.engine_padding)


class AvgPool(_Pool):
    """The mean of each window; where it reaches over the edge, of the pixels that are real."""

    name = "avgpool"
    example = "avgpool 2"

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the means; padding is not counted."""
        windows = self._windows(use)
        ksize = [1, *windows.size, 1]
        return tf.nn.avg_pool(inputs[0], ksize, windows.strides, windows.engine_padding)


register(MaxPool())
register(AvgPool())
