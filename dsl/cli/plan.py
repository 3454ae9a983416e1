"""`tg plan`: what a training step, or a prediction, compiles to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import data_option, load_net, net_file, set_option
from dsl.cli.tables import print_table

if TYPE_CHECKING:
    from dsl.training.trainer import Trainer

EPILOG = """\b
Example:
  tg plan lenet5.net --batch 1 --predict
  tg plan lenet5.net --passes
"""


@click.command("plan", epilog=EPILOG)
@net_file
@data_option("Take the shape of the input from this data.")
@set_option
@click.option("--batch", type=click.IntRange(min=1), help="Examples in a batch.")
@click.option("--predict", is_flag=True, help="The plan of a prediction, not of a training step.")
@click.option("--passes", is_flag=True, help="What each graph pass leaves of the operations.")
def command(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    batch: int | None,
    predict: bool,
    passes: bool,
) -> None:
    """Print the compiled plan of FILE: its steps in order, the buffers they write to, the memory.

    A result without a buffer is a view of another one, or allocated in each run. With --passes, it
    is how the plan came about: how many operations there are before and after each pass.
    """
    from dsl.training.trainer import Trainer
    from tensorgraph.runtime.listing import format_plan

    net = load_net(file, data, settings)
    trainer, size = Trainer(net), batch or net.train.batch
    if passes:
        _print_passes(trainer, size, predict)
    else:
        click.echo(format_plan(trainer.plan(size, predict=predict)), nl=False)


def _print_passes(trainer: Trainer, batch: int, predict: bool) -> None:
    """Print the operations before and after each pass, and the steps of the plan in the end."""
    from tensorgraph.backends.numpy_backend import NumpyBackend
    from tensorgraph.passes import pipeline

    program = trainer.program(batch, predict=predict)
    count = len(program.graph.get_operations())
    rows = []
    for step, after in pipeline.stages(program, NumpyBackend()):
        left = len(after.graph.get_operations())
        rows.append((step.name, str(count), str(left), _first_sentence(step.run.__doc__)))
        count = left
    steps = len(trainer.plan(batch, predict=predict).steps)
    rows.append(
        ("(the plan)", str(count), str(steps), "Steps, of one operation or a whole region.")
    )
    print_table(
        f"{trainer.net.name}: a {'prediction' if predict else 'training step'}, batch {batch}",
        ("pass", "operations before", "after", "what it does"),
        rows,
        left=("pass", "what it does"),
    )


def _first_sentence(doc: str | None) -> str:
    return " ".join((doc or "").split("\n\n")[0].split())
