"""Gradients of a graph beside central differences, to first and second order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tensorgraph.autodiff.gradients import gradients
from tensorgraph.base.errors import OpError
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor, graph_element
from tensorgraph.graph.stacks import get_default_session
from tensorgraph.ops.sources import placeholder
from tensorgraph.ops.variables import Variable
from tensorgraph.runtime.session import Session
from tensorgraph.testing.complex_step import ComplexStep
from tensorgraph.testing.differences import (
    KINKS,
    Array,
    Comparison,
    Finding,
    Tolerance,
    Values,
    compare,
)
from tensorgraph.testing.point import Point

METHODS = ("central", "complex")

# Relative errors from which on a gradient of float64 is imprecise, by method: the long steps of
# differences leave more error than the complex step.
SHARP = {"central": 1e-9, "complex": 1e-11}


def compare_gradients(
    y: Any,
    xs: Any,
    feed_dict: Mapping[Any, Any] | None = None,
    *,
    session: Session | None = None,
    order: int = 1,
    method: str = "central",
    kinks: str = "skip",
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
    method : str, default "central"
        ``"complex"`` compares with the complex step beside central differences. It has no step
        error, but needs float64 and kernels that take complex arrays.
    kinks : str, default "skip"
        What to do with elements at a kink of the function: leave them out (``"skip"``), accept
        any number between the slopes on both sides (``"subgradient"``), or fail (``"fail"``).
    eps : float, optional
        The step; default is the cube root of the machine precision.
    rtol, atol : float, optional
        Tolerance beside what rounding costs; default are the cube root and the square root of
        the machine precision. With an `rtol` of yours no gradient is called imprecise.
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
    TypeError
        If a y is not of floating-point type, or an x is no tensor.
    ValueError
        If `order`, `method` or `kinks` is none of those above, or `method` is ``"complex"`` and
        an op on the way cannot be computed with complex numbers.
    """
    _check_choice("order", order, (1, 2))
    _check_choice("method", method, METHODS)
    _check_choice("kinks", kinks, KINKS)
    targets, sources = as_targets(y), as_sources(xs)
    dtype = targets[0].dtype.np_dtype
    session = session or session_of(targets[0].graph)
    precision = float(np.finfo(dtype).eps)
    tolerance = Tolerance(
        step=precision ** (1 / 3) if eps is None else eps,
        rtol=precision ** (1 / 3) if rtol is None else rtol,
        atol=precision**0.5 if atol is None else atol,
        precision=precision,
        sharp=SHARP[method] if rtol is None and dtype == np.float64 else 0.0,
        kinks=kinks,
    )
    point = Point(session, sources, feed_dict or {}, targets)
    return _Check(point, tolerance, method, max_elements, seed).orders(targets, sources, order)


