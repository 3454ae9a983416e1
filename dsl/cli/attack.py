"""`tg attack`: how little it takes to make a trained network err."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from dsl.cli.common import PATH, backend_option, data_option, load_examples, run_folder

EPSILONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


@click.command(
    "attack",
    epilog="\b\nExample:\n  tg attack runs/lenet5-1 --epsilon 0.05 --epsilon 0.1 --limit 2000",
)
@run_folder
@data_option("Attack the test part of this instead of the data of the training.")
@click.option(
    "--epsilon",
    "epsilons",
    type=click.FloatRange(min=0),
    multiple=True,
    help="By how much a value may change; may be repeated. Default: from 0 to 0.3.",
)
@click.option(
    "--method",
    type=click.Choice(["fgsm", "pgd", "both"]),
    default="both",
    show_default=True,
    help="One step by the sign of the gradient, or several small ones.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many steps PGD makes.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Attack only so many test examples.",
)
@click.option("-o", "--output", type=PATH, help="The page. Default: RUN/attack.html")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@backend_option
def command(
    run: Path,
    data: str | None,
    epsilons: tuple[float, ...],
    method: str,
    steps: int,
    limit: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Change test examples a little so that the network in RUN errs, and show its accuracy.

    The page has accuracy against epsilon, and examples beside their originals. To train a network
    that resists, write `augment { adversarial 0.1 }` into its `train` section.
    """
    from dsl.looking.attack_page import TITLES, find_examples, make_page, typical_epsilon
    from dsl.looking.attacks import METHODS, measure
    from dsl.looking.examples import chosen_examples
    from dsl.looking.opening import open_probe
    from dsl.training.weights import write_file

    wanted = sorted({0.0, *epsilons}) if epsilons else list(EPSILONS)
    if not all(math.isfinite(epsilon) for epsilon in wanted):
        raise click.UsageError("an --epsilon is a number")
    config, probe, note = open_probe(run)
    examples = load_examples(data or config.data, probe.net, config.reading)
    numbers, x, y = chosen_examples(examples, config, limit)
    methods = METHODS if method == "both" else (method,)
    attack = measure(probe, x, y, wanted, methods=methods, steps=steps)
    typical = typical_epsilon(attack)
    found = [find_examples(probe, x, y, numbers, name, typical, steps) for name in methods]
    shown = [one for one in found if one is not None]
    target = output or run / "attack.html"
    page = make_page(probe, attack, shown, examples.name, str(run), note)
    write_file(target, page.encode())
    if as_json:
        record = {"run": str(run), "data": examples.name, **attack.to_json(), "page": str(target)}
        click.echo(json.dumps(record, indent=2))
        return
    click.echo(" ".join(["epsilon ", *(f"{TITLES[name]:>9}" for name in methods)]))
    for place, epsilon in enumerate(attack.epsilons):
        cells = [f"{100 * attack.accuracies[name][place]:7.2f} %" for name in methods]
        click.echo(" ".join([f"{epsilon:<8.4g}", *cells]))
    click.echo(f"{attack.examples:,} test examples of {examples.name}")
    click.echo(f"page     {target}")
