"""The network as far as it has been checked: layers, shapes, and the names of layers."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from dsl.checker.binding import Bound
from dsl.network import NetInput, NetLayer, Pretrained
from tensorgraph.base.shapes import Shape

LOST = "?"
"""Stands for the value of a statement with an error: nothing is said about what it goes into."""


@dataclass(frozen=True)
class Step:
    """A layer with its arguments as they were given; None where no statement gave them."""

    layer: NetLayer
    bound: Bound | None = None


class Draft:
    """A network that grows statement by statement.

    Parameters
    ----------
    given : iterable of str
        The names that the file gives, which no layer gets by itself.

    Attributes
    ----------
    inputs : dict of str to NetInput
        The inputs by name.
    steps : mapping of str to Step
        The layers by name, in order.
    order : list of str
        The names of the layers that this draft has got, in order.
    used : set of str
        The layers and inputs that something receives.
    frozen : set of str
        The layers that are not trained.
    pretrained : list of Pretrained
        Files of weights.
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self.inputs: dict[str, NetInput] = {}
        self.steps: MutableMapping[str, Step] = {}
        self.order: list[str] = []
        self.used: set[str] = set()
        self.frozen: set[str] = set()
        self.pretrained: list[Pretrained] = []
        self._shapes: dict[str, Shape] = {}
        self._given = frozenset(given)
        self._names: set[str] = set()
        self._counts: dict[str, int] = {}

    def aside(self) -> Draft:
        """Return a draft to try statements in that are no part of the network.

        No shape is known in it, so that nothing is said about what does not fit.
        """
        other = Draft(self._given)
        other.inputs = dict(self.inputs)
        other.steps = ChainMap({}, self.steps)
        return other

    def layers(self) -> tuple[NetLayer, ...]:
        """Return the layers in order, frozen where they are."""
        return tuple(
            replace(step.layer, frozen=True) if name in self.frozen else step.layer
            for name, step in self.steps.items()
        )

    def shape(self, reference: str) -> Shape:
        """Return the shape of the value of a layer or an input."""
        return self._shapes.get(reference)

    def shapes(self, references: Sequence[str]) -> tuple[Shape, ...]:
        """Return the shapes of several values."""
        return tuple(self._shapes.get(reference) for reference in references)

    def set_input(self, given: NetInput) -> None:
        """Take note of an input, or of what is known of it now."""
        self.inputs[given.name] = given
        self._shapes[given.name] = given.shape
        self._names.add(given.name)

    def vocabulary(self, references: Sequence[str]) -> int | None:
        """Return how many token ids an input holds, None where a value is no such input."""
        given = self.inputs.get(references[0]) if len(references) == 1 else None
        return None if given is None else given.vocabulary

    def add(self, layer: NetLayer, bound: Bound | None = None) -> None:
        """Append a layer."""
        self.steps[layer.name] = Step(layer, bound)
        self.order.append(layer.name)
        self._shapes[layer.name] = layer.output_shape
        self.used.update(layer.inputs)
        if layer.frozen:
            self.frozen.add(layer.name)

    def unique_name(self, prefix: str, word: str, *, given: bool = False) -> str:
        """Return the name of a new layer or group: its word, with a number where that is taken.

        Parameters
        ----------
        prefix : str
            The path of the block or group that it stands in, ``basic_1/``.
        word : str
            The layer's word, or the name that the file gives.
        given : bool, default False
            Whether the file gives it.
        """
        first = f"{prefix}{word}"
        while True:
            count = self._counts.get(first, 0)
            self._counts[first] = count + 1
            suffix = f"_{count}" if count else ""
            name = f"{first}{suffix}"
            if name not in self._names and (given or word + suffix not in self._given):
                self._names.add(name)
                return name

    def way(self, reference: str) -> list[Step]:
        """Return the layers that a value has gone through since an input, or the last merge."""
        way: list[Step] = []
        while reference in self.steps:
            step = self.steps[reference]
            if len(step.layer.inputs) != 1:
                break
            way.append(step)
            reference = step.layer.inputs[0]
        return way[::-1]


def needed(layers: Mapping[str, NetLayer], reference: str) -> Iterator[NetLayer]:
    """Yield the layers that a value depends on, in their order.

    Parameters
    ----------
    layers : mapping of str to NetLayer
        All layers by name, each behind those it receives values from.
    reference : str
        The value's layer.
    """
    wanted = {reference}
    for layer in reversed(list(layers.values())):
        if layer.name in wanted:
            wanted.update(layer.inputs)
    return (layer for layer in layers.values() if layer.name in wanted)
