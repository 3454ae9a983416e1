"""Inputs that are not in memory: examples are fetched when a batch asks for them.

In a set of examples the inputs are either an array, or `LazyInputs`, which look like one as far as
a training needs: they have a length and a shape, and ``x[indices]`` gives an array.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError

Array: TypeAlias = npt.NDArray[Any]
Indices: TypeAlias = npt.NDArray[np.int64]

_CHUNK_BYTES = 16 << 20


class LazyInputs(ABC):
    """Examples that are made or read when they are asked for.

    Parameters
    ----------
    shape : tuple of int
        Number of examples, then the shape of one.
    dtype : data type, default float32
        What `fetch` returns.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float32) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @abstractmethod
    def fetch(self, indices: Indices) -> Array:
        """Return the examples of these numbers, none of them negative, in their order."""

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: slice | Indices) -> Array:
        """Return examples as an array in memory, by a slice, numbers or a mask."""
        numbers = np.arange(len(self))[key]
        if numbers.ndim != 1:
            raise IndexError(f"examples are chosen by a slice or a vector, not by {key!r}")
        return self.fetch(numbers)


Rows: TypeAlias = Array | LazyInputs


class FileRows(LazyInputs):
    """Examples that stand one behind the other in a file.

    They are read rather than mapped into memory: a system reads ahead around each place of a
    mapped file that is touched, which costs a hundred times as much where places are random.

    Parameters
    ----------
    path : Path
        The file.
    dtype : data type
        Of the numbers in it.
    shape : tuple of int
        Number of examples, then the shape of one.
    offset : int
        The byte at which the first example begins.
    """

    def __init__(self, path: Path, dtype: Any, shape: tuple[int, ...], offset: int) -> None:
        super().__init__(shape, dtype)
        self._path, self._offset = path, offset
        self._size = math.prod(shape[1:])

    def fetch(self, indices: Indices) -> Array:
        """Return the examples of these numbers.

        Raises
        ------
        DataError
            If the file cannot be read any more, or has become shorter.
        """
        result = np.empty((len(indices), *self.shape[1:]), self.dtype)
        flat = result.reshape(len(indices), self._size)
        # Neighbours are read at once.
        cuts = np.flatnonzero(np.diff(indices) != 1) + 1
        starts, ends = [0, *cuts], [*cuts, len(indices)]
        try:
            with self._path.open("rb") as file:
                for start, end in zip(starts, ends, strict=True) if len(indices) else ():
                    begin = int(indices[start]) * self._size * self.dtype.itemsize
                    file.seek(self._offset + begin)
                    numbers = np.fromfile(file, self.dtype, int(end - start) * self._size)
                    if len(numbers) != (end - start) * self._size:
                        raise DataError(f"{self._path} has become shorter since it was opened")
                    flat[start:end] = numbers.reshape(-1, self._size)
        except OSError as error:
            raise DataError(f"{self._path} cannot be read: {error.strerror}") from None
        return result


class Subset(LazyInputs):
    """Some examples of others, in an order of their own."""

    def __init__(self, rows: LazyInputs, indices: Indices) -> None:
        super().__init__((len(indices), *rows.shape[1:]), rows.dtype)
        self._rows, self._indices = rows, indices

    def fetch(self, indices: Indices) -> Array:
        """Return the examples of these numbers."""
        return self._rows.fetch(self._indices[indices])


class Mapped(LazyInputs):
    """What a function makes of examples.

    Parameters
    ----------
    rows : array or LazyInputs
        The examples.
    function : callable
        From an array of several examples to an array of as many, each on its own.
    shape : tuple of int
        Shape of one result.
    """

    def __init__(
        self, rows: Rows, function: Callable[[Array], Array], shape: tuple[int, ...]
    ) -> None:
        super().__init__((len(rows), *shape))
        self._rows, self._function = rows, function

    def fetch(self, indices: Indices) -> Array:
        """Return the examples of these numbers."""
        return self._function(self._rows[indices])


class Joined(LazyInputs):
    """Several parts as one: the shards of a set."""

    def __init__(self, parts: list[Rows]) -> None:
        first = parts[0]
        self._starts = np.cumsum([0, *map(len, parts)])
        super().__init__((int(self._starts[-1]), *first.shape[1:]), first.dtype)
        self._parts = parts

    def fetch(self, indices: Indices) -> Array:
        """Return the examples of these numbers."""
        result = np.empty((len(indices), *self.shape[1:]), self.dtype)
        owners = np.searchsorted(self._starts, indices, side="right") - 1
        for owner in np.unique(owners):
            places = np.flatnonzero(owners == owner)
            result[places] = self._parts[owner][indices[places] - self._starts[owner]]
        return result


def take(rows: Rows, indices: Indices) -> Rows:
    """Return some examples: of an array a copy, of lazy ones a view that stays lazy."""
    return rows[indices] if isinstance(rows, np.ndarray) else Subset(rows, indices)


def joined(parts: list[Rows]) -> Rows:
    """Return several parts as one: arrays as an array, others lazily."""
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return np.concatenate(arrays) if len(arrays) == len(parts) else Joined(parts)


def chunks_of(rows: Rows) -> Iterator[Array]:
    """Yield all examples in order, some megabytes at a time."""
    count, shape = len(rows), rows.shape[1:]
    size = max(1, _CHUNK_BYTES // max(1, 4 * int(np.prod(shape, dtype=np.int64))))
    for start in range(0, count, size):
        yield rows[start : start + size]
