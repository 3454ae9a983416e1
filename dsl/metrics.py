"""The metrics: one table that the checker and the trainer read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

import tensorgraph as tf
from dsl.layers.arguments import Real, Whole
from dsl.layers.definition import Parameter, Signature

VALIDATION: Final = "val_"
"""Stands before a metric's word where it is measured on the validation part."""

Confusion: TypeAlias = npt.NDArray[np.int64]
"""How many examples of each class (row) were taken for each class (column)."""

Needs: TypeAlias = Literal["anything", "classes", "two classes"]


@dataclass(frozen=True)
class Answers:
    """What a metric looks at, for a batch.

    Attributes
    ----------
    targets : Tensor
        What the results should be, a row of numbers an example.
    outputs : Tensor
        The results, likewise.
    labels, chosen : Tensor or None
        The right class of each example, and the one that the network chooses; None where the
        data has no classes.
    """

    targets: tf.Tensor
    outputs: tf.Tensor
    labels: tf.Tensor | None = None
    chosen: tf.Tensor | None = None


@dataclass(frozen=True)
class Metric:
    """A metric.

    It is computed in one of three ways: as the mean over examples, from the confusion matrix, or
    by one of the engine's `tf.metrics`, which count over many batches.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it is, in one line.
    rises : bool
        Whether more is better.
    needs : str
        ``"anything"``, ``"classes"``, or ``"two classes"``.
    mean : callable or None
        From answers to a number an example.
    of_mean : callable
        From the mean of these to the metric.
    of_confusion : callable or None
        From the confusion matrix to the metric.
    counted : callable or None
        From answers to the metric's value and its update.
    least_classes : int
        How many classes there must be.
    """

    name: str
    doc: str
    rises: bool = True
    needs: Needs = "classes"
    mean: Callable[[Answers], tf.Tensor] | None = None
    of_mean: Callable[[float], float] = float
    of_confusion: Callable[[Confusion], float] | None = None
    counted: Callable[[Answers], tuple[tf.Tensor, tf.Tensor]] | None = None
    least_classes: int = 2


@dataclass(frozen=True)
class MetricKind:
    """Metrics that differ in a number: ``top_k(3)``.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it is, in one line.
    parameter : Parameter
        The number.
    make : callable
        From the metric's full name and the number to the metric.
    """

    name: str
    doc: str
    parameter: Parameter
    make: Callable[[str, Any], Metric]

    @property
    def signature(self) -> Signature:
        """What stands in the parentheses."""
        return Signature(self.name, (self.parameter,))

    @property
    def usage(self) -> str:
        """How it is written."""
        return f"{self.name}({self.parameter.name.upper()})"


def per_class(confusion: Confusion) -> dict[str, npt.NDArray[np.float64]]:
    """Return ``precision``, ``recall`` and ``f1`` of each class; 0 where a class never occurs."""
    hits = np.diagonal(confusion).astype(np.float64)
    chosen, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    return {
        "precision": _ratio(hits, chosen),
        "recall": _ratio(hits, actual),
        "f1": _ratio(2 * hits, chosen + actual),
    }


def _ratio(parts: Any, wholes: Any) -> npt.NDArray[np.float64]:
    ratios = np.zeros(len(parts))
    np.divide(parts, wholes, out=ratios, where=wholes > 0)
    return ratios


def _summary(name: str) -> Callable[[Confusion], float]:
    """Return a class score as one number: of class 1 where there are two, else the mean."""

    def compute(confusion: Confusion) -> float:
        scores = per_class(confusion)[name]
        return float(scores[1] if len(scores) == 2 else scores.mean())

    return compute


