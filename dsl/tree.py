"""Text → syntax tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TypeAlias

from lark import Lark, Transformer

from dsl.diagnostics import Source, Span
from dsl.grammar.lexemes import Lexeme
from dsl.grammar.parser import build_parser, read
from dsl.syntax import (
    Argument,
    BrokenStatement,
    Call,
    Chain,
    Comparison,
    Expression,
    File,
    FromStatement,
    InputStatement,
    LayerStatement,
    LetStatement,
    ListLiteral,
    Name,
    NetStatement,
    Number,
    Option,
    OutputStatement,
    Power,
    Setting,
    SizeLiteral,
    Statement,
    Text,
    TrainStatement,
)

MAX_DIGITS = 16
"""With how many digits an integer is read; the checker refuses numbers long before this."""

_HEAD = re.compile(r"(?:let[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=(?!=)")


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


@cache
def _parser() -> Lark:
    return build_parser(_TreeBuilder())


_Part: TypeAlias = "Lexeme | Argument | LayerStatement | Setting | BrokenStatement"
_Spanned: TypeAlias = "Sequence[_Part]"
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

    def named_layer(self, parts: tuple[Lexeme, LayerStatement]) -> LayerStatement:
        name, layer = parts
        return replace(layer, span=name.span.to(layer.span), result=_name(name))

    def layer(self, parts: list[Lexeme | Argument]) -> LayerStatement:
        return LayerStatement(_across(parts), _kind(parts), _arguments(parts[1:]))

    def called_layer(self, parts: list[Lexeme | Argument]) -> LayerStatement:
        return LayerStatement(_across(parts), _kind(parts), _arguments(parts[1:-1]), called=True)

    def from_(self, parts: list[Lexeme]) -> FromStatement:
        return FromStatement(_across(parts), tuple(_name(part) for part in parts[1:]))

    def output(self, parts: list[Lexeme]) -> OutputStatement:
        return OutputStatement(_across(parts), tuple(_name(part) for part in parts[1:]))

    def train(self, parts: list[Lexeme | Setting | BrokenStatement]) -> TrainStatement:
        settings = tuple(part for part in parts if isinstance(part, Setting))
        return TrainStatement(_across(parts), parts[0].span, settings)

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
        return BrokenStatement(span, keyword[0] if keyword else "", head[1] if head else None)

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
        return Text(parts[0].span, parts[0].strip('"'))

    def name(self, parts: list[Lexeme]) -> Name:
        return _name(parts[0])

    def call(self, parts: _Children) -> Call:
        function, *arguments = parts
        assert isinstance(function, Lexeme)
        return Call(_across(parts), _name(function), _expressions(arguments))

    def list(self, parts: _Children) -> ListLiteral:
        return ListLiteral(_across(parts), _expressions(parts))

    def group(self, parts: _Children) -> Expression:
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


def _kind(parts: list[Lexeme | Argument]) -> Name:
    word = parts[0]
    assert isinstance(word, Lexeme)
    return _name(word)


def _arguments(parts: list[Lexeme | Argument]) -> tuple[Argument, ...]:
    return tuple(part for part in parts if not isinstance(part, Lexeme))


def _expressions(parts: _Children) -> tuple[Expression, ...]:
    return tuple(part for part in parts if not isinstance(part, Lexeme))
