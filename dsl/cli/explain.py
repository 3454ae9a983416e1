"""`tg explain`: what the code of a message means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import indent

import click

from dsl.cli.lookup import not_found
from dsl.codes import CODES, Code

_MARGIN = "  "


@click.command("explain", epilog="\b\nExample:\n  tg explain TG201")
@click.argument("codes", metavar="[CODE…]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(codes: tuple[str, ...], as_json: bool) -> None:
    """Say what the CODE of a message means, with a wrong and a right example.

    Without one, list all of them.
    """
    from dsl.reference.messages import said_about

    known = [_look_up(code) for code in codes]
    if as_json:
        chosen = known or CODES.values()
        pages = [_json(code, said_about(code) if known else None) for code in chosen]
        click.echo(json.dumps(pages, indent=2, ensure_ascii=False))
    elif known:
        click.echo("\n\n".join("\n".join(_page(code, said_about(code))) for code in known))
    else:
        for code in CODES.values():
            click.echo(f"{code.code}  {code.meaning}")


def _look_up(text: str) -> Code:
    code = text.upper()
    if code not in CODES:
        raise not_found("code", code, CODES)
    return CODES[code]


def _page(code: Code, said: str) -> Iterator[str]:
    """Yield the lines about a code."""
    yield f"{code.code}: {code.meaning}"
    if code.explanation:
        yield ""
        yield code.explanation
    for name, text in code.files:
        yield ""
        yield f"With {name}:"
        yield indent(text, _MARGIN)
    for title, text in (
        ("Wrong:", code.wrong),
        ("What is said of it:", said),
        ("Right:", code.right),
    ):
        if text:
            yield ""
            yield title
            yield indent(text, _MARGIN)


def _json(code: Code, said: str | None) -> dict[str, object]:
    page: dict[str, object] = {
        "code": code.code,
        "meaning": code.meaning,
        "explanation": code.explanation,
        "wrong": code.wrong,
        "right": code.right,
        "files": dict(code.files),
    }
    return page if said is None else {**page, "said": said}
