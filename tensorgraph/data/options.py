"""How files are to be read, where they leave that open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from tensorgraph.base.errors import DataError

# These suit every kind of file.
_FOR_ALL = frozenset(["workers", "stream", "reading"])

LARGE = 1 << 30
"""Inputs of more bytes than this, as float32, are not brought into memory by default."""


@dataclass(frozen=True)
class LoadOptions:
    """The options of `tensorgraph.data.load`, which documents them."""

    target: str | int | None = None
    task: Literal["classes", "numbers"] | None = None
    text: str | int | None = None
    length: int | None = None
    words: int | None = None
    resize: tuple[int, int] | None = None
    channels: int | None = None
    only: tuple[str, ...] | None = None
    damaged: Literal["refuse", "skip"] = "refuse"
    reading: Mapping[str, Any] | None = None
    workers: int = 0
    stream: bool | None = None

    def require(self, where: object, kind: str, *suitable: str) -> None:
        """Refuse options that say nothing about a kind of file.

        Parameters
        ----------
        where : object
            The file, for messages.
        kind : str
            What it is: ``a table``.
        *suitable : str
            The options that it knows.

        Raises
        ------
        DataError
            If another one is given.
        """
        for field in fields(self):
            given = getattr(self, field.name) != field.default
            if given and field.name not in _FOR_ALL and field.name not in suitable:
                known = f"; options are {', '.join(suitable)}" if suitable else ""
                raise DataError(f"{where} is {kind}, for which {field.name}= means nothing{known}")

    def read_before(self, where: object, kind: str) -> Mapping[str, Any] | None:
        """Return how a set of the same kind was read before, None where there was none.

        Parameters
        ----------
        where : object
            The file, for messages.
        kind : str
            The kind of set that the file is.

        Raises
        ------
        DataError
            If the set was of another kind.
        """
        if not self.reading:
            return None
        before = self.reading.get("kind")
        if before != kind:
            raise DataError(
                f"{where} cannot be read like the set that was trained on: that was of kind"
                f" {before}, this is of kind {kind}"
            )
        return self.reading

    def streams(self, count: int, values: int) -> bool:
        """Return whether so many examples of so many values stay out of memory."""
        return 4 * count * values > LARGE if self.stream is None else self.stream
