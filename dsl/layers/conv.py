"""``conv``: two-dimensional convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Pair, Whole
from dsl.layers.definition import Flag, Layer, Parameter, Use, Weight, Window, register
from dsl.layers.initializers import INITIALIZERS, Fans, InitializerType
from dsl.layers.windows import (
    PADDING_FLAGS,
    PADDING_OPTION,
    Windows,
    require_image,
    unknown_features,
)
from tensorgraph.base.shapes import Shape

INIT_OPTION = Parameter(
    "init", InitializerType(), "what the kernel starts from", INITIALIZERS["glorot_uniform"]
)
BIAS_INIT_OPTION = Parameter(
    "bias_init", InitializerType(), "what the bias starts from", INITIALIZERS["zeros"]
)
NO_BIAS = Flag("nobias", "bias", False, "no bias is added")


class Conv(Layer):
    """Convolution of an image with a number of kernels, which are not flipped."""

    name = "conv"
    example = "conv 16 3x3 same relu"
    positional = (
        Parameter("filters", Whole(1), "how many kernels, and so channels of the result"),
        Parameter("size", Pair(1), "height and width of a kernel"),
    )
    options = (
        Parameter("stride", Pair(1), "how far apart two places of the kernel are", (1, 1)),
        Parameter("dilation", Pair(1), "how far apart two elements of the kernel look", (1, 1)),
        PADDING_OPTION,
        INIT_OPTION,
        BIAS_INIT_OPTION,
    )
    flags = (*PADDING_FLAGS, NO_BIAS)
    takes_activation = True

    def infer(self, use: Use) -> Shape:
        """Return height x width x filters."""
        if not require_image(use, self.name):
            return None
        assert use.input is not None
        if use.input[2] is None:
            use.complain(unknown_features(self.name, use.input))
            return None
        places = _windows(use).output(use)
        return None if places is None else (*places, use["filters"])

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the kernel (height, width, channels, filters) and the bias."""
        assert use.input is not None
        channels = use.input[2]
        assert channels is not None
        (height, width), filters = use["size"], use["filters"]
        fans = Fans(height * width * channels, height * width * filters)
        kernel = Weight("kernel", (height, width, channels, filters), use["init"], fans)
        bias = Weight("bias", (filters,), use["bias_init"], fans)
        return (kernel, bias) if use["bias"] else (kernel,)

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return one per element of the kernel, at each place."""
        return output[0] * output[1] * self.weights(use)[0].size

    def window(self, use: Use) -> Window:
        """Return the kernel's extent and stride."""
        return Window(_windows(use).extent, use["stride"])

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the convolution with the bias added."""
        windows = _windows(use)
        result = tf.nn.conv2d(
            inputs[0],
            weights["kernel"],
            strides=windows.strides,
            padding=windows.engine_padding,
            dilations=[1, *windows.dilation, 1],
        )
        return tf.nn.bias_add(result, weights["bias"]) if use["bias"] else result


def _windows(use: Use) -> Windows:
    return Windows("kernel", use["size"], use["stride"], use["padding"], use["dilation"])


register(Conv())