def _mean_iou(confusion: Confusion) -> float:
    hits = np.diagonal(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return float(_ratio(hits, union)[union > 0].mean())


def _cell(row: int, column: int) -> Callable[[Confusion], float]:
    return lambda confusion: float(confusion[row, column])


def _right(answers: Answers) -> tf.Tensor:
    assert answers.labels is not None
    assert answers.chosen is not None
    return tf.cast(tf.equal(answers.labels, answers.chosen), tf.float32)


def _top(name: str, count: int) -> Metric:
    """Return the share of the examples whose class is among the likeliest."""

    def found(answers: Answers) -> tf.Tensor:
        assert answers.labels is not None
        return tf.cast(tf.nn.in_top_k(answers.outputs, answers.labels, count), tf.float32)

    doc = f"the share with the right class among the {count} likeliest"
    return Metric(name, doc, mean=found, least_classes=max(2, count))


def _absolute(answers: Answers) -> tf.Tensor:
    return tf.reduce_mean(tf.abs(answers.outputs - answers.targets), axis=-1)


def _squared(answers: Answers) -> tf.Tensor:
    return tf.reduce_mean(tf.square(answers.outputs - answers.targets), axis=-1)


def _relative(answers: Answers) -> tf.Tensor:
    error = tf.abs(answers.outputs - answers.targets)
    return tf.reduce_mean(tf.div_no_nan(error, tf.abs(answers.targets)), axis=-1)


def _cosine(answers: Answers) -> tf.Tensor:
    a = tf.nn.l2_normalize(answers.targets, axis=-1)
    b = tf.nn.l2_normalize(answers.outputs, axis=-1)
    return 1.0 - tf.reduce_sum(a * b, axis=-1)


def _below(name: str, threshold: float) -> Metric:
    """Return the share of the results below a number."""

    def found(answers: Answers) -> tf.Tensor:
        return tf.reduce_mean(tf.cast(answers.outputs < threshold, tf.float32), axis=-1)

    return Metric(name, f"the share of the results below {threshold}", needs="anything", mean=found)


def _auc(answers: Answers) -> tuple[tf.Tensor, tf.Tensor]:
    # The last of one or two outputs is the probability of class 1.
    return tf.metrics.auc(answers.labels, answers.outputs[:, -1])


def _at(word: str, doc: str, parameter: str, meaning: str, *, listed: bool = False) -> MetricKind:
    """Return a kind of the engine's metrics that look at the probability of class 1.

    Parameters
    ----------
    word : str
        What it is called there and here.
    doc : str
        What it is.
    parameter, meaning : str
        Its number.
    listed : bool, default False
        Whether the engine takes a list of such numbers, and gives as many results.
    """

    def make(name: str, number: float) -> Metric:
        def counted(answers: Answers) -> tuple[tf.Tensor, tf.Tensor]:
            function, given = getattr(tf.metrics, word), [number] if listed else number
            found = function(answers.labels, answers.outputs[:, -1], given)
            value, update = (tf.reshape(t, []) for t in found)
            return value, update

        return Metric(name, doc, needs="two classes", counted=counted)

    return MetricKind(word, doc, Parameter(parameter, Real(0.0, 1.0), meaning), make)


_SQUARED_DOC = "the mean of (target - output)²"
_ABSOLUTE_DOC = "the mean of |target - output|"

_TABLE = (
    Metric("loss", "the loss, without the penalties of `regularize`", False, "anything"),
    Metric("accuracy", "the share of right answers", mean=_right),
    _top("top5", 5),
    Metric("confusion", "how many examples of each class were taken for each class"),
    Metric(
        "precision",
        "right among those taken for a class; the mean over the classes if more than two",
        of_confusion=_summary("precision"),
    ),
    Metric(
        "recall",
        "found among those of a class; the mean over the classes if more than two",
        of_confusion=_summary("recall"),
    ),
    Metric("f1", "the harmonic mean of precision and recall", of_confusion=_summary("f1")),
    Metric(
        "mean_per_class_accuracy",
        "the mean over the classes of the share of right answers",
        of_confusion=lambda confusion: float(per_class(confusion)["recall"].mean()),
    ),
    Metric(
        "mean_iou", "intersection over union, the mean over the classes", of_confusion=_mean_iou
    ),
    Metric("auc", "the area under the ROC curve", needs="two classes", counted=_auc),
    Metric(
        "true_positives",
        "how many of class 1 were found",
        needs="two classes",
        of_confusion=_cell(1, 1),
    ),
    Metric(
        "true_negatives",
        "how many of class 0 were taken for it",
        needs="two classes",
        of_confusion=_cell(0, 0),
    ),
    Metric(
        "false_positives",
        "how many of class 0 were taken for class 1",
        rises=False,
        needs="two classes",
        of_confusion=_cell(0, 1),
    ),
    Metric(
        "false_negatives",
        "how many of class 1 were taken for class 0",
        rises=False,
        needs="two classes",
        of_confusion=_cell(1, 0),
    ),
    Metric("mae", _ABSOLUTE_DOC, False, "anything", _absolute),
    Metric("mean_absolute_error", _ABSOLUTE_DOC, False, "anything", _absolute),
    Metric("mse", _SQUARED_DOC, False, "anything", _squared),
    Metric("mean_squared_error", _SQUARED_DOC, False, "anything", _squared),
    Metric(
        "root_mean_squared_error",
        f"the square root of {_SQUARED_DOC}",
        False,
        "anything",
        _squared,
        math.sqrt,
    ),
    Metric(
        "mean_relative_error",
        "the mean of |target - output| / |target|, 0 where the target is 0",
        False,
        "anything",
        _relative,
    ),
    Metric(
        "mean_cosine_distance",
        "the mean of 1 - cos of the angle between target and output",
        False,
        "anything",
        _cosine,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}
"""Every metric by its word."""

SCORES = tuple(name for name in METRICS if name != "confusion")
"""The metrics that are one number, which settings such as ``stop`` may watch."""


_KINDS = (
    MetricKind(
        "top_k",
        "the share with the right class among the likeliest",
        Parameter("k", Whole(1), "among how many"),
        _top,
    ),
    _at(
        "sensitivity_at_specificity",
        "the recall of class 1 where that of class 0 is nearest to a number",
        "specificity",
        "the recall of class 0",
    ),
    _at(
        "specificity_at_sensitivity",
        "the recall of class 0 where that of class 1 is nearest to a number",
        "sensitivity",
        "the recall of class 1",
    ),
    _at(
        "precision_at_thresholds",
        "the precision where class 1 is chosen from a probability on",
        "threshold",
        "the probability",
        listed=True,
    ),
    _at(
        "recall_at_thresholds",
        "the recall where class 1 is chosen from a probability on",
        "threshold",
        "the probability",
        listed=True,
    ),
    MetricKind(
        "percentage_below",
        "the share of the results below a number",
        Parameter("threshold", Real(), "the number"),
        _below,
    ),
)

METRIC_KINDS: dict[str, MetricKind] = {kind.name: kind for kind in _KINDS}
"""Every kind of metrics with a number by its word."""


def metric_of(name: str) -> Metric:
    """Return a metric by its full name, ``accuracy`` or ``top_k(3)``.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    word, _, number = name.partition("(")
    if not number:
        return METRICS[name]
    kind = METRIC_KINDS[word]
    return kind.make(name, kind.parameter.type.convert(float(number.removesuffix(")"))))


def rises(score: str) -> bool:
    """Return whether more is better, of a metric's word with ``val_`` before it or without."""
    return metric_of(score.removeprefix(VALIDATION)).rises
