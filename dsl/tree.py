"""Text → syntax tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

from lark import Lark, Transformer

from dsl.diagnostics import Diagnostic, Source, Span
from dsl.grammar.lexemes import Lexeme
from dsl.grammar.parser import build_parser, read, read_expression
from dsl.syntax import (
    Argument,
    BlockParameter,
    BlockStatement,
    Body,
    BranchStatement,
    BrokenStatement,
    Call,
    Chain,
    Comparison,
    Expression,
    File,
    FreezeStatement,
    FromStatement,
    GroupStatement,
    IfStatement,
    ImportStatement,
    Index,
    InputStatement,
    LayerStatement,
    LetStatement,
    ListLiteral,
    Name,
    NamedStatement,
    NetStatement,
    Number,
    Option,
    OutputStatement,
    Power,
    RepeatStatement,
    ResidualStatement,
    Setting,
    SettingGroup,
    SizeLiteral,
    Statement,
    Text,
    TrainStatement,
    UseStatement,
)

MAX_DIGITS = 16
"""With how many digits an integer is read; the checker refuses numbers long before this."""

_HEAD = re.compile(
    r"(?:let[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=(?!=)|block[ \t]+([A-Za-z_][A-Za-z0-9_]*)"
)


def parse(text: str, name: str = "<text>") -> File:
    """Read a `.net` file's text.

    Parameters
    ----------
    text : str
        The text.
    name : str
        What messages call the file.

    Returns
    -------
    File
        The syntax tree. It holds the syntax errors, of which `dsl.check` speaks together with
        all others; no text makes this function fail.
    """
    source = Source(name, text)
    statements, diagnostics = read(_parser(), source)
    return File(source, statements, tuple(diagnostics))


def parse_expression(
    text: str, name: str = "<expression>"
) -> tuple[Expression | None, tuple[Diagnostic, ...]]:
    """Read an expression that stands alone.

    Parameters
    ----------
    text : str
        The expression.
    name : str
        What messages call the text.

    Returns
    -------
    expression : Expression or None
        The expression, None where there is a syntax error. Its spans are of a source of its own,
        which holds nothing but `text`.
    diagnostics : tuple of Diagnostic
        The syntax error, if there is one.
    """
    expression, diagnostics = read_expression(_parser(), Source(name, text))
    return expression, tuple(diagnostics)


@cache
def _parser() -> Lark:
    return build_parser(_TreeBuilder())


_Part: TypeAlias = "Lexeme | Argument | Statement | Body | Setting | SettingGroup | BlockParameter"
_Spanned: TypeAlias = "Sequence[_Part]"
_Settings: TypeAlias = "tuple[Span, tuple[Setting | SettingGroup, ...]]"
_Children: TypeAlias = "list[Lexeme | Expression]"


class _TreeBuilder(Transformer[Lexeme, tuple[Statement, ...]]):
    """One method a rule of ``net.lark``; each gets what the rule's parts were built to."""

    def start(self, statements: list[Statement]) -> tuple[Statement, ...]:
        return tuple(statements)

    # Statements

    def net(self, parts: list[Lexeme]) -> NetStatement:
        return NetStatement(parts[0].span.to(parts[1].span), _name(parts[1]))

    def input(self, parts: list[Lexeme | Argument]) -> InputStatement:
        return InputStatement(_across(parts), _arguments(parts[1:]))

    def let(self, parts: list[Lexeme | Expression]) -> LetStatement:
        _, name, value = parts
        assert isinstance(name, Lexeme)
        assert not isinstance(value, Lexeme)
        return LetStatement(_across(parts), _name(name), value)

    def named(self, parts: tuple[Lexeme, Statement]) -> NamedStatement:
        name, statement = parts
        return NamedStatement(name.span.to(statement.span), _name(name), statement)

    def body(self, parts: list[Lexeme | Statement]) -> Body:
        return Body(_across(parts), tuple(p for p in parts if not isinstance(p, Lexeme)))

    def group(self, parts: tuple[Body]) -> GroupStatement:
        return GroupStatement(parts[0].span, parts[0])

    def repeat(self, parts: list[Any]) -> RepeatStatement:
        keyword, count, *variable, body = parts
        name = _name(variable[1]) if variable else None
        return RepeatStatement(_across(parts), keyword.span, count, name, body)

    def if_(self, parts: list[Any]) -> IfStatement:
        keyword, condition, then, *rest = parts
        otherwise = rest[-1] if rest else None
        if isinstance(otherwise, IfStatement):
            otherwise = Body(otherwise.span, (otherwise,))
        return IfStatement(_across(parts), keyword.span, condition, then, otherwise)

    def residual(self, parts: list[Any]) -> ResidualStatement:
        keyword, body, *shortcut = parts
        return ResidualStatement(
            _across(parts), keyword.span, body, shortcut[-1] if shortcut else None
        )

    def branch(self, parts: list[Any]) -> BranchStatement:
        keyword, *arms, merge = parts
        name = _name(merge) if merge else None
        return BranchStatement(_across(parts), keyword.span, tuple(arms), name)

    def block(self, parts: list[Any]) -> BlockStatement:
        parameters = tuple(p for p in parts if isinstance(p, BlockParameter))
        return BlockStatement(_across(parts), _name(parts[1]), parameters, parts[-1])

    def parameter(self, parts: list[Any]) -> BlockParameter:
        name, *default = parts
        return BlockParameter(_across(parts), _name(name), default[0] if default else None)

    def import_(self, parts: list[Lexeme]) -> ImportStatement:
        return ImportStatement(_across(parts), _text(parts[1]))

    def use(self, parts: list[Any]) -> UseStatement:
        keyword, path, *arguments = parts
        return UseStatement(_across(parts), keyword.span, _text(path), tuple(arguments))

    def freeze(self, parts: list[Lexeme]) -> FreezeStatement:
        return FreezeStatement(_across(parts), tuple(_name(part) for part in parts[1:]))

    def layer(self, parts: list[Lexeme | Argument]) -> LayerStatement:
        return LayerStatement(_across(parts), _kind(parts), _arguments(parts[1:]))

    def called_layer(self, parts: list[Lexeme | Argument]) -> LayerStatement:
        return LayerStatement(_across(parts), _kind(parts), _arguments(parts[1:-1]), called=True)

    def from_(self, parts: list[Lexeme]) -> FromStatement:
        return FromStatement(_across(parts), tuple(_name(part) for part in parts[1:]))

    def output(self, parts: list[Lexeme]) -> OutputStatement:
        return OutputStatement(_across(parts), tuple(_name(part) for part in parts[1:]))

    def train(self, parts: tuple[Lexeme, _Settings]) -> TrainStatement:
        keyword, (end, settings) = parts
        return TrainStatement(keyword.span.to(end), keyword.span, settings)

    def settings(self, parts: list[Lexeme | Setting | SettingGroup | BrokenStatement]) -> _Settings:
        items = tuple(part for part in parts if isinstance(part, Setting | SettingGroup))
        return _across(parts), items

    def setting_group(self, parts: tuple[Lexeme, _Settings]) -> SettingGroup:
        name, (end, items) = parts
        return SettingGroup(name.span.to(end), _name(name), items)

    def setting(self, parts: list[Lexeme | Argument]) -> Setting:
        return Setting(_across(parts), _kind(parts), _arguments(parts[1:]))

    def data_path(self, parts: list[Lexeme | Argument]) -> Setting:
        word = parts[0]
        assert isinstance(word, Lexeme)
        start, length = word.span.start, len(word)
        path_length = len(word[len("data") :].lstrip())
        name = Span(word.span.source, start, start + len("data"))
        path = Span(word.span.source, start + length - path_length, start + length)
        arguments = (Text(path, path.text), *_arguments(parts[1:]))
        return Setting(_across(parts), Name(name, name.text), arguments)

    def broken(self, parts: list[Lexeme]) -> BrokenStatement:
        span = parts[0].span
        head = _HEAD.match(span.text)
        keyword = re.match(r"[A-Za-z_]*", span.text)
        defines = (head[1] or head[2]) if head else None
        return BrokenStatement(span, keyword[0] if keyword else "", defines)

    # Arguments and expressions

    def option(self, parts: tuple[Lexeme, Expression]) -> Option:
        name, value = parts
        return Option(name.span.to(value.span), _name(name), value)

    def comparison(self, parts: tuple[Expression, Lexeme, Expression]) -> Comparison:
        left, operator, right = parts
        return Comparison(left.span.to(right.span), left, str(operator), right)

    def chain(self, parts: _Children) -> Chain:
        first, *rest = parts
        assert not isinstance(first, Lexeme)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        steps = tuple((str(sign), part) for sign, part in pairs if not isinstance(part, Lexeme))
        return Chain(_across(parts), first, steps)

    def power(self, parts: _Children) -> Power:
        operands: list[tuple[bool, Expression]] = []
        negative = False
        for part in parts:
            if isinstance(part, Lexeme):
                negative = part.type == "MINUS"
            else:
                operands.append((negative, part))
                negative = False
        return Power(_across(parts), tuple(operands))

    def integer(self, parts: list[Lexeme]) -> Number:
        return Number(parts[0].span, _integer(parts[0]))

    def float(self, parts: list[Lexeme]) -> Number:
        return Number(parts[0].span, float(parts[0]))

    def size(self, parts: list[Lexeme]) -> SizeLiteral:
        sizes = parts[0].split("x")
        return SizeLiteral(
            parts[0].span, tuple(None if size == "?" else _integer(size) for size in sizes)
        )

    def text(self, parts: list[Lexeme]) -> Text:
        return _text(parts[0])

    def name(self, parts: list[Lexeme]) -> Name:
        return _name(parts[0])

    def call(self, parts: _Children) -> Call:
        function, *arguments = parts
        assert isinstance(function, Lexeme)
        return Call(_across(parts), _name(function), _expressions(arguments))

    def index(self, parts: _Children) -> Index:
        name, *indices = parts
        assert isinstance(name, Lexeme)
        return Index(_across(parts), _name(name), _expressions(indices))

    def list(self, parts: _Children) -> ListLiteral:
        return ListLiteral(_across(parts), _expressions(parts))

    def alone(self, parts: Sequence[Expression]) -> Expression:
        return parts[0]

    def parenthesized(self, parts: _Children) -> Expression:
        inner = parts[1]
        assert not isinstance(inner, Lexeme)
        return replace(inner, span=_across(parts))


def _across(parts: _Spanned) -> Span:
    """Return the span from the first part to the last."""
    return parts[0].span.to(parts[-1].span)


def _integer(digits: str) -> int:
    """Return an integer; of one that is too large anyway not the exact value."""
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= MAX_DIGITS else 10**MAX_DIGITS


def _name(word: Lexeme) -> Name:
    return Name(word.span, str(word))


def _text(word: Lexeme) -> Text:
    return Text(word.span, word[1:-1])


def _kind(parts: list[Lexeme | Argument]) -> Name:
    word = parts[0]
    assert isinstance(word, Lexeme)
    return _name(word)


def _arguments(parts: list[Lexeme | Argument]) -> tuple[Argument, ...]:
    return tuple(part for part in parts if not isinstance(part, Lexeme))


def _expressions(parts: _Children) -> tuple[Expression, ...]:
    return tuple(part for part in parts if not isinstance(part, Lexeme))
