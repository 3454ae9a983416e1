"""`tg lr-find`: which learning rates are worth trying."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsl.cli.common import PATH, backend_option, data_option, load_with_data, net_file, set_option

RATE = click.FloatRange(min=0, min_open=True)

CAUTION = (
    "This holds for this batch size, optimizer and augmentation, and for the first steps only: a"
    " long training often wants less. Try a few rates of the range."
)


@click.command("lr-find", epilog="\b\nExample:\n  tg lr-find examples/digits.net -o rates.svg")
@net_file
@data_option("Train on this instead of the file's data: digits, mnist, or a path.")
@set_option
@click.option("--low", type=RATE, default=1e-7, show_default=True, help="The first rate.")
@click.option("--high", type=RATE, default=10.0, show_default=True, help="The last rate.")
@click.option(
    "--steps",
    type=click.IntRange(min=2),
    default=100,
    show_default=True,
    help="How many steps lead from one to the other.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N examples.")
@click.option("-o", "--output", type=PATH, help="The plot. Default: FILE's name-rates.svg")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@backend_option
def command(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    low: float,
    high: float,
    steps: int,
    limit: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Train FILE for some steps while the learning rate rises, and suggest a range for it.

    The loss falls where the rate begins to be useful, and explodes where it is too large; the
    test stops there. Nothing of what is trained is kept.
    """
    from dsl.training.lr_range import range_test
    from dsl.training.preparation import prepare_examples
    from dsl.training.weights import write_file

    if low >= high:
        raise click.UsageError("--low is below --high")
    net, examples, _ = load_with_data(file, data, settings)
    examples = prepare_examples(net, examples, limit)
    result = range_test(net, examples, low=low, high=high, steps=steps)
    target = output or Path(f"{file.stem}-rates.svg")
    write_file(target, result.draw(f"{net.name} on {examples.name}: loss while the rate rises"))
    if as_json:
        click.echo(json.dumps({**result.to_json(), "plot": str(target)}, indent=2))
        return
    made = len(result.rates)
    ending = ", then the loss exploded" if result.exploded else ""
    last = result.rates[-1] if result.rates else low
    click.echo(f"{made} steps from {low:g} to {last:.2g}{ending}")
    click.echo(_advice(result.suggestion))
    click.echo(f"plot     {target}")


def _advice(suggestion: tuple[float, float] | None) -> str:
    if suggestion is None:
        return "The loss hardly falls, so nothing can be suggested: try more --steps."
    low, high = suggestion
    return f"learning rates from {low:.2g} to {high:.2g} look useful\n{CAUTION}"
