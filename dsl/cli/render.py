"""`tg render`: a picture of the graph."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import PATH, data_option, load_net, net_file


@click.command("render", epilog="\b\nExample:\n  tg render lenet5.net -o lenet5.svg --gradients")
@net_file
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="Where to write; the ending says what: .svg, .png, .pdf or .dot. Default: FILE's name.svg",
)
@click.option("--gradients", is_flag=True, help="Draw loss, gradients and updates too.")
@data_option("Take the shape of the input from this data.")
def command(file: Path, output: Path | None, gradients: bool, data: str | None) -> None:
    """Draw the graph of FILE, layers as clusters, shapes on the edges."""
    from dsl.training.pictures import write_picture

    target = output or Path(f"{file.stem}.svg")
    net = load_net(file, data)
    path, note = write_picture(target, net, gradients=gradients)
    click.echo(f"wrote {path}")
    if note:
        click.echo(note, err=True)
