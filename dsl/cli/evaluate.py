"""`tg eval`: how good a trained network is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsl.cli.common import backend_option, data_option, load_examples, run_folder


@click.command("eval", epilog="\b\nExample:\n  tg eval runs/lenet5-1 --data ~/mnist")
@run_folder
@data_option("Evaluate on this instead of the data of the training.")
@click.option("--classes", is_flag=True, help="Print precision, recall and F1 of each class.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@backend_option
def command(run: Path, data: str | None, classes: bool, as_json: bool) -> None:
    """Print loss, accuracy and the file's metrics of the network in RUN on the test part."""
    from dsl.cli.progress import print_classes, score_text
    from dsl.training.errors import RunError
    from dsl.training.run import open_run
    from dsl.training.summaries import describe_classes

    config, predictor = open_run(run)
    net = predictor.trainer.net
    examples = load_examples(data or config.data, net, config.reading)
    if examples.input_shape != config.input_shape or examples.classes != len(config.class_names):
        raise RunError(
            f"{examples.name} does not suit {run}: it has examples of shape"
            f" {examples.input_shape} in {examples.classes} classes, the network was trained on"
            f" {config.input_shape} in {len(config.class_names)}"
        )
    if not len(examples.x_test):
        raise RunError(f"{examples.name} has no test part to evaluate on")
    score = predictor.evaluate(examples.x_test, examples.y_test)
    members = predictor.evaluate_members(examples.x_test, examples.y_test)
    count = len(examples.x_test)
    if as_json:
        result = {
            "run": str(run),
            "data": examples.name,
            "examples": count,
            **score.to_json("test_"),
            **({"members": [member.to_json("test_") for member in members]} if members else {}),
            **describe_classes(net, score, config.class_names),
        }
        click.echo(json.dumps(result, indent=2))
        return
    for number, member in enumerate(members, 1):
        click.echo(f"{score_text(member, 'test ')}  (model {number} of {len(members)})")
    click.echo(f"{score_text(score, 'test ')}  ({count:,} examples of {examples.name})")
    if classes:
        print_classes(describe_classes(net, score, config.class_names))
