"""Computes expressions while a file is checked."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dsl.checker.findings import Findings
from dsl.diagnostics import Span, quoted
from dsl.layers.arguments import (
    UNKNOWN,
    ArgumentType,
    Size,
    Unknown,
    Value,
    ValueReference,
    Word,
    format_value,
)
from dsl.syntax import (
    Call,
    Chain,
    Comparison,
    Expression,
    Index,
    ListLiteral,
    Name,
    Number,
    Power,
    SizeLiteral,
    Text,
)

MAX_NUMBER = 10**15
"""The largest integer of an expression; up to it, every integer is exact as a float too."""

MAX_ELEMENTS = 100_000
"""How many elements a list may have, those of the lists in it counted too."""

MAX_LEVELS = 10
"""How deep lists may be nested."""

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "min": min,
    "max": max,
    "round": lambda numbers: round(numbers[0]),
    "floor": lambda numbers: math.floor(numbers[0]),
    "ceil": lambda numbers: math.ceil(numbers[0]),
}


class NameLookup(Protocol):
    """What a name stands for at the current place of the file."""

    def value_of(self, name: Name, words: frozenset[str]) -> Value:
        """Return a name's value; complain about one that has none, and return UNKNOWN."""
        ...

    def defines(self, text: str) -> bool:
        """Return whether the file defines a name."""
        ...

    def word_of(self, name: Name) -> Word | None:
        """Return the word that a constant stands for, None where a name is no such constant."""
        ...

    def reference_of(self, name: Name) -> ValueReference | None:
        """Return the value of the network that a name stands for, None if it is none."""
        ...


