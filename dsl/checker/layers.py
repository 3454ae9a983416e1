"""Checks a statement that applies a layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dsl.checker.binding import Bound, bind
from dsl.checker.context import Context
from dsl.checker.draft import LOST, Step
from dsl.checker.findings import MAX_REPAIRED_ERRORS
from dsl.checker.scopes import NamedValue
from dsl.checker.shrinkage import describe, keep_size, same_here
from dsl.diagnostics import Edit, Fix, Span
from dsl.layers.activations import ACTIVATIONS
from dsl.layers.arguments import format_sizes
from dsl.layers.definition import LAYERS, Complaint, Layer, Use
from dsl.network import INPUT, NetLayer
from dsl.syntax import LayerStatement, Name
from dsl.words import STATEMENTS

_CALLABLE = frozenset(ACTIVATIONS)
"""The layers that may be written like a call, ``leaky_relu(0.1)``."""


def check_layer(context: Context, statement: LayerStatement, result: Name | None = None) -> None:
    """Check a layer that stands in a table of the language, and append it to the network.

    Parameters
    ----------
    context : Context
        The state, whose current value becomes the layer's.
    statement : LayerStatement
        The statement.
    result : Name, optional
        The name that the file gives to the layer.
    """
    kind = statement.kind
    layer = LAYERS[kind.text]
    if statement.called and kind.text not in _CALLABLE:
        complain_called(context, statement)
        return
    findings = context.findings
    bound = bind(kind, layer.signature, statement.arguments, context.evaluator, findings)
    inputs = _inputs(context, statement, layer, bound)
    if inputs is None:
        bound.valid = False
        inputs = (LOST,)
    draft = context.draft
    use = Use(bound.arguments, draft.shapes(inputs), vocabulary=draft.vocabulary(inputs))
    shape = layer.infer(use) if bound.valid and bound.known else None
    new = NetLayer(
        _name(context, layer, result),
        layer,
        statement.span,
        inputs,
        use,
        shape,
        frozen=bound.arguments.get("frozen") is True,
        chain=tuple(findings.frames),
    )
    for complaint in use.complaints:
        _report(context, complaint, statement, Step(new, bound))
    draft.add(new, bound)
    context.current = (new.name,)


def add_merge(
    context: Context, kind: str, span: Span, inputs: tuple[str, ...], result: Name | None
) -> None:
    """Append a layer that no statement of its own gives: the end of a residual or a branch.

    Parameters
    ----------
    context : Context
        The state, whose current value becomes the layer's.
    kind : str
        The layer's word.
    span : Span
        Where it stands.
    inputs : tuple of str
        What it receives.
    result : Name or None
        The name that the file gives to it.
    """
    layer = LAYERS[kind]
    use = Use(layer.signature.defaults(), context.draft.shapes(inputs))
    shape = layer.infer(use)
    name = _name(context, layer, result)
    for complaint in use.complaints:
        context.findings.complaint(complaint, span)
    frames = tuple(context.findings.frames)
    context.draft.add(NetLayer(name, layer, span, inputs, use, shape, chain=frames))
    context.current = (name,)


def values_of(context: Context, names: Sequence[Name]) -> tuple[NamedValue, ...]:
    """Return what names stand for; a LOST value for those that mean nothing."""
    found = ((name, context.names.value_named(name)) for name in names)
    return tuple(value or NamedValue(name.span, LOST) for name, value in found)


def complain_unknown(context: Context, kind: Name, *, named: bool) -> None:
    """Complain about a word that is neither a layer nor a block.

    Parameters
    ----------
    context : Context
        The state.
    kind : Name
        The word.
    named : bool
        Whether ``NAME =`` stands before it.
    """
    if context.names.incomplete:
        return
    blocks = {name for name, found in context.names.scope.known() if found.what == "a block"}
    known = LAYERS.keys() | blocks | (set() if named else STATEMENTS)
    context.findings.error(
        "TG302",
        f"there is no layer `{kind.text}`",
        kind.span,
        "expected a layer" if named else "expected a layer or another statement",
        fixes=context.findings.nearest(kind.text, kind.span, known),
    )


def _name(context: Context, layer: Layer, result: Name | None) -> str:
    word = layer.name if result is None else result.text
    return context.draft.unique_name(context.prefix, word, given=result is not None)


def complain_called(context: Context, statement: LayerStatement) -> None:
    """Complain about a layer whose arguments stand in parentheses, as only an activation's may."""
    kind = statement.kind
    arguments = [argument.span.text for argument in statement.arguments]
    spaced = " ".join([kind.text, *(f"({a})" if a[:1] == "-" else a for a in arguments)])
    call = kind.span.to(statement.span)
    context.findings.error(
        "TG108",
        "arguments of a layer stand side by side, without parentheses",
        call,
        f"expected `{spaced}`",
        fixes=(Fix(f"write `{spaced}`", (Edit(call, spaced),)),),
    )
    context.lose()


def _inputs(
    context: Context, statement: LayerStatement, layer: Layer, bound: Bound
) -> tuple[str, ...] | None:
    """Return the values that a layer receives, None if they are too many or too few."""
    named = tuple(value.reference for value in values_of(context, bound.names))
    inputs = context.current + named
    if layer.merges and len(inputs) < 2:
        context.findings.error(
            "TG401",
            f"`{layer.name}` needs a second value",
            statement.kind.span,
            f"expected `{layer.signature}`, or `from` with several names before it",
        )
        return None
    return inputs if layer.merges else (context.single(statement.kind.span, layer.name),)


def _report(context: Context, complaint: Complaint, statement: LayerStatement, step: Step) -> None:
    """Turn a complaint of a layer's shape rule into a message with its place and repairs."""
    bound = step.bound
    assert bound is not None
    spans = dict(bound.spans)
    if bound.names:
        spans["names"] = bound.names[0].span.to(bound.names[-1].span)
    span = next((spans[key] for key in complaint.at if key in spans), statement.kind.span)
    if complaint.inside is not None and span.text.endswith('"'):
        first, behind = (span.start + span.text.index('"') + 1 + i for i in complaint.inside)
        span = Span(span.source, first, behind)
    fixes: list[Fix] = []
    if complaint.code == "TG201" and context.findings.errors < MAX_REPAIRED_ERRORS:
        way = context.draft.way(step.layer.inputs[0])
        complaint = replace(complaint, notes=complaint.notes + describe(way))
        fixes += keep_size(way)
    if complaint.code == "TG202" and step.layer.inputs == (INPUT,):
        fixes += _with_one_channel(context)
    for repair in complaint.repairs:
        if repair.changes.get("padding") == "same":
            fixes.append(same_here(statement.span.line, bound))
        else:
            edits = [
                Edit(spans[key], f"{_option_name(spans[key])}{value}")
                for key, value in repair.changes.items()
                if key in spans
            ]
            if repair.word:
                edits.append(Edit(statement.kind.span, repair.word))
            fixes.append(Fix(repair.help, tuple(edits)))
    context.findings.complaint(complaint, span, tuple(fixes))


def _option_name(span: Span) -> str:
    """Return ``stride=`` where an argument is given by name, nothing where by its place."""
    name = re.match(r"\w+[ \t]*=(?!=)", span.text)
    return name[0] if name else ""


def _with_one_channel(context: Context) -> list[Fix]:
    """Return the repair of an ``input`` without channels, which is taken for a gray image."""
    given = context.draft.inputs[INPUT]
    if given.span is None or given.shape is None or len(given.shape) != 2:
        return []
    image = f"input {format_sizes(given.shape)}x1"
    return [Fix(f"`{image}` is an image with one channel", (Edit(given.span, image),))]
