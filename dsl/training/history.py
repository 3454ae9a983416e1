"""`History`: what became of a training, epoch by epoch; a notebook shows it as curves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsl.training.curves import draw_curves
from dsl.training.errors import RunError
from dsl.training.events import EpochDone, Event
from dsl.training.run_folder import CONFIG, METRICS, RunFolder

_COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class History:
    """The epochs of a training.

    Attributes
    ----------
    title : str
        What was trained.
    epochs : tuple of mapping
        The records of ``metrics.jsonl``.

    Examples
    --------
    >>> history = History.of_events("digits", trainer.fit(examples))
    """

    title: str
    epochs: tuple[Mapping[str, Any], ...]

    @classmethod
    def of_events(cls, title: str, events: Iterable[Event]) -> History:
        """Train to the end, and keep what the epochs came to.

        Parameters
        ----------
        title : str
            What is trained.
        events : iterable of Event
            From `Trainer.fit`.
        """
        return cls(title, tuple(e.to_json() for e in events if isinstance(e, EpochDone)))

    @classmethod
    def of_run(cls, path: Path) -> History:
        """Return the history of a run folder; of an ensemble that of its first member.

        Raises
        ------
        RunError
            If it is no run folder, or its metrics are missing or damaged.
        """
        folder = RunFolder.open(path, needed=(CONFIG,))
        own = folder.file(METRICS)
        metrics = own if own.exists() else folder.file(f"member-1/{METRICS}")
        try:
            records = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {metrics}: {error}") from None
        if not all(isinstance(r, dict) and "epoch" in r for r in records):
            raise RunError(f"{metrics} is damaged: a line is no record of an epoch")
        return cls(path.name, tuple(records))

    def __str__(self) -> str:
        """Return it as a table."""
        columns = [c for c in _COLUMNS if any(e.get(c) is not None for e in self.epochs)]
        rows = [columns, *([_cell(epoch.get(c)) for c in columns] for epoch in self.epochs)]
        return "\n".join("  ".join(cell.rjust(14) for cell in row).rstrip() for row in rows)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return what Jupyter shows: the curves, and the table where there is only text."""
        text = {"text/plain": str(self) if self.epochs else f"{self.title}: no epoch was trained"}
        if not self.epochs:
            return text
        return text | {"image/svg+xml": draw_curves(self.title, self.epochs).decode("utf-8")}


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
