"""What `tg help` and `tg explain` share: the answer to a word that is in no list."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import click

from dsl.diagnostics import quoted


def not_found(what: str, word: str, known: Iterable[str]) -> click.UsageError:
    """Return the error about a word that is not known, with the nearest ones.

    Parameters
    ----------
    what : str
        What it should be: ``"code"``.
    word : str
        The word.
    known : iterable of str
        The words that there are.
    """
    nearest = get_close_matches(word, sorted(set(known)), n=3, cutoff=0.5)
    hint = f"; did you mean {quoted(nearest)}?" if nearest else ""
    return click.UsageError(f"there is no {what} `{word}`{hint}")
