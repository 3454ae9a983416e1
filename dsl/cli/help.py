"""`tg help`: the words of the language, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import indent
from typing import TYPE_CHECKING

import click

from dsl.cli.lookup import not_found

if TYPE_CHECKING:
    from dsl.reference.page import Page, Row

_MARGIN = "  "
_WIDEST = 28  # a column of words is not made wider for the sake of a single one


@click.command("help", epilog="\b\nExample:\n  tg help conv")
@click.argument("words", metavar="[WORD…]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(words: tuple[str, ...], as_json: bool) -> None:
    """Say what each WORD of the language means.

    A word is that of a layer, a statement, an optimizer, … Without one, list all of them.
    """
    from dsl.reference.pages import all_pages, pages_about

    if not words:
        pages = all_pages()
        listed = [{"word": p.word, "kind": p.kind, "doc": p.doc} for p in pages]
        click.echo(json.dumps(listed, indent=2) if as_json else "\n".join(_index(pages)))
        return
    found = [page for word in words for page in _look_up(word, pages_about(word))]
    if as_json:
        click.echo(json.dumps([page.to_json() for page in found], indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join("\n".join(_page(page)) for page in found))


def _look_up(word: str, pages: Sequence[Page]) -> Sequence[Page]:
    """Return the pages about a word with their examples worked out; complain if there is none."""
    from dsl.codes import CODES
    from dsl.reference.layers import worked_out
    from dsl.reference.pages import known_words

    if word.upper() in CODES:
        raise click.UsageError(f"`{word}` is the code of a message: tg explain {word.upper()}")
    root = click.get_current_context().find_root().command
    if not pages and isinstance(root, click.Group) and word in root.commands:
        raise click.UsageError(f"`{word}` is a command: tg {word} --help")
    if not pages:
        raise not_found("word", word, known_words())
    return [worked_out(page) for page in pages]


def _index(pages: Sequence[Page]) -> Iterator[str]:
    """Yield the lines of the list of all words."""
    for kind, of_kind in groupby(pages, lambda page: page.kind):
        yield f"{_plural(kind)}:"
        for family, of_family in groupby(of_kind, lambda page: page.family):
            if family:
                yield f"{_MARGIN}{family}:"
            lines = _table([(page.word, page.doc) for page in of_family])
            yield from (f"{_MARGIN}{line}" if family else line for line in lines)
        yield ""
    yield "tg help WORD says more of each."


def _page(page: Page) -> Iterator[str]:
    """Yield the lines about one word."""
    yield f"{page.word} ({page.kind}): {page.doc}"
    yield ""
    yield f"{_MARGIN}{page.usage}"
    for title, rows in (
        ("arguments", page.of_kind("argument")),
        ("options", page.of_kind("option")),
        ("flags", page.of_kind("flag")),
    ):
        if rows:
            yield ""
            yield f"{title}:"
            yield from _table([(row.written, _explained(row)) for row in rows])
    if page.example:
        yield ""
        yield "example:"
        yield indent(page.example, _MARGIN)
    if page.worked is not None:
        worked = page.worked
        yield (
            f"{_MARGIN}# {worked.input} → {worked.output}; {worked.parameters:,} parameters,"
            f" {worked.multiply_adds:,} multiply-adds"
        )


def _explained(row: Row) -> str:
    if row.kind == "argument" and row.default is not None:
        return f"{row.explained}; {row.default} by default"
    return row.explained


def _table(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max((len(word) for word, _ in rows if len(word) <= _WIDEST), default=0)
    for word, text in rows:
        yield f"{_MARGIN}{word:{width}}  {text}"


def _plural(kind: str) -> str:
    special = {"loss": "losses", "property": "properties", "initializer": "initialisers"}
    return special.get(kind, f"{kind}s")
