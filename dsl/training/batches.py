"""The batches that a network is trained on: in their order, augmented and preprocessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dsl.layers.arguments import format_sizes
from dsl.settings import TrainSettings
from dsl.training.errors import RunError
from tensorgraph.base.shapes import Shape, num_elements
from tensorgraph.data import Augmentation, ExampleSet, LazyInputs, Preprocessing, batches

_AHEAD = 2
"""How many batches a thread makes ahead, where making them is work."""

Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


class TrainingBatches:
    """The batches of every epoch; they depend on seed and epoch alone.

    Parameters
    ----------
    examples : ExampleSet
        The data.
    settings : TrainSettings
        Batch size, seed and augmentation.
    preprocessing : Preprocessing
        Is applied to each batch, unless the training step does it.
    output_shape : Shape
        The shape of the network's result.

    Attributes
    ----------
    count : int
        How many batches an epoch has.
    """

    def __init__(
        self,
        examples: ExampleSet,
        settings: TrainSettings,
        preprocessing: Preprocessing,
        output_shape: Shape,
    ) -> None:
        self._x, self._y = examples.x_train, examples.y_train
        self._seed, self._size = settings.seed, settings.batch
        self._augmentation = Augmentation(
            settings.example_steps, examples.input_shape, examples.classes, settings.seed
        )
        self._blends_classes = self._augmentation.mixes_labels and examples.classes > 0
        # An attack changes the examples themselves: the step preprocesses them, then.
        attacked = settings.adversarial is not None
        self._preprocessing = preprocessing if preprocessing and not attacked else None
        self._width = output_shape[-1] if output_shape else None
        _check_targets(examples, output_shape)
        self.count = -(-len(self._x) // self._size)

    @property
    def of_classes(self) -> bool:
        """Whether the labels are classes, or shares of them."""
        return self._blends_classes or self._y.dtype.kind in "iub"

    @property
    def labels_like(self) -> Any:
        """An array with the type of the labels."""
        return np.empty(0, np.float32) if self._augmentation.mixes_labels else self._y

    def epoch(self, number: int) -> Iterator[Batch]:
        """Return the batches of an epoch, counted from 1."""
        work = self._augmentation or self._preprocessing or isinstance(self._x, LazyInputs)
        cut = batches(
            self._x,
            self._y,
            self._size,
            seed=self._seed,
            epoch=number,
            augmentation=self._augmentation,
            preprocessing=self._preprocessing,
            prefetch=_AHEAD if work else 0,
        )
        for x, y in cut:
            yield x, self._fitted(y)

    def _fitted(self, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return shares of classes with a column for each of the network's results."""
        if not self._blends_classes or self._width is None:
            return y
        if self._width == 1:  # the number of the class, as it is without blending
            return np.asarray(y @ np.arange(y.shape[1]), np.float32)
        missing = max(0, self._width - y.shape[1])
        return np.pad(y[:, : self._width], ((0, 0), (0, missing)))


def _check_targets(examples: ExampleSet, output_shape: Shape) -> None:
    """Refuse values to predict that are not as many as the network's results."""
    wanted = examples.y_train.shape[1:]
    if examples.y_train.dtype.kind in "iub" or output_shape is None or None in output_shape:
        return
    if num_elements(wanted) != num_elements(output_shape):
        raise RunError(
            f"{examples.name} has {_counted(wanted)} to predict for each example,"
            f" the network gives {_counted(output_shape)}"
        )


def _counted(shape: Shape) -> str:
    if not shape:
        return "a number"
    return f"{format_sizes(shape)} numbers"
