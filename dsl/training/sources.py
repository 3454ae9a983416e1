"""The files of a network inside its run folder: the one that was trained, and what it brings in.

A run stays usable when the originals are changed, moved or gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from dsl.diagnostics import Span
from dsl.network import Net, Pretrained
from dsl.reading import read_file
from dsl.syntax import ImportStatement, UseStatement
from dsl.training.errors import RunError
from dsl.training.run_folder import RunFolder
from dsl.tree import parse

FOLDER = "source"
"""Where the files are, if there are several."""


def copy_sources(folder: RunFolder, net: Net) -> str:
    """Copy the files of a network into a run folder, and return the name of the main one there.

    Files keep their places relative to each other, so that they find each other.

    Parameters
    ----------
    folder : RunFolder
        The run folder.
    net : Net
        The network.
    """
    main = Path(net.source.name).resolve()
    texts = {main: net.source.text}
    _collect(main, texts)
    if len(texts) == 1:
        return folder.write(f"{net.name}.net", net.source.text).name
    root = _root(texts)
    for path, text in texts.items():
        place = Path(FOLDER) / path.relative_to(root)
        try:
            folder.file(str(place)).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make a folder in {folder.path}: {error}") from None
        folder.write(str(place), text)
    return (Path(FOLDER) / main.relative_to(root)).as_posix()


def original_weights(net: Net, copy: Path, origin: Path) -> Net:
    """Return a network of copied files whose weights to start from lie beside the originals.

    Parameters
    ----------
    net : Net
        The network, read from the copies.
    copy, origin : Path
        The main file, in the run folder and where it came from.
    """
    moved = (replace(p, path=_moved(p, copy.parent.resolve(), origin)) for p in net.pretrained)
    return replace(net, pretrained=tuple(moved))


def _moved(given: Pretrained, copies: Path, origin: Path) -> Path:
    if given.path.exists():  # the file says where it is from the root of the disk on
        return given.path
    return Path(os.path.normpath(origin.parent / os.path.relpath(given.path, copies)))


def _collect(path: Path, texts: dict[Path, str]) -> None:
    """Add the texts of all files that a file brings in, and of those that they bring in."""
    for statement in _bringing_in(parse(texts[path]).statements):
        other = (path.parent / statement.path.value).resolve()
        if other not in texts:
            texts[other] = read_file(other)
            _collect(other, texts)


def _bringing_in(part: Any) -> Iterator[ImportStatement | UseStatement]:
    """Yield the statements that bring other files in, wherever they stand."""
    if isinstance(part, ImportStatement | UseStatement):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from _bringing_in(item)
    elif is_dataclass(part) and not isinstance(part, Span):
        for field in fields(part):
            yield from _bringing_in(getattr(part, field.name))


def _root(paths: dict[Path, str]) -> Path:
    """Return the folder that all files are in.

    Raises
    ------
    RunError
        If they are on different disks.
    """
    try:
        return Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:
        raise RunError("the files of the network are on different disks") from None
