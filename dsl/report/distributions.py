"""Pictures of how weights and gradients were distributed, from what `Histograms` has counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsl.pages import image_uri
from dsl.pages.pixels import BLUE, ORANGE, Colour, paint_shares
from dsl.training.callbacks.histograms import BINS, EXPONENTS

Array = np.ndarray[Any, Any]

_RARE = 0.002  # the share of gradients that may be beyond the edge of the picture


@dataclass(frozen=True)
class Distribution:
    """A picture with the epochs from left to right, and the values from below to above.

    Attributes
    ----------
    picture : str
        Its address.
    low, high : str
        The values at its lower and upper edge.
    text : str
        What it shows, in words.
    """

    picture: str
    low: str
    high: str
    text: str


@dataclass(frozen=True)
class Distributions:
    """Those of one kernel; no gradients where none were counted."""

    name: str
    weights: Distribution
    gradients: Distribution | None


def show_distributions(
    arrays: Mapping[str, Array], names: Iterable[str]
) -> tuple[list[int], list[Distributions]]:
    """Return the first and the last epoch, and the pictures of each kernel.

    Parameters
    ----------
    arrays : mapping of str to array
        What the file of `Histograms` holds; may be empty.
    names : iterable of str
        The variables, in the order of the network.
    """
    if "epochs" not in arrays or len(arrays["epochs"]) < 2:
        return [], []
    found = [
        Distributions(
            name,
            _weights(name, arrays[f"weights/{name}"], arrays[f"ranges/{name}"]),
            _gradients(name, arrays[f"gradients/{name}"][1:]),
        )
        for name in names
        if f"weights/{name}" in arrays
    ]
    return [int(arrays["epochs"][0]), int(arrays["epochs"][-1])], found


def _weights(name: str, counts: Array, ranges: Array) -> Distribution:
    """Return the picture of a kernel's values; each epoch was counted over a range of its own."""
    low, high = float(ranges[:, 0].min()), float(ranges[:, 1].max())
    edges = np.linspace(low, high, BINS + 1)
    rows = []
    for row, (first, last) in zip(counts, ranges, strict=True):
        below = np.concatenate([[0.0], np.cumsum(row)])
        # A value that all weights have is a step, which interpolation cannot show.
        own = np.linspace(first, last, BINS + 1) if last > first else None
        if own is None:
            placed = np.zeros(BINS)
            placed[min(int(np.searchsorted(edges, first, "right")) - 1, BINS - 1)] = below[-1]
        else:
            placed = np.diff(np.interp(edges, own, below))
        rows.append(placed)
    text = (
        f"Weights of {name}: from {ranges[0, 0]:.3g} to {ranges[0, 1]:.3g} at the beginning,"
        f" from {ranges[-1, 0]:.3g} to {ranges[-1, 1]:.3g} at the end."
    )
    return _picture(np.array(rows), BLUE, f"{low:.3g}", f"{high:.3g}", text)


def _gradients(name: str, counts: Array) -> Distribution | None:
    total = counts.sum(axis=0)
    used = np.flatnonzero(total > _RARE * total.sum())
    if not len(used):
        return None
    first, last = int(used[0]), int(used[-1]) + 1
    edges = 10 ** np.linspace(*EXPONENTS, BINS + 1)
    centres = (np.arange(BINS) + 0.5) @ counts.T / np.maximum(counts.sum(axis=1), 1)
    typical = 10 ** (EXPONENTS[0] + centres * (EXPONENTS[1] - EXPONENTS[0]) / BINS)
    text = (
        f"Gradients of {name}: of the size {typical[0]:.1g} after the first epoch,"
        f" {typical[-1]:.1g} after the last one."
    )
    low, high = f"{edges[first]:.0e}", f"{edges[last]:.0e}"
    return _picture(counts[:, first:last], ORANGE, low, high, text)


def _picture(rows: Array, colour: Colour, low: str, high: str, text: str) -> Distribution:
    """Return a picture of counts, with a row for each epoch and a column for each bin."""
    shares = rows / np.maximum(rows.max(axis=1, keepdims=True), 1e-9)
    # A root, so that the rare values at the edges are seen too.
    pixels = paint_shares(np.sqrt(shares).T[::-1], colour)
    return Distribution(image_uri(pixels), low, high, text)
