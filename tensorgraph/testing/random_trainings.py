"""Random graphs that are trained: with variables, a loss, its gradients and an optimizer's step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tensorgraph.autodiff.gradients import gradients
from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.math import add_n, sigmoid
from tensorgraph.ops.reduction import reduce_mean
from tensorgraph.ops.sources import placeholder
from tensorgraph.ops.variables import Variable
from tensorgraph.testing.random_graphs import Array, RandomGraph
from tensorgraph.train.adam import AdamOptimizer
from tensorgraph.train.adaptive import AdagradOptimizer, RMSPropOptimizer
from tensorgraph.train.gradient_descent import GradientDescentOptimizer, MomentumOptimizer

OPTIMIZERS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "sgd": lambda: GradientDescentOptimizer(0.1),
        "momentum": lambda: MomentumOptimizer(0.1, 0.9),
        "nesterov": lambda: MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        "adagrad": lambda: AdagradOptimizer(0.1),
        "rmsprop": lambda: RMSPropOptimizer(0.01),
        # These divide a gradient by its own size: one of rounding errors must not become a step.
        "adam": lambda: AdamOptimizer(0.01, epsilon=0.001),
    }
)
# The weight of Σw² in the loss: so every variable has a gradient.
PENALTY = 0.1


@dataclass(frozen=True)
class BuiltTraining:
    """A random training, built.

    Attributes
    ----------
    inputs : list of Tensor
        Placeholders.
    variables : list of Variable
        One for each of them, of its shape.
    outputs : list of Tensor
        What each node gives.
    loss : Tensor
        A scalar.
    gradients : list of Tensor
        Of the loss by each variable.
    step : Operation
        The optimizer's.
    """

    inputs: list[Tensor]
    variables: list[Variable]
    outputs: list[Tensor]
    loss: Tensor
    gradients: list[Tensor]
    step: Operation


@dataclass(frozen=True)
class RandomTraining:
    """A training as data.

    Attributes
    ----------
    graph : RandomGraph
        It stands on the products of inputs and variables.
    weights : tuple of array
        Where the variables start, one for each input.
    optimizer : str
        A key of `OPTIMIZERS`.
    """

    graph: RandomGraph
    weights: tuple[Array, ...]
    optimizer: str

    def build(self, dtype: DType = dtypes.float64) -> BuiltTraining:
        """Add it to the default graph.

        Parameters
        ----------
        dtype : DType, default float64
            The floating type of inputs and variables.
        """
        xs = [placeholder(dtype, x.shape) for x in self.graph.inputs]
        ws = [Variable(w.astype(dtype.np_dtype)) for w in self.weights]
        built = self.graph.build_on([x * w for x, w in zip(xs, ws, strict=True)])
        loss = reduce_mean(sigmoid(built.last))
        loss += PENALTY * add_n([reduce_mean(w * w) for w in ws])
        found = [g for g in gradients(loss, ws) if g is not None]
        step = OPTIMIZERS[self.optimizer]().minimize(loss, var_list=ws)
        return BuiltTraining(xs, ws, built.outputs, loss, found, step)
