"""Collects what is found in a file while it is checked."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from dsl.diagnostics import Diagnostic, Edit, Fix, Span
from dsl.layers.definition import Complaint

MAX_REPAIRED_ERRORS = 20
"""With more errors than these in one file, no repairs are looked for."""

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
        How many of them are errors.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self.diagnostics = list(diagnostics)
        self.errors = len(self.diagnostics)

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
        self.diagnostics.append(Diagnostic(code, message, span, label, notes, fixes=fixes))

    def warning(
        self, code: str, message: str, span: Span, label: str = "", notes: tuple[str, ...] = ()
    ) -> None:
        """Note a warning; the arguments are those of `Diagnostic`."""
        self.diagnostics.append(Diagnostic(code, message, span, label, notes, severity="warning"))

    def complaint(self, complaint: Complaint, span: Span, fixes: tuple[Fix, ...] = ()) -> None:
        """Note what a layer's shape rule has found."""
        if complaint.severity == "error":
            self.error(
                complaint.code, complaint.message, span, complaint.label, complaint.notes, fixes
            )
        else:
            self.warning(complaint.code, complaint.message, span, complaint.label, complaint.notes)

    def later(self, what: str, span: Span) -> None:
        """Note the use of something that the language has, but this version has not."""
        self.error(
            "TG106",
            f"`{what}` is not in this version",
            span,
            "a word of the language that this version does not understand yet",
        )

    def nearest(self, word: str, span: Span, candidates: Iterable[str]) -> tuple[Fix, ...]:
        """Return the changes that put a similar word in the place of an unknown one.

        The candidates are not even looked at once there are too many errors to repair.
        """
        if self.errors >= MAX_REPAIRED_ERRORS:
            return ()
        known = sorted(islice(candidates, _MAX_CANDIDATES))
        similar = get_close_matches(word.lower(), known, n=3, cutoff=0.6)
        return tuple(Fix(f"did you mean `{s}`?", (Edit(span, s),)) for s in similar)
