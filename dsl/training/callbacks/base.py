"""What a callback is, and a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dsl.metrics import METRICS, VALIDATION
from dsl.training.errors import RunError
from dsl.training.state import Arrays

if TYPE_CHECKING:
    from dsl.training.trainer import Trainer

Logs = Mapping[str, float]


class Callback:
    """Is told what happens in a training; subclasses override what they want to know.

    Names and arguments are Keras's; epochs and batches count from 0. `logs` holds the scores
    there are: ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy`` and those of ``metrics``.

    Attributes
    ----------
    model : Trainer
        What is trained. It has `learning_rate` to read and set, `stop_training` to set,
        `weights`, `load_weights` and `save_weights`.
    params : dict
        ``epochs``, ``steps`` (of an epoch) and ``batch_size``.
    """

    model: Trainer
    params: dict[str, Any]

    def set_model(self, model: Trainer) -> None:
        """Take note of what is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take note of how."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Act before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Act after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Act before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Act after an epoch, when its scores are known."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Act before a step."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Act after a step; `logs` holds the means of the epoch so far."""

    def state(self) -> dict[str, Any]:
        """Return what it must remember when a training is resumed, as values JSON can hold."""
        return {}

    def arrays(self) -> Arrays:
        """Return the arrays that it must remember."""
        return {}

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take back what `state` and `arrays` returned."""


class CallbackList:
    """Several callbacks, told one after the other.

    Parameters
    ----------
    callbacks : iterable of Callback
        The callbacks.
    """

    def __init__(self, callbacks: Iterable[Callback]) -> None:
        self.callbacks = tuple(callbacks)

    def begin(self, model: Trainer, params: dict[str, Any]) -> None:
        """Tell that a training begins."""
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        for callback in self.callbacks:
            callback.on_train_begin({})

    def end(self, logs: Logs) -> None:
        """Tell that a training ends."""
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def epoch_begin(self, epoch: int) -> None:
        """Tell that an epoch begins."""
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, {})

    def epoch_end(self, epoch: int, logs: Logs) -> None:
        """Tell that an epoch ends."""
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def batch_begin(self, batch: int) -> None:
        """Tell that a step begins."""
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, {})

    def batch_end(self, batch: int, logs: Logs) -> None:
        """Tell that a step is made."""
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    def state(self) -> tuple[list[Mapping[str, Any]], Arrays]:
        """Return what all callbacks remember."""
        arrays = {
            f"{number}/{name}": array
            for number, callback in enumerate(self.callbacks)
            for name, array in callback.arrays().items()
        }
        return [callback.state() for callback in self.callbacks], arrays

    def restore(self, states: list[Mapping[str, Any]], arrays: Arrays) -> None:
        """Give all callbacks what they remembered."""
        for number, (callback, state) in enumerate(zip(self.callbacks, states, strict=False)):
            start = f"{number}/"
            own = {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
            callback.restore(state, own)


class Watcher(Callback):
    """A callback that compares a score from epoch to epoch.

    Parameters
    ----------
    monitor : str
        The score: ``val_loss``, ``accuracy`` and the like.
    mode : str
        ``"min"``, ``"max"``, or ``"auto"``: what is better follows from the score.
    min_delta : float
        How much better counts as better.

    Attributes
    ----------
    best : float or None
        The best score so far.

    Raises
    ------
    ValueError
        If the score or the mode is not known.
    """

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is 'auto', 'min' or 'max', not {mode!r}")
        metric = METRICS.get(monitor.removeprefix(VALIDATION))
        if metric is None and mode == "auto":
            raise ValueError(f"{monitor!r} is no score of ours: say mode='min' or mode='max'")
        self.monitor = monitor
        self._rises = metric.rises if metric is not None and mode == "auto" else mode == "max"
        self._min_delta = abs(min_delta)
        self.best: float | None = None

    def improves(self, logs: Logs | None) -> bool:
        """Return whether the score is better than the best so far, which it then becomes.

        Raises
        ------
        RunError
            If it was not measured.
        """
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(sorted(logs or {})) or "none"
            raise RunError(f"{self.monitor!r} is watched, but not measured; measured are {known}")
        gain = 0.0
        if self.best is not None:
            gain = value - self.best if self._rises else self.best - value
        better = self.best is None or gain > self._min_delta
        if better:
            self.best = float(value)
        return better

    def state(self) -> dict[str, Any]:
        """Return the best score so far."""
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take the best score so far back."""
        del arrays
        self.best = state["best"]
