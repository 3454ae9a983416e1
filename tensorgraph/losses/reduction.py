"""From one loss for each element to one number."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor
from tensorgraph.losses.collection import add_loss
from tensorgraph.losses.weights import weights_for
from tensorgraph.ops.array import broadcast_to, shape
from tensorgraph.ops.division import div_no_nan
from tensorgraph.ops.math import cast, multiply, not_equal
from tensorgraph.ops.reduction import reduce_sum, size


class Reduction:
    """How the losses of the elements become one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Return all of them."""
        return (
            cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS,
        )  # fmt: skip

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise ValueError for what is none of them."""
        if key not in cls.all():
            raise ValueError(f"no reduction is called {key!r}; there are {', '.join(cls.all())}")


def working_dtype(dtype: DType) -> DType:
    """Return the type that sums of numbers of a type are computed in."""
    return dtype if dtype is dtypes.float64 else dtypes.float32


def count_present(values: Tensor, weights: Tensor) -> Tensor:
    """Return 1 for each element whose weight is not 0, and 0 for the others."""
    present = cast(not_equal(weights, 0), values.dtype)
    result = broadcast_to(present, shape(values))
    result.set_shape(values.dims)
    return result


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Return the weighted losses as one number, and collect it.

    Parameters
    ----------
    losses : Tensor
        The loss of each element.
    weights : Tensor or float, default 1
        A scalar, or of the rank of `losses` with each size equal to that of `losses` or 1.
    scope : str, default "weighted_loss"
        Its name scope.
    loss_collection : str, optional
        The collection that it goes to.
    reduction : str, default ``Reduction.SUM_BY_NONZERO_WEIGHTS``
        What becomes of the products: their sum divided by how many weights are not 0, by the sum
        of the weights (``MEAN``), by their number (``SUM_OVER_BATCH_SIZE``) or by nothing
        (``SUM``), or all of them as they are (``NONE``).

    Raises
    ------
    ValueError
        If the weights do not suit the losses, or there is no such reduction.
    """
    Reduction.validate(reduction)
    with name_scope(scope, "weighted_loss"):
        given = convert_to_tensor(losses)
        values = cast(given, working_dtype(given.dtype))
        factors = weights_for(values, weights, values.dtype)
        loss = multiply(values, factors)
        if reduction != Reduction.NONE:
            loss = reduce_sum(loss)
        if reduction == Reduction.MEAN:
            spread = broadcast_to(factors, shape(values))
            loss = div_no_nan(loss, reduce_sum(spread), name="value")
        elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
            loss = div_no_nan(loss, cast(size(values), values.dtype), name="value")
        elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
            present = reduce_sum(count_present(values, factors), name="num_present")
            loss = div_no_nan(loss, present, name="value")
        loss = cast(loss, given.dtype)
        add_loss(loss, loss_collection)
        return loss
