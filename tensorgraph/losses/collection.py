"""The losses of a graph: what each of the loss functions adds, and their sum."""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.defaults import add_to_collection, get_collection
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.math import add_n
from tensorgraph.ops.sources import constant


def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Add a loss of your own to the collection of losses."""
    if loss_collection:
        add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """Return the losses of the default graph.

    Parameters
    ----------
    scope : str, optional
        Only those whose name begins with this, a regular expression.
    loss_collection : str, default ``GraphKeys.LOSSES``
        The collection.
    """
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """Return what the regularizers of variables and layers gave; `scope` as in `get_losses`."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Tensor:
    """Return the sum of `get_regularization_losses`, 0 where there are none."""
    losses = get_regularization_losses(scope)
    return add_n(losses, name=name) if losses else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """Return the sum of all losses of the default graph.

    Parameters
    ----------
    add_regularization_losses : bool, default True
        Those of regularizers too.
    name : str, default "total_loss"
        Its name.
    scope : str, optional
        Only losses whose name begins with this.

    Raises
    ------
    ValueError
        If there are none.
    """
    losses = get_losses(scope)
    if add_regularization_losses:
        losses += get_regularization_losses(scope)
    if not losses:
        raise ValueError("there are no losses to add up: tf.losses.* collect them")
    return add_n(losses, name=name)
