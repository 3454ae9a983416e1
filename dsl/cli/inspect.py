"""`tg inspect`: why a trained network decides as it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import PATH, load_examples, run_folder

if TYPE_CHECKING:
    from dsl.looking.probe import Array, Probe
    from dsl.training.run_folder import RunConfig


@click.command(
    "inspect",
    epilog="\b\nExamples:\n  tg inspect runs/lenet5-1 seven.png\n"
    "  tg inspect runs/lenet5-1 --example 0 --example 8 --class 3 --unit conv_1:4,4",
)
@run_folder
@click.argument("files", type=PATH, nargs=-1, metavar="[IMAGE]...")
@click.option(
    "--example",
    "numbers",
    type=click.IntRange(min=0),
    multiple=True,
    help="Add this example of the test part, counted from 0; may be repeated.",
)
@click.option("--class", "name", help="Explain this class. Default: the one that is chosen.")
@click.option(
    "--unit",
    metavar="LAYER[:ROW,COLUMN[,CHANNEL]]",
    help="Show which part of the image this unit of the network sees.",
)
@click.option("-o", "--output", type=PATH, help="The page. Default: RUN/inspect.html")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    run: Path,
    files: tuple[Path, ...],
    numbers: tuple[int, ...],
    name: str | None,
    unit: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show why the network in RUN takes each IMAGE for what it does, on one page.

    The page has the probabilities, saliency, integrated gradients, a class activation map,
    occlusion, and what each layer makes of the image. An IMAGE is brought to the size and colours
    of the network's input; a .npy array may hold several.
    """
    from dsl.looking.inspect_page import MAX_IMAGES, make_page
    from dsl.looking.inspection import inspect
    from dsl.looking.opening import open_probe
    from dsl.looking.receptive_field import Unit
    from dsl.training.errors import RunError
    from dsl.training.weights import write_file

    if not files and not numbers:
        raise click.UsageError("name an IMAGE, or an --example of the test part")
    config, probe, note = open_probe(run)
    of = None if name is None else probe.number_of(name)
    chosen = None if unit is None else Unit.parse(probe.net, unit)
    images = _read(files, numbers, config, probe)
    if len(images) > MAX_IMAGES:
        raise RunError(f"{len(images)} images are too many for a page: at most {MAX_IMAGES} fit")
    found = [inspect(probe, title, image, of, chosen) for title, image in images]
    target = output or run / "inspect.html"
    write_file(target, make_page(probe, found, str(run), note).encode())
    if as_json:
        records = [one.to_json(probe.names) for one in found]
        click.echo(json.dumps({"page": str(target), "images": records}, indent=2))
        return
    for one in found:
        best = int(one.outcomes.argmax())
        click.echo(f"{one.name}: {probe.names[best]}  {one.outcomes[best]:.4g}")
    click.echo(f"page     {target}")


def _read(
    files: tuple[Path, ...], numbers: tuple[int, ...], config: RunConfig, probe: Probe
) -> list[tuple[str, Array]]:
    """Return all images with their names.

    Raises
    ------
    DataError
        If one cannot be read, or the network takes no images.
    """
    from dsl.looking.drawing import is_image
    from dsl.training.errors import RunError
    from dsl.training.inputs import read_examples

    if not is_image(config.input_shape):
        raise RunError(
            f"the network takes examples of shape {config.input_shape}, which are no images:"
            " expected (height, width, 1 or 3)"
        )
    found = []
    for file in files:
        examples = read_examples(file, config.input_shape, config.reading)
        for index, image in enumerate(examples):
            found.append((f"{file}[{index}]" if len(examples) > 1 else str(file), image))
    if numbers:
        examples_of = load_examples(config.data, probe.net, config.reading)
        x, y = examples_of.x_test, examples_of.y_test
        for number in numbers:
            if number >= len(x):
                raise RunError(f"{examples_of.name} has {len(x)} test examples, counted from 0")
            labelled = examples_of.classes > 0 and y.ndim == 1
            label = f", which is {examples_of.class_names[y[number]]}" if labelled else ""
            found.append((f"test example {number}{label}", x[number : number + 1][0]))
    return found
