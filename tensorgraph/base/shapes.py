"""Partial shapes, and the formulas that give an output's shape.

Inside the engine a shape is a plain tuple whose entries are an ``int`` or ``None`` (not known
yet), or ``None`` in place of the tuple where not even the rank is known. Users see the same
through `TensorShape`, which behaves as ``tf.TensorShape`` of TensorFlow 1.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, SupportsIndex, TypeAlias

Dim: TypeAlias = int | None
Shape: TypeAlias = tuple[int | None, ...] | None
FullShape: TypeAlias = tuple[int, ...]


class Dimension:
    """One entry of a `TensorShape`: a size, or unknown.

    Parameters
    ----------
    value : int, Dimension or None
        The size; None for unknown.

    Attributes
    ----------
    value : int or None
        The size.

    Raises
    ------
    ValueError
        If the size is negative.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        if isinstance(value, Dimension):
            value = value.value
        self.value: int | None = None if value is None else operator.index(value)
        if self.value is not None and self.value < 0:
            raise ValueError(f"a dimension cannot be negative: {self.value}")

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self.value is None:
            raise TypeError(
                "this dimension is not known before the graph runs: use tf.shape(x)[i] instead"
            )
        return self.value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dimension):
            return self.value == other.value
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.value)

    def _arithmetic(self, other: Any, rule: Any) -> Dimension:
        other = Dimension(other).value
        if self.value is None or other is None:
            return Dimension(None)
        return Dimension(rule(self.value, other))

    def __add__(self, other: Any) -> Dimension:
        return self._arithmetic(other, operator.add)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Dimension:
        return self._arithmetic(other, operator.mul)

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Dimension:
        return self._arithmetic(other, operator.sub)

    def __floordiv__(self, other: Any) -> Dimension:
        return self._arithmetic(other, operator.floordiv)

    def __mod__(self, other: Any) -> Dimension:
        return self._arithmetic(other, operator.mod)


class TensorShape:
    """The static shape of a tensor, possibly known only in part.

    Parameters
    ----------
    dims : None, int, TensorShape, or iterable of int, None or Dimension
        The sizes; None in place of the whole for a shape of unknown rank.

    Raises
    ------
    ValueError
        If a size is negative.
    TypeError
        If a size is no integer.
    """

    __slots__ = ("_dims",)

    def __init__(self, dims: Any) -> None:
        self._dims: Shape = as_shape(dims)

    @property
    def dims(self) -> list[Dimension] | None:
        """The sizes as a list of `Dimension`, or None for unknown rank."""
        return None if self._dims is None else [Dimension(d) for d in self._dims]

    @property
    def ndims(self) -> int | None:
        """The rank, or None where it is unknown."""
        return None if self._dims is None else len(self._dims)

    rank = ndims

    def as_tuple(self) -> Shape:
        """Return the shape as a tuple of int and None, or None for unknown rank."""
        return self._dims

    def as_list(self) -> list[int | None]:
        """Return the shape as a list of int and None.

        Raises
        ------
        ValueError
            If the rank is unknown.
        """
        if self._dims is None:
            raise ValueError("as_list() is not defined for a shape of unknown rank")
        return list(self._dims)

    def is_fully_defined(self) -> bool:
        """Return whether every size is known."""
        return is_full(self._dims)

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether one array could have both shapes."""
        return compatible(self._dims, as_shape(other))

    def merge_with(self, other: Any) -> TensorShape:
        """Return the shape that knows what either of the two knows.

        Raises
        ------
        ValueError
            If the two contradict each other.
        """
        return TensorShape(merge(self._dims, as_shape(other)))

    def concatenate(self, other: Any) -> TensorShape:
        """Return this shape followed by the other."""
        tail = as_shape(other)
        return TensorShape(None if self._dims is None or tail is None else self._dims + tail)

    def with_rank(self, rank: int) -> TensorShape:
        """Return this shape, known to have that rank.

        Raises
        ------
        ValueError
            If its rank is another.
        """
        return self.merge_with((None,) * rank)

    def num_elements(self) -> int | None:
        """Return the product of the sizes, or None where one is unknown."""
        return num_elements(self._dims)

    def __len__(self) -> int:
        if self._dims is None:
            raise ValueError("a shape of unknown rank has no length")
        return len(self._dims)

    def __iter__(self) -> Iterator[Dimension]:
        if self._dims is None:
            raise ValueError("a shape of unknown rank cannot be iterated over")
        return iter([Dimension(d) for d in self._dims])

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if isinstance(key, slice):
            return TensorShape(None if self._dims is None else self._dims[key])
        return Dimension(None if self._dims is None else self._dims[key])

    def __bool__(self) -> bool:
        return self._dims is not None

    def __eq__(self, other: object) -> bool:
        try:
            return self._dims == as_shape(other)
        except (TypeError, ValueError):
            return False

    def __hash__(self) -> int:
        return hash(self._dims)

    def __str__(self) -> str:
        return format_shape(self._dims)

    def __repr__(self) -> str:
        if self._dims is None:
            return "TensorShape(None)"
        return f"TensorShape([{', '.join(str(Dimension(d)) for d in self._dims)}])"


def as_shape(value: Any) -> Shape:
    """Return any spelling of a shape as a tuple of int and None, or None.

    Raises
    ------
    ValueError
        If a size is negative.
    TypeError
        If a size is no integer.
    """
    if value is None:
        return None
    if isinstance(value, TensorShape):
        return value.as_tuple()
    if isinstance(value, tuple) and all(d is None or (type(d) is int and d >= 0) for d in value):
        return value
    if not isinstance(value, Iterable):
        value = (value,)
    return tuple(Dimension(d).value for d in value)


def format_shape(shape: Shape) -> str:
    """Return a shape as TensorFlow prints it: ``(?, 10)``, or ``<unknown>``."""
    if shape is None:
        return "<unknown>"
    inner = ", ".join("?" if d is None else str(d) for d in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def is_full(shape: Shape) -> bool:
    """Return whether rank and every size are known."""
    return shape is not None and None not in shape


def num_elements(shape: Shape) -> int | None:
    """Return the product of the sizes, or None where one is unknown."""
    if shape is None:
        return None
    product = 1
    for d in shape:
        if d is None:
            return None
        product *= d
    return product


def compatible(a: Shape, b: Shape) -> bool:
    """Return whether one array could have both shapes."""
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(
        x is None or y is None or x == y for x, y in zip(a, b, strict=True)
    )


def merge(a: Shape, b: Shape) -> Shape:
    """Return what two descriptions of one shape say together.

    Raises
    ------
    ValueError
        If they contradict each other.
    """
    if a is None or b is None:
        return b if a is None else a
    if not compatible(a, b):
        raise ValueError(f"shapes {format_shape(a)} and {format_shape(b)} are not compatible")
    return tuple(y if x is None else x for x, y in zip(a, b, strict=True))


def common(a: Shape, b: Shape) -> Shape:
    """Return what two shapes have in common: sizes that differ are not known."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape of an elementwise operation on two arrays, by NumPy's rules.

    An unknown size stays unknown, unless it meets a known size above 1, which it must then equal
    or be stretched to.

    Raises
    ------
    ValueError
        If the two cannot be broadcast together.
    """
    if a == b:
        return a
    if a is None or b is None:
        return None
    rank = max(len(a), len(b))
    padded_a = (1,) * (rank - len(a)) + a
    padded_b = (1,) * (rank - len(b)) + b
    result: list[Dim] = []
    for x, y in zip(padded_a, padded_b, strict=True):
        if x == 1:
            result.append(y)
        elif y == 1 or x == y:
            result.append(x)
        elif x is None or y is None:
            result.append(y if x is None else x)
        else:
            raise ValueError(
                f"shapes {format_shape(a)} and {format_shape(b)} cannot be broadcast together:"
                f" sizes {x} and {y} differ and neither is 1"
            )
    return tuple(result)


def normalize_axis(axis: int, rank: int) -> int:
    """Return a possibly negative axis as one in ``[0, rank)``.

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of range for a tensor of rank {rank}")
    return axis % rank


