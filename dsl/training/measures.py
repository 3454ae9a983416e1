"""Measuring a network: the nodes that do it, and how the numbers of many batches become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.compiler import Forward, Model, build_loss, target_rows
from dsl.losses import tells_classes
from dsl.metrics import VALIDATION, Answers, Confusion, metric_of
from dsl.training.events import Score
from tensorgraph.base.shapes import num_elements

MAX_CONFUSED = 1000
"""Up to how many classes it is counted which were taken for which."""


class Measures:
    """What is measured of one application of a network.

    Parameters
    ----------
    model : Model
        The network.
    forward : Forward
        The application.
    labels : Tensor
        Numbers of classes (an integer type), or values.
    of_classes : bool
        Whether the labels are classes, or shares of them, and not values.
    whole : bool
        Whether metrics count that need all batches together, and not only means.

    Attributes
    ----------
    means : dict of str to Tensor
        The mean over the batch of each metric that is one, the loss first.
    chosen : Tensor or None
        The class that is chosen for each example, where the network tells classes apart.
    counted : dict of str to (Tensor, Tensor)
        Value and update of each metric of `tf.metrics`.
    reset : Operation or None
        What sets these back to nothing.
    classes : int
        How many classes can be chosen.
    """

    def __init__(
        self, model: Model, forward: Forward, labels: tf.Tensor, of_classes: bool, whole: bool
    ) -> None:
        net = model.net
        self.means = {"loss": build_loss(model, forward, labels)}
        self.chosen: tf.Tensor | None = None
        self.counted: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}
        self.reset: tf.Operation | None = None
        self._of_confusion: list[str] = []
        wanted = dict.fromkeys(
            [*net.train.metrics, *(score.removeprefix(VALIDATION) for score in net.train.watched)]
        )
        activation = net[net.outputs[0]].activation.name
        with tf.name_scope("metrics"):
            answers = _answers(forward.output, labels)
            width = answers.outputs.shape[-1].value or 1
            self.classes = max(width, 2)
            if of_classes and tells_classes(
                net.train.loss, activation, net.output_shape, net.classes
            ):
                wanted = {"accuracy": None, **wanted}
                answers = _with_classes(answers, labels, width)
                self.chosen = answers.chosen
            for name in wanted:
                self._add(name, answers, whole)

    def _add(self, name: str, answers: Answers, whole: bool) -> None:
        metric = metric_of(name)
        if metric.needs != "anything" and self.chosen is None:
            return
        if metric.mean is not None:
            self.means[name] = tf.reduce_mean(metric.mean(answers))
        elif metric.of_confusion is not None and whole:
            self._of_confusion.append(name)
        elif metric.counted is not None and whole:
            before = len(tf.local_variables())
            self.counted[name] = metric.counted(answers)
            resets = [v.initializer for v in tf.local_variables()[before:]]
            self.reset = tf.group(*resets, *([self.reset] if self.reset else []))

    def fetches(self) -> dict[str, Any]:
        """Return what is fetched for each batch."""
        updates = {name: update for name, (_, update) in self.counted.items()}
        return {"means": self.means, "updates": updates, **self._choice()}

    def _choice(self) -> dict[str, Any]:
        return {} if self.chosen is None else {"chosen": self.chosen}

    def score(
        self, means: Mapping[str, float], counted: Mapping[str, float], confusion: Confusion | None
    ) -> Score:
        """Return the score that means, counted metrics and the confusion matrix give."""
        values = {name: metric_of(name).of_mean(value) for name, value in means.items()}
        loss, accuracy = values.pop("loss"), values.pop("accuracy", None)
        values |= {name: float(value) for name, value in counted.items()}
        if confusion is not None:
            for name in self._of_confusion:
                compute = metric_of(name).of_confusion
                assert compute is not None
                values[name] = compute(confusion)
        return Score(loss, accuracy, values, confusion)


class Tally:
    """The means over the examples of several batches.

    Parameters
    ----------
    names : sequence of str
        What is averaged.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._means = np.zeros(len(self._names))
        self.examples = 0

    def add(self, values: Mapping[str, Any], count: int) -> None:
        """Take the means over the examples of one more batch."""
        self.examples += count
        new = np.array([values[name] for name in self._names], np.float64)
        self._means += (new - self._means) * count / self.examples

    def means(self) -> dict[str, float]:
        """Return the means over all examples so far."""
        return dict(zip(self._names, map(float, self._means), strict=True))


def count_confusion(labels: Any, chosen: Any, classes: int) -> Confusion:
    """Return the confusion matrix of some examples."""
    pairs = np.asarray(labels, np.int64) * classes + np.asarray(chosen, np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _answers(output: tf.Tensor, labels: tf.Tensor) -> Answers:
    """Return results and labels as rows of numbers."""
    size = num_elements(output.shape[1:].as_list())
    assert size is not None
    return Answers(target_rows(labels, size, output.dtype), tf.reshape(output, [-1, size]))


def _with_classes(answers: Answers, labels: tf.Tensor, width: int) -> Answers:
    """Return answers with the right and the chosen class of each example."""

    def strongest(rows: tf.Tensor) -> tf.Tensor:
        if width == 1:
            return tf.cast(tf.reshape(rows, [-1]) > 0.5, tf.int64)
        return tf.argmax(rows, -1)

    # Blended examples have shares of classes: the larger one counts.
    right = labels if labels.dtype.is_integer else strongest(answers.targets)
    return Answers(answers.targets, answers.outputs, right, strongest(answers.outputs))
