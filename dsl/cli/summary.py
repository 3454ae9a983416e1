"""`tg summary`: shapes, parameters and costs, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsl.cli.common import data_option, load_net, net_file, set_option
from dsl.cli.tables import print_table
from dsl.slide import HEADERS as SLIDE_HEADERS
from dsl.slide import slide_rows
from dsl.summary import HEADERS, Summary, summarize

LEFT_ALIGNED = ("layer", "output", "activation size")


@click.command("summary", epilog="\b\nExample:\n  tg summary lenet5.net --json")
@net_file
@data_option("Take the shape of the input from this data.")
@set_option
@click.option("--table", "as_slide", is_flag=True, help="Print the table that lectures show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: Path, data: str | None, settings: tuple[str, ...], as_slide: bool, as_json: bool
) -> None:
    """Show what each layer of FILE costs.

    Parameters include the statistics of batch normalisation, which are not trained. Multiply-adds
    and memory (of the outputs, in float32) are for one example. The last column is the receptive
    field: how much of the input image one output sees.

    With --table, memory is the number of values, and weights are counted without biases.
    """
    if as_slide and as_json:
        raise click.UsageError("--table and --json exclude each other")
    net = load_net(file, data, settings)
    if as_slide:
        print_table(net.name, SLIDE_HEADERS, slide_rows(net), left=LEFT_ALIGNED, total=True)
        return
    result = summarize(net)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
    else:
        print_table(
            result.net,
            HEADERS,
            result.rows(),
            left=LEFT_ALIGNED,
            total=True,
            below=_trained(result),
        )


def _trained(result: Summary) -> str | None:
    """Return how many parameters are trained and how many not, where there are both."""
    if not result.non_trainable:
        return None
    return f"{result.trainable:,} trained, {result.non_trainable:,} not trained"
