"""`tg tune`: a search for good hyper-parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import PATH, backend_option, data_option, load_with_data, net_file, set_option
from dsl.cli.interruption import interruptible
from dsl.cli.tables import print_table
from dsl.loading import load
from dsl.network import Net
from dsl.settings import VALIDATION_SHARE
from dsl.tuning.settings import METHODS, PRUNERS, SearchSettings

if TYPE_CHECKING:
    from dsl.tuning.search import Search
    from dsl.tuning.trials import Trial, Trials

SHOWN = 10
"""How many of the best trials are printed."""


@click.command(
    "tune",
    epilog="\b\nExample:\n  tg tune digits.net --trials 50 --prune hyperband",
)
@net_file
@data_option("Train on this instead of the file's data: digits, mnist, or a path.")
@set_option
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=SearchSettings.trials,
    show_default=True,
    help="How many trials there are at the end, earlier ones among them.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=SearchSettings.method,
    show_default=True,
    help="A model of the trials so far, chance, or chance first and then around the best.",
)
@click.option(
    "--prune",
    type=click.Choice(PRUNERS),
    default=SearchSettings.prune,
    show_default=True,
    help="How hopeless trials are ended.",
)
@click.option("--score", help="What to improve. Default: val_accuracy, else val_loss.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Decides what is drawn.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N examples.")
@click.option("--out", type=PATH, help="The folder of the search. Default: runs/NET-tune.")
@click.option("--json", "as_json", is_flag=True, help="Print the trials as JSON.")
@backend_option
def command(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    score: str | None,
    limit: int | None,
    out: Path | None,
    as_json: bool,
    trials: int,
    method: str,
    prune: str,
    seed: int,
) -> None:
    """Search good values for the hyper-parameters of FILE.

    They are the constants whose value is choose(…), uniform(…), log_uniform(…) or integer(…). The
    first trial takes the file's own values. A search that was stopped goes on with the same
    command; started several times at once, the processes share the work.
    """
    net, search, folder = _open_search(
        file, data, out, limit, score, SearchSettings(trials, method, prune, "", seed, settings)
    )
    with interruptible() as interrupted:
        for trial in search.run(interrupted):
            if not as_json:
                click.echo(_line(trial, search.trials))
        stopped = interrupted()
    found = search.trials
    _write(folder, found)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        if stopped:
            click.echo("stopped by Ctrl-C; the same command goes on")
        _conclude(file, net, found, folder)


def _open_search(
    file: Path,
    data: str | None,
    out: Path | None,
    limit: int | None,
    score: str | None,
    wanted: SearchSettings,
) -> tuple[Net, Search, Path]:
    """Return the network, the search and its folder."""
    from dsl.training.errors import RunError
    from dsl.training.preparation import prepare_examples

    try:
        from dsl.tuning.search import Search
    except ImportError as error:
        raise RunError(
            f"tg tune needs Optuna ({error}): pip install 'tensorgraph-engine[tune]'"
        ) from None
    net, examples, _ = load_with_data(file, data, wanted.changes)
    shape, classes = examples.input_shape, examples.classes or None

    def make_net(constants: Mapping[str, str]) -> Net:
        return load(file, shape, classes, constants, settings=wanted.changes)

    default = "val_accuracy" if "accuracy" in net.train.metrics else "val_loss"
    folder = out or Path("runs") / f"{net.name}-tune"
    examples = prepare_examples(net, examples, limit, VALIDATION_SHARE)
    wanted = replace(wanted, score=score or default)
    return net, Search(net, make_net, examples, folder, wanted), folder


def _line(trial: Trial, trials: Trials) -> str:
    """Return a trial in one line."""
    values = " ".join(f"{name}={text}" for name, text in trial.values.items())
    score = "" if trial.score is None else f"  {trials.score} {trial.score:.4f}"
    outcome = f"  {trial.outcome}" if trial.outcome else ""
    return f"trial {trial.number:>3}  {values}{score}  {len(trial.curve)} epochs{outcome}"


def _write(folder: Path, trials: Trials) -> None:
    """Write table and plots."""
    from dsl.training.weights import write_file

    write_file(folder / "trials.csv", trials.to_csv())
    for name, plot in trials.draw().items():
        write_file(folder / name, plot)


def _as_json(trials: Trials) -> dict[str, object]:
    best = trials.best
    return {
        "score": trials.score,
        "best": None if best is None else best.number,
        "trials": [asdict(trial) for trial in trials.trials],
    }


def _conclude(file: Path, net: Net, trials: Trials, folder: Path) -> None:
    from dsl.tuning.trials import as_options

    count = len(trials.ranked)
    title = f"{net.name}: the best of {count} trial{'' if count == 1 else 's'}"
    print_table(title, trials.headers, trials.rows(trials.ranked[:SHOWN]))
    if trials.best is not None:
        click.echo(f"best     tg train {file} {as_options(trials.best.values)}")
    click.echo(f"trials   {folder / 'trials.csv'}")
    click.echo(f"plots    {folder}/*.svg")
