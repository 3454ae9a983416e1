"""The shapes of one convolution."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.windows import Windows, filter_windows

# Of fewer places, a worker's share is so small that reading the filter takes most of the time.
FEW_ROWS = 512


class Case(NamedTuple):
    """What is known of a convolution before any number is: the forward one, in each of the three.

    Attributes
    ----------
    windows : Windows
        How the filter lies on the images.
    batch : int
        How many images.
    spatial, places : tuple of int
        The size of the images, and of the result.
    channels, filters : int
        Of the images, and of the result; of each group of them where there are several.
    pads : tuple of (int, int)
        The zeros before and after, for each spatial axis.
    groups : int
        How many groups of channels have filters of their own.
    """

    windows: Windows
    batch: int
    spatial: tuple[int, ...]
    places: tuple[int, ...]
    channels: int
    filters: int
    pads: tuple[tuple[int, int], ...]
    groups: int = 1

    @property
    def taps(self) -> int:
        """The pixels of the filter."""
        return math.prod(self.windows.size)

    @property
    def area(self) -> int:
        """The pixels of the result."""
        return math.prod(self.places)

    @property
    def products(self) -> int:
        """The multiplications of the sums written out."""
        return self.batch * self.area * self.taps * self.channels * self.filters * self.groups

    def patch_bytes(self, x: Any) -> int:
        """Return how much the patches of one image are, as numbers of the type of an array."""
        return self.area * self.taps * self.channels * int(x.dtype.itemsize)

    @property
    def framed(self) -> bool:
        """Whether there are zeros around the images."""
        return any(map(any, self.pads))

    @property
    def padded(self) -> tuple[int, ...]:
        """The size of the images with the zeros around."""
        return tuple(n + sum(pad) for n, pad in zip(self.spatial, self.pads, strict=True))

    @property
    def inner(self) -> tuple[slice, ...]:
        """Where the images are among the zeros, for each spatial axis."""
        return tuple(
            slice(before, before + n)
            for (before, _), n in zip(self.pads, self.spatial, strict=True)
        )


def has_few_rows(k: KernelContext, case: Case) -> bool:
    """Return whether workers do better to share the filters than the images."""
    return case.batch * case.area < FEW_ROWS and not k.undivided


class Method(Protocol):
    """A module that computes convolutions; each function writes into its last argument."""

    def forward(self, k: KernelContext, case: Case, x: Any, w: Any, out: Any) -> None:
        """Compute the convolution of images with a filter."""

    def by_input(self, k: KernelContext, case: Case, w: Any, dy: Any, out: Any) -> None:
        """Compute its gradient by the images."""

    def by_filter(self, k: KernelContext, case: Case, x: Any, dy: Any, out: Any) -> None:
        """Compute its gradient by the filter."""


def make_case(attrs: dict[str, Any], image: Sequence[int], kernel: Sequence[int]) -> Case:
    """Return the case of images and a filter of such shapes."""
    windows = filter_windows(attrs, [int(d) for d in kernel])
    return _case(windows, tuple(map(int, image)), int(kernel[-2]), int(kernel[-1]))


@functools.lru_cache(1024)
def _case(windows: Windows, image: tuple[int, ...], channels: int, filters: int) -> Case:
    # A node asks at every run.
    batch, *spatial, all_channels = image
    places, pads = windows.places(*spatial), windows.pads(*spatial)
    groups = all_channels // max(channels, 1)
    part = filters // max(groups, 1)
    return Case(windows, batch, tuple(spatial), places, channels, part, pads, groups)
