"""NumPy's files with inputs and labels: ``.npz``, and ``.npy`` side by side, in pieces or whole."""

from __future__ import annotations

import math
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data.arrays import as_targets, inputs_of, numbered_classes, white_of
from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.rows import FileRows, Rows, joined, take
from tensorgraph.data.sampling import TEST_SHARE, share_of

_SPLIT = ("x_train", "y_train", "x_test", "y_test")
_WHOLE = ("x", "y")
# ``x_train-00003.npy``: a piece of an array.
_PIECE = re.compile(r"(?P<name>[xy](_train|_test)?)([-_](?P<number>\d+))?\.npy")
_LOCAL_HEADER = struct.Struct("<26xHH")


def load_npz(path: Path, options: LoadOptions | None = None) -> ExampleSet:
    """Return the examples of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        Holds ``x_train``, ``y_train``, ``x_test`` and ``y_test``, or ``x`` and ``y``, of which a
        fifth is set aside for testing, chosen at random but always the same.
    options : LoadOptions, optional
        ``stream`` maps inputs from the file, which must then not be compressed.

    Raises
    ------
    DataError
        If the file cannot be read, has no such arrays, or if they do not go together.
    """
    options = options or LoadOptions()
    options.require(path, "a file of arrays")
    try:
        with path.open("rb") as file:
            mapped = _map_members(path) if options.stream or _is_large(path) else {}
            arrays = read_npz(file, str(path), mapped)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return examples_of(arrays, path.stem, str(path), options=options)


def read_npz(
    file: IO[bytes], where: str, mapped: Mapping[str, Rows] | None = None
) -> dict[str, Rows]:
    """Return the arrays of an open ``.npz`` file that examples can be made of.

    Parameters
    ----------
    file : binary file
        Open at its beginning.
    where : str
        Its name, for messages.
    mapped : mapping, optional
        Inputs that are there already, and are not read again.

    Raises
    ------
    DataError
        If it is damaged, is no such file, or has neither set of names.
    """
    mapped = mapped or {}
    try:
        # Objects would have to be unpickled, which can run any code: refused.
        archive = np.load(file, allow_pickle=False)
        found = list(getattr(archive, "files", ()))
        names = next((wanted for wanted in (_SPLIT, _WHOLE) if {*wanted} <= {*found}), ())
        arrays = {name: mapped[name] if name in mapped else archive[name] for name in names}
    # What a damaged file leads to (BadZipFile, zlib.error, ValueError, MemoryError for a header
    # that lies, …) is not documented; whatever it is, the reader needs to know which file.
    except Exception as error:
        raise DataError(f"{where} is damaged, or no .npz file of plain arrays: {error}") from error
    if not names:
        raise DataError(
            f"{where} must hold the arrays {', '.join(_SPLIT)}, or {' and '.join(_WHOLE)};"
            f" it holds {', '.join(found) or 'none'}"
        )
    return arrays


def has_arrays(folder: Path) -> bool:
    """Return whether a folder has ``.npy`` files of inputs."""
    return any(found and found["name"][0] == "x" for found in map(_match, folder.glob("x*.npy")))


def load_npy(path: Path, options: LoadOptions) -> ExampleSet:
    """Return the examples of ``.npy`` files that stand in a folder.

    Parameters
    ----------
    path : Path
        The folder, or one of its files of inputs. There are ``x_train.npy``, ``y_train.npy``,
        ``x_test.npy`` and ``y_test.npy``, or ``x.npy`` and ``y.npy``; each of them may be in
        pieces, ``x_train-00000.npy`` and so on.
    options : LoadOptions
        ``stream`` leaves inputs on the disk.

    Raises
    ------
    DataError
        If a file is missing or damaged, or if they do not go together.
    """
    options.require(path, "a folder of arrays")
    folder = path if path.is_dir() else path.parent
    pieces: dict[str, list[tuple[int, Path]]] = {}
    for file in folder.glob("*.npy"):
        if found := _match(file):
            pieces.setdefault(found["name"], []).append((int(found["number"] or 0), file))
    names = next((wanted for wanted in (_SPLIT, _WHOLE) if {*wanted} <= {*pieces}), ())
    if not names:
        raise DataError(
            f"{folder} must hold the files {', '.join(f'{name}.npy' for name in _SPLIT)}, or"
            f" {' and '.join(f'{name}.npy' for name in _WHOLE)}"
        )
    arrays = {name: [_open_npy(file) for _, file in sorted(pieces[name])] for name in names}
    inputs = {
        name: _joined(parts, str(folder / name), options)
        for name, parts in arrays.items()
        if name[0] == "x"
    }
    labels = {
        name: np.concatenate([part[:] for part in parts])
        for name, parts in arrays.items()
        if name[0] == "y"
    }
    white = white_of(arrays[names[0]][0])
    return _examples(folder.resolve().name, str(folder), inputs, labels, white)


