"""Maps over images, as pixels that a page shows."""

from __future__ import annotations

import numpy as np

from dsl.looking.probe import Array
from dsl.pages.pixels import BLUE, ORANGE, Colour, Pixels, paint_image, paint_shares
from tensorgraph.data.resampling import resize

_LEAST_SIDE = 160
"""Smaller images are enlarged to about so many pixels, so that maps over them can be smooth."""
_FAINT = 0.55
"""What an image keeps of its contrast below a map."""
_DENSEST = 0.85
_FRAME: Colour = (0, 158, 115)


def is_image(shape: tuple[int, ...]) -> bool:
    """Return whether examples of such a shape can be drawn."""
    return len(shape) == 3 and shape[2] in (1, 3)


def zoom_of(shape: tuple[int, ...]) -> int:
    """Return by how much an image is enlarged, so that its pixels stay squares."""
    return max(1, round(_LEAST_SIDE / max(shape[:2])))


def enlarged(pixels: Pixels, factor: int) -> Pixels:
    """Return a picture with each pixel as a square of `factor` pixels."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def paint_signs(values: Array, most: float | None = None) -> Pixels:
    """Return a map in which what is above 0 is orange, what is below blue, and 0 the page itself.

    Parameters
    ----------
    values : array of shape (rows, columns)
        The map.
    most : float, optional
        The magnitude that has the full colour; by default the largest one.
    """
    most = most or float(np.abs(values).max(initial=0.0)) or 1.0
    positive = paint_shares(values / most, ORANGE)
    negative = paint_shares(-values / most, BLUE)
    return np.where(values[..., np.newaxis] >= 0, positive, negative)


def overlay(image: Array, values: Array) -> Pixels:
    """Return an image in grey with a map over it: orange is above 0, blue is below.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        Values from 0 to 1.
    values : array of shape (rows, columns)
        The map; the largest magnitude has the full colour. It is spread smoothly over the image.
    """
    factor = zoom_of(image.shape)
    below = enlarged(paint_image(_faded(image)), factor)
    spread = smoothed(values, below.shape[0], below.shape[1])
    # Never so dense that nothing of the image is left.
    most = float(np.abs(values).max(initial=0.0)) / _DENSEST
    return _above(below, paint_signs(spread, most))


def smoothed(values: Array, height: int, width: int) -> Array:
    """Return a map in another size, interpolated."""
    plane = np.asarray(values, np.float32)[np.newaxis, ..., np.newaxis]
    return resize(plane, height, width)[0, ..., 0]


def outlined(image: Array, box: tuple[tuple[int, int], ...], values: Array) -> Pixels:
    """Return an image with a map over it, and a frame around a part of it.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        Values from 0 to 1.
    box : ((int, int), (int, int))
        First and last row, first and last column. What lies outside of the image is shown too.
    values : array of shape (height, width)
        The map.
    """
    height, width, _ = image.shape
    (top, bottom), (left, right) = box
    margin = [
        (max(0, -top), max(0, bottom + 1 - height)),
        (max(0, -left), max(0, right + 1 - width)),
    ]
    factor = zoom_of((height + sum(margin[0]), width + sum(margin[1])))
    below = enlarged(paint_image(_faded(image)), factor)
    below = _above(below, enlarged(paint_signs(np.abs(values)), factor))
    # The zeros around the image: the page shows through.
    canvas = np.pad(below, [(a * factor, b * factor) for a, b in margin] + [(0, 0)])
    top, left = (top + margin[0][0]) * factor, (left + margin[1][0]) * factor
    bottom, right = (bottom + 1 + margin[0][0]) * factor, (right + 1 + margin[1][0]) * factor
    thick = max(2, factor // 8)
    frame = np.zeros(canvas.shape[:2], bool)
    frame[top:bottom, left:right] = True
    frame[top + thick : bottom - thick, left + thick : right - thick] = False
    canvas[frame] = (*_FRAME, 255)
    return canvas


def _faded(image: Array) -> Array:
    """Return an image in grey, with little contrast."""
    grey = np.asarray(image, np.float64).mean(axis=-1)
    return np.asarray(0.5 + _FAINT * (grey - 0.5))


def _above(below: Pixels, above: Pixels) -> Pixels:
    """Return an opaque picture with a translucent one on it."""
    share = above[..., 3:].astype(np.float64) / 255
    mixed = below.copy()
    mixed[..., :3] = (below[..., :3] * (1 - share) + above[..., :3] * share).round()
    return mixed
