"""Reads text by the grammar in ``net.lark``, and goes on after an error.

The parser is Lark's LALR(1) one, driven word by word. Where a word does not fit, the error is
noted, the unfinished statement is taken back, and reading goes on behind its end ("panic mode"),
so that one pass finds every syntax error of a file and keeps every statement without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

from lark import Lark, Transformer
from lark.exceptions import UnexpectedToken

from dsl.diagnostics import Diagnostic, Source, Span
from dsl.grammar.lexemes import Lexeme
from dsl.grammar.syntax_errors import MAX_NESTING, Situation, explain, never_closed, too_deep

_OPENING = frozenset(["LPAR", "_LPAR", "LSQB"])
_CLOSING = frozenset(["RPAR", "RSQB"])


def build_parser(builder: Transformer[Lexeme, Any]) -> Lark:
    """Return a parser that calls the methods of `builder` for each rule it completes."""
    text = resources.files("dsl.grammar").joinpath("net.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="basic", maybe_placeholders=False, transformer=builder)


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
        self._parser = parser.parse_interactive(source.text)
        self._statement: list[Lexeme] = []  # the words of the current statement
        self._brackets: list[Lexeme] = []  # those of them that are open brackets
        self._braces: list[_Brace] = []  # the open `{` around the statement
        self._base: int | None = None  # the parser's height where the statement begins
        self._skipping = False
        self._skipped_braces = 0  # how many `{` were opened since skipping began
        self._behind_later_group = False

    def run(self) -> Any:
        state = self._parser.parser_state
        for token in self._parser.lexer_thread.lex(state):  # type: ignore[no-untyped-call]
            lexeme = Lexeme.of(token, self._source)
            if self._skipping or self._continues_later_group(lexeme):
                self._skip(lexeme)
            else:
                self._accept(lexeme)
        return self._finish()

    def _accept(self, lexeme: Lexeme) -> None:
        """Give a word to the parser; start skipping where it does not fit."""
        if lexeme.type in _OPENING and len(self._brackets) >= MAX_NESTING:
            self._fail(lexeme, too_deep(lexeme))
            return
        try:
            self._parser.feed_token(lexeme)
        except UnexpectedToken:
            self._refuse(lexeme)
            return
        match lexeme.type:
            case "_END":
                # `train`, a line end, `{` is one statement.
                if [word.type for word in self._statement] != ["TRAIN"]:
                    self._begin_statement()
            case "_LBRACE":
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
        situation = Situation(
            lexeme,
            self._expected(),
            self._statement,
            self._brackets,
            bool(self._braces),
        )
        diagnostic = explain(situation)
        if situation.expected == {"_END", "_LBRACE"} and lexeme.type != "$END":
            # Without its brace, each setting of `train` would be taken for an unknown layer.
            self.diagnostics.append(diagnostic)
            self._accept(Lexeme.at("_LBRACE", lexeme.span.before()))
            self._accept(lexeme)
        else:
            self._fail(lexeme, diagnostic)

    def _fail(self, lexeme: Lexeme, diagnostic: Diagnostic) -> None:
        """Note an error and skip the rest of the statement."""
        self.diagnostics.append(diagnostic)
        self._skipping = True
        self._skipped_braces = 0
        self._behind_later_group = lexeme.type == "LATER"
        self._skip(lexeme)

    def _skip(self, lexeme: Lexeme) -> None:
        """Pass over a word of a broken statement; stop where the statement ends."""
        if lexeme.type == "_LBRACE":
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

    def _continues_later_group(self, lexeme: Lexeme) -> bool:
        """Return whether a word belongs to a skipped statement such as ``if { }`` before it."""
        if lexeme.type == "_END":
            return False
        belongs = self._behind_later_group and (
            lexeme.type == "_LBRACE" or lexeme in ("else", "shortcut")
        )
        self._behind_later_group = self._skipping = belongs
        return belongs

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
        elif self._statement and not self._can_end():
            self._refuse(end)
            self._replace_by_broken()
        for brace in reversed(self._braces):
            if brace.lexeme:  # an empty one was put there by the recovery, which has said so
                self.diagnostics.append(never_closed(brace.lexeme))
            self._parser.feed_token(Lexeme.at("RBRACE", end.span))
        return self._parser.feed_token(end)

    def _can_end(self) -> bool:
        """Return whether the current statement is complete."""
        closing = "RBRACE" if self._braces else "$END"
        return closing in self._parser.accepts()  # type: ignore[no-untyped-call]

    def _expected(self) -> frozenset[str]:
        """Return the kinds of words that could come next."""
        choices: dict[str, Any] = self._parser.choices()  # type: ignore[no-untyped-call]
        return frozenset(kind for kind in choices if kind.isupper())
