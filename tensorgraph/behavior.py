"""What scripts for TensorFlow 2 call to have version 1's behaviour: here it is the only one."""

from __future__ import annotations


def disable_v2_behavior() -> None:
    """Do nothing: graphs, sessions and variables are version 1's."""


def disable_eager_execution() -> None:
    """Do nothing: operations go to a graph."""


def executing_eagerly() -> bool:
    """Return False: operations go to a graph."""
    return False
