"""`tg summary`: shapes, parameters and costs, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsl.cli.common import data_option, load_net, net_file
from dsl.summary import HEADERS, Summary, summarize

LEFT_ALIGNED = ("layer", "output")


@click.command("summary", epilog="\b\nExample:\n  tg summary lenet5.net --json")
@net_file
@data_option("Take the shape of the input from this data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, data: str | None, as_json: bool) -> None:
    """Show what each layer of FILE costs.

    Parameters include the statistics of batch normalisation. Multiply-adds and memory (of the
    outputs, in float32) are for one example. The last column is the receptive field: how much of
    the input image one output sees.
    """
    result = summarize(load_net(file, data))
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
    else:
        _print_table(result)


def _print_table(result: Summary) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=result.net, box=box.SIMPLE_HEAD, title_justify="left")
    for name in HEADERS:
        table.add_column(name, justify="left" if name in LEFT_ALIGNED else "right", no_wrap=True)
    *rows, total = result.rows()
    for row in rows:
        table.add_row(*row)
    table.add_section()
    table.add_row(*total, style="bold")
    console = Console(markup=False, highlight=False)
    # A table that is written to a file or a pipe must not be cut to the width of a terminal.
    console.print(table, width=None if console.is_terminal else 200)
