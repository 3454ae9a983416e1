"""`tg plan`: what a training step, or a prediction, compiles to."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import data_option, load_net, net_file, set_option


@click.command("plan", epilog="\b\nExample:\n  tg plan lenet5.net --batch 1 --predict")
@net_file
@data_option("Take the shape of the input from this data.")
@set_option
@click.option("--batch", type=click.IntRange(min=1), help="Examples in a batch.")
@click.option("--predict", is_flag=True, help="The plan of a prediction, not of a training step.")
def command(
    file: Path, data: str | None, settings: tuple[str, ...], batch: int | None, predict: bool
) -> None:
    """Print the compiled plan of FILE: its steps in order, the buffers they write to, the memory.

    A result without a buffer is a view of another one, or allocated in each run.
    """
    from dsl.training.trainer import Trainer
    from tensorgraph.runtime.listing import format_plan

    net = load_net(file, data, settings)
    trainer = Trainer(net)
    click.echo(format_plan(trainer.plan(batch or net.train.batch, predict=predict)), nl=False)
