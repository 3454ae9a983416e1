"""Write the tables of `docs/language.md`: the words of the language, from the checker's tables.

    python docs/make_language.py

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; the rest of the page is
written by hand. A test fails where a table is not what this writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dsl.codes import CODES
from dsl.formatter.ordering import words_in_order
from dsl.layers import LAYERS
from dsl.reference.page import Page, Row
from dsl.reference.pages import all_pages

PAGE = Path(__file__).resolve().parent / "language.md"
TABLE = re.compile(r"(?<=<!-- table: )([a-z ]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def of_kind(kind: str) -> list[Page]:
    """Return the pages of the help about words of one kind."""
    return [page for page in all_pages() if page.kind == kind]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in lines)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def statements() -> str:
    """Return the table of statements."""
    return table(["statement", "meaning"], ([code(p.usage), p.doc] for p in of_kind("statement")))


def layers() -> str:
    """Return the table of layers, by family."""
    rows = (
        [f"`{page.word}`", arguments(page) or "–", options(page) or "–", page.doc]
        for page in of_kind("layer")
    )
    return table(["layer", "behind it", "options (with defaults) and flags", "what it does"], rows)


def arguments(page: Page) -> str:
    """Return what stands behind a layer by its place; what may be left out in brackets."""
    if LAYERS[page.word].merges:
        return "names of values"
    rows = page.of_kind("argument")
    return ", ".join(r.name if r.required else f"[{r.name}]" for r in rows)


def options(page: Page) -> str:
    """Return the options and flags of a layer in canonical order."""
    written = {row.name: row.written for row in page.rows if row.kind != "argument"}
    order = words_in_order(LAYERS[page.word].signature)
    words = " ".join(written[name] for name in order if name in written)
    if LAYERS[page.word].takes_activation:
        words = f"{words} ACTIVATION".strip()
    return f"`{words}`" if words else ""


def choices(kind: str) -> Callable[[], str]:
    """Return what writes the table of the words of one kind."""

    def write() -> str:
        return table(
            ["word", "options (with defaults)", "meaning"],
            (
                [
                    code(page.usage if page.kind in CALLED else page.word),
                    " ".join(f"`{row.written}`" for row in behind(page)) or "–",
                    page.doc,
                ]
                for page in of_kind(kind)
            ),
        )

    return write


CALLED = ("activation", "initializer")
"""The kinds of words whose usage shows their parameters."""


def behind(page: Page) -> Iterable[Row]:
    """Return what stands behind a word, where its usage does not show it."""
    return () if page.kind in CALLED else page.rows


def settings() -> str:
    """Return the table of settings."""
    return table(["setting", "meaning"], ([code(p.usage), p.doc] for p in of_kind("setting")))


def codes() -> str:
    """Return the table of codes."""
    return table(["code", "meaning"], ([c.code, c.meaning] for c in CODES.values()))


def code(usage: str) -> str:
    """Return the ways to write something, each as code."""
    return ", ".join(f"`{way}`" for way in re.split(r", (?=[a-z]+ )", usage))


TABLES: dict[str, Callable[[], str]] = {
    "statements": statements,
    "layers": layers,
    "settings": settings,
    "codes": codes,
    **{
        kind: choices(kind)
        for kind in (
            *("activation", "initializer", "loss", "optimizer", "schedule", "metric"),
            *("preprocess step", "augment step"),
        )
    },
}


def page(text: str) -> str:
    """Return the page with its tables written anew.

    Parameters
    ----------
    text : str
        The page as it is.
    """
    return TABLE.sub(lambda match: f"{match[1]}{match[2]}\n{TABLES[match[1]]()}\n", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
