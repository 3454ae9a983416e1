"""Trigonometric and hyperbolic functions, rounding, and questions about floats."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    POSITIVE,
    Arg,
    Binary,
    Domain,
    Elementwise,
    Gradients,
    Unary,
    register,
)
from tensorgraph.ops.array import unbroadcast
from tensorgraph.ops.math import LOGICAL, sqrt, square
from tensorgraph.ops.sources import identity

INSIDE = Domain(-0.8, 0.8)
# Rounding jumps at integers and halves.
BETWEEN = Domain(-2.0, 2.0, avoid=tuple(i / 2 for i in range(-4, 5)), margin=0.1)


@register
class Sin(Unary):
    """The sine."""

    type = "Sin"
    formula = "sin({x})"
    cuda = "sin(x)"
    ufunc = "sin"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * cos(op.inputs[0]),)


@register
class Cos(Unary):
    """The cosine."""

    type = "Cos"
    formula = "cos({x})"
    cuda = "cos(x)"
    ufunc = "cos"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (-grads[0] * sin(op.inputs[0]),)


@register
class Tan(Unary):
    """The tangent."""

    type = "Tan"
    formula = "tan({x})"
    cuda = "tan(x)"
    domain = Domain(-1.2, 1.2)
    ufunc = "tan"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * (1.0 + square(op.outputs[0])),)


@register
class Asin(Unary):
    """The arc sine."""

    type = "Asin"
    formula = "arcsin({x})"
    cuda = "asin(x)"
    domain = INSIDE
    ufunc = "arcsin"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / sqrt(1.0 - square(op.inputs[0])),)


@register
class Acos(Unary):
    """The arc cosine."""

    type = "Acos"
    formula = "arccos({x})"
    cuda = "acos(x)"
    domain = INSIDE
    ufunc = "arccos"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (-grads[0] / sqrt(1.0 - square(op.inputs[0])),)


@register
class Atan(Unary):
    """The arc tangent."""

    type = "Atan"
    formula = "arctan({x})"
    cuda = "atan(x)"
    ufunc = "arctan"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / (1.0 + square(op.inputs[0])),)


@register
class Sinh(Unary):
    """The hyperbolic sine."""

    type = "Sinh"
    formula = "sinh({x})"
    cuda = "sinh(x)"
    ufunc = "sinh"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * cosh(op.inputs[0]),)


@register
class Cosh(Unary):
    """The hyperbolic cosine."""

    type = "Cosh"
    formula = "cosh({x})"
    cuda = "cosh(x)"
    ufunc = "cosh"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * sinh(op.inputs[0]),)


@register
class Asinh(Unary):
    """The inverse of the hyperbolic sine."""

    type = "Asinh"
    formula = "arsinh({x})"
    cuda = "asinh(x)"
    ufunc = "arcsinh"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / cosh(op.outputs[0]),)


@register
class Acosh(Unary):
    """The inverse of the hyperbolic cosine."""

    type = "Acosh"
    formula = "arcosh({x})"
    cuda = "acosh(x)"
    domain = Domain(1.3, 4.0)
    ufunc = "arccosh"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / sinh(op.outputs[0]),)


@register
class Atanh(Unary):
    """The inverse of the hyperbolic tangent."""

    type = "Atanh"
    formula = "artanh({x})"
    cuda = "atanh(x)"
    domain = INSIDE
    ufunc = "arctanh"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / (1.0 - square(op.inputs[0])),)


@register
class Atan2(Binary):
    """The angle of the point (x, y), of inputs y and x."""

    type = "Atan2"
    cuda = "atan2(y, x)"
    inputs = (Arg("y"), Arg("x"))
    domain = POSITIVE
    ufunc = "arctan2"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dz,), (y, x) = grads, op.inputs
        share = dz / (square(x) + square(y))
        return (lambda: unbroadcast(x * share, y, x), lambda: unbroadcast(-y * share, x, y))


class _Rounding(Unary):
    """An op whose result is an integer, as a float."""

    differentiable = False
    domain = BETWEEN


@register
class Floor(_Rounding):
    """The largest integer that is no larger."""

    type = "Floor"
    formula = "⌊{x}⌋"
    cuda = "floor(x)"
    ufunc = "floor"


@register
class Ceil(_Rounding):
    """The smallest integer that is no smaller."""

    type = "Ceil"
    formula = "⌈{x}⌉"
    cuda = "ceil(x)"
    ufunc = "ceil"


@register
class Rint(_Rounding):
    """The nearest integer; a half goes to the even one."""

    type = "Rint"
    formula = "round({x})"
    cuda = "rint(x)"
    ufunc = "rint"


class _Question(Elementwise):
    """A question about a float; the answer is a bool."""

    inputs = (Arg("x"),)
    result_dtype = dtypes.bool_
    differentiable = False


@register
class IsNan(_Question):
    """Whether it is no number."""

    type = "IsNan"
    cuda = "x != x"
    ufunc = "isnan"


@register
class IsInf(_Question):
    """Whether it is infinite."""

    type = "IsInf"
    cuda = "isinf(x)"
    ufunc = "isinf"


@register
class IsFinite(_Question):
    """Whether it is neither infinite nor NaN."""

    type = "IsFinite"
    cuda = "isfinite(x)"
    ufunc = "isfinite"


@register
class LogicalXor(Elementwise):
    """One of the two, but not both."""

    type = "LogicalXor"
    cuda = "x != y"
    inputs = LOGICAL
    result_dtype = dtypes.bool_
    differentiable = False
    ufunc = "logical_xor"


# The names users type: `x` is a tensor, array or number, `name` the node's name


def sin(x: Any, name: str | None = None) -> Tensor:
    """Return the sine, elementwise."""
    return apply("Sin", x, name=name)


def cos(x: Any, name: str | None = None) -> Tensor:
    """Return the cosine, elementwise."""
    return apply("Cos", x, name=name)


def tan(x: Any, name: str | None = None) -> Tensor:
    """Return the tangent, elementwise."""
    return apply("Tan", x, name=name)


def asin(x: Any, name: str | None = None) -> Tensor:
    """Return the arc sine, NaN outside of [-1, 1], elementwise."""
    return apply("Asin", x, name=name)


def acos(x: Any, name: str | None = None) -> Tensor:
    """Return the arc cosine, NaN outside of [-1, 1], elementwise."""
    return apply("Acos", x, name=name)


def atan(x: Any, name: str | None = None) -> Tensor:
    """Return the arc tangent, elementwise."""
    return apply("Atan", x, name=name)


def sinh(x: Any, name: str | None = None) -> Tensor:
    """Return the hyperbolic sine, elementwise."""
    return apply("Sinh", x, name=name)


def cosh(x: Any, name: str | None = None) -> Tensor:
    """Return the hyperbolic cosine, elementwise."""
    return apply("Cosh", x, name=name)


def asinh(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse of the hyperbolic sine, elementwise."""
    return apply("Asinh", x, name=name)


