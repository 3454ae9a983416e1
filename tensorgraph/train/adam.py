"""Adam and its relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.training import ApplyAdam, ApplyAdaMax, Rule
from tensorgraph.ops.variables import Variable, assign_sub
from tensorgraph.train.optimizer import GradientAndVariable, RuleOptimizer, Slot, as_scalar_of


class AdamOptimizer(RuleOptimizer):
    """Adam (Kingma and Ba, arXiv:1412.6980); epsilon stands outside of the bias correction.

    Parameters
    ----------
    learning_rate : float or scalar Tensor, default 0.001
        α.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the first and of the second moment.
    epsilon : float, default 1e-08
        Keeps the division finite.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Adam"
        Name of the operations and slots.
    """

    rule: type[Rule] = ApplyAdam
    powers: ClassVar = {"beta1_power": "beta1", "beta2_power": "beta2"}
    _use_nesterov = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        settings = {
            "learning_rate": learning_rate,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
        }
        attrs = {"use_nesterov": self._use_nesterov} if self.rule is ApplyAdam else {}
        super().__init__(use_locking, name, settings, [Slot("m", "m"), Slot("v", "v")], attrs)


class NadamOptimizer(AdamOptimizer):
    """Adam with Nesterov's momentum (Dozat 2016), as ``tf.contrib.opt.NadamOptimizer``.

    Parameters are those of `AdamOptimizer`.
    """

    _use_nesterov = True


class AdaMaxOptimizer(AdamOptimizer):
    """Adam by the largest gradient instead of the mean square, as ``tf.contrib.opt`` has it.

    Parameters are those of `AdamOptimizer`; `name` is "AdaMax" by default.
    """

    rule = ApplyAdaMax
    powers: ClassVar = {"beta1_power": "beta1"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "AdaMax",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)


class AdamWOptimizer(AdamOptimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101).

    As ``tf.contrib.opt.AdamWOptimizer``: before each step w ← w - λw, whatever the learning rate.

    Parameters
    ----------
    weight_decay : float or scalar Tensor
        λ.
    learning_rate, beta1, beta2, epsilon, use_locking
        As for `AdamOptimizer`.
    name : str, default "AdamW"
        Name of the operations and slots.
    """

    def __init__(
        self,
        weight_decay: Any,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "AdamW",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)
        self._weight_decay = weight_decay
        self._decayed: set[Variable] | None = None

    def minimize(
        self,
        loss: Tensor,
        *args: Any,
        decay_var_list: Sequence[Variable] | None = None,
        **kwargs: Any,
    ) -> Operation:
        """Do as `Optimizer.minimize`; only variables of `decay_var_list` decay, by default all."""
        self._decayed = None if decay_var_list is None else set(decay_var_list)
        return super().minimize(loss, *args, **kwargs)

    def apply_gradients(
        self,
        grads_and_vars: Sequence[GradientAndVariable],
        global_step: Variable | None = None,
        name: str | None = None,
        decay_var_list: Sequence[Variable] | None = None,
    ) -> Operation:
        """Do as `Optimizer.apply_gradients`; only variables of `decay_var_list` decay."""
        if decay_var_list is not None:
            self._decayed = set(decay_var_list)
        return super().apply_gradients(grads_and_vars, global_step, name)

    def _prepare(self, graph: Graph) -> None:
        value = self._weight_decay() if callable(self._weight_decay) else self._weight_decay
        self._decay_tensor = convert_to_tensor(value, name="weight_decay")
        super()._prepare(graph)

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        if self._decayed is not None and variable not in self._decayed:
            return super()._apply_dense(gradient, variable)
        decay = as_scalar_of(self._decay_tensor, variable) * variable
        with variable.graph.control_dependencies([assign_sub(variable, decay)]):
            return super()._apply_dense(gradient, variable)