class Evaluator:
    """Computes expressions and complains about those that make no sense.

    Parameters
    ----------
    names : NameLookup
        What names stand for.
    findings : Findings
        Where complaints go.
    """

    def __init__(self, names: NameLookup, findings: Findings) -> None:
        self._names = names
        self._findings = findings

    def argument(self, node: Expression, kind: ArgumentType) -> Value:
        """Return the value of an argument of some type, UNKNOWN where it has none."""
        if kind.takes_values and isinstance(node, Name):
            reference = self._names.reference_of(node)
            if reference is not None:
                return reference
        return self.evaluate(node, kind.words)

    def is_defined(self, name: Name) -> bool:
        """Return whether a name stands for something that the file defines."""
        return self._names.defines(name.text)

    def word(self, node: Expression) -> str | None:
        """Return the word that an argument is, or that its constant stands for."""
        if isinstance(node, Name):
            meant = self._names.word_of(node)
            return node.text if meant is None else meant.text
        return node.function.text if isinstance(node, Call) else None

    def evaluate(self, node: Expression, words: frozenset[str] = frozenset()) -> Value:
        """Return an expression's value, UNKNOWN where it has none.

        Parameters
        ----------
        node : Expression
            The expression.
        words : frozenset of str
            The bare words that mean something at this place.
        """
        # One frame for each level of nesting: the grammar limits the levels, so that even the
        # deepest expression stays far from Python's recursion limit.
        match node:
            case Number(span, value):
                return self._limited(value, span)
            case SizeLiteral(span, sizes):
                for size in sizes:
                    if size is not None and self._limited(size, span) is UNKNOWN:
                        return UNKNOWN
                return Size(sizes)
            case Text(_, text):
                return text
            case Name():
                return self._name(node, words)
            case ListLiteral(_, items):
                values = []
                for item in items:
                    values.append(self.evaluate(item, words))
                return UNKNOWN if UNKNOWN in values else self._list(node, tuple(values))
            case Call(_, function, arguments):
                values = []
                for argument in arguments:
                    values.append(self.evaluate(argument))
                if UNKNOWN in values:
                    return UNKNOWN
                return self._call(node.span, function, tuple(values), words)
            case Index(span, name, indices):
                element = self._names.value_of(name, frozenset())
                for index in indices:
                    element = self._element(element, self.evaluate(index), span)
                return element
            case Comparison(span, left, sign, right):
                return self._apply(sign, self.evaluate(left), self.evaluate(right), span)
            case Chain(_, first, rest):
                result = self.evaluate(first)
                for sign, operand in rest:
                    result = self._apply(sign, result, self.evaluate(operand), node.span)
                return result
            case Power(span, operands):
                negative, operand = operands[-1]
                result = self._signed(negative, self.evaluate(operand), span)
                for negative, operand in reversed(operands[:-1]):
                    base = self.evaluate(operand)
                    result = self._signed(negative, self._apply("**", base, result, span), span)
                return result

    def _name(self, name: Name, words: frozenset[str]) -> Value:
        if name.text in words and not self._names.defines(name.text):
            return Word(name.text)
        if name.text in ("true", "false"):
            return name.text == "true"
        return self._names.value_of(name, words)

    def _call(
        self, span: Span, function: Name, arguments: tuple[Value, ...], words: frozenset[str]
    ) -> Value:
        if function.text in words:
            return Word(function.text, arguments)
        if function.text not in _FUNCTIONS:
            self._findings.error(
                "TG409",
                f"there is no function `{function.text}`",
                function.span,
                f"expected {quoted(sorted(_FUNCTIONS))}",
                notes=("a name directly followed by `(` is a call; with a space, two arguments",),
                fixes=self._findings.nearest(
                    function.text, function.span, _FUNCTIONS.keys() | words
                ),
            )
            return UNKNOWN
        if len(arguments) == 1 and isinstance(arguments[0], tuple):
            arguments = arguments[0]
        numbers = [a for a in arguments if isinstance(a, int | float) and not isinstance(a, bool)]
        several = function.text in ("min", "max")
        if len(numbers) != len(arguments) or not arguments or (len(arguments) > 1 and not several):
            self._findings.error(
                "TG402",
                f"`{function.text}` takes {'numbers' if several else 'one number'}",
                span,
                f"receives {', '.join(format_value(a) for a in arguments) or 'nothing'}",
            )
            return UNKNOWN
        return self._limited(_FUNCTIONS[function.text](numbers), span)

    def _element(self, items: Value, index: Value, span: Span) -> Value:
        """Return an element of a list, counted from 0."""
        if items is UNKNOWN or index is UNKNOWN:
            return UNKNOWN
        if not isinstance(items, tuple) or type(index) is not int:
            self._findings.error(
                "TG403",
                "only lists have elements, counted by whole numbers",
                span,
                f"receives {format_value(items)} and {format_value(index)}",
            )
            return UNKNOWN
        if not 0 <= index < len(items):
            self._findings.error(
                "TG413",
                f"the list has no element {format_value(index)}",
                span,
                f"it has {len(items)} elements, counted from 0",
            )
            return UNKNOWN
        return items[index]

    def _signed(self, negative: bool, value: Value, span: Span) -> Value:
        return self._apply("-", 0, value, span) if negative else value

    def _apply(self, sign: str, left: Value, right: Value, span: Span) -> Value:
        """Return the result of an operator, UNKNOWN where it has none."""
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        comparable = sign in ("==", "!=") and type(left) is type(right)
        if not comparable and not (_is_number(left) and _is_number(right)):
            self._findings.error(
                "TG403",
                f"`{sign}` needs numbers",
                span,
                f"receives {format_value(left)} and {format_value(right)}",
            )
            return UNKNOWN
        if sign == "**" and _is_huge(left, right):
            return self._too_large(span)
        try:
            result = _OPERATORS[sign](left, right)
        except ZeroDivisionError:
            self._findings.error("TG408", "division by zero", span, f"`{sign}` by 0 has no value")
            return UNKNOWN
        except OverflowError:
            return self._too_large(span)
        if isinstance(result, complex):
            self._findings.error(
                "TG408",
                "a negative number has no such power",
                span,
                f"{format_value(left)} ** {format_value(right)} is no real number",
            )
            return UNKNOWN
        return result if isinstance(result, bool) else self._limited(result, span)

    def _limited(self, value: int | float, span: Span) -> Value:
        """Return a number, UNKNOWN where it is beyond what is allowed."""
        if isinstance(value, int):
            return value if abs(value) <= MAX_NUMBER else self._too_large(span)
        return value if math.isfinite(value) else self._too_large(span)

    def _list(self, node: ListLiteral, items: tuple[Value, ...]) -> Value:
        """Return a list, UNKNOWN where it is longer or deeper than is allowed."""
        if _is_within(items, [MAX_ELEMENTS], MAX_LEVELS):
            return items
        self._findings.error(
            "TG415",
            "the list is too large",
            node.span,
            f"lists hold up to {MAX_ELEMENTS:,} elements, {MAX_LEVELS} levels deep",
        )
        return UNKNOWN

    def _too_large(self, span: Span) -> Unknown:
        self._findings.error(
            "TG109",
            "the number is too large",
            span,
            f"whole numbers go up to {MAX_NUMBER:,}, others up to 1.8e308",
        )
        return UNKNOWN


def _is_within(items: tuple[Value, ...], left: list[int], levels: int) -> bool:
    """Return whether a list, with the lists in it, keeps within a number of elements and levels."""
    left[0] -= len(items)
    return left[0] >= 0 and all(
        levels > 1 and _is_within(item, left, levels - 1)
        for item in items
        if isinstance(item, tuple)
    )


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_huge(base: Any, exponent: Any) -> bool:
    """Return whether a power of integers is beyond the limit, without computing it."""
    if not isinstance(base, int) or not isinstance(exponent, int) or abs(base) < 2:
        return False
    return exponent > math.log(MAX_NUMBER, abs(base)) + 1
