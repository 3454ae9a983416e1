"""Convolution layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import Zeros
from tensorgraph.layers.base import Constraint, Layer, Regularizer
from tensorgraph.layers.core import Activation
from tensorgraph.layers.windows import check_channels_last, numbers, padding_name
from tensorgraph.ops import conv_variants as ops
from tensorgraph.ops.array import shape
from tensorgraph.ops.blocks import stack
from tensorgraph.ops.conv import conv2d as convolve2d
from tensorgraph.ops.nn import bias_add


class Convolution(Layer):
    """What the convolution layers have in common.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    strides : int or sequence of int, default 1
        Their step.
    padding : str, default "valid"
        Or ``"same"``.
    data_format : str, default "channels_last"
        The only layout.
    dilation_rate : int or sequence of int, default 1
        The distance of a filter's elements.
    activation : callable, optional
        As `tf.nn.relu`; default none.
    use_bias : bool, default True
        Add a bias.
    kernel_initializer : callable, optional
        Default is the variable scope's, else Glorot's uniform one.
    bias_initializer : callable, default zeros
        What the bias begins with.
    kernel_regularizer, bias_regularizer, activity_regularizer : callable, optional
        From the variable or output to a loss, which goes to ``REGULARIZATION_LOSSES``.
    kernel_constraint, bias_constraint : callable, optional
        From a value to the one that the variable is set to after each step of an optimizer.
    trainable : bool, default True
        Optimizers train the layer.
    name : str, optional
        Its variable scope, made unique; default is the class's.
    **kwargs
        Those of `Layer`.

    Attributes
    ----------
    kernel : Variable of shape (*kernel_size, in, filters)
        The filters, once the layer is built.
    bias : Variable of shape (filters,) or None
        The bias.
    """

    spatial: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        check_channels_last(data_format)
        self.filters = int(filters)
        self.kernel_size = numbers(kernel_size, self.spatial, "kernel_size")
        self.strides = numbers(strides, self.spatial, "strides")
        self.dilation_rate = numbers(dilation_rate, self.spatial, "dilation_rate")
        self.padding = padding_name(padding)
        self.activation = activation
        self.use_bias = use_bias
        self._kernel = (kernel_initializer, kernel_regularizer, True, kernel_constraint)
        self._bias = (bias_initializer, bias_regularizer, True, bias_constraint)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: TensorShape) -> None:
        """Make kernel and bias."""
        self.kernel = self.add_weight(
            "kernel", self.kernel_shape(self.channels(input_shape)), self.dtype, *self._kernel
        )
        self.build_bias()

    def build_bias(self) -> None:
        """Make the bias, if there is one."""
        if self.use_bias:
            self.bias = self.add_weight("bias", [self.filters], self.dtype, *self._bias)

    def channels(self, input_shape: TensorShape) -> int:
        """Return how many channels the input has.

        Raises
        ------
        ValueError
            If that is not known.
        """
        count: int | None = input_shape[-1].value
        if count is None:
            raise ValueError(
                f"layer {self.name!r} must know how many channels its input has, but the shape is"
                f" {input_shape}"
            )
        return count

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Return the shape of the filters for that many channels."""
        return (*self.kernel_size, channels, self.filters)

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution alone."""
        raise NotImplementedError

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the output."""
        outputs = self.convolve(inputs)
        if self.use_bias:
            outputs = bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


class Conv2D(Convolution):
    """The convolution of images with filters; parameters as in `conv2d`."""

    input_rank = 4
    spatial = 2

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution alone."""
        return convolve2d(
            inputs, self.kernel, self.strides, self.padding, dilations=self.dilation_rate
        )


class Conv1D(Convolution):
    """The convolution of sequences with filters; parameters as in `conv1d`."""

    input_rank = 3
    spatial = 1

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution alone."""
        (step,), (distance,) = self.strides, self.dilation_rate
        return ops.conv1d(
            inputs, self.kernel, step, self.padding, name="Conv1D", dilations=distance
        )


