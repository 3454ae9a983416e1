"""`tg bench`: a training step here and in other libraries."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import backend_option, data_option, load_net, net_file, set_option
from dsl.cli.tables import print_table

if TYPE_CHECKING:
    from dsl.bench.race import Racer, Result

EPILOG = """\b
Example:
  tg bench lenet5.net
  tg bench lenet5.net --against pytorch,jax --batch 1 --threads 1
"""

PEERS = ("tensorflow", "pytorch", "jax")


def _libraries(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    """Return names that stand with commas between them."""
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    for name in names:
        if name not in PEERS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(PEERS)}", context, option)
    return names


@click.command("bench", epilog=EPILOG)
@net_file
@data_option("Take the shape of the input from this data; examples are random numbers anyway.")
@set_option
@click.option(
    "--against",
    metavar="NAME,NAME",
    callback=_libraries,
    default=",".join(PEERS),
    show_default=True,
    help="The other libraries, as far as they are installed.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Examples in a batch.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Training steps in a round.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Rounds, in each of which the libraries take turns.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads of each library; by default one for each processor.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@backend_option
def command(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    against: tuple[str, ...],
    batch: int | None,
    steps: int,
    rounds: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Time a training step of FILE here and in other libraries.

    What the file does to examples before a step, as by `augment`, is no part of it. All begin with
    the same weights and are given the same random examples, each in a process of its
    own. Times are medians; ratios compare numbers of the same round, and stand with the best and
    the worst of them. A network that is not a chain of layers that all libraries have is timed
    here only.
    """
    from dsl.bench.race import RaceError, race
    from dsl.bench.worker import Request
    from tensorgraph.backends.workers import processors

    net = load_net(file, data, settings)
    request = Request(
        str(file),
        net.input_shape,
        net.classes,
        list(settings),
        batch or net.train.batch,
        threads or processors(),
    )
    try:
        result = race(request, against, steps, rounds, lambda text: click.echo(text, err=True))
    except RaceError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        racers = [racer.to_json() for racer in result.racers]
        click.echo(json.dumps({"racers": racers, "left_out": result.left_out}, indent=2))
        return
    _print(result, f"{net.name}: a training step, batch {request.batch}, {request.threads} threads")


def _print(result: Result, title: str) -> None:
    ours = result.racers[0]
    print_table(
        title,
        ("library", "version", "ms a step", "tensorgraph takes"),
        [_row(racer, ours) for racer in result.racers],
        left=("library", "version"),
    )
    for name, why in result.left_out.items():
        click.echo(f"{name} is left out: {why}")


def _row(racer: Racer, ours: Racer) -> tuple[str, ...]:
    if racer is ours:
        return racer.name, racer.version, f"{racer.ms:.2f}", ""
    ratios = ours.ratios(racer)
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    return (
        racer.name,
        racer.version,
        f"{racer.ms:.2f}",
        f"{statistics.median(ratios):.2f} of it ({spread})",
    )
