"""The run folder: what a training leaves behind, each file written atomically.

==================== ==========================================================================
``<net>.net``        a copy of the file that was trained
``config.json``      what was resolved: data, shape, classes, batch, epochs, seed
``metrics.jsonl``    one line an epoch
``model.safetensors`` the weights
``summary.json``     the result
``curves.svg``       loss and accuracy over the epochs
``graph.svg``        the network (``graph.dot`` where nothing can draw it)
==================== ==========================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from tensorgraph.base.errors import DataError
from tensorgraph.base.files import write_atomically

MODEL = "model.safetensors"
CONFIG = "config.json"
METRICS = "metrics.jsonl"
SUMMARY = "summary.json"

Weights = Mapping[str, np.ndarray[Any, Any]]


class RunError(DataError):
    """A run folder is missing, incomplete, damaged, or in the way."""


@dataclass(frozen=True)
class RunConfig:
    """What `tg eval` and `tg predict` must know of a training.

    Attributes
    ----------
    net : str
        Name of the copy of the ``.net`` file inside the folder.
    data : str
        The data set's name, or an absolute path.
    input_shape : tuple of int
        Shape of one example.
    class_names : tuple of str
        The classes, in the order of the output.
    batch, epochs, seed : int
        As they were used.
    limit : int or None
        How many examples of each part were used; None for all.
    """

    net: str
    data: str
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    batch: int
    epochs: int
    seed: int
    limit: int | None


class RunFolder:
    """A folder that holds one training.

    Parameters
    ----------
    path : Path
        The folder, which exists. `create` makes a new one, `open` checks an old one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metrics: list[str] = []

    @classmethod
    def create(cls, net: str, out: Path | None = None) -> RunFolder:
        """Make a new folder: `out`, or ``runs/<net>-<n>`` with the next free number.

        Raises
        ------
        RunError
            If `out` holds something already, or cannot be made.
        """
        try:
            if out is None:
                return cls(_next_folder(Path("runs"), net))
            out.mkdir(parents=True, exist_ok=True)
            if any(out.iterdir()):
                raise RunError(f"{out} is not empty: choose another folder with --out")
        except OSError as error:
            raise RunError(f"cannot make the run folder: {error}") from None
        return cls(out)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the folder of a finished training.

        Raises
        ------
        RunError
            If it is no run folder, or lacks the model.
        """
        if not path.is_dir():
            raise RunError(f"{path} is no folder: expected a run folder, such as runs/lenet5-1")
        missing = [name for name in (CONFIG, MODEL) if not (path / name).is_file()]
        if missing:
            raise RunError(
                f"{path} is no complete run folder: it lacks {' and '.join(missing)}"
                " (`tg train` writes them)"
            )
        return cls(path)

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.path / name

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file atomically and return its path.

        Raises
        ------
        RunError
            If that fails; what was there before is kept.
        """
        data = content.encode() if isinstance(content, str) else content
        try:
            write_atomically(self.path / name, data)
        except OSError as error:
            raise RunError(f"cannot write {self.path / name}: {error}") from None
        return self.path / name

    def write_json(self, name: str, value: Any) -> Path:
        """Write a value as JSON, atomically."""
        return self.write(name, json.dumps(value, indent=2) + "\n")

    def add_metrics(self, record: Mapping[str, Any]) -> None:
        """Add an epoch to the metrics file."""
        self._metrics.append(json.dumps(record))
        self.write(METRICS, "".join(f"{line}\n" for line in self._metrics))

    def write_config(self, config: RunConfig) -> None:
        """Write the configuration."""
        self.write_json(CONFIG, asdict(config))

    def read_config(self) -> RunConfig:
        """Return the configuration.

        Raises
        ------
        RunError
            If it is damaged.
        """
        path = self.path / CONFIG
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            values["input_shape"] = tuple(values["input_shape"])
            values["class_names"] = tuple(values["class_names"])
            return RunConfig(**values)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(f"{path} is damaged: {error}") from None

    def write_model(self, weights: Weights, net: str) -> Path:
        """Write the weights in the safetensors format; the same weights give the same bytes."""
        ordered = {name: np.ascontiguousarray(weights[name]) for name in sorted(weights)}
        # One entry only: the library writes several in an order that changes from run to run.
        return self.write(MODEL, save_tensors(ordered, {"tensorgraph": net}))

    def read_model(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the weights.

        Raises
        ------
        RunError
            If the file is damaged.
        """
        path = self.path / MODEL
        try:
            return load_tensors(path.read_bytes())
        except (OSError, SafetensorError) as error:
            raise RunError(f"{path} is damaged or no model: {error}") from None


def _next_folder(base: Path, net: str) -> Path:
    """Make the first ``<net>-<n>`` that does not exist; two trainings never get the same."""
    base.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = base / f"{net}-{number}"
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path
