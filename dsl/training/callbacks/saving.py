"""Callbacks that keep weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsl.training.callbacks.base import Logs, Watcher
from dsl.training.errors import RunError
from dsl.training.state import Arrays


class ModelCheckpoint(Watcher):
    """Saves the weights after epochs, as safetensors files.

    Parameters
    ----------
    filepath : path-like
        The file; its name may hold the epoch and scores:
        ``"w-{epoch:02d}-{val_loss:.2f}.safetensors"``.
    monitor : str, default "val_loss"
        The score that `save_best_only` looks at.
    verbose : int, default 0
        Print a line for each file.
    save_best_only : bool, default False
        Save only where the score is better than ever.
    mode : str, default "auto"
        ``"min"``, ``"max"`` or ``"auto"``.
    save_freq : "epoch" or int, default "epoch"
        After every epoch, or after so many steps.
    initial_value_threshold : float, optional
        A score to be better than from the start.

    Raises
    ------
    ValueError
        If `save_best_only` is to look after steps, where no score is known.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        if save_best_only and save_freq != "epoch":
            raise ValueError("save_best_only looks at the scores of epochs: save_freq='epoch'")
        self.filepath = os.fspath(filepath)
        self.best = initial_value_threshold
        self._verbose = verbose
        self._best_only = save_best_only
        self._frequency = save_freq
        self._steps = 0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take note of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after so many steps."""
        self._steps += 1
        if isinstance(self._frequency, int) and self._steps % self._frequency == 0:
            self._save({**(logs or {}), "batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save after an epoch."""
        if self._frequency == "epoch" and (not self._best_only or self.improves(logs)):
            self._save(logs or {})

    def _save(self, scores: Mapping[str, float]) -> None:
        try:
            path = Path(self.filepath.format(epoch=self._epoch + 1, **scores))
        except KeyError as error:
            known = ", ".join(["epoch", *sorted(scores)])
            raise RunError(
                f"{self.filepath!r} names {error}, which is not measured; there are {known}"
            ) from None
        self.model.save_weights(path)
        if self._verbose:
            print(f"epoch {self._epoch + 1}: wrote {path}")

    def state(self) -> dict[str, Any]:
        """Return the best score, and how many steps were made."""
        return {**super().state(), "steps": self._steps}

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take back what `state` returned."""
        super().restore(state, arrays)
        self._steps = state["steps"]


class BestWeights(Watcher):
    """Keeps the weights of the best epoch: ``checkpoint best=…``.

    Parameters
    ----------
    monitor : str
        The score.

    Attributes
    ----------
    weights : dict of str to array
        The weights by name; empty before the first epoch.
    """

    def __init__(self, monitor: str) -> None:
        super().__init__(monitor)
        self.weights: Arrays = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the weights if the score is better than ever."""
        if self.improves(logs):
            self.weights = self.model.weights()

    def arrays(self) -> Arrays:
        """Return the best weights."""
        return self.weights

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take back what `state` and `arrays` returned."""
        super().restore(state, arrays)
        self.weights = dict(arrays)
