"""Changing training examples at random, so that a network sees each of them in many forms.

What happens to an example depends on the seed, the epoch, the example's number and the step, and
on nothing else (see `tensorgraph.data.counters`): neither on the batch size nor on who prepares
the batches. The values are those of the data set, before any preprocessing: pictures from 0
(black) to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError
from tensorgraph.data import resampling
from tensorgraph.data.arrays import one_hot
from tensorgraph.data.counters import Draws, Indices
from tensorgraph.data.resampling import Images, Matrices
from tensorgraph.data.rows import Rows

Batch = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class Step(Protocol):
    """A step as a user asks for it: ``shift`` with ``{"pixels": 2}``."""

    @property
    def name(self) -> str:
        """Its word."""

    @property
    def options(self) -> Mapping[str, Any]:
        """A value for each of its arguments."""


@dataclass(frozen=True)
class _Call:
    """What a step is given: the numbers of its examples, and where its random numbers come from."""

    draws: Draws
    indices: Indices
    place: int

    def uniform(self, count: int) -> npt.NDArray[np.float64]:
        """Return ``(count, examples)`` numbers from 0 to below 1."""
        return self.draws.uniform(self.indices, self.place, count)

    def around_zero(self, reach: float) -> npt.NDArray[np.float64]:
        """Return a number from -reach to reach for each example."""
        result: npt.NDArray[np.float64] = (2 * self.uniform(1)[0] - 1) * reach
        return result


def _hflip(x: Images, call: _Call) -> Images:
    result: Images = np.where(_column(call.uniform(1)[0] < 0.5), x[:, :, ::-1], x)
    return result


def _vflip(x: Images, call: _Call) -> Images:
    result: Images = np.where(_column(call.uniform(1)[0] < 0.5), x[:, ::-1], x)
    return result


def _shift(x: Images, call: _Call, pixels: int) -> Images:
    down, right = np.floor(call.uniform(2) * (2 * pixels + 1)).astype(np.int64) - pixels
    return resampling.shift(x, down, right)


def _contrast(x: Images, call: _Call, amount: float) -> Images:
    # In float64, so that the order of the sum, which depends on the batch, is lost in rounding.
    mean = x.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    factors = _column(1 + call.around_zero(amount))
    result: Images = mean + (x - mean) * factors
    return result


def _brightness(x: Images, call: _Call, amount: float) -> Images:
    result: Images = x + _column(call.around_zero(amount))
    return result


def _noise(x: Images, call: _Call, stddev: float) -> Images:
    normal = call.draws.normal(call.indices, call.place, x.shape[1:])
    normal *= np.float32(stddev)
    return x + normal


def _cutout(x: Images, call: _Call, size: int) -> Images:
    _, height, width, _ = x.shape
    row, column = call.uniform(2)
    rows = _inside(np.floor(row * height), size, height)
    columns = _inside(np.floor(column * width), size, width)
    return x * ~(rows[:, :, np.newaxis] & columns[:, np.newaxis, :])[..., np.newaxis]


def _inside(middle: npt.NDArray[np.float64], size: int, length: int) -> npt.NDArray[np.bool_]:
    """Return which places of a line lie within a stretch around each middle."""
    start = middle[:, np.newaxis] - size // 2
    places = np.arange(length)
    result: npt.NDArray[np.bool_] = (places >= start) & (places < start + size)
    return result


def _column(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return one value an example in a form that spreads over images; floats as float32."""
    narrow = values.astype(np.float32) if values.dtype.kind == "f" else values
    return narrow[:, np.newaxis, np.newaxis, np.newaxis]


def _rotate(call: _Call, degrees: float) -> Matrices:
    return resampling.rotations(call.around_zero(degrees))


def _zoom(call: _Call, share: float) -> Matrices:
    return resampling.stretches(1 + call.around_zero(share))


_PICTURE_STEPS: dict[str, Callable[..., Images]] = {
    "hflip": _hflip,
    "vflip": _vflip,
    "shift": _shift,
    "contrast": _contrast,
    "brightness": _brightness,
    "noise": _noise,
    "cutout": _cutout,
}
# These give matrices, so that several in a row resample the image only once.
_WARPS: dict[str, Callable[..., Matrices]] = {"rotate": _rotate, "zoom": _zoom}
_MIXUP = "mixup"
# Steps that any numbers can go through; all others are for images.
_FOR_ALL = frozenset(["noise", _MIXUP])


