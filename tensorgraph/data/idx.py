"""The IDX files of MNIST and its successors, gzipped or not.

The format, as Yann LeCun's page describes it: two zero bytes, a byte for the element type, a byte
for the number of dimensions; each dimension as four bytes, then the elements, all big-endian.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data.arrays import as_inputs, as_labels, numbered_classes
from tensorgraph.data.examples import ExampleSet

_ELEMENT_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Return the array of an IDX file.

    Whether the file is gzipped is read from its first bytes, not from its name.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DataError
        If it cannot be read, is no IDX file, or is shorter or longer than its header says.
    """
    content = _read(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _ELEMENT_TYPES:
        raise DataError(
            f"{path} is no IDX file: it starts with {content[:4].hex(' ') or 'nothing'}, where"
            " 00 00, an element type from 08 to 0e and the number of dimensions are expected"
        )
    dtype, rank = np.dtype(_ELEMENT_TYPES[content[2]]), content[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise DataError(f"{path} is truncated: it ends within its header of {header} bytes")
    shape = tuple(int(d) for d in np.frombuffer(content, ">u4", count=rank, offset=4))
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        problem = "is truncated" if len(content) < expected else "has bytes after its end"
        raise DataError(
            f"{path} {problem}: for {'x'.join(map(str, shape))} elements of {dtype.itemsize}"
            f" bytes it must hold {expected} bytes, but it holds {len(content)}"
        )
    array = np.frombuffer(content, dtype, offset=header).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read(path: Path) -> bytes:
    """Return the content of a file, unpacked."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except EOFError as error:
        raise DataError(f"{path} is truncated: its gzip stream has no end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def load_idx_folder(folder: Path) -> ExampleSet:
    """Return the examples of a folder that holds the four files of MNIST.

    Parameters
    ----------
    folder : Path
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
        and ``t10k-labels-idx1-ubyte``, each of them with or without ``.gz``, and with ``-`` or
        ``.`` before ``idx``.

    Raises
    ------
    DataError
        If a file is missing or damaged, or if images and labels do not go together.
    """
    arrays = {}
    for part in ("train", "t10k"):
        images = _find(folder, f"{part}-images", "idx3-ubyte")
        labels = _find(folder, f"{part}-labels", "idx1-ubyte")
        x, y = as_inputs(read_idx(images), str(images)), as_labels(read_idx(labels), str(labels))
        if len(x) != len(y):
            raise DataError(f"{images} holds {len(x)} images, but {labels} {len(y)} labels")
        arrays[part] = x, y
    (x_train, y_train), (x_test, y_test) = arrays["train"], arrays["t10k"]
    names = numbered_classes(y_train, y_test)
    return ExampleSet(folder.resolve().name, x_train, y_train, x_test, y_test, names)


def _find(folder: Path, stem: str, kind: str) -> Path:
    """Return the file of a folder under any of its usual names."""
    names = [f"{stem}{dot}{kind}{packed}" for dot in "-." for packed in ("", ".gz")]
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise DataError(f"{folder} lacks the IDX file {stem}: looked for {', '.join(names)}")
