"""From a name or a path to examples."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from tensorgraph.base.errors import DataError
from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.known import KNOWN, folder_of, places_of
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.rows import Array


def known_names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return tuple(KNOWN)


def describe(name: str) -> tuple[tuple[int, ...], int] | None:
    """Return shape of an example and number of classes of a known set, without loading it.

    Returns
    -------
    tuple or None
        ``(input_shape, classes)``; None for what is no known name.
    """
    known = KNOWN.get(name)
    return None if known is None else (known.input_shape, len(known.class_names))


def load(
    name_or_path: str | os.PathLike[str],
    *,
    target: str | int | None = None,
    task: Literal["classes", "numbers"] | None = None,
    text: str | int | None = None,
    length: int | None = None,
    words: int | None = None,
    resize: tuple[int, int] | None = None,
    channels: int | None = None,
    only: tuple[str, ...] | None = None,
    damaged: Literal["refuse", "skip"] = "refuse",
    reading: Mapping[str, Any] | None = None,
    workers: int = 0,
    stream: bool | None = None,
) -> ExampleSet:
    """Return the examples of a known data set or of files.

    Parameters
    ----------
    name_or_path : str or path-like
        A known name (`known_names`), or else a path to one of these:

        - a folder with the four IDX files of MNIST or of a set in its format, gzipped or not;
        - an ``.npz`` file, or a folder with ``.npy`` files: ``x_train``, ``y_train``, ``x_test``
          and ``y_test``, or ``x`` and ``y``;
        - CIFAR-10 or CIFAR-100, binary or for Python, a folder or the archive;
        - images with a folder for each class, in a folder or an archive;
        - a table, ``.csv`` or ``.tsv``;
        - lines of a label, a tab and a text, ``.txt`` or ``.tsv``.

        To mean a file that is called like a known set, write ``./mnist``. ``digits`` is part of
        the package; the other sets are read from the folder of their name in
        ``$TENSORGRAPH_DATA``, or else in ``~/.cache/tensorgraph``, where ``tg data fetch`` puts
        them.
    target : str or int, optional
        The column of a table that is to be predicted: its name, or its number from 0; the last one
        by default.
    task : 'classes' or 'numbers', optional
        Whether a numeric target numbers classes. By default it does if it has at most 20 different
        values, all of them whole.
    text : str or int, optional
        The column of a table that holds texts; all others but the target are then left out.
    length : int, optional
        How many words of a text are used, the last ones; by default as many as the longest has.
    words : int, optional
        How many numbers there are for words, 10,000 by default: 0 fills up short texts in front, 1
        stands for words that are not among the most frequent.
    resize : (int, int), optional
        Height and width that images are brought to.
    channels : int, optional
        1 for gray images, 3 for colours; by default what they are.
    only : tuple of str, optional
        The classes of images to use.
    damaged : 'refuse' or 'skip'
        What to do about images that cannot be decoded; skipped ones are in `ExampleSet.notes`.
    reading : mapping, optional
        `ExampleSet.reading` of a set that was read before: tables and texts are then read with its
        categories and words, images brought to its form.
    workers : int, default 0
        How many processes decode images. See `tensorgraph.data.pictures.Decoder`.
    stream : bool, optional
        Whether inputs stay on the disk and are read when they are used. By default they do if they
        would take more than 1 GiB.

    Raises
    ------
    DataError
        If there is no such set or file, if a file is damaged or of another kind, or if an option
        means nothing for its kind.
    """
    options = LoadOptions(
        target=target,
        task=task,
        text=text,
        length=length,
        words=words,
        resize=resize,
        channels=channels,
        only=only,
        damaged=damaged,
        reading=reading,
        workers=workers,
        stream=stream,
    )
    # The readers bring modules along that a program which builds a graph does not need.
    from tensorgraph.data.files import load_file, load_folder

    if isinstance(name_or_path, str) and name_or_path in KNOWN:
        return _load_known(name_or_path, options)
    path = Path(name_or_path)
    if path.is_dir():
        return load_folder(path, options)
    if path.exists():
        return load_file(path, options)
    near = difflib.get_close_matches(str(name_or_path), KNOWN, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise DataError(
        f"{os.fspath(name_or_path)!r} is neither a file or folder nor a known data set{hint};"
        f" known are {', '.join(KNOWN)}"
    )


def read_inputs(path: str | os.PathLike[str], reading: Mapping[str, Any]) -> Array:
    """Return the examples of a table or of texts, without labels, for a network to predict.

    Parameters
    ----------
    path : str or path-like
        A table, which needs no column to predict; or a file with a text on each line.
    reading : mapping
        `ExampleSet.reading` of the set that the network was trained on.

    Returns
    -------
    array of shape (examples, ...)
        The inputs.

    Raises
    ------
    DataError
        If the file cannot be read or does not suit, or the set was of another kind.
    """
    from tensorgraph.data import table, text

    kinds = {table.KIND: table.encode_table, text.KIND: text.encode_texts}
    if reading.get("kind") not in kinds:
        raise DataError(f"{path} cannot be read: the set that was trained on was no table or text")
    return kinds[reading["kind"]](Path(path), reading)


def _load_known(name: str, options: LoadOptions) -> ExampleSet:
    from tensorgraph.data.files import load_folder
    from tensorgraph.data.npz import examples_of, read_npz

    known = KNOWN[name]
    if known.packaged is not None:
        options.require(name, "a set of this package")
        filename, white = known.packaged
        with resources.files(__package__).joinpath(filename).open("rb") as file:
            examples = examples_of(read_npz(file, filename), name, filename, white=white)
        reading = {"kind": "images", "shape": list(known.input_shape)}
        return replace(examples, name=name, class_names=known.class_names, reading=reading)
    folder = folder_of(name)
    if folder is None:
        raise DataError(
            f"the files of {name} are not on this machine: fetch them with `tg data fetch {name}`,"
            f" put them into {' or '.join(map(str, places_of(name)))}, or say where they are:"
            " --data FOLDER"
        )
    examples = load_folder(folder, options)
    if options.only or options.resize or options.channels:
        return replace(examples, name=name)
    if describe(name) != (examples.input_shape, examples.classes):
        raise DataError(
            f"{folder} does not hold {name}, which has examples of shape {known.input_shape} in"
            f" {len(known.class_names)} classes: those there are of shape"
            f" {examples.input_shape} in {examples.classes} classes"
        )
    return replace(examples, name=name, class_names=known.class_names)
