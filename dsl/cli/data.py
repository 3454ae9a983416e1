"""`tg data`: which data sets there are, what is in them, and how to get them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dsl.cli.common import PATH, load_with_data

if TYPE_CHECKING:
    import numpy as np

    from dsl.steps import AugmentStep
    from tensorgraph.data import ExampleSet
    from tensorgraph.data.known import KnownSet

Function = TypeVar("Function", bound=Callable[..., Any])


def _size(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Return height and width of a size such as ``32x32``; a single number is a square's."""
    if value is None:
        return None
    sides = value.split("x")
    if len(sides) > 2 or not all(side.isdigit() and int(side) for side in sides):
        raise click.BadParameter(f"{value!r} is no size: expected one such as 32x32")
    return int(sides[0]), int(sides[-1])


def reading_options(function: Function) -> Function:
    """Add the options that say how files are read."""
    options = (
        click.option("--target", metavar="COLUMN", help="The column of a table to predict."),
        click.option("--text", metavar="COLUMN", help="The column of a table that holds texts."),
        click.option(
            "--resize", metavar="SIZE", callback=_size, help="Bring images to it, such as 32x32."
        ),
        click.option(
            "--skip-damaged", is_flag=True, help="Leave out images that cannot be decoded."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group("data", epilog="\b\nExample:\n  tg data fetch mnist")
def command() -> None:
    """List, describe, fetch and look at data sets."""


@command.command("list", epilog="\b\nExample:\n  tg data list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Print the data sets that have a name."""
    from tensorgraph.data.known import KNOWN

    records = [_record(known) for known in KNOWN.values()]
    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    rows = [
        (
            record["name"],
            "x".join(map(str, record["input_shape"])),
            f"{len(record['class_names'])}",
            f"{record['train']:,} + {record['test']:,}",
            _bytes(record["bytes"]) if record["bytes"] else "included",
            "yes" if record["folder"] else "no",
            record["licence"].split(" (")[0].split(";")[0],
        )
        for record in records
    ]
    head = ("name", "example", "classes", "train + test", "download", "here", "licence")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


@command.command("info", epilog="\b\nExample:\n  tg data info cifar10")
@click.argument("source", metavar="NAME_OR_PATH")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(source: str, as_json: bool, **options: Any) -> None:
    """Print what is known of a data set, and, if it is on this machine, what is in it."""
    from tensorgraph.data.known import KNOWN

    known = KNOWN.get(source)
    record = _record(known) if known else {"name": source}
    if known is None or record["folder"]:
        record |= _contents(_load(source, options))
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    for key, value in record.items():
        for line in _lines(key, value):
            click.echo(line)


@command.command("fetch", epilog="\b\nExample:\n  tg data fetch mnist fashion_mnist")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--folder", type=PATH, help="Where to put the files of a single set.")
@click.option(
    "--mirror", "mirrors", multiple=True, help="Fetch from this address; may be repeated."
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def fetch(
    names: tuple[str, ...], folder: Path | None, mirrors: tuple[str, ...], quiet: bool
) -> None:
    """Fetch data sets, and check them.

    A download that was broken off goes on where it ended. Files go to $TENSORGRAPH_DATA, or else to
    ~/.cache/tensorgraph, where the commands look for them.
    """
    from tensorgraph.data.download import fetch as fetch_set

    if folder is not None and len(names) > 1:
        raise click.UsageError("--folder is for one set at a time")
    for name in names:
        with _Bar(quiet) as bar:
            place = fetch_set(name, folder=folder, mirrors=mirrors or None, progress=bar.show)
        if not quiet:
            included = not bar.seen
            click.echo(f"{name} is part of tensorgraph" if included else f"{name} is in {place}")


@command.command("show", epilog="\b\nExample:\n  tg data show digits -o digits.png")
@click.argument("source", metavar="NAME_OR_PATH")
@click.option("-o", "--output", type=PATH, default=Path("examples.png"), show_default=True)
@click.option("--count", type=click.IntRange(1, 400), default=25, show_default=True)
@click.option("--part", type=click.Choice(["train", "test", "val"]), default="train")
@click.option("--class", "label", help="Only examples of this class.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Decides which are drawn.")
@reading_options
def show(
    source: str,
    output: Path,
    count: int,
    part: str,
    label: str | None,
    seed: int,
    **options: Any,
) -> None:
    """Draw examples with their labels as a PNG picture.

    Of a .net file, its data are drawn; those to train on as its `augment` changes them.
    """
    from tensorgraph.base.files import write_atomically
    from tensorgraph.data import Augmentation
    from tensorgraph.data.grid import draw_grid

    steps: tuple[AugmentStep, ...] = ()
    if Path(source).suffix == ".net":
        net, examples, _ = load_with_data(Path(source), None)
        steps = net.train.example_steps if part == "train" else ()
    else:
        examples = _load(source, options)
    x, y = getattr(examples, f"x_{part}"), getattr(examples, f"y_{part}")
    chosen = _chosen(examples, part, label, count, seed)
    augmentation = Augmentation(steps, examples.input_shape, examples.classes, seed)
    images, _ = augmentation.batch(x, y, chosen, epoch=1)
    names = [examples.class_names[i] if examples.classes else f"{i:g}" for i in y[chosen]]
    write_atomically(output, draw_grid(images, names))
    click.echo(output)


def _chosen(
    examples: ExampleSet, part: str, label: str | None, count: int, seed: int
) -> np.ndarray[Any, Any]:
    """Return the numbers of some examples of a part, of one class or of all."""
    import numpy as np

    from tensorgraph.base.errors import DataError

    y, names = getattr(examples, f"y_{part}"), examples.class_names
    there = np.arange(len(y))
    if label is not None:
        if label not in names:
            raise DataError(f"{examples.name} has no class {label!r}: {', '.join(names)}")
        there = np.flatnonzero(y == names.index(label))
    if not len(there):
        raise DataError(f"{examples.name} has no such examples in its {part} part")
    result: np.ndarray[Any, Any] = np.random.default_rng(seed).permutation(there)[:count]
    return result


def _load(source: str, options: dict[str, Any]) -> ExampleSet:
    """Return the examples of a source, and print what was left out."""
    from tensorgraph.data import load

    chosen = {key: options[key] for key in ("target", "text", "resize") if options[key]}
    if options["skip_damaged"]:
        chosen["damaged"] = "skip"
    examples = load(source, workers=os.cpu_count() or 1, **chosen)
    for note in examples.notes:
        click.echo(f"note: {note}", err=True)
    return examples


def _record(known: KnownSet) -> dict[str, Any]:
    """Return what is known of a set, for people and for JSON."""
    from tensorgraph.data.known import folder_of

    folder = "part of tensorgraph" if known.packaged else folder_of(known.name)
    return {
        "name": known.name,
        "title": known.title,
        "input_shape": list(known.input_shape),
        "class_names": list(known.class_names),
        "train": known.train,
        "test": known.test,
        "licence": known.licence,
        "page": known.page,
        "bytes": known.size,
        "files": [f"{f.name}  {_bytes(f.size)}  md5 {f.md5}" for f in known.files],
        "mirrors": list(known.mirrors),
        "folder": str(folder) if folder else None,
    }


def _contents(examples: ExampleSet) -> dict[str, Any]:
    """Return what is in a set that was read."""
    import numpy as np

    parts = {"train": examples.y_train, "val": examples.y_val, "test": examples.y_test}
    found: dict[str, Any] = {"input_shape": list(examples.input_shape)}
    found |= {part: len(y) for part, y in parts.items() if len(y)}
    if examples.classes:
        counts = np.bincount(examples.y_train, minlength=examples.classes)
        found["class_names"] = list(examples.class_names)
        found["train_classes"] = [int(count) for count in counts]
    else:
        found["target_range"] = [float(examples.y_train.min()), float(examples.y_train.max())]
    return found


def _lines(key: str, value: Any) -> list[str]:
    """Return an entry in one line, or one a line for long lists."""
    label = f"{key.replace('_', ' '):<14}"
    if value is None:
        return [f"{label} not on this machine"]
    if key == "bytes":
        return [f"{label} {_bytes(value)}"] if value else []
    if key == "input_shape":
        return [f"{label} {'x'.join(map(str, value))}"]
    if isinstance(value, list) and key in ("files", "mirrors"):
        return [f"{label if i == 0 else ' ' * 14} {entry}" for i, entry in enumerate(value)]
    if isinstance(value, list):
        return [f"{label} {', '.join(map(str, value))}"]
    return [f"{label} {value:,}" if isinstance(value, int) else f"{label} {value}"]


def _bytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


class _Bar:
    """A bar a file that moves as it comes, in a terminal; else nothing."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._tasks: dict[str, Any] = {}
        self.seen = False

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TransferSpeedColumn,
        )

        console = Console(quiet=self._quiet, stderr=True)
        self._bar: AbstractContextManager[Any] = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            disable=self._quiet or not console.is_terminal,
        )
        self._progress = self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)

    def show(self, name: str, done: int, total: int) -> None:
        """Move the bar of a file."""
        self.seen = True
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done)
