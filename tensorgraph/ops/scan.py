"""Running sums and products along an axis, and the product over axes, whose gradient needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import apply
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    elements,
    register,
)
from tensorgraph.graph.static import static_int
from tensorgraph.ops.array import reshape, reshape_like
from tensorgraph.ops.reduction import Reduction


class _Scan(OpDef):
    """An op that walks along ``axis``, with ``reverse`` from the end, and keeps the shape."""

    inputs: ClassVar[tuple[Arg, ...]] = (Arg("x", dtypes.NUMERIC),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims: shapes.Shape = None
        for t in op.inputs:
            dims = shapes.merge(dims, t.dims)
        if dims is not None:
            shapes.normalize_axis(op.attrs["axis"], len(dims))
        return (Spec(op.inputs[0].dtype, dims),)

    def flops(self, op: Operation) -> int:
        return elements(op.inputs)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        attrs = {"axis": draw.integer(-len(dims), len(dims) - 1), "reverse": draw.boolean()}
        return Sample(tuple(Input(dims) for _ in self.inputs), {**attrs, **self.more(draw)})

    def more(self, draw: Draw) -> dict[str, Any]:
        """Return the attributes that are the op's own."""
        return {"exclusive": draw.boolean()}


def _running(k: KernelContext, ufunc: Any, x: Any, start: float) -> Any:
    """Accumulate along the axis; `start` stands before the first element if that is excluded."""
    attrs = k.op.attrs
    axis = attrs["axis"] % x.ndim
    forward = k.xp.flip(x, axis) if attrs["reverse"] else x
    result = ufunc(forward, axis, dtype=x.dtype)
    if attrs["exclusive"] and x.shape[axis]:
        before = (slice(None),) * axis
        shifted = k.xp.full(x.shape, start, x.dtype)
        shifted[(*before, slice(1, None))] = result[(*before, slice(None, -1))]
        result = shifted
    return k.xp.flip(result, axis).copy() if attrs["reverse"] else result


@register
class Cumsum(_Scan):
    """The sum up to each element, the element itself left out if ``exclusive``."""

    type = "Cumsum"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return _running(k, k.xp.cumsum, inputs[0], 0)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        attrs = {**op.attrs, "reverse": not op.attrs["reverse"]}
        return (apply("Cumsum", grads[0], **attrs),)


@register
class Cumprod(_Scan):
    """The product up to each element, the element itself left out if ``exclusive``."""

    type = "Cumprod"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return _running(k, k.xp.cumprod, inputs[0], 1)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        # TensorFlow divides by x, which fails at zeros. Here: the product before x_i, times what
        # comes after it, r_i = dy_i + x_(i+1) r_(i+1); shifted by one if x_i itself is excluded.
        (dy,), x, attrs = grads, op.inputs[0], op.attrs
        along = {"axis": attrs["axis"], "reverse": not attrs["reverse"]}
        if attrs["exclusive"]:
            dy = apply("Shift", dy, **along)
        before = cumprod(x, attrs["axis"], exclusive=True, reverse=attrs["reverse"])
        return (before * apply("Recurrence", apply("Shift", x, **along), dy, **along),)


@register
class Shift(_Scan):
    """Each element moved one place along; 0 comes first, and the last is dropped."""

    type = "Shift"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, attrs = inputs[0], k.op.attrs
        before = (slice(None),) * (attrs["axis"] % x.ndim)
        first, rest = (*before, slice(None, -1)), (*before, slice(1, None))
        result = k.xp.zeros(x.shape, x.dtype)
        if attrs["reverse"]:
            first, rest = rest, first
        result[rest] = x[first]
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        attrs = {**op.attrs, "reverse": not op.attrs["reverse"]}
        return (apply("Shift", grads[0], **attrs),)

    def more(self, draw: Draw) -> dict[str, Any]:
        return {}


@register
class Recurrence(_Scan):
    """y_i = b_i + a_i y_(i-1), from y before the first = 0."""

    type = "Recurrence"
    inputs = (Arg("a", dtypes.NUMERIC), Arg("b", dtypes.NUMERIC))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        a, b = (k.xp.moveaxis(x, k.op.attrs["axis"], 0) for x in inputs)
        y = k.xp.array(b)
        order = range(len(y))
        if k.op.attrs["reverse"]:
            order = order[::-1]
        for i, previous in zip(order[1:], order, strict=False):
            y[i] += a[i] * y[previous]
        return k.xp.ascontiguousarray(k.xp.moveaxis(y, 0, k.op.attrs["axis"]))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        # The adjoint is a recurrence the other way: s_i = dy_i + a_(i+1) s_(i+1).
        a, y, attrs = op.inputs[0], op.outputs[0], op.attrs
        back = {**attrs, "reverse": not attrs["reverse"]}
        s = apply("Recurrence", apply("Shift", a, **back), grads[0], **back)
        return (lambda: s * apply("Shift", y, **attrs), s)

    def more(self, draw: Draw) -> dict[str, Any]:
        return {}


@register
class Prod(Reduction):
    """The product over ``axes`` (None: all); with ``keepdims`` they stay with size 1."""

    type = "Prod"
    formula = "Π {x}"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, attrs = inputs[0], k.op.attrs
        return x.prod(attrs["axes"], dtype=x.dtype, out=k.out, keepdims=attrs["keepdims"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        # The product of all other elements, without division, which fails at zeros: along one
        # axis after the other, those before times those after, of what the axes so far make.
        (dy,), x, axes = grads, op.inputs[0], op.attrs["axes"]
        if axes is None and x.dims is None:
            flat = reshape(x, [-1])
            dy = reshape(dy, [])
            return (reshape_like(dy * _others(flat, 0), x),)
        if axes is None:
            axes = tuple(range(len(x.dims or ())))
        if axes and not op.attrs["keepdims"]:
            dy = apply("ExpandDims", dy, axes=axes)
        product = x
        for axis in axes:
            dy = dy * _others(product, axis)
            product = apply("Prod", product, axes=(axis,), keepdims=True)
        return (dy,)


def _others(x: Tensor, axis: int) -> Tensor:
    """Return for each element the product of all others along an axis."""
    before = cumprod(x, axis, exclusive=True)
    return before * cumprod(x, axis, exclusive=True, reverse=True)


# The names users type


def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Return the running sum along an axis.

    Parameters
    ----------
    x : Tensor
        What to sum.
    axis : int, default 0
        Along which axis.
    exclusive : bool, default False
        Leave the element itself out, so that the first sum is 0.
    reverse : bool, default False
        Begin at the end.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    return _scan("Cumsum", x, axis, exclusive, reverse, name)


def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Return the running product along an axis; parameters as in `cumsum`."""
    return _scan("Cumprod", x, axis, exclusive, reverse, name)


def _scan(
    op_type: str, x: Any, axis: Any, exclusive: bool, reverse: bool, name: str | None
) -> Tensor:
    place = static_int(axis, "the axis")
    attrs = {"axis": place, "exclusive": bool(exclusive), "reverse": bool(reverse)}
    return apply(op_type, x, name=name, **attrs)
