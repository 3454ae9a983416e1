"""``add``, ``mul``, ``max``, ``average``, ``concat``: several values become one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import ClassVar

import tensorgraph as tf
from dsl.layers.arguments import format_sizes
from dsl.layers.definition import Complaint, Layer, Use, register
from tensorgraph.base.shapes import Shape, compatible, merge


class _Elementwise(Layer):
    """A layer that merges values of one shape, element by element.

    Attributes
    ----------
    spreads : bool
        Whether a vector of channels may meet an image.
    """

    merges = True
    spreads: ClassVar[bool] = False

    def output_shape(self, use: Use) -> Shape:
        """Return the shape that all inputs have, vectors of channels aside."""
        if None in use.inputs:
            return None
        shapes = [shape for shape in use.inputs if shape is not None]
        result = max(shapes, key=len)
        for shape in shapes:
            if self.spreads and _is_channels_of(shape, result):
                continue
            if not compatible(shape, result):
                use.complain(
                    Complaint(
                        "TG203",
                        f"`{self.name}` needs values of one shape, receives {_list(shapes)}",
                        f"{format_sizes(shape)} is not {format_sizes(result)}",
                        at=("names",),
                    )
                )
                return None
            result = merge(result, shape) or result
        return result

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the inputs merged, vectors of channels spread over the image."""
        rank = max(len(shape) for shape in use.inputs if shape is not None)
        return self.merge(
            [
                tf.reshape(x, [-1, *[1] * (rank - 1), shape[0]])
                if shape is not None and len(shape) < rank
                else x
                for x, shape in zip(inputs, use.inputs, strict=True)
            ]
        )

    @abstractmethod
    def merge(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return one value made of several."""


class Add(_Elementwise):
    """Adds the current value and the named ones; a vector of channels is spread over an image."""

    name = "add"
    example = "add stem"
    spreads = True

    def merge(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the sum."""
        return reduce(tf.add, inputs)


class Multiply(_Elementwise):
    """Multiplies the current value by the named ones; a vector of channels is spread over an image.

    So squeeze-and-excitation weighs the channels of an image.
    """

    name = "mul"
    example = "mul stem"
    spreads = True

    def merge(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the product."""
        return reduce(tf.multiply, inputs)


class Maximum(_Elementwise):
    """The largest of the current value and the named ones, element by element."""

    name = "max"
    example = "max stem"

    def merge(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the maximum."""
        return reduce(tf.maximum, inputs)


class Average(_Elementwise):
    """The mean of the current value and the named ones, element by element."""

    name = "average"
    example = "average stem"

    def merge(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the mean."""
        return reduce(tf.add, inputs) / len(inputs)


class Concat(Layer):
    """Joins the current value and the named ones along the last axis, the channels."""

    name = "concat"
    example = "concat stem"
    merges = True

    def output_shape(self, use: Use) -> Shape:
        """Return the shape with the last sizes added up."""
        if None in use.inputs:
            return None
        shapes = [shape for shape in use.inputs if shape is not None]
        before: Shape = shapes[0][:-1]
        for shape in shapes:
            if not compatible(shape[:-1], before):
                use.complain(
                    Complaint(
                        "TG203",
                        "`concat` needs values that differ in their last size only,"
                        f" receives {_list(shapes)}",
                        f"{format_sizes(shape)} does not go with {format_sizes(shapes[0])}",
                        at=("names",),
                    )
                )
                return None
            before = merge(before, shape[:-1])
        last = [shape[-1] for shape in shapes]
        channels = None if None in last else sum(size for size in last if size is not None)
        return (*(before or ()), channels)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the inputs side by side."""
        return tf.concat(list(inputs), axis=-1)


def _is_channels_of(shape: tuple[int | None, ...], image: tuple[int | None, ...]) -> bool:
    """Return whether a shape is a vector with one value for each channel of an image."""
    return len(shape) == 1 < len(image) and shape[0] is not None and shape[0] == image[-1]


def _list(shapes: Sequence[tuple[int | None, ...]]) -> str:
    return " and ".join(format_sizes(shape) for shape in shapes)


for _layer in (Add(), Multiply(), Maximum(), Average(), Concat()):
    register(_layer)
