"""How windows lie on images: shared by convolution and pooling, for any number of axes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from tensorgraph.base import shapes
from tensorgraph.graph.opdef import KernelContext
from tensorgraph.graph.static import static_ints

Padding = str | tuple[tuple[int, int], ...]

# Places in a window, each with an index.
Regions: TypeAlias = tuple[tuple[tuple[int, ...], tuple[slice, ...]], ...]


class Windows(NamedTuple):
    """How windows lie on an image, with an entry for each spatial axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Padding

    def pads(self, *spatial: int) -> tuple[tuple[int, int], ...]:
        """Return the zeros before and after, for each axis of an image of that size."""
        return tuple(
            shapes.window_padding(
                n,
                self.size[i],
                self.strides[i],
                self.padding if isinstance(self.padding, str) else self.padding[i],
                self.dilations[i],
            )
            for i, n in enumerate(spatial)
        )

    def output(self, *spatial: int | None) -> tuple[int | None, ...]:
        """Return how many places the window takes in each axis.

        Raises
        ------
        ValueError
            If the window is larger than the padded image.
        """
        result = tuple(
            shapes.window_output(
                n,
                self.size[i],
                self.strides[i],
                self.padding if isinstance(self.padding, str) else self.padding[i],
                self.dilations[i],
            )
            for i, n in enumerate(spatial)
        )
        for n, size in zip(result, self.size, strict=True):
            if n is not None and n < 1 and spatial.count(0) == 0:
                window, image = ("x".join(map(str, t)) for t in (self.size, spatial))
                raise ValueError(
                    f"a window of {window} does not fit an image of {image} with padding"
                    f" {self.padding!r} (along the axis of {size})"
                )
        return result

    def places(self, *spatial: int) -> tuple[int, ...]:
        """Return `output` for an image whose size is known."""
        return tuple(n for n in self.output(*spatial) if n is not None)

    def regions(self, places: Sequence[int]) -> Regions:
        """Return each place in the window, and the index of what it meets in a padded image."""
        return _regions(self, tuple(places))


@functools.lru_cache(1024)
def _regions(windows: Windows, places: tuple[int, ...]) -> Regions:
    # A kernel asks at every run.
    result = []
    for offset in itertools.product(*map(range, windows.size)):
        steps = zip(offset, places, windows.strides, windows.dilations, strict=True)
        parts = [slice(i * d, i * d + (o - 1) * t + 1, t) for i, o, t, d in steps]
        result.append((offset, (slice(None), *parts)))
    return tuple(result)


def filter_windows(attrs: dict[str, Any], filter_dims: Sequence[int | None]) -> Windows:
    """Return the windows of a convolution with that filter shape."""
    size = tuple(d for d in filter_dims[:-2] if d is not None)
    if len(size) != len(filter_dims) - 2:
        raise ValueError("the height and width of a convolution's filter must be known")
    return Windows(size, attrs["strides"], attrs["dilations"], attrs["padding"])


def inner_part(pads: Sequence[tuple[int, int]], spatial: Sequence[int]) -> tuple[Any, ...]:
    """Return the index of an image inside of its border."""
    return (slice(None), *[slice(b, b + n) for (b, _), n in zip(pads, spatial, strict=True)])


def padded_shape(dims: Sequence[int], pads: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return the shape of a batch of images with their border."""
    n, *spatial, c = dims
    return (n, *(d + sum(p) for d, p in zip(spatial, pads, strict=True)), c)


def padded(k: KernelContext, x: Any, pads: Sequence[tuple[int, int]], value: float = 0) -> Any:
    """Return the image with its border, in scratch memory; the image itself if there is none."""
    if not any(map(any, pads)):
        return x
    result = k.scratch("padded", padded_shape(x.shape, pads), x.dtype)
    result[...] = value
    result[inner_part(pads, x.shape[1:-1])] = x
    return result


def spatial_numbers(value: Any, what: str, axes: int = 2) -> tuple[int, ...]:
    """Return the entries of strides, dilations or window sizes for the spatial axes.

    Parameters
    ----------
    value : int, or a list of ints
        One for all axes, one for each, or one more at each end for batch and channels.
    what : str
        Its name, for the message.
    axes : int, default 2
        How many spatial axes there are.

    Raises
    ------
    ValueError
        If it is none of these, or a number is below 1.
    """
    numbers = static_ints(value, what)
    if len(numbers) == 1:
        numbers *= axes
    if len(numbers) == axes + 2:
        if numbers[0] != 1 or numbers[-1] != 1:
            raise ValueError(f"{what} must be 1 along batch and channels, not {list(numbers)}")
        numbers = numbers[1:-1]
    if len(numbers) != axes or min(numbers) < 1:
        raise ValueError(f"{what} must be positive numbers for {axes} axes, not {value!r}")
    return numbers


def check_padding(padding: Any, axes: int = 2) -> Padding:
    """Return ``"SAME"``, ``"VALID"``, or explicit numbers for the spatial axes.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise ValueError(f"padding must be 'SAME', 'VALID' or a list, not {padding!r}")
        return padding.upper()
    pairs = tuple((int(before), int(after)) for before, after in padding)
    if len(pairs) == axes + 2:
        if pairs[0] != (0, 0) or pairs[-1] != (0, 0):
            raise ValueError(f"padding must be 0 along batch and channels, not {padding!r}")
        pairs = pairs[1:-1]
    if len(pairs) != axes or min(min(p) for p in pairs) < 0:
        raise ValueError(f"padding must have a pair for each of {axes} axes, not {padding!r}")
    return pairs
