"""A syntax tree → the lines of its canonical form, each knowing where it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dsl.checker.train_section import STEP_GROUPS
from dsl.checker.train_steps import split_steps
from dsl.diagnostics import Span
from dsl.formatter.expressions import format_argument, format_expression
from dsl.formatter.ordering import Ordering
from dsl.steps import StepKind
from dsl.syntax import (
    BlockParameter,
    BlockStatement,
    Body,
    BranchStatement,
    BrokenStatement,
    File,
    FreezeStatement,
    FromStatement,
    GroupStatement,
    IfStatement,
    ImportStatement,
    InputStatement,
    LayerStatement,
    LetStatement,
    Name,
    NamedStatement,
    NetStatement,
    OutputStatement,
    RepeatStatement,
    ResidualStatement,
    Setting,
    SettingGroup,
    Statement,
    TrainStatement,
    UseStatement,
)

COMMENT = re.compile(r'"[^"\n]*"|#[^\n]*')
"""A comment; or a string, in which ``#`` begins none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the canonical form.

    Attributes
    ----------
    depth : int
        How many bodies it stands in.
    text : str
        The code in it; empty where it only holds a comment.
    start, end : int
        The stretch of the old text that it stands for.
    comment : str
        The comment at its end.
    comment_start : int
        Where that stood in the old text.
    """

    depth: int
    text: str
    start: int
    end: int
    comment: str = ""
    comment_start: int = 0

    @property
    def opens(self) -> bool:
        """Whether a body begins behind it."""
        return self.text.endswith("{")

    @property
    def closes(self) -> bool:
        """Whether a body ends before it."""
        return self.text.startswith("}")


def lines_of(tree: File) -> list[Line]:
    """Return the lines of a file without syntax errors, comments aside.

    Parameters
    ----------
    tree : File
        From `parse`.
    """
    writer = _Writer(tree)
    for statement in tree.statements:
        writer.statement(statement)
    return writer.lines


class _Writer:
    """Walks over the statements, and keeps the line that is being written."""

    def __init__(self, tree: File) -> None:
        self.lines: list[Line] = []
        self._ordering = Ordering()
        # The text without comments, in which a brace is one.
        self._code = COMMENT.sub(lambda m: " " * len(m[0]), tree.source.text)
        self._depth = 0
        self._prefix = ""  # `NAME = ` before the statement
        self._start = 0  # where the line that is being written began

    def statement(self, statement: Statement) -> None:
        """Write a statement."""
        if not self._prefix:
            self._start = statement.span.start
        match statement:
            case NamedStatement(_, name, named):
                self._prefix = f"{name.text} = "
                self.statement(named)
            case RepeatStatement(_, _, count, variable, body):
                head = f"repeat {format_expression(count, loose=True)}"
                self._open(f"{head} as {variable.text}" if variable else head, body)
                self._close(body)
            case IfStatement():
                self._if(statement)
            case ResidualStatement(_, _, body, shortcut):
                self._open("residual", body)
                if shortcut is not None:
                    self._between(body, " shortcut", shortcut)
                self._close(shortcut or body)
            case BranchStatement():
                self._branch(statement)
            case GroupStatement(_, body):
                self._open("", body)
                self._close(body)
            case BlockStatement(_, name, parameters, body):
                self._ordering.learn(statement)
                listed = ", ".join(_parameter(p) for p in parameters)
                self._open(f"block {name.text}({listed})", body)
                self._close(body)
            case TrainStatement(_, keyword, settings):
                self._settings("train", keyword, settings, statement.span.end)
            case _:
                self._line(self._simple(statement), statement.span.end)

    def _simple(self, statement: Statement) -> str:
        """Return a statement that has no body."""
        match statement:
            case LayerStatement(_, kind, arguments, called):
                if called:
                    listed = ", ".join(format_argument(a, loose=True) for a in arguments)
                    return f"{kind.text}({listed})"
                ordered = self._ordering.of_layer(kind.text, arguments)
                return _words(kind.text, map(format_argument, ordered))
            case LetStatement(_, name, value):
                return f"let {name.text} = {format_expression(value, loose=True)}"
            case NetStatement(_, name):
                return f"net {name.text}"
            case InputStatement(_, arguments):
                return _words("input", map(format_argument, arguments))
            case FromStatement(_, names):
                return _words("from", _texts(names))
            case OutputStatement(_, names):
                return _words("output", _texts(names))
            case FreezeStatement(_, names):
                return _words("freeze", _texts(names))
            case ImportStatement(_, path):
                return f"import {path.span.text}"
            case UseStatement(_, _, path, arguments):
                ordered = self._ordering.of_use(arguments)
                return _words(f"use {path.span.text}", map(format_argument, ordered))
            case BrokenStatement():
                raise AssertionError("a file with syntax errors has no canonical form")
        raise AssertionError(f"{type(statement).__name__} has a body")

    def _if(self, statement: IfStatement) -> None:
        condition = format_expression(statement.condition, loose=True)
        self._open(f"if {condition}", statement.then)
        then, otherwise = statement.then, statement.otherwise
        while otherwise is not None:
            first = otherwise.statements[0] if otherwise.statements else None
            # The body of an `else if` is that `if`, without braces.
            if isinstance(first, IfStatement) and first.span.start == otherwise.span.start:
                condition = format_expression(first.condition, loose=True)
                self._between(then, f" else if {condition}", first.then)
                then, otherwise = first.then, first.otherwise
            else:
                self._between(then, " else", otherwise)
                then, otherwise = otherwise, None
        self._close(then)

    def _branch(self, statement: BranchStatement) -> None:
        first, *others = statement.arms
        self._open("branch", first)
        last = first
        for arm in others:
            self._between(last, "", arm)
            last = arm
        merge = statement.merge
        self._close(last, f" {merge.text}" if merge else "", statement.span.end)

    def _settings(
        self, head: str, word: Span, items: Sequence[Setting | SettingGroup], end: int
    ) -> None:
        """Write ``train { … }``, or a group of settings inside of it."""
        brace = self._code.index("{", word.end)
        self._write(f"{head} {{", self._start, brace + 1)
        self._depth += 1
        for item in items:
            self._start = item.span.start
            if isinstance(item, SettingGroup):
                self._settings(item.name.text, item.name.span, item.items, item.span.end)
            elif head in STEP_GROUPS:
                self._steps(item, STEP_GROUPS[head])
            else:
                ordered = self._ordering.of_setting(item.name.text, item.arguments)
                self._line(_words(item.name.text, map(format_argument, ordered)), item.span.end)
        self._depth -= 1
        self._write("}", end - 1, end)

    def _steps(self, line: Setting, kinds: Mapping[str, StepKind]) -> None:
        """Write the steps of a line below each other."""
        for word, arguments in split_steps(line, kinds):
            self._start = word.span.start
            ordered = self._ordering.of_step(kinds.get(word.text), arguments)
            end = arguments[-1].span.end if arguments else word.span.end
            self._line(_words(word.text, map(format_argument, ordered)), end)

    # Lines

    def _open(self, head: str, body: Body) -> None:
        """Write the line that opens a body, and the statements in it."""
        self._line(f"{head} {{" if head else "{", body.span.start + 1)
        self._statements(body)

    def _between(self, before: Body, words: str, after: Body) -> None:
        """Write the line between two bodies, and the statements in the second."""
        self._write(f"}}{words} {{", before.span.end - 1, after.span.start + 1)
        self._statements(after)

    def _close(self, body: Body, words: str = "", end: int | None = None) -> None:
        self._write(f"}}{words}", body.span.end - 1, body.span.end if end is None else end)

    def _statements(self, body: Body) -> None:
        self._depth += 1
        for statement in body.statements:
            self.statement(statement)
        self._depth -= 1

    def _line(self, text: str, end: int) -> None:
        """Write the line in which a statement begins."""
        prefix, self._prefix = self._prefix, ""
        self._write(f"{prefix}{text}", self._start, end)

    def _write(self, text: str, start: int, end: int) -> None:
        self.lines.append(Line(self._depth, text, start, end))


def _words(first: str, others: Iterable[str]) -> str:
    return " ".join([first, *others])


def _texts(names: Sequence[Name]) -> Iterable[str]:
    return (name.text for name in names)


def _parameter(parameter: BlockParameter) -> str:
    if parameter.default is None:
        return parameter.name.text
    return f"{parameter.name.text}={format_expression(parameter.default)}"
