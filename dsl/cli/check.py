"""`tg check`: whether files are valid."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import PATH, data_option, load_net, set_option
from dsl.diagnostics import NetError


@click.command("check", epilog="\b\nExample:\n  tg check lenet5.net examples/zoo/*.net")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
@data_option("Take the shape of the input from this data.")
@set_option
def command(files: tuple[Path, ...], data: str | None, settings: tuple[str, ...]) -> int:
    """Check each FILE: every mistake in it, with its place, before anything runs.

    The exit code is 0 if all files are valid, else 1.
    """
    code = 0
    for file in files:
        try:
            net = load_net(file, data, settings)
        except NetError as error:
            click.echo(str(error), err=True)
            code = 1
            continue
        count = len(net.layers)
        click.echo(f"{file} is valid: {net.name}, {count} layer{'' if count == 1 else 's'}")
    return code
