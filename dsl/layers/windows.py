"""What convolution and pooling share: windows that move over an image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dsl.layers.arguments import Pair, format_sizes
from dsl.layers.definition import Complaint, Flag, Parameter, Repair, Use
from tensorgraph.base.shapes import window_output

Padding: TypeAlias = "Literal['valid', 'same'] | tuple[int, int]"
"""A word, or how many zeros stand on each side of the height and of the width."""

PADDING_FLAGS = (
    Flag("valid", "padding", "valid", "windows lie inside of the image (the default)"),
    Flag("same", "padding", "same", "zeros around the image, so that stride 1 keeps its size"),
)
PADDING_OPTION = Parameter(
    "pad", Pair(0), "zeros on each side of the image", default="valid", key="padding"
)


@dataclass(frozen=True)
class Windows:
    """Windows over an image.

    Attributes
    ----------
    what : str
        What messages call one: ``"kernel"``.
    size, stride, dilation : (int, int)
        For height and width.
    padding : Padding
        The zeros around the image.
    ceil : bool
        Whether the last partial window counts too.
    """

    what: str
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    dilation: tuple[int, int] = (1, 1)
    ceil: bool = False

    @property
    def extent(self) -> tuple[int, int]:
        """The size with the gaps of the dilation."""
        height, width = ((k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True))
        return height, width

    def axis_padding(self, axis: int) -> str | tuple[int, int]:
        """Return the padding of one axis as the engine's shape formulas take it."""
        return "SAME" if self.padding == "same" else self._zeros(axis)

    @property
    def engine_padding(self) -> str | Sequence[Sequence[int]]:
        """The padding as the engine's ops take it."""
        if isinstance(self.padding, str) and not self.ceil:
            return self.padding.upper()
        return [[0, 0], list(self._zeros(0)), list(self._zeros(1)), [0, 0]]

    def _zeros(self, axis: int) -> tuple[int, int]:
        """Return how many zeros stand before and after one axis, where the padding is no word."""
        before = 0 if isinstance(self.padding, str) else self.padding[axis]
        # One more place for a partial window, unless that would begin behind the image.
        partial = min(self.stride[axis] - 1, self.extent[axis] - 1 - before) if self.ceil else 0
        return before, before + max(partial, 0)

    @property
    def strides(self) -> list[int]:
        """The stride as the engine's ops take it."""
        return [1, *self.stride, 1]

    def output(self, use: Use) -> tuple[int | None, int | None] | None:
        """Return the height and width of the result, None where that is not possible.

        The image must have passed `require_image`.
        """
        assert use.input is not None
        image = use.input[:2]
        sizes = [
            window_output(
                image[i], self.size[i], self.stride[i], self.axis_padding(i), self.dilation[i]
            )
            for i in (0, 1)
        ]
        if any(size is not None and size < 1 for size in sizes):
            use.complain(self._does_not_fit(image, use.input))
            return None
        unseen = [self._unseen(image[i], i) for i in (0, 1)]
        if any(unseen):
            use.complain(self._drops(image, unseen))
        return sizes[0], sizes[1]

    def _padded(self, size: int | None, axis: int) -> int | None:
        padding = self.axis_padding(axis)
        return size if size is None or isinstance(padding, str) else size + sum(padding)

    def _unseen(self, size: int | None, axis: int) -> int:
        """Return how many places at the end of an axis no window reaches."""
        padded = self._padded(size, axis)
        if padded is None or self.padding == "same" or self.ceil:
            return 0
        return (padded - self.extent[axis]) % self.stride[axis]

    def _does_not_fit(
        self, image: Sequence[int | None], received: Sequence[int | None]
    ) -> Complaint:
        least, fitting = [], []
        for axis in (0, 1):
            padding = self.axis_padding(axis)
            zeros = 0 if isinstance(padding, str) else sum(padding)
            least.append(max(self.extent[axis] - zeros, 1))
            available = self._padded(image[axis], axis)
            largest = self.size[axis]
            if available is not None:
                largest = min(largest, (available - 1) // self.dilation[axis] + 1)
            fitting.append(largest)
        spread = f" with dilation {_short(self.dilation)}" if self.dilation != (1, 1) else ""
        repairs = [Repair({"padding": "same"}, "")]
        if min(fitting) >= 1:
            size = format_sizes(fitting)
            repairs.append(Repair({"size": size}, f"a {self.what} of at most {size} fits"))
        return Complaint(
            "TG201",
            f"{_a(format_sizes(self.size))} {self.what}{spread} does not fit"
            f" {_a(format_sizes(image))} image",
            f"needs at least {format_sizes(least)}, receives {format_sizes(received)}",
            at=("size",),
            repairs=tuple(repairs),
        )

    def _drops(self, image: Sequence[int | None], unseen: Sequence[int]) -> Complaint:
        lost = [
            f"{count} {name}{'s' if count > 1 else ''}" if count > 1 else name
            for count, name in zip(unseen, ("row", "column"), strict=True)
            if count
        ]
        verb = "is" if len(lost) == 1 and max(unseen) == 1 else "are"
        return Complaint(
            "TG204",
            f"the last {' and '.join(lost)} of the image {verb} never seen",
            f"{_a(format_sizes(self.size))} {self.what} at stride {_short(self.stride)}"
            f" does not reach the end of {_a(format_sizes(image))} image",
            at=("stride", "size"),
            notes=("`same` or `pad=` brings zeros, so that every place is seen",),
            severity="warning",
        )


def _short(size: tuple[int, int]) -> str:
    """Return a size as one writes it: ``2`` for a square."""
    return str(size[0]) if size[0] == size[1] else format_sizes(size)


def _a(number: str) -> str:
    """Return a number with its article: ``an 8x8``."""
    vowel = number.startswith("8") or re.match(r"1[18]\b|1[18]x", number) is not None
    return f"{'an' if vowel else 'a'} {number}"


def require_image(use: Use, name: str) -> bool:
    """Return whether the input is known to be an image; complain where it is something else."""
    shape = use.input
    if shape is None:
        return False
    if len(shape) == 3:
        return True
    use.complain(
        Complaint(
            "TG202",
            f"`{name}` needs an image",
            f"expected height x width x channels, receives {format_sizes(shape)}",
        )
    )
    return False


def unknown_features(name: str, shape: Sequence[int | None]) -> Complaint:
    """Return the complaint about an input whose number of features is not fixed."""
    return Complaint(
        "TG205",
        f"the weights of `{name}` need an input of known size",
        f"receives {format_sizes(shape)}, where `?` is not fixed",
        notes=("the sizes come from `input`; only what is convolved may stay open",),
    )
