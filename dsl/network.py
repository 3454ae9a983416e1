"""The checked network: what the summary, the compiler and the trainer read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any, Final

from dsl.diagnostics import Diagnostic, Source, Span
from dsl.layers.activations import ActivationUse
from dsl.layers.definition import Layer, Use, Weight
from dsl.optimizers import DEFAULT_OPTIMIZER, OptimizerSettings
from dsl.schedules import DEFAULT_SCHEDULE, ScheduleSettings
from tensorgraph.base.shapes import FullShape, Shape, is_full

INPUT: Final = "input"
"""What the network's input is called among the inputs of layers."""


@dataclass(frozen=True)
class NetLayer:
    """A layer of a checked network.

    Attributes
    ----------
    name : str
        Its name, which no other layer has: ``conv``, ``conv_1``, or the name it was given.
    layer : Layer
        Its definition.
    span : Span
        Its statement.
    inputs : tuple of str
        The layers whose values it receives; INPUT for the network's input.
    use : Use
        Its arguments and the shapes it receives.
    output_shape : Shape
        Its output's shape without the batch; None where it is not known.
    """

    name: str
    layer: Layer
    span: Span
    inputs: tuple[str, ...]
    use: Use
    output_shape: Shape

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
        return self.layer.weights(self.use) if self.is_known else ()

    @property
    def multiply_adds(self) -> int | None:
        """Multiplications with an addition for one example; None where sizes are not known."""
        if not self.is_known or self.output_shape is None:
            return None
        full: FullShape = tuple(size for size in self.output_shape if size is not None)
        return self.layer.multiply_adds(self.use, full) if is_full(self.output_shape) else None


@dataclass(frozen=True)
class DataSettings:
    """``data NAME_OR_PATH validation=…``."""

    source: str
    validation: float = 0.0
    span: Span | None = None


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained.

    Attributes
    ----------
    data : DataSettings or None
        The data; None where the file does not say.
    loss : str
        The loss's word; by default that which suits the last layer.
    optimizer : OptimizerSettings
        Adam by default.
    schedule : ScheduleSettings
        How the learning rate changes; it is constant by default.
    batch, epochs, seed : int
        As in the language reference.
    steps : int or None
        The number of steps, where it is limited.
    metrics : tuple of str
        What is reported.
    """

    data: DataSettings | None = None
    loss: str = "mse"
    optimizer: OptimizerSettings = DEFAULT_OPTIMIZER
    schedule: ScheduleSettings = DEFAULT_SCHEDULE
    batch: int = 64
    epochs: int = 10
    steps: int | None = None
    seed: int = 0
    metrics: tuple[str, ...] = ("loss",)


@dataclass(frozen=True)
class Net:
    """A checked network.

    Attributes
    ----------
    name : str
        Its name.
    source : Source
        The file.
    input_shape : Shape
        The shape of one example; None where neither file nor data say.
    classes : int or None
        The number of classes of the data, where it is known.
    layers : tuple of NetLayer
        In the order of the file; a layer's inputs come before it.
    outputs : tuple of str
        The layers (or INPUT) whose values are the results.
    train : TrainSettings
        How it is trained; defaults where the file does not say.
    warnings : tuple of Diagnostic
        What is allowed, but probably not meant.
    """

    name: str
    source: Source
    input_shape: Shape
    classes: int | None
    layers: tuple[NetLayer, ...]
    outputs: tuple[str, ...]
    train: TrainSettings = field(default_factory=TrainSettings)
    warnings: tuple[Diagnostic, ...] = ()

    def __getitem__(self, name: str) -> NetLayer:
        """Return the layer of a name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, NetLayer]:
        return {layer.name: layer for layer in self.layers}

    def shape_of(self, name: str) -> Shape:
        """Return the shape of the value of a layer, or of the input."""
        return self.input_shape if name == INPUT else self._by_name[name].output_shape

    @property
    def output_shape(self) -> Shape:
        """The shape of the first result."""
        return self.shape_of(self.outputs[0])


def default_name(source: Source) -> str:
    """Return the name of a network whose file does not name it: the file's."""
    return PurePath(source.name).stem
