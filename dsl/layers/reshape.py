"""``reshape``, ``permute``: the same values in another shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import tensorgraph as tf
from dsl.layers.arguments import ArgumentType, Size, Value, Whole, format_sizes
from dsl.layers.definition import Complaint, Layer, Parameter, Use, register
from dsl.layers.spatial import unknown_features
from tensorgraph.base.shapes import Shape, num_elements


class _ShapePart(ArgumentType):
    """A part of a shape: a size, or several as in ``7x7x64``; ``?`` for one that follows."""

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "a shape such as 49x64"

    def convert(self, value: Value) -> tuple[int | None, ...]:
        """Return the sizes, None for ``?``."""
        if isinstance(value, Size):
            given = [None if size is None else Whole(1).convert(size) for size in value.sizes]
            return tuple(given)
        return (Whole(1).convert(value),)


class Reshape(Layer):
    """Arranges the values of an example in another shape, in the same order."""

    name = "reshape"
    example = "reshape 16x12"
    rest = Parameter("shape", _ShapePart(), "the new shape; one size may be `?`")

    def output_shape(self, use: Use) -> Shape:
        """Return the new shape."""
        wanted: tuple[int | None, ...] = sum(use["shape"], ())
        if use.input is None:
            return None
        count, fixed = num_elements(use.input), prod(size or 1 for size in wanted)
        if count is None:
            use.complain(unknown_features(self.name, use.input))
            return None
        if wanted.count(None) == 1 and count % fixed == 0:
            return tuple(count // fixed if size is None else size for size in wanted)
        if fixed == count and None not in wanted:
            return wanted
        use.complain(_other_count(use.input, count, wanted, fixed))
        return None

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input in the new shape."""
        return tf.reshape(inputs[0], [-1, *(self.output_shape(use) or ())])


class Permute(Layer):
    """Puts the axes of an example in another order; they are counted from 1."""

    name = "permute"
    example = "permute 3 1 2"
    rest = Parameter("axes", Whole(1), "the axes of the input in their new order")

    def output_shape(self, use: Use) -> Shape:
        """Return the sizes in their new order."""
        if use.input is None:
            return None
        axes, rank = use["axes"], len(use.input)
        if sorted(axes) != list(range(1, rank + 1)):
            every = " ".join(str(axis) for axis in range(1, rank + 1))
            use.complain(
                Complaint(
                    "TG224",
                    f"`{self.name}` needs each axis once",
                    f"expected {every} in some order, for an input of {format_sizes(use.input)}",
                    at=("axes",),
                )
            )
            return None
        return tuple(use.input[axis - 1] for axis in axes)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input with its axes in the new order, the batch in front."""
        return tf.transpose(inputs[0], [0, *use["axes"]])


def _other_count(
    received: Sequence[int | None], count: int, wanted: Sequence[int | None], fixed: int
) -> Complaint:
    """Return the complaint about a shape that the values do not fill."""
    if wanted.count(None) > 1:
        expected = "expected at most one `?`"
    elif None in wanted:
        expected = f"{count} values are not a multiple of {fixed}"
    else:
        expected = f"expected {count} values, `{format_sizes(wanted)}` has {fixed}"
    return Complaint(
        "TG223",
        f"an input of {format_sizes(received)} cannot become {format_sizes(wanted)}",
        expected,
        at=("shape",),
    )


register(Reshape())
register(Permute())
