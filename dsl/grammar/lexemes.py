"""The words that the parser reads: Lark's tokens, each with its span in the source."""

from __future__ import annotations

from lark import Token

from dsl.diagnostics import Source, Span


class Lexeme(Token):
    """A token that knows its span.

    Attributes
    ----------
    span : Span
        Where it stands.
    whole : str
        What messages call the text that it is part of.
    """

    span: Span
    whole: str = "file"

    @classmethod
    def at(cls, kind: str, span: Span) -> Lexeme:
        """Return the lexeme of a kind that consists of the span's text."""
        lexeme = cls(kind, span.text, span.start)
        lexeme.span = span
        return lexeme

    @classmethod
    def of(cls, token: Token, source: Source) -> Lexeme:
        """Return a token of Lark's lexer as a lexeme."""
        start = token.start_pos or 0
        return cls.at(token.type, Span(source, start, start + len(token)))

    @property
    def shown(self) -> str:
        """How a message speaks of it."""
        if self.type == "_END":
            return "`;`" if self.startswith(";") else "the end of the line"
        if self.type == "$END":
            return f"the end of the {self.whole}"
        return f"`{self}`" if self.isprintable() else f"the character U+{ord(self[0]):04X}"
