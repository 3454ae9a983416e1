"""Elementwise arithmetic, comparison and selection, with NumPy's broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
    NONZERO,
    POSITIVE,
    Arg,
    Binary,
    Draw,
    Elementwise,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    Unary,
    elements,
    register,
)
from tensorgraph.ops.array import unbroadcast
from tensorgraph.ops.sources import zeros_like

NUMBER = (Arg("x", dtypes.NUMERIC),)
LOGICAL = (Arg("x", (dtypes.bool_,)), Arg("y", (dtypes.bool_,)))

# Two inputs


@register
class Add(Binary):
    """x + y."""

    type = "Add"
    formula = "{x} + {y}"
    cuda = "x + y"
    ufunc = "add"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (lambda: unbroadcast(dy, x, y), lambda: unbroadcast(dy, y, x))


@register
class Sub(Binary):
    """x - y."""

    type = "Sub"
    formula = "{x} − {y}"
    cuda = "x - y"
    ufunc = "subtract"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (lambda: unbroadcast(dy, x, y), lambda: unbroadcast(-dy, y, x))


@register
class Mul(Binary):
    """x · y."""

    type = "Mul"
    formula = "{x} · {y}"
    cuda = "x * y"
    ufunc = "multiply"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        return (lambda: unbroadcast(dy * y, x, y), lambda: unbroadcast(dy * x, y, x))


@register
class RealDiv(Binary):
    """x / y; the quotient of integers is a float."""

    type = "RealDiv"
    formula = "{x} / {y}"
    cuda = "R(x) / R(y)"
    domain = NONZERO

    def infer(self, op: Operation) -> Sequence[Spec]:
        ((dtype, shape, _),) = super().infer(op)
        if not dtype.is_floating:
            # As in TensorFlow: small integers are exact in float32.
            dtype = dtypes.float32 if dtype.size <= 2 else dtypes.float64
        return (Spec(dtype, shape),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dtype = None if k.op.inputs[0].dtype.is_floating else k.op.outputs[0].dtype.np_dtype
        return k.xp.true_divide(*inputs, out=k.out, dtype=dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y), (z,) = grads, op.inputs, op.outputs
        return (lambda: unbroadcast(dy / y, x, y), lambda: unbroadcast(-dy * z / y, y, x))


@register
class Pow(Binary):
    """x to the power of y."""

    type = "Pow"
    formula = "{x} ^ {y}"
    cuda = "power(x, y)"
    domain = POSITIVE
    ufunc = "power"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y), (z,) = grads, op.inputs, op.outputs

        def base() -> Tensor:
            return unbroadcast(dy * y * x ** (y - 1), x, y)

        def exponent() -> Tensor:
            # Where the base is not positive the power is no smooth function of the exponent.
            inside = greater(x, zeros_like(x))
            safe = where(inside, x, _ones_like(x))
            return unbroadcast(dy * z * where(inside, log(safe), zeros_like(x)), y, x)

        return (base, exponent)


class _Choice(Binary):
    """The larger or the smaller of two; equal ones count as the first."""

    domain = DISTINCT

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        """Return where the first input is the result."""
        raise NotImplementedError

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (x, y) = grads, op.inputs
        mask, zero = self.first(x, y), zeros_like(dy)
        return (
            lambda: unbroadcast(where(mask, dy, zero), x, y),
            lambda: unbroadcast(where(mask, zero, dy), y, x),
        )


@register
class Maximum(_Choice):
    """The larger of x and y."""

    type = "Maximum"
    formula = "max({x}, {y})"
    cuda = "x >= y || x != x ? x : y"
    ufunc = "maximum"

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        return greater_equal(x, y)


@register
class Minimum(_Choice):
    """The smaller of x and y."""

    type = "Minimum"
    formula = "min({x}, {y})"
    cuda = "x <= y || x != x ? x : y"
    ufunc = "minimum"

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        return less_equal(x, y)


# One input


@register
class Neg(Unary):
    """-x."""

    type = "Neg"
    formula = "−{x}"
    cuda = "-x"
    inputs = NUMBER
    ufunc = "negative"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (-grads[0],)


@register
class Abs(Unary):
    """|x|."""

    type = "Abs"
    formula = "|{x}|"
    cuda = "absolute(x)"
    inputs = NUMBER
    domain = NONZERO
    ufunc = "absolute"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * sign(op.inputs[0]),)


@register
class Sign(Unary):
    """-1, 0 or 1."""

    type = "Sign"
    formula = "sign({x})"
    cuda = "x > 0 ? R(1) : x < 0 ? R(-1) : x == 0 ? R(0) : x"
    inputs = NUMBER
    domain = NONZERO
    ufunc = "sign"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (zeros_like(grads[0]),)


@register
class Square(Unary):
    """x²."""

    type = "Square"
    formula = "{x}²"
    cuda = "x * x"
    inputs = NUMBER
    ufunc = "square"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * (op.inputs[0] * 2.0),)


@register
class Sqrt(Unary):
    """The square root."""

    type = "Sqrt"
    formula = "√{x}"
    cuda = "sqrt(x)"
    domain = POSITIVE
    ufunc = "sqrt"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * 0.5 / op.outputs[0],)


@register
class Exp(Unary):
    """e to the power of x."""

    type = "Exp"
    formula = "exp({x})"
    cuda = "exp(x)"
    ufunc = "exp"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * op.outputs[0],)


@register
class Log(Unary):
    """The natural logarithm."""

    type = "Log"
    formula = "log({x})"
    cuda = "log(x)"
    domain = POSITIVE
    ufunc = "log"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / op.inputs[0],)


@register
class Log1p(Unary):
    """log(1 + x), exact for small x."""

    type = "Log1p"
    formula = "log(1 + {x})"
    cuda = "log1p(x)"
    domain = POSITIVE
    ufunc = "log1p"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] / (op.inputs[0] + 1.0),)


@register
class Expm1(Unary):
    """exp(x) - 1, exact for small x."""

    type = "Expm1"
    formula = "exp({x}) − 1"
    cuda = "expm1(x)"
    ufunc = "expm1"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * (op.outputs[0] + 1.0),)


@register
class Tanh(Unary):
    """The hyperbolic tangent."""

    type = "Tanh"
    formula = "tanh({x})"
    cuda = "tanh(x)"
    ufunc = "tanh"

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * (1.0 - square(op.outputs[0])),)


@register
class Sigmoid(Unary):
    """1 / (1 + exp(-x))."""

    type = "Sigmoid"
    formula = "sigmoid({x})"
    cuda = "R(1) / (R(1) + exp(-x))"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        # By tanh, which does not overflow: sigmoid(x) = (1 + tanh(x / 2)) / 2.
        half = k.xp.multiply(inputs[0], 0.5, out=k.out)
        half = k.xp.tanh(half, out=k.out)
        half = k.xp.add(half, 1.0, out=k.out)
        return k.xp.multiply(half, 0.5, out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        y = op.outputs[0]
        return (grads[0] * (y * (1.0 - y)),)


# Comparison and logic


class _Comparison(Elementwise):
    """An elementwise question about two numbers; the answer is a bool."""

    inputs: ClassVar[tuple[Arg, ...]] = (Arg("x", dtypes.NUMERIC), Arg("y", dtypes.NUMERIC))
    result_dtype = dtypes.bool_
    differentiable = False


class _Equality(_Comparison):
    inputs = (Arg("x", dtypes.ALL), Arg("y", dtypes.ALL))


@register
class Equal(_Equality):
    """x = y."""

    type = "Equal"
    formula = "{x} = {y}"
    cuda = "x == y"
    ufunc = "equal"


@register
class NotEqual(_Equality):
    """x ≠ y."""

    type = "NotEqual"
    formula = "{x} ≠ {y}"
    cuda = "x != y"
    ufunc = "not_equal"


@register
class Less(_Comparison):
    """x < y."""

    type = "Less"
    formula = "{x} < {y}"
    cuda = "x < y"
    ufunc = "less"


@register
class LessEqual(_Comparison):
    """x ≤ y."""

    type = "LessEqual"
    formula = "{x} ≤ {y}"
    cuda = "x <= y"
    ufunc = "less_equal"


@register
class Greater(_Comparison):
    """x > y."""

    type = "Greater"
    formula = "{x} > {y}"
    cuda = "x > y"
    ufunc = "greater"


@register
class GreaterEqual(_Comparison):
    """x ≥ y."""

    type = "GreaterEqual"
    formula = "{x} ≥ {y}"
    cuda = "x >= y"
    ufunc = "greater_equal"


@register
class LogicalAnd(_Comparison):
    """Both."""

    type = "LogicalAnd"
    formula = "{x} and {y}"
    cuda = "x && y"
    inputs = LOGICAL
    ufunc = "logical_and"


@register
class LogicalOr(_Comparison):
    """Either."""

    type = "LogicalOr"
    formula = "{x} or {y}"
    cuda = "x || y"
    inputs = LOGICAL
    ufunc = "logical_or"


@register
class LogicalNot(_Comparison):
    """Not."""

    type = "LogicalNot"
    formula = "not {x}"
    cuda = "!x"
    inputs = LOGICAL[:1]
    ufunc = "logical_not"


@register
class Select(Elementwise):
    """x where the condition holds, else y."""

    type = "Select"
    formula = "{x} where {condition}, else {y}"
    cuda = "condition ? x : y"
    inputs = (
        Arg("condition", (dtypes.bool_,), group="condition"),
        Arg("x", dtypes.ALL),
        Arg("y", dtypes.ALL),
    )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        condition, x, y = inputs
        if k.out is None:
            return k.xp.where(condition, x, y)
        k.out[...] = y
        k.xp.copyto(k.out, x, where=condition)
        return k.out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (c, x, y) = grads, op.inputs
        zero = zeros_like(dy)
        # Not by `where`, which would have a vector choose among rows.
        return (
            None,
            lambda: unbroadcast(apply("Select", c, dy, zero), x, c, y),
            lambda: unbroadcast(apply("Select", c, zero, dy), y, c, x),
        )


@register
class Cast(OpDef):
    """The elements as another type; floats are cut to integers."""

    type = "Cast"
    formula = "{x}"
    cuda = "R(x)"
    inputs = (Arg("x", dtypes.ALL),)
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.attrs["dtype"], op.inputs[0].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        if k.out is None:
            return inputs[0].astype(k.op.attrs["dtype"].np_dtype)
        k.xp.copyto(k.out, inputs[0], casting="unsafe")
        return k.out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        # Between floats a cast is the identity; an integer is no smooth function.
        if not (op.inputs[0].dtype.is_floating and op.attrs["dtype"].is_floating):
            return (None,)
        return (cast(grads[0], op.inputs[0].dtype),)

    def forwards(self, op: Operation) -> Tensor | None:
        return op.inputs[0] if op.inputs[0].dtype is op.attrs["dtype"] else None

    def sample(self, draw: Draw) -> Sample:
        target = draw.choice([dtypes.float64, dtypes.int32])
        return Sample((Input(draw.shape(), NONZERO),), {"dtype": target})


@register
class AddN(OpDef):
    """The sum of tensors of one shape."""

    type = "AddN"
    inputs = (Arg("x", dtypes.NUMERIC),)
    variadic = True
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims: shapes.Shape = None
        for t in op.inputs:
            dims = shapes.merge(dims, t.dims)
        return (Spec(op.inputs[0].dtype, dims),)

    def formula_of(self, op: Operation) -> str:
        return " + ".join(f"{{{place}}}" for place in range(len(op.inputs)))

    def cuda_of(self, op: Operation) -> str:
        return " + ".join(f"x{place}" for place in range(len(op.inputs)))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        if len(inputs) == 1:
            return k.xp.positive(inputs[0], out=k.out)
        total = k.xp.add(inputs[0], inputs[1], out=k.out)
        for x in inputs[2:]:
            total = k.xp.add(total, x, out=k.out)
        return total

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return [grads[0]] * len(op.inputs)

    def flops(self, op: Operation) -> int:
        return elements(op.outputs) * (len(op.inputs) - 1)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        return Sample(tuple(Input(shape) for _ in range(draw.integer(1, 4))))


def _ones_like(x: Tensor) -> Tensor:
    return apply("Fill", apply("Shape", x, out_type=dtypes.int32), convert_to_tensor(1, x.dtype))


# The names users type: `x` and `y` are tensors, arrays or numbers, `name` the node's name


def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x + y, elementwise."""
    return apply("Add", x, y, name=name)


