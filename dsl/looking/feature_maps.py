"""What each layer of a network makes of an image, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsl.layers.arguments import format_sizes
from dsl.looking.drawing import enlarged, smoothed
from dsl.looking.probe import Array, Probe
from dsl.network import NetLayer
from dsl.pages.pixels import Pixels, paint_image, paint_signed, tile

MAX_LAYERS = 32
"""Of more layers some are left out."""
_MAX_MAPS = 1200  # on a page; a map is drawn with at most so many pixels each way:
_MAX_SIDE = 40
_CHANNELS = range(4, 17)  # how many of a layer's are drawn, at least and at most
_SHOWN_SIDE = 64  # smaller maps are enlarged to about so many
_CELLS = 512  # how many values of a vector are drawn
_CELL = 12

# Trained, these change nothing, or only the form.
_NOT_SHOWN = frozenset(["dropout", "spatial_dropout", "noise", "flatten", "reshape"])


@dataclass(frozen=True)
class LayerMaps:
    """What one layer makes of an image.

    Attributes
    ----------
    name, kind, shape : str
        The layer's name, its word, and the shape of what it gives.
    pixels : Pixels
        Its channels as images, or its values as squares.
    shown, of : int
        How many channels, or values, are drawn, and how many there are.
    low, high : float
        The least and the largest value of all.
    """

    name: str
    kind: str
    shape: str
    pixels: Pixels
    shown: int
    of: int
    low: float
    high: float

    @property
    def silent(self) -> bool:
        """Whether all values are 0."""
        return self.low == self.high == 0

    @property
    def is_image(self) -> bool:
        """Whether channels are drawn, and not single values."""
        return "x" in self.shape


def shown_layers(layers: Sequence[NetLayer]) -> list[NetLayer]:
    """Return the layers that are drawn, spread over the network where there are many."""
    wanted = [
        layer
        for layer in layers
        if layer.kind not in _NOT_SHOWN and len(layer.output_shape or ()) in {1, 3}
    ]
    if len(wanted) <= MAX_LAYERS:
        return wanted
    chosen = np.linspace(0, len(wanted) - 1, MAX_LAYERS).round().astype(int)
    return [wanted[i] for i in chosen]


def draw_layers(probe: Probe, x: Array, images: int = 1) -> list[LayerMaps]:
    """Return pictures of what each layer makes of an image.

    Parameters
    ----------
    probe : Probe
        The network.
    x : array
        One example.
    images : int, default 1
        How many examples share the page: the more, the fewer channels are drawn.
    """
    layers = shown_layers(probe.net.layers)
    fair = _MAX_MAPS // max(1, images * len(layers))
    channels = min(max(fair, _CHANNELS[0]), _CHANNELS[-1])
    values = probe.layer_values([layer.name for layer in layers], x)
    return [_draw(layer, of, channels) for layer, of in zip(layers, values, strict=True)]


def _draw(layer: NetLayer, values: Array, channels: int) -> LayerMaps:
    low, high = float(values.min()), float(values.max())
    if values.ndim == 1:
        shown = values[:_CELLS]
        columns = min(len(shown), 32)
        cells = [_paint(np.full((1, 1), value), low, high) for value in shown]
        pixels, drawn = tile([enlarged(cell, _CELL) for cell in cells], columns), len(shown)
    else:
        maps = np.moveaxis(values, -1, 0)[:channels]
        shrunk = max(values.shape[:2]) / _MAX_SIDE
        if shrunk > 1:
            height, width = (max(1, round(side / shrunk)) for side in values.shape[:2])
            maps = np.stack([smoothed(plane, height, width) for plane in maps])
        factor = max(1, round(_SHOWN_SIDE / max(maps.shape[1:])))
        painted = [enlarged(_paint(plane, low, high), factor) for plane in maps]
        pixels, drawn = tile(painted, min(len(maps), 8), gap=4), len(maps)
    shape = format_sizes(values.shape)
    total = values.shape[-1]
    return LayerMaps(layer.name, layer.kind, shape, pixels, drawn, total, low, high)


def _paint(plane: Array, low: float, high: float) -> Pixels:
    """Return a map: white is the most; or where there is less than 0, orange and blue."""
    if low < 0:
        return paint_signed(plane, max(-low, high))
    return paint_image(plane / (high or 1.0))
