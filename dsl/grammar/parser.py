"""Reads text by the grammar in ``net.lark``, and goes on after an error.

The parser is Lark's LALR(1) one, driven word by word. Where a word does not fit, the error is
noted, the unfinished statement is taken back, and reading goes on behind its end ("panic mode"),
so that one pass finds every syntax error of a file and keeps every statement without one.

Line ends are the reader's too: one before `{`, `else`, `shortcut` or the word that merges branches
ends no statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

from lark import Lark, Transformer
from lark.exceptions import UnexpectedToken

from dsl.diagnostics import Diagnostic, Source, Span
from dsl.grammar.lexemes import Lexeme
from dsl.grammar.syntax_errors import (
    GROUPS,
    MAX_NESTING,
    Situation,
    explain,
    never_closed,
    too_deep,
)
from dsl.words import MERGES

_OPENING = frozenset(["LPAR", "_LPAR", "LSQB", "_LSQB"])
_CLOSING = frozenset(["RPAR", "RSQB"])


def build_parser(builder: Transformer[Lexeme, Any]) -> Lark:
    """Return a parser that calls the methods of `builder` for each rule it completes."""
    text = resources.files("dsl.grammar").joinpath("net.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        start=["start", "alone"],
        parser="lalr",
        lexer="basic",
        maybe_placeholders=False,
        transformer=builder,
    )


def read(parser: Lark, source: Source) -> tuple[Any, list[Diagnostic]]:
    """Parse a source.

    Parameters
    ----------
    parser : Lark
        From `build_parser`.
    source : Source
        The text.

    Returns
    -------
    result : object
        What the builder made of the whole text.
    diagnostics : list of Diagnostic
        Every syntax error, in the order of the file.
    """
    reader = _Reader(parser, source)
    return reader.run(), reader.diagnostics


def read_expression(parser: Lark, source: Source) -> tuple[Any, list[Diagnostic]]:
    """Parse a source that is nothing but an expression.

    Parameters
    ----------
    parser : Lark
        From `build_parser`.
    source : Source
        The expression.

    Returns
    -------
    result : object or None
        What the builder made of it, None after an error.
    diagnostics : list of Diagnostic
        The syntax error, if there is one.
    """
    interactive = parser.parse_interactive(source.text, start="alone")
    words: list[Lexeme] = []
    brackets: list[Lexeme] = []
    end = Lexeme.at("$END", Span(source, len(source.text), len(source.text)))
    end.whole = "expression"
    lexer = interactive.lexer_thread.lex(interactive.parser_state)  # type: ignore[no-untyped-call]
    lexemes = (Lexeme.of(token, source) for token in lexer)
    for lexeme in (*lexemes, end):
        if lexeme.type in _OPENING and len(brackets) >= MAX_NESTING:
            return None, [too_deep(lexeme)]
        try:
            result = interactive.feed_token(lexeme)
        except UnexpectedToken:
            choices: dict[str, Any] = interactive.choices()  # type: ignore[no-untyped-call]
            expected = frozenset(kind for kind in choices if kind.isupper())
            return None, [explain(Situation(lexeme, expected, words, brackets, in_braces=False))]
        words.append(lexeme)
        if lexeme.type in _OPENING:
            brackets.append(lexeme)
        elif lexeme.type in _CLOSING:
            brackets.pop()
    return result, []


@dataclass(frozen=True)
class _Brace:
    """An open ``{``, the first word of its statement, and the parser's height before that."""

    lexeme: Lexeme
    first: Lexeme
    base: int | None


class _Reader:
    """One pass over one source."""

    def __init__(self, parser: Lark, source: Source) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._source = source
        self._parser = parser.parse_interactive(source.text, start="start")
        self._statement: list[Lexeme] = []  # the words of the current statement
        self._brackets: list[Lexeme] = []  # those of them that are open brackets
        self._braces: list[_Brace] = []  # the open `{` around the statement
        self._base: int | None = None  # the parser's height where the statement begins
        self._skipping = False
        self._skipped_braces = 0  # how many `{` were opened since skipping began
        self._until_brace = False  # whether the words up to the next `{` are passed over

    def run(self) -> Any:
        state = self._parser.parser_state
        ends: list[Lexeme] = []  # line ends of which the next word says whether they end something
        for token in self._parser.lexer_thread.lex(state):  # type: ignore[no-untyped-call]
            lexeme = Lexeme.of(token, self._source)
            if lexeme.type == "_END":
                ends.append(lexeme)
                continue
            if ends:
                if self._ends_statement(ends, lexeme):
                    for end in ends:
                        self._take(end)
                ends = []
            self._take(lexeme)
        for end in ends:
            self._take(end)
        return self._finish()

    def _ends_statement(self, ends: list[Lexeme], following: Lexeme) -> bool:
        """Return whether line ends are the end of a statement, given the word behind them."""
        if self._skipping or not self._statement or any(";" in end for end in ends):
            return True
        # Exact, unlike `_expected`: behind a body, `{` may begin a statement or an arm.
        match following.type:
            case "ELSE" | "SHORTCUT" | "LBRACE":
                return following.type not in self._accepted()
            case "NAME" if following in MERGES:
                return "MERGE" not in self._accepted()
        return True

    def _take(self, lexeme: Lexeme) -> None:
        if self._until_brace and lexeme.type != "LBRACE":
            return
        self._until_brace = False
        if self._skipping:
            self._skip(lexeme)
        else:
            self._accept(lexeme)

    def _accept(self, lexeme: Lexeme) -> None:
        """Give a word to the parser; start skipping where it does not fit."""
        if lexeme.type in _OPENING and len(self._brackets) >= MAX_NESTING:
            self._fail(lexeme, too_deep(lexeme))
            return
        if lexeme.type == "LBRACE" and len(self._braces) >= MAX_NESTING:
            self._fail(lexeme, too_deep(lexeme))
            return
        if lexeme.type == "RBRACE" and not self._braces:
            # Fed to the parser, it would complete the whole file first.
            self._refuse(lexeme)
            return
        try:
            self._parser.feed_token(lexeme)
        except UnexpectedToken:
            self._refuse(lexeme)
            return
        match lexeme.type:
            case "_END":
                self._begin_statement()
            case "LBRACE":
                if not self._statement:
                    self._add_word(lexeme)
                self._braces.append(_Brace(lexeme, self._statement[0], self._base))
                self._begin_statement()
            case "RBRACE":
                # The statement that the braces belong to goes on until its own end.
                brace = self._braces.pop()
                self._begin_statement()
                self._statement = [brace.first, lexeme]
                self._base = brace.base
            case _:
                self._add_word(lexeme)

    def _begin_statement(self) -> None:
        self._statement = []
        self._brackets = []
        self._base = None

    def _add_word(self, lexeme: Lexeme) -> None:
        if not self._statement:
            self._base = len(self._parser.parser_state.state_stack) - 1
        self._statement.append(lexeme)
        if lexeme.type in _OPENING:
            self._brackets.append(lexeme)
        elif lexeme.type in _CLOSING:
            self._brackets.pop()

    def _refuse(self, lexeme: Lexeme) -> None:
        """Note that a word does not fit, and go on as well as possible."""
        expected = self._expected()
        if "MERGE" in expected and lexeme.type == "NAME" and lexeme in MERGES:
            self._accept(Lexeme.at("MERGE", lexeme.span))
            return
        situation = Situation(lexeme, expected, self._statement, self._brackets, bool(self._braces))
        diagnostic = explain(situation)
        if self._brace_follows(lexeme, expected):
            self.diagnostics.append(diagnostic)
            self._until_brace = True
            return
        missing = self._missing(lexeme, expected)
        if missing is None:
            self._fail(lexeme, diagnostic)
            return
        self.diagnostics.append(diagnostic)
        self._accept(Lexeme.at(missing, lexeme.span.before()))
        if lexeme.type != "$END":
            self._accept(lexeme)

    def _brace_follows(self, lexeme: Lexeme, expected: frozenset[str]) -> bool:
        """Return whether words that do not fit stand between a head and its ``{``."""
        if "LBRACE" not in expected or self._brackets or lexeme.type in ("_END", "$END", "RBRACE"):
            return False
        if not any(word.type in GROUPS for word in self._statement):
            return False
        rest = self._source.text[lexeme.span.end : self._source.line_end(lexeme.span.end)]
        return "{" in rest.partition("#")[0].partition(";")[0]

    def _missing(self, lexeme: Lexeme, expected: frozenset[str]) -> str | None:
        """Return the kind of a word that, put before one that does not fit, keeps the statement."""
        if lexeme.type in ("_END", "$END", "RBRACE") and "MERGE" in expected:
            return "MERGE"
        # Without its brace, a `train` would lose all its settings, each an unknown layer.
        starts_body = lexeme.type in ("_END", "NAME", "CALL", *GROUPS)
        of_group = any(word.type in GROUPS for word in self._statement)
        complete = not self._brackets and (
            expected == {"LBRACE"} or "COMPARISON" in expected or "AS" in expected
        )
        return "LBRACE" if "LBRACE" in expected and starts_body and of_group and complete else None

    def _fail(self, lexeme: Lexeme, diagnostic: Diagnostic) -> None:
        """Note an error and skip the rest of the statement."""
        self.diagnostics.append(diagnostic)
        self._skipping = True
        self._skipped_braces = 0
        self._skip(lexeme)

    def _skip(self, lexeme: Lexeme) -> None:
        """Pass over a word of a broken statement; stop where the statement ends."""
        if lexeme.type == "LBRACE":
            self._skipped_braces += 1
        elif lexeme.type == "RBRACE" and self._skipped_braces:
            self._skipped_braces -= 1
        elif not self._skipped_braces and (
            lexeme.type == "_END" or (lexeme.type == "RBRACE" and self._braces)
        ):
            self._replace_by_broken()
            self._accept(lexeme)
            return
        self._statement.append(lexeme)

    def _replace_by_broken(self) -> None:
        """Take the unfinished statement back and put BROKEN in its place."""
        if self._base is not None:
            state = self._parser.parser_state
            del state.state_stack[self._base :]
            del state.value_stack[self._base - 1 :]
        span = self._statement[0].span.to(self._statement[-1].span)
        self._parser.feed_token(Lexeme.at("BROKEN", span))
        self._skipping = False
        self._begin_statement()

    def _finish(self) -> Any:
        """Close what is still open and return the result."""
        length = len(self._source.text)
        end = Lexeme.at("$END", Span(self._source, length, length))
        if self._skipping:
            self._replace_by_broken()
        while True:
            if self._statement and not self._can_end():
                self._refuse(end)
                if self._skipping:
                    self._replace_by_broken()
            if not self._braces:
                break
            brace = self._braces[-1].lexeme
            if brace:  # an empty one was put there by the recovery, which has said so
                self.diagnostics.append(never_closed(brace))
            self._accept(Lexeme.at("RBRACE", end.span))
        return self._parser.feed_token(end)

    def _can_end(self) -> bool:
        """Return whether the current statement is complete."""
        closing = "RBRACE" if self._braces else "$END"
        return closing in self._accepted()

    def _accepted(self) -> set[str]:
        """Return the kinds of words that can come next; it takes a copy of the parser's stack."""
        accepted: set[str] = self._parser.accepts()  # type: ignore[no-untyped-call]
        return accepted

    def _expected(self) -> frozenset[str]:
        """Return the kinds of words that could come next."""
        choices: dict[str, Any] = self._parser.choices()  # type: ignore[no-untyped-call]
        return frozenset(kind for kind in choices if kind.isupper())
