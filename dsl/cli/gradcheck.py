"""`tg gradcheck`: every parameter's gradient against central differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import data_option, load_net, net_file, set_option

if TYPE_CHECKING:
    from tensorgraph.testing import Comparison


@click.command("gradcheck", epilog="\b\nExample:\n  tg gradcheck lenet5.net --elements 100")
@net_file
@data_option("Take the shape of the input from this data.")
@set_option
@click.option(
    "--elements",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many elements of each parameter to compare.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Chooses weights and elements.")
def command(
    file: Path, data: str | None, settings: tuple[str, ...], elements: int, seed: int
) -> int:
    """Check the gradient of every parameter of FILE against central differences, in float64.

    The exit code is 0 if all agree, else 1.
    """
    from dsl.training.gradient_check import check_net

    net = load_net(file, data, settings)
    results = []
    for layer, comparisons in check_net(net, elements=elements, seed=seed):
        right = all(c.ok for c in comparisons)
        results.append(right)
        click.echo(f"{'ok   ' if right else 'WRONG'} {layer}: {_verdicts(comparisons)}")
    click.echo(f"{sum(results)} of {len(results)} layers agree with central differences")
    return 0 if all(results) else 1


def _verdicts(comparisons: Sequence[Comparison]) -> str:
    """Return what was found for each variable of a layer, in one line."""
    names = (c.x.rpartition("/")[2].partition(":")[0] for c in comparisons)
    return "; ".join(f"{n} {c.verdict}" for n, c in zip(names, comparisons, strict=True))
