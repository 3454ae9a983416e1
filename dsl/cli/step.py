"""`tg step`: a page that walks through one forward and one backward pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsl.cli.common import (
    PATH,
    data_option,
    load_examples,
    load_net,
    load_with_data,
    set_option,
)
from dsl.loading import load
from tensorgraph.base.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsl.looking.walk_net import Batch
    from dsl.training.trainer import Trainer
    from tensorgraph.data import ExampleSet


@click.command(
    "step",
    epilog="\b\nExample:\n  tg step examples/digits.net\n  tg step runs/digits-1 --example 7\n"
    "  tg step examples/textbook/x_or_o.net --input examples/textbook/x.csv",
)
@click.argument("file", type=PATH)
@data_option("Take the examples from this data.")
@click.option(
    "--input",
    "given",
    type=PATH,
    help="Take the examples from this image, .npy array or .csv of numbers.",
)
@click.option(
    "--example",
    "number",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The first of the training examples to take, counted from 0.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many examples to take at once.",
)
@click.option("-o", "--output", type=PATH, help="The page. Default: NAME-step.html")
@set_option
def command(
    file: Path,
    data: str | None,
    given: Path | None,
    number: int,
    count: int,
    output: Path | None,
    settings: tuple[str, ...],
) -> None:
    """Walk through one forward and one backward pass of FILE, node by node, on a page.

    FILE is a .net file, whose weights are then the initial ones, or a run folder. Each step shows
    a node's formula with its numbers, and on the way back the gradient that comes in, the rule, and
    where contributions add up. An example with a label (from data) is followed to the loss, one
    without (--input, or random numbers where FILE names no data) to the sum of the results.
    """
    from dsl.looking.walk_net import walk_net
    from dsl.training.weights import write_file

    opened = _open_run if file.is_dir() else _open_file
    trainer, batch = opened(file, data, given, slice(number, number + count), settings)
    target = output or Path(f"{trainer.net.name}-step.html")
    page = walk_net(trainer, batch)
    write_file(target, page.content)
    click.echo(f"wrote {target}: {trainer.net.name} on {batch.title}")


def _open_file(
    file: Path, data: str | None, given: Path | None, part: slice, settings: tuple[str, ...]
) -> tuple[Trainer, Batch]:
    """Return the network of a file as it would begin its training, and the examples."""
    from dsl.looking.walk_net import random_batch
    from dsl.training.preparation import make_trainer
    from dsl.training.trainer import Trainer

    train = load(file, settings=settings).train
    # What is done to examples before they are fed may have to be learnt from the data.
    named = train.data is not None and (given is None or bool(train.preprocess))
    if data is None and not named:
        net = load_net(file, settings=settings)
        trainer = Trainer(net)
        if given is None:
            return trainer, random_batch(net, part.stop - part.start)
        return trainer, _read(given, net.input_shape, part)
    net, examples, _ = load_with_data(file, data, settings)
    trainer = make_trainer(net, examples)
    if given is not None:
        return trainer, _read(given, examples.input_shape, part)
    return trainer, _take(examples, part)


def _open_run(
    folder: Path, data: str | None, given: Path | None, part: slice, settings: tuple[str, ...]
) -> tuple[Trainer, Batch]:
    """Return the network of a run with its weights, and the examples."""
    from dsl.training.run import open_run

    if settings:
        raise click.UsageError("a run folder has its settings; --set is for .net files")
    config, predictor = open_run(folder)
    trainer = predictor.trainer
    if given is not None:
        return trainer, _read(given, config.input_shape, part, config.reading)
    return trainer, _take(load_examples(data or config.data, trainer.net, config.reading), part)


def _take(examples: ExampleSet, part: slice) -> Batch:
    """Return training examples with their labels."""
    from dsl.looking.walk_net import Batch

    labels = examples.y_train[part]
    _check(len(labels), part, len(examples.y_train), examples.name)
    names = [examples.class_names[int(y)] for y in labels] if examples.classes else []
    title = f"{_numbers(part)} of {examples.name}"
    if names:
        title += f", of class {', '.join(names)}"
    return Batch(examples.x_train[part], labels, title)


def _read(path: Path, shape: Shape, part: slice, reading: Mapping[str, Any] | None = None) -> Batch:
    """Return the examples of a file, which have no labels."""
    from dsl.looking.walk_net import Batch
    from dsl.training.errors import RunError
    from dsl.training.inputs import read_examples

    if shape is None or None in shape:
        raise RunError("the shape of the input is not fixed: write `input HEIGHTxWIDTHxCHANNELS`")
    found = read_examples(path, tuple(size for size in shape if size is not None), reading)
    _check(len(found[part]), part, len(found), str(path))
    title = path.name if len(found) == 1 else f"{_numbers(part)} of {path.name}"
    return Batch(found[part], None, title)


def _check(got: int, part: slice, count: int, name: str) -> None:
    from dsl.training.errors import RunError

    if got < part.stop - part.start:
        raise RunError(f"{name} has {count:,} examples: there is no number {part.stop - 1}")


def _numbers(part: slice) -> str:
    single = part.stop - part.start == 1
    return f"example {part.start}" if single else f"examples {part.start} to {part.stop - 1}"
