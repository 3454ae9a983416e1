"""Which pixels of a filter reach a pixel of the image, where the filter goes in steps.

A filter that goes in steps of two meets an even pixel of the image with some of its pixels and an
odd one with the others. So the gradient by the images, for all pixels of a phase, is a convolution
of `dy` that goes step by step, with a part of the filter, turned around.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from tensorgraph.ops.convolution.case import Case


class Phase(NamedTuple):
    """The pixels of one axis of the images that lie whole steps apart.

    Attributes
    ----------
    pixels : slice
        Which they are.
    number : int
        How many.
    taps : tuple of int
        The pixels of the filter that reach them, turned around.
    first, distance : int
        Where in `dy` the first of `taps` met the first pixel, which may be before its begin, and
        how far apart in `dy` the taps are.
    """

    pixels: slice
    number: int
    taps: tuple[int, ...]
    first: int
    distance: int

    @property
    def end(self) -> int:
        """Where in `dy` the last pixel has met its last tap, and one further."""
        return self.first + (len(self.taps) - 1) * self.distance + self.number


@functools.lru_cache(1024)
def phases(case: Case) -> tuple[tuple[Phase, ...], ...]:
    """Return the phases of each axis that have pixels."""
    windows = case.windows
    axes = zip(*windows[:3], case.spatial, case.pads, strict=True)
    return tuple(
        tuple(_phase(start, size, step, distance, n, before) for start in range(min(step, n)))
        for size, step, distance, n, (before, _) in axes
    )


def _phase(start: int, size: int, step: int, distance: int, n: int, before: int) -> Phase:
    # Pixel i is met by tap t at place o, where i + before = o · step + t · distance.
    reached = [(start + before - t * distance, t) for t in reversed(range(size))]
    met = [(place // step, t) for place, t in reached if place % step == 0]
    taps = tuple(t for _, t in met)
    first = met[0][0] if met else 0
    apart = met[1][0] - first if len(met) > 1 else 1
    return Phase(slice(start, None, step), -(-(n - start) // step), taps, first, apart)


class Frame(NamedTuple):
    """The zeros around `dy` that the phases need, for each spatial axis.

    Attributes
    ----------
    before : tuple of int
        How many come first.
    size : tuple of int
        All of it, `dy` and the zeros.
    inner : tuple of slice
        Where `dy` is.
    """

    before: tuple[int, ...]
    size: tuple[int, ...]
    inner: tuple[slice, ...]


@functools.lru_cache(1024)
def frame(case: Case) -> Frame:
    """Return the zeros around `dy` that the phases need."""
    axes = list(zip(phases(case), case.places, strict=True))
    before = tuple(max([0, *(-phase.first for phase in axis)]) for axis, _ in axes)
    ends = [max([n, *(phase.end for phase in axis)]) for axis, n in axes]
    size = tuple(b + end for b, end in zip(before, ends, strict=True))
    inner = tuple(slice(b, b + n) for b, n in zip(before, case.places, strict=True))
    return Frame(before, size, inner)
