"""The shapes of one convolution."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.shares import Block
from tensorgraph.ops.windows import Windows, filter_windows, inner_part, padded_shape


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
        Of the images, and of the result.
    pads : tuple of (int, int)
        The zeros before and after, for each spatial axis.
    """

    windows: Windows
    batch: int
    spatial: tuple[int, ...]
    places: tuple[int, ...]
    channels: int
    filters: int
    pads: tuple[tuple[int, int], ...]

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
        return self.batch * self.area * self.taps * self.channels * self.filters

    @property
    def framed(self) -> bool:
        """Whether there are zeros around the images."""
        return any(map(any, self.pads))


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
    return _case(windows, tuple(map(int, image)), int(kernel[-1]))


@functools.lru_cache(1024)
def _case(windows: Windows, image: tuple[int, ...], filters: int) -> Case:
    # A node asks at every run.
    batch, *spatial, channels = image
    places, pads = windows.places(*spatial), windows.pads(*spatial)
    return Case(windows, batch, tuple(spatial), places, channels, filters, pads)


def with_frame(block: Block, case: Case, x: Any) -> Any:
    """Return a block of images with their zeros around, in scratch memory where there are any.

    The zeros are written once: later runs change only what is inside of them.
    """
    images = x[block.part]
    if not case.framed:
        return images
    frame = block.scratch("frame", padded_shape(images.shape, case.pads), x.dtype, 0)
    frame[inner_part(case.pads, case.spatial)] = images
    return frame