def subtract(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x - y, elementwise."""
    return apply("Sub", x, y, name=name)


def multiply(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x · y, elementwise."""
    return apply("Mul", x, y, name=name)


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y, elementwise; the quotient of integers is a float."""
    return apply("RealDiv", x, y, name=name or "truediv")


def negative(x: Any, name: str | None = None) -> Tensor:
    """Return -x, elementwise."""
    return apply("Neg", x, name=name)


def abs_(x: Any, name: str | None = None) -> Tensor:
    """Return the absolute value, elementwise."""
    return apply("Abs", x, name=name)


def sign(x: Any, name: str | None = None) -> Tensor:
    """Return -1, 0 or 1, elementwise."""
    return apply("Sign", x, name=name)


def square(x: Any, name: str | None = None) -> Tensor:
    """Return x², elementwise."""
    return apply("Square", x, name=name)


def sqrt(x: Any, name: str | None = None) -> Tensor:
    """Return the square root, elementwise; NaN for negative numbers."""
    return apply("Sqrt", x, name=name)


def exp(x: Any, name: str | None = None) -> Tensor:
    """Return e to the power of x, elementwise."""
    return apply("Exp", x, name=name)


def log(x: Any, name: str | None = None) -> Tensor:
    """Return the natural logarithm, elementwise; -inf for 0, NaN for negative numbers."""
    return apply("Log", x, name=name)


def log1p(x: Any, name: str | None = None) -> Tensor:
    """Return log(1 + x), elementwise, exact for small x."""
    return apply("Log1p", x, name=name)


def expm1(x: Any, name: str | None = None) -> Tensor:
    """Return exp(x) - 1, elementwise, exact for small x."""
    return apply("Expm1", x, name=name)


def tanh(x: Any, name: str | None = None) -> Tensor:
    """Return the hyperbolic tangent, elementwise."""
    return apply("Tanh", x, name=name)


def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """Return 1 / (1 + exp(-x)), elementwise."""
    return apply("Sigmoid", x, name=name)


def pow_(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x to the power of y, elementwise.

    The gradient by `y` is 0 where `x` is not positive.
    """
    return apply("Pow", x, y, name=name)


def maximum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return the larger of x and y, elementwise; among equals the gradient goes to `x`."""
    return apply("Maximum", x, y, name=name)


def minimum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return the smaller of x and y, elementwise; among equals the gradient goes to `x`."""
    return apply("Minimum", x, y, name=name)


def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether x = y, elementwise, as bool."""
    return apply("Equal", x, y, name=name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether x ≠ y, elementwise, as bool."""
    return apply("NotEqual", x, y, name=name)


def less(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether x < y, elementwise, as bool."""
    return apply("Less", x, y, name=name)


def less_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether x ≤ y, elementwise, as bool."""
    return apply("LessEqual", x, y, name=name)


def greater(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether x > y, elementwise, as bool."""
    return apply("Greater", x, y, name=name)


def greater_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether x ≥ y, elementwise, as bool."""
    return apply("GreaterEqual", x, y, name=name)


def logical_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether both hold, elementwise."""
    return apply("LogicalAnd", x, y, name=name)


def logical_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether at least one holds, elementwise."""
    return apply("LogicalOr", x, y, name=name)


def logical_not(x: Any, name: str | None = None) -> Tensor:
    """Return whether it does not hold, elementwise."""
    return apply("LogicalNot", x, name=name)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Return `x` where `condition` holds, else `y`, elementwise; without them, where it holds.

    Parameters
    ----------
    condition : Tensor of bool
        What to choose by. A vector chooses among rows, if `x` has more axes than one.
    x, y : Tensor, optional
        What to choose from, of one element type; all three are broadcast together. Without both,
        the result is the places at which the condition holds, as int64, a row each.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If one of `x` and `y` is given without the other, or the shapes do not fit.
    """
    if x is None and y is None:
        return apply("Where", condition, name=name)
    if x is None or y is None:
        raise ValueError("x and y must be given both, or neither")
    chosen = convert_to_tensor(condition)
    given = getattr(x, "shape", None)
    if chosen.dims is not None and len(chosen.dims) == 1 and given is not None and len(given) > 1:
        extra = tuple(range(1, len(given)))
        chosen = apply("ExpandDims", chosen, axes=extra)
    return apply("Select", chosen, x, y, name=name)


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """Return the elements as another type.

    Parameters
    ----------
    x : Tensor
        What to convert; floats are cut towards zero to become integers, bools become 0 and 1.
    dtype : DType
        The new element type.
    name : str, optional
        Its name.
    """
    tensor, target = convert_to_tensor(x), as_dtype(dtype)
    return tensor if tensor.dtype is target else apply("Cast", tensor, name=name, dtype=target)


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """Return the sum of a list of tensors of one shape and element type."""
    return apply("AddN", *inputs, name=name)
