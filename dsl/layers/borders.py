"""``zeropad``, ``crop``: more or less at the edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import Sizes, format_sizes
from dsl.layers.definition import Complaint, Layer, Parameter, Use, Window, register
from dsl.layers.spatial import kind_of, require_axes, spatial_axes, spread_sizes
from tensorgraph.base.shapes import Shape


class _Border(Layer):
    positional = (
        Parameter("size", Sizes(0), "how much before each axis, and after it"),
        Parameter("after", Sizes(0), "how much after each axis, where it is not the same", None),
    )
    sign: int

    def output_shape(self, use: Use) -> Shape:
        """Return the size of the image without its edges, or with more."""
        if not require_axes(use, self.name, sizes=("size", "after")):
            return None
        assert use.input is not None
        *image, channels = use.input
        sizes = [
            None if size is None else size + self.sign * (before + after)
            for size, (before, after) in zip(image, _edges(use), strict=True)
        ]
        if any(size is not None and size < 1 for size in sizes):
            use.complain(
                Complaint(
                    "TG227",
                    f"`{self.name}` leaves nothing of the {kind_of(len(image))}",
                    f"expected less than {format_sizes(image)} in all",
                    at=("after", "size"),
                )
            )
            return None
        return (*sizes, channels)

    def window(self, use: Use) -> Window:
        """Return windows of a single place, which begin before or after the image does."""
        edges = _edges(use)
        ones = (1,) * len(edges)
        return Window(ones, ones, tuple(-self.sign * before for before, _ in edges))


class ZeroPad(_Border):
    """Puts zeros around an image, a sequence or a volume."""

    name = "zeropad"
    example = "zeropad 1"
    sign = 1

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input with zeros around it."""
        return tf.pad(inputs[0], [[0, 0], *map(list, _edges(use)), [0, 0]])


class Crop(_Border):
    """Cuts the edges off an image, a sequence or a volume."""

    name = "crop"
    example = "crop 1"
    sign = -1

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input without its edges."""
        inside = [slice(before, -after or None) for before, after in _edges(use)]
        result: tf.Tensor = inputs[0][(slice(None), *inside)]
        return result


def _edges(use: Use) -> list[tuple[int, int]]:
    """Return the sizes before and after each axis."""
    axes = spatial_axes(use)
    before = spread_sizes(use["size"], axes)
    after = before if use["after"] is None else spread_sizes(use["after"], axes)
    return list(zip(before, after, strict=True))


register(ZeroPad())
register(Crop())
