"""Folders and archives of images: a folder for each class, whose name is that of the folder.

::

    pets/train/cat/001.jpg      pets/cat/001.jpg
    pets/train/dog/002.jpg      pets/dog/002.jpg
    pets/test/cat/003.jpg

Without a part to test with, a fifth of each class is set aside for it, always the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data.arrays import as_inputs
from tensorgraph.data.examples import ExampleSet, Labels
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.pictures import Damaged, Decoder, Form, Picture, decode
from tensorgraph.data.rows import Array, Indices, LazyInputs, take
from tensorgraph.data.sampling import TEST_SHARE, share_of
from tensorgraph.data.trees import Tree

KIND = "images"
_ENDINGS = frozenset(
    [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"]
)
_PARTS = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
_WHITE = 255
# Starting processes takes as long as decoding so many small images.
_MANY = 2000
# How many damaged files a message names.
_NAMED = 5


@dataclass(frozen=True)
class _Files:
    """The images of a set.

    Attributes
    ----------
    names : tuple of str
        Their names in the tree.
    parts : array of str
        ``train``, ``test`` or ``val`` for each.
    labels : array of int64
        The class of each.
    classes : tuple of str
        The names of the classes.
    """

    names: tuple[str, ...]
    parts: Array
    labels: Labels
    classes: tuple[str, ...]

    def without(self, dropped: set[int]) -> _Files:
        """Return the images but for some."""
        kept = [i for i in range(len(self.names)) if i not in dropped]
        names = tuple(self.names[i] for i in kept)
        return _Files(names, self.parts[kept], self.labels[kept], self.classes)

    def places(self, part: str) -> Indices:
        """Return which images are of a part."""
        return np.flatnonzero(self.parts == part)


def has_images(tree: Tree) -> bool:
    """Return whether there are images in folders."""
    return any(_is_image(name) and "/" in name for name in tree.names)


def load_images(tree: Tree, options: LoadOptions) -> ExampleSet:
    """Return the images of a folder or an archive.

    Parameters
    ----------
    tree : Tree
        Files as above. Those that are no images by their name are left alone.
    options : LoadOptions
        ``resize`` (height and width; needed where images differ in size), ``channels``, ``only``
        (the classes to use), ``damaged`` (``skip`` leaves out what cannot be decoded).

    Raises
    ------
    DataError
        If there are fewer than two classes, if images differ in size, or some are damaged.
    """
    options.require(tree.path, "a set of images", "resize", "channels", "only", "damaged")
    before = options.read_before(tree.path, KIND)
    if before:
        height, width, channels = before["shape"]
        options = replace(options, resize=(height, width), channels=channels)
    files = _find(tree, options)
    first = _first_image(tree, files, Form(options.resize, options.channels))
    notes: tuple[str, ...] = ()
    if options.streams(len(files.names), first.size) and tree.file(files.names[0]):
        paths = [tree.path / name for name in files.names]
        form = Form(options.resize, first.shape[2])
        inputs: Array | LazyInputs = ImageFiles(paths, first.shape, form, options.workers)
    else:
        with Decoder(options.workers if len(files.names) >= _MANY else 0) as decoder:
            inputs, files, notes = _decoded(tree, files, first, options, decoder)
    return _examples(tree, files, inputs, notes)


class ImageFiles(LazyInputs):
    """Image files that are decoded when they are asked for.

    Parameters
    ----------
    paths : list of Path
        The files.
    shape : tuple of int
        What each of them must come out as: ``(height, width, channels)``.
    form : Form
        What they are brought to.
    workers : int
        How many processes decode.
    """

    def __init__(self, paths: list[Path], shape: tuple[int, ...], form: Form, workers: int) -> None:
        super().__init__((len(paths), *shape))
        self._paths = paths
        self._form = form
        self._decoder = Decoder(workers)

    def fetch(self, indices: Indices) -> Array:
        """Return the images of these numbers.

        Raises
        ------
        DataError
            If one is damaged, or of another size.
        """
        result = np.empty((len(indices), *self.shape[1:]), np.uint8)
        chosen = [self._paths[i] for i in indices]
        pictures = self._decoder.decode_all(chosen, self._form, len(chosen))
        for place, picture in enumerate(pictures):
            if isinstance(picture, Damaged):
                raise DataError(f"{chosen[place]} is damaged: {picture.reason}")
            if picture.shape != self.shape[1:]:
                raise _other_size(chosen[place], picture.shape, self.shape[1:])
            result[place] = picture
        return as_inputs(result, "images")


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _ENDINGS


def _find(tree: Tree, options: LoadOptions) -> _Files:
    """Return the images of a tree with their parts and classes."""
    names = [name for name in tree.names if _is_image(name)]
    places = [PurePosixPath(name).parts[:-1] for name in names]
    # Folders around everything say nothing: those of an archive, or `train` without `test`.
    around = _common(places)
    found: list[tuple[str, str, str]] = []
    for name, place in zip(names, places, strict=True):
        inner = place[around:]
        split = len(inner) > 1 and inner[0] in _PARTS
        part, rest = (_PARTS[inner[0]], inner[1:]) if split else ("train", inner)
        if not rest:
            raise DataError(
                f"{tree.where(name)} lies in no folder of a class: a set of images has a folder"
                " for each class, or the folders train and test with one for each class"
            )
        found.append((name, part, rest[0]))
    classes = _classes(tree, found, options)
    numbers = {label: number for number, label in enumerate(classes)}
    found = [entry for entry in found if entry[2] in numbers]
    parts = np.array([part for _, part, _ in found])
    labels = np.array([numbers[label] for _, _, label in found], np.int64)
    if not (parts == "test").any():
        training = np.flatnonzero(parts == "train")
        parts[training[share_of(labels[training], TEST_SHARE, seed=0)]] = "test"
    return _Files(tuple(name for name, _, _ in found), parts, labels, classes)


def _common(places: list[tuple[str, ...]]) -> int:
    """Return how many folders are around all others, but for the innermost."""
    if not places:
        return 0
    shortest = min(len(place) for place in places) - 1
    same = (len({place[i] for place in places}) == 1 for i in range(shortest))
    return len([*takewhile(bool, same)])


def _classes(
    tree: Tree, found: list[tuple[str, str, str]], options: LoadOptions
) -> tuple[str, ...]:
    """Return the names of the classes, sorted, or those that were asked for, in that order.

    Where a set was read before, they are that set's, whether there are images of each or not.
    """
    only, labels = options.only, {label for _, _, label in found}
    if options.reading and "class_names" in options.reading:
        before = tuple(options.reading["class_names"])
        if not only and labels - {*before}:
            raise DataError(
                f"{tree.path} has images of {min(labels - {*before})}, which is none of the classes"
                f" {', '.join(before)}"
            )
        return before
    there = sorted({label for _, part, label in found if part == "train"})
    strange = sorted(labels - {*there})
    if strange:
        raise DataError(f"{tree.path} has no training images of {', '.join(strange)}")
    if missing := [label for label in only or () if label not in there]:
        raise DataError(f"{tree.path} has no class {', '.join(missing)}; it has {', '.join(there)}")
    classes = only or tuple(there)
    if len(classes) < 2:
        raise DataError(
            f"{tree.path} has images of {len(classes)} class{'es'[: 2 * (len(classes) != 1)]}:"
            " expected a folder for each of two classes or more"
        )
    return classes


def _first_image(tree: Tree, files: _Files, form: Form) -> Picture:
    """Return the first image that is not damaged: the others must be like it."""
    reason = ""
    for name in files.names:
        picture = decode(tree.file(name) or tree.read(name), form)
        if not isinstance(picture, Damaged):
            return picture
        reason = reason or f"{tree.where(name)}: {picture.reason}"
    raise DataError(f"none of the {len(files.names)} images can be decoded: {reason}")


def _decoded(
    tree: Tree, files: _Files, first: Picture, options: LoadOptions, decoder: Decoder
) -> tuple[Picture, _Files, tuple[str, ...]]:
    """Return all images that are not damaged, with their files, and what to tell of the others."""
    numbers = {name: number for number, name in enumerate(files.names)}
    order: list[int] = []

    def sources() -> Iterator[Path | bytes]:
        # An archive gives its files in an order of its own.
        for name, content in _sources(tree, files.names):
            order.append(numbers[name])
            yield content

    pictures = np.zeros((len(files.names), *first.shape), np.uint8)
    damaged: dict[int, str] = {}
    decoded = decoder.decode_all(sources(), Form(options.resize, options.channels))
    for count, picture in enumerate(decoded):
        number = order[count]
        if isinstance(picture, Damaged):
            damaged[number] = picture.reason
            continue
        if picture.shape[:2] != first.shape[:2]:
            raise _other_size(tree.where(files.names[number]), picture.shape, first.shape)
        if picture.shape[2] > pictures.shape[3]:  # the first colours in a set of gray images
            pictures = np.repeat(pictures, picture.shape[2], axis=3)
        pictures[number] = picture
    if not damaged:
        return pictures, files, ()
    note = _damage(tree, files, damaged)
    if options.damaged != "skip":
        raise DataError(f"{note}; remove them, or leave them out: damaged=skip")
    kept = files.without({*damaged})
    return np.delete(pictures, [*damaged], axis=0), kept, (f"{note}: left out",)


def _sources(tree: Tree, names: tuple[str, ...]) -> Iterable[tuple[str, Path | bytes]]:
    if tree.file(names[0]) is None:
        return tree.contents(names)
    return ((name, tree.path / name) for name in names)


def _other_size(where: object, shape: tuple[int, ...], others: tuple[int, ...]) -> DataError:
    (height, width), (rows, columns) = shape[:2], others[:2]
    return DataError(
        f"{where} is {height}x{width}, other images are {rows}x{columns}:"
        f" say what to bring them to, such as resize={rows}x{columns}"
    )


def _damage(tree: Tree, files: _Files, damaged: dict[int, str]) -> str:
    named = [f"{files.names[i]} ({damaged[i]})" for i in sorted(damaged)[:_NAMED]]
    more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
    return (
        f"{len(damaged)} of {len(files.names)} images of {tree.path} are damaged:"
        f" {', '.join(named)}{more}"
    )


def _examples(
    tree: Tree, files: _Files, inputs: Array | LazyInputs, notes: tuple[str, ...]
) -> ExampleSet:
    parts: dict[str, Any] = {}
    for part in ("train", "test", "val"):
        places = files.places(part)
        parts[f"y_{part}"] = files.labels[places]
        if isinstance(inputs, LazyInputs):
            parts[f"x_{part}"] = take(inputs, places)
        else:
            parts[f"x_{part}"] = as_inputs(inputs[places], str(tree.path))
    shape = inputs.shape[1:]
    return ExampleSet(
        name=tree.path.name.partition(".")[0],
        class_names=files.classes,
        white=_WHITE,
        reading={"kind": KIND, "shape": list(shape), "class_names": list(files.classes)},
        notes=notes,
        **parts,
    )