class _Check:
    """What all comparisons at one point have in common; see `compare_gradients`."""

    def __init__(
        self,
        point: Point,
        tolerance: Tolerance,
        method: str,
        max_elements: int | None,
        seed: int,
    ) -> None:
        self._point = point
        self._tolerance = tolerance
        self._method = method
        self._max_elements = max_elements
        self._rng = np.random.default_rng(seed)

    def orders(
        self, targets: Sequence[Tensor], sources: Sequence[Tensor], order: int
    ) -> list[Comparison]:
        """Compare the gradients, and those of them."""
        comparisons: list[Comparison] = []
        for nth in range(1, order + 1):
            values = self._point.values(targets)
            weights = [self._rng.uniform(0.5, 1.5, np.shape(v)) for v in values]
            with targets[0].graph.as_default():
                seeds = [
                    convert_to_tensor(w.astype(t.dtype.np_dtype))
                    for w, t in zip(weights, targets, strict=True)
                ]
                try:
                    # Of a table, all of it: what is rows only stands for zeros elsewhere too.
                    found = [
                        None if g is None else convert_to_tensor(g)
                        for g in gradients(targets, sources, seeds)
                    ]
                except (TypeError, ValueError) as error:
                    # A rule gave what cannot be a gradient.
                    return [*comparisons, *(_flawed(x, nth, str(error)) for x in sources)]
            for x, gradient in zip(sources, found, strict=True):
                comparisons.append(self._compare(nth, targets, x, gradient, weights))
            targets = [g for g in found if g is not None]
            if not targets:
                break
        return comparisons

    def _compare(
        self,
        order: int,
        targets: Sequence[Tensor],
        x: Tensor,
        gradient: Tensor | None,
        weights: Values,
    ) -> Comparison:
        value = self._point.xs[x]
        computed = np.zeros_like(value)
        if gradient is not None:
            try:
                computed, again = (
                    np.asarray(self._point.values([gradient], {x: value})[0]) for _ in range(2)
                )
            except OpError as error:
                return _flawed(x, order, f"it cannot be computed: {error}")
            if flaw := form_flaw(computed, value):
                return _flawed(x, order, flaw[1], flaw[0])
            if (moved := _moved(computed, again, self._tolerance.precision)) is not None:
                return _twice(x, order, computed, again, moved)

        def values_at(moved: Array) -> Values:
            return [np.asarray(v) for v in self._point.values(targets, {x: moved})]

        exact = None
        if self._method == "complex":
            exact = ComplexStep(self._point, targets, x, weights).derivative
        result = compare(
            x.name,
            order,
            values_at,
            value,
            computed,
            weights,
            self._indices(value.shape),
            self._tolerance,
            exact,
        )
        if gradient is None and not result.ok:
            flaw_text = (
                f"None, as if nothing depended on it, but at {list(result.index or ())} the"
                f" central difference is {result.difference:.9g}"
            )
            return replace(result, index=None, flaw=flaw_text, finding=Finding.MISSING)
        return result

    def _indices(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return which elements to compare."""
        indices = list(np.ndindex(shape))
        if self._max_elements is not None and len(indices) > self._max_elements:
            chosen = self._rng.choice(len(indices), self._max_elements, replace=False)
            indices = [indices[i] for i in sorted(chosen)]
        return indices


def form_flaw(computed: Array, x: Array) -> tuple[Finding, str] | None:
    """Return what is wrong with type or shape of a gradient, None if nothing."""
    got, wanted = computed.shape, x.shape
    if computed.dtype != x.dtype:
        return Finding.WRONG_DTYPE, f"wrong dtype: of {computed.dtype}, but x is of {x.dtype}"
    if got == wanted:
        return None
    lined_up = (1,) * (len(got) - len(wanted)) + wanted
    repeated = all(d in (1, g) for d, g in zip(lined_up, got, strict=False))
    if len(lined_up) == len(got) and repeated:
        text = f"broadcast not summed: of shape {got}, but x is of shape {wanted}"
        return Finding.BROADCAST, text
    return Finding.WRONG_SHAPE, f"wrong shape: of shape {got}, but x is of shape {wanted}"


def _flawed(x: Tensor, order: int, flaw: str, finding: Finding = Finding.WRONG) -> Comparison:
    return Comparison(x.name, order, 0, 0, finding=finding, flaw=flaw)


def _moved(first: Array, second: Array, precision: float) -> tuple[int, ...] | None:
    """Return where two computations of one thing differ most, None if they agree."""
    if not first.size or np.array_equal(first, second, equal_nan=True):
        return None
    apart = np.nan_to_num(np.abs(first - second), nan=np.inf)
    if apart.max() <= 16 * precision * np.abs(first).max():
        return None  # threads may add up in another order
    return tuple(int(i) for i in np.unravel_index(apart.argmax(), apart.shape))


def _twice(
    x: Tensor, order: int, first: Array, second: Array, index: tuple[int, ...]
) -> Comparison:
    a, b = float(first[index]), float(second[index])
    flaw = f"{a:.9g} in one run, {b:.9g} in the next, of the same feeds"
    return Comparison(
        x.name, order, 0, 0, index, a, b, abs(a - b), 0.0, Finding.NON_DETERMINISTIC, flaw
    )


def _check_choice(name: str, value: Any, allowed: Sequence[Any]) -> None:
    if value not in allowed:
        known = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} must be one of {known}, not {value!r}")


def as_targets(y: Any) -> list[Tensor]:
    """Return what is to be differentiated.

    Raises
    ------
    TypeError
        If it is not of floating-point type.
    """
    targets = [convert_to_tensor(t) for t in (y if isinstance(y, list | tuple) else [y])]
    for t in targets:
        if not t.dtype.is_floating:
            raise TypeError(
                f"only floating-point tensors can be differentiated; {t.name!r} is {t.dtype.name}"
            )
    return targets


def as_sources(xs: Any) -> list[Tensor]:
    """Return by what is to be differentiated.

    Raises
    ------
    TypeError
        If it is no tensor or variable.
    """
    sources = []
    for x in xs if isinstance(xs, list | tuple) else [xs]:
        element = graph_element(x)
        if element is None:
            raise TypeError(f"{x!r} is no tensor or variable to differentiate by")
        sources.append(element)
    return sources


def session_of(graph: Graph) -> Session:
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


def build(
    function: Callable[..., Any], arrays: Any
) -> tuple[Any, list[Tensor], dict[Tensor, Array]]:
    """Call a function on placeholders of float64, in a graph of its own.

    Returns
    -------
    (Tensor or list of Tensor, list of Tensor, dict)
        What it gave, the placeholders, and what to feed.
    """
    values = [np.asarray(a) for a in (arrays if isinstance(arrays, list | tuple) else [arrays])]
    feeds = {}
    with Graph().as_default():
        for value in values:
            floats = value.dtype.kind == "f"
            array = value.astype(np.float64) if floats else value
            feeds[placeholder(array.dtype, array.shape)] = array
        y = function(*feeds)
    xs = [t for t in feeds if t.dtype.is_floating]
    return y, xs, feeds
