"""The shapes of a convolution, as its kernels are told them.

Images of one and of two axes are volumes with axes of one element in front, so that there is one
kernel for all.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

AXES = 3

# The parameters of kernels that `Case.numbers` are the arguments of: of each axis the size of the
# image, how many places the window takes, how many elements it has, from place to place, from
# element to element, and the zeros before the image.
GEOMETRY = """
#define GEOMETRY int channels, int filters, int groups, \\
    int size0, int size1, int size2, int places0, int places1, int places2, \\
    int taps0, int taps1, int taps2, int step0, int step1, int step2, \\
    int gap0, int gap1, int gap2, int pad0, int pad1, int pad2
"""


class Case(NamedTuple):
    """What is known of a convolution before any number is: the forward one, in each of the three.

    Attributes
    ----------
    batch : int
        How many images.
    size, places, taps : tuple of int
        Along each spatial axis: of the images, of the result, of the filter.
    steps, gaps : tuple of int
        From one place of the filter to the next, and from one of its elements to the next.
    pads : tuple of (int, int)
        The zeros before and after, for each axis.
    channels, filters : int
        Of each group: of the images, and of the result.
    groups : int
        How many groups of channels have filters of their own.
    """

    batch: int
    size: tuple[int, ...]
    places: tuple[int, ...]
    taps: tuple[int, ...]
    steps: tuple[int, ...]
    gaps: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    channels: int
    filters: int
    groups: int

    @property
    def area(self) -> int:
        """The places of one image."""
        return math.prod(self.places)

    @property
    def patch(self) -> int:
        """The numbers under the filter, of one group."""
        return math.prod(self.taps) * self.channels

    @property
    def is_pointwise(self) -> bool:
        """Whether each place sees one pixel, and each pixel is seen: a plain product."""
        return self.places == self.size and math.prod((*self.taps, *self.steps)) == 1

    @property
    def numbers(self) -> tuple[Any, ...]:
        """The arguments of `GEOMETRY`."""
        return _numbers(self)


@functools.lru_cache(1024)
def _numbers(case: Case) -> tuple[Any, ...]:
    before = tuple(pad for pad, _ in case.pads)
    values = [case.channels, case.filters, case.groups]
    for along, missing in (
        (case.size, 1), (case.places, 1), (case.taps, 1), (case.steps, 1), (case.gaps, 1),
        (before, 0),
    ):  # fmt: skip
        values += [missing] * (AXES - len(along)) + list(along)
    return tuple(map(np.int32, values))


def case_of(
    attrs: dict[str, Any], image: Sequence[int], kernel: Sequence[int], depthwise: bool = False
) -> Case:
    """Return the case of a convolution.

    Parameters
    ----------
    attrs : dict
        The node's: strides, dilations and padding.
    image, kernel : sequence of int
        The shapes of the images and of the filter.
    depthwise : bool, default False
        The filter is (height, width, channels, multiplier), and each channel is a group.
    """
    padding = attrs["padding"]
    return _case(
        attrs["strides"], attrs["dilations"], padding, tuple(image), tuple(kernel), depthwise
    )


@functools.lru_cache(1024)
def _case(
    steps: tuple[int, ...],
    gaps: tuple[int, ...],
    padding: Any,
    image: tuple[int, ...],
    kernel: tuple[int, ...],
    depthwise: bool,
) -> Case:
    batch, *size, all_channels = image
    *taps, taken, filters = kernel
    places, pads = [], []
    for i, n in enumerate(size):
        how = padding if isinstance(padding, str) else padding[i]
        places.append(shapes.window_output(n, taps[i], steps[i], how, gaps[i]) or 0)
        pads.append(shapes.window_padding(n, taps[i], steps[i], how, gaps[i]))
    channels, groups = (1, taken) if depthwise else (taken, all_channels // max(taken, 1))
    of_group = filters if depthwise else filters // max(groups, 1)
    lists = (tuple(size), tuple(places), tuple(taps), tuple(steps), tuple(gaps), tuple(pads))
    return Case(batch, *lists, channels, of_group, groups)


def result_dims(k: KernelContext, target: Array) -> tuple[int, ...]:
    """Return the shape of a result that an input is, read from the device only if it must be.

    Parameters
    ----------
    k : KernelContext
        The node, of one output.
    target : array
        The input: the shape, on the device.
    """
    known = k.op.outputs[0].dims
    if known is None or None in known:
        return tuple(int(d) for d in k.backend.to_host(target))
    return tuple(d or 0 for d in known)
