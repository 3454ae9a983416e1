"""Activations, bias, softmax and the cross-entropies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    NONZERO,
    Arg,
    Blockwise,
    Domain,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Role,
    Sample,
    Spec,
    Unary,
    elements,
    register,
)
from tensorgraph.ops.array import expand_dims, shape
from tensorgraph.ops.blocks import slice_
from tensorgraph.ops.math import abs_, cast, exp, expm1, log1p, minimum, sigmoid, where
from tensorgraph.ops.memory_order import as_rows, line_shape, memory_order, repeated, scratch_like
from tensorgraph.ops.products import inner_product
from tensorgraph.ops.random import dropout_mask
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import zeros_like

INDEX = (dtypes.int32, dtypes.int64)


# A bias is repeated along lines of so many elements.
BIAS_LINE = 1024
# A maximum of an array and a number is half as fast as one of two arrays.
ZEROS_LINE = 8192


def _limited(k: KernelContext, bound: Any, x: Any, limit: float, out: Any) -> Any:
    """Return what `maximum` or `minimum` makes of an array and a number."""
    if x.size < ZEROS_LINE:
        return bound(x, limit, out=out)
    order = memory_order(x)
    line = k.scratch(f"line of {limit}", line_shape(x, order, ZEROS_LINE), x.dtype, limit)
    result = k.xp.empty_like(x) if out is None else out
    bound(x.transpose(order), line, out=result.transpose(order))
    return result


@register
class Relu(Unary):
    """max(x, 0)."""

    type = "Relu"
    formula = "max({x}, 0)"
    cuda = "x > 0 || x != x ? x : R(0)"
    domain = NONZERO

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return _limited(k, k.xp.maximum, inputs[0], 0, k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("ReluGrad", grads[0], op.outputs[0]),)


@register
class ReluGrad(OpDef):
    """The gradient where the feature is positive, else 0."""

    type = "ReluGrad"
    formula = "{gradients} where {features} > 0, else 0"
    cuda = "gradients * R(features > 0)"
    inputs = (Arg("gradients"), Arg("features"))
    uses_out = True
    by_rows = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        dy, x = op.inputs
        return (Spec(dy.dtype, shapes.merge(dy.dims, x.dims)),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, Role.ROWS))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, x = inputs
        mask = scratch_like(k, "mask", x, np.bool_)
        return k.xp.multiply(dy, k.xp.greater(x, 0, out=mask), out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[1]
        return (apply("ReluGrad", grads[0], x), lambda: zeros_like(x))

    def flops(self, op: Operation) -> int:
        return elements(op.outputs)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape()
        return Sample((Input(dims), Input(dims, NONZERO)))


@register
class Relu6(Unary):
    """min(max(x, 0), 6)."""

    type = "Relu6"
    formula = "min(max({x}, 0), 6)"
    cuda = "x > 0 || x != x ? (x > 6 ? R(6) : x) : R(0)"
    domain = Domain(-3.0, 9.0, avoid=(0.0, 6.0), margin=0.3)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        y = _limited(k, k.xp.maximum, inputs[0], 0, k.out)
        return _limited(k, k.xp.minimum, y, 6, k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("Relu6Grad", grads[0], op.outputs[0]),)


@register
class Relu6Grad(ReluGrad):
    """The gradient where the feature is positive and less than 6, else 0."""

    type = "Relu6Grad"
    formula = "{gradients} where 0 < {features} < 6, else 0"
    cuda = "gradients * R(features > 0 && features < 6)"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, x = inputs
        mask, less = (scratch_like(k, name, x, np.bool_) for name in ("mask", "less"))
        k.xp.logical_and(k.xp.greater(x, 0, out=mask), k.xp.less(x, 6, out=less), out=mask)
        return k.xp.multiply(dy, mask, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[1]
        return (apply("Relu6Grad", grads[0], x), lambda: zeros_like(x))

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape()
        return Sample((Input(dims), Input(dims, Relu6.domain)))


@register
class Softplus(Unary):
    """log(1 + exp(x)), without overflow."""

    type = "Softplus"
    formula = "log(1 + exp({x}))"
    cuda = "x > 0 ? x + log1p(exp(-x)) : log1p(exp(x))"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.logaddexp(inputs[0], 0, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * sigmoid(op.inputs[0]),)


@register
class BiasAdd(OpDef):
    """A vector added along the last axis."""

    type = "BiasAdd"
    formula = "{value} + {bias}"
    cuda = "value + bias"
    inputs = (Arg("value", dtypes.NUMERIC), Arg("bias", dtypes.NUMERIC))
    uses_out = True
    by_rows = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, bias = op.inputs
        if bias.dims is not None and len(bias.dims) != 1:
            raise ValueError(f"the bias must be a vector, not of shape {bias.shape}")
        if x.dims is None or bias.dims is None:
            return (Spec(x.dtype, x.dims),)
        if not x.dims:
            raise ValueError("a bias cannot be added to a scalar")
        if not shapes.compatible(x.dims[-1:], bias.dims):
            raise ValueError(f"a bias of {bias.dims[0]} elements does not suit {x.shape}")
        channels = shapes.merge(x.dims[-1:], bias.dims) or ()
        return (Spec(x.dtype, x.dims[:-1] + channels),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        # The rows of a vector are its channels.
        if len(op.inputs[0].dims or ()) < 2:
            return None
        return Blockwise((Role.ROWS, Role.WHOLE))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, bias = inputs
        if x.size <= BIAS_LINE:
            return k.xp.add(x, bias, out=k.out)
        order = memory_order(x)
        line = repeated(k, "line", bias, x, order, BIAS_LINE)
        out = k.xp.empty_like(x) if k.out is None else k.out
        k.xp.add(x.transpose(order), line, out=out.transpose(order))
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0], lambda: apply("BiasAddGrad", grads[0]))

    def flops(self, op: Operation) -> int:
        return elements(op.outputs)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        return Sample((Input(dims), Input(dims[-1:])))


@register
class BiasAddGrad(OpDef):
    """The sum over all axes but the last."""

    type = "BiasAddGrad"
    formula = "Σ {x} over all axes but the last"
    inputs = (Arg("x", dtypes.NUMERIC),)
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        return (Spec(x.dtype, (None,) if x.dims is None else x.dims[-1:]),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        if len(op.inputs[0].dims or ()) < 2:
            return None
        return Blockwise((Role.ROWS,), (Role.SUM,))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        rows = as_rows(inputs[0])
        # A product with ones is several times faster than a sum over the first axis.
        ones = k.scratch("ones", rows.shape[:1], rows.dtype, 1)
        out = k.xp.empty(rows.shape[1:], rows.dtype) if k.out is None else k.out
        inner_product(k.xp, ones, rows, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[0]
        return (apply("Add", zeros_like(x), grads[0]),)

    def flops(self, op: Operation) -> int:
        return elements(op.inputs)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape(min_rank=1)),))


class _AlongAxis(OpDef):
    """An op that works on each vector along ``axis`` and keeps the shape."""

    inputs = (Arg("logits"),)
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is not None:
            shapes.normalize_axis(op.attrs["axis"], len(x.dims))
        return (Spec(x.dtype, x.dims),)

    def flops(self, op: Operation) -> int:
        return 5 * elements(op.outputs)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1, low=1)
        return Sample((Input(dims),), {"axis": draw.integer(-len(dims), len(dims) - 1)})


@register
class Softmax(_AlongAxis):
    """exp(z_i) / Σ exp(z_j) along an axis."""

    type = "Softmax"
    formula = "softmax({logits})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, axis = inputs[0], k.op.attrs["axis"]
        # Subtracting the largest changes nothing but avoids overflow.
        shifted = k.xp.subtract(x, x.max(axis, keepdims=True), out=k.out)
        e = k.xp.exp(shifted, out=shifted)
        return k.xp.true_divide(e, e.sum(axis, keepdims=True), out=e)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (y,), axis = grads, op.outputs, op.attrs["axis"]
        return ((dy - reduce_sum(dy * y, axis, keepdims=True)) * y,)


@register
class LogSoftmax(_AlongAxis):
    """z_i - log Σ exp(z_j) along an axis."""

    type = "LogSoftmax"
    formula = "log softmax({logits})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, axis = inputs[0], k.op.attrs["axis"]
        shifted = k.xp.subtract(x, x.max(axis, keepdims=True), out=k.out)
        total = k.xp.log(k.xp.exp(shifted).sum(axis, keepdims=True))
        return k.xp.subtract(shifted, total, out=shifted)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (y,), axis = grads, op.outputs, op.attrs["axis"]
        return (dy - exp(y) * reduce_sum(dy, axis, keepdims=True),)


class _CrossEntropy(OpDef):
    """Softmax cross-entropy of each row, and its gradient by the logits as a second output.

    The second output is what makes the gradient cheap: softmax and loss share their exponentials.
    """

    uses_out = True

    def row_shapes(self, op: Operation) -> tuple[shapes.Shape, shapes.Shape]:
        """Return the shapes of the losses and of the logits."""
        raise NotImplementedError

    def infer(self, op: Operation) -> Sequence[Spec]:
        logits = op.inputs[0]
        rows, full = self.row_shapes(op)
        return (Spec(logits.dtype, rows), Spec(logits.dtype, full))

    def blockwise(self, op: Operation) -> Blockwise | None:
        logits, labels = op.inputs
        if (logits.dims or ())[:1] != (labels.dims or ())[:1]:
            return None
        return Blockwise((Role.ROWS, Role.ROWS), (Role.ROWS, Role.ROWS))

    def flops(self, op: Operation) -> int:
        return 7 * elements(op.inputs[:1])


def _softmax_of_rows(k: KernelContext, logits: Any) -> tuple[Any, Any, Any]:
    """Return logits less the largest of their row, softmax, and the log of what that divided by."""
    xp, column = k.xp, (len(logits), 1)
    largest = k.scratch("largest", column, logits.dtype)
    xp.maximum.reduce(logits, -1, None, largest, True, -np.inf)
    shifted = xp.subtract(logits, largest, out=k.scratch("shifted", logits.shape, logits.dtype))
    out = k.outs[1] if len(k.outs) > 1 else None
    e = xp.exp(shifted, out=out)
    # A product with ones is the fastest sum.
    ones = k.scratch("ones", (logits.shape[1], 1), logits.dtype, 1)
    total = xp.matmul(e, ones, out=k.scratch("total", column, logits.dtype))
    probabilities = xp.true_divide(e, total, out=e)
    return shifted, probabilities, xp.log(total, out=total)


def _by_logits(op: Operation, loss_grad: Any, backprop_grad: Any) -> Tensor:
    """Return the gradient by the logits of loss and backprop together."""
    logits, backprop = op.inputs[0], op.outputs[1]
    parts = []
    if loss_grad is not None:
        parts.append(expand_dims(loss_grad, -1) * backprop)
    if backprop_grad is not None:
        y = softmax(logits)
        inner = reduce_sum(backprop_grad * y, -1, keepdims=True)
        parts.append((backprop_grad - inner) * y)
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@register
class SoftmaxCrossEntropy(_CrossEntropy):
    """-Σ y log softmax(z) for each row, of labels y that are distributions."""

    type = "SoftmaxCrossEntropyWithLogits"
    formula = "−Σ {labels} · log softmax({features})"
    formulas_besides = ("softmax({features}) − {labels}",)
    inputs = (Arg("features"), Arg("labels"))

    def row_shapes(self, op: Operation) -> tuple[shapes.Shape, shapes.Shape]:
        logits, labels = op.inputs
        full = shapes.broadcast(logits.dims, labels.dims)
        if full is not None and len(full) != 2:
            raise ValueError(f"logits must be a matrix, not of shape {logits.shape}")
        return (None,) if full is None else full[:1], full

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        logits, labels = inputs
        if logits.shape != labels.shape:
            logits, labels = k.xp.broadcast_arrays(logits, labels)
        shifted, probabilities, log_total = _softmax_of_rows(k, logits)
        k.xp.subtract(log_total, shifted, out=shifted)
        loss = k.xp.einsum("ij,ij->i", labels, shifted, out=k.out)
        return loss, k.xp.subtract(probabilities, labels, out=probabilities)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        loss_grad, backprop_grad = grads
        logits = op.inputs[0]

        def by_labels() -> Tensor | None:
            parts = []
            if loss_grad is not None:
                parts.append(-expand_dims(loss_grad, -1) * log_softmax(logits))
            if backprop_grad is not None:
                parts.append(-backprop_grad)
            return parts[0] if len(parts) == 1 else parts[0] + parts[1]

        return (lambda: _by_logits(op, loss_grad, backprop_grad), by_labels)

    def sample(self, draw: Draw) -> Sample:
        rows, classes = draw.size(), draw.integer(1, 4)
        # The rule assumes rows that sum to 1, as the labels of a cross-entropy do.
        return Sample((Input((rows, classes)), Input(value=draw.probabilities(rows, classes))))


@register
class SparseSoftmaxCrossEntropy(_CrossEntropy):
    """-log softmax(z)[y] for each row, of labels y that are class numbers."""

    type = "SparseSoftmaxCrossEntropyWithLogits"
    formula = "−log softmax({features})[{labels}]"
    formulas_besides = ("softmax({features}) − one_hot({labels})",)
    inputs = (Arg("features"), Arg("labels", INDEX, group="labels"))

    def row_shapes(self, op: Operation) -> tuple[shapes.Shape, shapes.Shape]:
        logits, labels = op.inputs
        if logits.dims is not None and len(logits.dims) != 2:
            raise ValueError(f"logits must be a matrix, not of shape {logits.shape}")
        rows = None if logits.dims is None else logits.dims[:1]
        return shapes.merge(rows, labels.dims), logits.dims

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        logits, labels = inputs
        rows, classes = logits.shape
        # Without its sign, a negative number is larger than any class.
        unsigned = labels.view(f"u{labels.itemsize}")
        if k.backend.immediate and labels.size and unsigned.max() >= classes:
            raise ValueError(
                f"labels must lie in [0, {classes}); they range from"
                f" {int(labels.min())} to {int(labels.max())}"
            )
        shifted, probabilities, log_total = _softmax_of_rows(k, logits)
        places = (k.xp.arange(rows), labels)
        loss = k.xp.subtract(log_total[:, 0], shifted[places], out=k.out)
        probabilities[places] -= 1
        return loss, probabilities

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (_by_logits(op, *grads), None)

    def sample(self, draw: Draw) -> Sample:
        rows, classes = draw.size(), draw.integer(1, 4)
        labels = np.array([draw.integer(0, classes - 1) for _ in range(rows)], np.int64)
        return Sample((Input((rows, classes)), Input((rows,), value=labels)))


# The names users type, as tf.nn


def relu(features: Any, name: str | None = None) -> Tensor:
    """Return max(x, 0), elementwise."""
    return apply("Relu", features, name=name)


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """Return x where it is positive, else alpha · x, elementwise."""
    x = convert_to_tensor(features)
    return where(x > 0.0, x, alpha * x, name=name or "LeakyRelu")


def elu(features: Any, name: str | None = None) -> Tensor:
    """Return x where it is positive, else exp(x) - 1, elementwise (arXiv:1511.07289)."""
    x = convert_to_tensor(features)
    return where(x > 0.0, x, expm1(minimum(x, 0.0)), name=name or "Elu")


def selu(features: Any, name: str | None = None) -> Tensor:
    """Return the scaled elu that keeps mean 0 and variance 1 (arXiv:1706.02515)."""
    x = convert_to_tensor(features)
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    negative = alpha * expm1(minimum(x, 0.0))
    return apply("Mul", scale, where(x > 0.0, x, negative), name=name or "Selu")


def softplus(features: Any, name: str | None = None) -> Tensor:
    """Return log(1 + exp(x)), elementwise, without overflow."""
    return apply("Softplus", features, name=name)


def softsign(features: Any, name: str | None = None) -> Tensor:
    """Return x / (1 + |x|), elementwise."""
    x = convert_to_tensor(features)
    return apply("RealDiv", x, 1.0 + abs_(x), name=name or "Softsign")


def softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """Return exp(z_i) / Σ exp(z_j) along an axis.

    Parameters
    ----------
    logits : Tensor
        Of floating-point type, of rank 1 or more.
    axis : int, default -1
        The axis that sums to 1; ``dim`` is its older name.
    name : str, optional
        Its name.
    dim : int, optional
        The older name of `axis`.
    """
    return apply("Softmax", logits, name=name, axis=_axis(axis, dim))


def log_softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """Return the logarithm of `softmax`, computed without underflow; parameters as there."""
    return apply("LogSoftmax", logits, name=name, axis=_axis(axis, dim))


def _axis(axis: int | None, dim: int | None) -> int:
    chosen = axis if dim is None else dim
    return -1 if chosen is None else int(chosen)


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Return `value` with the vector `bias` added along its last axis.

    Parameters
    ----------
    value : Tensor of shape (…, channels)
        What to add to.
    bias : Tensor of shape (channels,)
        What to add.
    data_format : str, optional
        Channels last only: ``"NHWC"``.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the sizes differ.
    """
    check_channels_last(data_format)
    return apply("BiasAdd", value, bias, name=name)


