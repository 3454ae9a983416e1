"""Central differences: the derivative by one number at a time, and how far it can be trusted.

A function of many numbers is followed along one of them: its value a step before, at, and a step
after the point. Half the distance of the outer two over the step is the derivative, but for two
errors: that of the step, which grows with it, and that of rounding, which grows as it shrinks. The
cube root of the machine precision is where both are small.

Where a function has a kink within the step, the slopes before and after the point differ, however
short the step. That is how kinks are told from wrong gradients.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# How much shorter the next steps are, where the first says that a gradient is wrong.
SHORTER = (1 / 32, 1 / 1024)

# Steps of the sharp comparison, and how many elements it looks at one by one.
LONG, LESS_LONG = 1e-3, 1e-4
MOST_SHARP = 200


class Finding(enum.StrEnum):
    """What is wrong with a gradient, in a word or two."""

    RIGHT = "right"
    WRONG = "wrong"
    IMPRECISE = "imprecise"
    KINK = "kink"
    MISSING = "missing"
    NON_DETERMINISTIC = "non-deterministic"
    WRONG_DTYPE = "wrong dtype"
    WRONG_SHAPE = "wrong shape"
    BROADCAST = "broadcast not summed"


# What to do where a function has a kink.
KINKS = ("skip", "subgradient", "fail")


@dataclass(frozen=True)
class Tolerance:
    """How far a gradient may lie from the differences.

    Attributes
    ----------
    step : float
        The step, for numbers of size 1; it grows with the number.
    rtol, atol : float
        Relative and absolute tolerance, beside the rounding error that the step itself brings.
    precision : float
        The relative rounding error of a computed value.
    sharp : float
        From which relative error on a gradient is imprecise; 0 not to look.
    kinks : str
        One of `KINKS`.
    """

    step: float
    rtol: float
    atol: float
    precision: float
    sharp: float = 0.0
    kinks: str = "skip"


@dataclass(frozen=True)
class Comparison:
    """The gradient by one x beside central differences.

    Attributes
    ----------
    x : str
        Name of the tensor or variable.
    order : int
        1 for the gradient, 2 for the gradient of the gradient.
    compared : int
        How many elements were compared.
    kinks : int
        How many of all elements lie at a kink of the function.
    index : tuple of int or None
        The worst element; None where nothing was compared.
    gradient, difference : float
        Both numbers for it.
    error : float
        How far they lie apart.
    allowed : float
        How far they may.
    finding : Finding
        What is wrong with the gradient, or ``"right"``.
    flaw : str
        What is wrong with the gradient as a whole, in words, as with a wrong shape; mostly empty.
    """

    x: str
    order: int
    compared: int
    kinks: int
    index: tuple[int, ...] | None = None
    gradient: float = 0.0
    difference: float = 0.0
    error: float = 0.0
    allowed: float = 0.0
    finding: Finding = Finding.RIGHT
    flaw: str = ""

    @property
    def ok(self) -> bool:
        """Whether the gradient is right in every element that was compared."""
        return self.finding is Finding.RIGHT

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.flaw:
            return (
                self.flaw if self.index is None else f"{self.finding} at {self._place}: {self.flaw}"
            )
        left_out = f", {self.kinks} left out at kinks" if self.kinks else ""
        if self.index is None:
            return f"nothing to compare{left_out}"
        if self.ok:
            return (
                f"right in {self.compared} elements{left_out}; worst error {self.error:.2g}"
                f" at {self._place}"
            )
        digits = 9 if self.finding is Finding.WRONG else 15
        numbers = (
            f"gradient {self.gradient:.{digits}g}, central difference {self.difference:.{digits}g}"
        )
        return f"{self.finding} at {self._place}: {numbers}{left_out}"

    @property
    def _place(self) -> str:
        return f"[{', '.join(map(str, self.index))}]" if self.index else "its only element"

    def __str__(self) -> str:
        kind = "gradient" if self.order == 1 else "second gradient"
        return f"{kind} by {self.x!r}: {self.verdict}"


@dataclass(frozen=True)
class Slope:
    """The derivative along one number.

    Attributes
    ----------
    central : float
        From the value before to the value after.
    left, right : float
        The slope before the point, and that after it.
    noise : float
        How much of `central` may be rounding error.
    """

    central: float
    left: float
    right: float
    noise: float

    @property
    def bend(self) -> float:
        """How much the slope after the point differs from the slope before it."""
        return abs(self.right - self.left)


# The values that an x decides, as one vector for each y.
Values = list[Array]


def slope(
    values_at: Callable[[Array], Values],
    x: Array,
    middle: Values,
    index: tuple[int, ...],
    weights: Values,
    step: float,
    precision: float,
) -> Slope:
    """Return the derivative of the weighted sum of a function's values by one element of `x`.

    Parameters
    ----------
    values_at : callable
        The function: from an x to its values, one array for each y.
    x : array
        The point.
    middle : list of array
        The values there.
    index : tuple of int
        Which element to move.
    weights : list of array
        One for each y, of its shape.
    step : float
        How far to move, relative to the element where that is larger than 1.
    precision : float
        The relative rounding error of the values.
    """
    here = float(x[index])
    distance = step * max(1.0, abs(here))
    moved = x.copy()
    # The numbers that are stored, not those that were asked for, say how far it moved.
    moved[index] = here + distance
    above, after = float(moved[index]) - here, values_at(moved)
    moved[index] = here - distance
    below, before = here - float(moved[index]), values_at(moved)
    right = _change(weights, middle, after) / above
    left = _change(weights, before, middle) / below
    size = sum(float(np.abs(w * y).sum()) for w, y in zip(weights, middle, strict=True))
    return Slope(
        _change(weights, before, after) / (above + below),
        left,
        right,
        4 * precision * size / (above + below),
    )


def _change(weights: Values, start: Values, end: Values) -> float:
    """Return the weighted sum of how values changed; the difference first, to lose no digits."""
    return sum(
        float((w * (np.asarray(b, np.float64) - np.asarray(a, np.float64))).sum())
        for w, a, b in zip(weights, start, end, strict=True)
    )


def compare(
    name: str,
    order: int,
    values_at: Callable[[Array], Values],
    x: Array,
    gradient: Array,
    weights: Values,
    indices: Sequence[tuple[int, ...]],
    tolerance: Tolerance,
    exact: Callable[[tuple[int, ...], float, float], float] | None = None,
) -> Comparison:
    """Return the worst of the elements of a gradient, beside its central difference.

    Parameters
    ----------
    name, order
        As in `Comparison`.
    values_at : callable
        The function: from an x to its values, one array for each y.
    x : array
        The point.
    gradient : array
        The gradient of the weighted sum of the values, to be tested.
    weights : list of array
        One for each y.
    indices : sequence of tuple of int
        Which elements to compare.
    tolerance : Tolerance
        When they are equal.
    exact : callable, optional
        From an element, its difference and the error of that, to the derivative without error.
    """
    worst = Comparison(name, order, 0, 0)
    kinks = []
    middle = values_at(x)
    for index in indices:
        value = float(gradient[index])

        def follow(
            step: float, index: tuple[int, ...] = index, value: float = value
        ) -> tuple[Slope, float]:
            s = slope(values_at, x, middle, index, weights, step, tolerance.precision)
            size = max(abs(s.central), abs(value))
            return s, tolerance.atol + tolerance.rtol * size + s.noise

        found, allowed, is_kink = _judge(follow, value, tolerance)
        if is_kink:
            kinks.append(index)
            if tolerance.kinks == "skip":
                continue
            here = _at_kink(worst, index, value, found, allowed, tolerance.kinks)
        else:
            here = _beside(worst, index, value, found.central, allowed)
            if exact is not None:
                derivative = exact(index, found.central, allowed)
                here = _beside_exact(here, derivative, tolerance.sharp)
        if worst.index is None or _badness(here) > _badness(worst):
            worst = here
    smooth = [index for index in indices if index not in kinks]
    if worst.ok and exact is None and tolerance.sharp and smooth:
        worst = _sharply(worst, values_at, x, gradient, weights, smooth, tolerance)
    left_out = len(kinks) if tolerance.kinks == "skip" else 0
    return replace(worst, compared=len(indices) - left_out, kinks=len(kinks))


def _badness(c: Comparison) -> tuple[bool, float, float]:
    """Return by what the worst element is chosen: the error, relative to what is allowed."""
    ratio = c.error / c.allowed if c.allowed else math.inf if c.error else 0.0
    return not c.ok, ratio, abs(c.difference)


def _beside(
    like: Comparison, index: tuple[int, ...], value: float, difference: float, allowed: float
) -> Comparison:
    """Return one element beside its difference."""
    error = abs(value - difference)
    error = math.inf if math.isnan(error) else error
    finding = Finding.RIGHT if error <= allowed else Finding.WRONG
    return Comparison(like.x, like.order, 0, 0, index, value, difference, error, allowed, finding)


def _beside_exact(here: Comparison, exact: float, sharp: float) -> Comparison:
    """Return one element beside its derivative by the complex step, which has no step error."""
    if not here.ok:
        return replace(here, difference=exact)
    error, allowed = abs(here.gradient - exact), 1e-13 + sharp * abs(exact)
    finding = Finding.RIGHT if error <= allowed else Finding.IMPRECISE
    return replace(here, difference=exact, error=error, allowed=allowed, finding=finding)


def _at_kink(
    like: Comparison,
    index: tuple[int, ...],
    value: float,
    found: Slope,
    allowed: float,
    kinks: str,
) -> Comparison:
    """Return one element at a kink: it fails, or has to lie between the slopes on both sides."""
    low, high = sorted((found.left, found.right))
    error = max(low - value, value - high, 0.0)
    slopes = f"gradient {value:.9g}, slope {found.left:.9g} before it and {found.right:.9g} after"
    here = Comparison(like.x, like.order, 0, 0, index, value, found.central, error, allowed)
    if kinks == "fail":
        return replace(here, finding=Finding.KINK, flaw=slopes)
    if error <= allowed:
        return here
    return replace(here, finding=Finding.WRONG, flaw=f"at a kink, and no subgradient: {slopes}")


def _judge(
    follow: Callable[[float], tuple[Slope, float]], value: float, tolerance: Tolerance
) -> tuple[Slope, float, bool]:
    """Return the slope, the error that it allows, and whether there is a kink.

    Parameters
    ----------
    follow : callable
        From a step to the slope, and the error that it allows.
    value : float
        The gradient to be tested.
    tolerance : Tolerance
        The step to begin with. Where kinks fail, one is looked for though the numbers agree.
    """
    first, allowed = follow(tolerance.step)
    agrees = abs(value - first.central) <= allowed
    if agrees and tolerance.kinks != "fail":
        return first, allowed, False
    # Wrong, or a kink close by. With a shorter step a kink beside the point falls outside of it,
    # a kink at the point keeps its bend, and the bend of a smooth function shrinks.
    before = first
    for shorter in SHORTER:
        here, closer = follow(tolerance.step * shorter)
        agrees_here = abs(value - here.central) <= closer
        bends = here.bend > max(before.bend / 8, 2 * closer)
        if bends and (tolerance.kinks == "fail" or not agrees_here):
            return here, closer, True
        if agrees_here:
            return (first, allowed, False) if agrees else (here, closer, False)
        before = here
    return first, allowed, False


# The sharp comparison: longer steps, and two of them at once, so that their errors cancel. It
# finds a gradient with only the digits of float32, say. Along one random direction it costs next
# to nothing; only where that looks bad, single elements are looked at.


def _sharply(
    right: Comparison,
    values_at: Callable[[Array], Values],
    x: Array,
    gradient: Array,
    weights: Values,
    indices: Sequence[tuple[int, ...]],
    tolerance: Tolerance,
) -> Comparison:
    """Return the comparison, or that of an element whose gradient is imprecise."""
    sizes = np.maximum(1.0, np.abs(x))
    direction = np.zeros(x.shape, np.float64)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(indices))
    for index, sign in zip(indices, signs, strict=True):
        direction[index] = sign
    if not _suspicious(values_at, x, gradient, direction * sizes, weights, LONG, tolerance):
        return right
    for index in list(indices)[:MOST_SHARP]:
        single = np.zeros(x.shape, np.float64)
        single[index] = sizes[index]
        found = [
            _suspicious(values_at, x, gradient, single, weights, step, tolerance)
            for step in (LONG, LESS_LONG)
        ]
        # A gradient's own error is the same whatever the step, that of a kink nearby is not.
        if all(found) and abs(found[0][0] - found[1][0]) <= found[1][1] / 10:
            difference, error, allowed = (n / float(sizes[index]) for n in found[-1])
            return Comparison(
                right.x,
                right.order,
                0,
                0,
                index,
                float(gradient[index]),
                difference,
                error,
                allowed,
                Finding.IMPRECISE,
            )
    return right


def _suspicious(
    values_at: Callable[[Array], Values],
    x: Array,
    gradient: Array,
    direction: Array,
    weights: Values,
    step: float,
    tolerance: Tolerance,
) -> tuple[float, ...]:
    """Return difference, error and allowed error along a direction, nothing where all is well."""
    rough = _five_points(values_at, x, direction, weights, step)
    fine = _five_points(values_at, x, direction, weights, step / 2)
    parts = gradient * direction
    error = abs(float(parts.sum()) - fine)
    size = sum(float(np.abs(w * y).sum()) for w, y in zip(weights, values_at(x), strict=True))
    # Even a result of exactly 0 may be made of numbers about 1.
    noise = 16 * tolerance.precision * max(size / step, 1.0)
    rounding = tolerance.sharp * math.sqrt(float((parts * parts).sum()))
    allowed = 2 * abs(rough - fine) + noise + rounding
    # Larger errors are those of the step itself, for the usual comparison found none.
    most = tolerance.atol + tolerance.rtol * float(np.abs(parts).sum())
    return (fine, error, allowed) if allowed < error <= most else ()


def _five_points(
    values_at: Callable[[Array], Values], x: Array, direction: Array, weights: Values, step: float
) -> float:
    """Return the derivative along a direction, with an error of the step's fourth power."""
    far, near, close, away = (values_at(x + step * n * direction) for n in (-2, -1, 1, 2))
    return (8 * _change(weights, near, close) - _change(weights, far, away)) / (12 * step)