def acosh(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse of the hyperbolic cosine, NaN below 1, elementwise."""
    return apply("Acosh", x, name=name)


def atanh(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse of the hyperbolic tangent, NaN outside of [-1, 1], elementwise."""
    return apply("Atanh", x, name=name)


def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the angle of the point (x, y), elementwise, in [-π, π]."""
    return apply("Atan2", y, x, name=name)


def floor(x: Any, name: str | None = None) -> Tensor:
    """Return the largest integers that are no larger, elementwise, as floats."""
    return apply("Floor", x, name=name)


def ceil(x: Any, name: str | None = None) -> Tensor:
    """Return the smallest integers that are no smaller, elementwise, as floats."""
    return apply("Ceil", x, name=name)


def rint(x: Any, name: str | None = None) -> Tensor:
    """Return the nearest integers, elementwise, as floats; a half goes to the even one."""
    return apply("Rint", x, name=name)


def round_(x: Any, name: str | None = None) -> Tensor:
    """Return the nearest integers as `rint` does; integers are returned as they are."""
    value = convert_to_tensor(x)
    if value.dtype.is_integer:
        return identity(value, name)
    return apply("Rint", value, name=name or "Round")


def is_nan(x: Any, name: str | None = None) -> Tensor:
    """Return whether it is no number, elementwise, as bool."""
    return apply("IsNan", x, name=name)


def is_inf(x: Any, name: str | None = None) -> Tensor:
    """Return whether it is infinite, elementwise, as bool."""
    return apply("IsInf", x, name=name)


def is_finite(x: Any, name: str | None = None) -> Tensor:
    """Return whether it is neither infinite nor NaN, elementwise, as bool."""
    return apply("IsFinite", x, name=name)


def logical_xor(x: Any, y: Any, name: str | None = "LogicalXor") -> Tensor:
    """Return whether exactly one holds, elementwise."""
    return apply("LogicalXor", x, y, name=name)
