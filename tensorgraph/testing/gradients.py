"""Gradients of a graph beside central differences, to first and second order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tensorgraph.autodiff.gradients import gradients
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor, graph_element
from tensorgraph.graph.stacks import get_default_session
from tensorgraph.ops.variables import Variable
from tensorgraph.runtime.session import Session
from tensorgraph.testing.differences import Array, Comparison, Tolerance, Values, compare


class GradientError(AssertionError):
    """A gradient is wrong.

    Parameters
    ----------
    message : str
        Which, where, and both numbers.
    comparisons : sequence of Comparison
        What was compared, the right ones too.

    Attributes
    ----------
    comparisons
        The parameter.
    """

    def __init__(self, message: str, comparisons: Sequence[Comparison]) -> None:
        super().__init__(message)
        self.comparisons = list(comparisons)


def check_gradients(
    y: Any,
    xs: Any,
    feed_dict: Mapping[Any, Any] | None = None,
    *,
    session: Session | None = None,
    order: int = 1,
    eps: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_elements: int | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Check what `gradients` gives for `y` by `xs`, and raise where it is wrong.

    Parameters and result are those of `compare_gradients`.

    Raises
    ------
    GradientError
        If a gradient is wrong. The message names y's operation, x, the element and both numbers.

    Examples
    --------
    >>> x = tf.placeholder(tf.float64, [3, 4])
    >>> check_gradients(tf.nn.softmax(x), x, {x: np.random.randn(3, 4)}, order=2)
    """
    comparisons = compare_gradients(
        y,
        xs,
        feed_dict,
        session=session,
        order=order,
        eps=eps,
        rtol=rtol,
        atol=atol,
        max_elements=max_elements,
        seed=seed,
    )
    wrong = [c for c in comparisons if not c.ok]
    if wrong:
        op = _targets(y)[0].op
        lines = "\n  ".join(str(c) for c in wrong)
        raise GradientError(
            f"the gradient of {op.name!r} is wrong ({op.describe()}, made at {op.source})\n"
            f"  {lines}",
            comparisons,
        )
    return comparisons


def compare_gradients(
    y: Any,
    xs: Any,
    feed_dict: Mapping[Any, Any] | None = None,
    *,
    session: Session | None = None,
    order: int = 1,
    eps: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_elements: int | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Compare what `gradients` gives for `y` by each of `xs` with central differences.

    Where `y` is no scalar, a sum of its elements with random weights stands for it, so that every
    element of the Jacobian has a part in the result. Random numbers that `y` depends on (dropout)
    are drawn once and then held. The graph must be of float64 for the numbers to be sharp; with
    float32 only gross errors show.

    Parameters
    ----------
    y : Tensor, or list of Tensor
        What to differentiate; of several, the sum.
    xs : Tensor, Variable, or list of them
        By what: placeholders, variables, or any tensors on the way.
    feed_dict : mapping, optional
        What else to feed, and the values of those `xs` that are placeholders.
    session : Session, optional
        Holds the variables; default is the default session, else a new one in which all
        variables are initialised.
    order : int, default 1
        2 differentiates the gradients once more.
    eps : float, optional
        The step; default is the cube root of the machine precision.
    rtol, atol : float, optional
        Tolerance beside what rounding costs; default are the cube root and the square root of
        the machine precision.
    max_elements : int, optional
        How many elements of each x to compare, chosen at random; default all.
    seed : int, default 0
        Seeds weights and choices: the same seed, the same result.

    Returns
    -------
    list of Comparison
        One for each x and order, the first order first.

    Raises
    ------
    LookupError
        If an op on the way has no gradient rule.
    ValueError
        If `order` is neither 1 nor 2.
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order}")
    targets = _targets(y)
    graph, dtype = targets[0].graph, targets[0].dtype.np_dtype
    sources = [_element(x) for x in (xs if isinstance(xs, list | tuple) else [xs])]
    session = session or _session(graph)
    rng = np.random.default_rng(seed)
    precision = float(np.finfo(dtype).eps)
    tolerance = Tolerance(
        step=precision ** (1 / 3) if eps is None else eps,
        rtol=precision ** (1 / 3) if rtol is None else rtol,
        atol=precision**0.5 if atol is None else atol,
        precision=precision,
    )
    point = _Point(session, sources, feed_dict or {}, targets)
    comparisons: list[Comparison] = []
    for nth in range(1, order + 1):
        weights = [rng.uniform(0.5, 1.5, np.shape(v)) for v in point.values(targets)]
        with graph.as_default():
            seeds = [
                convert_to_tensor(w.astype(t.dtype.np_dtype))
                for w, t in zip(weights, targets, strict=True)
            ]
            found = gradients(targets, sources, seeds)
        for x, gradient in zip(sources, found, strict=True):
            comparisons.append(
                _compare(point, nth, targets, x, gradient, weights, tolerance, max_elements, rng)
            )
        targets = [g for g in found if g is not None]
        if not targets:
            break
    return comparisons


