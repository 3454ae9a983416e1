"""What every library is given: the networks' names and shapes, and batches that can be learnt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH = 64
CLASSES = 10
LEARNING_RATE = 1e-3

# Shape of one example, by network; channels last.
INPUT_SHAPES = {
    "mlp": (784,),
    "lenet": (28, 28, 1),
    "lab": (28, 28, 1),
}
DESCRIPTIONS = {
    "mlp": "dense 128 relu, dense 10",
    "lenet": "LeNet-5: conv 6 5x5 same tanh, avgpool 2, conv 16 5x5 tanh, avgpool 2, "
    "dense 120 tanh, dense 84 tanh, dense 10",
    "lab": "conv 32 3x3 relu, conv 64 3x3 relu, maxpool 2, dropout .25, dense 128 relu, "
    "dropout .5, dense 10",
}

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def batches(net: str) -> Iterator[Batch]:
    """Yield the same eight batches again and again: a noisy prototype for each class.

    Noise makes the classes hard enough to take some steps, and eight batches are few enough for
    the loss to fall within the steps of a benchmark.
    """
    rng = np.random.default_rng(0)
    shape = INPUT_SHAPES[net]
    prototypes = rng.random((CLASSES, *shape), dtype=np.float32)
    drawn = []
    for _ in range(8):
        y = rng.integers(0, CLASSES, BATCH)
        noise = rng.standard_normal((BATCH, *shape), dtype=np.float32)
        drawn.append((prototypes[y] + 0.3 * noise, y))
    return itertools.cycle(drawn)


def stddev(shape: tuple[int, ...]) -> float:
    """Return the spread of initial weights of that shape, outputs last: √(2 / inputs)."""
    return float(np.sqrt(2 / np.prod(shape[:-1], dtype=Any)))
