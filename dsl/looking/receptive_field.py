"""Which part of the input a unit of a network sees."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from dsl.network import Net, NetLayer
from dsl.training.errors import RunError
from tensorgraph.base.shapes import FullShape, Shape

Box = tuple[tuple[int, int], ...]
"""The first and the last place along each axis of an image; they may lie in the zeros around it."""

# After these a place is no longer where it was.
_REARRANGE = frozenset(["reshape", "permute"])


@dataclass(frozen=True)
class Unit:
    """A place of a layer, in one of its channels or in all.

    Attributes
    ----------
    layer : str
        The layer's name.
    place : tuple of int
        The place along each axis between batch and channels, counted from 0; empty where the layer
        gives a vector.
    channel : int or None
        The channel; None for all of them.
    """

    layer: str
    place: tuple[int, ...]
    channel: int | None = None

    def __str__(self) -> str:
        """Return it as `parse` reads it."""
        numbers = [*self.place, *([] if self.channel is None else [self.channel])]
        return f"{self.layer}:{','.join(map(str, numbers))}"

    @classmethod
    def parse(cls, net: Net, text: str) -> Unit:
        """Return the unit of ``LAYER:ROW,COLUMN``, or ``LAYER:ROW,COLUMN,CHANNEL``.

        ``LAYER`` alone is the unit in the middle; of a vector, ``LAYER:NUMBER`` is one value.

        Raises
        ------
        RunError
            If there is no such unit.
        """
        name, _, rest = text.partition(":")
        layers = {layer.name: layer for layer in net.layers}
        if name not in layers:
            raise RunError(f"{net.name} has no layer {name!r}: expected {', '.join(layers)}")
        shape = _fixed(layers[name].output_shape)
        if shape is None:
            raise RunError(f"the size of {name} is not fixed")
        if not rest:
            return cls(name, tuple(size // 2 for size in shape[:-1]))
        words = rest.split(",")
        if not all(word.strip().isdigit() for word in words):
            raise RunError(f"{text!r} is no unit: expected one such as {name}:0,0")
        numbers = tuple(map(int, words))
        axes = len(shape) - 1
        fits = all(number < size for number, size in zip(numbers, shape, strict=False))
        if not fits or len(numbers) not in {axes or 1, axes + 1}:
            sizes = "x".join(map(str, shape))
            raise RunError(f"{name} gives {sizes}; {rest!r} is no place in it, counted from 0")
        channel = numbers[axes] if len(numbers) > axes else None
        return cls(name, numbers[:axes], channel)


def receptive_field(net: Net, unit: Unit) -> Box | None:
    """Return the part of the first input that a unit sees, with the zeros around the input.

    It is exact along each axis, but that `upsample` and `deconv` may see one place less.

    Parameters
    ----------
    net : Net
        The network.
    unit : Unit
        The unit.

    Returns
    -------
    Box or None
        None where the unit does not see the input, or where sizes are not fixed.
    """
    boxes: dict[str, Box] = {unit.layer: tuple((place, place) for place in unit.place)}
    for layer in reversed(net.layers):
        box = boxes.pop(layer.name, None)
        if box is None:
            continue
        for name, given in zip(layer.inputs, layer.use.inputs, strict=True):
            shape = _fixed(given)
            if shape is None:
                return None
            seen = _seen(layer, box, shape)
            boxes[name] = _union(boxes[name], seen) if name in boxes else seen
    return boxes.get(net.inputs[0].name)


def _fixed(shape: Shape) -> FullShape | None:
    """Return a shape without open sizes, None where it has some."""
    return None if shape is None or None in shape else tuple(size or 0 for size in shape)


def _seen(layer: NetLayer, box: Box, shape: FullShape) -> Box:
    """Return the part of an input that a part of a layer's output sees."""
    window = layer.layer.window(layer.use)
    whole = tuple((0, size - 1) for size in shape[:-1])
    everything = layer.layer.sees_everything or layer.kind in _REARRANGE
    if everything or len(whole) != len(box):
        return whole
    if window is None:
        return box
    return tuple(
        (_first(start, stride, low), _first(start, stride, high) + extent - 1)
        for (low, high), extent, stride, start in zip(
            box, window.extent, window.stride, window.start, strict=True
        )
    )


def _first(start: int | Fraction | None, stride: int | Fraction, place: int) -> int:
    assert start is not None  # the sizes are known
    return ceil(start + stride * place)


def _union(a: Box, b: Box) -> Box:
    return tuple(
        (min(a_low, b_low), max(a_high, b_high))
        for (a_low, a_high), (b_low, b_high) in zip(a, b, strict=True)
    )
