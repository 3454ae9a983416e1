"""Images at other places than their pixels: resizing, turning and stretching.

All of a batch is computed at once. Images are ``(examples, height, width, channels)``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]
Matrices = npt.NDArray[np.float64]


def resize(x: Images, height: int, width: int) -> Images:
    """Return images in another size.

    Each new pixel is the mean of the old ones around its place, weighted by a triangle (bilinear);
    where an image shrinks, the triangle is as wide as the new pixels, so that nothing is skipped.

    Parameters
    ----------
    x : array of float32 of shape (examples, old height, old width, channels)
        The images.
    height, width : int
        The new size, at least 1.
    """
    old_height, old_width = x.shape[1:3]
    if (old_height, old_width) == (height, width):
        return x
    rows, columns = _weights(old_height, height), _weights(old_width, width)
    turned = np.einsum("ah,nhwc,bw->nabc", rows, x, columns, optimize=True)
    result: Images = np.ascontiguousarray(turned)
    return result


def _weights(old: int, new: int) -> npt.NDArray[np.float32]:
    """Return what each old pixel of a line counts in each new one, of shape ``(new, old)``."""
    scale = old / new
    centers = (np.arange(new)[:, np.newaxis] + 0.5) * scale - 0.5
    distances = np.abs(np.arange(old) - centers) / max(scale, 1.0)
    weights = np.maximum(0.0, 1.0 - distances)
    shares: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def rotations(degrees: npt.NDArray[np.float64]) -> Matrices:
    """Return the matrices ``(examples, 2, 2)`` that turn images by these angles."""
    radians = np.deg2rad(degrees)
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)


def stretches(factors: npt.NDArray[np.float64]) -> Matrices:
    """Return the matrices ``(examples, 2, 2)`` that enlarge images by these factors."""
    result: Matrices = np.eye(2) / factors[:, np.newaxis, np.newaxis]
    return result


def warp(x: Images, matrices: Matrices) -> Images:
    """Return images turned or stretched about their middle, with 0 where there was nothing.

    Parameters
    ----------
    x : array of float32 of shape (examples, height, width, channels)
        The images.
    matrices : array of shape (examples, 2, 2)
        For each image, what leads from a place in the new image to the place in the old one,
        both as (row, column) from the middle. Values between pixels are interpolated bilinearly.
    """
    count, height, width, channels = x.shape
    middle = np.array([(height - 1) / 2, (width - 1) / 2]).reshape(2, 1, 1)
    vertical, horizontal = np.indices((height, width)).reshape(2, 1, -1) - middle
    # Written out rather than as a product of matrices: an image gets the same bits in any batch.
    turned = matrices.transpose(1, 2, 0)[..., np.newaxis]
    places = turned[:, 0] * vertical + turned[:, 1] * horizontal + middle
    corner = np.floor(places).astype(np.int64)
    down, right = (places - corner).astype(np.float32)[..., np.newaxis]
    # A frame of zeros, two pixels wide: what lies outside has all four neighbours there.
    pixels = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0))).reshape(-1, channels)
    row, column = np.clip(corner, -2, np.reshape((height, width), (2, 1, 1))) + 2
    line = width + 4
    first = (np.arange(count)[:, np.newaxis] * (height + 4) + row) * line + column
    result: Images = pixels.take(first, axis=0) * ((1 - down) * (1 - right))
    result += pixels.take(first + 1, axis=0) * ((1 - down) * right)
    result += pixels.take(first + line, axis=0) * (down * (1 - right))
    result += pixels.take(first + line + 1, axis=0) * (down * right)
    return result.reshape(x.shape)


def shift(x: Images, down: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> Images:
    """Return images moved by whole pixels, with 0 where there was nothing.

    Parameters
    ----------
    x : array of float32 of shape (examples, height, width, channels)
        The images.
    down, right : array of int64 of shape (examples,)
        How far each is moved.
    """
    count, height, width, _ = x.shape
    rows = np.arange(height) - down[:, np.newaxis]
    columns = np.arange(width) - right[:, np.newaxis]
    inside_rows, inside_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    moved: Images = x[
        np.arange(count)[:, np.newaxis, np.newaxis],
        np.clip(rows, 0, height - 1)[:, :, np.newaxis],
        np.clip(columns, 0, width - 1)[:, np.newaxis, :],
    ]
    moved *= (inside_rows[:, :, np.newaxis] & inside_columns[:, np.newaxis, :])[..., np.newaxis]
    return moved
