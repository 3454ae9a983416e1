"""`IndexedSlices`: a tensor of which only some rows are not zero."""

from __future__ import annotations

from typing import Any, NamedTuple

from tensorgraph.base.dtypes import DType
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor


class IndexedSlicesValue(NamedTuple):
    """What a run gives for an `IndexedSlices`.

    Attributes
    ----------
    values, indices, dense_shape : numpy.ndarray
        The values of its parts; `dense_shape` is None where it has none.
    """

    values: Any
    indices: Any
    dense_shape: Any = None


class IndexedSlices:
    """Rows of a tensor, and where they stand in it; a place that occurs twice is their sum.

    The gradient of a table by the rows that were looked up is one: the other rows do not count, and
    optimizers leave them alone. Wherever a tensor is needed, it stands for the whole tensor.

    Parameters
    ----------
    values : Tensor of shape (rows, …)
        The rows.
    indices : Tensor of int32 or int64, of shape (rows,)
        Their places.
    dense_shape : Tensor of int32 or int64, optional
        The shape of the whole; needed to make it.

    Attributes
    ----------
    values, indices, dense_shape
        The parameters.
    """

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Tensor | None = None) -> None:
        self.values = values
        self.indices = indices
        self.dense_shape = dense_shape
        self._dense: Tensor | None = None

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.values.dtype

    @property
    def op(self) -> Operation:
        """The operation that makes the values."""
        return self.values.op

    @property
    def name(self) -> str:
        """The name of the values."""
        return self.values.name

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.values.graph

    @property
    def device(self) -> str | None:
        """Where the values are made."""
        return self.values.op.device

    def __repr__(self) -> str:
        return f"<tf.IndexedSlices of {self.values.name!r} at {self.indices.name!r}>"

    def _as_tensor(self) -> Tensor:
        """Return the whole tensor.

        Raises
        ------
        ValueError
            If its shape is not known.
        """
        if self.dense_shape is None:
            raise ValueError(f"{self!r} has no dense_shape: it cannot be made a tensor")
        if self._dense is None:
            parts = (self.values, self.indices, self.dense_shape)
            with self.graph.source(self.op.source):
                op = self.graph.apply("GatherGrad", *parts, axis=0, batch_dims=0)
            self._dense = op.outputs[0]
        return self._dense

    _as_graph_element = _as_tensor
