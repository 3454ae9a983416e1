"""Limits on the size of numbers and of gradients.

Of an `IndexedSlices` they take the rows, each by itself where a place occurs twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.indexed_slices import IndexedSlices
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.math import add_n, cast, greater, maximum, minimum, sqrt, where
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import ones_like


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Return the tensor with its elements cut to an interval.

    Parameters
    ----------
    t : Tensor
        What to clip.
    clip_value_min, clip_value_max : number or Tensor
        The interval.
    name : str, default "clip_by_value"
        Its name.
    """
    x = _numbers(t)
    with x.graph.name_scope(name or "clip_by_value") as scope:
        result = maximum(minimum(x, clip_value_max), clip_value_min, name=scope)
    return _like(t, result)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Return the tensor, scaled down so that its Euclidean norm is no more than `clip_norm`.

    Parameters
    ----------
    t : Tensor
        What to clip.
    clip_norm : number or scalar Tensor
        The largest norm.
    axes : sequence of int, optional
        The axes that a norm is taken over; default all.
    name : str, default "clip_by_norm"
        Its name.
    """
    x = _numbers(t)
    with x.graph.name_scope(name or "clip_by_norm") as scope:
        squares = reduce_sum(x * x, axes, keepdims=True)
        # The root has no slope at 0; what is 0 is chosen before it, so that the gradient is 0.
        positive = greater(squares, 0.0)
        root = sqrt(where(positive, squares, ones_like(squares)))
        norm = where(positive, root, squares)
        result = apply("RealDiv", x * clip_norm, maximum(norm, clip_norm), name=scope)
    return _like(t, result)


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """Return the tensor, scaled down so that its norm by its size is no more than `clip_norm`."""
    x = convert_to_tensor(t)
    with x.graph.name_scope(name or "clip_by_average_norm") as scope:
        count = cast(apply("Size", x), x.dtype)
        inverse = apply("Rsqrt", reduce_sum(x * x)) * count
        limit = 1.0 / convert_to_tensor(clip_norm, x.dtype)
        return apply("Mul", x * clip_norm, minimum(inverse, limit), name=scope)


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """Return the Euclidean norm of all elements of some tensors together.

    Parameters
    ----------
    t_list : sequence of (Tensor or None)
        The tensors; None is left out.
    name : str, default "global_norm"
        Its name.

    Raises
    ------
    TypeError
        If `t_list` is no list.
    """
    tensors = _tensors(t_list)
    with get_default_graph().name_scope(name or "global_norm"):
        halves = [reduce_sum(x * x) * 0.5 for x in tensors if x is not None]
        return sqrt(add_n(halves) * 2.0, name="global_norm")


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """Return tensors, scaled down so that their norm together is no more than `clip_norm`.

    Parameters
    ----------
    t_list : sequence of (Tensor or None)
        The tensors, as gradients; None stays None.
    clip_norm : number or scalar Tensor
        The largest norm.
    use_norm : scalar Tensor, optional
        The norm, if it is known already.
    name : str, default "clip_by_global_norm"
        Its scope.

    Returns
    -------
    list_clipped : list of (Tensor, IndexedSlices or None)
        The tensors; all NaN where the norm is not finite.
    global_norm : Tensor
        The norm before.

    Raises
    ------
    TypeError
        If `t_list` is no list.
    """
    tensors = _tensors(t_list)
    norm: Tensor = global_norm(tensors) if use_norm is None else convert_to_tensor(use_norm)
    with get_default_graph().name_scope(name or "clip_by_global_norm") as scope:
        limit = 1.0 / convert_to_tensor(clip_norm, norm.dtype)
        # An infinite norm less itself is NaN: it must not pass as a scale of 0.
        scale = clip_norm * minimum(1.0 / norm, limit) + (norm - norm)
        products = [None if x is None else x * scale for x in tensors]
        # TensorFlow's names: the scope's own last part, then the number.
        prefix = f"{scope}{scope.rstrip('/').rpartition('/')[2]}/_"
        clipped = [
            None if p is None else _like(t, apply("Identity", p, name=f"{prefix}{i}/"))
            for i, (t, p) in enumerate(zip(t_list, products, strict=True))
        ]
    return clipped, norm


def _tensors(t_list: Any) -> list[Tensor | None]:
    if not isinstance(t_list, list | tuple):
        raise TypeError(f"a list of tensors is needed, not {t_list!r}")
    return [None if t is None else _numbers(t) for t in t_list]


def _numbers(t: Any) -> Tensor:
    """Return a tensor, or the rows that are one."""
    return t.values if isinstance(t, IndexedSlices) else convert_to_tensor(t)


def _like(t: Any, numbers: Tensor) -> Any:
    """Return numbers as what they were made of: a tensor, or rows at their places."""
    if isinstance(t, IndexedSlices):
        return IndexedSlices(numbers, t.indices, t.dense_shape)
    return numbers
