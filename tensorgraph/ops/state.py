"""Variables: storage that outlives a run, and what changes it.

A variable's node gives the variable itself (a reference), not its value. An op that takes a
reference where it wants a value is given the value; only ops whose `Arg` says ``ref`` get the
storage, and those are the ones that change it. Within one run, whatever does not depend on a
change is computed before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Gradients, KernelContext, OpDef, Spec, register

REF = Arg("ref", dtypes.ALL, ref=True)
NUMERIC_REF = Arg("ref", dtypes.NUMERIC, ref=True)


@register
class VariableOp(OpDef):
    """A variable itself."""

    type = "VariableV2"
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.attrs["dtype"], op.attrs["shape"], ref=True),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.cell()


class Update(OpDef):
    """An op that changes the variable it is given first, and returns it."""

    stateful = True
    mutates = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        ref = op.inputs[0]
        for t in op.inputs[1:]:
            check_update(ref, t)
        return (Spec(ref.dtype, ref.dims, ref=True),)


def check_update(ref: Tensor, value: Tensor) -> None:
    """Raise ValueError where a value is neither a scalar nor of the shape of a variable."""
    if value.dims != () and not shapes.compatible(value.dims, ref.dims):
        raise ValueError(
            f"a value of shape {value.shape} does not suit variable {ref.name!r}"
            f" of shape {ref.shape}"
        )


@register
class Assign(Update):
    """The variable set to a value."""

    type = "Assign"
    inputs = (REF, Arg("value", dtypes.ALL))

    def infer(self, op: Operation) -> Sequence[Spec]:
        ref, value = op.inputs
        dims = shapes.merge(ref.dims, value.dims) if op.attrs["validate_shape"] else value.dims
        return (Spec(ref.dtype, dims, ref=True),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, value = inputs
        cell.assign(value)
        return cell


@register
class AssignAdd(Update):
    """The variable plus a value."""

    type = "AssignAdd"
    inputs = (NUMERIC_REF, Arg("value", dtypes.NUMERIC))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, value = inputs
        k.xp.add(cell.read(), value, out=cell.read())
        return cell


@register
class AssignSub(Update):
    """The variable minus a value."""

    type = "AssignSub"
    inputs = (NUMERIC_REF, Arg("value", dtypes.NUMERIC))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, value = inputs
        k.xp.subtract(cell.read(), value, out=cell.read())
        return cell


class _Scatter(Update):
    """An op that changes rows of a variable: those that integer indices of any shape name."""

    def infer(self, op: Operation) -> Sequence[Spec]:
        ref, indices, updates = op.inputs
        if ref.dims is not None and indices.dims is not None and updates.dims != ():
            if not ref.dims:
                raise ValueError(f"variable {ref.name!r} is a scalar: it has no rows")
            wanted = (*indices.dims, *ref.dims[1:])
            if not shapes.compatible(updates.dims, wanted):
                raise ValueError(
                    f"updates of shape {updates.shape} do not suit indices of shape"
                    f" {indices.shape} into variable {ref.name!r} of shape {ref.shape}: the shape"
                    f" must be {shapes.format_shape(wanted)}"
                )
        return (Spec(ref.dtype, ref.dims, ref=True),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, indices, updates = inputs
        rows = cell.read()
        if indices.size and k.backend.immediate:
            outside = indices[(indices < 0) | (indices >= rows.shape[0])]
            if outside.size:
                raise ValueError(
                    f"index {int(outside.ravel()[0])} is outside of [0, {rows.shape[0]}), the rows"
                    " of the variable"
                )
        self.change(k, rows, indices, updates)
        return cell

    def change(self, k: KernelContext, rows: Any, indices: Any, updates: Any) -> None:
        """Change the rows in place."""
        raise NotImplementedError


INDICES = Arg("indices", (dtypes.int32, dtypes.int64), group="indices")


@register
class ScatterUpdate(_Scatter):
    """The variable with rows set to others."""

    type = "ScatterUpdate"
    inputs = (REF, INDICES, Arg("updates", dtypes.ALL))

    def change(self, k: KernelContext, rows: Any, indices: Any, updates: Any) -> None:
        rows[indices] = updates


@register
class ScatterAdd(_Scatter):
    """The variable with rows added to some of its own; a row named twice is changed twice."""

    type = "ScatterAdd"
    inputs = (NUMERIC_REF, INDICES, Arg("updates", dtypes.NUMERIC))

    def change(self, k: KernelContext, rows: Any, indices: Any, updates: Any) -> None:
        k.xp.add.at(rows, indices, updates)


@register
class ScatterSub(_Scatter):
    """The variable with rows subtracted from some of its own; likewise."""

    type = "ScatterSub"
    inputs = (NUMERIC_REF, INDICES, Arg("updates", dtypes.NUMERIC))

    def change(self, k: KernelContext, rows: Any, indices: Any, updates: Any) -> None:
        # CuPy subtracts at places from whole numbers only.
        k.xp.add.at(rows, indices, k.xp.negative(updates))


@register
class InitializedValue(OpDef):
    """The value of the variable, or the second input where it has none yet."""

    type = "InitializedValue"
    inputs = (REF, Arg("initial_value", dtypes.ALL))
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        ref, initial = op.inputs
        return (Spec(ref.dtype, shapes.merge(ref.dims, initial.dims)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, initial = inputs
        # A copy: the storage may be written to before the result is used.
        return k.xp.array(cell.read() if cell.is_initialized() else initial)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0], None)


@register
class IsVariableInitialized(OpDef):
    """Whether the variable has a value."""

    type = "IsVariableInitialized"
    inputs = (REF,)
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.bool_, ()),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(inputs[0].is_initialized())


@register
class UninitializedNames(OpDef):
    """The names of those variables, of all that are given, that have no value."""

    type = "UninitializedNames"
    inputs = (REF,)
    variadic = True
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.string, (None,)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        pairs = zip(k.op.inputs, inputs, strict=True)
        names = [ref.op.name.encode() for ref, cell in pairs if not cell.is_initialized()]
        return np.array(names, dtypes.string.np_dtype)
