"""File → text → checked network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from dsl.checker.check import check
from dsl.network import Net
from dsl.overrides import apply_assignments
from dsl.reading import read_file
from dsl.tree import parse
from tensorgraph.base.shapes import Shape


def load(
    path: str | os.PathLike[str],
    input_shape: Shape = None,
    classes: int | None = None,
    constants: Mapping[str, str] | None = None,
    *,
    settings: Iterable[str] = (),
    name: str | None = None,
    trained: bool = False,
) -> Net:
    """Read and check a `.net` file.

    Parameters
    ----------
    path : path-like
        The file.
    input_shape : tuple of int, optional
        The shape of one example of the data, where the caller knows it.
    classes : int, optional
        The number of classes of the data, where the caller knows it.
    constants : mapping of str to str, optional
        Values for the file's constants instead of those that ``let`` gives.
    settings : iterable of str, optional
        Changes, ``NAME=VALUE``: of constants, and of what ``train`` says, as
        ``optimizer.lr=0.01``.
    name : str, optional
        What messages call the file, beside which those are looked for that it brings in; by
        default its path.
    trained : bool, default False
        Whether the network has been trained already, as in `check`.

    Returns
    -------
    Net
        The checked network.

    Raises
    ------
    NetError
        If the file cannot be read, or is not valid.
    """
    tree = parse(read_file(path, name), name or os.fspath(path))
    changed, own = apply_assignments(tree, settings)
    return check(changed, input_shape, classes, {**(constants or {}), **own}, trained=trained)
