"""Reads ``preprocess { … }`` and ``augment { … }``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dsl.checker.binding import bind
from dsl.checker.expressions import Evaluator
from dsl.checker.findings import Findings
from dsl.diagnostics import Edit, Fix, Span, quoted
from dsl.steps import PREPROCESS, StepKind
from dsl.syntax import (
    Argument,
    Name,
    Number,
    Setting,
    SettingGroup,
    SizeLiteral,
    Statement,
    TrainStatement,
)
from tensorgraph.base.shapes import Shape

Step = tuple[str, Mapping[str, Any]]


def read_steps(
    group: SettingGroup,
    kinds: Mapping[str, StepKind],
    evaluator: Evaluator,
    findings: Findings,
) -> tuple[list[Step], dict[str, Span]]:
    """Return the steps of a group, word and arguments each, and where each stands.

    Parameters
    ----------
    group : SettingGroup
        The setting with its braces.
    kinds : mapping
        The steps that may stand there.
    evaluator : Evaluator
        Computes expressions.
    findings : Findings
        Where complaints go.
    """
    steps: list[Step] = []
    spans: dict[str, Span] = {}
    for item in group.items:
        if isinstance(item, SettingGroup):
            complain_about_braces(item, findings)
            continue
        for word, arguments in split_steps(item, kinds):
            kind = kinds.get(word.text)
            if kind is None:
                findings.error(
                    "TG503",
                    f"`{word.text}` is not a step of `{group.name.text}`",
                    word.span,
                    f"expected {quoted(list(kinds))}",
                    fixes=findings.nearest(word.text, word.span, kinds),
                )
            elif word.text in spans:
                _complain_about_repetition(word, arguments, spans[word.text], findings)
            else:
                spans[word.text] = word.span
                bound = bind(word, kind.signature, arguments, evaluator, findings)
                if bound.valid and bound.known:
                    steps.append((word.text, bound.arguments))
    return steps, spans


def shape_after(statements: Iterable[Statement], shape: Shape) -> Shape:
    """Return the shape of an example after the file's ``preprocess``, which is yet to be checked.

    Parameters
    ----------
    statements : iterable of Statement
        The statements of the file.
    shape : Shape
        The shape of an example of the data.

    Returns
    -------
    Shape
        None where an argument is not simply a number or a size.
    """
    for item in _preprocess_items(statements):
        for word, arguments in split_steps(item, PREPROCESS):
            first = arguments[0] if arguments else None
            sizes: tuple[int | None, ...] = ()
            if isinstance(first, SizeLiteral):
                sizes = first.sizes
            elif isinstance(first, Number) and isinstance(first.value, int):
                sizes = (first.value,)
            if shape is None or word.text not in ("pca", "resize"):
                continue
            if word.text == "pca":
                shape = sizes if len(sizes) == 1 and sizes[0] else None
            else:
                height_and_width = sizes * 2 if len(sizes) == 1 else sizes
                fits = len(shape) == 3 and len(height_and_width) == 2 and all(height_and_width)
                shape = (*height_and_width, shape[2]) if fits else None
    return shape


def _preprocess_items(statements: Iterable[Statement]) -> Iterator[Setting]:
    for statement in statements:
        for group in statement.settings if isinstance(statement, TrainStatement) else ():
            if isinstance(group, SettingGroup) and group.name.text == "preprocess":
                yield from (item for item in group.items if isinstance(item, Setting))


def complain_about_braces(group: SettingGroup, findings: Findings) -> None:
    """Note that a setting takes no braces."""
    items = [item.span.text for item in group.items]
    plain = " ".join([group.name.text, *items])
    findings.error(
        "TG509",
        f"`{group.name.text}` takes no braces",
        group.name.span,
        "what belongs to it stands behind it",
        fixes=(Fix(f"write `{plain}`", (Edit(group.span, plain),)),),
    )


def _complain_about_repetition(
    word: Name, arguments: list[Argument], before: Span, findings: Findings
) -> None:
    whole = word.span.to(arguments[-1].span) if arguments else word.span
    findings.error(
        "TG502",
        f"`{word.text}` is given twice",
        word.span,
        f"line {before.line} already says so",
        fixes=(Fix("remove the second one", (Edit(whole, ""),)),),
    )


def split_steps(
    line: Setting, kinds: Mapping[str, StepKind]
) -> Iterator[tuple[Name, list[Argument]]]:
    """Yield the steps of a line, which may stand side by side: ``hflip shift 2``.

    Parameters
    ----------
    line : Setting
        The line, whose first step looks like the setting.
    kinds : mapping
        The steps that may stand there.
    """
    word, arguments = line.name, list[Argument]()
    for argument in line.arguments:
        if isinstance(argument, Name) and _begins_step(argument, word, arguments, kinds):
            yield word, arguments
            word, arguments = argument, []
        else:
            arguments.append(argument)
    yield word, arguments


def _begins_step(
    name: Name, word: Name, arguments: list[Argument], kinds: Mapping[str, StepKind]
) -> bool:
    """Return whether a bare word is a step, not the argument of the step before it."""
    if name.text in kinds:
        return True
    kind = kinds.get(word.text)
    return kind is not None and len(arguments) >= len(kind.positional)
