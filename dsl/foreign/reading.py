"""A safetensors file of another library → its tensors, grouped by the modules they belong to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from dsl.foreign.names import natural_order, split_name
from dsl.training.errors import RunError
from dsl.training.state import Arrays

_KINDS = {"F": "f", "I": "i", "U": "u"}
_COUNTERS = frozenset(["num_batches_tracked", "seed_generator_state"])
"""Tensors that are no weights."""


@dataclass(frozen=True)
class Module:
    """The tensors that belong together: those of one layer.

    Attributes
    ----------
    name : str
        The module's name, as in the file: ``layer1.0.conv1``.
    tensors : mapping of str to array
        Its tensors by what their names end in: ``weight``, ``bias``.
    """

    name: str
    tensors: Mapping[str, np.ndarray[Any, Any]]


def read_tensors(path: str | os.PathLike[str]) -> Arrays:
    """Return the tensors of a safetensors file as float32, whatever kind of float they are.

    Raises
    ------
    RunError
        If the file is missing or damaged, or a tensor is of a kind that cannot be read.
    """
    try:
        entries = safetensors.deserialize(Path(path).read_bytes())  # type: ignore[no-untyped-call]
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{os.fspath(path)} is no safetensors file: {error}") from None
    found: Arrays = {}
    for name, entry in sorted(entries, key=lambda item: str(item[0])):
        values = _values(entry["dtype"], entry["data"])
        if values is None:
            kind = entry["dtype"]
            raise RunError(f"{os.fspath(path)}: {name} is of a kind that cannot be read: {kind}")
        found[name] = values.astype(np.float32).reshape(entry["shape"])
    return found


def group_by_module(tensors: Arrays) -> list[Module]:
    """Return the modules of a file, in the order of their names, with numbers by their size."""
    modules: dict[str, Arrays] = {}
    for name, tensor in tensors.items():
        module, leaf = split_name(name)
        if leaf not in _COUNTERS:
            modules.setdefault(module, {})[leaf] = tensor
    return [Module(name, modules[name]) for name in sorted(modules, key=natural_order)]


def _values(kind: str, data: bytes) -> np.ndarray[Any, Any] | None:
    """Return the numbers of a tensor, None if they are of an unknown kind."""
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    known = re.fullmatch("([FIU])(8|16|32|64)", kind)
    if known is None or kind == "F8":
        return None
    return np.frombuffer(data, f"<{_KINDS[known[1]]}{int(known[2]) // 8}")
