"""`tg eval`: how good a trained network is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsl.cli.common import data_option, load_examples, run_folder


@click.command("eval", epilog="\b\nExample:\n  tg eval runs/lenet5-1 --data ~/mnist")
@run_folder
@data_option("Evaluate on this instead of the data of the training.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: Path, data: str | None, as_json: bool) -> None:
    """Print loss and accuracy of the network in RUN on the test part of the data."""
    from dsl.cli.progress import score_text
    from dsl.training.run import open_run
    from dsl.training.run_folder import RunError

    config, trainer = open_run(run)
    examples = load_examples(data or config.data)
    if examples.input_shape != config.input_shape or examples.classes != len(config.class_names):
        raise RunError(
            f"{examples.name} does not suit {run}: it has examples of shape"
            f" {examples.input_shape} in {examples.classes} classes, the network was trained on"
            f" {config.input_shape} in {len(config.class_names)}"
        )
    if not len(examples.x_test):
        raise RunError(f"{examples.name} has no test part to evaluate on")
    score = trainer.evaluate(examples.x_test, examples.y_test)
    count = len(examples.x_test)
    if as_json:
        result = {
            "run": str(run),
            "data": examples.name,
            "examples": count,
            "test_loss": score.loss,
            "test_accuracy": score.accuracy,
        }
        click.echo(json.dumps(result, indent=2))
    else:
        click.echo(f"{score_text(score, 'test ')}  ({count:,} examples of {examples.name})")
