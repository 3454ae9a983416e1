"""Central differences: the derivative by one number at a time, and how far it can be trusted.

A function of many numbers is followed along one of them: its value a step before, at, and a step
after the point. Half the distance of the outer two over the step is the derivative, but for two
errors: that of the step, which grows with it, and that of rounding, which grows as it shrinks. The
cube root of the machine precision is where both are small.

Where a function has a kink within the step, the slopes before and after the point differ, however
short the step. That is how kinks are told from wrong gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# How much shorter the second step is, where the first says that a gradient is wrong.
SHORTER = 1 / 32


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
    """

    step: float
    rtol: float
    atol: float
    precision: float


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
        How many were left out because the function has a kink there.
    index : tuple of int or None
        The worst element; None where nothing was compared.
    gradient, difference : float
        Both numbers for it.
    error : float
        How far they lie apart.
    allowed : float
        How far they may.
    flaw : str
        What is wrong with the gradient as a whole, as with a wrong shape; mostly empty.
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
    flaw: str = ""

    @property
    def ok(self) -> bool:
        """Whether the gradient is right in every element that was compared."""
        return not self.flaw and self.error <= self.allowed

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.flaw:
            return self.flaw
        left_out = f", {self.kinks} left out at kinks" if self.kinks else ""
        if self.index is None:
            return f"nothing to compare{left_out}"
        place = f"[{', '.join(map(str, self.index))}]" if self.index else "its only element"
        numbers = f"gradient {self.gradient:.9g}, central difference {self.difference:.9g}"
        if self.ok:
            return (
                f"right in {self.compared} elements{left_out}; worst error {self.error:.2g}"
                f" at {place}"
            )
        return f"wrong at {place}: {numbers}{left_out}"

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
    bend : float
        How much the slope after the point differs from the slope before it.
    noise : float
        How much of `central` may be rounding error.
    """

    central: float
    bend: float
    noise: float


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
        abs(right - left),
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
    indices: Iterable[tuple[int, ...]],
    tolerance: Tolerance,
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
    indices : iterable of tuple of int
        Which elements to compare.
    tolerance : Tolerance
        When they are equal.
    """
    worst = Comparison(name, order, 0, 0)
    compared = kinks = 0
    middle = values_at(x)
    for index in indices:
        value = float(gradient[index])

        def follow(
            step: float, index: tuple[int, ...] = index, value: float = value
        ) -> tuple[Slope, float]:
            s = slope(values_at, x, middle, index, weights, step, tolerance.precision)
            size = max(abs(s.central), abs(value))
            return s, tolerance.atol + tolerance.rtol * size + s.noise

        found = _judge(follow, value, tolerance.step)
        if found is None:
            kinks += 1
            continue
        compared += 1
        difference, allowed = found
        error = abs(value - difference)
        error = math.inf if math.isnan(error) else error
        if worst.index is None or error - allowed > worst.error - worst.allowed:
            worst = Comparison(name, order, 0, 0, index, value, difference, error, allowed)
    return replace(worst, compared=compared, kinks=kinks)


def _judge(
    follow: Callable[[float], tuple[Slope, float]], value: float, step: float
) -> tuple[float, float] | None:
    """Return the difference and the error that it allows, or None at a kink.

    Parameters
    ----------
    follow : callable
        From a step to the slope, and the error that it allows.
    value : float
        The gradient to be tested.
    step : float
        The step to begin with.
    """
    first, allowed = follow(step)
    if abs(value - first.central) <= allowed:
        return first.central, allowed
    # Wrong, or a kink close by. With a shorter step a kink beside the point falls outside of it,
    # a kink at the point keeps its bend, and the bend of a smooth function shrinks.
    second, closer = follow(step * SHORTER)
    if abs(value - second.central) <= closer:
        return second.central, closer
    if second.bend > max(first.bend / 2, 2 * closer):
        return None
    return first.central, allowed
