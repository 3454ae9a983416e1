"""What several commands share: their arguments, and the way from a file to a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dsl.diagnostics import render_all
from dsl.loading import load
from dsl.network import Net

if TYPE_CHECKING:
    from tensorgraph.data import ExampleSet

Function = TypeVar("Function", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

net_file = click.argument("file", type=PATH)
run_folder = click.argument("run", type=PATH)


def data_option(text: str) -> Callable[[Function], Function]:
    """Return the option ``--data`` with its help."""
    return click.option("--data", metavar="NAME_OR_PATH", help=text)


def load_net(file: Path, data: str | None = None) -> Net:
    """Return the checked network of a file, with the shapes of its data, and print warnings.

    Parameters
    ----------
    file : Path
        The ``.net`` file.
    data : str, optional
        Data to take the shapes from instead of the file's. It is not loaded if its name says them.
    """
    from tensorgraph.data import describe

    net = load(file)
    known = None
    if data is not None:
        known = describe(data)
        if known is None:
            examples = load_examples(data)
            known = examples.input_shape, examples.classes
    if known is not None:
        net = load(file, *known)
    show_warnings(net)
    return net


def load_with_data(file: Path, data: str | None) -> tuple[Net, ExampleSet, str]:
    """Return a network, its examples, and where they come from (a name or an absolute path).

    Parameters
    ----------
    file : Path
        The ``.net`` file.
    data : str, optional
        A data set's name or a path; default is what the file says. A path in the file is relative
        to the file.
    """
    from tensorgraph.data import describe

    net = load(file)
    source = data
    if source is None and net.train.data is not None:
        source = net.train.data.source
        if describe(source) is None:
            source = str(file.parent / source)
    if source is None:
        raise click.UsageError(
            f"{file} names no data to train on: write `train {{ data digits }}` into it,"
            " or pass --data NAME_OR_PATH"
        )
    examples = load_examples(source)
    net = load(file, examples.input_shape, examples.classes)
    show_warnings(net)
    return net, examples, source if describe(source) else str(Path(source).resolve())


def load_examples(source: str) -> ExampleSet:
    """Return the examples of a name or a path."""
    from tensorgraph.data import load as load_data

    return load_data(source)


def show_warnings(net: Net) -> None:
    """Print what is allowed, but probably not meant."""
    if net.warnings:
        click.echo(render_all(net.warnings), err=True)
