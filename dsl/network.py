"""The checked network: what the summary, the compiler and the trainer read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final

from dsl.diagnostics import Diagnostic, Source, Span
from dsl.layers.activations import ActivationUse
from dsl.layers.definition import Layer, Use, Weight
from dsl.settings import TrainSettings
from tensorgraph.base.shapes import FullShape, Shape, is_full

INPUT: Final = "input"
"""What the network's input is called among the inputs of layers."""


@dataclass(frozen=True)
class NetInput:
    """An input of a checked network.

    Attributes
    ----------
    name : str
        Its name; INPUT where the file gives none.
    shape : Shape
        The shape of one example; None where neither file nor data say.
    vocabulary : int or None
        Of a sequence of token ids: all are below this number. None for an input of numbers.
    span : Span or None
        Its statement.
    """

    name: str
    shape: Shape
    vocabulary: int | None = None
    span: Span | None = None


@dataclass(frozen=True)
class Hyperparameter:
    """``let NAME = choose(…)`` and its like: what a search may change.

    Attributes
    ----------
    name : str
        The constant's name.
    kind : str
        ``"choose"``, ``"uniform"``, ``"log_uniform"`` or ``"integer"``.
    choices : tuple
        The values of ``choose``; the lowest and the highest value of the others.
    default : object
        Its value where nothing is searched.
    span : Span
        Its statement.
    """

    name: str
    kind: str
    choices: tuple[Any, ...]
    default: Any
    span: Span


@dataclass(frozen=True)
class Pretrained:
    """``use "FILE" weights="…"``: weights that some layers start from.

    Attributes
    ----------
    path : Path
        The safetensors file.
    prefix : str
        What stands before the names of the file in those of the network: ``"base/"``.
    span : Span or None
        Where the file's name stands; None where no ``.net`` file names it.
    """

    path: Path
    prefix: str
    span: Span | None


@dataclass(frozen=True)
class NetLayer:
    """A layer of a checked network.

    Attributes
    ----------
    name : str
        Its name, which no other layer has: ``conv``, ``conv_1``, or the name it was given. Inside
        of a block or a named group it is a path, ``basic_1/conv``.
    layer : Layer
        Its definition.
    span : Span
        Its statement.
    inputs : tuple of str
        The layers and inputs whose values it receives.
    use : Use
        Its arguments and the shapes it receives.
    output_shape : Shape
        Its output's shape without the batch; None where it is not known.
    frozen : bool
        Whether its weights are not trained, and it works as it does after training.
    chain : tuple of str
        The blocks and repetitions that it stands in, from the outside.
    """

    name: str
    layer: Layer
    span: Span
    inputs: tuple[str, ...]
    use: Use
    output_shape: Shape
    frozen: bool = False
    chain: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The layer's word: ``conv``."""
        return self.layer.name

    @property
    def line(self) -> int:
        """The line of its statement."""
        return self.span.line

    @property
    def arguments(self) -> Mapping[str, Any]:
        """A value for each of the layer's arguments, given or by default."""
        return self.use.arguments

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shapes it receives, without the batch."""
        return self.use.inputs

    @property
    def activation(self) -> ActivationUse:
        """The activation at its end; ``linear`` where there is none."""
        return self.layer.activation(self.use)

    @property
    def is_known(self) -> bool:
        """Whether all its shapes are known so far that its weights are."""
        return self.output_shape is not None and None not in self.use.inputs

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """Its variables; none where the shapes are not known."""
        weights = self.layer.weights(self.use) if self.is_known else ()
        return tuple(replace(w, trainable=False) for w in weights) if self.frozen else weights

    @property
    def multiply_adds(self) -> int | None:
        """Multiplications with an addition for one example; None where sizes are not known."""
        if not self.is_known or self.output_shape is None:
            return None
        full: FullShape = tuple(size for size in self.output_shape if size is not None)
        return self.layer.multiply_adds(self.use, full) if is_full(self.output_shape) else None


@dataclass(frozen=True)
class Net:
    """A checked network.

    Attributes
    ----------
    name : str
        Its name.
    source : Source
        The file.
    inputs : tuple of NetInput
        What it takes; at least one.
    classes : int or None
        The number of classes of the data, where it is known.
    layers : tuple of NetLayer
        In the order of the file; a layer's inputs come before it.
    outputs : tuple of str
        The layers or inputs whose values are the results.
    train : TrainSettings
        How it is trained; defaults where the file does not say.
    names : mapping of str to str
        The layer or input that each name of the file stands for.
    hyperparameters : tuple of Hyperparameter
        What a search may change.
    pretrained : tuple of Pretrained
        Files of weights to start from.
    warnings : tuple of Diagnostic
        What is allowed, but probably not meant.
    """

    name: str
    source: Source
    inputs: tuple[NetInput, ...]
    classes: int | None
    layers: tuple[NetLayer, ...]
    outputs: tuple[str, ...]
    train: TrainSettings = field(default_factory=TrainSettings)
    names: Mapping[str, str] = field(default_factory=dict)
    hyperparameters: tuple[Hyperparameter, ...] = ()
    pretrained: tuple[Pretrained, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def input_shape(self) -> Shape:
        """The shape of one example, of the first input where there are several."""
        return self.inputs[0].shape

    def __getitem__(self, name: str) -> NetLayer:
        """Return the layer of a name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, NetLayer]:
        return {layer.name: layer for layer in self.layers}

    def shape_of(self, name: str) -> Shape:
        """Return the shape of the value of a layer, or of the input."""
        given = next((i for i in self.inputs if i.name == name), None)
        return self._by_name[name].output_shape if given is None else given.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of the first result."""
        return self.shape_of(self.outputs[0])


def default_name(source: Source) -> str:
    """Return the name of a network whose file does not name it: the file's."""
    return PurePath(source.name).stem
