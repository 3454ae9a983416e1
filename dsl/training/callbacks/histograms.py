"""How weights and gradients are distributed, epoch by epoch, for the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsl.training.callbacks.base import Callback, Logs
from dsl.training.state import Arrays
from dsl.training.weights import write_weights

if TYPE_CHECKING:
    from dsl.training.trainer import Trainer

BINS = 48
"""How many parts the range of a weight is divided into."""

EXPONENTS = (-12.0, 4.0)
"""Gradients are counted by their order of magnitude, from 10⁻¹² to 10⁴."""

MAX_VALUES = 1_000_000
"""Of more values that many are counted."""

MAX_WEIGHTS = 16
MAX_EPOCHS = 100


class Histograms(Callback):
    """Counts the values of kernels, and of their gradients, after every epoch.

    Of many kernels, MAX_WEIGHTS are watched, evenly spread from the first to the last one. Where
    there are more than MAX_EPOCHS epochs, every second one is forgotten, then every fourth, and so
    on. The training is the same with it and without.

    Parameters
    ----------
    path : Path
        The safetensors file that the counts are written to, after every epoch. It holds

        - ``epochs``: the epochs, 0 before the first one, of shape (epochs,);
        - ``weights/NAME``: how many values lie in each bin, of shape (epochs, BINS);
        - ``ranges/NAME``: the lowest and the highest value, of shape (epochs, 2);
        - ``gradients/NAME``: how many values are of each order of magnitude in EXPONENTS; none
          before the first epoch.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        self._every = 1
        self._epochs: list[int] = []
        self._rows: dict[str, list[np.ndarray[Any, Any]]] = {}

    def set_model(self, model: Trainer) -> None:
        """Choose the kernels."""
        super().set_model(model)
        kernels = [
            name
            for name, variable in model.model.variables.items()
            if variable.trainable and len(variable.shape.as_list()) >= 2
        ]
        chosen = np.linspace(0, len(kernels) - 1, min(len(kernels), MAX_WEIGHTS)).round()
        self._names = [kernels[int(i)] for i in chosen]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Count the weights that the training starts from."""
        self._add(0, {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Count the weights, and the gradients of examples of the last step."""
        if (epoch + 1) % self._every == 0:
            self._add(epoch + 1, self.model.gradients(self._names))
            if len(self._epochs) > MAX_EPOCHS:
                self._thin()
        write_weights(self._path, self.arrays(), "histograms")

    def _add(self, epoch: int, gradients: Arrays) -> None:
        weights = self.model.weights()
        self._epochs.append(epoch)
        for name in self._names:
            counts, limits = count_values(weights[name])
            self._rows.setdefault(f"weights/{name}", []).append(counts)
            self._rows.setdefault(f"ranges/{name}", []).append(limits)
            sizes = count_magnitudes(gradients.get(name, np.empty(0)))
            self._rows.setdefault(f"gradients/{name}", []).append(sizes)

    def _thin(self) -> None:
        self._every *= 2
        kept = [i for i, epoch in enumerate(self._epochs) if epoch % self._every == 0]
        self._epochs = [self._epochs[i] for i in kept]
        self._rows = {name: [rows[i] for i in kept] for name, rows in self._rows.items()}

    def state(self) -> dict[str, Any]:
        """Return which epochs are counted."""
        return {"every": self._every}

    def arrays(self) -> Arrays:
        """Return the counts as they are written."""
        counted = {name: np.stack(rows) for name, rows in self._rows.items()}
        return {"epochs": np.array(self._epochs, np.int64), **counted}

    def restore(self, state: Mapping[str, Any], arrays: Arrays) -> None:
        """Take back what `state` and `arrays` returned."""
        self._every = state["every"]
        self._epochs = arrays["epochs"].tolist()
        self._rows = {name: list(rows) for name, rows in arrays.items() if name != "epochs"}


def count_values(values: Any) -> tuple[Any, Any]:
    """Return how many values lie in each of BINS parts of their range, and the range.

    Parameters
    ----------
    values : array
        The values, all finite; of more than MAX_VALUES only every so many-th counts.

    Returns
    -------
    counts : array of shape (BINS,), int32
        The counts.
    limits : array of shape (2,), float32
        The lowest and the highest value.
    """
    flat = _some(values)
    limits = np.array([flat.min(), flat.max()])
    counts, _ = np.histogram(flat, BINS, (limits[0], limits[1]))
    return counts.astype(np.int32), limits.astype(np.float32)


def count_magnitudes(values: Any) -> Any:
    """Return how many values are of each order of magnitude in EXPONENTS, in BINS parts.

    Those outside count at its ends; zeros and what is not finite do not count.
    """
    sizes = np.abs(_some(values))
    exponents = np.log10(sizes[np.isfinite(sizes) & (sizes > 0)])
    counts, _ = np.histogram(exponents.clip(*EXPONENTS), BINS, EXPONENTS)
    return counts.astype(np.int32)


def _some(values: Any) -> Any:
    flat = np.ravel(values)
    return flat[:: -(-flat.size // MAX_VALUES) or 1].astype(np.float64)
