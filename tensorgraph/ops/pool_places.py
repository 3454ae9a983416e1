"""Max-pooling that says where each maximum was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, apply_op
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
    Draw,
    Gradients,
    Input,
    KernelContext,
    Sample,
    Spec,
    register,
)
from tensorgraph.ops.array import reshape, reshape_like, shape
from tensorgraph.ops.nn import check_channels_last
from tensorgraph.ops.pool import PoolForward, pool_windows
from tensorgraph.ops.sources import zeros_like
from tensorgraph.ops.windows import check_padding, padded, spatial_numbers


@register
class MaxPoolWithArgmax(PoolForward):
    """The largest element of each window, and its place in the image, in row-major order."""

    type = "MaxPoolWithArgmax"
    uses_out = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        (pooled,) = super().infer(op)
        return (pooled, Spec(op.attrs["dtype"], pooled.shape))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        windows = pool_windows(k.op)
        n, height, width, c = x.shape
        places = windows.places(height, width)
        pads = windows.pads(height, width)
        image = padded(k, x, pads, -np.inf)
        best = k.xp.full((n, *places, c), -np.inf, x.dtype)
        chosen = k.xp.zeros(best.shape, np.int64)
        rows, columns = (
            (k.xp.arange(count) * step - before)
            for count, step, (before, _) in zip(places, windows.strides, pads, strict=True)
        )
        corner = ((rows[:, None] * width + columns) * c)[..., None] + k.xp.arange(c)
        for (i, j), index in windows.regions(places):
            view = image[index]
            larger = view > best
            best = k.xp.where(larger, view, best)
            chosen = k.xp.where(larger, corner + (i * width + j) * c, chosen)
        if k.op.attrs["include_batch"]:
            chosen += k.xp.arange(n)[:, None, None, None] * (height * width * c)
        return best, chosen.astype(k.op.attrs["dtype"].np_dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, chosen = op.inputs[0], op.outputs[1]
        dy = zeros_like(op.outputs[0]) if grads[0] is None else grads[0]
        if op.attrs["include_batch"]:
            flat = [reshape(t, [1, -1]) for t in (x, dy, chosen)]
        else:
            count = shape(x)[:1]
            flat = [_rows(t, count) for t in (x, dy, chosen)]
        image, gradient, places = flat
        result = apply("TakeAlongAxisGrad", gradient, places, shape(image), axis=1)
        return (reshape_like(result, x),)

    def sample(self, draw: Draw) -> Sample:
        image, _, attrs = self.draw_case(draw)
        kind = draw.choice([dtypes.int64, dtypes.int32])
        more = {"dtype": kind, "include_batch": draw.boolean()}
        return Sample((Input(image, DISTINCT),), {**attrs, **more})


def _rows(x: Tensor, count: Tensor) -> Tensor:
    """Return a batch as a matrix with a row for each member, even where there are none."""
    size = apply("Prod", shape(x)[1:], axes=None, keepdims=False)
    return reshape(x, apply("ConcatV2", count, apply("ExpandDims", size, axes=(0,)), axis=0))


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    Targmax: Any = None,  # noqa: N803 - TensorFlow's name
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the largest element of each window, and where it was.

    Parameters
    ----------
    input, ksize, strides, padding, data_format
        As in `max_pool`.
    Targmax : DType, default int64
        Element type of the places; ``output_dtype`` is its newer name.
    name : str, optional
        Its name.
    output_dtype : DType, optional
        The newer name of `Targmax`.
    include_batch_in_index : bool, default False
        Count through the whole batch, and not in each image anew.

    Returns
    -------
    output : Tensor
        The maxima.
    argmax : Tensor
        ``(row · width + column) · channels + channel`` of each.

    Raises
    ------
    ValueError
        If the window does not fit.
    """
    check_channels_last(data_format)
    kind = Targmax if output_dtype is None else output_dtype
    op = apply_op(
        "MaxPoolWithArgmax",
        input,
        name=name,
        ksize=spatial_numbers(ksize, "ksize"),
        strides=spatial_numbers(strides, "strides"),
        padding=check_padding(padding),
        dtype=dtypes.int64 if kind is None else as_dtype(kind),
        include_batch=bool(include_batch_in_index),
    )
    output, places = op.outputs
    return output, places
