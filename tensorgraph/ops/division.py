"""Division in its kinds, and what remains: by floor, by truncation, safe against zero."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    NONZERO,
    POSITIVE,
    Arg,
    Binary,
    Domain,
    Draw,
    Gradients,
    Input,
    KernelContext,
    Sample,
    Unary,
    register,
)
from tensorgraph.ops.array import unbroadcast
from tensorgraph.ops.math import cast, not_equal

# Where the quotient keeps away from integers, at which it jumps.
_DIVIDEND, _DIVISOR = Domain(1.1, 1.4), Domain(1.5, 1.9)


class _WholeNumber(Binary):
    """An op that divides integers by the rules of its kind, and never by 0."""

    def quotient(self, k: KernelContext, x: Any, y: Any) -> Any:
        """Return the result where no divisor is 0."""
        raise NotImplementedError

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y = inputs
        # NumPy would give 0; TensorFlow refuses.
        if y.dtype.kind in "iu" and not y.all():
            raise ValueError("Integer division by zero")
        return self.quotient(k, x, y)

    def sample(self, draw: Draw) -> Sample:
        x, y = draw.broadcastable(2)
        return Sample((Input(x, _DIVIDEND), Input(y, _DIVISOR)))


@register
class FloorDiv(_WholeNumber):
    """The largest integer that is no larger than x / y."""

    type = "FloorDiv"
    formula = "⌊{x} / {y}⌋"
    cuda = "floor_divide(x, y)"
    differentiable = False

    def quotient(self, k: KernelContext, x: Any, y: Any) -> Any:
        return k.xp.floor_divide(x, y, out=k.out)


@register
class FloorMod(_WholeNumber):
    """x - y · floor(x / y): what remains has the sign of y."""

    type = "FloorMod"
    formula = "{x} mod {y}"
    cuda = "floor_modulo(x, y)"

    def quotient(self, k: KernelContext, x: Any, y: Any) -> Any:
        return k.xp.remainder(x, y, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (
            lambda: unbroadcast(dy, x, y),
            lambda: unbroadcast(-dy * floordiv(x, y), y, x),
        )


@register
class TruncateDiv(_WholeNumber):
    """x / y without its fraction."""

    type = "TruncateDiv"
    cuda = "truncated_divide(x, y)"
    differentiable = False

    def quotient(self, k: KernelContext, x: Any, y: Any) -> Any:
        if x.dtype.kind == "f":
            whole = k.xp.true_divide(x, y, out=k.out)
            return k.xp.trunc(whole, out=k.out)
        # The remainder by truncation has the sign of x, so what is left divides exactly.
        exact = k.xp.subtract(x, k.xp.fmod(x, y), out=k.out)
        return k.xp.floor_divide(exact, y, out=k.out)


@register
class TruncateMod(_WholeNumber):
    """x - y · trunc(x / y): what remains has the sign of x."""

    type = "TruncateMod"
    cuda = "truncated_modulo(x, y)"

    def quotient(self, k: KernelContext, x: Any, y: Any) -> Any:
        return k.xp.fmod(x, y, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (
            lambda: unbroadcast(dy, x, y),
            lambda: unbroadcast(-dy * truncatediv(x, y), y, x),
        )


class _FloatBinary(Binary):
    inputs = (Arg("x"), Arg("y"))


@register
class DivNoNan(_FloatBinary):
    """x / y, and 0 where y is 0."""

    type = "DivNoNan"
    formula = "{x} / {y}"
    cuda = "x / (y == 0 ? R(1) : y) * R(y != 0)"
    domain = NONZERO

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y = inputs
        safe = k.xp.where(y == 0, y.dtype.type(1), y)
        result = k.xp.true_divide(x, safe, out=k.out)
        return k.xp.multiply(result, y != 0, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y), (z,) = grads, op.inputs, op.outputs
        return (
            lambda: unbroadcast(div_no_nan(dy, y), x, y),
            lambda: unbroadcast(-dy * div_no_nan(z, y), y, x),
        )


@register
class Xlogy(_FloatBinary):
    """x · log(y), and 0 where x is 0."""

    type = "Xlogy"
    formula = "{x} · log({y})"
    cuda = "x * log(x == 0 ? R(1) : y)"
    domain = POSITIVE

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y = inputs
        safe = k.xp.where(x == 0, y.dtype.type(1), y)
        return k.xp.multiply(x, k.xp.log(safe), out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (
            lambda: unbroadcast(dy * xlogy(cast(not_equal(x, 0.0), x.dtype), y), x, y),
            lambda: unbroadcast(dy * xdivy(x, y), y, x),
        )


@register
class Xdivy(_FloatBinary):
    """x / y, and 0 where x is 0."""

    type = "Xdivy"
    formula = "{x} / {y}"
    cuda = "x / (x == 0 ? R(1) : y)"
    domain = POSITIVE

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, y = inputs
        safe = k.xp.where(x == 0, y.dtype.type(1), y)
        return k.xp.true_divide(x, safe, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y), (z,) = grads, op.inputs, op.outputs
        return (
            lambda: unbroadcast(dy * xdivy(cast(not_equal(x, 0.0), x.dtype), y), x, y),
            lambda: unbroadcast(-dy * xdivy(z, y), y, x),
        )


@register
class Reciprocal(Unary):
    """1 / x."""

    type = "Reciprocal"
    formula = "1 / {x}"
    cuda = "R(1) / x"
    domain = NONZERO

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.true_divide(1, inputs[0], out=k.out, dtype=inputs[0].dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        y = op.outputs[0]
        return (-grads[0] * (y * y),)


@register
class Rsqrt(Unary):
    """1 / √x."""

    type = "Rsqrt"
    formula = "1 / √{x}"
    cuda = "R(1) / sqrt(x)"
    domain = POSITIVE

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        root = k.xp.sqrt(inputs[0], out=k.out)
        return k.xp.true_divide(1, root, out=k.out, dtype=root.dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        y = op.outputs[0]
        return (grads[0] * (-0.5 * y * y * y),)


@register
class SquaredDifference(Binary):
    """(x - y)²."""

    type = "SquaredDifference"
    formula = "({x} − {y})²"
    cuda = "(x - y) * (x - y)"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        difference = k.xp.subtract(*inputs, out=k.out)
        return k.xp.square(difference, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (
            lambda: unbroadcast(dy * ((x - y) * 2.0), x, y),
            lambda: unbroadcast(dy * ((y - x) * 2.0), y, x),
        )


# The names users type: `x` and `y` are tensors, arrays or numbers, `name` the node's name


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return the largest integers that are no larger than x / y, elementwise."""
    return apply("FloorDiv", x, y, name=name or "floordiv")


