"""The errors of training that users can cause."""

from __future__ import annotations

from tensorgraph.base.errors import DataError


class RunError(DataError):
    """A run folder is missing, incomplete, damaged, or in the way; or nothing can be trained."""


class DivergedError(RunError):
    """The loss became NaN or infinite; the network was set back to where it was last good.

    Parameters
    ----------
    message : str
        What happened.
    node, layer : str
        The first node with NaN or infinity, and the layer it belongs to; empty where that could
        not be found out.

    Attributes
    ----------
    node, layer : str
        As given.
    """

    def __init__(self, message: str, node: str = "", layer: str = "") -> None:
        super().__init__(message)
        self.node = node
        self.layer = layer
