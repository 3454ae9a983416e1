"""Which pixels a decision rests on: gradients, integrated gradients, occlusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsl.looking.probe import Array, Probe


def saliency(probe: Probe, x: Array, of: int) -> Array:
    """Return the gradient of a class's score by each value of an example.

    Simonyan, Vedaldi and Zisserman 2014 (arXiv:1312.6034).

    Parameters
    ----------
    probe : Probe
        The network.
    x : array
        One example.
    of : int
        The class.

    Returns
    -------
    array of the shape of `x`
        How much the score grows for each unit that the value grows.
    """
    gradient: Array = probe.run(probe.gradient, x[np.newaxis], of)[0]
    return gradient


@dataclass(frozen=True)
class Integrated:
    """Integrated gradients of one example.

    Attributes
    ----------
    shares : array of the shape of the example
        What each value adds to the score.
    gain : float
        The score of the example less that of the baseline.
    """

    shares: Array
    gain: float

    @property
    def error(self) -> float:
        """By how much the shares miss the gain, which they would sum up to exactly."""
        return float(self.shares.sum(dtype=np.float64)) - self.gain


def integrated_gradients(
    probe: Probe, x: Array, of: int, *, baseline: Array | float = 0.0, steps: int = 64
) -> Integrated:
    """Return what each value of an example adds to the score of a class.

    The gradient is averaged along the straight way from a baseline to the example (at the middle
    of each step), and multiplied by the way (Sundararajan, Taly and Yan 2017, arXiv:1703.01365).
    With ever more steps the shares sum up to what the score gains on the way.

    Parameters
    ----------
    probe : Probe
        The network.
    x : array
        One example.
    of : int
        The class.
    baseline : array or float, default 0
        An example that says nothing; 0 is black.
    steps : int, default 64
        How many.
    """
    start = np.broadcast_to(np.asarray(baseline, np.float32), x.shape)
    at = ((np.arange(steps) + 0.5) / steps).reshape(-1, *[1] * x.ndim)
    gradients = probe.run(probe.gradient, start + at.astype(np.float32) * (x - start), of)
    ends = probe.run(probe.score, np.stack([x, start]), of)
    return Integrated(gradients.mean(axis=0) * (x - start), float(ends[0]) - float(ends[1]))


def occlusion(probe: Probe, x: Array, of: int, *, size: int, stride: int = 1) -> Array:
    """Return by how much the score of a class falls where a square is covered.

    The square is grey: the mean of the image (Zeiler and Fergus 2014, arXiv:1311.2901). Each pixel
    gets the mean over all squares that covered it.

    Parameters
    ----------
    probe : Probe
        The network.
    x : array of shape (height, width, channels)
        One image.
    of : int
        The class.
    size : int
        The edge of the square.
    stride : int, default 1
        How far it moves at a time.

    Returns
    -------
    array of shape (height, width)
        Below 0 where the score grows without the place.
    """
    height, width, _ = x.shape
    rows, columns = _corners(height, size, stride), _corners(width, size, stride)
    corners = [(row, column) for row in rows for column in columns]
    covered = np.repeat(x[np.newaxis], len(corners), axis=0)
    grey = x.mean(axis=(0, 1))
    for image, (row, column) in zip(covered, corners, strict=True):
        image[row : row + size, column : column + size] = grey
    falls = probe.run(probe.score, x[np.newaxis], of)[0] - probe.run(probe.score, covered, of)
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for fall, (row, column) in zip(falls, corners, strict=True):
        total[row : row + size, column : column + size] += fall
        count[row : row + size, column : column + size] += 1
    result: Array = total / count
    return result


def _corners(length: int, size: int, stride: int) -> list[int]:
    """Return where squares begin along an axis, so that they cover all of it."""
    last = max(length - size, 0)
    return sorted({*range(0, last + 1, stride), last})
