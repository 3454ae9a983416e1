"""All pages of the help in one list."""

from __future__ import annotations

import re
from functools import cache

from dsl.reference.layers import activation_pages, initializer_pages, layer_pages
from dsl.reference.page import Page
from dsl.reference.statements import expression_pages, statement_pages
from dsl.reference.training import choice_pages, setting_pages


@cache
def all_pages() -> tuple[Page, ...]:
    """Return every page, by kind, in the order in which the help lists them."""
    return (
        *statement_pages(),
        *layer_pages(),
        *activation_pages(),
        *initializer_pages(),
        *expression_pages(),
        *setting_pages(),
        *choice_pages(),
    )


def pages_about(word: str) -> tuple[Page, ...]:
    """Return the pages about a word, of which there may be several, as for `momentum`.

    A word without a page of its own, `stride` or `else` say, may stand behind or inside of others:
    then what it means there is returned, a page for each meaning.
    """
    own = tuple(page for page in all_pages() if page.word == word)
    inside = (page for page in all_pages() if word in re.findall(r"[a-z]+", page.usage))
    return own or _meanings_of(word) or tuple(inside)


def _meanings_of(word: str) -> tuple[Page, ...]:
    """Return a page for each meaning of an option, a flag or an argument."""
    meanings: dict[tuple[str, str], list[str]] = {}
    for page in all_pages():
        for row in page.rows:
            if row.name == word:
                meanings.setdefault((row.kind, row.doc), []).append(page.word)
    return tuple(
        Page(word, kind, f"{word}{'=…' * (kind == 'option')}, of {', '.join(words)}", doc)
        for (kind, doc), words in meanings.items()
    )


def known_words() -> tuple[str, ...]:
    """Return every word that `pages_about` finds something for, the pages' own first."""
    pages = all_pages()
    return tuple(
        dict.fromkeys([*(page.word for page in pages), *(r.name for p in pages for r in p.rows)])
    )
