"""`tg convert-weights`: weights of PyTorch or Keras for a `.net` file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import PATH, data_option, load_net, set_option
from dsl.cli.tables import print_table

if TYPE_CHECKING:
    from dsl.foreign.conversion import Conversion


@click.command(
    "convert-weights",
    epilog="\b\nExample:\n  tg convert-weights vgg16.safetensors vgg16.net -o weights.safetensors",
)
@click.argument("source", type=PATH)
@click.argument("file", type=PATH, metavar="NET")
@click.option("-o", "--output", type=PATH, required=True, help="The safetensors file to write.")
@click.option(
    "--mapping",
    type=PATH,
    help="A JSON object: for layers of NET, the names of their modules in SOURCE.",
)
@data_option("Take the shape of the input from this data.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    source: Path,
    file: Path,
    output: Path,
    mapping: Path | None,
    data: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Bring the weights in SOURCE, a safetensors file, into names and layout of the network in NET.

    SOURCE has the names of PyTorch (timm, torchvision) or of Keras. Layers are matched by kind and
    shape, among equals by what the names of SOURCE say of their order. What matched by name is
    worth a look; --mapping says otherwise. Layers without weights in SOURCE are left out: `use
    "NET" weights="OUTPUT" until=…` needs those up to the value only, `tg train NET --weights
    OUTPUT` any.
    """
    from dsl.foreign.conversion import convert, read_mapping
    from dsl.foreign.reading import read_tensors
    from dsl.training.errors import RunError
    from dsl.training.weights import write_weights

    net = load_net(file, data, settings)
    tensors = read_tensors(source)
    result = convert(net, tensors, read_mapping(mapping) if mapping is not None else None)
    if not result.weights:
        raise RunError(f"nothing in {source} fits a layer of {file}")
    write_weights(output, result.weights, net.name)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
    else:
        _report(result)
        click.echo(f"wrote {output}")


def _report(result: Conversion) -> None:
    words = {"shape": "", "name": "by name", "mapping": "by the mapping"}
    rows = [
        (m.layer, m.source, "; ".join(filter(None, [words[m.how], "bias 0" if m.zeros else ""])))
        for m in result.matches
    ]
    count = len(result.matches)
    title = f"{count} layer{'' if count == 1 else 's'} matched"
    headers = ("layer", "module", "")
    print_table(title, headers, rows, left=headers)
    for layer, reason in result.missing.items():
        click.echo(f"no weights for {layer}: {reason}")
    if result.unused:
        click.echo(f"not used of the file: {', '.join(result.unused)}")
