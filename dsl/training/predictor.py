"""One network, or several of the same file whose results are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dsl.training.events import Score
from dsl.training.state import Arrays
from dsl.training.trainer import Trainer


class Predictor:
    """Predicts and measures with the mean of the results of its members.

    Parameters
    ----------
    trainer : Trainer
        The network; its weights are set as they are needed.
    members : sequence of dict
        The weights of each member, at least one.

    Raises
    ------
    ValueError
        If weights do not suit the network.
    """

    def __init__(self, trainer: Trainer, members: Sequence[Arrays]) -> None:
        self.trainer = trainer
        self._members = list(members)
        for weights in reversed(self._members):
            trainer.load_weights(weights)

    def predict(self, x: Any) -> np.ndarray[Any, Any]:
        """Return the mean of what the members make of each example."""
        if len(self._members) == 1:
            return self.trainer.predict(x)
        total: Any = 0.0
        for weights in self._members:
            self.trainer.load_weights(weights)
            total = total + self.trainer.predict(x)
        mean: np.ndarray[Any, Any] = total / np.float32(len(self._members))
        return mean

    def evaluate(self, x: Any, y: Any) -> Score:
        """Return the score of the mean on labelled examples."""
        if len(self._members) == 1 or not len(x):
            return self.trainer.evaluate(x, y)
        return self.trainer.evaluate_outputs(self.predict(x), y)

    def evaluate_members(self, x: Any, y: Any) -> list[Score]:
        """Return the score of each member on labelled examples; none if there is only one."""
        scores = []
        for weights in self._members if len(self._members) > 1 else ():
            self.trainer.load_weights(weights)
            scores.append(self.trainer.evaluate(x, y))
        return scores
