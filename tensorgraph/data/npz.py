"""NumPy's ``.npz`` files with inputs and labels."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data.arrays import as_inputs, as_labels, numbered_classes
from tensorgraph.data.examples import ExampleSet, cut_randomly

_SPLIT = ("x_train", "y_train", "x_test", "y_test")
_WHOLE = ("x", "y")
_TEST_SHARE = 0.2


def load_npz(path: Path) -> ExampleSet:
    """Return the examples of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        Holds ``x_train``, ``y_train``, ``x_test`` and ``y_test``, or ``x`` and ``y``, of which a
        fifth is set aside for testing, chosen at random but always the same.

    Raises
    ------
    DataError
        If the file cannot be read, has no such arrays, or if they do not go together.
    """
    try:
        with path.open("rb") as file:
            arrays = read_npz(file, str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return examples_of(arrays, path.stem, str(path))


def read_npz(file: IO[bytes], where: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an open ``.npz`` file that examples can be made of.

    Parameters
    ----------
    file : binary file
        Open at its beginning.
    where : str
        Its name, for messages.

    Raises
    ------
    DataError
        If it is damaged, is no such file, or has neither set of names.
    """
    try:
        # Objects would have to be unpickled, which can run any code: refused.
        archive = np.load(file, allow_pickle=False)
        found = list(getattr(archive, "files", ()))
        names = next((wanted for wanted in (_SPLIT, _WHOLE) if {*wanted} <= {*found}), ())
        arrays = {name: archive[name] for name in names}
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


def examples_of(
    arrays: dict[str, npt.NDArray[Any]],
    name: str,
    where: str,
    *,
    white: int = 255,
) -> ExampleSet:
    """Return the arrays of `read_npz` as a set of examples.

    Parameters
    ----------
    arrays : dict
        By the names above.
    name : str
        Of the set.
    where : str
        The file, for messages.
    white : int
        The value of a picture that becomes 1.

    Raises
    ------
    DataError
        If the arrays are not of the kind, or do not go together.
    """
    pairs = [(key, "y" + key[1:]) for key in arrays if key.startswith("x")]
    parts = []
    for inputs, labels in pairs:
        x = as_inputs(arrays[inputs], f"{where}: {inputs}", white=white)
        y = as_labels(arrays[labels], f"{where}: {labels}")
        if len(x) != len(y):
            raise DataError(f"{where}: {len(x)} examples in {inputs}, {len(y)} in {labels}")
        parts.append((x, y))
    if len(parts) == 1:
        parts = list(cut_randomly(*parts[0], _TEST_SHARE, seed=0))
    (x_train, y_train), (x_test, y_test) = parts
    return ExampleSet(name, x_train, y_train, x_test, y_test, numbered_classes(y_train, y_test))
