"""What is said about a `.net` file: positions, messages with a caret, the error that holds them.

A `Diagnostic` is plain data. It renders itself as the page on messages in the language reference
shows, and as a dictionary for programs.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_TAB = " " * 4
_LONGEST_LINE = 200  # columns of a source line that a message shows
_LONGEST_TEXT = 1000  # characters of each part of a message


class Source:
    """The text of one file, with its lines.

    Parameters
    ----------
    name : str
        The name that messages show, usually the path.
    text : str
        The whole text.

    Attributes
    ----------
    name, text : str
        As given.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, both counted from 1, of the character at an offset.

        An offset beyond the text is taken as its end, so that no position lies outside.
        """
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_end(self, offset: int) -> int:
        """Return the offset of the end of the line that the character at an offset stands on."""
        number = bisect_right(self._line_starts, offset)
        return self._line_starts[number] if number < len(self._line_starts) else len(self.text)

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its end."""
        start = self._line_starts[number - 1]
        after = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[start:after].rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source: the characters from `start` up to, but not including, `end`."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """The line it starts on, counted from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column it starts at, counted from 1."""
        return self.source.position(self.start)[1]

    @property
    def location(self) -> str:
        """``FILE:LINE:COLUMN`` of its start."""
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of another."""
        return Span(self.source, self.start, other.end)

    def before(self) -> Span:
        """Return the empty span right before this one."""
        return Span(self.source, self.start, self.start)

    def after(self) -> Span:
        """Return the empty span right behind this one."""
        return Span(self.source, self.end, self.end)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the text: what stands at `span` becomes `replacement`."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that may repair an error, and the sentence that offers it.

    It is a candidate only: the sentence is printed once the file with the edits applied has been
    checked again and found valid.
    """

    help: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message about a place in a file.

    Attributes
    ----------
    code : str
        Such as ``TG201``; `dsl.codes` explains each.
    message : str
        What is wrong, in one line.
    span : Span
        Where.
    label : str
        What stands beside the caret: mostly what was expected and what was received.
    notes : tuple of str
        Facts that help to understand it.
    help : str
        A repair that has been checked; empty where there is none.
    edits : tuple of Edit
        The same repair as changes of the text.
    fixes : tuple of Fix
        Repairs that have not been checked yet, the best first.
    severity : str
        ``"error"`` or ``"warning"``.
    """

    code: str
    message: str
    span: Span
    label: str = ""
    notes: tuple[str, ...] = ()
    help: str = ""
    edits: tuple[Edit, ...] = ()
    fixes: tuple[Fix, ...] = field(default=(), repr=False)
    severity: Severity = "error"

    def render(self) -> str:
        """Return the message as people read it, with the line and a caret."""
        line_number, column = self.span.source.position(self.span.start)
        gutter = " " * (len(str(line_number)) + 2)
        text, caret, width = _excerpt(self.span, column)
        rows = [
            f"{self.severity}[{self.code}]: {_shortened(self.message)}",
            f"{gutter[1:]}--> {self.span.location}",
            f"{gutter}|",
            f" {line_number} | {text}".rstrip(),
            f"{gutter}| {' ' * caret}{'^' * width} {_shortened(self.label)}".rstrip(),
        ]
        if self.notes or self.help:
            rows.append(f"{gutter}|")
        rows += [f"note: {_shortened(note)}" for note in self.notes]
        if self.help:
            rows.append(f"help: {_shortened(self.help)}")
        return "\n".join(rows)

    def to_json(self) -> dict[str, Any]:
        """Return the message as a dictionary of strings, numbers and lists."""
        source = self.span.source
        line, column = source.position(self.span.start)
        end_line, end_column = source.position(self.span.end)
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": source.name,
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "label": self.label,
            "notes": list(self.notes),
            "help": self.help,
            "edits": [
                {"start": e.span.start, "end": e.span.end, "replacement": e.replacement}
                for e in self.edits
            ],
        }


class NetError(Exception):
    """A file is not valid; ``str()`` gives every message about it.

    Parameters
    ----------
    diagnostics : iterable of Diagnostic
        At least one error; warnings may be among them.

    Attributes
    ----------
    diagnostics : tuple of Diagnostic
        The messages, in the order of the file.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return render_all(self.diagnostics)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The messages that are errors."""
        return tuple(d for d in self.diagnostics if d.severity == "error")


def render_all(diagnostics: Iterable[Diagnostic]) -> str:
    """Return several messages one below the other, with an empty line between two."""
    return "\n\n".join(d.render() for d in diagnostics)


def in_file_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return messages by their place in the file."""
    return sorted(diagnostics, key=lambda d: (d.span.start, d.span.end, d.code))


def apply_edits(text: str, edits: Iterable[Edit]) -> str | None:
    """Return a text with changes made, or None where two of them overlap.

    Parameters
    ----------
    text : str
        The text that the edits' spans refer to.
    edits : iterable of Edit
        In any order; an edit that is given twice is made once, and of two at the same place the
        one that is given first comes first.
    """
    pieces: list[str] = []
    done = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda e: (e.span.start, e.span.end)):
        if edit.span.start < done:
            return None
        pieces += [text[done : edit.span.start], edit.replacement]
        done = edit.span.end
    return "".join([*pieces, text[done:]])


def quoted(words: Sequence[str], last: str = "or") -> str:
    r"""Return words in backquotes as a phrase: ``\\`a\\`, \\`b\\` or \\`c\\```."""
    names = [f"`{word}`" for word in words]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _shortened(text: str) -> str:
    """Return a text without its middle, where it is very long: it quotes what a file says."""
    if len(text) <= _LONGEST_TEXT:
        return text
    half = _LONGEST_TEXT // 2
    return f"{text[:half]} … {text[-half:]}"


def _excerpt(span: Span, column: int) -> tuple[str, int, int]:
    """Return the line to show, how far in the caret stands and how wide it is, in cells."""
    line = span.source.line(span.line)
    start = min(column - 1, len(line))
    end = min(start + max(span.end - span.start, 1), max(len(line), start + 1))
    # Of a very long line only the surroundings of the caret are shown.
    first = max(0, start - _LONGEST_LINE // 2) if len(line) > _LONGEST_LINE else 0
    last = first + _LONGEST_LINE
    shown = [_visible(char) for char in line[first:last]]
    cells = [_cells(char) for char in shown]
    caret = sum(cells[: start - first])
    width = sum(cells[start - first : end - first])
    return "".join(shown), caret, max(width, 1)


def _visible(char: str) -> str:
    """Return a character as a terminal can show it within a line."""
    if char == "\t":
        return _TAB
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cs") else char


def _cells(shown: str) -> int:
    """Return how many cells of a terminal a shown character takes."""
    if shown == _TAB:
        return len(_TAB)
    if unicodedata.combining(shown) or unicodedata.category(shown) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(shown) in ("W", "F") else 1
