"""What the libraries share: the walk over the pieces of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dsl.bench.task import Piece, Task

Weights = Mapping[str, np.ndarray[Any, Any]]
# From a batch, inputs and labels, to the loss.
Step = Callable[[Any, Any], float]


class Library(ABC):
    """A library: how it writes each kind of piece.

    A method is called like the kind of piece. It takes the value, the piece's options, and its
    variables by their names within the layer.

    Parameters
    ----------
    threads : int
        How many threads the library may use.

    Attributes
    ----------
    threads : int
        The parameter.
    version : str
        The library's.

    Raises
    ------
    ImportError
        If it is not installed.
    """

    version: str

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @abstractmethod
    def make_step(self, task: Task, weights: Weights) -> Step:
        """Return what makes a training step.

        Parameters
        ----------
        task : Task
            The network and how it is trained.
        weights : mapping of str to array
            The values that all variables begin with.
        """

    def forward(self, task: Task, x: Any, variables: Mapping[str, Any]) -> Any:
        """Return the network's result, as it is in training."""
        for piece in task.pieces:
            x = self._apply(piece, x, variables)
        return x

    def _apply(self, piece: Piece, x: Any, variables: Mapping[str, Any]) -> Any:
        own = {name: variables[whole] for name, whole in piece.weights.items()}
        return getattr(self, piece.kind)(x, piece.options, own)
