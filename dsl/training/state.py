"""Where a training stands between two epochs: all that is needed to go on as if never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands.

    The order of the examples depends on seed and epoch alone, and so is no part of it.

    Attributes
    ----------
    epoch, steps : int
        How many epochs and steps are made.
    learning_rate : float
        The learning rate before the schedule's factor.
    finished : bool
        Whether nothing more will be trained.
    variables : dict of str to array
        The value of every variable, the optimizer's among them, by its node.
    random : mapping
        From `tf.Session.random_state`.
    callbacks : list of mapping
        What each callback remembers, as values that JSON can hold.
    arrays : dict of str to array
        The arrays that callbacks remember, as ``NUMBER/NAME``.
    records : list of mapping
        What each epoch came to: `EpochDone.to_json`.
    """

    epoch: int
    steps: int
    learning_rate: float
    finished: bool
    variables: Arrays
    random: Mapping[str, Any] = field(default_factory=dict)
    callbacks: list[Mapping[str, Any]] = field(default_factory=list)
    arrays: Arrays = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
