"""The update rules of the optimizers for gradients of some rows only.

Rows that have no gradient stay as they are, and so do their slots: a table of a million rows costs
no more than the few of them that a batch looks up. Adam is not among these rules: its moments
decay in every step, also where there is no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.node import Operation
from tensorgraph.graph.opdef import Arg, KernelContext, Spec, lookup, register, registered
from tensorgraph.ops.gather import check_indices, sum_rows
from tensorgraph.ops.state import Update
from tensorgraph.ops.training import (
    ApplyAdadelta,
    ApplyAdagrad,
    ApplyAdaMax,
    ApplyCenteredRMSProp,
    ApplyFtrl,
    ApplyGradientDescent,
    ApplyMomentum,
    ApplyProximalGradientDescent,
    ApplyRMSProp,
    Rule,
)


class SparseRule(Update):
    """A rule for rows: inputs are those of `rule`, the gradient's rows only, and their places.

    Attributes
    ----------
    rule : type of Rule
        What is done to each row, once: gradients of the same row are added before.
    """

    rule: ClassVar[type[Rule]]

    def infer(self, op: Operation) -> Sequence[Spec]:
        ref, grad = op.inputs[0], op.inputs[self._place_of_gradient()]
        for arg, t in zip(self.inputs, op.inputs, strict=True):
            wanted = ref.dims if arg.ref else ()
            if t is grad and ref.dims is not None:
                wanted = (None, *ref.dims[1:])
            if arg.name != "indices" and not shapes.compatible(t.dims, wanted):
                raise ValueError(
                    f"{arg.name} of shape {t.shape} does not suit variable {ref.name!r} of shape"
                    f" {ref.shape}: it must be {shapes.format_shape(wanted)}"
                )
        return (Spec(ref.dtype, ref.dims, ref=True),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        *values, indices = inputs
        pairs = zip(values, self.rule.inputs, strict=True)
        wholes: list[Any] = [value.read() if arg.ref else None for value, arg in pairs]
        check_indices(k, indices, len(wholes[0]))
        if not indices.size:
            return inputs[0]
        place = self._place_of_gradient()
        rows, values[place] = sum_rows(k, indices, values[place])
        for i, whole in enumerate(wholes):
            if whole is not None:
                values[i] = whole[rows]
        cast(Rule, lookup(self.rule.type)).step(k, *values)
        for value, whole in zip(values, wholes, strict=True):
            if whole is not None:
                whole[rows] = value
        return inputs[0]

    def _place_of_gradient(self) -> int:
        return [arg.name for arg in self.inputs].index("grad")


def sparse_rule(rule: type[Rule]) -> str | None:
    """Return the type of the op that applies a rule to rows; None where it needs all of them."""
    return next(
        (t for t, d in registered().items() if isinstance(d, SparseRule) and d.rule is rule), None
    )


INDICES = Arg("indices", (dtypes.int32, dtypes.int64), group="indices")


@register
class SparseApplyGradientDescent(SparseRule):
    """`ApplyGradientDescent` of the rows that have a gradient: w ← w - αg."""

    type = "SparseApplyGradientDescent"
    rule = ApplyGradientDescent
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyProximalGradientDescent(SparseRule):
    """`ApplyProximalGradientDescent` of the rows that have a gradient: w ← w - αg, then shrunk."""

    type = "SparseApplyProximalGradientDescent"
    rule = ApplyProximalGradientDescent
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyMomentum(SparseRule):
    """`ApplyMomentum` of the rows that have a gradient: v ← μv + g; w ← w - αv."""

    type = "SparseApplyMomentum"
    rule = ApplyMomentum
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyAdagrad(SparseRule):
    """`ApplyAdagrad` of the rows that have a gradient: s ← s + g²; w ← w - αg/√s."""

    type = "SparseApplyAdagrad"
    rule = ApplyAdagrad
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyAdadelta(SparseRule):
    """`ApplyAdadelta` of the rows that have a gradient: steps in the units of the weights."""

    type = "SparseApplyAdadelta"
    rule = ApplyAdadelta
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyRMSProp(SparseRule):
    """`ApplyRMSProp` of the rows that have a gradient: steps by one over the root mean square."""

    type = "SparseApplyRMSProp"
    rule = ApplyRMSProp
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyCenteredRMSProp(SparseRule):
    """`ApplyCenteredRMSProp` of the rows that have a gradient: RMSProp by the variance."""

    type = "SparseApplyCenteredRMSProp"
    rule = ApplyCenteredRMSProp
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyAdaMax(SparseRule):
    """`ApplyAdaMax` of the rows that have a gradient: Adam by the largest gradient."""

    type = "SparseApplyAdaMax"
    rule = ApplyAdaMax
    inputs = (*rule.inputs, INDICES)


@register
class SparseApplyFtrl(SparseRule):
    """`ApplyFtrl` of the rows that have a gradient: follow the regularized leader."""

    type = "SparseApplyFtrl"
    rule = ApplyFtrl
    inputs = (*rule.inputs, INDICES)
