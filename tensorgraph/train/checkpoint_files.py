"""Checkpoints on disk: the values of variables by name.

A checkpoint is known by its prefix, as ``run/model.ckpt-100``, and is made of these files:

``model.ckpt-100.index``
    JSON: the names, types, shapes and checksums of the tensors, and which file holds them.
``model.ckpt-100.data-1a2b3c4d.safetensors``
    The tensors, in the safetensors format.
``model.ckpt-100.meta``
    JSON: the graph; see `tensorgraph.train.meta_graph`.

Each is written in one step, the index last. So a reader sees the checkpoint that was there before
or the new one, and nothing in between; what is damaged later is found by the checksums.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.base.errors import DataLossError, NotFoundError
from tensorgraph.base.files import write_atomically

_FORMAT, _VERSION = "tensorgraph checkpoint", 1

Arrays = Mapping[str, np.ndarray[Any, Any]]


def write_checkpoint(prefix: str, arrays: Arrays) -> None:
    """Write the files of a checkpoint, in place of one of the same prefix.

    Parameters
    ----------
    prefix : str
        Path of the files without their endings. The folder must exist.
    arrays : mapping of str to array
        The values by name.

    Raises
    ------
    OSError
        If they cannot be written; a checkpoint that was there before is unchanged.
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(a, order="C") for name, a in sorted(arrays.items())}
    content = save(arrays)
    base = os.path.basename(prefix)
    # The name says what is inside, so that a new checkpoint never touches the data of an old one.
    data = f"{base}.data-{zlib.crc32(content):08x}.safetensors"
    index = {
        "format": _FORMAT,
        "version": _VERSION,
        "data": data,
        "tensors": {
            name: {
                "dtype": as_dtype(a.dtype).name,
                "shape": list(a.shape),
                "crc32": zlib.crc32(a.data),
            }
            for name, a in arrays.items()
        },
    }
    folder = Path(prefix).parent
    write_atomically(folder / data, content)
    write_atomically(f"{prefix}.index", json.dumps(index, indent=1).encode())
    for other in _data_files(prefix):
        if other.name != data:
            other.unlink(missing_ok=True)


def _data_files(prefix: str) -> list[Path]:
    folder, base = Path(prefix).parent, os.path.basename(prefix)
    start = f"{base}.data-"
    return [f for f in folder.glob("*.safetensors") if f.name.startswith(start)]


def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Return whether there is a checkpoint of that prefix."""
    return os.path.exists(f"{checkpoint_prefix}.index")


def remove_checkpoint(
    checkpoint_prefix: str, checkpoint_format_version: Any = None, meta_graph_suffix: str = "meta"
) -> None:
    """Delete the files of a checkpoint, those that there are.

    Parameters
    ----------
    checkpoint_prefix : str
        Path of the files without their endings.
    checkpoint_format_version : object
        Accepted for TensorFlow's sake.
    meta_graph_suffix : str, default "meta"
        Ending of the file with the graph.
    """
    del checkpoint_format_version
    # The index first: without it the rest is no checkpoint.
    for path in (f"{checkpoint_prefix}.index", f"{checkpoint_prefix}.{meta_graph_suffix}"):
        Path(path).unlink(missing_ok=True)
    for file in _data_files(checkpoint_prefix):
        file.unlink(missing_ok=True)


class CheckpointReader:
    """Reads a checkpoint, as ``tf.train.NewCheckpointReader`` gives it.

    Parameters
    ----------
    filepattern : str
        Prefix of the checkpoint.

    Raises
    ------
    NotFoundError
        If there is none.
    DataLossError
        If its index is damaged.
    """

    def __init__(self, filepattern: str) -> None:
        self._prefix = os.fspath(filepattern)
        self._entries: dict[str, dict[str, Any]]
        self._data, self._entries = _read_index(self._prefix)

    def has_tensor(self, tensor_str: str) -> bool:
        """Return whether the checkpoint holds a value of that name."""
        return tensor_str in self._entries

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Return the shape of each value by its name."""
        return {name: list(entry["shape"]) for name, entry in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """Return the element type of each value by its name."""
        return {name: as_dtype(entry["dtype"]) for name, entry in self._entries.items()}

    def get_tensor(self, tensor_str: str) -> np.ndarray[Any, Any]:
        """Return a value.

        Raises
        ------
        NotFoundError
            If there is none of that name, or the file that holds it is gone.
        DataLossError
            If that file is truncated or damaged.
        """
        return self.get_tensors([tensor_str])[tensor_str]

    def get_tensors(self, names: list[str]) -> dict[str, np.ndarray[Any, Any]]:
        """Return several values by name; raises as `get_tensor`, naming all that are missing."""
        missing = sorted(name for name in names if name not in self._entries)
        if missing:
            known = ", ".join(self._entries) or "nothing"
            raise NotFoundError(
                f"the checkpoint {self._prefix} has no value for {', '.join(missing)};"
                f" it has {known}"
            )
        if not self._data.exists():
            raise NotFoundError(f"{self._data}, which holds the values of a checkpoint, is gone")
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._data, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in names}
        except (SafetensorError, OSError) as error:
            raise DataLossError(f"{self._data} is truncated or damaged: {error}") from error
        for name, array in arrays.items():
            self._check(name, array)
        return arrays

    def debug_string(self) -> bytes:
        """Return the names, types and shapes as lines of text."""
        lines = [f"{n} ({e['dtype']}) {e['shape']}" for n, e in self._entries.items()]
        return "\n".join(lines).encode()

    def _check(self, name: str, array: np.ndarray[Any, Any]) -> None:
        entry = self._entries[name]
        found = [as_dtype(array.dtype).name, list(array.shape), zlib.crc32(array.data)]
        if found != [entry["dtype"], entry["shape"], entry["crc32"]]:
            raise DataLossError(
                f"the value of {name!r} in {self._data} is not the one that was saved: its type,"
                " shape or checksum differs from the index"
            )


def _read_index(prefix: str) -> tuple[Path, dict[str, dict[str, Any]]]:
    """Return the file that holds the values, and what the index says of each."""
    path = Path(f"{prefix}.index")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"there is no checkpoint {prefix}: {path}: {error.strerror}") from error
    try:
        index = json.loads(content)
        if index["format"] != _FORMAT:
            raise ValueError(f"its format is {index['format']!r}")
        if index["version"] != _VERSION:
            raise ValueError(f"its version is {index['version']!r}, known is {_VERSION}")
        data = path.parent / os.path.basename(index["data"])
        entries: dict[str, dict[str, Any]] = index["tensors"]
        for entry in entries.values():
            as_dtype(entry["dtype"])
            if not isinstance(entry["shape"], list) or not isinstance(entry["crc32"], int):
                raise TypeError(f"no shape and checksum: {entry}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataLossError(
            f"{path} is truncated or damaged, or no index of a checkpoint of tensorgraph: {error!r}"
        ) from error
    return data, entries


NewCheckpointReader = CheckpointReader
