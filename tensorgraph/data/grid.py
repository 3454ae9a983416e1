"""A picture of many examples with their labels."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data.pictures import pillow
from tensorgraph.data.rows import Array

_LEAST_SIDE = 64
_GAP = 6
_LINE = 14
# How many letters of a label fit under an image, roughly.
_LETTER = 7


def draw_grid(images: Array, labels: Sequence[str]) -> bytes:
    """Return examples in rows and columns, each with its label below, as a PNG file.

    Parameters
    ----------
    images : array of shape (examples, height, width, channels)
        Values from 0 to 1; those outside are drawn as 0 or 1. One channel is gray, three are
        colours. Small images are enlarged by whole numbers, so that pixels stay square.
    labels : sequence of str
        A label for each.

    Raises
    ------
    DataError
        If the examples are no images, or Pillow is not installed.
    """
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"examples of shape {images.shape[1:]} are no images that can be drawn:"
            " expected (height, width, 1) or (height, width, 3)"
        )
    module = pillow()
    from PIL import ImageDraw

    pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    factor = max(1, math.ceil(_LEAST_SIDE / min(images.shape[1:3])))
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    pixels = np.broadcast_to(pixels, (*pixels.shape[:3], 3))
    height, width = pixels.shape[1:3]
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    down, right = height + _LINE + _GAP, width + _GAP
    sheet = module.new("RGB", (columns * right + _GAP, rows * down + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        top, left = _GAP + place // columns * down, _GAP + place % columns * right
        sheet.paste(module.fromarray(np.ascontiguousarray(image)), (left, top))
        draw.text((left, top + height), _shortened(label, width // _LETTER), fill="black")
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _shortened(label: str, letters: int) -> str:
    return label if len(label) <= letters else f"{label[: max(1, letters - 1)]}…"
