"""The results of `tg filters`: a strip of pictures, or a page with the kernels beside them."""

from __future__ import annotations

import io

import numpy as np

from dsl.looking.filters import FILTERS
from dsl.looking.probe import Array
from dsl.pages import data_uri, render_page
from tensorgraph.base.png import encode_png
from tensorgraph.data.pictures import pillow

_GAP = 8
_LINE = 22  # the room for a name below a picture
_COLUMNS = 3
_LEAST = 150  # smaller pictures are enlarged to about so many pixels, so that names fit below


def draw_strip(results: list[Array]) -> bytes:
    """Return all results with their names as a PNG file.

    Parameters
    ----------
    results : list of array
        From `apply_filters`.
    """
    module = pillow()
    from PIL import ImageDraw, ImageFont

    pictures = [_enlarged(_pixels(result)) for result in results]
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // _COLUMNS)
    down, right = height + _LINE + _GAP, width + _GAP
    sheet = module.new("RGB", (_COLUMNS * right + _GAP, rows * down + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for place, (picture, one) in enumerate(zip(pictures, FILTERS, strict=True)):
        top, left = _GAP + place // _COLUMNS * down, _GAP + place % _COLUMNS * right
        sheet.paste(module.fromarray(picture), (left, top))
        draw.text((left, top + height + 2), one.name, fill="black", font=font)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def make_page(name: str, results: list[Array]) -> str:
    """Return the page.

    Parameters
    ----------
    name : str
        The picture's name.
    results : list of array
        From `apply_filters`.
    """
    views = [
        {
            "name": one.name,
            "doc": one.doc,
            "word": one.word,
            "size": "x".join(map(str, one.kernel.shape)),
            "kernel": _written(one.kernel),
            "uri": data_uri(encode_png(_pixels(result, 1))),
            "width": max(result.shape[1], _LEAST),
            "small": result.shape[1] < _LEAST,
        }
        for one, result in zip(FILTERS, results, strict=True)
    ]
    return render_page("filters.html", name=name, views=views)


def _written(kernel: Array) -> tuple[list[list[str]], str]:
    """Return the numbers of a kernel as whole ones, and what they are divided by."""
    for divisor in (1, 9, 16, 256):
        scaled = kernel * divisor
        if np.allclose(scaled, np.round(scaled)):
            rows = [[f"{round(float(value))}" for value in row] for row in scaled]
            return rows, f"/ {divisor}" if divisor > 1 else ""
    return [[f"{value:.3g}" for value in row] for row in kernel], ""


def _pixels(result: Array, channels: int = 3) -> Array:
    pixels = np.rint(np.clip(result, 0, 1) * 255).astype(np.uint8)
    if pixels.shape[2] < channels:
        pixels = np.repeat(pixels, channels, axis=2)
    return np.ascontiguousarray(pixels)


def _enlarged(pixels: Array) -> Array:
    factor = max(1, -(-_LEAST // pixels.shape[1]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
