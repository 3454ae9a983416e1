"""How a network is trained: what ``train { … }`` comes to, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dsl.diagnostics import Span
from dsl.metrics import VALIDATION
from dsl.optimizers import DEFAULT_OPTIMIZER, OptimizerSettings
from dsl.schedules import DEFAULT_SCHEDULE, ScheduleSettings
from dsl.steps import ADVERSARIAL, AugmentStep, PreprocessStep

VALIDATION_SHARE = 0.1
"""The share kept aside for validation where a setting watches it and the file does not say."""

INPUT_TARGET = "itself"
"""The target of a network that is to give back its input."""


@dataclass(frozen=True)
class DataSettings:
    """``data NAME_OR_PATH [options]``.

    Attributes
    ----------
    source : str
        A known name, or a path.
    validation : float
        The share of the training examples kept aside for validation. Where the file does not say,
        it is VALIDATION_SHARE if a setting watches a score of the validation part, else 0.
    target : str, int or None
        The column of a table that holds the labels: its name, or its number from 0; None for the
        last one. Of other data, INPUT_TARGET for a network that is to give back its input.
    text : str, int or None
        The column of a table that holds texts; None where it holds none.
    resize : (int, int) or None
        Height and width that the images of a folder are brought to.
    only : tuple of str or None
        The classes of images to use; None for all.
    span : Span or None
        Where the source stands.
    """

    source: str
    validation: float = 0.0
    target: str | int | None = None
    text: str | int | None = None
    resize: tuple[int, int] | None = None
    only: tuple[str, ...] | None = None
    span: Span | None = None


@dataclass(frozen=True)
class StopSettings:
    """``stop patience=… on=…``: end early.

    Attributes
    ----------
    patience : int
        How many epochs without a better score are waited for.
    on : str
        The score: a metric, with ``val_`` in front for that of the validation part.
    min_delta : float
        How much better counts as better.
    """

    patience: int = 5
    on: str = "val_loss"
    min_delta: float = 0.0


@dataclass(frozen=True)
class CheckpointSettings:
    """``checkpoint every=… keep=… best=…``.

    Attributes
    ----------
    every : int
        After how many epochs a checkpoint is written.
    keep : int
        How many of them are kept, the newest.
    best : str or None
        The score whose best epoch gives the model; None for the last epoch's.
    """

    every: int = 1
    keep: int = 3
    best: str | None = None


@dataclass(frozen=True)
class RegularizeSettings:
    """``regularize l1=… l2=…``: penalties l1·Σ|w| and l2/2·Σw² on all kernels."""

    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class ClipSettings:
    """``clip norm=…`` (of all gradients together) or ``clip value=…`` (of each element)."""

    norm: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained.

    Attributes
    ----------
    data : DataSettings or None
        The data; None where the file does not say.
    loss : str
        The loss's word; by default that which suits the last layer.
    loss_options : mapping
        A value for each option of the loss.
    optimizer : OptimizerSettings
        Adam by default.
    schedule : ScheduleSettings
        How the learning rate changes; it is constant by default.
    batch, epochs, seed : int
        As in the language reference.
    steps : int or None
        The number of steps, where it is limited.
    preprocess : tuple of PreprocessStep
        What is done to all examples, in order.
    augment : tuple of AugmentStep
        What is done to training batches, in order.
    regularize : RegularizeSettings
        Penalties on all kernels.
    clip : ClipSettings
        How gradients are limited.
    metrics : tuple of str
        What is reported.
    stop : StopSettings or None
        When to stop early; None for never.
    checkpoint : CheckpointSettings
        Which checkpoints are written.
    precision : str
        ``"float32"``, or ``"mixed"``: matrix products and convolutions in float16.
    ensemble, snapshots : int
        How many models, or snapshots of one, are averaged; 1 for a single model.
    """

    data: DataSettings | None = None
    loss: str = "mse"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: OptimizerSettings = DEFAULT_OPTIMIZER
    schedule: ScheduleSettings = DEFAULT_SCHEDULE
    batch: int = 64
    epochs: int = 10
    steps: int | None = None
    seed: int = 0
    preprocess: tuple[PreprocessStep, ...] = ()
    augment: tuple[AugmentStep, ...] = ()
    regularize: RegularizeSettings = RegularizeSettings()
    clip: ClipSettings = ClipSettings()
    metrics: tuple[str, ...] = ("loss",)
    stop: StopSettings | None = None
    checkpoint: CheckpointSettings = CheckpointSettings()
    precision: str = "float32"
    ensemble: int = 1
    snapshots: int = 1

    @property
    def example_steps(self) -> tuple[AugmentStep, ...]:
        """The steps of ``augment`` that look at nothing but the examples."""
        return tuple(step for step in self.augment if step.name != ADVERSARIAL)

    @property
    def adversarial(self) -> AugmentStep | None:
        """The step of ``augment`` that attacks the network, where there is one."""
        return next((step for step in self.augment if step.name == ADVERSARIAL), None)

    @property
    def reconstructs(self) -> bool:
        """Whether the network is to give back its input: ``data … target=itself``."""
        return self.data is not None and self.data.target == INPUT_TARGET

    @property
    def watched(self) -> tuple[str, ...]:
        """The scores that settings look at: ``val_loss`` and the like."""
        scores = [
            self.stop.on if self.stop else None,
            self.checkpoint.best,
            self.schedule.options.get("on"),
        ]
        return tuple(dict.fromkeys(score for score in scores if score is not None))

    @property
    def watches_validation(self) -> bool:
        """Whether a setting looks at a score of the validation part."""
        return any(score.startswith(VALIDATION) for score in self.watched)

    @property
    def validation(self) -> float:
        """The share of the training examples that is kept aside for validation."""
        if self.data is not None:
            return self.data.validation
        return VALIDATION_SHARE if self.watches_validation else 0.0
