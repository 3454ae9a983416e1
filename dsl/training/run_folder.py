"""The run folder: what a training leaves behind, each file written atomically.

======================== ======================================================================
``<net>.net``            a copy of the file that was trained
``source/``              instead, where it brings in other files: copies of all of them
``config.json``          what was resolved: data, shape, classes, batch, epochs, seed
``metrics.jsonl``        one line an epoch
``model.safetensors``    the weights
``model-1.safetensors``  the weights of each member, where several models or snapshots are averaged
``preprocess.safetensors`` what ``preprocess`` learnt from the training examples
``checkpoints/``         where the training stood after epochs
``member-1/``            metrics and checkpoints of each member of an ensemble
``summary.json``         the result
``histograms.safetensors`` how weights and gradients were distributed after each epoch
``curves.svg``           loss and accuracy over the epochs
``graph.svg``            the network (``graph.dot`` where nothing can draw it)
``diverged.svg``         where the loss became NaN: the first bad node in red
``report.html``          all of it as a page: `dsl.report` writes it
======================== ======================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dsl.training.checkpoints import Checkpoints
from dsl.training.errors import RunError
from dsl.training.state import Arrays
from dsl.training.weights import read_weights, write_file, write_weights
from tensorgraph.data import Preprocessing

MODEL = "model.safetensors"
CONFIG = "config.json"
METRICS = "metrics.jsonl"
SUMMARY = "summary.json"
HISTOGRAMS = "histograms.safetensors"
PREPROCESS = "preprocess.safetensors"


@dataclass(frozen=True)
class RunConfig:
    """What `tg eval`, `tg predict` and `tg train --resume` must know of a training.

    Attributes
    ----------
    net : str
        Where the copy of the ``.net`` file is inside the folder.
    data : str
        The data set's name, or an absolute path.
    input_shape : tuple of int
        Shape of one example of the data.
    class_names : tuple of str
        The classes, in the order of the output; empty where numbers are predicted.
    batch, epochs, seed : int
        As they were used.
    limit : int or None
        How many examples of each part were used; None for all.
    origin : str
        The absolute path of the file that was trained; weights to start from lie beside it.
    settings : tuple of str
        The changes that the command line made, ``NAME=VALUE``.
    members : int
        How many models, or snapshots, are averaged.
    preprocess : tuple of mapping
        The steps of ``preprocess``, without their arrays.
    reading : mapping
        How the data was read, such as the words of a vocabulary.
    weights : str or None
        The file of weights that `start_from` named.
    """

    net: str
    data: str
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    batch: int
    epochs: int
    seed: int
    limit: int | None
    origin: str = ""
    settings: tuple[str, ...] = ()
    members: int = 1
    preprocess: tuple[Mapping[str, Any], ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None


class RunFolder:
    """A folder that holds one training.

    Parameters
    ----------
    path : Path
        The folder, which exists. `create` makes a new one, `open` checks an old one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

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
    def open(cls, path: Path, needed: Sequence[str] = (CONFIG, MODEL)) -> RunFolder:
        """Return the folder of a training.

        Parameters
        ----------
        path : Path
            The folder.
        needed : sequence of str
            The files that it must hold.

        Raises
        ------
        RunError
            If it is no run folder, or lacks one of them.
        """
        if not path.is_dir():
            raise RunError(f"{path} is no folder: expected a run folder, such as runs/lenet5-1")
        missing = [name for name in needed if not (path / name).is_file()]
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
        write_file(self.path / name, content.encode() if isinstance(content, str) else content)
        return self.path / name

    def write_json(self, name: str, value: Any) -> Path:
        """Write a value as JSON, atomically."""
        return self.write(name, json.dumps(value, indent=2) + "\n")

    def write_metrics(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write the metrics file, a line an epoch."""
        self.write(METRICS, "".join(f"{json.dumps(record)}\n" for record in records))

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
            for name in ("class_names", "settings", "preprocess"):
                values[name] = tuple(values.get(name, ()))
            return RunConfig(**values)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(f"{path} is damaged: {error}") from None

    @property
    def checkpoints(self) -> Checkpoints:
        """Its checkpoints."""
        return Checkpoints(self.path / "checkpoints")

    def member(self, number: int) -> RunFolder:
        """Return the folder of a member of an ensemble, counted from 1; it is made."""
        path = self.path / f"member-{number}"
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make {path}: {error.strerror or error}") from None
        return RunFolder(path)

    def write_model(self, weights: Arrays, net: str, member: int | None = None) -> Path:
        """Write weights; the same weights give the same bytes.

        Parameters
        ----------
        weights : dict of str to array
            The weights by name.
        net : str
            The network's name.
        member : int, optional
            Of which member they are, counted from 1.
        """
        path = self.path / (MODEL if member is None else f"model-{member}.safetensors")
        write_weights(path, weights, net)
        return path

    def count_members(self, wanted: int) -> int:
        """Return how many of the models that are wanted are there; 1 for a single one."""
        found = [self.file(f"model-{i + 1}.safetensors").exists() for i in range(wanted)]
        return max(1, sum(found))

    def read_models(self, members: int) -> list[Arrays]:
        """Return the weights of all members.

        Raises
        ------
        RunError
            If a file is missing or damaged.
        """
        if members == 1:
            return [read_weights(self.path / MODEL)]
        return [read_weights(self.path / f"model-{i + 1}.safetensors") for i in range(members)]

    def write_preprocessing(self, preprocessing: Preprocessing) -> tuple[dict[str, Any], ...]:
        """Write the arrays of fitted steps, and return what `config.json` holds of them."""
        records, arrays = preprocessing.state()
        if arrays:
            write_weights(self.path / PREPROCESS, arrays, "preprocess")
        return tuple(records)

    def read_preprocessing(self, config: RunConfig) -> Preprocessing:
        """Return the fitted steps.

        Raises
        ------
        DataError
            If their file is missing or damaged.
        """
        path = self.path / PREPROCESS
        arrays = read_weights(path) if path.exists() else {}
        return Preprocessing.from_state(config.preprocess, arrays)

    def sweep(self) -> None:
        """Remove the temporary files that a process left that was killed while writing."""
        for path in self.path.rglob(".*.tmp"):
            with suppress(OSError):
                path.unlink()


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
