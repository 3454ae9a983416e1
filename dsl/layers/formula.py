"""Expressions of `x` in a string: how they are read, and computed with tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import tensorgraph as tf
from dsl.diagnostics import Diagnostic, Span, quoted
from dsl.layers.activations import ACTIVATIONS
from dsl.layers.arguments import ArgumentType, Value
from dsl.syntax import Call, Chain, Comparison, Expression, Name, Number, Power
from dsl.tree import parse_expression

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": tf.add,
    "-": tf.subtract,
    "*": tf.multiply,
    "/": tf.divide,
    "//": tf.floordiv,
    "%": tf.floormod,
    "**": tf.pow,
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": tf.equal,
    "!=": tf.not_equal,
    "<": tf.less,
    ">": tf.greater,
    "<=": tf.less_equal,
    ">=": tf.greater_equal,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}


@dataclass(frozen=True)
class _Function:
    """A function of numbers, with the fewest and the most arguments that it takes."""

    apply: Callable[..., Any]
    least: int = 1
    most: float = 1

    @property
    def phrase(self) -> str:
        """How many arguments it takes, in words."""
        if self.most == math.inf:
            return f"{self.least} numbers or more"
        if self.least == self.most:
            return "1 number" if self.least == 1 else f"{self.least} numbers"
        return f"{self.least} to {self.most} numbers"


_FUNCTIONS: Mapping[str, _Function] = {
    "abs": _Function(tf.abs),
    "ceil": _Function(tf.ceil),
    "cos": _Function(tf.cos),
    "erf": _Function(tf.erf),
    "floor": _Function(tf.floor),
    "log": _Function(tf.log),
    "log1p": _Function(tf.log1p),
    "max": _Function(lambda *values: reduce(tf.maximum, values), 2, math.inf),
    "min": _Function(lambda *values: reduce(tf.minimum, values), 2, math.inf),
    "round": _Function(tf.round),
    "sign": _Function(tf.sign),
    "sin": _Function(tf.sin),
    "sqrt": _Function(tf.sqrt),
    "square": _Function(tf.square),
    "tan": _Function(tf.tan),
    **{
        # A softmax is not computed for each value by itself.
        name: _Function(activation.apply, 1, 1 + len(activation.parameters))
        for name, activation in ACTIVATIONS.items()
        if name != "softmax"
    },
}

KNOWN_NAMES = ("x", *_CONSTANTS)
KNOWN_FUNCTIONS = tuple(sorted(_FUNCTIONS))


@dataclass(frozen=True)
class Problem:
    """What is wrong with a formula, and which of its characters it is about.

    Attributes
    ----------
    code, message, label : str
        As in `dsl.layers.definition.Complaint`.
    inside : (int, int)
        The first character, and the one behind the last.
    """

    code: str
    message: str
    label: str
    inside: tuple[int, int]


@dataclass(frozen=True)
class Formula:
    """An expression of `x`.

    Attributes
    ----------
    text : str
        As it is written.
    """

    text: str

    def __str__(self) -> str:
        return f'"{self.text}"'

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it."""
        expression, diagnostics = _read(self.text)
        found = [Problem(d.code, d.message, d.label, _place(d.span)) for d in diagnostics]
        if expression is not None:
            found += _problems(expression)
        return tuple(found)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return its value for each element of a tensor; it must have no problems."""
        expression, _ = _read(self.text)
        assert expression is not None
        value: tf.Tensor = _evaluate(expression, x)
        # Without an x in it, it is one number for all elements.
        return value if "x" in set(_names(expression)) else tf.zeros_like(x) + value


class FormulaType(ArgumentType):
    """A string with an expression of `x`."""

    in_quotes = True

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return 'an expression of x in quotes, such as "x * sigmoid(x)"'

    def convert(self, value: Value) -> Formula:
        """Return the formula; what is wrong inside of it is its own affair."""
        if not isinstance(value, str):
            raise self.wrong_type()
        return Formula(value)


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[Expression | None, tuple[Diagnostic, ...]]:
    return parse_expression(text)


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _parts(node: Expression) -> tuple[Expression, ...]:
    """Return the expressions that one consists of."""
    match node:
        case Call(_, _, arguments):
            return arguments
        case Comparison(_, left, _, right):
            return left, right
        case Chain(_, first, rest):
            return first, *(operand for _, operand in rest)
        case Power(_, operands):
            return tuple(operand for _, operand in operands)
    return ()


def _names(node: Expression) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.text
    for part in _parts(node):
        yield from _names(part)


def _problems(node: Expression) -> Iterator[Problem]:
    """Yield what is wrong with an expression."""
    match node:
        case Name(span, text) if text not in KNOWN_NAMES:
            yield Problem(
                "TG421",
                f"a formula knows no `{text}`",
                f"expected {quoted(KNOWN_NAMES)}",
                _place(span),
            )
        case Call(span, function, arguments):
            known = _FUNCTIONS.get(function.text)
            if known is None:
                yield Problem(
                    "TG421",
                    f"a formula knows no function `{function.text}`",
                    f"expected {quoted(KNOWN_FUNCTIONS)}",
                    _place(function.span),
                )
            elif not known.least <= len(arguments) <= known.most:
                yield Problem(
                    "TG422",
                    f"`{function.text}` takes {known.phrase}",
                    f"receives {len(arguments)}",
                    _place(span),
                )
        case Number() | Name() | Comparison() | Chain() | Power():
            pass
        case _:
            yield Problem(
                "TG422",
                f"`{node.span.text}` is not a number",
                "a formula is computed for each value by itself",
                _place(node.span),
            )
    for part in _parts(node):
        yield from _problems(part)


def _evaluate(node: Expression, x: tf.Tensor) -> Any:
    """Return the value of an expression without problems."""
    match node:
        case Number(_, value):
            return tf.constant(value, x.dtype)
        case Name(_, text):
            return x if text == "x" else tf.constant(_CONSTANTS[text], x.dtype)
        case Call(_, function, arguments):
            return _call(function.text, arguments, x)
        case Comparison(_, left, sign, right):
            held = _COMPARISONS[sign](_evaluate(left, x), _evaluate(right, x))
            return tf.cast(held, x.dtype)
        case Chain(_, first, rest):
            result = _evaluate(first, x)
            for sign, operand in rest:
                result = _OPERATORS[sign](result, _evaluate(operand, x))
            return result
        case Power(_, operands):
            negative, operand = operands[-1]
            result = _signed(negative, _evaluate(operand, x))
            for negative, operand in reversed(operands[:-1]):
                result = _signed(negative, tf.pow(_evaluate(operand, x), result))
            return result
    raise AssertionError(node)


def _call(name: str, arguments: tuple[Expression, ...], x: tf.Tensor) -> Any:
    values = [_evaluate(argument, x) for argument in arguments]
    activation = ACTIVATIONS.get(name)
    if activation is not None:
        # Parameters that are not given have their defaults.
        values += [default for _, _, default in activation.parameters[len(values) - 1 :]]
    return _FUNCTIONS[name].apply(*values)


def _signed(negative: bool, value: Any) -> Any:
    return tf.negative(value) if negative else value
