"""Arrays of numbers → pixels, of type uint8 and shape (height, width, 4).

The last axis is red, green, blue and opacity. Where nothing is to be seen the page shows through,
so that the same picture suits a light page and a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]
Colour = tuple[int, int, int]

# Okabe and Ito's, which colour-blind readers can tell apart.
BLUE: Colour = (0, 114, 178)
ORANGE: Colour = (213, 94, 0)


def paint_image(values: Any) -> Pixels:
    """Return an image whose values go from 0 to 1.

    Parameters
    ----------
    values : array of shape (height, width) or (height, width, channels)
        Grey, or red, green and blue; the mean of other channels is shown in grey.
    """
    image = np.asarray(values, np.float64)
    if image.ndim == 2:
        image = image[..., np.newaxis]
    if image.shape[-1] != 3:
        image = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    return _opaque(np.nan_to_num(image).clip(0, 1) * 255)


def paint_range(values: Any) -> Pixels:
    """Return an image or a map stretched so that its lowest value is black, its highest white."""
    values = np.nan_to_num(np.asarray(values, np.float64))
    low, high = values.min(), values.max()
    return paint_image((values - low) / (high - low) if high > low else np.zeros_like(values))


def paint_signed(values: Any, most: float | None = None) -> Pixels:
    """Return a map in which what is positive is orange, what is negative blue, and 0 white.

    Parameters
    ----------
    values : array of shape (height, width)
        The values.
    most : float, optional
        The magnitude that has the full colour; by default the largest one.
    """
    values = np.nan_to_num(np.asarray(values, np.float64))
    most = float(np.abs(values).max(initial=0.0)) if most is None else most
    share = np.abs(values / (most or 1.0)).clip(0, 1)[..., np.newaxis]
    hue = np.where(values[..., np.newaxis] >= 0, ORANGE, BLUE)
    return _opaque(255 + share * (hue - 255))


def paint_shares(values: Any, colour: Colour = BLUE) -> Pixels:
    """Return a map of shares from 0, where the page shows through, to 1 in full colour.

    Parameters
    ----------
    values : array of shape (height, width)
        The shares.
    colour : (int, int, int), optional
        Red, green and blue of the full colour.
    """
    opacity = np.nan_to_num(np.asarray(values, np.float64)).clip(0, 1) * 255
    pixels = np.empty((*opacity.shape, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = opacity.round()
    return pixels


def framed(picture: Pixels) -> Pixels:
    """Return a picture in a thin grey frame, which tells it from its neighbours and the page."""
    height, width = picture.shape[:2]
    whole = np.full((height + 2, width + 2, 4), 128, np.uint8)
    whole[..., 3] = 255
    whole[1:-1, 1:-1] = picture
    return whole


def tile(pictures: Sequence[Pixels], columns: int | None = None, gap: int = 4) -> Pixels:
    """Return pictures of one size side by side in rows.

    Parameters
    ----------
    pictures : sequence of pixels
        At least one.
    columns : int, optional
        How many stand in a row; by default about as many as there are rows.
    gap : int, default 4
        How many pixels are between them, through which the page shows.
    """
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = -(-len(pictures) // columns)
    height, width = pictures[0].shape[:2]
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        whole[top : top + height, left : left + width] = picture
    return whole


def _opaque(colours: Any) -> Pixels:
    pixels = np.full((*colours.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = colours.round()
    return pixels
