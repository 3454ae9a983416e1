"""Weights of examples, as losses and metrics take them."""

from __future__ import annotations

from typing import Any

from tensorgraph.base.dtypes import DType
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.array import broadcast_to, expand_dims, shape, squeeze
from tensorgraph.ops.math import cast


def weights_for(values: Tensor, weights: Any, dtype: DType) -> Tensor:
    """Return weights as a tensor of the shape of `values`; a scalar stays one.

    Parameters
    ----------
    values : Tensor
        What is weighed.
    weights : Tensor or array_like
        A scalar, or of the rank of `values` with each size equal to that of `values` or 1.
    dtype : DType
        The element type wanted.

    Raises
    ------
    ValueError
        If the weights have another shape.
    """
    tensor = cast(convert_to_tensor(weights), dtype)
    mine, target = tensor.dims, values.dims
    if mine == ():
        return tensor
    if mine is not None and target is not None:
        fits = len(mine) == len(target) and all(
            w is None or w == 1 or v is None or w == v for w, v in zip(mine, target, strict=True)
        )
        if not fits:
            raise ValueError(
                f"weights of shape {tensor.shape} do not suit values of shape {values.shape}: they"
                " must be a scalar, or have the same rank and in each place the same size or 1"
            )
    result = broadcast_to(tensor, shape(values))
    result.set_shape(target)
    return result


def drop_size_one_axis(
    labels: Tensor, predictions: Tensor, expected_rank_diff: int = 0
) -> tuple[Tensor, Tensor]:
    """Return labels and predictions without a last axis of size 1 that only one of them has.

    Parameters
    ----------
    labels, predictions : Tensor
        What is to be compared.
    expected_rank_diff : int, default 0
        How many more axes the predictions should have.
    """
    if labels.dims is None or predictions.dims is None:
        return labels, predictions
    excess = len(predictions.dims) - len(labels.dims) - expected_rank_diff
    if excess == 1 and predictions.dims[-1] in (1, None):
        predictions = squeeze(predictions, [-1])
    elif excess == -1 and labels.dims[-1] in (1, None):
        labels = squeeze(labels, [-1])
    return labels, predictions


def weights_beside(values: Tensor, weights: Any, dtype: DType) -> Tensor:
    """Do as `weights_for`, but first drop or add a last axis of size 1 where the ranks differ."""
    tensor = convert_to_tensor(weights)
    if tensor.dims and values.dims is not None:
        excess = len(tensor.dims) - len(values.dims)
        if excess == 1:
            tensor = squeeze(tensor, [-1])
        elif excess == -1:
            tensor = expand_dims(tensor, -1)
    return weights_for(values, tensor, dtype)
