"""`tg render`: pictures of a network."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import PATH, data_option, load_net, net_file, set_option

EPILOG = """\b
Example:
  tg render lenet5.net -o lenet5.svg --gradients
  tg render resnet152.net --layers -o resnet152.pdf
  tg render resnet152.net --unfold resnet/stage_2/bottleneck_1
  tg render alexnet.net --volumes -o alexnet.png
  tg render lenet5.net --pass simplify
"""


@click.command("render", epilog=EPILOG)
@net_file
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="Where to write; the ending says what: .svg, .png, .pdf, .dot, or .mmd for Mermaid text."
    " Default: FILE's name.svg",
)
@click.option("--gradients", is_flag=True, help="Draw loss, gradients and updates too.")
@click.option(
    "--hide",
    "hidden",
    type=click.Choice(["forward", "gradient", "update"]),
    multiple=True,
    help="Leave these nodes out.",
)
@click.option("--layers", is_flag=True, help="Draw one box a layer.")
@click.option("--volumes", is_flag=True, help="Draw what the layers give as volumes to scale.")
@click.option(
    "--pass",
    "pass_name",
    metavar="NAME",
    help="Draw the graph before and after a pass of the optimizer, side by side.",
)
@click.option(
    "--unfold",
    metavar="SCOPE",
    multiple=True,
    help="Draw this part as it is, where parts are folded; `all` for the whole graph.",
)
@data_option("Take the shape of the input from this data.")
@set_option
def command(
    file: Path,
    output: Path | None,
    gradients: bool,
    hidden: tuple[str, ...],
    layers: bool,
    volumes: bool,
    pass_name: str | None,
    unfold: tuple[str, ...],
    data: str | None,
    settings: tuple[str, ...],
) -> None:
    """Draw the graph of FILE, layers as clusters, shapes on the edges.

    Equal parts in a row are drawn once, with their number, and more than 500 nodes fold by scope.
    """
    kinds = {"layers": layers, "volumes": volumes, "pass": pass_name is not None}
    chosen = [kind for kind, given in kinds.items() if given]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
    kind = chosen[0] if chosen else "graph"
    if kind in ("layers", "volumes") and (gradients or hidden):
        raise click.UsageError(
            f"--{kind} draws no single nodes: --gradients and --hide mean nothing"
        )
    from dsl.training.pictures import View, write_picture

    target = output or Path(f"{file.stem}.svg")
    net = load_net(file, data, settings)
    view = View(kind, gradients, hidden, unfold, pass_name or "")
    path, note = write_picture(target, net, view)
    click.echo(f"wrote {path}")
    if note:
        click.echo(note, err=True)
