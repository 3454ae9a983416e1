"""Tries repairs out: a suggestion is printed only if the file with it applied is valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dsl.checker.findings import MAX_REPAIRED_ERRORS
from dsl.diagnostics import Diagnostic, Edit, Fix, Source, apply_edits

MAX_TRIED_TEXT = 1_000_000
"""How many characters may be checked again, over all attempts, to find repairs."""


MAX_TRIED_STATEMENTS = 100_000
"""How many statements may be checked again, those of repetitions and blocks each time."""


def verify(
    source: Source,
    diagnostics: Sequence[Diagnostic],
    statements: int,
    count_errors: Callable[[str], int],
) -> list[Diagnostic]:
    """Return the messages, with help where a repair has proved to work.

    Where a file has several errors, each needs its repair for the file to become valid; the
    repairs are then tried together.

    Parameters
    ----------
    source : Source
        The file. What is wrong in others is not repaired.
    diagnostics : sequence of Diagnostic
        Its messages, with candidates in `fixes`.
    statements : int
        How many statements a check of the file goes through.
    count_errors : callable
        Returns the number of errors of another text.
    """
    diagnostics = [
        replace(d, fixes=tuple(f for f in d.fixes if all(e.span.source is source for e in f.edits)))
        for d in diagnostics
    ]
    errors = [d for d in diagnostics if d.severity == "error"]
    if not errors or len(errors) > MAX_REPAIRED_ERRORS or not all(d.fixes for d in errors):
        return list(diagnostics)
    attempts = min(
        MAX_TRIED_TEXT // max(len(source.text), 1), MAX_TRIED_STATEMENTS // max(statements, 1)
    )
    chosen = _search(source.text, errors, attempts, count_errors)
    if chosen is None:
        return list(diagnostics)
    repaired = dict(zip(map(id, errors), chosen, strict=True))
    return [
        replace(d, help=repaired[id(d)].help, edits=repaired[id(d)].edits)
        if id(d) in repaired
        else d
        for d in diagnostics
    ]


def _search(
    text: str, errors: Sequence[Diagnostic], attempts: int, count_errors: Callable[[str], int]
) -> list[Fix] | None:
    """Return a fix for each error such that all together leave none, None if none is found."""

    def remaining(fixes: Sequence[Fix]) -> int | None:
        nonlocal attempts
        edits: list[Edit] = [edit for fix in fixes for edit in fix.edits]
        repaired = apply_edits(text, edits)
        if repaired is None or attempts <= 0:
            return None
        attempts -= 1
        return count_errors(repaired)

    chosen = [error.fixes[0] for error in errors]
    best = remaining(chosen)
    # One error after the other: the candidate that leaves the fewest errors stays.
    for index, error in enumerate(errors):
        for candidate in error.fixes[1:]:
            if best == 0:
                return chosen
            trial = [*chosen[:index], candidate, *chosen[index + 1 :]]
            left = remaining(trial)
            if left is not None and (best is None or left < best):
                chosen, best = trial, left
    return chosen if best == 0 else None
