"""Activations that are made of other functions."""

from __future__ import annotations

import math
from typing import Any

from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.math import sigmoid, tanh
from tensorgraph.ops.special import erf


def relu6(features: Any, name: str | None = None) -> Tensor:
    """Return min(max(x, 0), 6), elementwise."""
    return apply("Relu6", features, name=name)


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """Return max(x, 0) and max(-x, 0), joined along an axis (arXiv:1603.05201)."""
    x = convert_to_tensor(features)
    with x.graph.name_scope(name or "CRelu"):
        return apply("Relu", concat([x, -x], axis))


def swish(features: Any, name: str | None = None) -> Tensor:
    """Return x · sigmoid(x), elementwise (arXiv:1710.05941)."""
    x = convert_to_tensor(features)
    with x.graph.name_scope(name or "swish") as scope:
        return apply("Mul", x, sigmoid(x), name=scope)


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Tensor:
    """Return x · P(X ≤ x) of a standard normal X, elementwise (arXiv:1606.08415).

    Parameters
    ----------
    features : Tensor
        Of floating-point type.
    approximate : bool, default False
        Approximate the probability by a hyperbolic tangent.
    name : str, default "Gelu"
        Its name.
    """
    x = convert_to_tensor(features)
    with x.graph.name_scope(name or "Gelu") as scope:
        if approximate:
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
            return apply("Mul", 0.5 * x, 1.0 + tanh(inner), name=scope)
        return apply("Mul", 0.5 * x, 1.0 + erf(x * math.sqrt(0.5)), name=scope)
