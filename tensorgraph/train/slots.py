"""Variables that are kept beside another one: momenta, accumulators, moving averages."""

from __future__ import annotations

import numpy as np

from tensorgraph.graph.node import Tensor
from tensorgraph.ops.sources import fill, zeros
from tensorgraph.ops.variables import Variable


def create_slot(primary: Variable | Tensor, name: str, value: float | Tensor = 0.0) -> Variable:
    """Return a new variable called ``primary/name``, which is not trained.

    Parameters
    ----------
    primary : Variable or Tensor
        What it stands beside; it has its type and shape.
    name : str
        The last part of its name.
    value : float or Tensor, default 0
        What it begins with; a number fills it.
    """
    graph, full_name = primary.graph, f"{primary.op.name}/{name}"
    with graph.as_default(), graph.control_dependencies(None), graph.name_scope(None):
        if isinstance(value, Tensor):
            initial = value
        elif value == 0:
            initial = zeros(primary.shape, primary.dtype, f"{full_name}/Initializer/zeros")
        else:
            number = np.array(value, primary.dtype.np_dtype)
            initial = fill(primary.shape.as_list(), number, f"{full_name}/Initializer/Fill")
        return Variable(initial, trainable=False, name=full_name)
