"""`tg predict`: what a trained network makes of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from dsl.cli.common import PATH, run_folder


@click.command("predict", epilog="\b\nExample:\n  tg predict runs/lenet5-1 seven.png more.npy")
@run_folder
@click.argument("files", type=PATH, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all probabilities.")
def command(run: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Print class and probability for each of FILES.

    A file is an image (brought to the size and colours of the network's input) or a .npy array of
    one example or several. Integers are taken for pixels from 0 to 255, floats as they are.
    """
    from dsl.training.inputs import read_examples
    from dsl.training.run import open_run

    config, trainer = open_run(run)
    results: list[dict[str, Any]] = []
    for file in files:
        examples = read_examples(file, config.input_shape)
        for index, row in enumerate(trainer.predict(examples)):
            best = int(row.argmax())
            name = str(file) if len(examples) == 1 else f"{file}[{index}]"
            answer = {"file": name, "class": config.class_names[best], "probability": row[best]}
            if as_json:
                answer["probabilities"] = dict(
                    zip(config.class_names, map(float, row), strict=True)
                )
                answer["probability"] = float(row[best])
            else:
                click.echo(f"{name}: {answer['class']}  {row[best]:.2%}".replace("%", " %"))
            results.append(answer)
    if as_json:
        click.echo(json.dumps(results, indent=2))
