"""A graph as a script that checks its gradients: what is needed to see a failure by itself."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.dtypes import DType
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import needed
from tensorgraph.testing.differences import Array

# Longer arrays are written as their bytes; graphs of more nodes are not written at all.
LISTED, MOST_NODES = 64, 100


def script_of(
    ys: Sequence[Tensor], xs: Sequence[Tensor], feeds: Mapping[Tensor, Array], order: int
) -> str:
    """Return a script that builds a graph anew and calls `check_gradients` on it.

    Parameters
    ----------
    ys : sequence of Tensor
        What is differentiated.
    xs : sequence of Tensor
        By what.
    feeds : mapping of Tensor to array
        What to feed.
    order : int
        To which order to check.

    Returns
    -------
    str
        The script; empty where the graph is too large, or has what cannot be written: variables,
        bodies of branches and loops, Python functions.
    """
    operations = needed(ys, (), {t: t for t in feeds})
    if len(operations) > MOST_NODES:
        return ""
    names: dict[Tensor, str] = {}
    lines = []
    try:
        for t in feeds:
            names[t] = f"t{len(names)}"
            shape = list(np.shape(feeds[t]))
            lines.append(
                f"{names[t]} = tf.placeholder(tf.{t.dtype.name}, {shape}, name={t.op.name!r})"
            )
        for op in operations:
            lines.append(_line(op, names))
        fed = ", ".join(f"{names[t]}: {_literal(np.asarray(a))}" for t, a in feeds.items())
    except _UnwritableError:
        return ""
    y, x = (f"[{', '.join(names[t] for t in given)}]" for given in (ys, xs))
    text = "\n".join(lines) + fed
    lines += [f"feeds = {{{fed}}}", f"check_gradients({y}, {x}, feeds, order={order})"]
    head = [*(["import base64", ""] if "base64." in text else []), "import numpy as np", ""]
    head += ["import tensorgraph as tf", *_definitions(operations)]
    head += ["from tensorgraph.testing import check_gradients", "", "graph = tf.Graph()"]
    body = [f"    {line}" for line in lines]
    return "\n".join([*head, "with graph.as_default():", *body]) + "\n"


def _definitions(operations: Sequence[Operation]) -> list[str]:
    """Return lines that import the modules which register the ops that are not the engine's."""
    lines = []
    for op in operations:
        definition = type(op.definition)
        if definition.__module__ == "__main__":
            file = definition.kernel.__code__.co_filename
            lines.append(f"# Here goes the definition of {op.type!r}, from {file}.")
        elif not definition.__module__.startswith("tensorgraph."):
            lines.append(f"import {definition.__module__}  # it registers {op.type!r}")
    return list(dict.fromkeys(lines))


class _UnwritableError(Exception):
    """A value has no Python spelling."""


def _line(op: Operation, names: dict[Tensor, str]) -> str:
    """Return the line that makes an operation, and name what it makes."""
    if op.type == "VariableV2" or op.control_inputs or not op.outputs:
        raise _UnwritableError
    inputs = [names[t] for t in op.inputs]
    for t in op.outputs:
        names[t] = f"t{len(names)}"
    left = ", ".join(names[t] for t in op.outputs)
    if op.type == "Const":
        return f"{left} = tf.constant({_literal(op.attrs['value'])}, name={op.name!r})"
    attrs = [f"{key}={_literal(value)}" for key, value in op.attrs.items()]
    given = ", ".join([repr(op.type), *inputs, f"name={op.name!r}", *attrs])
    return f"({left},) = graph.apply({given}).outputs"


def _literal(value: Any) -> str:
    """Return a value as Python spells it.

    Raises
    ------
    _UnwritableError
        If there is no way.
    """
    if isinstance(value, DType):
        return f"tf.{value.name}"
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.asarray(value))
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple | list):
        items = ", ".join(_literal(v) for v in value)
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items},)" if value else "()"
    raise _UnwritableError


def _array(array: Array) -> str:
    if array.dtype.kind not in "fiub":
        raise _UnwritableError
    kind = f"np.{array.dtype.name}" if array.dtype.kind != "b" else "bool"
    if array.size <= LISTED and np.isfinite(array).all():
        return f"np.array({array.tolist()}, {kind}).reshape({array.shape})"
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return f"np.frombuffer(base64.b64decode({data!r}), {kind}).reshape({array.shape})"
