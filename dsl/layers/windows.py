"""What convolution and pooling share: windows that move over sequences, images and volumes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from dsl.layers.arguments import Sizes, format_sizes
from dsl.layers.definition import Complaint, Flag, Parameter, Repair, Use, Window
from dsl.layers.spatial import axes_name, kind_of, spatial_axes, spread_sizes
from tensorgraph.base.shapes import window_output, window_padding

Padding: TypeAlias = "Literal['valid', 'same'] | tuple[int, ...]"
"""A word, or how many zeros stand on each side of each axis."""

PADDING_FLAGS = (
    Flag("valid", "padding", "valid", "windows lie inside of the image (the default)"),
    Flag("same", "padding", "same", "zeros around the image, so that stride 1 keeps its size"),
)
PADDING_OPTION = Parameter(
    "pad", Sizes(0), "zeros on each side of the image", default="valid", key="padding"
)


@dataclass(frozen=True)
class Windows:
    """Windows over what has one, two or three axes between batch and channels.

    Attributes
    ----------
    what : str
        What messages call one: ``"kernel"``.
    size, stride, dilation : tuple of int
        For each axis.
    padding : Padding
        The zeros around the image.
    ceil : bool
        Whether the last partial window counts too.
    """

    what: str
    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    ceil: bool = False

    @classmethod
    def of(cls, use: Use, what: str = "kernel") -> Windows:
        """Return the windows that the arguments of a layer describe.

        Parameters
        ----------
        use : Use
            The layer's; its input has axes of space or time, and its sizes suit them.
        what : str
            As in the attributes.
        """
        axes = spatial_axes(use)
        padding: Padding = use["padding"]
        if not isinstance(padding, str):
            padding = spread_sizes(padding, axes)
        return cls(
            what,
            spread_sizes(use["size"], axes),
            spread_sizes(use["stride"] or use["size"], axes),
            padding,
            spread_sizes(use.arguments.get("dilation", (1,)), axes),
            use.arguments.get("ceil", False),
        )

    @property
    def axes(self) -> range:
        """The axes between batch and channels, counted from 0."""
        return range(len(self.size))

    @property
    def extent(self) -> tuple[int, ...]:
        """The size with the gaps of the dilation."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True))

    def axis_padding(self, axis: int) -> str | tuple[int, int]:
        """Return the padding of one axis as the engine's shape formulas take it."""
        return "SAME" if self.padding == "same" else self._zeros(axis)

    @property
    def engine_padding(self) -> str | Sequence[Sequence[int]]:
        """The padding as the engine's ops take it."""
        if isinstance(self.padding, str) and not self.ceil:
            return self.padding.upper()
        return [[0, 0], *(list(self._zeros(axis)) for axis in self.axes), [0, 0]]

    def seen(self, use: Use) -> Window:
        """Return what one result of a layer sees of its input."""
        assert use.input is not None
        return Window(self.extent, self.stride, self.starts(use.input[:-1]))

    def starts(self, sizes: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return where the first window of each axis begins, below 0 in the zeros around.

        Parameters
        ----------
        sizes : sequence of int or None
            The sizes of what the windows move over; None for one that is not fixed.
        """
        return tuple(
            None
            if size is None
            else -window_padding(
                size,
                self.size[axis],
                self.stride[axis],
                self.axis_padding(axis),
                self.dilation[axis],
            )[0]
            for axis, size in enumerate(sizes)
        )

    def _zeros(self, axis: int) -> tuple[int, int]:
        """Return how many zeros stand before and after one axis, where the padding is no word."""
        before = 0 if isinstance(self.padding, str) else self.padding[axis]
        # One more place for a partial window, unless that would begin behind the image.
        partial = min(self.stride[axis] - 1, self.extent[axis] - 1 - before) if self.ceil else 0
        return before, before + max(partial, 0)

    @property
    def arguments(self) -> dict[str, Any]:
        """Strides and padding as the engine's ops take them."""
        return {"strides": [1, *self.stride, 1], "padding": self.engine_padding}

    @property
    def in_a_row(self) -> Windows:
        """The same windows over an image of one row, which a sequence is computed as."""
        padding = self.padding if isinstance(self.padding, str) else (0, *self.padding)
        return replace(
            self,
            size=(1, *self.size),
            stride=(1, *self.stride),
            padding=padding,
            dilation=(1, *self.dilation),
        )

    def output(self, use: Use) -> tuple[int | None, ...] | None:
        """Return how many places the windows have along each axis, None where they do not fit.

        The input must have passed `require_axes`.
        """
        assert use.input is not None
        image = use.input[:-1]
        sizes = [
            window_output(
                image[i], self.size[i], self.stride[i], self.axis_padding(i), self.dilation[i]
            )
            for i in self.axes
        ]
        if any(size is not None and size < 1 for size in sizes):
            use.complain(self._does_not_fit(image, use.input))
            return None
        unseen = [self._unseen(image[i], i) for i in self.axes]
        if any(unseen):
            use.complain(self._drops(image, unseen))
        return tuple(sizes)

    def _padded(self, size: int | None, axis: int) -> int | None:
        padding = self.axis_padding(axis)
        return size if size is None or isinstance(padding, str) else size + sum(padding)

    def _unseen(self, size: int | None, axis: int) -> int:
        """Return how many places at the end of an axis no window reaches, zeros not counted."""
        padding = self.axis_padding(axis)
        if size is None or isinstance(padding, str) or self.ceil:
            return 0
        # Windows with gaps between them are meant to leave places out.
        if self.extent[axis] < self.stride[axis]:
            return 0
        before, after = padding
        left = (before + size + after - self.extent[axis]) % self.stride[axis]
        return max(left - after, 0)

    def _does_not_fit(
        self, image: Sequence[int | None], received: Sequence[int | None]
    ) -> Complaint:
        least, fitting = [], []
        for axis in self.axes:
            padding = self.axis_padding(axis)
            zeros = 0 if isinstance(padding, str) else sum(padding)
            least.append(max(self.extent[axis] - zeros, 1))
            available = self._padded(image[axis], axis)
            largest = self.size[axis]
            if available is not None:
                largest = min(largest, (available - 1) // self.dilation[axis] + 1)
            fitting.append(largest)
        spread = f" with dilation {_short(self.dilation)}" if max(self.dilation) > 1 else ""
        repairs = [Repair({"padding": "same"}, "")]
        if min(fitting) >= 1:
            size = format_sizes(fitting)
            repairs.append(Repair({"size": size}, f"a {self.what} of at most {size} fits"))
        return Complaint(
            "TG201",
            f"{self._sized(spread)} does not fit {_sized_image(image)}",
            f"needs at least {format_sizes(least)}, receives {format_sizes(received)}",
            at=("size",),
            repairs=tuple(repairs),
        )

    def _drops(self, image: Sequence[int | None], unseen: Sequence[int]) -> Complaint:
        lost = [
            f"{count} {name}{'s' if count > 1 else ''}" if count > 1 else name
            for count, name in zip(unseen, axes_name(len(self.size)), strict=True)
            if count
        ]
        verb = "is" if len(lost) == 1 and max(unseen) == 1 else "are"
        kind = kind_of(len(image))
        return Complaint(
            "TG204",
            f"the last {' and '.join(lost)} of the {kind} {verb} never seen",
            f"{self._sized()} at stride {_short(self.stride)}"
            f" does not reach the end of {_sized_image(image)}",
            at=("stride", "size"),
            notes=("`same` or `pad=` brings zeros, so that every place is seen",),
            severity="warning",
        )

    def _sized(self, spread: str = "") -> str:
        """Return what a window is called in a message: ``a 3x3 kernel``."""
        if len(self.size) == 1:
            return f"a {self.what} of {self.size[0]}{spread}"
        return f"{_a(format_sizes(self.size))} {self.what}{spread}"


def _sized_image(image: Sequence[int | None]) -> str:
    """Return what an image is called in a message: ``a 28x28 image``."""
    if len(image) == 1:
        return f"a sequence of {format_sizes(image)}"
    return f"{_a(format_sizes(image))} {kind_of(len(image))}"


def _short(size: Sequence[int]) -> str:
    """Return a size as one writes it: ``2`` for a square."""
    return str(size[0]) if len(set(size)) == 1 else format_sizes(size)


def _a(number: str) -> str:
    """Return a number with its article: ``an 8x8``."""
    vowel = number.startswith("8") or re.match(r"1[18]\b|1[18]x", number) is not None
    return f"{'an' if vowel else 'a'} {number}"
