"""Checks ``let``, and the hyper-parameters that it can name."""

from __future__ import annotations

from dsl.checker.context import Context
from dsl.checker.names import WORDS
from dsl.layers.arguments import UNKNOWN, Anything, Value, format_value
from dsl.network import Hyperparameter
from dsl.syntax import Call, LetStatement
from dsl.tree import parse_expression

SEARCHES = frozenset(["choose", "uniform", "log_uniform", "integer"])
"""The functions whose value a search may change."""

_VALUE = Anything(WORDS)


def check_let(context: Context, statement: LetStatement) -> None:
    """Check ``let NAME = EXPR``, where ``--set`` may give another value."""
    value = _default(context, statement)
    name = statement.name
    if context.at_top and name.text in context.constants:
        given = context.constants.pop(name.text)
        if value is not UNKNOWN or isinstance(statement.value, Call):
            value = _set_value(context, name.text, given)
    context.names.define_constant(name, value)


def _default(context: Context, statement: LetStatement) -> Value:
    """Return the value that the file gives."""
    node = statement.value
    if isinstance(node, Call) and node.function.text in SEARCHES:
        return _search(context, statement, node)
    return context.evaluator.evaluate(node, _VALUE.words)


def _set_value(context: Context, name: str, text: str) -> Value:
    """Return the value that the command line gives to a constant."""
    expression, diagnostics = parse_expression(text, f"--set {name}")
    context.findings.adopt(diagnostics)
    return UNKNOWN if expression is None else context.evaluator.evaluate(expression, _VALUE.words)


def _search(context: Context, statement: LetStatement, call: Call) -> Value:
    """Take note of a hyper-parameter, and return its value outside of a search."""
    values = tuple(context.evaluator.evaluate(item, _VALUE.words) for item in call.arguments)
    if UNKNOWN in values:
        return UNKNOWN
    kind = call.function.text
    fault = _fault(kind, values)
    if fault:
        context.findings.error(
            "TG414",
            f"`{kind}` {fault}",
            call.span,
            f"receives {', '.join(format_value(value) for value in values) or 'nothing'}",
        )
        return UNKNOWN
    if not context.at_top:
        context.findings.error(
            "TG312",
            f"`{kind}` must stand outside of all braces",
            call.span,
            "a hyper-parameter belongs to the whole file",
        )
        return UNKNOWN
    choices, default = (values, values[0]) if kind == "choose" else (values[:2], values[2])
    context.hyperparameters.append(
        Hyperparameter(statement.name.text, kind, choices, default, statement.span)
    )
    return default


def _fault(kind: str, values: tuple[Value, ...]) -> str:
    """Return what is wrong with the arguments of a search, empty if nothing is."""
    if kind == "choose":
        return "" if values else "needs values to choose from"
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(values) != 3 or len(numbers) != 3:
        return "needs three numbers: the lowest, the highest and the default"
    low, high, default = numbers
    if not low < high or not low <= default <= high:
        return "needs the lowest number first, the highest next, and a default between them"
    if kind == "log_uniform" and low <= 0:
        return "needs numbers above 0"
    if kind == "integer" and not all(isinstance(number, int) for number in numbers):
        return "needs whole numbers"
    return ""
