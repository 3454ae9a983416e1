"""Lists of arrays as values: what `TensorArray` is made of, and the tape of loops and branches.

A list never changes: writing gives a new one. So loops can carry lists, and gradients of writing
and reading are reading and writing. The gradient of a list is a list too, in which a missing
element stands for zeros; so the gradient of reading one element holds just that one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.graph.defaults import apply
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Gradients, KernelContext, OpDef, Spec, register

LIST = Arg("list", (dtypes.variant,), group="")
INDICES = Arg("indices", (dtypes.int32,), group="", host=True)
VALUE = Arg("value", (*dtypes.ALL, dtypes.variant), group="")


class TensorList:
    """The value of a tensor of type variant.

    Parameters
    ----------
    size : int
        How many elements it may have.
    elements : mapping, optional
        Those that were written: arrays, or lists again.

    Attributes
    ----------
    size, elements
        The parameters.
    """

    __slots__ = ("elements", "size")

    def __init__(self, size: int = 0, elements: Mapping[Hashable, Any] | None = None) -> None:
        self.size = size
        self.elements: Mapping[Hashable, Any] = {} if elements is None else elements

    def __repr__(self) -> str:
        return f"<TensorList of {len(self.elements)} of {self.size} elements>"


class ListOp(OpDef):
    """An op whose result is a list."""

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.variant, ()),)


@register
class EmptyTensorList(ListOp):
    """A list without elements: as a gradient, zeros."""

    type = "EmptyTensorList"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return TensorList()


@register
class NewList(ListOp):
    """A list of a size, none of whose elements is written."""

    type = "TensorArrayV3"
    inputs = (Arg("size", (dtypes.int32,), host=True),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return TensorList(int(inputs[0]))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None,)


@register
class ListSize(OpDef):
    """How many elements a list may have."""

    type = "TensorArraySizeV3"
    inputs = (LIST,)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.int32, ()),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(inputs[0].size, dtypes.int32.np_dtype)


@register
class AddLists(ListOp):
    """The elements of lists, added up where several have one."""

    type = "AddLists"
    inputs = (LIST,)
    variadic = True

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return _sum(k, inputs)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return [grads[0]] * len(op.inputs)


def _sum(k: KernelContext, lists: Sequence[TensorList]) -> TensorList:
    # The longest is copied as a whole, so that adding one element to many is quick.
    first, *others = sorted(lists, key=lambda x: len(x.elements), reverse=True)
    elements = dict(first.elements)
    for other in others:
        for key, value in other.elements.items():
            have = elements.get(key)
            if have is None:
                elements[key] = value
            elif isinstance(have, TensorList):
                elements[key] = _sum(k, (have, value))
            else:
                elements[key] = k.xp.add(have, value)
    return TensorList(max(x.size for x in lists), elements)


# Elements at indices: a scalar index means the element itself, a vector a tensor of them


@register
class ListWrite(ListOp):
    """A list with elements set: one for a scalar index, the rows of the value for a vector."""

    type = "TensorArrayWriteV3"
    inputs = (LIST, INDICES, VALUE)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        old, indices, value = inputs
        elements = dict(old.elements)
        size = old.size
        for key, element in _placed(k, indices, value):
            if key in elements:
                raise InvalidArgumentError(
                    f"could not write to TensorArray index {key} because it has already been"
                    " written to"
                )
            if key < 0 or (key >= size and not k.op.attrs["dynamic_size"]):
                raise InvalidArgumentError(
                    f"tried to write to index {key} but the TensorArray is not resizeable and its"
                    f" size is {size}: pass dynamic_size=True"
                )
            elements[key] = element
            size = max(size, key + 1)
        return TensorList(size, elements)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        _, indices, value = op.inputs
        # The old list has no element here, so that the gradient of one does no harm there.
        return (grads[0], None, lambda: read(grads[0], indices, value))


def _placed(k: KernelContext, indices: Any, value: Any) -> list[tuple[int, Any]]:
    """Return keys and elements; arrays are copied, for theirs is the memory of a buffer."""
    value = k.xp.array(value)
    if not indices.ndim:
        return [(int(indices), value)]
    if len(indices) != len(value):
        raise InvalidArgumentError(f"{len(indices)} indices for {len(value)} elements")
    return [(int(i), value[place]) for place, i in enumerate(indices)]


@register
class ListRead(OpDef):
    """Elements of a list: one for a scalar index, a tensor of them for a vector.

    Missing elements are zeros of the shape ``shape``, or of that of other elements where all have
    the same; or of the shape that they have in the third input, if there is one.
    """

    type = "TensorArrayReadV3"
    inputs = (LIST, INDICES)

    def args(self, count: int) -> Sequence[Arg]:
        return (LIST, INDICES, VALUE) if count == 3 else super().args(count)

    def infer(self, op: Operation) -> Sequence[Spec]:
        attrs = op.attrs
        if len(op.inputs) == 3:
            return (Spec(op.inputs[2].dtype, op.inputs[2].dims),)
        dims, element = op.inputs[1].dims, attrs["shape"]
        shape = None if dims is None or element is None else (*dims, *element)
        return (Spec(attrs["dtype"], shape),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        values, indices = inputs[:2]
        like = inputs[2] if len(inputs) == 3 else None
        if not indices.ndim:
            return self.element(k, values, int(indices), like)
        if not len(indices):
            return self.nothing(k) if like is None else k.xp.zeros_like(like)
        rows = [
            self.element(k, values, int(i), None if like is None else like[place])
            for place, i in enumerate(indices)
        ]
        return k.xp.stack(rows)

    def element(self, k: KernelContext, values: TensorList, key: int, like: Any) -> Any:
        found = values.elements.get(key)
        if found is not None:
            return found
        if like is not None:
            return k.xp.zeros_like(like)
        if not 0 <= key < values.size:
            raise InvalidArgumentError(
                f"tried to read from index {key} but the TensorArray's size is {values.size}"
            )
        shape = k.op.attrs["shape"]
        if not shapes.is_full(shape) and k.op.attrs["same_shapes"] and values.elements:
            shape = next(iter(values.elements.values())).shape
        if not shapes.is_full(shape):
            raise InvalidArgumentError(
                f"could not read from TensorArray index {key}: nothing was written there, and the"
                f" shape of the elements, {shapes.format_shape(shape)}, is not fully known"
            )
        return k.xp.zeros(shape, k.op.attrs["dtype"].np_dtype)

    def nothing(self, k: KernelContext) -> Any:
        shape = k.op.attrs["shape"]
        if not shapes.is_full(shape):
            raise InvalidArgumentError(
                "the TensorArray has size zero, but the shape of its elements,"
                f" {shapes.format_shape(shape)}, is not fully known: pass element_shape"
            )
        return k.xp.zeros((0, *shape), k.op.attrs["dtype"].np_dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        rest = (None,) * (len(op.inputs) - 1)
        return (lambda: apply("ListOfElements", op.inputs[1], grads[0]), *rest)


def read(values: Tensor, indices: Tensor, like: Tensor) -> Tensor:
    """Return elements of a gradient: zeros like those of `like` where there are none."""
    return apply("TensorArrayReadV3", values, indices, like)


@register
class ListOfElements(ListOp):
    """The gradient that has only the elements at indices; one named twice is added up."""

    type = "ListOfElements"
    inputs = (INDICES, VALUE)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        elements: dict[Hashable, Any] = {}
        for key, element in _placed(k, *inputs):
            elements[key] = k.xp.add(elements[key], element) if key in elements else element
        return TensorList(0, elements)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None, read(grads[0], *op.inputs))


# Elements of different lengths, joined to one tensor and cut from one


@register
class ListConcat(OpDef):
    """All elements joined along their first axis, and their lengths.

    With lengths and a tensor of the result's shape as further inputs, missing elements are zeros.
    """

    type = "TensorArrayConcatV3"
    inputs = (LIST,)

    def args(self, count: int) -> Sequence[Arg]:
        return (LIST, INDICES, VALUE) if count == 3 else super().args(count)

    def infer(self, op: Operation) -> Sequence[Spec]:
        if len(op.inputs) == 3:
            like = op.inputs[2]
            return (Spec(like.dtype, like.dims), Spec(dtypes.int32, op.inputs[1].dims))
        rest = op.attrs["shape"]
        shape = None if rest is None else (None, *rest[1:])
        return (Spec(op.attrs["dtype"], shape), Spec(dtypes.int32, (None,)))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        values = inputs[0]
        if len(inputs) == 3:
            lengths, like = inputs[1:]
            parts = [
                values.elements[i]
                if i in values.elements
                else k.xp.zeros((int(n), *like.shape[1:]), like.dtype)
                for i, n in enumerate(lengths)
            ]
            return k.xp.concatenate([*parts, k.xp.zeros_like(like[:0])]), lengths.copy()
        missing = [i for i in range(values.size) if i not in values.elements]
        if missing or not values.size:
            raise InvalidArgumentError(
                f"cannot join a TensorArray of size {values.size}: nothing was written to {missing}"
            )
        parts = [values.elements[i] for i in range(values.size)]
        lengths = k.xp.asarray([len(p) for p in parts], dtypes.int32.np_dtype)
        return k.xp.concatenate(parts), lengths

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        rest = (None,) * (len(op.inputs) - 1)
        empty = apply("EmptyTensorList")
        return (lambda: split(empty, grads[0], op.outputs[1], dynamic_size=True), *rest)


@register
class ListSplit(ListOp):
    """The elements that a tensor has when it is cut into pieces of given lengths."""

    type = "TensorArraySplitV3"
    inputs = (LIST, VALUE, INDICES)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        old, value, lengths = inputs
        if int(lengths.sum()) != len(value):
            raise InvalidArgumentError(
                f"the lengths add up to {int(lengths.sum())}, but the value has {len(value)} rows"
            )
        if len(lengths) > old.size and not k.op.attrs["dynamic_size"]:
            raise InvalidArgumentError(
                f"{len(lengths)} lengths for a TensorArray of size {old.size}, which is not"
                " resizeable: pass dynamic_size=True"
            )
        value, elements, start = k.xp.array(value), dict(old.elements), 0
        for i, n in enumerate(lengths):
            elements[i] = value[start : start + int(n)]
            start += int(n)
        return TensorList(max(old.size, len(lengths)), elements)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        _, value, lengths = op.inputs
        return (None, lambda: apply("TensorArrayConcatV3", grads[0], lengths, value), None)


def split(values: Tensor, value: Tensor, lengths: Tensor, *, dynamic_size: bool) -> Tensor:
    """Return the list of the pieces of a tensor."""
    return apply("TensorArraySplitV3", values, value, lengths, dynamic_size=dynamic_size)


# The tape: what the tensors of a body were in each of its runs


@register
class Recall(OpDef):
    """The value that a tensor of a body had: the one saved at ``slot``, in run number `step`.

    With a tensor of its shape as third input the tape is a gradient, and may lack it.
    """

    type = "Recall"
    inputs = (LIST, INDICES)

    def args(self, count: int) -> Sequence[Arg]:
        return (LIST, INDICES, VALUE) if count == 3 else super().args(count)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.attrs["dtype"], op.attrs["shape"]),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        key = (int(inputs[1]), k.op.attrs["slot"])
        found = inputs[0].elements.get(key)
        if found is not None:
            return found
        is_list = k.op.attrs["dtype"] is dtypes.variant
        return TensorList() if is_list else k.xp.zeros_like(inputs[2])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        slot, rest = op.attrs["slot"], (None,) * (len(op.inputs) - 1)
        return (lambda: apply("Record", op.inputs[1], grads[0], slot=slot), *rest)


@register
class Record(ListOp):
    """The gradient of a tape by one value on it."""

    type = "Record"
    inputs = (INDICES, VALUE)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        step, value = inputs
        element = value if isinstance(value, TensorList) else k.xp.array(value)
        return TensorList(0, {(int(step), k.op.attrs["slot"]): element})

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        step, value = op.inputs
        return (None, recall(grads[0], step, value, op.attrs["slot"]))


def recall(tape: Tensor, step: Tensor, like: Tensor, slot: int) -> Tensor:
    """Return the gradient of a value that a body had: zeros like it where there is none."""
    attrs: dict[str, Any] = {"dtype": like.dtype, "shape": like.dims, "slot": slot}
    return apply("Recall", tape, step, like, **attrs)
