"""How expressions are written.

An argument is tight, ``conv 2*f 3x3``, so that arguments can be told apart. Inside of parentheses,
and where an expression stands alone, operators have a space on each side: ``let n = 2 * f``.
Parentheses stay where they were written, one pair at a place; numbers and strings stay as they
are.
"""

from __future__ import annotations

from collections.abc import Iterable

from dsl.syntax import (
    Argument,
    Call,
    Chain,
    Comparison,
    Expression,
    Index,
    ListLiteral,
    Option,
    Power,
)

_BLANKS = " \t\f\ufeff"


def format_argument(argument: Argument, *, loose: bool = False) -> str:
    """Return what stands behind a word: an expression, or ``name=value``, which is tight."""
    if isinstance(argument, Option):
        return f"{argument.name.text}={format_expression(argument.value)}"
    return format_expression(argument, loose=loose)


def format_expression(node: Expression, *, loose: bool = False) -> str:
    """Return an expression in canonical form.

    Parameters
    ----------
    node : Expression
        The expression.
    loose : bool
        Whether operators have a space on each side.
    """
    if _in_parentheses(node):
        return f"({_inside(node, True)})"
    return _inside(node, loose)


def _inside(node: Expression, loose: bool) -> str:
    """Return an expression without the parentheses around it."""
    space = " " if loose else ""
    match node:
        case Chain(_, first, rest):
            parts = [format_expression(first, loose=loose)]
            parts += [f"{sign}{space}{format_expression(n, loose=loose)}" for sign, n in rest]
            return space.join(parts)
        case Comparison(_, left, operator, right):
            sides = format_expression(left, loose=loose), format_expression(right, loose=loose)
            return f"{space}{operator}{space}".join(sides)
        case Power(_, operands):
            return "**".join(
                f"{'-' if negative else ''}{format_expression(operand)}"
                for negative, operand in operands
            )
        case Call(_, function, arguments):
            return f"{function.text}({_items(arguments)})"
        case Index(_, name, indices):
            return name.text + "".join(f"[{format_expression(i, loose=True)}]" for i in indices)
        case ListLiteral(_, items):
            return f"[{_items(items)}]"
        case _:
            text = node.span.text
            while text.startswith("("):
                text = text[1:-1].strip(_BLANKS)
            return text


def _items(items: Iterable[Expression]) -> str:
    return ", ".join(format_expression(item, loose=True) for item in items)


def _in_parentheses(node: Expression) -> bool:
    """Return whether a pair of parentheses stands around a whole expression."""
    if not node.span.text.startswith("("):
        return False
    match node:
        case Chain(_, first):
            inner = first.span
        case Comparison(_, left):
            inner = left.span
        case Power(_, ((False, first), *_)):
            inner = first.span
        case _:
            return True
    return inner.start > node.span.start
