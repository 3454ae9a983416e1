"""`TensorArray`: a list of tensors that loops read and write, element by element."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.base.shapes import Shape
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.static import static_value
from tensorgraph.ops.control_flow import no_op
from tensorgraph.ops.lists import split
from tensorgraph.ops.ranges import range_
from tensorgraph.ops.sources import identity


class _Elements:
    """What is known of the elements, shared by all states of one array."""

    __slots__ = ("infer", "shape")

    def __init__(self, shape: Shape, infer: bool) -> None:
        self.shape = shape
        self.infer = infer

    def learn(self, shape: Shape) -> None:
        """Take in the shape of an element that is written."""
        if not shapes.compatible(self.shape, shape):
            raise ValueError(
                f"inconsistent shapes: an element of shape {shapes.format_shape(shape)} for a"
                f" TensorArray whose elements have shape {shapes.format_shape(self.shape)}"
            )
        if self.infer:
            self.shape = shapes.merge(self.shape, shape)


class TensorArray:
    """A list of tensors, to be read and written by index inside of loops.

    Writing returns a new `TensorArray`, which must be used in place of the old one. Each element
    is written once at most. Gradients flow through all of it.

    Parameters
    ----------
    dtype : DType
        The element type of its tensors.
    size : int or Tensor, optional
        How many elements it has.
    dynamic_size : bool, default False
        It grows where an element beyond its size is written.
    clear_after_read, colocate_with_first_write_call : bool
        Accepted for TensorFlow's sake: elements may be read several times.
    tensor_array_name : str
        Likewise.
    handle : None
        There is none here; give a `flow`.
    flow : Tensor, optional
        Another array's `flow`, instead of a size.
    infer_shape : bool, default True
        All elements have one shape, which is learnt from the first.
    element_shape : sequence of (int or None), optional
        What is known of that shape.
    name : str, default "TensorArray"
        The name of its node.

    Attributes
    ----------
    dtype : DType
        The parameter.
    flow : Tensor
        The list itself, of type variant.

    Raises
    ------
    ValueError
        If there is neither size nor flow, or both.

    Examples
    --------
    >>> squares = tf.TensorArray(tf.float32, size=3)
    >>> for i in range(3):
    ...     squares = squares.write(i, float(i * i))
    >>> squares.stack()  # [0, 1, 4]
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Tensor | None = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        del clear_after_read, tensor_array_name, colocate_with_first_write_call
        if handle is not None:
            raise ValueError("a TensorArray has no handle here: pass flow= instead")
        if (size is None) == (flow is None):
            raise ValueError("a TensorArray needs either a size or a flow, and not both")
        self.dtype = as_dtype(dtype)
        self._dynamic_size = bool(dynamic_size)
        shape = shapes.as_shape(element_shape)
        self._elements = _Elements(shape, infer_shape or shape is not None)
        self._size: int | None = None
        if flow is None:
            count = convert_to_tensor(size, dtypes.int32)
            known = static_value(count)
            self._size = None if known is None or dynamic_size else int(known)
            flow = apply("TensorArrayV3", count, name=name or "TensorArray")
        self.flow: Tensor = flow

    @property
    def handle(self) -> None:
        """None: the array is its `flow`."""
        return

    @property
    def element_shape(self) -> shapes.TensorShape:
        """What is known of the shape of an element."""
        return shapes.TensorShape(self._elements.shape)

    @property
    def dynamic_size(self) -> bool:
        """Whether it grows."""
        return self._dynamic_size

    def with_flow(self, flow: Tensor) -> TensorArray:
        """Return this array in another state: after a write, or inside of a loop."""
        other = TensorArray(self.dtype, flow=flow, dynamic_size=self._dynamic_size)
        other._elements = self._elements
        other._size = self._size
        return other

    def identity(self) -> TensorArray:
        """Return the same array, after whatever the context depends on."""
        return self.with_flow(identity(self.flow))

    def size(self, name: str | None = None) -> Tensor:
        """Return how many elements it has when the graph runs, as int32."""
        if self._size is not None:
            return convert_to_tensor(self._size, dtypes.int32)
        return apply("TensorArraySizeV3", self.flow, name=name)

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """Return an element.

        Parameters
        ----------
        index : int or Tensor
            Its place, from 0.
        name : str, optional
            The node's name.
        """
        return self._read(_scalar(index), name)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """Return the elements at `indices`, stacked along a new first axis."""
        return self._read(_indices(indices), name or "TensorArrayGatherV3")

    def stack(self, name: str | None = None) -> Tensor:
        """Return all elements, stacked along a new first axis."""
        with get_default_graph().name_scope(name or "TensorArrayStack"):
            count = self.size()
            return self._read(range_(count), "TensorArrayGatherV3")

    def _read(self, indices: Tensor, name: str | None) -> Tensor:
        attrs = {
            "dtype": self.dtype,
            "shape": self._elements.shape,
            "same_shapes": self._elements.infer,
        }
        return apply("TensorArrayReadV3", self.flow, indices, name=name, **attrs)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Return the array with an element written.

        Parameters
        ----------
        index : int or Tensor
            Its place, from 0.
        value : Tensor
            The element.
        name : str, optional
            The node's scope.

        Raises
        ------
        ValueError
            If its shape is not that of the other elements.
        TypeError
            If its type is not that of the array.
        """
        with get_default_graph().name_scope(name or "TensorArrayWrite"):
            element = convert_to_tensor(value, self.dtype)
            self._elements.learn(element.dims)
            return self._write(_scalar(index), element, "TensorArrayWriteV3")

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Return the array with the rows of `value` written at `indices`."""
        with get_default_graph().name_scope(name or "TensorArrayScatter"):
            rows = convert_to_tensor(value, self.dtype)
            self._learn_rows(rows)
            return self._write(_indices(indices), rows, "TensorArrayScatterV3")

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Return the array with the rows of `value` for elements."""
        with get_default_graph().name_scope(name or "TensorArrayUnstack"):
            rows = convert_to_tensor(value, self.dtype)
            count = apply("Shape", rows, out_type=dtypes.int32)[0]
            return self.scatter(range_(count), rows)

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Return the array of the pieces of `value` along its first axis.

        Parameters
        ----------
        value : Tensor
            What to cut.
        lengths : Tensor of int32 or int64
            The size of each piece.
        name : str, optional
            The node's scope.
        """
        with get_default_graph().name_scope(name or "TensorArraySplit"):
            pieces = convert_to_tensor(value, self.dtype)
            if pieces.dims is not None:
                self._elements.learn((None, *pieces.dims[1:]))
            flow = split(self.flow, pieces, _indices(lengths), dynamic_size=self._dynamic_size)
            return self.with_flow(flow)

    def concat(self, name: str | None = None) -> Tensor:
        """Return all elements joined along their first axis, where their sizes may differ."""
        attrs = {"dtype": self.dtype, "shape": self._elements.shape}
        return apply("TensorArrayConcatV3", self.flow, name=name, **attrs)

    def close(self, name: str | None = None) -> Operation:
        """Return an operation that does nothing: the array goes when nothing needs it."""
        return no_op(name)

    def _learn_rows(self, rows: Tensor) -> None:
        if rows.dims == ():
            raise ValueError(f"{rows.name!r} is a scalar: it has no rows to be elements")
        self._elements.learn(None if rows.dims is None else rows.dims[1:])

    def _write(self, indices: Tensor, value: Tensor, name: str) -> TensorArray:
        attrs = {"dynamic_size": self._dynamic_size}
        flow = apply("TensorArrayWriteV3", self.flow, indices, value, name=name, **attrs)
        return self.with_flow(flow)

    def __repr__(self) -> str:
        return f"<tf.TensorArray {self.flow.op.name!r} dtype={self.dtype.name}>"


def _indices(value: Any) -> Tensor:
    indices = convert_to_tensor(value)
    if not indices.dtype.is_integer:
        raise TypeError(f"indices must be integers; {indices.name!r} is {indices.dtype.name}")
    return indices if indices.dtype is dtypes.int32 else apply("Cast", indices, dtype=dtypes.int32)


def _scalar(value: Any) -> Tensor:
    index = _indices(value)
    if index.dims not in (None, ()):
        raise ValueError(f"an index must be a scalar, not of shape {index.shape}")
    return index
