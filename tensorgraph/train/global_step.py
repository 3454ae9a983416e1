"""The global step: the variable that counts the steps of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.stacks import Runner
from tensorgraph.ops.variables import Variable

_NAME = "global_step"


def create_global_step(graph: Graph | None = None) -> Variable:
    """Return a new global step: an int64 variable that begins at 0 and is not trained.

    Parameters
    ----------
    graph : Graph, optional
        Where it goes; default is the default graph.

    Raises
    ------
    ValueError
        If the graph has one.
    """
    target = graph or get_default_graph()
    if get_global_step(target) is not None:
        raise ValueError("the graph has a global step: use tf.train.get_or_create_global_step()")
    with target.as_default(), target.control_dependencies(None), target.name_scope(None):
        return Variable(
            np.int64(0),
            trainable=False,
            name=_NAME,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_global_step(graph: Graph | None = None) -> Variable | None:
    """Return the global step of a graph, by default of the default one; None if it has none.

    It is the one variable of the collection ``GLOBAL_STEP``, or else the one of the name
    ``global_step``.

    Raises
    ------
    TypeError
        If it is no integer scalar.
    ValueError
        If there is more than one.
    """
    target = graph or get_default_graph()
    found = target.get_collection(GraphKeys.GLOBAL_STEP)
    if not found:
        variables = target.get_collection(GraphKeys.GLOBAL_VARIABLES)
        found = [v for v in variables if v.name == f"{_NAME}:0"]
    if len(found) > 1:
        raise ValueError(f"the graph has {len(found)} global steps")
    if not found:
        return None
    assert_global_step(found[0])
    step: Variable = found[0]
    return step


def get_or_create_global_step(graph: Graph | None = None) -> Variable:
    """Return the global step of a graph, by default of the default one; make it if need be."""
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def assert_global_step(global_step_tensor: Any) -> None:
    """Check that a variable or tensor can count steps.

    Raises
    ------
    TypeError
        If it is no integer scalar.
    """
    if not global_step_tensor.dtype.is_integer or global_step_tensor.shape.ndims not in (0, None):
        raise TypeError(
            f"a global step is an integer scalar; {global_step_tensor.name!r} is of"
            f" {global_step_tensor.dtype.name} and of shape {global_step_tensor.shape}"
        )


def global_step(sess: Runner, global_step_tensor: Any) -> int:
    """Return the value of a global step in a session."""
    return int(sess.run(global_step_tensor))
