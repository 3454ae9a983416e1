"""Summaries: values of a run in the form that TensorBoard reads, as strings.

Each is a serialized ``Summary`` of TensorFlow's protocol buffers. The library that knows these
comes with the extra ``tensorboard``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.base.optional import require
from tensorgraph.base.png import encode_png
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, KernelContext, OpDef, Spec, register

_NOT_IN_A_TAG = re.compile(r"[^-/\w.]")
_SMALLEST, _LARGEST, _GROWTH = 1e-12, 1e20, 1.1
_BAD_COLOUR = (255, 0, 0, 255)


def protocol() -> Any:
    """Return the module of the ``Summary`` messages.

    Raises
    ------
    ImportError
        If the library is not installed.
    """
    return require("tensorboardX.proto.summary_pb2", "tensorboard", "tf.summary")


class _SummaryOp(OpDef):
    """An op whose output is a serialized ``Summary``."""

    stateful = True  # so that no pass computes a string beforehand
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.string, ()),)


def _serialized(*values: Any) -> np.ndarray[Any, Any]:
    result = np.empty((), np.object_)
    result[()] = protocol().Summary(value=values).SerializeToString()
    return result


@register
class ScalarSummary(_SummaryOp):
    """A number."""

    type = "ScalarSummary"
    inputs = (Arg("values", dtypes.NUMERIC),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        if not shapes.compatible(op.inputs[0].dims, ()):
            raise ValueError(f"a scalar summary needs a scalar, not shape {op.inputs[0].shape}")
        return super().infer(op)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        number = float(k.backend.to_host(inputs[0])[()])
        return _serialized(protocol().Summary.Value(tag=k.op.attrs["tag"], simple_value=number))


@register
class HistogramSummary(_SummaryOp):
    """How often values of each size occur."""

    type = "HistogramSummary"
    inputs = (Arg("values", dtypes.NUMERIC),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        xp, tag = k.xp, k.op.attrs["tag"]
        values = inputs[0].astype(np.float64).ravel()
        if not bool(xp.isfinite(values).all()):
            raise InvalidArgumentError(f"NaN or infinity in the histogram {tag!r}")
        limits = bucket_limits()
        # A bucket holds what is below its limit and not below the limit before.
        places = xp.searchsorted(xp.asarray(limits), values, side="right")
        counts = k.backend.to_host(xp.bincount(places, minlength=len(limits))).tolist()
        kept = _without_empty_runs(limits, counts)
        first, last = limits[-1], limits[0]  # of nothing, as TensorFlow has it
        if values.size:
            first, last = float(values.min()), float(values.max())
        histogram = protocol().HistogramProto(
            min=first,
            max=last,
            num=values.size,
            sum=float(values.sum()),
            sum_squares=float(xp.square(values).sum()),
            bucket_limit=[limit for limit, _ in kept],
            bucket=[count for _, count in kept],
        )
        return _serialized(protocol().Summary.Value(tag=tag, histo=histogram))


@functools.cache
def bucket_limits() -> tuple[float, ...]:
    """Return the upper limits of a histogram's buckets: each a tenth larger than the last."""
    positive = []
    limit = _SMALLEST
    while limit < _LARGEST:
        positive.append(limit)
        limit *= _GROWTH
    positive.append(float(np.finfo(np.float64).max))
    return (*(-v for v in reversed(positive)), 0.0, *positive)


def _without_empty_runs(
    limits: Sequence[float], counts: Sequence[float]
) -> list[tuple[float, float]]:
    """Return limits and counts in which several empty buckets in a row are one."""
    kept: list[tuple[float, float]] = []
    for limit, count in zip(limits, counts, strict=True):
        if count == 0 and kept and kept[-1][1] == 0:
            kept.pop()
        kept.append((limit, count))
    return kept


