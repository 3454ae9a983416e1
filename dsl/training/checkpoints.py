"""Checkpoints: where a training stood after an epoch, as two files each.

``epoch-00003.safetensors``
    The arrays: ``variables/NODE`` and ``callbacks/NUMBER/NAME``.
``epoch-00003.json``
    All else, the checksum of the arrays, and a checksum of its own.

Each file is written in one step, the JSON last: without it there is no checkpoint. What is broken
later is found by the checksums, and the checkpoint before is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsl.training.errors import RunError
from dsl.training.state import Arrays, TrainingState
from dsl.training.weights import read_weights, weights_as_bytes, write_file
from tensorgraph.base.errors import DataError

_FORMAT, _VERSION = "tensorgraph training", 1
_VARIABLES, _CALLBACKS = "variables/", "callbacks/"


class Checkpoints:
    """The checkpoints of one training.

    Parameters
    ----------
    folder : Path
        Where they are; made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, state: TrainingState, keep: int) -> None:
        """Write a checkpoint, and remove the oldest.

        Parameters
        ----------
        state : TrainingState
            Where the training stands.
        keep : int
            How many checkpoints are kept.

        Raises
        ------
        RunError
            If it cannot be written; those before are unchanged.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make {self.folder}: {error.strerror or error}") from None
        stem = f"epoch-{state.epoch:05d}"
        content = weights_as_bytes(_arrays_of(state), "checkpoint")
        write_file(self.folder / f"{stem}.safetensors", content)
        write_file(self.folder / f"{stem}.json", _described(state, content))
        self.prune(keep)

    def prune(self, keep: int) -> None:
        """Remove all but the newest checkpoints, and what a kill has left of others."""
        for old in self._descriptions()[keep:]:
            # The description first: without it the rest is no checkpoint.
            old.unlink(missing_ok=True)
        for arrays in self.folder.glob("epoch-*.safetensors"):
            if not arrays.with_suffix(".json").exists():
                arrays.unlink(missing_ok=True)

    def newest(self, warn: Callable[[str], None]) -> TrainingState | None:
        """Return the newest checkpoint that is whole, None if there is none.

        Parameters
        ----------
        warn : callable
            Is told of each that is damaged.
        """
        for path in self._descriptions():
            try:
                return _read(path)
            except RunError as error:
                warn(f"{error}; the checkpoint before is used")
        return None

    def _descriptions(self) -> list[Path]:
        """Return the JSON files, the newest first."""
        return sorted(self.folder.glob("epoch-*.json"), reverse=True)


def _arrays_of(state: TrainingState) -> Arrays:
    return {
        **{_VARIABLES + name: array for name, array in state.variables.items()},
        **{_CALLBACKS + name: array for name, array in state.arrays.items()},
    }


def _described(state: TrainingState, content: bytes) -> bytes:
    """Return the JSON file of a checkpoint."""
    values = {
        "format": _FORMAT,
        "version": _VERSION,
        "epoch": state.epoch,
        "steps": state.steps,
        "learning_rate": state.learning_rate,
        "finished": state.finished,
        "random": state.random,
        "callbacks": state.callbacks,
        "records": state.records,
        "arrays": hashlib.sha256(content).hexdigest(),
    }
    return json.dumps({**values, "checksum": _checksum(values)}, indent=1).encode()


def _checksum(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> TrainingState:
    """Return the checkpoint of a JSON file.

    Raises
    ------
    RunError
        If either file is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        checksum = values.pop("checksum")
        if values["format"] != _FORMAT or values["version"] != _VERSION:
            raise RunError(f"{path} is of another version")
        if checksum != _checksum(values):
            raise RunError(f"{path} is damaged: its checksum is another one")
        data = path.with_suffix(".safetensors")
        if hashlib.sha256(data.read_bytes()).hexdigest() != values["arrays"]:
            raise RunError(f"{data} is damaged: its checksum is another one")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise RunError(f"{path} is damaged: {error}") from None
    arrays = read_weights(data)
    return TrainingState(
        values["epoch"],
        values["steps"],
        values["learning_rate"],
        values["finished"],
        _part(arrays, _VARIABLES),
        values["random"],
        values["callbacks"],
        _part(arrays, _CALLBACKS),
        values["records"],
    )


def _part(arrays: Arrays, start: str) -> Arrays:
    return {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
