"""`tg predict`: what a trained network makes of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsl.cli.common import PATH, backend_option, run_folder

if TYPE_CHECKING:
    import numpy as np


@click.command("predict", epilog="\b\nExample:\n  tg predict runs/lenet5-1 seven.png more.npy")
@run_folder
@click.argument("files", type=PATH, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all probabilities.")
@backend_option
def command(run: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Print class and probability, or the values, for each of FILES.

    A file is an image (brought to the size and colours of the network's input) or a .npy array of
    one example or several. Integers are taken for pixels from 0 to 255, floats as they are. For a
    network that was trained on a table or on texts, a file is a table, or has a text on each line.
    """
    from dsl.training.inputs import read_examples
    from dsl.training.run import open_run

    config, predictor = open_run(run)
    results: list[dict[str, Any]] = []
    for file in files:
        examples = read_examples(file, config.input_shape, config.reading)
        for index, row in enumerate(predictor.predict(examples)):
            name = str(file) if len(examples) == 1 else f"{file}[{index}]"
            answer = {"file": name, **_answer(row, config.class_names)}
            results.append(answer)
            if as_json:
                continue
            if "class" in answer:
                chance = f"{answer['probability']:.2%}".replace("%", " %")
                click.echo(f"{name}: {answer['class']}  {chance}")
            else:
                click.echo(f"{name}: {' '.join(f'{value:.6g}' for value in answer['values'])}")
    if as_json:
        click.echo(json.dumps(results, indent=2))


def _answer(row: np.ndarray[Any, Any], class_names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a result says: a class with its probability, or values."""
    values = [float(value) for value in row.reshape(-1)]
    if not class_names or len(values) < len(class_names) - (len(class_names) == 2):
        return {"values": values}
    if len(values) == 1:  # the probability of the second of two classes
        values = [1.0 - values[0], values[0]]
    best = max(range(len(values)), key=values.__getitem__)
    # Results beyond the classes of the data have numbers for names.
    names = [*class_names, *map(str, range(len(class_names), len(values)))]
    return {
        "class": names[best],
        "probability": values[best],
        "probabilities": dict(zip(names, values, strict=True)),
    }
