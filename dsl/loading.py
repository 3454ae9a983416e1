"""File → text → checked network."""

from __future__ import annotations

import os
from pathlib import Path

from dsl.checker.check import check
from dsl.diagnostics import Diagnostic, NetError, Source, Span
from dsl.network import Net
from dsl.tree import parse
from tensorgraph.base.shapes import Shape


def load(
    path: str | os.PathLike[str], input_shape: Shape = None, classes: int | None = None
) -> Net:
    """Read and check a `.net` file.

    Parameters
    ----------
    path : path-like
        The file.
    input_shape : tuple of int, optional
        The shape of one example of the data, where the caller knows it.
    classes : int, optional
        The number of classes of the data, where the caller knows it.

    Returns
    -------
    Net
        The checked network.

    Raises
    ------
    NetError
        If the file cannot be read, or is not valid.
    """
    return check(parse(read_file(path), os.fspath(path)), input_shape, classes)


def read_file(path: str | os.PathLike[str]) -> str:
    """Return the text of a `.net` file.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    NetError
        If it cannot be read, or is no UTF-8 text.
    """
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        message = f"the file cannot be read: {reason or error}"
        raise NetError([Diagnostic("TG001", message, _start(name))]) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # The text up to the first bad byte gives its place.
        source = Source(name, data.decode("utf-8", errors="replace"))
        offset = len(data[: error.start].decode("utf-8"))
        raise NetError(
            [
                Diagnostic(
                    "TG002",
                    "the file is not UTF-8 text",
                    Span(source, offset, offset + 1),
                    f"the byte 0x{data[error.start]:02x} cannot stand here",
                )
            ]
        ) from error


def _start(name: str) -> Span:
    return Span(Source(name, ""), 0, 0)
