"""What a network answers on the test part: classes and mistakes, or values and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsl.looking.drawing import is_image
from dsl.metrics import per_class
from dsl.pages import image_uri
from dsl.pages.pixels import paint_image
from dsl.training.measures import count_confusion
from dsl.training.plots import BLUE, ORANGE, draw_points
from tensorgraph.data.resampling import resize

MOST_MISTAKES = 24
MOST_POINTS = 600

_LARGEST_SIDE = 96  # in pixels
_LONGEST_TEXT = 8  # values that stand for an example that is no image

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Example:
    """An example as a page shows it.

    Attributes
    ----------
    number : int
        Its number in the test part, from 0.
    picture : str
        The address of its picture; empty where it is no image.
    text : str
        Its values, where it is no image.
    """

    number: int
    picture: str
    text: str


@dataclass(frozen=True)
class Mistake:
    """An example whose class was not found.

    Attributes
    ----------
    example : Example
        What was seen.
    actual, chosen : str
        The right class and the one that was chosen.
    confidence, of_actual : float
        The network's result for these two.
    """

    example: Example
    actual: str
    chosen: str
    confidence: float
    of_actual: float


@dataclass(frozen=True)
class ClassRow:
    """How well a class is told from the others."""

    name: str
    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Classification:
    """The answers of a network that tells classes apart.

    Attributes
    ----------
    names : sequence of str
        The classes.
    confusion : array of shape (classes, classes)
        How many examples of each class (row) were taken for each class (column).
    rows : list of ClassRow
        One for each class that occurs.
    mistakes : list of Mistake
        The most confident ones.
    wrong : int
        How many there are in all.
    """

    names: Sequence[str]
    confusion: Array
    rows: list[ClassRow]
    mistakes: list[Mistake]
    wrong: int

    @property
    def cells(self) -> list[list[tuple[int, float]]]:
        """Rows of counts, each with its share of the row."""
        totals = self.confusion.sum(axis=1, keepdims=True)
        shares = self.confusion / np.maximum(totals, 1)
        return [
            list(zip(map(int, counts), map(float, row), strict=True))
            for counts, row in zip(self.confusion, shares, strict=True)
        ]

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """The pairs of classes that were confused most often: right one, chosen one, how often."""
        wrong = self.confusion * (1 - np.eye(len(self.names), dtype=self.confusion.dtype))
        order = np.argsort(-wrong, axis=None, kind="stable")[:20]
        pairs = [np.unravel_index(place, wrong.shape) for place in order]
        return [
            (self.names[i], self.names[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j] > 0
        ]


@dataclass(frozen=True)
class Regression:
    """The answers of a network that predicts a number, or several.

    Attributes
    ----------
    plot : bytes
        Predicted over actual values, as SVG; empty where there are several a row.
    worst : list of (Example, str, str)
        The examples with the largest errors: actual and predicted values.
    pairs : list of (str, str)
        Pictures of what should come out and of what did, where these are images.
    """

    plot: bytes
    worst: list[tuple[Example, str, str]]
    pairs: list[tuple[str, str]]


def classify(x: Any, y: Array, outputs: Array, class_names: Sequence[str]) -> Classification:
    """Return what the results of a network that tells classes apart come to.

    Parameters
    ----------
    x : array of shape (examples, ...)
        The examples.
    y : array of shape (examples,)
        Their classes.
    outputs : array of shape (examples, ...)
        The network's results: a number for each class, or that of the second of two classes.
    class_names : sequence of str
        The names of the classes; results beyond them have numbers for names.
    """
    scores = outputs.reshape(len(outputs), -1).astype(np.float64)
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    names = [*class_names, *map(str, range(len(class_names), scores.shape[1]))]
    chosen = scores.argmax(axis=1)
    confusion = count_confusion(y, chosen, len(names))
    numbers = per_class(confusion)
    rows = [
        ClassRow(name, int(count), *(float(numbers[word][i]) for word in numbers))
        for i, (name, count) in enumerate(zip(names, confusion.sum(axis=1), strict=True))
        if count or confusion[:, i].any()
    ]
    confidence = scores.max(axis=1)
    wrong = np.flatnonzero(chosen != y)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    mistakes = [
        Mistake(
            show_example(x, int(i)),
            names[y[i]],
            names[chosen[i]],
            float(confidence[i]),
            float(scores[i, y[i]]),
        )
        for i in worst
    ]
    return Classification(names, confusion, rows, mistakes, len(wrong))


def compare_values(x: Any, y: Array, outputs: Array) -> Regression:
    """Return what the results of a network that predicts values come to.

    Parameters
    ----------
    x, y : array of shape (examples, ...)
        The examples, and what should come out.
    outputs : array of shape (examples, ...)
        What did.
    """
    rows = outputs.reshape(len(outputs), -1)
    targets = np.asarray(y, np.float64).reshape(len(y), -1)
    errors = np.square(rows - targets).mean(axis=1)
    worst = [
        (show_example(x, int(i)), write_values(targets[i]), write_values(rows[i]))
        for i in np.argsort(-errors, kind="stable")[:MOST_MISTAKES]
    ]
    if is_image(y.shape[1:]):
        shown = range(min(len(y), 12))
        pairs = [(draw_image(y[i]), draw_image(rows[i].reshape(y.shape[1:]))) for i in shown]
        return Regression(b"", [], pairs)
    return Regression(_scatter(targets[:, 0], rows[:, 0]) if rows.shape[1] == 1 else b"", worst, [])


def _scatter(actual: Array, predicted: Array) -> bytes:
    step = -(-len(actual) // MOST_POINTS)
    points = list(zip(actual[::step].tolist(), predicted[::step].tolist(), strict=True))
    low, high = float(actual.min()), float(actual.max())
    series = {"predicted": points, "exact": [(low, low), (high, high)]}
    return draw_points(
        "Predicted over actual values",
        "actual",
        "predicted",
        series,
        dots=["predicted"],
        colours=[BLUE, ORANGE],
    )


def show_example(x: Any, number: int) -> Example:
    """Return an example as a page shows it."""
    values = np.asarray(x[number : number + 1])[0]
    if is_image(values.shape):
        return Example(number, draw_image(values), "")
    return Example(number, "", write_values(values))


def draw_image(values: Array) -> str:
    """Return the address of an image; it is made smaller where it would be large in a page."""
    height, width = values.shape[:2]
    shrunk = _LARGEST_SIDE / max(height, width)
    if shrunk < 1:
        size = max(1, round(height * shrunk)), max(1, round(width * shrunk))
        values = resize(np.asarray(values, np.float32)[np.newaxis], *size)[0]
    return image_uri(paint_image(values))


def write_values(values: Any) -> str:
    """Return the first numbers of an array as text."""
    flat = np.ravel(values)
    text = ", ".join(f"{value:.4g}" for value in flat[:_LONGEST_TEXT])
    return f"{text}, …" if flat.size > _LONGEST_TEXT else text
