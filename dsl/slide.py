"""The table that lectures draw of a network: volumes, memory and weights, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.layers.arguments import format_sizes
from dsl.network import Net, NetLayer
from tensorgraph.base.shapes import Shape, num_elements

HEADERS = ("layer", "activation size", "memory", "weights")
"""The headings of `slide_rows`."""


def slide_rows(net: Net) -> list[tuple[str, ...]]:
    """Return a row for the input, one a layer, and one with the totals.

    The columns are HEADERS. Memory is the number of values in the layer's output, cut to two
    digits from ten thousand on (``3.2M``); weights are counted without biases and without what
    scales and shifts channels.

    Parameters
    ----------
    net : Net
        From `check`.
    """
    memory = [num_elements(net.input_shape), *(num_elements(x.output_shape) for x in net.layers)]
    weights = [_weights(layer) for layer in net.layers]
    rows = [("INPUT", _size(net.input_shape), _short(memory[0]), "0")]
    for layer, values, count in zip(net.layers, memory[1:], weights, strict=True):
        rows.append((_label(layer), _size(layer.output_shape), _short(values), _exact(count)))
    return [*rows, ("TOTAL", "", _short(_total(memory)), _exact(_total(weights)))]


def _label(layer: NetLayer) -> str:
    """Return what a lecture calls a layer: ``CONV3-64``, ``POOL2``, ``FC``."""
    size, filters = layer.arguments.get("size"), layer.arguments.get("filters")
    if layer.kind == "dense":
        return "FC"
    word = "POOL" if layer.kind in {"maxpool", "avgpool", "sumpool"} else layer.kind.upper()
    if isinstance(size, tuple):
        word += str(size[0]) if len(set(size)) == 1 else format_sizes(size)
    return f"{word}-{filters}" if filters is not None else word


def _weights(layer: NetLayer) -> int | None:
    """Return how many weights of a layer connect values, which vectors do not."""
    if not layer.is_known:
        return None
    return sum(weight.size for weight in layer.weights if len(weight.shape) > 1)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _size(shape: Shape) -> str:
    return "?" if shape is None else format_sizes(shape)


def _exact(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _short(count: int | None) -> str:
    """Return a number as one says it: ``3.2M``, ``800K``, ``4096``."""
    if count is None:
        return "?"
    if count < 10_000:
        return str(count)
    digits = len(str(count)) - 2
    rounded = round(count, -digits)
    if rounded >= 10_000_000:
        return f"{rounded // 1_000_000}M"
    return f"{rounded / 1e6:.1f}M" if rounded >= 1_000_000 else f"{rounded // 1000}K"
