"""`Picture`: the result of `render`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from tensorgraph.base.files import write_atomically

SUFFIXES = {
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".dot": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
}
"""The format that a file's name asks for by its ending."""

FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
_TEXTS = ("svg", "dot", "mermaid")
_MIME_TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


@dataclass(frozen=True)
class Picture:
    """A picture of a graph; a notebook shows it by itself.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    content : bytes
        What a file of that format holds.
    dot : str
        The DOT text that it was drawn from.
    """

    format: str
    content: bytes = field(repr=False)
    dot: str = field(repr=False)

    @property
    def text(self) -> str:
        """The picture as text, where the format is text: ``svg``, ``dot`` or ``mermaid``.

        Raises
        ------
        ValueError
            If the format is not text.
        """
        if self.format not in _TEXTS:
            raise ValueError(f"a {self.format} picture is no text; use content")
        return self.content.decode("utf-8")

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write the picture to a file, whatever its name ends in.

        Raises
        ------
        OSError
            If the file cannot be written; what stood there before is unchanged.
        """
        write_atomically(filename, self.content)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str | bytes]:
        """Return what Jupyter shows."""
        bundle: dict[str, str | bytes] = {"text/plain": repr(self)}
        if self.format == "mermaid":
            return bundle | {"text/plain": self.text, "text/vnd.mermaid": self.text}
        if self.format in _MIME_TYPES:
            text = self.format == "svg"
            bundle[_MIME_TYPES[self.format]] = self.text if text else self.content
        return bundle
