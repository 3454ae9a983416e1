"""Layers that do one thing in training and another one after it."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.static import static_value


def as_training(training: Any) -> bool | Tensor:
    """Return the argument `training` as a bool where it is known, else as a tensor of bool.

    Raises
    ------
    TypeError
        If it is neither a bool (or 0 or 1) nor a tensor of bool.
    """
    if isinstance(training, bool | int):
        return bool(training)
    tensor = convert_to_tensor(training)
    if tensor.dtype is not dtypes.bool_:
        raise TypeError(f"training must be a bool or a tensor of bool, not {training!r}")
    known = static_value(tensor)
    return tensor if known is None else bool(known)
