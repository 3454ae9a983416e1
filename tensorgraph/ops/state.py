"""Variables: storage that outlives a run, and what changes it.

A variable's node gives the variable itself (a reference), not its value. An op that takes a
reference where it wants a value is given the value; only ops whose `Arg` says ``ref`` get the
storage, and those are the ones that change it. Within one run, whatever does not depend on a
change is computed before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.node import Operation
from tensorgraph.graph.opdef import Arg, KernelContext, OpDef, Spec, register

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
            if t.dims != () and not shapes.compatible(t.dims, ref.dims):
                raise ValueError(
                    f"a value of shape {t.shape} does not suit variable {ref.name!r}"
                    f" of shape {ref.shape}"
                )
        return (Spec(ref.dtype, ref.dims, ref=True),)


@register
class Assign(Update):
    """The variable set to a value."""

    type = "Assign"
    inputs = (REF, Arg("value", dtypes.ALL))

    def infer(self, op: Operation) -> Sequence[Spec]:
        ref, value = op.inputs
        if op.attrs["validate_shape"]:
            shapes.merge(ref.dims, value.dims)
        return (Spec(ref.dtype, ref.dims, ref=True),)

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
