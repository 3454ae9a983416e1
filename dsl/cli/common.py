"""What several commands share: their arguments, and the way from a file to a network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dsl.diagnostics import render_all
from dsl.loading import load
from dsl.losses import is_of_classes
from dsl.network import Net
from tensorgraph.base.devices import BACKEND_VARIABLE, BACKENDS

if TYPE_CHECKING:
    from tensorgraph.data import ExampleSet

Function = TypeVar("Function", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

net_file = click.argument("file", type=PATH)
run_folder = click.argument("run", type=PATH)


set_option = click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Change a setting of `train`, an option (optimizer.lr=0.01), or a constant of the file.",
)


def _use_backend(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Let the sessions of this command, and of processes that it starts, use a backend."""
    if value is not None:
        context.with_resource(_environment(BACKEND_VARIABLE, value))


@contextlib.contextmanager
def _environment(variable: str, value: str) -> Iterator[None]:
    before = os.environ.get(variable)
    os.environ[variable] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


backend_option = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    expose_value=False,
    callback=_use_backend,
    help=f"Compute on processor (numpy) or GPU (cupy). Default: ${BACKEND_VARIABLE}, or numpy.",
)


def data_option(text: str) -> Callable[[Function], Function]:
    """Return the option ``--data`` with its help."""
    return click.option("--data", metavar="NAME_OR_PATH", help=text)


def load_net(file: Path, data: str | None = None, settings: Sequence[str] = ()) -> Net:
    """Return the checked network of a file, with the shapes of its data, and print warnings.

    Parameters
    ----------
    file : Path
        The ``.net`` file.
    data : str, optional
        Data to take the shapes from instead of the file's. It is not loaded if its name says them.
    settings : sequence of str, optional
        What the command line changes, ``NAME=VALUE``.
    """
    from tensorgraph.data import describe

    net = load(file, settings=settings)
    known = None
    if data is not None:
        known = describe(data)
        if known is None:
            examples = load_examples(data)
            known = examples.input_shape, examples.classes
    if known is not None:
        net = load(file, *known, settings=settings)
    show_warnings(net)
    return net


def load_with_data(
    file: Path, data: str | None, settings: Sequence[str] = ()
) -> tuple[Net, ExampleSet, str]:
    """Return a network, its examples, and where they come from (a name or an absolute path).

    Parameters
    ----------
    file : Path
        The ``.net`` file.
    data : str, optional
        A data set's name or a path; default is what the file says. A path in the file is relative
        to the file.
    settings : sequence of str, optional
        What the command line changes, ``NAME=VALUE``.
    """
    from tensorgraph.data import describe

    net = load(file, settings=settings)
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
    examples = load_examples(source, net)
    net = load(file, examples.input_shape, examples.classes or None, settings=settings)
    show_warnings(net)
    return net, examples, source if describe(source) else str(Path(source).resolve())


def load_examples(
    source: str, net: Net | None = None, reading: Mapping[str, Any] | None = None
) -> ExampleSet:
    """Return the examples of a name or a path.

    Parameters
    ----------
    source : str
        The name or path.
    net : Net, optional
        The network they are for: its file says how they are read.
    reading : mapping, optional
        How the examples of its training were read.
    """
    from tensorgraph.data import load as load_data

    options: dict[str, Any] = {"reading": reading} if reading else {}
    # The commands may start processes: their main module does nothing when it is imported.
    options["workers"] = os.cpu_count() or 1
    if net is not None:
        options |= _reading_options(net, source)
    examples = load_data(source, **options)
    if net is not None and net.train.reconstructs and "target" not in options:
        from dsl.training.preparation import reconstruct

        return reconstruct(examples)
    return examples


def _reading_options(net: Net, source: str) -> dict[str, Any]:
    """Return what a file says of reading its data."""
    from tensorgraph.data import describe

    options: dict[str, Any] = {}
    data = net.train.data
    # Another set than the file's may be of a kind for which these mean nothing.
    if data is not None and (describe(source) is None or source == data.source):
        given = {name: getattr(data, name) for name in ("target", "text", "resize", "only")}
        options |= {name: value for name, value in given.items() if value is not None}
    if net.train.reconstructs and Path(source).suffix not in _TABLES:
        options.pop("target", None)  # it is no column
    if Path(source).suffix in _TABLES:
        last = net[net.outputs[0]].activation.name
        options["task"] = "classes" if is_of_classes(net.train.loss, last) else "numbers"
    if Path(source).suffix in _TEXTS and net.inputs and net.inputs[0].vocabulary is not None:
        options |= {"words": net.inputs[0].vocabulary, "length": (net.inputs[0].shape or [None])[0]}
    return options


_TABLES = frozenset([".csv", ".tsv"])
"""Files in which whole numbers may be classes or values."""

_TEXTS = frozenset([".csv", ".tsv", ".txt"])
"""Files that may hold texts: how many words are kept of them is the network's to say."""


def show_warnings(net: Net) -> None:
    """Print what is allowed, but probably not meant."""
    if net.warnings:
        click.echo(render_all(net.warnings), err=True)
