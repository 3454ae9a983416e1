"""What a network costs, layer by layer: shapes, parameters, arithmetic, memory, what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, prod
from typing import Any

from dsl.layers.arguments import format_sizes
from dsl.network import Net, NetInput, NetLayer
from tensorgraph.base.shapes import Shape, num_elements

_BYTES = 4  # of a float32

HEADERS = ("layer", "line", "output", "parameters", "multiply-adds", "memory", "sees")
"""The headings of `Summary.rows`."""


@dataclass(frozen=True)
class LayerSummary:
    """What one layer costs; None stands for what depends on sizes that are not fixed.

    Attributes
    ----------
    name, kind : str
        Its name and its word.
    line : int
        The line of its statement.
    output_shape : Shape
        Its output's shape without the batch.
    parameters, trainable : int or None
        How many numbers its variables hold, and how many of them are trained.
    multiply_adds : int or None
        Multiplications with an addition, for one example.
    activation_bytes : int or None
        Memory of its output in float32, for one example.
    receptive_field : tuple of int, or None
        The size of the part of the input that one output sees, along each axis of the sequence,
        image or volume, the zeros around it included; None where the input is none of these.
    """

    name: str
    kind: str
    line: int
    output_shape: Shape
    parameters: int | None
    trainable: int | None
    multiply_adds: int | None
    activation_bytes: int | None
    receptive_field: tuple[int, ...] | None

    @property
    def non_trainable(self) -> int | None:
        """How many numbers are not trained: statistics of normalisation, frozen weights."""
        return _difference(self.parameters, self.trainable)

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary of strings, numbers and lists."""
        field = self.receptive_field
        return {
            "name": self.name,
            "kind": self.kind,
            "line": self.line,
            "output_shape": None if self.output_shape is None else list(self.output_shape),
            "parameters": self.parameters,
            "trainable": self.trainable,
            "non_trainable": self.non_trainable,
            "multiply_adds": self.multiply_adds,
            "activation_bytes": self.activation_bytes,
            "receptive_field": None if field is None else list(field),
        }


@dataclass(frozen=True)
class Summary:
    """What a network costs. The totals are None where that of a layer is.

    Attributes
    ----------
    net : str
        The network's name.
    layers : tuple of LayerSummary
        In the order of the file.
    """

    net: str
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int | None:
        """How many numbers all variables hold."""
        return _total([layer.parameters for layer in self.layers])

    @property
    def trainable(self) -> int | None:
        """How many of them are trained."""
        return _total([layer.trainable for layer in self.layers])

    @property
    def non_trainable(self) -> int | None:
        """How many are not: statistics of normalisation, frozen weights."""
        return _difference(self.parameters, self.trainable)

    @property
    def multiply_adds(self) -> int | None:
        """Multiplications with an addition, for one example."""
        return _total([layer.multiply_adds for layer in self.layers])

    @property
    def activation_bytes(self) -> int | None:
        """Memory of all layers' outputs in float32, for one example."""
        return _total([layer.activation_bytes for layer in self.layers])

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary of strings, numbers and lists."""
        return {
            "net": self.net,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "non_trainable": self.non_trainable,
            "multiply_adds": self.multiply_adds,
            "activation_bytes": self.activation_bytes,
            "layers": [layer.to_json() for layer in self.layers],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return it as a table: a row a layer and one with the totals, columns as in HEADERS."""
        table = [
            (
                layer.name,
                str(layer.line),
                "?" if layer.output_shape is None else format_sizes(layer.output_shape),
                _count(layer.parameters),
                _count(layer.multiply_adds),
                _memory(layer.activation_bytes),
                "" if layer.receptive_field is None else format_sizes(layer.receptive_field),
            )
            for layer in self.layers
        ]
        total = ("total", "", "", _count(self.parameters), _count(self.multiply_adds))
        return [*table, (*total, _memory(self.activation_bytes), "")]


def summarize(net: Net) -> Summary:
    """Return what a network costs.

    Parameters
    ----------
    net : Net
        From `check`.
    """
    views = {given.name: _first_view(given) for given in net.inputs}
    summaries = []
    for layer in net.layers:
        view = views[layer.name] = _view(layer, [views.get(name) for name in layer.inputs])
        summaries.append(_summarize_layer(layer, view))
    return Summary(net.name, tuple(summaries))


@dataclass(frozen=True)
class _View:
    """What an output sees of the input.

    Attributes
    ----------
    extent : tuple of Fraction
        How much, along each axis of time or space.
    jump : tuple of Fraction
        How far apart neighbours look.
    whole : tuple of int or None
        The sizes of the input.
    """

    extent: tuple[Fraction, ...]
    jump: tuple[Fraction, ...]
    whole: tuple[int | None, ...]


def _first_view(given: NetInput) -> _View | None:
    """Return the view of an input itself, None where it has no axes of time or space."""
    if given.shape is None:
        return None
    # Token ids have no features yet.
    whole = given.shape if given.vocabulary is not None else given.shape[:-1]
    single = (Fraction(1),) * len(whole)
    return _View(single, single, whole) if whole else None


def _view(layer: NetLayer, inputs: Sequence[_View | None]) -> _View | None:
    known = [view for view in inputs if view is not None]
    if not known or len({view.whole for view in known}) > 1:  # of different inputs
        return None
    widest = replace(
        known[0],
        extent=_largest([view.extent for view in known]),
        jump=_largest([view.jump for view in known]),
    )
    if layer.layer.sees_everything:
        sizes = tuple(Fraction(size) for size in widest.whole if size is not None)
        return replace(widest, extent=sizes) if len(sizes) == len(widest.whole) else None
    window = layer.layer.window(layer.use) if layer.is_known else None
    if window is None:
        return widest
    if len(window.extent) != len(widest.extent):  # the axes are no longer those of the input
        return None
    extent = tuple(
        seen + (size - 1) * jump
        for seen, size, jump in zip(widest.extent, window.extent, widest.jump, strict=True)
    )
    jump = tuple(jump * step for jump, step in zip(widest.jump, window.stride, strict=True))
    return replace(widest, extent=extent, jump=jump)


def _largest(sizes: Sequence[tuple[Fraction, ...]]) -> tuple[Fraction, ...]:
    return tuple(max(along) for along in zip(*sizes, strict=True))


def _summarize_layer(layer: NetLayer, view: _View | None) -> LayerSummary:
    weights = layer.weights if layer.is_known else None
    elements = num_elements(layer.output_shape)
    return LayerSummary(
        layer.name,
        layer.kind,
        layer.line,
        layer.output_shape,
        None if weights is None else sum(prod(w.shape) for w in weights),
        None if weights is None else sum(prod(w.shape) for w in weights if w.trainable),
        layer.multiply_adds,
        None if elements is None else elements * _BYTES,
        None if view is None else tuple(map(ceil, view.extent)),
    )


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _difference(all_of_them: int | None, some: int | None) -> int | None:
    return None if all_of_them is None or some is None else all_of_them - some


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _memory(size: int | None) -> str:
    """Return a number of bytes in the unit that suits it."""
    if size is None:
        return "?"
    amount, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{size} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"
