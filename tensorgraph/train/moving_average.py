"""Moving averages of variables and tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tensorgraph.graph.defaults import convert_to_tensor, get_collection, get_default_graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.control_flow import group
from tensorgraph.ops.math import cast, minimum
from tensorgraph.ops.variables import (
    Variable,
    assign,
    assign_add,
    assign_sub,
    global_variables,
    trainable_variables,
)
from tensorgraph.train.slots import create_slot


def moving_average_variables(scope: str | None = None) -> list[Variable]:
    """Return the variables that an `ExponentialMovingAverage` follows."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


class ExponentialMovingAverage:
    """Averages of variables in which older values count less and less.

    average ← decay · average + (1 - decay) · value, each time the operation of `apply` runs.

    Parameters
    ----------
    decay : float or scalar Tensor
        Near to 1, as 0.99.
    num_updates : Variable, Tensor or int, optional
        How many updates there were; the first ones then count more: the decay is
        min(decay, (1 + num_updates) / (10 + num_updates)).
    zero_debias : bool, default False
        Averages of tensors begin at 0; correct them for it.
    name : str, default "ExponentialMovingAverage"
        Name of the operations, and last part of the averages' names.

    Examples
    --------
    >>> ema = tf.train.ExponentialMovingAverage(decay=0.99)
    >>> with tf.control_dependencies([train_step]):
    ...     train_and_average = ema.apply()
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Variable | Tensor, Variable] = {}

    @property
    def name(self) -> str:
        """The name of the operations, and last part of the averages' names."""
        return self._name

    def apply(self, var_list: Sequence[Variable | Tensor] | None = None) -> Operation:
        """Return an operation that brings the averages up to date.

        Parameters
        ----------
        var_list : sequence of Variable or Tensor, optional
            What to average, of floating-point type; default is all trainable variables. The
            average of a variable begins with its initial value, that of a tensor with 0.

        Raises
        ------
        TypeError
            If one is not of floating-point type.
        """
        followed = trainable_variables() if var_list is None else list(var_list)
        for var in followed:
            if not var.dtype.is_floating:
                raise TypeError(f"only floats can be averaged; {var.name!r} is {var.dtype.name}")
            if var not in self._averages:
                self._averages[var] = self._new_average(var)
        graph = followed[0].graph if followed else get_default_graph()
        with graph.name_scope(self._name) as scope:
            decay = convert_to_tensor(self._decay, name="decay")
            if self._num_updates is not None:
                count = cast(_read_now(self._num_updates), decay.dtype, name="num_updates")
                decay = minimum(decay, (1.0 + count) / (10.0 + count))
            return group(*[self._update(var, decay) for var in followed], name=scope)

    def average(self, var: Variable | Tensor) -> Variable | None:
        """Return the variable that holds the average, None where `apply` was not told of `var`."""
        return self._averages.get(var)

    def average_name(self, var: Variable | Tensor) -> str:
        """Return the name under which the average of `var` is or would be saved."""
        if var in self._averages:
            return self._averages[var].op.name
        return f"{var.op.name}/{self._name}"

    def variables_to_restore(
        self, moving_avg_variables: Iterable[Variable] | None = None
    ) -> dict[str, Variable]:
        """Return what a `Saver` needs to restore the averages in place of the variables.

        Parameters
        ----------
        moving_avg_variables : iterable of Variable, optional
            The variables to restore from their averages; default is all trainable ones and those
            that are averaged.

        Returns
        -------
        dict of str to Variable
            The names to restore from. All other variables stand under their own names.
        """
        if moving_avg_variables is None:
            moving_avg_variables = [*trainable_variables(), *moving_average_variables()]
        restored = {self.average_name(v): v for v in moving_avg_variables}
        known = {*restored.values()}
        rest = {v.op.name: v for v in global_variables() if v not in known}
        return {**rest, **restored}

    def _new_average(self, var: Variable | Tensor) -> Variable:
        if isinstance(var, Tensor):
            return create_slot(var, self._name)
        var.graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
        # To begin, it must not wait for what its updates wait for.
        with var.graph.control_dependencies(None):
            return create_slot(var, self._name, var.initialized_value())

    def _update(self, var: Variable | Tensor, decay: Tensor) -> Tensor:
        average = self._averages[var]
        value = _read_now(var)
        with average.graph.name_scope("AssignMovingAvg"):
            share = cast(1.0 - decay, average.dtype)
            if self._zero_debias and isinstance(var, Tensor):
                return _debiased(average, value, share)
            return assign_sub(average, (average.read_value() - value) * share)


def _read_now(value: Any) -> Any:
    """Return a variable's value after whatever the context says comes first."""
    return value.read_value() if isinstance(value, Variable) else value


def _debiased(average: Variable, value: Tensor, share: Tensor) -> Tensor:
    """Update an average that began at 0, divided by the share that its values have in it."""
    biased = create_slot(average, "biased")
    steps = create_slot(average, "local_step")
    moved = assign_sub(biased, (biased.read_value() - value) * share)
    counted = assign_add(steps, 1.0)
    return assign(average, moved / (1.0 - (1.0 - share) ** counted))