def floor_div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return what `floordiv` does."""
    return apply("FloorDiv", x, y, name=name)


def floormod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x - y · floor(x / y), elementwise; it has the sign of y."""
    return apply("FloorMod", x, y, name=name)


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y without its fraction, elementwise."""
    return apply("TruncateDiv", x, y, name=name)


def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x - y · trunc(x / y), elementwise; it has the sign of x."""
    return apply("TruncateMod", x, y, name=name)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y as Python 2 does, elementwise: the floor for integers."""
    a, b = convert_pair(x, y)
    kind = "RealDiv" if a.dtype.is_floating else "FloorDiv"
    return apply(kind, a, b, name=name or "div")


def convert_pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Return two values as tensors; a number takes the type of the tensor beside it."""
    known = getattr(x, "dtype", None), getattr(y, "dtype", None)
    dtype = next((d for d in known if isinstance(d, dtypes.DType)), None)
    a = convert_to_tensor(x, dtype)
    return a, convert_to_tensor(y, a.dtype)


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y, elementwise, and 0 where y is 0."""
    return apply("DivNoNan", x, y, name=name or "div_no_nan")


def xlogy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x · log(y), elementwise, and 0 where x is 0."""
    return apply("Xlogy", x, y, name=name)


def xdivy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y, elementwise, and 0 where x is 0."""
    return apply("Xdivy", x, y, name=name)


def reciprocal(x: Any, name: str | None = None) -> Tensor:
    """Return 1 / x, elementwise."""
    return apply("Reciprocal", x, name=name)


def rsqrt(x: Any, name: str | None = None) -> Tensor:
    """Return 1 / √x, elementwise; NaN for negative numbers."""
    return apply("Rsqrt", x, name=name)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return (x - y)², elementwise."""
    return apply("SquaredDifference", x, y, name=name)


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """Return log(1 / (1 + exp(-x))), elementwise, without overflow."""
    value = convert_to_tensor(x)
    with value.graph.name_scope(name or "LogSigmoid") as scope:
        return apply("Neg", apply("Softplus", -value), name=scope)
