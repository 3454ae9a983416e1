"""`step`: the function that users call to walk through a forward and a backward pass."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tensorgraph.pages import Page
from tensorgraph.runtime.session import Session
from tensorgraph.viz.walk.outline import make_outline
from tensorgraph.viz.walk.page import make_page
from tensorgraph.viz.walk.tracing import trace

MOST_OPERATIONS = 300
"""More are not walked through one by one."""


def step(
    loss: Any,
    feed: Mapping[Any, Any] | None = None,
    filename: str | os.PathLike[str] | None = None,
    *,
    xs: Sequence[Any] | None = None,
    session: Session | None = None,
    title: str | None = None,
) -> Page:
    """Make a page that walks through one forward and one backward pass, node by node.

    Each step shows the formula of the node with its numbers, and on the way back the gradient that
    comes in, the rule, and where contributions add up. Arrow keys, Home, End, the space bar and a
    slider move through it. Nothing is added to the graph.

    Parameters
    ----------
    loss : Tensor
        What to compute and to differentiate; of a tensor of several numbers, their sum.
    feed : mapping, optional
        Values of placeholders, as for ``session.run``.
    filename : str or path-like, optional
        Where to write the page, in one step. Its folder must exist.
    xs : sequence of Tensor or Variable, optional
        By what to differentiate; default are all variables and all that is fed, and constants
        where there is neither.
    session : Session, optional
        Holds the values of the variables; default is the default session, and without one the
        variables have their initial values.
    title : str, optional
        A heading; default is the name of the loss.

    Returns
    -------
    Page
        The page; a notebook shows it.

    Raises
    ------
    TypeError, ValueError
        If the loss is no tensor of floats, or a feed does not suit.
    TooManyOperationsError
        If it takes more than 300 operations to compute.
    LookupError
        If an operation on the way has no gradient rule.
    OpError
        If an operation fails, as where a placeholder is not fed.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> x = tf.placeholder(tf.float32, name="x")
    >>> w = tf.Variable(2.0, name="w")
    >>> page = tf.viz.step(tf.square(w * x - 1.0), {x: 3.0}, "step.html")
    """
    outline = make_outline(trace(loss, feed, xs=xs, session=session, most=MOST_OPERATIONS))
    page = Page(make_page(outline, title or f"One step of {outline.loss}"))
    if filename is not None:
        page.save(filename)
    return page
