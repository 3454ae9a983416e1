"""`tg compare`: runs beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsl.cli.common import PATH
from dsl.cli.tables import print_table


@click.command("compare", epilog="\b\nExample:\n  tg compare runs/lenet5-1 runs/lenet5-2")
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN...")
@click.option("--score", help="What to draw. Default: val_accuracy, or what all runs have.")
@click.option("-o", "--output", type=PATH, default=Path("comparison.svg"), help="The curves.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: tuple[Path, ...], score: str | None, output: Path, as_json: bool) -> None:
    """Show the settings in which each RUN differs from the others, and what they came to.

    The curves of all runs are drawn into one picture.
    """
    from dsl.training.comparison import differing_settings, draw_comparison, read_run, score_rows
    from dsl.training.weights import write_file

    if len(runs) < 2:
        raise click.UsageError("there is nothing to compare with: name two runs or more")
    found = [read_run(path) for path in dict.fromkeys(runs)]
    settings, scores = differing_settings(found), score_rows(found)
    drawn, plot = draw_comparison(found, score)
    write_file(output, plot)
    if as_json:
        result = {
            "runs": [run.name for run in found],
            "settings": {name: values for name, *values in settings},
            "scores": {run.name: run.summary for run in found},
            "curves": str(output),
        }
        click.echo(json.dumps(result, indent=2))
        return
    names = [run.name for run in found]
    if settings:
        print_table("what differs", ("setting", *names), settings, left=("setting",))
    else:
        click.echo("the runs have the same settings")
    print_table("what came out", ("score", *names), scores, left=("score",))
    click.echo(f"curves   {output} ({drawn})")
