"""Callbacks that write down what happens."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import IO, Any

from dsl.training.callbacks.base import Callback, Logs
from dsl.training.errors import RunError


class CSVLogger(Callback):
    """Writes the scores of each epoch into a CSV file, a line each.

    Parameters
    ----------
    filename : path-like
        The file.
    separator : str, default ","
        What stands between two values.
    append : bool, default False
        Go on behind what the file holds, instead of beginning anew.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = Path(filename)
        self.separator = separator
        self.append = append
        self._file: IO[str] | None = None
        self._writer: csv.DictWriter[str] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a line; before the first one, the names of the columns."""
        row: dict[str, Any] = {"epoch": epoch, **(logs or {})}
        try:
            if self._writer is None:
                self._open(list(row))
            assert self._writer is not None
            assert self._file is not None
            self._writer.writerow(row)
            self._file.flush()
        except OSError as error:
            raise RunError(f"cannot write {self.filename}: {error}") from None

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = self._writer = None

    def _open(self, columns: list[str]) -> None:
        headed = self.append and self.filename.exists() and self.filename.stat().st_size > 0
        mode = "a" if self.append else "w"
        self._file = self.filename.open(mode, newline="", encoding="utf-8")
        self._writer = csv.DictWriter(
            self._file, columns, delimiter=self.separator, extrasaction="ignore"
        )
        if not headed:
            self._writer.writeheader()
