"""What happens in a training, as `Trainer.fit` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dsl.metrics import Confusion


@dataclass(frozen=True)
class Score:
    """How good a network is on some examples.

    Attributes
    ----------
    loss : float or None
        The mean loss, without penalties; None without examples.
    accuracy : float or None
        The share of right answers; None too where the network does not tell classes apart.
    others : mapping of str to float
        The other metrics by their words.
    confusion : array or None
        How many examples of each class (row) were taken for each class (column), where that was
        counted.
    """

    loss: float | None = None
    accuracy: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    confusion: Confusion | None = None

    def to_json(self, prefix: str) -> dict[str, float | None]:
        """Return all numbers, each word with a prefix before it: ``val_loss``."""
        values = {"loss": self.loss, "accuracy": self.accuracy, **self.others}
        return {prefix + word: value for word, value in values.items()}


@dataclass(frozen=True)
class StepDone:
    """A step was made.

    Attributes
    ----------
    epoch, epochs : int
        The epoch, counted from 1, and how many there will be.
    step, steps : int
        The step inside the epoch, counted from 1, and how many it has.
    score : Score
        The running means of the epoch so far.
    examples_per_second : float
        The speed of the epoch so far.
    model : str
        Which model of several it is of, ``model 2/5``; empty where there is only one.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    score: Score
    examples_per_second: float
    model: str = ""


@dataclass(frozen=True)
class EpochDone:
    """An epoch was completed, or broken off.

    Attributes
    ----------
    epoch, epochs : int
        Which, counted from 1, and how many there will be.
    steps : int
        How many steps were made in all epochs so far.
    train, validation : Score
        The running means of the training steps, and the score on the validation part.
    learning_rate : float
        That of the last step.
    seconds, examples_per_second : float
        The time that the training steps took, and their speed.
    model : str
        As for `StepDone`.
    """

    epoch: int
    epochs: int
    steps: int
    train: Score
    validation: Score
    learning_rate: float
    seconds: float
    examples_per_second: float
    model: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the line of ``metrics.jsonl``."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            **self.train.to_json("train_"),
            **self.validation.to_json("val_"),
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
            "examples_per_second": self.examples_per_second,
        }

    @property
    def logs(self) -> dict[str, float]:
        """The scores as callbacks get them: ``loss``, ``val_loss`` and so on, those there are."""
        scores = {**self.train.to_json(""), **self.validation.to_json("val_")}
        return {word: value for word, value in scores.items() if value is not None}


Event = StepDone | EpochDone