class Conv3D(Convolution):
    """The convolution of volumes with filters; parameters as in `conv3d`."""

    input_rank = 5
    spatial = 3

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution alone."""
        return ops.conv3d(
            inputs, self.kernel, self.strides, self.padding, dilations=self.dilation_rate
        )


class Conv2DTranspose(Convolution):
    """The gradient of a convolution as a layer; parameters as in `conv2d_transpose`."""

    input_rank = 4
    spatial = 2

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Return the shape of the filters: they lead from the output to the input."""
        return (*self.kernel_size, self.filters, channels)

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution alone."""
        assert inputs.dims is not None
        sizes = shape(inputs)
        known = [sizes[i] if d is None else d for i, d in enumerate(inputs.dims)]
        target = stack([known[0], *self._grown(known[1:3]), self.filters])
        return ops.conv2d_transpose(inputs, self.kernel, target, self.strides, self.padding)

    def _grown(self, sizes: Sequence[Any]) -> list[Any]:
        """Return the height and width of the output."""
        valid = self.padding == "VALID"
        return [
            size * stride + (max(kernel - stride, 0) if valid else 0)
            for size, kernel, stride in zip(sizes, self.kernel_size, self.strides, strict=True)
        ]


def _run(
    kind: Callable[..., Convolution], inputs: Any, *settings: Any, name: Any, reuse: Any
) -> Tensor:
    output: Tensor = kind(*settings, name, _scope=name, _reuse=reuse)(inputs)
    return output


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: Constraint = None,
    bias_constraint: Constraint = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Return the convolution of images with new filters, or with those of an existing layer.

    Parameters
    ----------
    inputs : Tensor of shape (batch, height, width, channels)
        The images.
    filters : int
        Channels of the output.
    kernel_size : int or (int, int)
        Height and width of the filters.
    strides : int or (int, int), default 1
        Their step.
    padding : str, default "valid"
        Or ``"same"``.
    data_format : str, default "channels_last"
        The only layout.
    dilation_rate : int or (int, int), default 1
        The distance of a filter's elements.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer
        As in `tf.layers.dense`; so are the parameters after these.
    bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable
        As in `tf.layers.dense`.
    name : str, optional
        The variable scope, as it is; default is that of the class, made unique.
    reuse : bool or AUTO_REUSE, optional
        Share the variables of that scope, which must exist for True.

    Returns
    -------
    Tensor of shape (batch, new height, new width, filters)

    Raises
    ------
    ValueError
        If the input has another rank, its channels are not known, or a filter does not fit.
    """
    return _run(
        Conv2D,
        inputs,
        filters,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        activation,
        use_bias,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        trainable,
        name=name,
        reuse=reuse,
    )


def conv1d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: Constraint = None,
    bias_constraint: Constraint = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Return the convolution of sequences with filters.

    Parameters are those of `conv2d`, with one spatial axis: `inputs` has shape (batch, length,
    channels), and sizes are numbers.
    """
    return _run(
        Conv1D,
        inputs,
        filters,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        activation,
        use_bias,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        trainable,
        name=name,
        reuse=reuse,
    )


def conv3d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1, 1),
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: Constraint = None,
    bias_constraint: Constraint = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Return the convolution of volumes with filters.

    Parameters are those of `conv2d`, with three spatial axes: `inputs` has shape (batch, depth,
    height, width, channels).
    """
    return _run(
        Conv3D,
        inputs,
        filters,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        activation,
        use_bias,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        trainable,
        name=name,
        reuse=reuse,
    )


def conv2d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: Constraint = None,
    bias_constraint: Constraint = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Return the gradient of a convolution by its images: images `strides` times as large.

    Parameters are those of `conv2d`, without `dilation_rate`.
    """
    return _run(
        Conv2DTranspose,
        inputs,
        filters,
        kernel_size,
        strides,
        padding,
        data_format,
        1,
        activation,
        use_bias,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        trainable,
        name=name,
        reuse=reuse,
    )
