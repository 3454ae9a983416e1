"""Which reader a folder or a file is for."""

from __future__ import annotations

from pathlib import Path

from tensorgraph.base.errors import DataError
from tensorgraph.data.cifar import has_cifar, load_cifar
from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.idx import has_idx, load_idx_folder
from tensorgraph.data.images import has_images, load_images
from tensorgraph.data.npz import has_arrays, load_npy, load_npz
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.table import load_table
from tensorgraph.data.text import is_labelled_text, load_text
from tensorgraph.data.trees import is_archive, open_tree

_TABLES = (".csv", ".tsv")
_TEXTS = (".txt", ".tsv")


def load_folder(folder: Path, options: LoadOptions) -> ExampleSet:
    """Return the examples of a folder.

    Raises
    ------
    DataError
        If it holds nothing that can be read.
    """
    if has_idx(folder):
        return load_idx_folder(folder, options)
    if has_arrays(folder):
        return load_npy(folder, options)
    tree = open_tree(folder)
    if has_cifar(tree):
        return load_cifar(tree, options)
    if has_images(tree):
        return load_images(tree, options)
    archives = [file for file in sorted(folder.iterdir()) if is_archive(file)]
    if len(archives) == 1:
        return load_file(archives[0], options)
    raise DataError(
        f"{folder} holds nothing that can be read: neither IDX files, nor .npy files, nor CIFAR,"
        " nor folders of images"
    )


def load_file(path: Path, options: LoadOptions) -> ExampleSet:
    """Return the examples of a file.

    Raises
    ------
    DataError
        If it is of no kind that can be read.
    """
    suffix = path.suffix.lower()
    if is_archive(path):
        tree = open_tree(path)
        if has_cifar(tree):
            return load_cifar(tree, options)
        if has_images(tree):
            return load_images(tree, options)
        raise DataError(f"{path} holds neither CIFAR nor folders of images")
    if suffix == ".npz":
        return load_npz(path, options)
    if suffix == ".npy":
        return load_npy(path, options)
    if suffix in _TEXTS and (suffix not in _TABLES or is_labelled_text(path, options)):
        return load_text(path, options)
    if suffix in _TABLES:
        return load_table(path, options)
    raise DataError(
        f"{path} is of no kind that can be read: expected .npz, .npy, .csv, .tsv, .txt, an archive,"
        " or a folder"
    )
