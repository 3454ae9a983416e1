"""File → text."""

from __future__ import annotations

import os
from pathlib import Path

from dsl.diagnostics import Diagnostic, NetError, Source, Span


def read_file(path: str | os.PathLike[str], name: str | None = None) -> str:
    """Return the text of a `.net` file.

    Parameters
    ----------
    path : path-like
        The file.
    name : str, optional
        What messages call it; by default its path.

    Raises
    ------
    NetError
        If it cannot be read, or is no UTF-8 text.
    """
    name = os.fspath(path) if name is None else name
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        message = f"the file cannot be read: {reason or error}"
        raise NetError([Diagnostic("TG001", message, _start(name))]) from error
    return decode(data, name)


def decode(data: bytes, name: str) -> str:
    """Return the text of a `.net` file's bytes.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What messages call it.

    Raises
    ------
    NetError
        If they are no UTF-8 text.
    """
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
