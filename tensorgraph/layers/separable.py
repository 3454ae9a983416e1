"""The separable convolution: filters for each channel alone, and a mixture of the channels."""

from __future__ import annotations

from typing import Any

from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import Zeros
from tensorgraph.layers.base import Constraint, Regularizer
from tensorgraph.layers.convolution import Convolution
from tensorgraph.layers.core import Activation
from tensorgraph.ops.depthwise import separable_conv2d as convolve


class SeparableConv2D(Convolution):
    """A separable convolution of images; parameters as in `separable_conv2d`.

    Attributes
    ----------
    depthwise_kernel : Variable of shape (*kernel_size, in, depth_multiplier)
        The filters of each channel, once the layer is built.
    pointwise_kernel : Variable of shape (1, 1, in · depth_multiplier, filters)
        The mixture.
    bias : Variable of shape (filters,) or None
        The bias.
    """

    input_rank = 4
    spatial = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Activation = None,
        use_bias: bool = True,
        depthwise_initializer: Any = None,
        pointwise_initializer: Any = None,
        bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
        depthwise_regularizer: Regularizer = None,
        pointwise_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        depthwise_constraint: Constraint = None,
        pointwise_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            trainable=trainable,
            name=name,
            **kwargs,
        )
        self.depth_multiplier = int(depth_multiplier)
        self._depthwise = (depthwise_initializer, depthwise_regularizer, True, depthwise_constraint)
        self._pointwise = (pointwise_initializer, pointwise_regularizer, True, pointwise_constraint)

    def build(self, input_shape: TensorShape) -> None:
        """Make both kernels and the bias."""
        channels = self.channels(input_shape)
        deep = [*self.kernel_size, channels, self.depth_multiplier]
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel", deep, self.dtype, *self._depthwise
        )
        point = [1, 1, channels * self.depth_multiplier, self.filters]
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel", point, self.dtype, *self._pointwise
        )
        self.build_bias()

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution alone."""
        return convolve(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            [1, *self.strides, 1],
            self.padding,
            self.dilation_rate,
        )


def separable_conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    depth_multiplier: int = 1,
    activation: Activation = None,
    use_bias: bool = True,
    depthwise_initializer: Any = None,
    pointwise_initializer: Any = None,
    bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
    depthwise_regularizer: Regularizer = None,
    pointwise_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    depthwise_constraint: Constraint = None,
    pointwise_constraint: Constraint = None,
    bias_constraint: Constraint = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Return the convolution of each channel by itself, and mixtures of the results.

    Parameters
    ----------
    inputs, filters, kernel_size, strides, padding, data_format, dilation_rate
        As in `tf.layers.conv2d`; so are the parameters not named below.
    depth_multiplier : int, default 1
        How many filters each channel has.
    activation, use_bias, bias_initializer, bias_regularizer, activity_regularizer
        As in `tf.layers.conv2d`.
    depthwise_initializer, depthwise_regularizer, depthwise_constraint
        Those of the filters.
    pointwise_initializer, pointwise_regularizer, pointwise_constraint
        Those of the mixture.
    bias_constraint, trainable, name, reuse
        As in `tf.layers.conv2d`.

    Returns
    -------
    Tensor of shape (batch, new height, new width, filters)

    Raises
    ------
    ValueError
        If the input has another rank, its channels are not known, or a filter does not fit.
    """
    layer = SeparableConv2D(
        filters,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        depth_multiplier,
        activation,
        use_bias,
        depthwise_initializer,
        pointwise_initializer,
        bias_initializer,
        depthwise_regularizer,
        pointwise_regularizer,
        bias_regularizer,
        activity_regularizer,
        depthwise_constraint,
        pointwise_constraint,
        bias_constraint,
        trainable,
        name,
        _scope=name,
        _reuse=reuse,
    )
    output: Tensor = layer(inputs)
    return output