def check_channels_last(data_format: str | None) -> None:
    """Raise ValueError for a layout that puts the channels before the image."""
    if data_format is not None and data_format.startswith("NC"):
        raise ValueError(
            f"data_format {data_format!r} is not supported: tensors have their channels last"
            " ('NHWC'); use tf.transpose"
        )


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Return `x` with a random share of its elements set to 0, the rest scaled up.

    Dividing by the kept share keeps the expected value, so that evaluation needs no change.

    Parameters
    ----------
    x : Tensor
        Of floating-point type.
    keep_prob : float or scalar Tensor, optional
        The share that is kept; the older way to say ``1 - rate``.
    noise_shape : sequence of int, optional
        Shape of the random choices, broadcast to `x`; default is the shape of `x`.
    seed : int, optional
        The op's seed.
    name : str, default "dropout"
        Its name.
    rate : float or scalar Tensor, optional
        The share that is dropped, in [0, 1).

    Raises
    ------
    ValueError
        If neither or both of `rate` and `keep_prob` are given, or a number is out of range.
    """
    if (rate is None) == (keep_prob is None):
        raise ValueError("dropout takes one of rate= and keep_prob=")
    value = convert_to_tensor(x)
    if rate is None:
        rate = 1.0 - keep_prob
    if isinstance(rate, int | float) and not 0 <= rate < 1:
        raise ValueError(f"the share dropped must lie in [0, 1), not {rate}")
    with value.graph.name_scope(name or "dropout"):
        if isinstance(rate, int | float) and rate == 0:
            return value
        mask = dropout_mask(value, rate, noise_shape, seed)
        return apply("Mul", value, mask, name="mul")


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
) -> Tensor:
    """Return the cross-entropy -Σ y log softmax(z) of each row; labels count as constants.

    Parameters
    ----------
    labels : Tensor of shape (…, classes)
        Distributions: each row sums to 1.
    logits : Tensor of shape (…, classes)
        Not yet through softmax.
    dim : int, default -1
        The class axis; only the last one.
    name : str, optional
        Its name.

    Returns
    -------
    Tensor of the shape of `logits` without the last axis

    Raises
    ------
    ValueError
        If labels and logits are not given by name, or their shapes differ.
    """
    _require_names("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    constant = apply("StopGradient", convert_to_tensor(labels))
    return softmax_cross_entropy_with_logits_v2(constant, logits, axis=dim, name=name)


def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None
) -> Tensor:
    """Return what `softmax_cross_entropy_with_logits` does, with a gradient by the labels too."""
    z = convert_to_tensor(logits)
    y = cast(convert_to_tensor(labels), z.dtype)
    rank = None if z.dims is None else len(z.dims)
    if axis not in (None, -1) and (rank is None or axis != rank - 1):
        raise ValueError("only the last axis can hold the classes; use tf.transpose")
    return _on_rows("SoftmaxCrossEntropyWithLogits", y, z, name, labels_are_rows=True)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Return the cross-entropy -log softmax(z)[y] of each row.

    Parameters
    ----------
    labels : Tensor of int32 or int64, of the shape of `logits` without the last axis
        Class numbers.
    logits : Tensor of shape (…, classes)
        Not yet through softmax.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If labels and logits are not given by name, or their shapes differ.
    InvalidArgumentError
        When run, if a label is no class.
    """
    _require_names("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    y, z = convert_to_tensor(labels), convert_to_tensor(logits)
    if y.dims is not None and z.dims is not None and len(y.dims) != len(z.dims) - 1:
        raise ValueError(
            f"labels of shape {y.shape} do not suit logits of shape {z.shape}:"
            " class numbers have no class axis"
        )
    return _on_rows("SparseSoftmaxCrossEntropyWithLogits", y, z, name, labels_are_rows=False)


def _require_names(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None or labels is None or logits is None:
        raise ValueError(f"{function} takes labels= and logits= by name")


def _on_rows(
    op_type: str, labels: Tensor, logits: Tensor, name: str | None, *, labels_are_rows: bool
) -> Tensor:
    """Apply a cross-entropy, which knows matrices only, to logits of any rank."""
    if logits.dims is None or len(logits.dims) == 2:
        return apply(op_type, logits, labels, name=name)
    classes = logits.dims[-1]
    if classes is None:
        raise ValueError(f"the number of classes must be known, but logits are {logits.shape}")
    flat = apply("Reshape", logits, [-1, classes])
    flat_labels = apply("Reshape", labels, [-1, classes] if labels_are_rows else [-1])
    losses = apply(op_type, flat, flat_labels, name=name)
    lead = slice_(shape(logits), [0], [len(logits.dims) - 1])
    result = apply("Reshape", losses, lead)
    result.set_shape(logits.dims[:-1])
    return result


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Return -y log σ(z) - (1 - y) log(1 - σ(z)), elementwise, without overflow.

    Parameters
    ----------
    labels : Tensor
        Numbers in [0, 1], of the shape and type of `logits`.
    logits : Tensor
        Not yet through the sigmoid.
    name : str, default "logistic_loss"
        Its name.

    Raises
    ------
    ValueError
        If labels and logits are not given by name, or their shapes differ.
    """
    _require_names("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    z = convert_to_tensor(logits)
    y = convert_to_tensor(labels, z.dtype)
    if not shapes.compatible(z.dims, y.dims):
        raise ValueError(f"labels of shape {y.shape} do not suit logits of shape {z.shape}")
    # max(z, 0) - z·y + log(1 + exp(-|z|)). Written so that both maxima choose the same side where
    # z is 0, as it is everywhere before training: only then is the gradient there ½ - y.
    with z.graph.name_scope(name or "logistic_loss") as scope:
        positive = z >= 0.0
        linear = where(positive, z, zeros_like(z)) - z * y
        return apply("Add", linear, log1p(exp(where(positive, -z, z))), name=scope)


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Return half the sum of squares, as a scalar."""
    x = convert_to_tensor(t)
    return apply("Mul", 0.5, reduce_sum(x * x), name=name or "L2Loss")
