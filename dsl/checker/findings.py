"""Collects what is found in a file while it is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice

from dsl.diagnostics import Diagnostic, Edit, Fix, Span
from dsl.layers.definition import Complaint

MAX_REPAIRED_ERRORS = 20
"""With more errors than these in one file, no repairs are looked for."""

MAX_FRAMES = 6
"""How many of the blocks and repetitions around a mistake its message names."""

_MAX_CANDIDATES = 1000


class Findings:
    """The messages about one file, in the order they are found.

    Parameters
    ----------
    diagnostics : iterable of Diagnostic
        The syntax errors.

    Attributes
    ----------
    diagnostics : list of Diagnostic
        Everything found so far.
    errors : int
        How many errors were found. What is wrong in a block is an error each time that the block
        is called, but only said once.
    frames : list of str
        The blocks and repetitions around the statement that is being checked, from the outside.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self.diagnostics = list(diagnostics)
        self.errors = len(self.diagnostics)
        self.frames: list[str] = []
        self._said: set[tuple[str, int, int]] = set()

    @contextmanager
    def inside(self, frame: str) -> Iterator[None]:
        """Say of what is found for a while where it was found: ``"in repetition 3"``."""
        self.frames.append(frame)
        try:
            yield
        finally:
            self.frames.pop()

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        notes: tuple[str, ...] = (),
        fixes: tuple[Fix, ...] = (),
    ) -> None:
        """Note an error; the arguments are those of `Diagnostic`."""
        self.errors += 1
        self._say(Diagnostic(code, message, span, label, notes, fixes=fixes))

    def warning(
        self, code: str, message: str, span: Span, label: str = "", notes: tuple[str, ...] = ()
    ) -> None:
        """Note a warning; the arguments are those of `Diagnostic`."""
        self._say(Diagnostic(code, message, span, label, notes, severity="warning"))

    def adopt(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Note what was found in another file."""
        for diagnostic in diagnostics:
            self.errors += diagnostic.severity == "error"
            self._say(diagnostic)

    def _say(self, diagnostic: Diagnostic) -> None:
        """Keep a message, unless the same place has had it before."""
        span = diagnostic.span
        key = diagnostic.code, id(span.source), span.start
        if key in self._said:
            return
        self._said.add(key)
        if self.frames:
            way = ", ".join(reversed(self.frames[-MAX_FRAMES:]))
            if len(self.frames) > MAX_FRAMES:
                way += f", and {len(self.frames) - MAX_FRAMES} more around it"
            diagnostic = replace(diagnostic, notes=(*diagnostic.notes, way))
        self.diagnostics.append(diagnostic)

    def complaint(self, complaint: Complaint, span: Span, fixes: tuple[Fix, ...] = ()) -> None:
        """Note what a layer's shape rule has found."""
        if complaint.severity == "error":
            self.error(
                complaint.code, complaint.message, span, complaint.label, complaint.notes, fixes
            )
        else:
            self.warning(complaint.code, complaint.message, span, complaint.label, complaint.notes)

    def nearest(self, word: str, span: Span, candidates: Iterable[str]) -> tuple[Fix, ...]:
        """Return the changes that put a similar word in the place of an unknown one.

        The candidates are not even looked at once there are too many errors to repair.
        """
        if self.errors >= MAX_REPAIRED_ERRORS:
            return ()
        known = sorted(islice(candidates, _MAX_CANDIDATES))
        similar = get_close_matches(word.lower(), known, n=3, cutoff=0.6)
        return tuple(Fix(f"did you mean `{s}`?", (Edit(span, s),)) for s in similar)