class _Point:
    """Where a graph is differentiated: the values of its xs, and everything else held still."""

    def __init__(
        self,
        session: Session,
        xs: Sequence[Tensor],
        feed_dict: Mapping[Any, Any],
        targets: Sequence[Tensor],
    ) -> None:
        self._session = session
        self._feeds = dict(feed_dict)
        graph = targets[0].graph
        needed = session.program(list(targets), self._feeds, optimized=False).graph
        # All random ops keep their seeds among their attributes.
        random = [
            graph.get_operation_by_name(op.name).outputs[0]
            for op in needed.get_operations()
            if "seeds" in op.attrs
        ]
        fed = {graph.as_graph_element(key) for key in self._feeds}
        drawn = [t for t in random if t not in fed]
        values = session.run([*drawn, *xs], self._feeds)
        self._feeds.update(zip(drawn, values, strict=False))
        self.xs = {x: np.asarray(v) for x, v in zip(xs, values[len(drawn) :], strict=True)}

    def values(self, fetches: Sequence[Tensor], moved: Mapping[Tensor, Array] | None = None) -> Any:
        """Return what the fetches are, with some of the xs moved."""
        return self._session.run(list(fetches), {**self._feeds, **(moved or {})})


def _compare(
    point: _Point,
    order: int,
    targets: Sequence[Tensor],
    x: Tensor,
    gradient: Tensor | None,
    weights: Values,
    tolerance: Tolerance,
    max_elements: int | None,
    rng: np.random.Generator,
) -> Comparison:
    value = point.xs[x]
    if gradient is None:
        computed = np.zeros_like(value)
    else:
        computed = np.asarray(point.values([gradient])[0])
        if computed.shape != value.shape or computed.dtype != value.dtype:
            flaw = (
                f"of {computed.dtype} and shape {computed.shape}, but x is of {value.dtype} and"
                f" shape {value.shape}"
            )
            return Comparison(x.name, order, 0, 0, flaw=flaw)
    indices = list(np.ndindex(value.shape))
    if max_elements is not None and len(indices) > max_elements:
        chosen = rng.choice(len(indices), max_elements, replace=False)
        indices = [indices[i] for i in sorted(chosen)]

    def values_at(moved: Array) -> Values:
        return [np.asarray(v) for v in point.values(targets, {x: moved})]

    result = compare(x.name, order, values_at, value, computed, weights, indices, tolerance)
    if gradient is None and not result.ok:
        flaw = (
            f"None, as if nothing depended on it, but at {list(result.index or ())} the central"
            f" difference is {result.difference:.9g}"
        )
        return replace(result, flaw=flaw)
    return result


def _targets(y: Any) -> list[Tensor]:
    return [convert_to_tensor(t) for t in (y if isinstance(y, list | tuple) else [y])]


def _element(x: Any) -> Tensor:
    element = graph_element(x)
    if element is None:
        raise TypeError(f"{x!r} is no tensor or variable to differentiate by")
    return element


def _session(graph: Graph) -> Session:
    """Return the default session, or a new one with all variables of the graph initialised."""
    default = get_default_session()
    if isinstance(default, Session) and default.graph is graph:
        return default
    session = Session(graph=graph)
    variables: list[Variable] = [
        *graph.get_collection(GraphKeys.GLOBAL_VARIABLES),
        *graph.get_collection(GraphKeys.LOCAL_VARIABLES),
    ]
    session.run([v.initializer for v in variables])
    return session
