"""Loss scaling: gradients so large that float16 can hold them (Micikevicius et al. 2018).

The smallest number of float16 is 6e-8, and gradients are often smaller. So the loss is multiplied
by a large number, and with it every gradient on the way back; at the end they are divided by it
again, in float32. A number that is too large gives infinity somewhere: then the step is left out
and the number halved. From time to time it is doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.indexed_slices import IndexedSlices
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.control_flow import group
from tensorgraph.ops.math import add_n, cast, equal, greater_equal, maximum, where
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.variables import Variable, assign
from tensorgraph.passes.mixed import MIXED_PRECISION
from tensorgraph.train.optimizer import GradientAndVariable, Optimizer


class LossScale:
    """What a loss is multiplied by."""

    def __call__(self) -> Tensor:
        """Return the number, as a scalar of float32."""
        raise NotImplementedError

    def update(self, finite: Tensor) -> Operation:
        """Return the operation that changes the number after a step.

        Parameters
        ----------
        finite : Tensor
            A scalar of bool: whether all gradients of the step are finite.
        """
        raise NotImplementedError

    def variables(self) -> list[Variable]:
        """Return the variables that it keeps."""
        return []


class FixedLossScale(LossScale):
    """A number that stays.

    Parameters
    ----------
    loss_scale_value : float
        The number, at least 1.

    Raises
    ------
    ValueError
        If it is less than 1.
    """

    def __init__(self, loss_scale_value: float) -> None:
        if not loss_scale_value >= 1:
            raise ValueError(f"a loss scale is at least 1, not {loss_scale_value}")
        self._value = float(loss_scale_value)

    def __call__(self) -> Tensor:
        """Return the number, as a scalar of float32."""
        return convert_to_tensor(self._value, dtypes.float32)

    def update(self, finite: Tensor) -> Operation:
        """Return an operation that does nothing."""
        del finite
        return group(name="loss_scale")


class DynamicLossScale(LossScale):
    """A number that is as large as the gradients allow.

    Parameters
    ----------
    initial_loss_scale : float, default 2¹⁵
        Where it begins.
    increment_period : int, default 2000
        After so many good steps in a row it grows.
    multiplier : float, default 2
        What it is multiplied by then, and divided by after a step that was not finite.
    """

    def __init__(
        self,
        initial_loss_scale: float = 2.0**15,
        increment_period: int = 2000,
        multiplier: float = 2.0,
    ) -> None:
        self._initial = float(initial_loss_scale)
        self._period = int(increment_period)
        self._multiplier = float(multiplier)
        self._kept: dict[Graph, tuple[Variable, Variable]] = {}

    def _variables(self) -> tuple[Variable, Variable]:
        """Return the number, and how many steps in a row were good, made where there are none."""
        graph = get_default_graph()
        if graph not in self._kept:
            with graph.control_dependencies(None), graph.name_scope(None):
                scale = Variable(self._initial, trainable=False, name="current_loss_scale")
                good = Variable(0, trainable=False, name="num_good_steps")
            self._kept[graph] = scale, good
        return self._kept[graph]

    def __call__(self) -> Tensor:
        """Return the number, as a scalar of float32."""
        return self._variables()[0].read_value()

    def update(self, finite: Tensor) -> Operation:
        """Return the operation that changes the number after a step."""
        scale, good = self._variables()
        before, count = scale.read_value(), good.read_value() + 1
        is_due = greater_equal(count, self._period)
        larger = where(is_due, before * self._multiplier, before)
        smaller = maximum(before / self._multiplier, 1.0)
        zero = convert_to_tensor(0, dtypes.int32)
        return group(
            assign(scale, where(finite, larger, smaller)),
            assign(good, where(finite, where(is_due, zero, count), zero)),
            name="loss_scale",
        )

    def variables(self) -> list[Variable]:
        """Return the number, and how many steps in a row were good."""
        return [v for pair in self._kept.values() for v in pair]


class MixedPrecisionLossScaleOptimizer(Optimizer):
    """An optimizer whose loss is scaled, and whose steps are left out if they are not finite.

    Parameters
    ----------
    opt : Optimizer
        What makes the steps.
    loss_scale : LossScale, float or "dynamic"
        What the loss is multiplied by.

    Raises
    ------
    ValueError
        If there is no such scale.
    """

    def __init__(self, opt: Optimizer, loss_scale: LossScale | float | str) -> None:
        super().__init__(False, opt.get_name())
        self._optimizer = opt
        self._scale = _loss_scale(loss_scale)

    def compute_gradients(
        self,
        loss: Tensor,
        var_list: Sequence[Variable] | None = None,
        gate_gradients: int = Optimizer.GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Tensor | None = None,
    ) -> list[GradientAndVariable]:
        """Return pairs of gradient and variable, by way of the scaled loss."""
        scale = self._scale()
        pairs = self._optimizer.compute_gradients(
            loss * cast(scale, loss.dtype),
            var_list,
            gate_gradients,
            aggregation_method,
            colocate_gradients_with_ops,
            grad_loss,
        )
        return [(_divided(gradient, scale), variable) for gradient, variable in pairs]

    def apply_gradients(
        self,
        grads_and_vars: Sequence[GradientAndVariable],
        global_step: Variable | None = None,
        name: str | None = None,
        **options: Any,
    ) -> Operation:
        """Return an operation that updates the variables, or leaves them if it must.

        Parameters are those of the optimizer's own.
        """
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        variables = [v for _, v in pairs]
        if not pairs:
            return self._optimizer.apply_gradients(grads_and_vars, global_step, name, **options)
        graph = get_default_graph()
        finite = _all_finite([g for g, _ in pairs])
        with graph.control_dependencies(None):
            # Now, so that they are among those that may have to be put back.
            self._optimizer._create_slots(variables)
        steps = [] if global_step is None else [global_step]
        changed = dict.fromkeys([*variables, *self._optimizer.variables(), *steps])
        before = {v: v.read_value() for v in changed}
        update = self._optimizer.apply_gradients(pairs, global_step, name, **options)
        with graph.control_dependencies([update]):
            kept = [assign(v, where(finite, v.read_value(), old)) for v, old in before.items()]
        return group(*kept, self._scale.update(finite))

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """Return the variable that the optimizer keeps beside `var` under that name, or None."""
        return self._optimizer.get_slot(var, name)

    def get_slot_names(self) -> list[str]:
        """Return the names under which it keeps variables."""
        return self._optimizer.get_slot_names()

    def variables(self) -> list[Variable]:
        """Return all variables that it keeps, those of the scale at the end."""
        return self._optimizer.variables() + self._scale.variables()


def enable_mixed_precision_graph_rewrite(
    opt: Optimizer, loss_scale: LossScale | float | str = "dynamic"
) -> MixedPrecisionLossScaleOptimizer:
    """Have the default graph compute products in float16, and return the optimizer with a scale.

    Variables stay in float32, and so does all that is no matrix product or convolution, or is
    inside of ``tf.cond``, ``tf.while_loop``, or a whole sequence of a recurrent cell.

    Parameters
    ----------
    opt : Optimizer
        What makes the steps.
    loss_scale : LossScale, float or "dynamic", default "dynamic"
        What the loss is multiplied by.

    Raises
    ------
    ValueError
        If the optimizer has a scale already, or there is no such one.

    Examples
    --------
    >>> opt = tf.train.AdamOptimizer(1e-3)
    >>> opt = tf.train.experimental.enable_mixed_precision_graph_rewrite(opt)
    >>> train = opt.minimize(loss)
    """
    if isinstance(opt, MixedPrecisionLossScaleOptimizer):
        raise ValueError("the optimizer has a loss scale already")
    scaled = MixedPrecisionLossScaleOptimizer(opt, loss_scale)
    if not get_default_graph().get_collection(MIXED_PRECISION):
        get_default_graph().add_to_collection(MIXED_PRECISION, True)
    return scaled


def disable_mixed_precision_graph_rewrite() -> None:
    """Have the default graph compute products in the type of what they take, as it does first."""
    get_default_graph().get_collection_ref(MIXED_PRECISION).clear()


def _loss_scale(given: LossScale | float | str) -> LossScale:
    if isinstance(given, LossScale):
        return given
    if given == "dynamic":
        return DynamicLossScale()
    if isinstance(given, str):
        raise ValueError(f"a loss scale is a number, a LossScale or 'dynamic', not {given!r}")
    return FixedLossScale(given)


def _divided(gradient: Tensor | IndexedSlices | None, scale: Tensor) -> Any:
    """Return a gradient of the loss, given that of the scaled loss."""
    if gradient is None:
        return None
    if isinstance(gradient, IndexedSlices):
        values = gradient.values / cast(scale, gradient.values.dtype)
        return IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return gradient / cast(scale, gradient.dtype)


def _all_finite(gradients: Sequence[Tensor | IndexedSlices]) -> Tensor:
    """Return whether no gradient has an element that is infinite or no number."""
    values = [g.values if isinstance(g, IndexedSlices) else convert_to_tensor(g) for g in gradients]
    # Zero times anything is zero, but for those.
    zeros = [cast(reduce_sum(v * 0.0), dtypes.float32) for v in values]
    return equal(add_n(zeros), 0.0)
