"""Pictures of what went wrong: where a gradient is cut, and which node gave the first NaN."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tensorgraph.base.errors import OpError
from tensorgraph.graph.node import Operation
from tensorgraph.runtime.explanation import GradientPath
from tensorgraph.viz.fetches import needed, operations_of
from tensorgraph.viz.picture import Picture
from tensorgraph.viz.render import render

_LONGEST_TITLE = 90


def render_problem(
    problem: GradientPath | OpError,
    fetches: Any = None,
    filename: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
) -> Picture:
    """Draw what `tf.explain_gradient` found, or where an operation failed.

    The operation to blame is red: the one that cuts the gradient, or the first whose result held
    NaN or infinity. What the gradient does not reach behind a cut is grey.

    Parameters
    ----------
    problem : GradientPath or OpError
        What `tf.explain_gradient` returned, or the error that `Session.run` raised.
    fetches : Tensor, Operation, Variable, or nested lists and dicts of them, optional
        What was run; an error needs it.
    filename, format
        As of `render`.

    Returns
    -------
    Picture
        The picture.

    Raises
    ------
    TypeError
        If the problem is of another kind.
    ValueError
        If nothing joins the tensors of a path, or the error is of no node that the fetches need.
    GraphvizMissingError, DrawingError, OSError
        As of `render`.

    Examples
    --------
    >>> x = tf.placeholder(tf.float32, [3], name="x")
    >>> path = tf.explain_gradient(tf.round(x) * 2.0, x)
    >>> picture = tf.viz.render_problem(path, filename="cut.svg")
    """
    if isinstance(problem, GradientPath):
        return _render_path(problem, filename, format)
    if not isinstance(problem, OpError):
        raise TypeError(f"expected a GradientPath or an OpError, received {problem!r}")
    if fetches is None:
        raise ValueError("an error says which node failed, but not in which graph: pass fetches")
    bad = [op for op in needed(operations_of(fetches)) if op.name == problem.node]
    if not bad:
        raise ValueError(f"the fetches need no node {problem.node!r}")
    title = _short(problem.message.partition("\n")[0])
    return render(fetches, filename, format=format, title=title, highlight=bad)


def _render_path(
    path: GradientPath, filename: str | os.PathLike[str] | None, format: str | None
) -> Picture:
    known = [*path.operations, *(cut.op for cut in path.cuts)]
    if not known:
        raise ValueError(str(path))
    graph = known[0].graph
    y, x = graph.get_tensor_by_name(path.y), graph.get_tensor_by_name(path.x)
    cuts = {cut.op for cut in path.cuts}
    joined = "flows" if path.connected else "is cut"
    return render(
        [y, x],
        filename,
        format=format,
        title=_short(f"the gradient of {path.y} by {path.x} {joined}"),
        highlight=cuts,
        fade=_between(x.op, cuts) - set(path.operations) - cuts,
    )


def _between(x: Operation, cuts: Iterable[Operation]) -> set[Operation]:
    """Return the operations on ways from one to others, both ends included."""
    after = {x}
    found = needed(cuts)
    for op in found:
        if any(t.op in after for t in op.inputs):
            after.add(op)
    return after


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"
