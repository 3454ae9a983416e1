"""The file ``checkpoint``: which checkpoints a folder has, and which is the latest.

It is text, as TensorFlow writes it::

    model_checkpoint_path: "model.ckpt-200"
    all_model_checkpoint_paths: "model.ckpt-100"
    all_model_checkpoint_paths: "model.ckpt-200"
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorgraph.base.files import write_atomically
from tensorgraph.train.checkpoint_files import CheckpointReader, checkpoint_exists

_LINE = re.compile(r'(\w+)\s*:\s*("(?:[^"\\]|\\.)*"|[-+.\w]+)')


@dataclass
class CheckpointState:
    """What the file ``checkpoint`` says.

    Attributes
    ----------
    model_checkpoint_path : str
        Prefix of the latest checkpoint.
    all_model_checkpoint_paths : list of str
        Prefixes of all that are kept, the oldest first.
    all_model_checkpoint_timestamps : list of float
        When they were saved, in seconds since 1970.
    last_preserved_timestamp : float
        When the last one was saved that is never deleted.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def _state_file(save_dir: str, latest_filename: str | None) -> str:
    return os.path.join(save_dir, latest_filename or "checkpoint")


def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
    save_relative_paths: bool = False,
) -> None:
    """Write the file ``checkpoint`` of a folder.

    Parameters
    ----------
    save_dir : str
        The folder.
    model_checkpoint_path : str
        Prefix of the latest checkpoint.
    all_model_checkpoint_paths : sequence of str, optional
        Prefixes of all, the oldest first; the latest is added where it is not the last of them.
    latest_filename : str, default "checkpoint"
        Name of the file.
    all_model_checkpoint_timestamps : sequence of float, optional
        When each was saved.
    last_preserved_timestamp : float, optional
        When the last one was saved that is never deleted.
    save_relative_paths : bool, default False
        Write paths as seen from the folder, so that it can be moved. Where `save_dir` is
        relative, they always are.

    Raises
    ------
    ValueError
        If there are not as many times as checkpoints.
    RuntimeError
        If the file itself has the name of a checkpoint.
    """
    paths = list(all_model_checkpoint_paths or [])
    times = list(all_model_checkpoint_timestamps or [])
    if times and len(times) != len(paths):
        raise ValueError(f"{len(times)} times do not go with {len(paths)} checkpoints")
    if not paths or paths[-1] != model_checkpoint_path:
        paths.append(model_checkpoint_path)
    if save_relative_paths or not os.path.isabs(save_dir):
        model_checkpoint_path, *paths = (
            os.path.relpath(p, save_dir) if os.path.isabs(p) == os.path.isabs(save_dir) else p
            for p in (model_checkpoint_path, *paths)
        )
    path = _state_file(save_dir, latest_filename)
    if path == model_checkpoint_path:
        raise RuntimeError(f"the checkpoint {path} has the name of the file that lists checkpoints")
    lines = [f"model_checkpoint_path: {json.dumps(model_checkpoint_path)}"]
    lines += [f"all_model_checkpoint_paths: {json.dumps(p)}" for p in paths]
    lines += [f"all_model_checkpoint_timestamps: {t!r}" for t in times]
    if last_preserved_timestamp is not None:
        lines.append(f"last_preserved_timestamp: {last_preserved_timestamp!r}")
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def get_checkpoint_state(
    checkpoint_dir: str, latest_filename: str | None = None
) -> CheckpointState | None:
    """Return what the file ``checkpoint`` of a folder says.

    Parameters
    ----------
    checkpoint_dir : str
        The folder.
    latest_filename : str, default "checkpoint"
        Name of the file.

    Returns
    -------
    CheckpointState or None
        With paths that begin with `checkpoint_dir`. None if there is no such file, or (with a
        warning in the log) if it cannot be understood.
    """
    folder = os.fspath(checkpoint_dir)
    path = _state_file(folder, latest_filename)
    try:
        with open(path, encoding="utf-8") as file:
            state = _parsed(file.read())
    except OSError:
        return None
    except ValueError as error:
        logging.getLogger("tensorgraph").warning("%s: %s", path, error)
        return None
    state.model_checkpoint_path = os.path.join(folder, state.model_checkpoint_path)
    state.all_model_checkpoint_paths = [
        os.path.join(folder, p) for p in state.all_model_checkpoint_paths
    ]
    return state


def _parsed(text: str) -> CheckpointState:
    """Return what the text says.

    Raises
    ------
    ValueError
        If it is of another kind.
    """
    state = CheckpointState()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or not hasattr(state, match[1]):
            raise ValueError(f"line {number} is not understood: {line!r}")
        value, current = json.loads(match[2]), getattr(state, match[1])
        if isinstance(value, str) != match[1].endswith(("path", "paths")):
            raise ValueError(f"line {number} has a value of the wrong kind: {line!r}")
        if isinstance(current, list):
            current.append(value)
        else:
            setattr(state, match[1], value)
    if not state.model_checkpoint_path:
        raise ValueError("it names no checkpoint")
    return state


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """Return the prefix of the latest checkpoint of a folder, None if it has none.

    Parameters
    ----------
    checkpoint_dir : str
        The folder.
    latest_filename : str, default "checkpoint"
        Name of the file that lists them.
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None:
        return None
    if checkpoint_exists(state.model_checkpoint_path):
        return state.model_checkpoint_path
    logging.getLogger("tensorgraph").error(
        "the checkpoint %s is listed, but its files are gone", state.model_checkpoint_path
    )
    return None


def load_checkpoint(ckpt_dir_or_file: str) -> CheckpointReader:
    """Return a reader of a checkpoint.

    Parameters
    ----------
    ckpt_dir_or_file : str
        Prefix of a checkpoint, or a folder, which stands for its latest one.

    Raises
    ------
    ValueError
        If the folder has none.
    NotFoundError, DataLossError
        As for `CheckpointReader`.
    """
    prefix: str | None = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(ckpt_dir_or_file):
        prefix = latest_checkpoint(ckpt_dir_or_file)
        if prefix is None:
            raise ValueError(f"the folder {ckpt_dir_or_file} has no checkpoint")
    assert prefix is not None
    return CheckpointReader(prefix)


def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """Return the names and shapes of what a checkpoint holds; see `load_checkpoint`."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str, name: str) -> np.ndarray[Any, Any]:
    """Return a value out of a checkpoint; see `load_checkpoint`. The name may end in ``:0``."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))
