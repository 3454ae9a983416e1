"""Checks the statements that hold others: groups, ``repeat``, ``if``, ``residual``, ``branch``."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.checker.context import MAX_EXPANDED, Context
from dsl.checker.draft import LOST
from dsl.checker.layers import add_merge
from dsl.checker.scopes import Constant, Scope
from dsl.diagnostics import Edit, Fix
from dsl.layers.arguments import UNKNOWN, Value, format_sizes, format_value
from dsl.syntax import (
    Body,
    BranchStatement,
    GroupStatement,
    IfStatement,
    Name,
    RepeatStatement,
    ResidualStatement,
)
from tensorgraph.base.shapes import Shape, compatible, is_full


def check_group(context: Context, statement: GroupStatement, result: Name | None = None) -> None:
    """Check ``{ … }``; with a name, the layers inside are called ``NAME/…``."""
    if result is None:
        context.run_body(statement.body)
        return
    with context.path(context.draft.unique_name(context.prefix, result.text, given=True)):
        context.run_body(statement.body)


def check_repeat(context: Context, statement: RepeatStatement) -> None:
    """Check ``repeat COUNT as VARIABLE { … }``, the body once for each repetition."""
    count = _count(context, statement)
    if not isinstance(count, int) or count == 0:
        context.try_body(statement.body, _scope_of_repetition(context, statement, UNKNOWN))
        if count != 0:
            context.lose()
        return
    for index in range(count):
        with context.findings.inside(f"in repetition {index + 1}"):
            context.run_body(statement.body, _scope_of_repetition(context, statement, index))
        if context.stopped:
            return


def _count(context: Context, statement: RepeatStatement) -> Value:
    """Return how often a body is repeated, UNKNOWN after a complaint."""
    count = context.evaluator.evaluate(statement.count)
    if count is UNKNOWN:
        return UNKNOWN
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    received = f"expected a whole number of at least 0, received {format_value(count)}"
    if not isinstance(count, int) or isinstance(count, bool):
        context.findings.error(
            "TG403", "`repeat` needs a whole number", statement.count.span, received
        )
        return UNKNOWN
    if count < 0:
        context.findings.error(
            "TG404", "nothing can be repeated less than 0 times", statement.count.span, received
        )
        return UNKNOWN
    if count > MAX_EXPANDED:
        context.findings.error(
            "TG112",
            f"repetitions and blocks come to more than {MAX_EXPANDED:,} statements",
            statement.count.span,
            f"{count:,} repetitions of this body are beyond the limit",
        )
        return UNKNOWN
    return count


def _scope_of_repetition(context: Context, statement: RepeatStatement, index: Value) -> Scope:
    """Return the names of one repetition: its number, where the statement names it."""
    scope = Scope(context.names.scope)
    if statement.variable is not None:
        with context.names.inside(scope):
            context.names.define(statement.variable, Constant(statement.variable.span, index))
    return scope


def check_if(context: Context, statement: IfStatement) -> None:
    """Check ``if CONDITION { … } else { … }``.

    The chosen braces have no names of their own: what they define is defined around them, as if
    their statements stood there alone. Of the others only the words are checked.
    """
    condition = context.evaluator.evaluate(statement.condition)
    if condition is not UNKNOWN and not isinstance(condition, bool):
        context.findings.error(
            "TG403",
            "`if` needs a condition",
            statement.condition.span,
            f"expected a comparison, `true` or `false`, received {format_value(condition)}",
        )
        condition = UNKNOWN
    arms: Sequence[tuple[bool, Body | None]] = (
        (True, statement.then),
        (False, statement.otherwise),
    )
    for value, body in arms:
        if body is None:
            continue
        if condition is value:
            context.run_body(body, context.names.scope)
        else:
            scope = Scope(context.names.scope)
            context.try_body(body, scope)
            if condition is UNKNOWN:
                for name in scope.definitions:
                    context.names.define_broken(name)
    if condition is UNKNOWN:
        context.lose()


def check_residual(
    context: Context, statement: ResidualStatement, result: Name | None = None
) -> None:
    """Check ``residual { … } shortcut { … }``."""
    before = context.single(statement.keyword, "residual")
    inputs = [_arm(context, statement.body, before, "residual")]
    if statement.shortcut is None:
        inputs.append(before)
    else:
        inputs.append(_arm(context, statement.shortcut, before, "shortcut"))
    body, other = context.draft.shapes(inputs)
    if body is not None and other is not None and not compatible(body, other):
        what = "input" if statement.shortcut is None else "shortcut"
        context.findings.error(
            "TG208",
            f"the body of this `residual` and its {what} differ in shape",
            statement.keyword,
            f"the body is {format_sizes(body)}, the {what} {format_sizes(other)}",
            fixes=_residual_fixes(context, statement, inputs[0], body, other),
        )
        context.lose()
        return
    add_merge(context, "add", statement.keyword, tuple(inputs), result)


def _residual_fixes(
    context: Context, statement: ResidualStatement, body: str, shape: Shape, other: Shape
) -> tuple[Fix, ...]:
    """Return what may bring the two sides of a residual to one shape."""
    if shape is None or other is None or len(shape) != len(other):
        return ()
    fixes = []
    if statement.shortcut is None:
        projection = _projection(shape, other)
        if projection:
            added = f" shortcut {{ {projection} }}"
            fixes.append(
                Fix(
                    f"a `shortcut` brings the input to the shape of the body: `{added.strip()}`",
                    (Edit(statement.body.span.after(), added),),
                )
            )
    if shape[:-1] == other[:-1]:
        for step in reversed(context.draft.way(body)):
            key = next((k for k in ("filters", "units") if k in step.layer.arguments), None)
            if key is None:
                continue
            if step.bound is not None and key in step.bound.spans:
                span = step.bound.spans[key]
                help = f"{other[-1]} {key} in line {span.line} give the body the same shape"
                fixes.append(Fix(help, (Edit(span, str(other[-1])),)))
            break
    return tuple(fixes)


def _projection(shape: Shape, other: Shape) -> str:
    """Return the layer that brings a value of shape `other` to `shape`, empty if there is none."""
    if shape is None or other is None or not is_full(shape) or not is_full(other):
        return ""
    channels = shape[-1]
    if len(shape) == 1:
        return f"dense {channels}"
    places = zip(other[:-1], shape[:-1], strict=True)
    strides = {-(-have // want) for have, want in places if have and want}
    word = {2: "conv1d", 3: "conv", 4: "conv3d"}.get(len(shape))
    if word is None or len(strides) != 1:
        return ""
    stride = strides.pop()
    return f"{word} {channels} 1" + (f" stride={stride}" if stride > 1 else "")


def check_branch(context: Context, statement: BranchStatement, result: Name | None = None) -> None:
    """Check ``branch { … } { … } MERGE``."""
    before = context.single(statement.keyword, "branch")
    arms = tuple(_arm(context, arm, before, "branch") for arm in statement.arms)
    if len(arms) < 2:
        behind = statement.arms[0].span.after()
        context.findings.error(
            "TG315",
            "`branch` needs at least two arms",
            statement.keyword,
            "expected another `{ … }`; an empty one is the input itself",
            fixes=(Fix("`{ }` is the input itself", (Edit(behind, " { }"),)),),
        )
        context.lose()
    elif statement.merge is None or LOST in arms:
        context.lose()
    else:
        add_merge(context, statement.merge.text, statement.merge.span, arms, result)


def _arm(context: Context, body: Body, before: str, what: str) -> str:
    """Check braces that start from a value, and return the value that they end with."""
    context.current = (before,)
    context.run_body(body)
    reference = context.single(body.span, what)
    context.draft.used.add(reference)
    return reference
