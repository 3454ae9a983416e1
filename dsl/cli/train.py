"""`tg train`: from a `.net` file to a trained network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsl.cli.common import (
    PATH,
    backend_option,
    data_option,
    load_examples,
    load_with_data,
    set_option,
)
from dsl.cli.interruption import interruptible

if TYPE_CHECKING:
    from dsl.network import Net
    from dsl.training.callbacks import Callback
    from dsl.training.events import Event
    from dsl.training.run import RunResult, Watch
    from tensorgraph.data import ExampleSet

COUNT = click.IntRange(min=1)


@click.command(
    "train",
    epilog="\b\nExample:\n  tg train examples/lenet5.net --data ~/mnist --epochs 3"
    "\n  tg train --resume runs/lenet5-1",
)
@click.argument("file", type=PATH, required=False)
@data_option("Train on this instead of the file's data: digits, mnist, or a path.")
@click.option("--epochs", type=COUNT, help="How often to go through the data.")
@click.option("--batch", type=COUNT, help="Examples in a step.")
@click.option("--seed", type=click.IntRange(min=0), help="Decides all that is random.")
@set_option
@click.option(
    "--weights", type=PATH, help="Start from the weights of this safetensors file or run."
)
@click.option("--out", type=PATH, help="The run folder. Default: runs/NET-NUMBER.")
@click.option("--resume", type=PATH, help="Go on with the training in this run folder.")
@click.option("--limit", type=COUNT, help="Use only the first N examples of each part.")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    help="Cross-validate: train N times, and measure on the part left out.",
)
@click.option("--tensorboard", type=PATH, help="Write what TensorBoard shows into this folder.")
@click.option(
    "--no-report",
    is_flag=True,
    envvar="TG_NO_REPORT",
    show_envvar=True,
    help="Write no report.html into the run folder.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON and no progress.")
@backend_option
def command(
    file: Path | None,
    data: str | None,
    resume: Path | None,
    folds: int | None,
    tensorboard: Path | None,
    no_report: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train the network in FILE, and keep what came out in a run folder.

    What is given here wins over the file. Ctrl-C stops after the current step and keeps what is
    trained. A training that was stopped or killed goes on with --resume, and ends as if it had
    never stopped.

    With --folds no model is kept: the mean of the scores says what to expect of the file.
    """
    from dsl.cli.progress import conclude, make_reporter

    if folds is not None:
        if file is None or resume is not None or tensorboard is not None:
            raise click.UsageError("--folds needs FILE, and neither --resume nor --tensorboard.")
        _cross_validate(file, data, folds, quiet=quiet, as_json=as_json, **options)
        return
    job = _job(file, data, resume, **options)
    silent = quiet or as_json
    callbacks = _callbacks(job.net, tensorboard)
    reporter = make_reporter(job.net, silent=silent)
    note = (lambda text: None) if silent else click.echo
    with interruptible() as interrupted, reporter:
        result = job.run(reporter.show, interrupted, note, callbacks)
    report, missing = (None, "") if no_report else _report(result, job.examples)
    if as_json:
        click.echo(json.dumps(result.summary, indent=2))
    elif not quiet:
        conclude(result, report)
        if missing:
            click.echo(missing, err=True)


@dataclass(frozen=True)
class _Job:
    """What is to be trained, on what, and the function that does it."""

    net: Net
    examples: ExampleSet
    start: Callable[[Watch], RunResult]

    def run(
        self,
        show: Callable[[Event], None],
        interrupted: Callable[[], bool],
        note: Callable[[str], None],
        callbacks: Sequence[Callback],
    ) -> RunResult:
        from dsl.training.run import Watch

        def warn(text: str) -> None:
            click.echo(f"warning: {text}", err=True)

        return self.start(Watch(show, interrupted, warn, note, callbacks))


def _report(result: RunResult, examples: ExampleSet) -> tuple[Path | None, str]:
    """Write the report; return it, or why there is none: what was trained is kept in any case."""
    from dsl.report import write_report
    from tensorgraph.base.errors import DataError

    try:
        return write_report(result.folder.path, examples), ""
    except DataError as error:
        return None, f"no report: {error}"


def _callbacks(net: Net, tensorboard: Path | None) -> list[Callback]:
    from dsl.training.callbacks import TensorBoard

    if tensorboard is None:
        return []
    if net.train.ensemble > 1:
        raise click.UsageError("--tensorboard shows one model, the file trains an ensemble.")
    return [TensorBoard(tensorboard, histogram_freq=1, write_images=True)]


def _job(file: Path | None, data: str | None, resume: Path | None, **options: Any) -> _Job:
    """Return what the command line asks for."""
    if resume is None:
        if file is None:
            raise click.UsageError("Missing argument 'FILE', or --resume RUN.")
        return _new(file, data, **options)
    given = [value for value in options.values() if value is not None and value != ()]
    if file is not None or given:
        raise click.UsageError(
            "--resume goes on with a training as it was begun: FILE and other options have no"
            " place, but --data may say where the data is now"
        )
    return _continued(resume, data)


def _new(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    out: Path | None,
    limit: int | None,
    **changes: Any,
) -> _Job:
    from dsl.training.run import train

    net, examples, source = _loaded(file, data, settings, **changes)
    return _Job(
        net,
        examples,
        lambda watch: train(
            net, examples, source, out=out, limit=limit, settings=settings, watch=watch
        ),
    )


def _loaded(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    weights: Path | None,
    **changes: Any,
) -> tuple[Net, ExampleSet, str]:
    """Return the network with what the command line changes, the data, and where that is from."""
    from dsl.training.trainer import with_settings
    from dsl.training.transfer import start_from

    net, examples, source = load_with_data(file, data, settings)
    net = with_settings(net, **changes)
    return (net if weights is None else start_from(net, weights)), examples, source


def _cross_validate(
    file: Path,
    data: str | None,
    folds: int,
    *,
    quiet: bool,
    as_json: bool,
    out: Path | None,
    limit: int | None,
    **changes: Any,
) -> None:
    from dsl.cli.folds import run_folds

    net, examples, _ = _loaded(file, data, **changes)
    run_folds(net, examples, folds, out=out, limit=limit, quiet=quiet, as_json=as_json)


def _continued(path: Path, data: str | None) -> _Job:
    from dsl.training.run import resume
    from dsl.training.run_folder import CONFIG, RunFolder
    from dsl.training.stored import load_stored

    folder = RunFolder.open(path, needed=(CONFIG,))
    config = folder.read_config()
    net = load_stored(folder, config)
    examples = load_examples(data or config.data, net, config.reading)
    return _Job(net, examples, lambda watch: resume(path, examples, watch=watch))
