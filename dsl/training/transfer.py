"""The weights that a network starts from: those of other networks, trained before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from dsl.diagnostics import Diagnostic, NetError, quoted
from dsl.layers.arguments import format_sizes
from dsl.network import Net, Pretrained
from dsl.training.errors import RunError
from dsl.training.run_folder import MODEL
from dsl.training.state import Arrays
from dsl.training.weights import read_weights

_SHOWN = 4
"""How many names a message lists."""


@dataclass(frozen=True)
class Start:
    """What became of one file of weights.

    Attributes
    ----------
    path : Path
        The file.
    prefix : str
        What stands before its names in those of the network.
    matched : tuple of str
        The names of the network's weights that start from it.
    fresh : tuple of str
        Those that could have, but are not in it, and so are drawn at random.
    unused : tuple of str
        The names in the file that the network has no place for.
    """

    path: Path
    prefix: str
    matched: tuple[str, ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(self.matched)} weights start from {self.path}"]
        if self.fresh:
            parts.append(f"{len(self.fresh)} from nothing ({_some(self.fresh)})")
        if self.unused:
            parts.append(f"{len(self.unused)} of the file are not used ({_some(self.unused)})")
        return "; ".join(parts)


def start_from(net: Net, path: Path) -> Net:
    """Return a network that starts from weights which carry the names of its own.

    Weights that the file does not have are drawn at random.

    Parameters
    ----------
    net : Net
        The network.
    path : Path
        A safetensors file, or the folder of a run.
    """
    file = path / MODEL if path.is_dir() else path
    return replace(net, pretrained=(*net.pretrained, Pretrained(file.resolve(), "", None)))


def starting_weights(net: Net) -> tuple[Arrays, tuple[Start, ...]]:
    """Return the values of the weights that start from files, and what became of each file.

    Parameters
    ----------
    net : Net
        The network. Of ``use "FILE" weights=…``, all weights must be in the file; of `start_from`,
        at least one.

    Raises
    ------
    NetError
        If a file that ``use`` names is damaged, lacks a weight, or has one of another shape.
    RunError
        If the file of `start_from` is.
    """
    shapes = {f"{layer.name}/{w.name}": w.shape for layer in net.layers for w in layer.weights}
    values: Arrays = {}
    starts = []
    for source in net.pretrained:
        wanted = {name: shape for name, shape in shapes.items() if name.startswith(source.prefix)}
        if wanted:  # `until` may have left out all that the file is for
            found, start = _match(source, wanted)
            values |= found
            starts.append(start)
    return values, tuple(starts)


def _match(source: Pretrained, wanted: Mapping[str, tuple[int, ...]]) -> tuple[Arrays, Start]:
    """Return the values that a file has for weights of these names and shapes."""
    arrays = _read(source)
    given = {source.prefix + name: array for name, array in arrays.items()}
    values = {name: given[name] for name in wanted if name in given}
    for name, array in values.items():
        if array.shape != wanted[name]:
            _refuse(
                source,
                f"the weights do not suit: `{name}` has another shape",
                f"the network needs {format_sizes(wanted[name])},"
                f" the file has {format_sizes(array.shape)}",
            )
    fresh = tuple(name for name in wanted if name not in values)
    if not values or (fresh and source.span is not None):
        _refuse(
            source,
            f"the weights do not suit: the file lacks {quoted(fresh[:_SHOWN], 'and')}",
            f"it holds {_some(sorted(arrays)) or 'nothing'}",
        )
    unused = tuple(sorted(name for name in arrays if source.prefix + name not in wanted))
    return values, Start(source.path, source.prefix, tuple(values), fresh, unused)


def _read(source: Pretrained) -> Arrays:
    try:
        return read_weights(source.path)
    except RunError as error:
        _refuse(source, str(error), "expected a safetensors file")


def _refuse(source: Pretrained, message: str, label: str) -> NoReturn:
    """Say what is wrong with a file: at its place, where a ``.net`` file names it."""
    if source.span is None:
        raise RunError(f"{source.path}: {message}; {label}")
    raise NetError([Diagnostic("TG005", message, source.span, label)])


def _some(names: Sequence[str]) -> str:
    """Return a few names, and that there are more."""
    more = ", …" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