@register
class ImageSummary(_SummaryOp):
    """Pictures, the first ``max_outputs`` of a batch."""

    type = "ImageSummary"
    inputs = (Arg("tensor", (dtypes.float32, dtypes.uint8, dtypes.float16, dtypes.float64)),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = op.inputs[0].dims
        if dims is not None and (len(dims) != 4 or dims[3] not in (None, 1, 3, 4)):
            raise ValueError(
                "pictures need the shape (batch, height, width, 1, 3 or 4 channels), not"
                f" {op.inputs[0].shape}"
            )
        return super().infer(op)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        tag, count = k.op.attrs["tag"], k.op.attrs["max_outputs"]
        values = []
        for i, picture in enumerate(inputs[0][:count]):
            pixels = picture if picture.dtype == np.uint8 else _as_pixels(k.xp, picture)
            height, width, channels = picture.shape
            image = protocol().Summary.Image(
                height=height,
                width=width,
                colorspace=channels,
                encoded_image_string=encode_png(k.backend.to_host(pixels)),
            )
            name = f"{tag}/image" if count == 1 else f"{tag}/image/{i}"
            values.append(protocol().Summary.Value(tag=name, image=image))
        return _serialized(*values)


def _as_pixels(xp: Any, picture: Any) -> Any:
    """Return floats as bytes: the largest is 255; with negative ones, 0 is 128.

    A pixel with NaN or infinity in it is red.
    """
    good = xp.isfinite(picture).all(-1)
    numbers = picture[good].astype(np.float32)
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    largest = max(abs(low), abs(high))
    full, zero = (127.0, 128.0) if low < 0 else (255.0, 0.0)
    scale = full / largest if largest >= 1e-6 else 0.0
    result = xp.empty(picture.shape, np.uint8)
    result[...] = xp.asarray(_BAD_COLOUR[: picture.shape[-1]], np.uint8)
    result[good] = (numbers * scale + zero).astype(np.uint8)
    return result


@register
class TextSummary(_SummaryOp):
    """Strings, which TensorBoard shows as Markdown."""

    type = "TensorSummaryV2"
    inputs = (Arg("tensor", (dtypes.string,)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        tensor = require("tensorboardX.proto.tensor_pb2", "tensorboard", "tf.summary")
        text = inputs[0]
        value = protocol().Summary.Value(
            tag=k.op.attrs["tag"],
            metadata={"plugin_data": {"plugin_name": "text"}},
            tensor=tensor.TensorProto(
                dtype="DT_STRING",
                tensor_shape={"dim": [{"size": d} for d in text.shape]},
                string_val=text.ravel().tolist(),
            ),
        )
        return _serialized(value)


@register
class MergeSummary(_SummaryOp):
    """Several summaries as one."""

    type = "MergeSummary"
    inputs = (Arg("inputs", (dtypes.string,)),)
    variadic = True

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        summaries = [protocol().Summary.FromString(x[()]) for x in inputs]
        values = [v for summary in summaries for v in summary.value]
        tags = [v.tag for v in values]
        double = sorted({tag for tag in tags if tags.count(tag) > 1})
        if double:
            raise InvalidArgumentError(f"two summaries have the tag {', '.join(double)}")
        return _serialized(*values)


# The names users type


@contextmanager
def _tag_and_scope(name: str, family: str | None) -> Iterator[tuple[str, str]]:
    """Open the scope of a summary; yield its tag and the name of its node."""
    protocol()  # better no graph than one that cannot run
    clean, group = _clean(name), None if family is None else _clean(family)
    with get_default_graph().name_scope(clean if group is None else f"{group}/{clean}") as scope:
        tag = scope.rstrip("/")
        yield (tag if group is None else f"{group}/{tag}"), scope


def _clean(name: str) -> str:
    """Return a name as a tag may have it."""
    return _NOT_IN_A_TAG.sub("_", name).lstrip("/")


def _collected(summary: Tensor, collections: Sequence[str] | None) -> Tensor:
    for key in [GraphKeys.SUMMARIES] if collections is None else collections:
        summary.graph.add_to_collection(key, summary)
    return summary


def scalar(
    name: str, tensor: Any, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """Return a summary of a number.

    Parameters
    ----------
    name : str
        Its name in TensorBoard, after the name scopes around.
    tensor : Tensor or number
        A scalar.
    collections : list of str, optional
        Where it goes; default is ``SUMMARIES``, of which `merge_all` makes one.
    family : str, optional
        What stands before its name, to show it beside others.

    Raises
    ------
    ValueError
        If the tensor is no scalar.
    ImportError
        If the extra ``tensorboard`` is not installed.
    """
    with _tag_and_scope(name, family) as (tag, scope):
        return _collected(apply(ScalarSummary.type, tensor, name=scope, tag=tag), collections)


def histogram(
    name: str, values: Any, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """Return a summary of how often values of each size occur; parameters as in `scalar`.

    Running it raises `tf.errors.InvalidArgumentError` where there is NaN or infinity.
    """
    with _tag_and_scope(name, family) as (tag, scope):
        return _collected(apply(HistogramSummary.type, values, name=scope, tag=tag), collections)


def image(
    name: str,
    tensor: Any,
    max_outputs: int = 3,
    collections: Sequence[str] | None = None,
    family: str | None = None,
) -> Tensor:
    """Return a summary of pictures.

    Parameters
    ----------
    name, collections, family
        As in `scalar`.
    tensor : Tensor of uint8 or floats, of shape (batch, height, width, channels)
        Floats are scaled so that the largest is white; where some are negative, 0 is grey.
        Channels are 1 (grey), 3 (red, green, blue) or 4 (with opacity).
    max_outputs : int, default 3
        How many of the batch.

    Raises
    ------
    ValueError
        If the shape is another.
    ImportError
        If the extra ``tensorboard`` is not installed.
    """
    with _tag_and_scope(name, family) as (tag, scope):
        attrs = {"tag": tag, "max_outputs": int(max_outputs)}
        return _collected(apply(ImageSummary.type, tensor, name=scope, **attrs), collections)


def text(name: str, tensor: Any, collections: Sequence[str] | None = None) -> Tensor:
    """Return a summary of strings; parameters as in `scalar`.

    Raises
    ------
    TypeError
        If the tensor is not of strings.
    """
    strings = convert_to_tensor(tensor)
    with _tag_and_scope(name, None) as (tag, scope):
        return _collected(apply(TextSummary.type, strings, name=scope, tag=tag), collections)


def merge(
    inputs: Sequence[Tensor], collections: Sequence[str] | None = None, name: str | None = None
) -> Tensor:
    """Return one summary of several.

    Parameters
    ----------
    inputs : list of Tensor
        Summaries.
    collections : list of str, optional
        Where it goes; default is none.
    name : str, default "Merge"
        Scope of the node.

    Raises
    ------
    ValueError
        If there are none.
    """
    protocol()
    with get_default_graph().name_scope(name or "Merge"):
        return _collected(apply(MergeSummary.type, *inputs), collections or [])


def merge_all(
    key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None
) -> Tensor | None:
    """Return one summary of all in a collection, None where there are none.

    Parameters
    ----------
    key : str, default ``SUMMARIES``
        The collection.
    scope : str, optional
        Only those whose names begin with this, a regular expression.
    name : str, default "Merge"
        Scope of the node.
    """
    summaries = get_default_graph().get_collection(key, scope)
    return merge(summaries, name=name) if summaries else None