def normalize_axes(axes: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Return axes as a sorted tuple without negatives; None stands for all of them.

    Raises
    ------
    ValueError
        If an axis does not exist or stands twice.
    """
    if axes is None:
        return tuple(range(rank))
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    result = sorted(normalize_axis(int(a), rank) for a in given)
    if len(set(result)) != len(result):
        raise ValueError(f"axes {given} name the same axis twice for a tensor of rank {rank}")
    return tuple(result)


def reduce(shape: Shape, axes: int | Sequence[int] | None, keepdims: bool) -> Shape:
    """Return the shape that remains when `axes` (None: all) are reduced."""
    if shape is None:
        return () if axes is None and not keepdims else None
    gone = normalize_axes(axes, len(shape))
    if keepdims:
        return tuple(1 if i in gone else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def window_padding(
    size: int, window: int, stride: int, padding: str | tuple[int, int], dilation: int = 1
) -> tuple[int, int]:
    """Return how many zeros stand before and after one spatial axis.

    Parameters
    ----------
    size : int
        Size of the axis.
    window, stride, dilation : int
        Size of the kernel or pool, its step, and the distance between its elements.
    padding : str or (int, int)
        ``"VALID"`` (none), ``"SAME"`` (so that the output has ``ceil(size / stride)`` places; an
        odd number puts the extra zero after, as TensorFlow does), or both numbers.
    """
    if padding == "VALID":
        return 0, 0
    if padding == "SAME":
        places = -(-size // stride)
        total = max((places - 1) * stride + (window - 1) * dilation + 1 - size, 0)
        return total // 2, total - total // 2
    if isinstance(padding, str):
        raise ValueError(f"padding must be 'SAME', 'VALID' or explicit numbers, not {padding!r}")
    return padding


def window_output(
    size: Dim, window: int, stride: int, padding: str | tuple[int, int], dilation: int = 1
) -> Dim:
    """Return the number of places a window takes along one spatial axis.

    ``(N + P - K) // S + 1`` with the dilated kernel ``K``; parameters as in `window_padding`. The
    result is 0 or less where the window does not fit, which the caller reports.
    """
    if size is None:
        return None
    if padding == "SAME":
        return -(-size // stride)
    before, after = window_padding(size, window, stride, padding, dilation)
    return (size + before + after - ((window - 1) * dilation + 1)) // stride + 1
