"""`tg check`: whether a file is valid."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import data_option, load_net, net_file


@click.command("check", epilog="\b\nExample:\n  tg check lenet5.net")
@net_file
@data_option("Take the shape of the input from this data.")
def command(file: Path, data: str | None) -> None:
    """Check FILE: every mistake in it, with its place, before anything runs.

    The exit code is 0 if the file is valid, else 1.
    """
    net = load_net(file, data)
    count = len(net.layers)
    click.echo(f"{file} is valid: {net.name}, {count} layer{'' if count == 1 else 's'}")
