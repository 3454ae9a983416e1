"""What all optimizers have in common: gradients of a loss, and the updates that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from tensorgraph.autodiff.gradients import gradients
from tensorgraph.base.collecting import without_collector
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.indexed_slices import IndexedSlices
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.control_flow import group
from tensorgraph.ops.sparse_training import sparse_rule
from tensorgraph.ops.training import Rule
from tensorgraph.ops.variables import Variable, assign, assign_add, trainable_variables
from tensorgraph.train.slots import create_slot

GradientAndVariable = tuple[Tensor | IndexedSlices | None, Variable]


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

    @without_collector
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
        pairs = [
            (g if isinstance(g, IndexedSlices) else convert_to_tensor(g), v)
            for g, v in grads_and_vars
            if g is not None
        ]
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
                    update = self._apply(gradient, variable)
                    updates.append(_constrained(update, variable))
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
        """Return all variables that the optimizer keeps, by name."""
        kept = [slot for slots in self._slots.values() for slot in slots.values()]
        return sorted(kept, key=lambda v: v.name)

    # What a subclass says

    def _create_slots(self, variables: Sequence[Variable]) -> None:
        """Make the variables that are kept beside the given ones."""

    def _prepare(self, graph: Graph) -> None:
        """Make tensors of the settings."""

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        """Return the operation that updates a variable."""
        raise NotImplementedError

    def _apply_sparse(self, gradient: IndexedSlices, variable: Variable) -> Operation:
        """Return the operation that updates a variable of which some rows have a gradient.

        By default it does what it would with zeros for the others.
        """
        return self._apply_dense(convert_to_tensor(gradient), variable)

    def _apply(self, gradient: Tensor | IndexedSlices, variable: Variable) -> Operation:
        if isinstance(gradient, IndexedSlices):
            return self._apply_sparse(gradient, variable)
        return self._apply_dense(gradient, variable)

    def _finish(self, graph: Graph, updates: Sequence[Operation]) -> list[Operation]:
        """Return what else must run, after the updates."""
        del graph, updates
        return []

    def _make_slot(self, variable: Variable, slot_name: str, op_name: str, value: float) -> None:
        """Make the variable that is kept beside one under a name, where there is none yet."""
        slots = self._slots.setdefault(slot_name, {})
        if variable not in slots:
            slots[variable] = create_slot(variable, op_name, value)


def _constrained(update: Operation, variable: Variable) -> Operation:
    """Return the update, followed by what the variable's constraint makes of the new value."""
    if variable.constraint is None:
        return update
    with update.graph.control_dependencies([update]):
        return variable.assign(variable.constraint(variable.read_value())).op


class Slot(NamedTuple):
    """A variable that a rule keeps beside each trained one.

    Attributes
    ----------
    name : str
        What `Optimizer.get_slot` calls it.
    arg : str
        The input of the rule that it is.
    initial : float
        What its elements begin with.
    op_name : str or None
        The last part of the variable's name; default is the optimizer's name.
    """

    name: str
    arg: str
    initial: float = 0.0
    op_name: str | None = None


class RuleOptimizer(Optimizer):
    """An optimizer that is one update rule.

    A subclass names the `rule`; the rest goes by the names of the rule's inputs. ``var`` is the
    variable, ``grad`` its gradient; the others are slots, settings or powers of settings.

    Parameters
    ----------
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str
        Name of the operations and slots.
    settings : mapping of str to (float, scalar Tensor, or callable)
        The settings of the rule by the names of its inputs, which also name their nodes.
    slots : sequence of Slot
        What is kept beside each variable.
    attrs : mapping, optional
        The attributes of the rule.
    """

    rule: type[Rule]
    # Inputs that are powers of a setting, raised by one after every step: Adam's β₁ᵗ and β₂ᵗ.
    powers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        use_locking: bool,
        name: str,
        settings: Mapping[str, Any],
        slots: Sequence[Slot] = (),
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(use_locking, name)
        self._settings = dict(settings)
        self._slot_kinds = tuple(slots)
        self._attrs = dict(attrs or {})
        self._powers: dict[Graph, dict[str, Variable]] = {}
        self._tensors: dict[str, Tensor] = {}

    def variables(self) -> list[Variable]:
        """Return all variables that the optimizer keeps, the powers of settings first."""
        powers = [v for kept in self._powers.values() for v in kept.values()]
        return powers + super().variables()

    def _create_slots(self, variables: Sequence[Variable]) -> None:
        graph = variables[0].graph
        if graph not in self._powers:
            with graph.name_scope(None):
                self._powers[graph] = {
                    power: Variable(_value(self._settings[of]), trainable=False, name=power)
                    for power, of in self.powers.items()
                }
        for v in variables:
            for slot in self._slot_kinds:
                self._make_slot(v, slot.name, slot.op_name or self._name, slot.initial)

    def _prepare(self, graph: Graph) -> None:
        del graph
        self._tensors = {
            name: convert_to_tensor(_value(value), name=name)
            for name, value in self._settings.items()
        }

    def _apply_dense(self, gradient: Tensor, variable: Variable) -> Operation:
        inputs = self._inputs_of_rule(gradient, variable)
        return variable.graph.apply(self.rule.type, *inputs, **self._attrs)

    def _apply_sparse(self, gradient: IndexedSlices, variable: Variable) -> Operation:
        op_type = sparse_rule(self.rule)
        if op_type is None:
            return super()._apply_sparse(gradient, variable)
        inputs = self._inputs_of_rule(gradient.values, variable)
        return variable.graph.apply(op_type, *inputs, gradient.indices, **self._attrs)

    def _inputs_of_rule(self, gradient: Tensor, variable: Variable) -> list[Any]:
        """Return what the rule takes, by the names of its inputs."""
        values: dict[str, Any] = {"var": variable, "grad": gradient}
        for slot in self._slot_kinds:
            values[slot.arg] = self.get_slot(variable, slot.name)
        scalars = {**self._powers[variable.graph], **self._tensors}
        return [
            values[arg.name] if arg.name in values else as_scalar_of(scalars[arg.name], variable)
            for arg in self.rule.inputs
        ]

    def _finish(self, graph: Graph, updates: Sequence[Operation]) -> list[Operation]:
        with graph.control_dependencies(updates):
            return [
                assign(power, power * as_scalar_of(self._tensors[self.powers[name]], power)).op
                for name, power in self._powers[graph].items()
            ]


def _value(setting: Any) -> Any:
    return setting() if callable(setting) else setting


def as_scalar_of(value: Any, variable: Variable) -> Tensor:
    """Return a learning rate or the like as a scalar of the variable's type."""
    tensor = convert_to_tensor(value)
    if tensor.dtype is variable.dtype:
        return tensor
    return variable.graph.apply("Cast", tensor, dtype=variable.dtype).outputs[0]
