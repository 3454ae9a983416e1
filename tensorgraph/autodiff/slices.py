"""Gradients of tables by rows that were looked up, as these rows alone."""

from __future__ import annotations

from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.indexed_slices import IndexedSlices
from tensorgraph.graph.node import Tensor


def as_slices(gradient: Tensor) -> IndexedSlices | None:
    """Return the rows of which a gradient is made, None if it is made in another way.

    Parameters
    ----------
    gradient : Tensor
        What `gradients` has found: the gradient of one `tf.gather` along the first axis, or the sum
        of several.
    """
    parts = gradient.op.inputs if gradient.op.type == "AddN" else (gradient,)
    found = [_slices(part) for part in parts]
    if None in found:
        return None
    rows = [s for s in found if s is not None]
    if len(rows) == 1:
        return rows[0]
    indices = [s.indices for s in rows]
    if len({t.dtype for t in indices}) > 1:
        indices = [apply("Cast", t, dtype=convert_to_tensor(0, "int64").dtype) for t in indices]
    return IndexedSlices(
        apply("ConcatV2", *(s.values for s in rows), axis=0),
        apply("ConcatV2", *indices, axis=0),
        rows[0].dense_shape,
    )


def _slices(part: Tensor) -> IndexedSlices | None:
    """Return the rows that one look-up gives."""
    op = part.op
    if op.type != "GatherGrad" or op.attrs["batch_dims"] or op.attrs["axis"] or part.dims is None:
        return None
    dy, indices, dense_shape = op.inputs
    row = part.dims[1:]
    if None in row:
        return None
    values = dy
    if indices.dims is None or len(indices.dims) != 1:
        values = apply("Reshape", dy, [-1, *row])
        indices = apply("Reshape", indices, [-1])
    return IndexedSlices(values, indices, dense_shape)
