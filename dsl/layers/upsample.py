"""``upsample``: a larger image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import tensorgraph as tf
from dsl.layers.arguments import Sizes
from dsl.layers.definition import Flag, Layer, Parameter, Use, Window, register
from dsl.layers.spatial import (
    EVERY_KIND,
    require_axes,
    run_time_sizes,
    spatial_axes,
    spread_sizes,
)
from tensorgraph.base.shapes import Shape


class Upsample(Layer):
    """Makes an image, a sequence or a volume larger, by repeating its values or between them."""

    name = "upsample"
    example = "upsample 2 bilinear"
    positional = (Parameter("size", Sizes(1), "how many times larger, each way or all"),)
    flags = (Flag("bilinear", "bilinear", True, "takes the mean of the pixels nearby"),)

    def output_shape(self, use: Use) -> Shape:
        """Return the sizes times their factors."""
        kinds = (1, 2) if use["bilinear"] else EVERY_KIND
        name = "upsample bilinear" if use["bilinear"] else self.name
        if not require_axes(use, name, kinds, sizes=("size",)):
            return None
        assert use.input is not None
        *image, channels = use.input
        sizes = [
            None if size is None else size * factor
            for size, factor in zip(image, _factors(use), strict=True)
        ]
        return (*sizes, channels)

    def window(self, use: Use) -> Window:
        """Return what a value is made of, and the share of the distance that values have."""
        factors = _factors(use)
        seen = tuple(2 if use["bilinear"] and factor > 1 else 1 for factor in factors)
        # Copies: output i shows floor(i / factor). Else it lies between the pixels around
        # (i + 1/2) / factor - 1/2, and that at the lower side is floor of this.
        start = tuple(
            Fraction(2 - 3 * factor, 2 * factor) if count > 1 else Fraction(1 - factor, factor)
            for factor, count in zip(factors, seen, strict=True)
        )
        return Window(seen, tuple(Fraction(1, factor) for factor in factors), start)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the larger image."""
        enlarge = _interpolated if use["bilinear"] else _repeated
        result = enlarge(inputs[0], _factors(use))
        result.set_shape((None, *(self.output_shape(use) or ())))
        return result


def _factors(use: Use) -> tuple[int, ...]:
    return spread_sizes(use["size"], spatial_axes(use))


def _repeated(x: tf.Tensor, factors: Sequence[int]) -> tf.Tensor:
    """Return each value as often as the factors say, side by side."""
    sizes, channels = run_time_sizes(x), tf.shape(x)[-1]
    apart: list[Any] = [tf.shape(x)[0]]
    together, times = list(apart), [1]
    for size, factor in zip(sizes, factors, strict=True):
        apart += [size, 1]
        times += [1, factor]
        together.append(size * factor)
    copies = tf.tile(tf.reshape(x, tf.stack([*apart, channels])), [*times, 1])
    return tf.reshape(copies, tf.stack([*together, channels]))


def _interpolated(x: tf.Tensor, factors: Sequence[int]) -> tf.Tensor:
    """Return an image whose pixels are means of those nearby."""
    if len(factors) == 1:
        # A sequence is an image of one row.
        return tf.squeeze(_interpolated(tf.expand_dims(x, 1), (1, *factors)), [1])
    target = [size * factor for size, factor in zip(run_time_sizes(x), factors, strict=True)]
    return tf.image.resize_bilinear(x, tf.stack(target), half_pixel_centers=True)


register(Upsample())
