"""``add`` and ``concat``: several values become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import format_sizes
from dsl.layers.definition import Complaint, Layer, Use, register
from tensorgraph.base.shapes import Shape, compatible, merge


class Add(Layer):
    """Adds the current value and the named ones; a vector of channels is spread over an image."""

    name = "add"
    example = "add stem"
    merges = True

    def infer(self, use: Use) -> Shape:
        """Return the shape that all inputs have, vectors of channels aside."""
        if None in use.inputs:
            return None
        shapes = [shape for shape in use.inputs if shape is not None]
        result = max(shapes, key=len)
        for shape in shapes:
            if _is_channels_of(shape, result):
                continue
            if not compatible(shape, result):
                use.complain(
                    Complaint(
                        "TG203",
                        f"`add` needs values of one shape, receives {_list(shapes)}",
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
        """Return the sum."""
        rank = max(len(shape) for shape in use.inputs if shape is not None)
        spread = [
            tf.reshape(x, [-1, *[1] * (rank - 1), shape[0]])
            if shape is not None and len(shape) < rank
            else x
            for x, shape in zip(inputs, use.inputs, strict=True)
        ]
        result = spread[0]
        for x in spread[1:]:
            result = tf.add(result, x)
        return result


class Concat(Layer):
    """Joins the current value and the named ones along the last axis, the channels."""

    name = "concat"
    example = "concat stem"
    merges = True

    def infer(self, use: Use) -> Shape:
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


register(Add())
register(Concat())
