"""CIFAR-10 and CIFAR-100 as their authors publish them: binary files, or pickles for Python.

A binary file is a row of records: a byte for the class (for CIFAR-100 two, the coarse one first),
then 1,024 bytes each of red, green and blue. The pickles hold the same as arrays; they are read
without running them (`tensorgraph.data.pickles`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data.arrays import as_inputs, as_labels
from tensorgraph.data.examples import ExampleSet, Labels
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.pickles import read_pickled_arrays
from tensorgraph.data.rows import Array, FileRows, Mapped, Rows, joined
from tensorgraph.data.trees import Tree

_SHAPE = (32, 32, 3)
_PIXELS = 3 * 32 * 32
_WHITE = 255


@dataclass(frozen=True)
class _Layout:
    """How one of the published forms is laid out.

    Attributes
    ----------
    train : tuple of str
        The files to train on.
    test : str
        The file to test with.
    names : str
        The file that names the classes.
    labels : int
        Bytes before the pixels in a record; 0 for pickles.
    names_key, labels_key : str
        Where pickles keep the names of the classes, and the classes.
    """

    train: tuple[str, ...]
    test: str
    names: str
    labels: int = 0
    names_key: str = ""
    labels_key: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """All files."""
        return (*self.train, *self.signs)

    @property
    def signs(self) -> tuple[str, str]:
        """The files that tell that others are of this form."""
        return (self.test, self.names)


_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
_LAYOUTS = (
    _Layout(tuple(f"{b}.bin" for b in _BATCHES), "test_batch.bin", "batches.meta.txt", labels=1),
    _Layout(("train.bin",), "test.bin", "fine_label_names.txt", labels=2),
    _Layout(_BATCHES, "test_batch", "batches.meta", 0, "label_names", "labels"),
    _Layout(("train",), "test", "meta", 0, "fine_label_names", "fine_labels"),
)


def has_cifar(tree: Tree) -> bool:
    """Return whether there are the files of one of the forms."""
    return _found(tree) is not None


def load_cifar(tree: Tree, options: LoadOptions) -> ExampleSet:
    """Return the images of CIFAR-10 or CIFAR-100.

    Parameters
    ----------
    tree : Tree
        The folder or archive, as published.
    options : LoadOptions
        None of the options means anything here.

    Raises
    ------
    DataError
        If a file is missing, damaged or refused.
    """
    options.require(tree.path, "CIFAR")
    found = _found(tree)
    assert found is not None  # has_cifar
    layout, folder = found
    missing = [n for n in layout.files if folder + n not in tree.names]
    if missing:
        raise DataError(f"{tree.path} holds CIFAR, but lacks {', '.join(missing)}")
    read = _pickled if layout.labels_key else _records
    pixels, labels = zip(
        *(read(tree, folder + name, layout) for name in (*layout.train, layout.test)), strict=True
    )
    x_train = joined([Mapped(part, _to_images, _SHAPE) for part in pixels[:-1]])
    x_test = Mapped(pixels[-1], _to_images, _SHAPE)
    lazy = options.streams(len(x_train) + len(x_test), _PIXELS)
    return ExampleSet(
        name=tree.path.name.partition(".")[0],
        x_train=x_train if lazy else x_train[:],
        y_train=np.concatenate(labels[:-1]),
        x_test=x_test if lazy else x_test[:],
        y_test=labels[-1],
        class_names=_class_names(tree, folder, layout),
        white=_WHITE,
        reading={"kind": "images", "shape": list(_SHAPE)},
    )


def _found(tree: Tree) -> tuple[_Layout, str] | None:
    """Return the form and the folder that it lies in, with a ``/`` at its end."""
    there = {*tree.names}
    for layout in _LAYOUTS:
        for name in there:
            folder, slash, last = name.rpartition("/")
            # A file called `train` alone could be anything; those beside it tell.
            if last == layout.train[0] and {folder + slash + n for n in layout.signs} & there:
                return layout, folder + slash
    return None


def _records(tree: Tree, name: str, layout: _Layout) -> tuple[Rows, Labels]:
    """Return records and labels of a binary file; the records stay on the disk."""
    path, size = tree.file(name), layout.labels + _PIXELS
    flat = np.frombuffer(tree.read(name), np.uint8)
    if not len(flat) or len(flat) % size:
        raise DataError(
            f"{tree.where(name)} is truncated: {len(flat):,} bytes are no whole number of records"
            f" of {size:,} bytes"
        )
    records = flat.reshape(-1, size)
    rows: Rows = records if path is None else FileRows(path, np.uint8, records.shape, 0)
    return rows, records[:, layout.labels - 1].astype(np.int64)


def _pickled(tree: Tree, name: str, layout: _Layout) -> tuple[Rows, Labels]:
    """Return flat pixels and labels of a pickle."""
    where = tree.where(name)
    values = read_pickled_arrays(tree.read(name), where)
    pixels, labels = values.get("data"), values.get(layout.labels_key)
    array = pixels if isinstance(pixels, np.ndarray) else np.empty(0)
    if array.dtype != np.uint8 or array.shape[1:] != (_PIXELS,):
        raise DataError(f"{where} must hold an array `data` of bytes, {_PIXELS} for each image")
    y = as_labels(np.array(labels), f"{where}: {layout.labels_key}")
    if len(y) != len(array):
        raise DataError(f"{where} holds {len(array)} images, but {len(y)} labels")
    return array, y


def _class_names(tree: Tree, folder: str, layout: _Layout) -> tuple[str, ...]:
    name = folder + layout.names
    if layout.names_key:
        values = read_pickled_arrays(tree.read(name), tree.where(name))
        return tuple(map(str, values.get(layout.names_key, ())))
    lines = tree.read(name).decode("utf-8", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _to_images(records: Array) -> Array:
    """Return records, or flat pixels, as images."""
    flat = records[:, -_PIXELS:]
    return as_inputs(flat.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), "CIFAR")
