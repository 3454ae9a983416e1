"""Optimizers: gradients of a loss, and the updates that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.autodiff.gradients import gradients
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.array import zeros
from tensorgraph.ops.control_flow import group
from tensorgraph.ops.training import ApplyAdam, ApplyGradientDescent, ApplyMomentum
from tensorgraph.ops.variables import Variable, assign, assign_add, trainable_variables

GradientAndVariable = tuple[Tensor | None, Variable]


class Optimizer:
    """What all optimizers have in common; a subclass says how one variable is updated.

    Parameters
    ----------
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str
        Name of the update operations, and of slots where a subclass says nothing else.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("an optimizer needs a name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Variable, Variable]] = {}

    def get_name(self) -> str:
        """Return its name."""
        return self._name

    def minimize(
        self,
        loss: Tensor,
        global_step: Variable | None = None,
        var_list: Sequence[Variable] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Tensor | None = None,
    ) -> Operation:
        """Return an operation that makes one step against the gradient of `loss`.

        Parameters
        ----------
        loss : Tensor
            What to make smaller.
        global_step : Variable, optional
            Counts the steps.
        var_list : sequence of Variable, optional
            What to train; default is all trainable variables.
        gate_gradients, aggregation_method, colocate_gradients_with_ops
            Accepted for TensorFlow's sake.
        name : str, optional
            Name of the operation; default is the optimizer's.
        grad_loss : Tensor, optional
            The gradient of something further on by the loss.

        Raises
        ------
        ValueError
            If the loss depends on none of the variables.
        """
        pairs = self.compute_gradients(
            loss,
            var_list,
            gate_gradients,
            aggregation_method,
            colocate_gradients_with_ops,
            grad_loss,
        )
        if all(gradient is None for gradient, _ in pairs):
            names = ", ".join(v.name for _, v in pairs) or "none"
            raise ValueError(
                f"no gradient reaches any variable from {loss.name!r}; the variables are {names}"
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Tensor,
        var_list: Sequence[Variable] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Tensor | None = None,
    ) -> list[GradientAndVariable]:
        """Return pairs of gradient and variable; parameters as in `minimize`.

        Raises
        ------
        ValueError
            If there is nothing to train.
        """
        del gate_gradients, aggregation_method, colocate_gradients_with_ops
        variables = trainable_variables() if var_list is None else list(var_list)
        if not variables:
            raise ValueError("there are no variables to train")
        found = gradients(loss, variables, None if grad_loss is None else [grad_loss])
        return list(zip(found, variables, strict=True))

    def apply_gradients(
        self,
        grads_and_vars: Sequence[GradientAndVariable],
        global_step: Variable | None = None,
        name: str | None = None,
    ) -> Operation:
        """Return an operation that updates the variables.

        Parameters
        ----------
        grads_and_vars : sequence of (Tensor or None, Variable)
            What `compute_gradients` gave, perhaps clipped; None leaves the variable.
        global_step : Variable, optional
            Is raised by 1.
        name : str, optional
            Name of the operation; default is the optimizer's.

        Raises
        ------
        ValueError
            If there is no gradient at all.
        """
        pairs = [(convert_to_tensor(g), v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise ValueError("no gradients were given for any variable")
        graph = pairs[0][1].graph
        with graph.control_dependencies(None):
            self._create_slots([v for _, v in pairs])
        with graph.name_scope(name or self._name) as scope:
            self._prepare(graph)
            updates = []
            for gradient, variable in pairs:
                with graph.name_scope(f"update_{variable.op.name}"):
                    updates.append(self._apply_dense(gradient, variable))
            updates.extend(self._finish(graph, updates))
            if global_step is None:
                train_op = group(*updates, name=scope)
            else:
                with graph.control_dependencies(updates):
                    train_op = assign_add(global_step, 1, name=scope).op
        if train_op not in graph.get_collection(GraphKeys.TRAIN_OP):
            graph.add_to_collection(GraphKeys.TRAIN_OP, train_op)
        return train_op

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """Return the variable that the optimizer keeps beside `var` under that name, or None."""
        return self._slots.get(name, {}).get(var)

    def get_slot_names(self) -> list[str]:
        """Return the names under which it keeps variables."""
        return sorted(self._slots)

    def variables(self) -> list[Variable]:
        """Return all variables that the optimizer keeps."""
        return [slot for slots in self._slots.values() for slot in slots.values()]

    # What a subclass says

    def _create_slots(self, variables: Sequence[Variable]) -> None:
        """Make the variables that are kept beside the given ones."""

    def _prepare(self, graph: Graph) -> None:
        """Make tensors of the settings."""

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        """Return the operation that updates a variable."""
        raise NotImplementedError

    def _finish(self, graph: Graph, updates: Sequence[Operation]) -> list[Operation]:
        """Return what else must run, after the updates."""
        del graph, updates
        return []

    def _zeros_slot(self, variable: Variable, slot_name: str, op_name: str) -> Variable:
        slots = self._slots.setdefault(slot_name, {})
        if variable not in slots:
            graph = variable.graph
            with graph.name_scope(None):
                initial = zeros(
                    variable.shape,
                    variable.dtype,
                    name=f"{variable.op.name}/{op_name}/Initializer/zeros",
                )
                slots[variable] = Variable(
                    initial, trainable=False, name=f"{variable.op.name}/{op_name}"
                )
        return slots[variable]


def _setting(value: Any, variable: Variable) -> Tensor:
    """Return a learning rate or the like as a scalar of the variable's type."""
    tensor = convert_to_tensor(value() if callable(value) else value)
    if tensor.dtype is variable.dtype:
        return tensor
    return variable.graph.apply("Cast", tensor, dtype=variable.dtype).outputs[0]


class GradientDescentOptimizer(Optimizer):
    """w ← w - αg.

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "GradientDescent"
        Name of the operations.
    """

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self, graph: Graph) -> None:
        del graph
        self._rate = convert_to_tensor(self._learning_rate, name="learning_rate")

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        rate = _setting(self._rate, variable)
        return variable.graph.apply(ApplyGradientDescent.type, variable, rate, gradient)


class MomentumOptimizer(Optimizer):
    """v ← μv + g; w ← w - αv.

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    momentum : float or scalar Tensor
        μ.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Momentum"
        Name of the operations.
    use_nesterov : bool, default False
        Step by g + μv instead (Sutskever et al. 2013).
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    def _create_slots(self, variables: Sequence[Variable]) -> None:
        for v in variables:
            self._zeros_slot(v, "momentum", self._name)

    def _prepare(self, graph: Graph) -> None:
        del graph
        self._rate = convert_to_tensor(self._learning_rate, name="learning_rate")
        self._factor = convert_to_tensor(self._momentum, name="momentum")

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        return variable.graph.apply(
            ApplyMomentum.type,
            variable,
            self.get_slot(variable, "momentum"),
            _setting(self._rate, variable),
            gradient,
            _setting(self._factor, variable),
            use_nesterov=self._use_nesterov,
        )


class AdamOptimizer(Optimizer):
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

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._settings = (learning_rate, beta1, beta2, epsilon)
        self._powers: dict[Graph, tuple[Variable, Variable]] = {}

    def _create_slots(self, variables: Sequence[Variable]) -> None:
        graph = variables[0].graph
        if graph not in self._powers:
            with graph.name_scope(None):
                _, beta1, beta2, _ = self._settings
                dtype = variables[0].dtype.np_dtype.type
                self._powers[graph] = (
                    Variable(dtype(beta1), trainable=False, name="beta1_power"),
                    Variable(dtype(beta2), trainable=False, name="beta2_power"),
                )
        for v in variables:
            self._zeros_slot(v, "m", self._name)
            self._zeros_slot(v, "v", self._name)

    def variables(self) -> list[Variable]:
        """Return all variables that the optimizer keeps, the powers of the decays first."""
        return [p for pair in self._powers.values() for p in pair] + super().variables()

    def _prepare(self, graph: Graph) -> None:
        del graph
        names = ("learning_rate", "beta1", "beta2", "epsilon")
        self._tensors = [
            convert_to_tensor(value() if callable(value) else value, name=name)
            for value, name in zip(self._settings, names, strict=True)
        ]

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        rate, beta1, beta2, epsilon = (_setting(t, variable) for t in self._tensors)
        power1, power2 = (_setting(p, variable) for p in self._powers[variable.graph])
        m, v = self.get_slot(variable, "m"), self.get_slot(variable, "v")
        return variable.graph.apply(
            ApplyAdam.type, variable, m, v, power1, power2, rate, beta1, beta2, epsilon, gradient
        )

    def _finish(self, graph: Graph, updates: Sequence[Operation]) -> list[Operation]:
        with graph.control_dependencies(updates):
            return [
                assign(power, power * _setting(beta, power)).op
                for power, beta in zip(self._powers[graph], self._tensors[1:3], strict=True)
            ]
