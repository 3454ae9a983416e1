"""Callbacks that end a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dsl.training.callbacks.base import Callback, Logs, Watcher
from dsl.training.state import Arrays


class EarlyStopping(Watcher):
    """Stops when a score has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The score.
    min_delta : float, default 0
        How much better counts as better.
    patience : int, default 0
        After how many epochs without a better score it stops.
    verbose : int, default 0
        Print a line when it stops.
    mode : str, default "auto"
        ``"min"``, ``"max"`` or ``"auto"``.
    baseline : float, optional
        A score to be better than from the start.
    restore_best_weights : bool, default False
        Go back to the weights of the best epoch at the end.
    start_from_epoch : int, default 0
        How many epochs to let pass first.

    Attributes
    ----------
    stopped_epoch : int
        The epoch at whose end it stopped, 0 if it did not.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.stopped_epoch = 0
        self.best = baseline
        self._verbose = verbose
        self._restores = restore_best_weights
        self._start = start_from_epoch
        self._wait = 0
        self._weights: Arrays = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the score, and stop if it has not been better for long."""
        if epoch < self._start:
            return
        if self.improves(logs):
            self._wait = 0
            if self._restores:
                self._weights = self.model.weights()
            return
        self._wait += 1
        # Keras stops after the first epoch that is not better, whether patience is 0 or 1.
        if self._wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Go back to the best weights, if that was asked for."""
        if self._weights:
            self.model.load_weights(self._weights)
        if self.stopped_epoch and self._verbose:
            print(f"epoch {self.stopped_epoch + 1}: early stopping")

    def state(self) -> dict[str, Any]:
        """Return the best score, and how long it has been waited."""
        return {**super().state(), "wait": self._wait, "stopped_epoch": self.stopped_epoch}

    def arrays(self) -> Arrays:
        """Return the best weights."""
        return self._weights

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take back what `state` and `arrays` returned."""
        super().restore(state, arrays)
        self._wait, self.stopped_epoch = state["wait"], state["stopped_epoch"]
        self._weights = dict(arrays)


class TerminateOnNaN(Callback):
    """Ends a training quietly when the loss is NaN or infinite, without an error."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            self.model.stop_training = True
