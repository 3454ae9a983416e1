"""Files that a trained network is asked about: images and arrays."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data import read_inputs

_TEXTS = frozenset([".csv", ".tsv", ".txt"])

Examples = np.ndarray[Any, np.dtype[np.float32]]


def read_examples(
    path: Path, shape: tuple[int, ...], reading: Mapping[str, Any] | None = None
) -> Examples:
    """Return the examples of a file as an array of shape ``(count, *shape)``.

    Parameters
    ----------
    path : Path
        A ``.npy`` array, a ``.csv`` of the numbers of one example, an image in a format that Pillow
        reads, or, for a network that was trained on them, a table or texts.
    shape : tuple of int
        The shape of one example. Images are brought to it.
    reading : mapping, optional
        How the examples of the training were read: tables and texts are read in the same way.

    Raises
    ------
    DataError
        If the file is missing, damaged, or of another shape.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file")
    if path.suffix == ".npy":
        return _arranged(_read_array(path), path, shape)
    if reading and path.suffix.lower() in _TEXTS:
        return read_inputs(path, reading)
    if path.suffix.lower() == ".csv":
        return _arranged(_read_numbers(path), path, shape)
    return _read_image(path, shape)[np.newaxis]


def _read_array(path: Path) -> np.ndarray[Any, Any]:
    try:
        array: np.ndarray[Any, Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no .npy array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path} holds {array.dtype}, not numbers")
    return array


def _read_numbers(path: Path) -> np.ndarray[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file: its shape is an error of its own
            array: np.ndarray[Any, Any] = np.loadtxt(path, delimiter=",", ndmin=1)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no table of numbers: {error}") from None
    return array


def _arranged(array: np.ndarray[Any, Any], path: Path, shape: tuple[int, ...]) -> Examples:
    """Return one or several examples as an array of several; a channel axis may be missing."""
    plain = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
    for single in (shape, plain):
        if array.shape == single:
            array = array[np.newaxis]
        if array.shape[1:] == single:
            scale = 255 if array.dtype.kind in "iu" else 1
            return (array.reshape(-1, *shape) / scale).astype(np.float32)
    raise DataError(f"{path} has shape {array.shape}; expected {shape} or (examples, *{shape})")


def _read_image(path: Path, shape: tuple[int, ...]) -> Examples:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DataError(
            f"reading {path} needs Pillow: pip install 'tensorgraph-engine[image]'"
        ) from None
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if len(shape) != 3 or shape[2] not in modes:
        raise DataError(f"{path} is an image, but the network takes inputs of shape {shape}")
    height, width, channels = shape
    try:
        with Image.open(path) as image:
            converted = image.convert(modes[channels])
    except UnidentifiedImageError:
        raise DataError(f"{path} is no image that can be read, and no .npy array") from None
    except OSError as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(converted, np.float32).reshape(shape) / np.float32(255)
