"""The steps of a preprocessing: what each has learned, and how it learns it.

Sums are kept in float64, and training parts are read in chunks, so that sets larger than memory
can be fitted to.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data import resampling
from tensorgraph.data.rows import Array

Shape = tuple[int, ...]

# A covariance of so many features takes half a gigabyte.
MAX_FEATURES = 8192


class FittedStep(ABC):
    """A step with all that it has learned, as a dataclass of plain values and arrays."""

    kind: ClassVar[str]

    @abstractmethod
    def apply(self, x: Array) -> Array:
        """Return examples after the step."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return what becomes of the shape of an example."""
        return shape

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return its fields: plain ones for JSON, and arrays."""
        record: dict[str, Any] = {"step": self.kind}
        arrays = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                arrays[field.name] = value
            else:
                record[field.name] = value
        return record, arrays


@dataclass(frozen=True, eq=False)
class Scale(FittedStep):
    """Multiplication by a number."""

    kind = "scale"
    factor: float

    def apply(self, x: Array) -> Array:
        """Return examples after the step."""
        return x if self.factor == 1 else x * np.float32(self.factor)


@dataclass(frozen=True, eq=False)
class Normalize(FittedStep):
    """Subtraction of a mean, and division by a deviation."""

    kind = "normalize"
    mean: Array
    deviation: Array

    def apply(self, x: Array) -> Array:
        """Return examples after the step."""
        seen = x.shape[1:]
        _check(x, (*seen[: len(seen) - self.mean.ndim], *self.mean.shape))
        result: Array = (x - self.mean) / self.deviation
        return result


@dataclass(frozen=True, eq=False)
class Project(FittedStep):
    """A linear map of all features; whitening puts the results in their places."""

    kind = "project"
    mean: Array
    matrix: Array
    keeps_shape: bool

    def apply(self, x: Array) -> Array:
        """Return examples after the step."""
        flat = x.reshape(len(x), -1)
        _check(flat, self.mean.shape)
        result: Array = (flat - self.mean) @ self.matrix
        return result.reshape(x.shape) if self.keeps_shape else result

    def output_shape(self, shape: Shape) -> Shape:
        """Return what becomes of the shape of an example."""
        return shape if self.keeps_shape else (self.matrix.shape[1],)


@dataclass(frozen=True, eq=False)
class Resize(FittedStep):
    """Another size for images."""

    kind = "resize"
    height: int
    width: int

    def apply(self, x: Array) -> Array:
        """Return examples after the step."""
        return resampling.resize(x, self.height, self.width)

    def output_shape(self, shape: Shape) -> Shape:
        """Return what becomes of the shape of an example."""
        return (self.height, self.width, shape[2])


KINDS: dict[str, type[FittedStep]] = {k.kind: k for k in (Scale, Normalize, Project, Resize)}
"""Every kind of fitted step by what it is called when stored."""


@dataclass(frozen=True)
class Training:
    """The training part as a step meets it.

    Attributes
    ----------
    shape : tuple of int
        Shape of one example.
    chunks : callable
        Returns an iterator over all examples, some at a time.
    white : float
        What a value of 1 is in the files of the set; 1 where earlier steps have changed the values.
    """

    shape: Shape
    chunks: Callable[[], Iterator[Array]]
    white: float


def _fit_scale(training: Training, factor: float) -> FittedStep:
    total = factor * training.white
    # 1/255 of pictures that are scaled already: exactly nothing to do.
    return Scale(1.0 if math.isclose(total, 1, rel_tol=1e-6) else total)


def _fit_center(training: Training) -> FittedStep:
    return Normalize(_mean(training).astype(np.float32), np.ones((), np.float32))


def _fit_standardize(training: Training) -> FittedStep:
    # The last axis holds features or channels; all places of an image count alike.
    axes = tuple(range(len(training.shape) - 1))
    mean = _mean(training).mean(axis=axes)
    total, count = np.zeros(mean.shape), 0
    for chunk in training.chunks():
        total += np.square(chunk - mean, dtype=np.float64).sum(axis=(0, *(a + 1 for a in axes)))
        count += chunk.size // mean.size
    deviation = np.sqrt(total / count)
    # A feature that never changes carries nothing: it becomes 0, not NaN.
    deviation[deviation <= 1e-7 * np.maximum(1, np.abs(mean))] = 1
    return Normalize(mean.astype(np.float32), deviation.astype(np.float32))


def _fit_whiten(training: Training, eps: float) -> FittedStep:
    mean, variances, directions = _components(training, "whiten")
    matrix = (directions / np.sqrt(variances + eps)) @ directions.T
    return Project(mean, matrix.astype(np.float32), keeps_shape=True)


def _fit_pca(training: Training, components: int) -> FittedStep:
    features = math.prod(training.shape)
    if components > features:
        raise DataError(f"pca cannot keep {components} components of {features} features")
    mean, _, directions = _components(training, "pca")
    kept = directions[:, ::-1][:, :components]
    # Either sign is right; the largest entry is made positive, so that it is always the same.
    largest = np.take_along_axis(kept, np.abs(kept).argmax(axis=0)[np.newaxis], axis=0)
    return Project(mean, (kept * np.sign(largest)).astype(np.float32), keeps_shape=False)


def _fit_resize(training: Training, size: tuple[int, int]) -> FittedStep:
    if len(training.shape) != 3:
        raise DataError(
            "resize is for images, (height, width, channels),"
            f" but the examples are of shape {training.shape}"
        )
    return Resize(*size)


_FITS: dict[str, Callable[..., FittedStep]] = {
    "scale": _fit_scale,
    "center": _fit_center,
    "standardize": _fit_standardize,
    "whiten": _fit_whiten,
    "pca": _fit_pca,
    "resize": _fit_resize,
}


def fit_step(name: str, options: Mapping[str, Any], training: Training) -> FittedStep:
    """Return a step, fitted.

    Raises
    ------
    DataError
        If there is no such step, or it does not suit the examples.
    """
    if name not in _FITS:
        raise DataError(f"there is no preprocessing {name!r}; known are {', '.join(_FITS)}")
    return _FITS[name](training, **options)


def _mean(training: Training) -> Array:
    """Return the mean example."""
    total, count = np.zeros(training.shape), 0
    for chunk in training.chunks():
        total += chunk.sum(axis=0, dtype=np.float64)
        count += len(chunk)
    return total / count


def _components(training: Training, name: str) -> tuple[Array, Array, Array]:
    """Return the mean, and variances (ascending) with their directions, of the flat examples."""
    features = math.prod(training.shape)
    if features > MAX_FEATURES:
        raise DataError(
            f"{name} of {features} features needs a matrix of {features} x {features} numbers;"
            f" at most {MAX_FEATURES} features are possible: make the examples smaller first"
        )
    mean = _mean(training).reshape(-1).astype(np.float32)
    covariance, count = np.zeros((features, features)), 0
    for chunk in training.chunks():
        centered = chunk.reshape(len(chunk), -1) - mean
        covariance += centered.T @ centered
        count += len(chunk)
    variances, directions = np.linalg.eigh(covariance / count)
    return mean, np.maximum(variances, 0), directions


def _check(x: Array, expected: Shape) -> None:
    if x.shape[1:] != expected:
        raise DataError(
            f"examples of shape {x.shape[1:]} do not go through a preprocessing that was fitted to"
            f" {expected}"
        )
