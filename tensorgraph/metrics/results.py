"""What all metrics have in common: their variables, and where their results go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import add_to_collection
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.division import div_no_nan
from tensorgraph.ops.math import maximum
from tensorgraph.ops.sources import zeros
from tensorgraph.ops.variables import Variable

# The value of a metric, and what brings it up to date and then is its value.
Metric = tuple[Tensor, Tensor]

Collections = str | Sequence[str] | None


def metric_variable(shape: Sequence[int], name: str, dtype: Any = dtypes.float32) -> Variable:
    """Return a local variable that begins with zeros."""
    keys = [GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES]
    return Variable(
        lambda: zeros(shape, dtype), trainable=False, collections=keys, name=name, dtype=dtype
    )


def ratio(total: Any, count: Any, name: str) -> Tensor:
    """Return total / count, and 0 while there is nothing counted."""
    return div_no_nan(total, maximum(count, 0.0), name=name)


def collected(
    value: Tensor,
    update_op: Tensor,
    metrics_collections: Collections,
    updates_collections: Collections,
) -> Metric:
    """Return value and update of a metric, after adding them to the collections named."""
    for keys, member in ((metrics_collections, value), (updates_collections, update_op)):
        for key in [keys] if isinstance(keys, str) else keys or ():
            add_to_collection(key, member)
    return value, update_op
