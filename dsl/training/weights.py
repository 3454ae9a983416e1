"""The weights of a network as a safetensors file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from dsl.training.errors import RunError
from dsl.training.state import Arrays
from tensorgraph.base.files import write_atomically


def weights_as_bytes(weights: Mapping[str, np.ndarray[Any, Any]], label: str) -> bytes:
    """Return arrays in the safetensors format; the same arrays give the same bytes.

    Parameters
    ----------
    weights : mapping of str to array
        The arrays by name.
    label : str
        What they are of.
    """
    ordered = {name: np.asarray(weights[name], order="C") for name in sorted(weights)}
    # One entry only: the library writes several in an order that changes from run to run.
    return save_tensors(ordered, {"tensorgraph": label})


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    RunError
        If that fails; what was there before is kept.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise RunError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from None


def write_weights(
    path: str | os.PathLike[str], weights: Mapping[str, np.ndarray[Any, Any]], label: str
) -> None:
    """Write arrays into a safetensors file, atomically; raises as `write_file`."""
    write_file(path, weights_as_bytes(weights, label))


def read_weights(path: str | os.PathLike[str]) -> Arrays:
    """Return the arrays of a safetensors file.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    try:
        return load_tensors(Path(path).read_bytes())
    except (OSError, SafetensorError, KeyError) as error:  # KeyError: a kind NumPy lacks
        raise RunError(f"{os.fspath(path)} is damaged or no model: {error}") from None
