"""Convolution and pooling in one and three dimensions, and the transposed convolution."""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.array import expand_dims
from tensorgraph.ops.conv import conv2d
from tensorgraph.ops.division import convert_pair
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.pool import avg_pool, max_pool
from tensorgraph.ops.windows import check_padding, spatial_numbers


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return the convolution of sequences with a filter; the filter is not flipped.

    Parameters
    ----------
    value : Tensor of shape (batch, width, in)
        The sequences; ``input`` is its newer name.
    filters : Tensor of shape (width, in, out)
        The filter.
    stride : int
        The step.
    padding : str
        ``"VALID"`` or ``"SAME"``.
    use_cudnn_on_gpu : bool
        Accepted for TensorFlow's sake.
    data_format : str, default "NWC"
        The only layout.
    name : str, default "conv1d"
        Its scope.
    input : Tensor, optional
        The newer name of `value`.
    dilations : int, default 1
        The distance of the filter's elements.

    Returns
    -------
    Tensor of shape (batch, new width, out)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    del use_cudnn_on_gpu
    check_channels_last(data_format)
    x = convert_to_tensor(value if input is None else input)
    with x.graph.name_scope(name or "conv1d"):
        step = spatial_numbers(1 if stride is None else stride, "stride", 1)
        distance = spatial_numbers(1 if dilations is None else dilations, "dilations", 1)
        images, kernel = expand_dims(x, 1), expand_dims(convert_to_tensor(filters), 0)
        result = conv2d(images, kernel, (1, *step), padding, dilations=(1, *distance))
        return apply("Squeeze", result, axes=(1,))


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = 1,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Return the convolution of volumes with a filter; the filter is not flipped.

    Parameters
    ----------
    input : Tensor of shape (batch, depth, height, width, in)
        The volumes.
    filter : Tensor of shape (depth, height, width, in, out)
        The filter; ``filters`` is its newer name.
    strides, padding, dilations
        As in `conv2d`, with three numbers for the volume, or five.
    data_format : str, default "NDHWC"
        The only layout.
    name : str, optional
        Its name.
    filters : Tensor, optional
        The newer name of `filter`.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    check_channels_last(data_format)
    kernel = filters if filter is None else filter
    if kernel is None or padding is None:
        raise ValueError("conv3d needs a filter and a padding")
    attrs = {
        "strides": spatial_numbers(1 if strides is None else strides, "strides", 3),
        "dilations": spatial_numbers(dilations, "dilations", 3),
        "padding": check_padding(padding, 3),
    }
    return apply("Conv3D", input, kernel, name=name, **attrs)


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return the gradient of `conv2d` by its images, as a layer: it makes images larger.

    Parameters
    ----------
    value : Tensor of shape (batch, height, width, in)
        The images; ``input`` is its newer name.
    filter : Tensor of shape (height, width, out, in)
        The filter; ``filters`` is its newer name.
    output_shape : sequence of int, or Tensor
        The shape of the result (batch, new height, new width, out).
    strides : int or list of int
        The step, by which the images grow.
    padding : str or list of (int, int), default "SAME"
        That of the convolution that goes the other way.
    data_format : str, default "NHWC"
        The only layout.
    name : str, default "conv2d_transpose"
        Its name.
    input, filters : Tensor, optional
        The newer names of `value` and `filter`.
    dilations : int or list of int, default 1
        The distance of the filter's elements.

    Raises
    ------
    ValueError
        If the shapes do not fit: `conv2d` must make the images of the result.
    """
    x = value if input is None else input
    kernel = filters if filter is None else filter
    return _transposed(2, x, kernel, output_shape, strides, padding, data_format, dilations, name)


def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return the gradient of `conv3d` by its volumes, as a layer: it makes volumes larger.

    Parameters are those of `conv2d_transpose`, with three numbers for the volume, or five.
    """
    x = value if input is None else input
    kernel = filters if filter is None else filter
    return _transposed(3, x, kernel, output_shape, strides, padding, data_format, dilations, name)


def _transposed(
    axes: int,
    value: Any,
    filter: Any,
    output_shape: Any,
    strides: Any,
    padding: Any,
    data_format: str,
    dilations: Any,
    name: str | None,
) -> Tensor:
    check_channels_last(data_format)
    function = f"conv{axes}d_transpose"
    if filter is None or output_shape is None or strides is None:
        raise ValueError(f"{function} needs a filter, output_shape and strides")
    attrs: dict[str, Any] = {
        "strides": spatial_numbers(strides, "strides", axes),
        "dilations": spatial_numbers(1 if dilations is None else dilations, "dilations", axes),
        "padding": check_padding(padding, axes),
    }
    op_type = "Conv2DBackpropInput" if axes == 2 else "Conv3DBackpropInputV2"
    x, kernel = convert_pair(value, filter)
    with x.graph.name_scope(name or function) as scope:
        target = convert_to_tensor(output_shape)
        return apply(op_type, target, kernel, x, name=scope, **attrs)


def atrous_conv2d(
    value: Any, filters: Any, rate: Any, padding: Any, name: str | None = None
) -> Tensor:
    """Return a convolution whose filter's elements lie `rate` pixels apart.

    The other parameters are those of `conv2d`, which does the same with ``dilations``.
    """
    return conv2d(value, filters, 1, padding, dilations=rate, name=name or "atrous_conv2d")


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """Return the largest element of each window of sequences (batch, width, channels).

    Parameters are those of `max_pool`, with one number for the sequence, or three.
    """
    return _pool1d(max_pool, input, ksize, strides, padding, data_format, name or "max_pool1d")


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """Return the mean of each window of sequences; parameters as in `max_pool1d`."""
    return _pool1d(avg_pool, input, ksize, strides, padding, data_format, name or "avg_pool1d")


def _pool1d(
    pool: Any, value: Any, ksize: Any, strides: Any, padding: Any, data_format: str, name: str
) -> Tensor:
    check_channels_last(data_format)
    x = convert_to_tensor(value)
    with x.graph.name_scope(name):
        size, step = (
            (1, *spatial_numbers(v, what, 1))
            for v, what in ((ksize, "ksize"), (strides, "strides"))
        )
        return apply("Squeeze", pool(expand_dims(x, 1), size, step, padding), axes=(1,))
