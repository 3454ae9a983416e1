"""Callbacks that change the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dsl.training.callbacks.base import Callback, Logs, Watcher
from dsl.training.state import Arrays


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        From the epoch, counted from 0, and the learning rate to the new learning rate.
    verbose : int, default 0
        Print a line an epoch.
    """

    def __init__(self, schedule: Callable[[int, float], float], verbose: int = 0) -> None:
        self.schedule = schedule
        self._verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate."""
        self.model.learning_rate = float(self.schedule(epoch, self.model.learning_rate))
        if self._verbose:
            print(f"epoch {epoch + 1}: the learning rate is {self.model.learning_rate:g}")


class ReduceLROnPlateau(Watcher):
    """Lowers the learning rate when a score has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The score.
    factor : float, default 0.1
        What the learning rate is multiplied by; below 1.
    patience : int, default 10
        After how many epochs without a better score.
    verbose : int, default 0
        Print a line when it does.
    mode : str, default "auto"
        ``"min"``, ``"max"`` or ``"auto"``.
    min_delta : float, default 0.0001
        How much better counts as better.
    cooldown : int, default 0
        How many epochs to wait after that before looking again.
    min_lr : float, default 0
        The learning rate never falls below this.

    Raises
    ------
    ValueError
        If the factor is 1 or more.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"a factor of {factor} does not lower the learning rate")
        super().__init__(monitor, mode, min_delta)
        self.factor = factor
        self.patience = patience
        self.min_lr = min_lr
        self._verbose = verbose
        self._cooldown = cooldown
        self._wait = 0
        self._resting = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the score, and lower the learning rate if it has not been better for long."""
        better = self.improves(logs)
        if self._resting:
            self._resting -= 1
            self._wait = 0
        if better:
            self._wait = 0
            return
        if self._resting:
            return
        self._wait += 1
        rate = self.model.learning_rate
        if self._wait >= self.patience and rate > self.min_lr:
            self.model.learning_rate = max(rate * self.factor, self.min_lr)
            self._resting, self._wait = self._cooldown, 0
            if self._verbose:
                print(f"epoch {epoch + 1}: the learning rate is {self.model.learning_rate:g} now")

    def state(self) -> dict[str, Any]:
        """Return the best score, and how long it has been waited."""
        return {**super().state(), "wait": self._wait, "resting": self._resting}

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take back what `state` returned."""
        super().restore(state, arrays)
        self._wait, self._resting = state["wait"], state["resting"]
