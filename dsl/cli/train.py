"""`tg train`: from a `.net` file to a trained network."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from dsl.cli.common import PATH, data_option, load_with_data, net_file

COUNT = click.IntRange(min=1)


@click.command(
    "train",
    epilog="\b\nExample:\n  tg train examples/lenet5.net --data ~/mnist --epochs 3",
)
@net_file
@data_option("Train on this instead of the file's data: digits, mnist, or a path.")
@click.option("--epochs", type=COUNT, help="How often to go through the data.")
@click.option("--batch", type=COUNT, help="Examples in a step.")
@click.option("--seed", type=click.IntRange(min=0), help="Decides all that is random.")
@click.option("--out", type=PATH, help="The run folder. Default: runs/NET-NUMBER.")
@click.option("--limit", type=COUNT, help="Use only the first N examples of each part.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON and no progress.")
def command(
    file: Path,
    data: str | None,
    epochs: int | None,
    batch: int | None,
    seed: int | None,
    out: Path | None,
    limit: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train the network in FILE, and keep what came out in a run folder.

    What is given here wins over the file. Ctrl-C stops after the current step and keeps what is
    trained.
    """
    from dsl.cli.progress import conclude, make_reporter
    from dsl.training.run import train
    from dsl.training.trainer import with_settings

    net, examples, source = load_with_data(file, data)
    net = with_settings(net, epochs=epochs, batch=batch, seed=seed)
    reporter = make_reporter(net, silent=quiet or as_json)
    with interruptible() as interrupted, reporter:
        result = train(
            net,
            examples,
            source,
            out=out,
            limit=limit,
            show=reporter.show,
            interrupted=interrupted,
        )
    if as_json:
        click.echo(json.dumps(result.summary, indent=2))
    elif not quiet:
        conclude(result)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request to stop; the second one interrupts at once.

    Yields a function that returns whether a stop was asked for.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        del number, frame
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
