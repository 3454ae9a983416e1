"""``depthwise``, ``separable``: convolution of each channel by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import tensorgraph as tf
from dsl.layers.arguments import Sizes, Whole
from dsl.layers.conv import FILTERS, kernel_options
from dsl.layers.definition import Layer, Parameter, Use, Weight, Window, register
from dsl.layers.initializers import Fans, Initializer
from dsl.layers.spatial import require_axes, require_channels, spatial_axes, spread_sizes
from dsl.layers.weighted import FROZEN, KERNEL_OPTIONS, NO_BIAS, add_bias, kernel_weight, with_bias
from dsl.layers.windows import PADDING_FLAGS, Windows
from tensorgraph.base.shapes import Shape

_KINDS = (1, 2)
_SIZE = Parameter("size", Sizes(1), "size of a kernel, each way or all")
_MULTIPLIER = Parameter("multiplier", Whole(1), "how many kernels each channel has", 1)


class Depthwise(Layer):
    """Convolution of each channel with kernels of its own, so that channels do not mix."""

    name = "depthwise"
    example = "depthwise 3x3 same relu"
    positional: tuple[Parameter, ...] = (_SIZE,)
    options = (_MULTIPLIER, *kernel_options(None), *KERNEL_OPTIONS)
    flags = (*PADDING_FLAGS, NO_BIAS, FROZEN)
    takes_activation = True

    def output_shape(self, use: Use) -> Shape:
        """Return the number of places along each axis, and the channels times the multiplier."""
        sizes = ("size", "stride", "dilation", "padding")
        if not require_axes(use, self.name, _KINDS, sizes=sizes):
            return None
        if not require_channels(use, self.name):
            return None
        places = Windows.of(use).output(use)
        return None if places is None else (*places, self.filters(use))

    def filters(self, use: Use) -> int:
        """Return how many channels the result has."""
        assert use.input is not None
        return (use.input[-1] or 0) * int(use["multiplier"])

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the kernel (its size, channels, multiplier) and the bias."""
        return with_bias(use, self.filters(use), self.depthwise_kernel(use, "kernel"))

    def depthwise_kernel(self, use: Use, name: str) -> Weight:
        """Return the weight with the kernels of each channel."""
        assert use.input is not None
        size = spread_sizes(use["size"], spatial_axes(use))
        shape = (*size, use.input[-1] or 0, use["multiplier"])
        return kernel_weight(
            use,
            shape,
            name,
            Fans.of(shape),
            norm_axes=tuple(range(len(size))),
            initializer=_by_channel(use["init"]),
        )

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return one per element of the kernels, at each place."""
        kernels = [weight for weight in self.weights(use) if weight.name != "bias"]
        return prod(output[:-1]) * sum(kernel.size for kernel in kernels)

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
        return add_bias(_convolve_channels(inputs[0], kernel, Windows.of(use)), weights)


class Separable(Depthwise):
    """A depthwise convolution, the channels of which are then mixed at each place."""

    name = "separable"
    example = "separable 16 3x3 same relu"
    positional = (FILTERS, _SIZE)

    def filters(self, use: Use) -> int:
        """Return how many channels the result has."""
        return int(use["filters"])

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the kernels (size, channels, multiplier) and (1…, inputs, filters), and bias."""
        depthwise = self.depthwise_kernel(use, "depthwise_kernel")
        *size, channels, multiplier = depthwise.shape
        shape = (*[1] * len(size), channels * multiplier, use["filters"])
        return with_bias(
            use, use["filters"], depthwise, kernel_weight(use, shape, "pointwise_kernel")
        )

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return both convolutions, one after the other, with the bias added."""
        kernel = weights["depthwise_kernel"].value()
        channels = _convolve_channels(inputs[0], kernel, Windows.of(use))
        mixture = tf.reshape(weights["pointwise_kernel"], [-1, use["filters"]])
        return add_bias(tf.tensordot(channels, mixture, 1), weights)


def _by_channel(initializer: Initializer) -> Initializer:
    """Return an initialiser for kernels (size, channels, multiplier), each of one channel only."""

    def merged(shape: Sequence[int]) -> tuple[int, ...]:
        return (*shape[:-2], 1, shape[-2] * shape[-1])

    def draw(shape: Sequence[int], fans: Fans, seed: int) -> tf.Tensor:
        return tf.reshape(initializer.draw(merged(shape), fans, seed), shape)

    return replace(initializer, draw=draw, misfit=lambda shape: initializer.misfit(merged(shape)))


def _convolve_channels(x: tf.Tensor, kernel: tf.Tensor, windows: Windows) -> tf.Tensor:
    """Return the depthwise convolution of sequences or images."""
    if len(windows.size) == 1:
        # A sequence is an image of one row.
        row = tf.expand_dims(x, 1), tf.expand_dims(kernel, 0)
        return tf.squeeze(_convolve_channels(*row, windows.in_a_row), [1])
    return tf.nn.depthwise_conv2d(x, kernel, **windows.arguments, dilations=windows.dilation)


register(Depthwise())
register(Separable())
