"""Values that are known while the graph is built."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.base.shapes import Shape
from tensorgraph.graph.node import Tensor


def static_value(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """Return the value of a tensor that is known while the graph is built, or None.

    Constants are known, and the shape of a tensor whose static shape is.
    """
    return tensor.op.definition.known(tensor.op, tensor.op.inputs)


def static_shape(tensor: Tensor) -> Shape:
    """Return what is known of the shape that an integer vector describes; -1 is unknown."""
    value = static_value(tensor)
    if value is not None:
        return tuple(None if v < 0 else int(v) for v in value.ravel())
    if tensor.op.type == "Shape":
        return tensor.op.inputs[0].dims
    if tensor.op.type == "Pack" and tensor.dims is not None and len(tensor.dims) == 1:
        known = [static_value(t) for t in tensor.op.inputs]
        return tuple(None if v is None or v < 0 else int(v) for v in known)
    if tensor.dims is not None and len(tensor.dims) == 1 and tensor.dims[0] is not None:
        return (None,) * tensor.dims[0]
    return None
