"""Layer normalisation, where TensorFlow 1 keeps it: ``tf.contrib.layers.layer_norm``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import Ones, Zeros
from tensorgraph.ops.array import reshape, reshape_like, shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.standardize import standardize
from tensorgraph.scopes import variable_scope
from tensorgraph.shared_variables import get_variable

# What TensorFlow adds to the variance, so that it can be divided by.
EPSILON = 1e-12


def layer_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    activation_fn: Callable[[Tensor], Tensor] | None = None,
    reuse: bool | None = None,
    trainable: bool = True,
    begin_norm_axis: int = 1,
    begin_params_axis: int = -1,
    scope: str | None = None,
) -> Tensor:
    """Return each example with mean 0 and variance 1 (Ba, Kiros and Hinton, arXiv:1607.06450).

    Parameters
    ----------
    inputs : Tensor of shape (batch, ...)
        What to normalise; the sizes from `begin_params_axis` on are known.
    center, scale : bool, default True
        Add the variable ``beta``; multiply by the variable ``gamma``.
    activation_fn : callable, optional
        What to apply to the result.
    reuse : bool, optional
        Use the variables of an earlier layer of the same `scope`.
    trainable : bool, default True
        Whether optimizers train the variables.
    begin_norm_axis : int, default 1
        Mean and variance are taken over this axis and all after it.
    begin_params_axis : int, default -1
        The variables have the sizes of this axis and all after it.
    scope : str, default "LayerNorm"
        The variable scope.

    Returns
    -------
    Tensor of the shape of `inputs`

    Raises
    ------
    ValueError
        If the rank is not known, an axis does not exist, or a size of the variables is not known.
    """
    x = convert_to_tensor(inputs)
    if x.dims is None:
        raise ValueError("layer_norm needs inputs of a known rank")
    rank = len(x.dims)
    for axis in (begin_norm_axis, begin_params_axis):
        if not -rank <= axis < rank:
            raise ValueError(f"layer_norm: axis {axis} does not exist in inputs of shape {x.shape}")
    sizes = x.dims[begin_params_axis % rank :]
    if None in sizes:
        raise ValueError(
            f"layer_norm: the sizes from axis {begin_params_axis} on must be known,"
            f" but the inputs are {x.shape}"
        )
    with variable_scope(scope, "LayerNorm", [x], reuse=reuse):
        settings: dict[str, Any] = {"shape": sizes, "dtype": x.dtype, "trainable": trainable}
        beta = get_variable("beta", initializer=Zeros(), **settings) if center else None
        gamma = get_variable("gamma", initializer=Ones(), **settings) if scale else None
        result = _standardized(x, begin_norm_axis % rank)
        result = result if gamma is None else result * gamma
        result = result if beta is None else result + beta
        return result if activation_fn is None else activation_fn(result)


def _standardized(x: Tensor, axis: int) -> Tensor:
    """Return a tensor with mean 0 and variance 1 over an axis and all after it."""
    assert x.dims is not None
    if axis == len(x.dims) - 1:
        return standardize(x, EPSILON)
    count = shapes.num_elements(x.dims[axis:])
    target = concat([shape(x)[:axis], [-1 if count is None else count]], 0)
    return reshape_like(standardize(reshape(x, target), EPSILON), x)
