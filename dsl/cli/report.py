"""`tg report`: a page with all that there is to see of a training."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import PATH, data_option, load_examples, run_folder


@click.command("report", epilog="\b\nExample:\n  tg report runs/lenet5-1")
@run_folder
@data_option("Take the examples from here instead of the data of the training.")
@click.option("-o", "--output", type=PATH, help="Where to write. Default: RUN/report.html")
def command(run: Path, data: str | None, output: Path | None) -> None:
    """Write a page about the training in RUN: one file, for any browser, without network.

    It has the curves, the network, what was taken for what, the most confident mistakes, filters
    and feature maps, weights and gradients over time, the time of each layer, and all settings.
    """
    from dsl.report import NEEDED, write_report
    from dsl.training.run_folder import RunFolder
    from dsl.training.stored import load_stored
    from tensorgraph.base.errors import DataError

    folder = RunFolder.open(run, NEEDED)
    config = folder.read_config()
    net = load_stored(folder, config)
    examples = None
    try:
        examples = load_examples(data or config.data, net, config.reading)
    except (DataError, OSError) as error:
        if data is not None:
            raise
        click.echo(f"warning: without examples: {error}", err=True)
    click.echo(f"wrote {write_report(run, examples, output)}")
