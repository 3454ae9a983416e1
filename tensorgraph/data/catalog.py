"""The data sets that have a name, and how a name or a path becomes examples."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from tensorgraph.base.errors import DataError
from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.idx import load_idx_folder
from tensorgraph.data.npz import examples_of, load_npz, read_npz


@dataclass(frozen=True)
class _Known:
    """What is known of a set before it is loaded."""

    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    # The file inside this package, with the value of its pictures that is white; None for a set
    # that users bring themselves.
    packaged: tuple[str, int] | None = None


_DIGIT_NAMES = tuple("0123456789")
_KNOWN = {
    "digits": _Known((8, 8, 1), _DIGIT_NAMES, packaged=("digits.npz", 16)),
    "mnist": _Known((28, 28, 1), _DIGIT_NAMES),
}


def known_names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return tuple(_KNOWN)


def describe(name: str) -> tuple[tuple[int, ...], int] | None:
    """Return shape of an example and number of classes of a known set, without loading it.

    Returns
    -------
    tuple or None
        ``(input_shape, classes)``; None for what is no known name.
    """
    known = _KNOWN.get(name)
    return None if known is None else (known.input_shape, len(known.class_names))


def load(name_or_path: str | os.PathLike[str]) -> ExampleSet:
    """Return the examples of a known data set or of files.

    Parameters
    ----------
    name_or_path : str or path-like
        A known name (`known_names`), or else a path: a folder with the four IDX files of MNIST or
        of a set in its format, gzipped or not, or an ``.npz`` file with ``x_train``, ``y_train``,
        ``x_test`` and ``y_test`` or with ``x`` and ``y``. To mean a file that is called like a
        known set, write ``./mnist``.

        ``digits`` is part of the package. ``mnist`` is read from the folder ``mnist`` in
        ``$TENSORGRAPH_DATA``, or else in ``~/.cache/tensorgraph``.

    Raises
    ------
    DataError
        If there is no such set or file, or if a file is damaged or of another kind.
    """
    if isinstance(name_or_path, str) and name_or_path in _KNOWN:
        return _load_known(name_or_path)
    path = Path(name_or_path)
    if path.is_dir():
        return load_idx_folder(path)
    if path.suffix == ".npz" and path.exists():
        return load_npz(path)
    if path.exists():
        raise DataError(
            f"{path} is neither a folder with IDX files nor an .npz file, which is what can be read"
        )
    near = difflib.get_close_matches(str(name_or_path), _KNOWN, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise DataError(
        f"{os.fspath(name_or_path)!r} is neither a file or folder nor a known data set{hint};"
        f" known are {', '.join(_KNOWN)}"
    )


def _load_known(name: str) -> ExampleSet:
    known = _KNOWN[name]
    if known.packaged is not None:
        filename, white = known.packaged
        with resources.files(__package__).joinpath(filename).open("rb") as file:
            examples = examples_of(read_npz(file, filename), name, filename, white=white)
    else:
        folder = _folder_of(name)
        examples = load_idx_folder(folder)
        if describe(name) != (examples.input_shape, examples.classes):
            raise DataError(
                f"{folder} does not hold {name}, which has examples of shape {known.input_shape} in"
                f" {len(known.class_names)} classes: those there are of shape"
                f" {examples.input_shape} in {examples.classes} classes"
            )
    return replace(examples, name=name, class_names=known.class_names)


def _folder_of(name: str) -> Path:
    """Return where a set that is not packaged lies on this machine."""
    homes = [Path.home() / ".cache" / "tensorgraph"]
    if chosen := os.environ.get("TENSORGRAPH_DATA"):
        homes.insert(0, Path(chosen))
    places = [home / name for home in homes]
    for place in places:
        if place.is_dir():
            return place
    raise DataError(
        f"the files of {name} are not on this machine: put its four IDX files (gzipped or not) into"
        f" {' or '.join(map(str, places))}, or say where they are: --data FOLDER"
    )