def examples_of(
    arrays: Mapping[str, Rows],
    name: str,
    where: str,
    *,
    white: int = 255,
    options: LoadOptions | None = None,
) -> ExampleSet:
    """Return the arrays of `read_npz` as a set of examples.

    Parameters
    ----------
    arrays : mapping
        By the names above.
    name : str
        Of the set.
    where : str
        The file, for messages.
    white : int
        The value of a picture that becomes 1.
    options : LoadOptions, optional
        ``stream`` leaves inputs where they are.

    Raises
    ------
    DataError
        If the arrays are not of the kind, or do not go together.
    """
    options = options or LoadOptions()
    inputs = {
        key: inputs_of(array, f"{where}: {key}", options, white=white)
        for key, array in arrays.items()
        if key[0] == "x"
    }
    labels = {key: array[:] for key, array in arrays.items() if key[0] == "y"}
    first = next(array for key, array in arrays.items() if key[0] == "x")
    return _examples(name, where, inputs, labels, white_of(first, white))


def _examples(
    name: str,
    where: str,
    inputs: Mapping[str, Rows],
    labels: Mapping[str, npt.NDArray[Any]],
    white: float,
) -> ExampleSet:
    parts: list[tuple[Any, Any]] = []
    for key, x in inputs.items():
        y = as_targets(labels["y" + key[1:]], f"{where}: y{key[1:]}")
        if len(x) != len(y):
            raise DataError(f"{where}: {len(x)} examples in {key}, {len(y)} in y{key[1:]}")
        parts.append((x, y))
    if len(parts) == 1:
        (x, y) = parts[0]
        chosen = share_of(y, TEST_SHARE, seed=0)
        places = np.flatnonzero(~chosen), np.flatnonzero(chosen)
        parts = [(take(x, part), y[part]) for part in places]
    (x_train, y_train), (x_test, y_test) = parts
    classes = numbered_classes(y_train, y_test)
    return ExampleSet(name, x_train, y_train, x_test, y_test, classes, white=white)


def _match(path: Path) -> re.Match[str] | None:
    return _PIECE.fullmatch(path.name)


def _open_npy(path: Path) -> Rows:
    """Return the array of a file; rows that can be read one by one are left on the disk."""
    try:
        with path.open("rb") as file:
            if rows := _rows_at(path, file):
                return rows
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    # An unknown version, a damaged header: whatever it is, the reader needs to know which file.
    except Exception as error:
        raise DataError(f"{path} is damaged, or no .npy file of numbers: {error}") from None
    return array


def _joined(pieces: list[Rows], where: str, options: LoadOptions) -> Rows:
    """Return the pieces of an array as one."""
    shapes = {piece.shape[1:] for piece in pieces}
    if len(shapes) > 1:
        raise DataError(f"{where}: pieces hold examples of different shapes: {sorted(shapes)}")
    return inputs_of(joined(pieces), where, options)


def _is_large(path: Path) -> bool:
    """Return whether an array inside a file would take more memory than is taken unasked."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [info.file_size for info in archive.infolist()]
    except (OSError, zipfile.BadZipFile):  # told about when it is read
        return False
    # A byte becomes a float32.
    return LoadOptions().streams(1, max(sizes, default=0))


def _map_members(path: Path) -> dict[str, Rows]:
    """Return the inputs of an ``.npz`` file that are not compressed, left on the disk."""
    arrays: dict[str, Rows] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name[:1] != "x" or info.compress_type != zipfile.ZIP_STORED:
                continue
            file.seek(info.header_offset)
            # Name and extra field of the entry stand between its header and its content.
            lengths = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            file.seek(sum(lengths), 1)
            if rows := _rows_at(path, file):
                arrays[name] = rows
    return arrays


def _rows_at(path: Path, file: IO[bytes]) -> FileRows | None:
    """Return the array that begins where a file stands, if its rows stand one behind the other."""
    if np.lib.format.read_magic(file) != (1, 0):
        return None
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if fortran or dtype.hasobject or len(shape) < 2:
        return None
    offset = file.tell()
    if path.stat().st_size < offset + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"the file is too short for an array of shape {shape}")
    return FileRows(path, dtype, shape, offset)
