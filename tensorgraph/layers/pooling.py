"""Pooling layers: the largest element, or the mean, of windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tensorgraph.graph.node import Tensor
from tensorgraph.layers.base import Layer
from tensorgraph.layers.windows import check_channels_last, numbers, padding_name
from tensorgraph.ops.array import expand_dims, squeeze
from tensorgraph.ops.pool import avg_pool, avg_pool3d, max_pool, max_pool3d


class _Pooling(Layer):
    """What the pooling layers have in common.

    Parameters
    ----------
    pool_size : int or sequence of int
        The window.
    strides : int or sequence of int
        Its step.
    padding : str, default "valid"
        Or ``"same"``.
    data_format : str, default "channels_last"
        The only layout.
    name : str, optional
        Its scope; default is the class's.
    **kwargs
        Those of `Layer`.
    """

    pool: ClassVar[Callable[..., Tensor]]
    spatial: ClassVar[int]

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str = "channels_last",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_channels_last(data_format)
        self.pool_size = numbers(pool_size, self.spatial, "pool_size")
        self.strides = numbers(strides, self.spatial, "strides")
        self.padding = padding_name(padding)

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the output."""
        return self.pool(inputs, self.pool_size, self.strides, self.padding)


class _Pooling1D(_Pooling):
    """Over sequences: an image of width 1."""

    input_rank = 3
    spatial = 1

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the output."""
        size, step = (*self.pool_size, 1), (*self.strides, 1)
        return squeeze(self.pool(expand_dims(inputs, 2), size, step, self.padding), [2])


class _Pooling2D(_Pooling):
    """Over images."""

    input_rank = 4
    spatial = 2


class _Pooling3D(_Pooling):
    """Over volumes."""

    input_rank = 5
    spatial = 3


class MaxPooling1D(_Pooling1D):
    """The largest element of windows of sequences; parameters as in `max_pooling1d`."""

    pool = staticmethod(max_pool)


class AveragePooling1D(_Pooling1D):
    """The mean of windows of sequences; parameters as in `max_pooling1d`."""

    pool = staticmethod(avg_pool)


class MaxPooling2D(_Pooling2D):
    """The largest element of windows of images; parameters as in `max_pooling2d`."""

    pool = staticmethod(max_pool)


class AveragePooling2D(_Pooling2D):
    """The mean of windows of images; parameters as in `max_pooling2d`."""

    pool = staticmethod(avg_pool)


class MaxPooling3D(_Pooling3D):
    """The largest element of windows of volumes; parameters as in `max_pooling3d`."""

    pool = staticmethod(max_pool3d)


class AveragePooling3D(_Pooling3D):
    """The mean of windows of volumes; parameters as in `max_pooling3d`."""

    pool = staticmethod(avg_pool3d)


def max_pooling1d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Return the largest element of each window.

    Parameters
    ----------
    inputs : Tensor of shape (batch, length, channels)
        The sequences.
    pool_size, strides : int
        The window, and its step.
    padding : str, default "valid"
        Or ``"same"``: as many windows as steps fit.
    data_format : str, default "channels_last"
        The only layout.
    name : str, optional
        Its scope.

    Raises
    ------
    ValueError
        If the input has another rank, or the window does not fit.
    """
    return _pooled(MaxPooling1D, inputs, pool_size, strides, padding, data_format, name)


def average_pooling1d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Return the mean of each window; parameters as in `max_pooling1d`."""
    return _pooled(AveragePooling1D, inputs, pool_size, strides, padding, data_format, name)


def max_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Return the largest element of each window.

    Parameters
    ----------
    inputs : Tensor of shape (batch, height, width, channels)
        The images.
    pool_size, strides : int or (int, int)
        The window, and its step.
    padding, data_format, name
        As in `max_pooling1d`.

    Raises
    ------
    ValueError
        If the input has another rank, or the window does not fit.
    """
    return _pooled(MaxPooling2D, inputs, pool_size, strides, padding, data_format, name)


def average_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Return the mean of each window; parameters as in `max_pooling2d`."""
    return _pooled(AveragePooling2D, inputs, pool_size, strides, padding, data_format, name)


def max_pooling3d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Return the largest element of each window of volumes.

    Parameters are those of `max_pooling1d`, with three numbers, or one for all; `inputs` has shape
    (batch, depth, height, width, channels).
    """
    return _pooled(MaxPooling3D, inputs, pool_size, strides, padding, data_format, name)


def average_pooling3d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Return the mean of each window of volumes; parameters as in `max_pooling3d`."""
    return _pooled(AveragePooling3D, inputs, pool_size, strides, padding, data_format, name)


def _pooled(kind: type[_Pooling], inputs: Any, *settings: Any) -> Tensor:
    output: Tensor = kind(*settings)(inputs)
    return output
