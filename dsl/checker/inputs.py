"""Checks ``input``."""

from __future__ import annotations

from dataclasses import replace

from dsl.checker.context import Context
from dsl.diagnostics import Edit, Fix, Span
from dsl.layers.arguments import UNKNOWN, Size, format_sizes
from dsl.network import INPUT, NetInput
from dsl.syntax import Argument, InputStatement, Name, Option
from tensorgraph.base.shapes import Shape, compatible, num_elements


def check_input(context: Context, statement: InputStatement, result: Name | None = None) -> None:
    """Check ``input SHAPE``; with a name, the network may have several inputs."""
    name = INPUT if result is None else result.text
    if not _may_stand(context, statement, name):
        return
    arguments, vocabulary = statement.arguments, None
    of = next((i for i, a in enumerate(arguments) if _is_of(a)), None)
    if of is not None:
        vocabulary = _vocabulary(context, statement, arguments[of + 1 :])
        arguments = arguments[:of]
    shape = _shape(context, statement, arguments)
    if of is not None and shape is not None and len(shape) != 1:
        context.findings.error(
            "TG210",
            "token ids come as a sequence",
            arguments[0].span,
            f"expected a length, as in `input 100 of 10000`, received {format_sizes(shape)}",
        )
        shape = None
    if result is None:
        shape = _agreed(context, statement, shape)
    known = NetInput(name, shape, vocabulary, statement.span)
    if result is not None:
        # An input that nothing declared may stand for the first one no longer.
        if context.draft.inputs.keys() == {INPUT} and context.draft.inputs[INPUT].span is None:
            context.draft.inputs.clear()
        known = replace(known, name=context.draft.unique_name("", name, given=True))
    context.draft.set_input(known)
    context.current = (known.name,)


def _is_of(argument: Argument) -> bool:
    return isinstance(argument, Name) and argument.text == "of"


def _may_stand(context: Context, statement: InputStatement, name: str) -> bool:
    """Return whether an input may stand here; complain if not."""
    draft, findings = context.draft, context.findings
    before = draft.inputs.get(INPUT)
    if name == INPUT and before is not None and before.span is not None:
        findings.error(
            "TG303",
            "`input` stands twice in the file",
            statement.span,
            f"the first is in line {before.span.line}; several inputs need names, `a = input 10`",
        )
        return False
    if name == INPUT and draft.order:
        first = draft.steps[draft.order[0]].layer
        # Said here, and not of what comes next, which would be an `input` that stands twice.
        if before is not None:
            draft.set_input(replace(before, span=statement.span))
        findings.error(
            "TG309",
            "`input` must stand before the first layer",
            statement.span,
            f"the layer in line {first.line} comes before it",
        )
        return False
    return True


def _vocabulary(
    context: Context, statement: InputStatement, arguments: tuple[Argument, ...]
) -> int | None:
    """Return the number behind ``of``."""
    if len(arguments) != 1 or isinstance(arguments[0], Option):
        context.findings.error(
            "TG401" if not arguments else "TG402",
            "`of` needs one number",
            statement.span,
            "expected how many different token ids there are, as in `input 100 of 10000`",
        )
        return None
    value = context.evaluator.evaluate(arguments[0])
    if value is UNKNOWN:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        context.findings.error(
            "TG404" if isinstance(value, int) else "TG403",
            "the number of token ids must be a whole number of at least 1",
            arguments[0].span,
            "all ids of the sequence are below it",
        )
        return None
    return value


def _agreed(context: Context, statement: InputStatement, shape: Shape) -> Shape:
    """Return the shape of the input, None where the data contradicts it."""
    data = context.draft.shape(INPUT)
    if shape is None or data is None or compatible(shape, data):
        return shape
    if context.given.used:
        # A part of another network takes images of any size, as long as the channels are right.
        fits = len(shape) == len(data) and shape[-1] == data[-1]
        return data if fits else shape
    # The values of an example may be arranged anew, as 28x28x1 are to 784.
    if num_elements(shape) == num_elements(data):
        return shape
    span = statement.arguments[0].span
    context.findings.error(
        "TG206",
        f"the input does not suit the data, which is {format_sizes(data)}",
        span,
        f"expected {format_sizes(data)}, received {format_sizes(shape)}",
        fixes=(Fix("take the shape of the data", (Edit(span, format_sizes(data)),)),),
    )
    return None


def _shape(context: Context, statement: InputStatement, arguments: tuple[Argument, ...]) -> Shape:
    """Return the shape that an ``input`` statement gives, None where it is wrong."""
    if len(arguments) != 1 or isinstance(arguments[0], Option):
        context.findings.error(
            "TG401" if not arguments else "TG402",
            "`input` needs one shape",
            statement.span,
            "expected a shape such as `784` or `28x28x1`",
            fixes=_joined(arguments),
        )
        return None
    node = arguments[0]
    value = context.evaluator.evaluate(node)
    if value is UNKNOWN:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    sizes = value.sizes if isinstance(value, Size) else (value,)
    shape = tuple(s for s in sizes if s is None or (type(s) is int and s >= 1))
    if len(shape) != len(sizes):
        wrong_type = not isinstance(value, Size | int) or isinstance(value, bool)
        context.findings.error(
            "TG403" if wrong_type else "TG404",
            "the shape of the input must be sizes of at least 1",
            node.span,
            "expected a shape such as `784` or `28x28x1`",
        )
        return None
    return shape


def _joined(arguments: tuple[Argument, ...]) -> tuple[Fix, ...]:
    """Return the repair of ``28 28 1`` where ``28x28x1`` is meant."""
    digits = [argument.span.text for argument in arguments]
    if not digits or not all(text.isdecimal() for text in digits):
        return ()
    together = "x".join(digits)
    span: Span = arguments[0].span.to(arguments[-1].span)
    return (Fix(f"sizes are written `{together}`", (Edit(span, together),)),)
