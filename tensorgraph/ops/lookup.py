"""Rows by numbers and by masks."""

from __future__ import annotations

import math
from typing import Any

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.static import static_int
from tensorgraph.ops.array import reshape, shape, squeeze
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.clip import clip_by_norm
from tensorgraph.ops.division import floordiv, floormod
from tensorgraph.ops.gather import gather
from tensorgraph.ops.math import where


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: Any = None) -> Tensor:
    """Return the parts of a tensor at which a mask holds, in a row.

    Parameters
    ----------
    tensor : Tensor
        Where to take from.
    mask : Tensor of bool
        Of the shape that `tensor` has from `axis` on, as far as the mask goes. Its rank must be
        known.
    name : str, default "boolean_mask"
        Its scope.
    axis : int, default 0
        The first axis of the mask.

    Raises
    ------
    ValueError
        If the mask is a scalar, its rank is unknown, or the shapes differ.
    """
    x = convert_to_tensor(tensor)
    with x.graph.name_scope(name):
        chosen = convert_to_tensor(mask)
        if chosen.dims is None:
            raise ValueError("the rank of the mask must be known, even if its sizes are not")
        if not chosen.dims:
            raise ValueError("the mask cannot be a scalar")
        start = 0 if axis is None else static_int(axis, "the axis of a mask")
        if x.dims is not None:
            start = shapes.normalize_axis(start, len(x.dims))
            covered = x.dims[start : start + len(chosen.dims)]
            if not shapes.compatible(covered, chosen.dims):
                raise ValueError(f"a mask of shape {chosen.shape} does not suit {x.shape}")
        end = start + len(chosen.dims)
        sizes = shape(x)
        lead = apply("Prod", sizes[start:end], axes=None, keepdims=False)
        flat = reshape(x, concat([sizes[:start], apply("Pack", lead, axis=0), sizes[end:]], 0))
        if x.dims is not None:
            count = shapes.num_elements(x.dims[start:end])
            flat.set_shape((*x.dims[:start], count, *x.dims[end:]))
        places = squeeze(where(reshape(chosen, [-1])), [1])
        return gather(flat, places, axis=start)


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """Return the rows of a table, or of tables that are parts of one.

    Parameters
    ----------
    params : Tensor, Variable, or list of them
        The table, or its parts.
    ids : Tensor of int32 or int64
        The numbers of the rows.
    partition_strategy : str, default "mod"
        How the parts share the rows: in turn (``"mod"``), or in blocks (``"div"``).
    name : str, default "embedding_lookup"
        Its name.
    validate_indices : bool
        Accepted for TensorFlow's sake; they are always checked.
    max_norm : float, optional
        Scale rows down to this norm.

    Returns
    -------
    Tensor
        Of the shape of `ids`, then that of a row.

    Raises
    ------
    ValueError
        If there are no parts, the strategy is another, or the parts have rows of unknown number.
    """
    del validate_indices
    tables = list(params) if isinstance(params, list | tuple) else [params]
    if not tables:
        raise ValueError("embedding_lookup needs a table")
    if partition_strategy not in ("mod", "div"):
        raise ValueError(f"partition_strategy must be 'mod' or 'div', not {partition_strategy!r}")
    numbers = convert_to_tensor(ids)
    with numbers.graph.name_scope(name or "embedding_lookup") as scope:
        table = tables[0] if len(tables) == 1 else concat(tables, 0)
        if len(tables) > 1 and partition_strategy == "mod":
            numbers = _in_turn(tables, numbers)
        if max_norm is None:
            return gather(table, numbers, name=scope)
        rows = gather(table, numbers)
        rank = math.inf if numbers.dims is None else len(numbers.dims)
        if rows.dims is None:
            raise ValueError("max_norm needs tables and ids of known rank")
        axes = [i for i in range(len(rows.dims)) if i >= rank]
        limited: Tensor = clip_by_norm(rows, max_norm, axes, name=scope)
        return limited


def _in_turn(tables: list[Any], ids: Tensor) -> Tensor:
    """Return the row in the joined tables for ids that are dealt out to them in turn."""
    sizes = [convert_to_tensor(t).dims for t in tables]
    starts = [0]
    for dims in sizes[:-1]:
        if not dims or dims[0] is None:
            raise ValueError("the number of rows of each part of a table must be known")
        starts.append(starts[-1] + dims[0])
    count = convert_to_tensor(len(tables), ids.dtype)
    first = gather(convert_to_tensor(starts, ids.dtype), floormod(ids, count))
    return first + floordiv(ids, count)
