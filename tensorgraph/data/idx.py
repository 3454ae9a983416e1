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
from tensorgraph.data.arrays import as_labels, inputs_of, numbered_classes, white_of
from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.rows import FileRows, Rows

_ELEMENT_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Return the array of an IDX file.

    Whether the file is gzipped is read from its first bytes, not from its name.

    Parameters
    ----------
    path : Path
        The file. If it is not gzipped, the array stays on the disk until it is used.

    Raises
    ------
    DataError
        If it cannot be read, is no IDX file, or is shorter or longer than its header says.
    """
    content = _read(path)
    start = content[:4].tobytes()
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _ELEMENT_TYPES:
        raise DataError(
            f"{path} is no IDX file: it starts with {start.hex(' ') or 'nothing'}, where"
            " 00 00, an element type from 08 to 0e and the number of dimensions are expected"
        )
    dtype, rank = np.dtype(_ELEMENT_TYPES[start[2]]), start[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise DataError(f"{path} is truncated: it ends within its header of {header} bytes")
    shape = tuple(int(d) for d in content[4:header].view(">u4"))
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        problem = "is truncated" if len(content) < expected else "has bytes after its end"
        raise DataError(
            f"{path} {problem}: for {'x'.join(map(str, shape))} elements of {dtype.itemsize}"
            f" bytes it must hold {expected} bytes, but it holds {len(content)}"
        )
    array = content[header:].view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file: unpacked, or mapped from the disk."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
        if not packed:
            size = path.stat().st_size
            return np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
    except EOFError as error:
        raise DataError(f"{path} is truncated: its gzip stream has no end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def has_idx(folder: Path) -> bool:
    """Return whether a folder has IDX files of images by their usual names."""
    return any(folder.glob("*-images[-.]idx3-ubyte*"))


def load_idx_folder(folder: Path, options: LoadOptions | None = None) -> ExampleSet:
    """Return the examples of a folder that holds the four files of MNIST.

    Parameters
    ----------
    folder : Path
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
        and ``t10k-labels-idx1-ubyte``, each of them with or without ``.gz``, and with ``-`` or
        ``.`` before ``idx``.
    options : LoadOptions, optional
        ``stream`` leaves images on the disk, if they are not gzipped, and as bytes in memory else.

    Raises
    ------
    DataError
        If a file is missing or damaged, or if images and labels do not go together.
    """
    options = options or LoadOptions()
    options.require(folder, "a folder of IDX files")
    arrays = {}
    for part in ("train", "t10k"):
        images = _find(folder, f"{part}-images", "idx3-ubyte")
        labels = _find(folder, f"{part}-labels", "idx1-ubyte")
        pixels, y = read_idx(images), as_labels(read_idx(labels), str(labels))
        if len(pixels) != len(y):
            raise DataError(f"{images} holds {len(pixels)} images, but {labels} {len(y)} labels")
        arrays[part] = inputs_of(_rows(images, pixels), str(images), options), y
    (x_train, y_train), (x_test, y_test) = arrays["train"], arrays["t10k"]
    return ExampleSet(
        name=folder.resolve().name,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        class_names=numbered_classes(y_train, y_test),
        white=white_of(pixels),
        reading={"kind": "images", "shape": list(x_train.shape[1:])},
    )


def _rows(path: Path, pixels: npt.NDArray[Any]) -> Rows:
    """Return images that are left in their file, where they are not packed."""
    if isinstance(pixels, np.memmap):
        return FileRows(path, pixels.dtype, pixels.shape, 4 + 4 * pixels.ndim)
    return pixels


def _find(folder: Path, stem: str, kind: str) -> Path:
    """Return the file of a folder under any of its usual names."""
    names = [f"{stem}{dot}{kind}{packed}" for dot in "-." for packed in ("", ".gz")]
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise DataError(f"{folder} lacks the IDX file {stem}: looked for {', '.join(names)}")
