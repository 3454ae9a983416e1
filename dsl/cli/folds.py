"""`tg train --folds`: cross-validation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsl.cli.interruption import interruptible
from dsl.cli.tables import print_table
from dsl.network import Net

if TYPE_CHECKING:
    from dsl.training.folds import CrossValidation
    from tensorgraph.data import ExampleSet


def run_folds(
    net: Net,
    examples: ExampleSet,
    count: int,
    *,
    out: Path | None,
    limit: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a network once for each fold, and print the mean of the scores.

    Parameters
    ----------
    net : Net
        The network.
    examples : ExampleSet
        The data.
    count : int
        How many folds.
    out : Path or None
        The folder to write to.
    limit : int or None
        How many examples to use.
    quiet, as_json : bool
        Print nothing but errors; print JSON.
    """
    from dsl.cli.progress import make_reporter
    from dsl.training.folds import cross_validate
    from dsl.training.run import Watch

    silent = quiet or as_json
    reporter = make_reporter(net, silent=silent)
    with interruptible() as interrupted, reporter:
        watch = Watch(
            show=reporter.show,
            interrupted=interrupted,
            note=(lambda text: None) if silent else click.echo,
        )
        limited = examples if limit is None else examples.limited(limit)
        result = cross_validate(net, limited, count, out=out, watch=watch)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
    elif not quiet:
        _print(result, count)


def _print(result: CrossValidation, count: int) -> None:
    if result.interrupted:
        click.echo(f"stopped by Ctrl-C after {len(result.folds)} of {count} folds")
    if not result.folds:
        return
    names = tuple(result.means)
    rows = [
        (str(number), *(f"{fold.scores[name]:.4f}" for name in names))
        for number, fold in enumerate(result.folds, 1)
    ]
    rows.append(("mean", *(_spread(result, name) for name in names)))
    headers: Any = ("fold", *names)
    print_table("scores on the fold left out", headers, rows, left=("fold",), total=True)
    click.echo(f"scores   {result.folder.path}")


def _spread(result: CrossValidation, name: str) -> str:
    """Return mean and deviation of a score."""
    mean, deviation = result.means[name], result.deviations[name]
    return f"{mean:.4f}" if math.isnan(deviation) else f"{mean:.4f} ± {deviation:.4f}"