class Augmentation:
    """The steps of ``augment { … }``, for the examples of one set.

    Parameters
    ----------
    steps : sequence of Step
        ``hflip``, ``vflip``, ``shift`` (pixels), ``rotate`` (degrees), ``zoom`` (share),
        ``contrast`` (amount), ``brightness`` (amount), ``noise`` (stddev), ``cutout`` (size) and
        ``mixup`` (alpha), applied in their order; ``mixup`` blends what all others have made.
    input_shape : tuple of int
        Shape of one example. All but ``noise`` and ``mixup`` need images, ``(height, width,
        channels)``.
    classes : int
        Number of classes; 0 where labels are numbers to be predicted.
    seed : int
        Decides all that is random.

    Attributes
    ----------
    mixes_labels : bool
        Whether labels come back as shares, because examples are blended.

    Raises
    ------
    DataError
        If a step has no such name, or does not suit such examples.
    """

    def __init__(
        self, steps: Sequence[Step], input_shape: tuple[int, ...], classes: int, seed: int
    ) -> None:
        known = {*_PICTURE_STEPS, *_WARPS, _MIXUP}
        for step in steps:
            if step.name not in known:
                raise DataError(
                    f"there is no augmentation {step.name!r}; known are {', '.join(sorted(known))}"
                )
            if step.name not in _FOR_ALL and len(input_shape) != 3:
                raise DataError(
                    f"{step.name} is for images, (height, width, channels),"
                    f" but the examples are of shape {input_shape}"
                )
        self._steps = tuple(steps)
        self._classes = classes
        self._seed = seed
        self.mixes_labels = any(step.name == _MIXUP for step in steps)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._steps)

    def batch(self, x: Rows, y: npt.NDArray[Any], indices: npt.ArrayLike, epoch: int) -> Batch:
        """Return some examples of a set, changed as this epoch wants them.

        Parameters
        ----------
        x : array or LazyInputs
            The inputs of the whole set: ``mixup`` blends each example with one of all.
        y : array
            The labels of the whole set.
        indices : array_like of int
            Which examples to return.
        epoch : int
            Not negative.

        Returns
        -------
        tuple of array
            Inputs as float32 and labels. With ``mixup``, labels of classes are float32 shares of
            shape ``(examples, classes)``.
        """
        draws, chosen = Draws(self._seed, epoch), np.asarray(indices, np.int64)
        images, labels = self._changed(x, chosen, draws), y[chosen]
        if not self.mixes_labels:
            return images, labels
        if self._classes:
            labels = one_hot(labels, self._classes)
        for place, step in enumerate(self._steps):
            if step.name == _MIXUP:
                partners = np.floor(draws.uniform(chosen, place, 1)[0] * len(x)).astype(np.int64)
                other = y[partners]
                other = one_hot(other, self._classes) if self._classes else other
                share = _beta(draws, chosen, place, step.options["alpha"])
                images = _blend(share, images, self._changed(x, partners, draws))
                labels = _blend(share, labels, other)
        return images, labels

    def _changed(self, x: Rows, indices: Indices, draws: Draws) -> Images:
        """Return examples after all steps but ``mixup``."""
        images: Images = x[indices]
        pending: Matrices | None = None
        for place, step in enumerate(self._steps):
            call = _Call(draws, indices, place)
            if step.name in _WARPS:
                matrices = _WARPS[step.name](call, **step.options)
                pending = matrices if pending is None else pending @ matrices
            elif step.name in _PICTURE_STEPS:
                images, pending = _warped(images, pending), None
                images = _PICTURE_STEPS[step.name](images, call, **step.options)
        return _warped(images, pending)


def _warped(images: Images, matrices: Matrices | None) -> Images:
    return images if matrices is None else resampling.warp(images, matrices)


def _beta(draws: Draws, indices: Indices, place: int, alpha: float) -> npt.NDArray[np.float64]:
    return np.array([draws.generator(int(i), place).beta(alpha, alpha) for i in indices])


def _blend(
    share: npt.NDArray[np.float64], a: npt.NDArray[Any], b: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    weight = share.astype(np.float32).reshape(-1, *[1] * (a.ndim - 1))
    result: npt.NDArray[np.float32] = weight * a + (1 - weight) * b
    return result
