"""The kernels that textbooks apply to images, on a picture of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tensorgraph as tf
from dsl.layers import image_kernels
from dsl.looking.probe import Array
from tensorgraph.base.errors import DataError
from tensorgraph.data.pictures import Damaged, Form, decode
from tensorgraph.data.resampling import resize

MAX_SIDE = 360
"""Larger pictures are made smaller first: of them, small kernels change nothing that is seen."""


@dataclass(frozen=True)
class Filter:
    """A kernel with a name.

    Attributes
    ----------
    name : str
        What it is called.
    doc : str
        What it does.
    kernel : array of shape (height, width)
        Its numbers.
    word : str
        The initialiser that gives it in a ``.net`` file; empty where there is none.
    """

    name: str
    doc: str
    kernel: Array
    word: str = ""


def _known(word: str, name: str, doc: str) -> Filter:
    """Return a kernel of the language."""
    return Filter(name, doc, image_kernels.KERNELS[word][1], word)


FILTERS = (
    Filter(
        "identity",
        "the picture itself",
        image_kernels.identity((3, 3, 1, 1))[..., 0, 0],
        "identity",
    ),
    Filter(
        "edges: corners",
        "light where both diagonals differ",
        np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]),
    ),
    Filter(
        "edges: cross",
        "what a pixel has less than the four beside it",
        np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    ),
    _known("edge", "edges: all around", "what a pixel has more than the eight around it"),
    _known("sharpen", "sharpen", "the picture, and what differs from the four beside"),
    Filter(
        "box blur", "the mean of nine", image_kernels.box_blur((3, 3, 1, 1))[..., 0, 0], "box_blur"
    ),
    _known("gaussian3", "Gaussian 3x3", "the nearer, the more it counts"),
    _known("gaussian5", "Gaussian 5x5", "the same, further around"),
    _known("unsharp", "unsharp mask", "twice the picture, less what Gaussian 5x5 makes of it"),
)
"""The kernels, in the order of the textbooks."""


def read_picture(path: Path) -> Array:
    """Return a picture as an array of shape ``(height, width, 1 or 3)``, values from 0 to 1.

    Parameters
    ----------
    path : Path
        A file that Pillow reads.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file")
    pixels = decode(path, Form())
    if isinstance(pixels, Damaged):
        raise DataError(f"{path} cannot be read as a picture: {pixels.reason}")
    picture = pixels.astype(np.float32) / np.float32(255)
    height, width, _ = picture.shape
    shrunk = max(height, width) / MAX_SIDE
    if shrunk <= 1:
        return picture
    size = (max(1, round(side / shrunk)) for side in (height, width))
    smaller: Array = resize(picture[np.newaxis], *size)[0]
    return smaller


def apply_filters(picture: Array) -> list[Array]:
    """Return a picture after each of FILTERS, as convolutions of a graph.

    Each channel is filtered by itself. At the edges the picture is mirrored, so that no frame of
    zeros is seen as an edge. Values are cut to 0 and 1, as programs for pictures do it.

    Parameters
    ----------
    picture : array of shape (height, width, channels)
        Values from 0 to 1.
    """
    channels = picture.shape[-1]
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, None, None, channels], name="picture")
        results = []
        for one in FILTERS:
            rows, columns = (size // 2 for size in one.kernel.shape)
            kernel = image_kernels.spread(one.kernel, (*one.kernel.shape, channels, channels))
            mirrored = tf.pad(x, [[0, 0], [rows, rows], [columns, columns], [0, 0]], "SYMMETRIC")
            filtered = tf.nn.conv2d(
                mirrored, tf.constant(kernel, tf.float32), strides=1, padding="VALID"
            )
            results.append(tf.clip_by_value(filtered, 0.0, 1.0))
        return [image[0] for image in session.run(results, {x: picture[np.newaxis]})]
