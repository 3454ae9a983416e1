"""The matrices of Winograd's convolution, by the method of Cook and Toom.

Polynomials may be multiplied by evaluating both at as many points as the product has coefficients,
multiplying the values, and interpolating. A convolution of m results with r taps is such a product
turned around: it takes m + r - 1 multiplications, where the sum written out takes m · r.

The points are small, so that the matrices hold small numbers: 0, 1, -1, 2, -2, ½, -½, and infinity.
Yet with every further point more digits cancel; `winograd` says how much that costs.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

Matrix = tuple[tuple[float, ...], ...]

POINTS = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2")))


class Transform(NamedTuple):
    """F(m, r): m results at a time, of r taps.

    The convolution of a tile x of m + r - 1 numbers with w is
    ``results @ ((taps @ w) * (inputs @ x))``.

    Attributes
    ----------
    inputs : matrix (m + r - 1, m + r - 1)
        Of a tile of the image.
    taps : matrix (m + r - 1, r)
        Of the filter.
    results : matrix (m, m + r - 1)
        From the products to the results.
    square : matrix ((m + r - 1)², r²)
        Of a square filter, by height and width at once.
    """

    inputs: Matrix
    taps: Matrix
    results: Matrix
    square: Matrix


@functools.cache
def transform(m: int, r: int) -> Transform:
    """Return F(m, r).

    Parameters
    ----------
    m, r : int
        Results and taps, at most 8 together with one less.
    """
    points = POINTS[: m + r - 2]
    inputs, taps = [], []
    for i, point in enumerate(points):
        others = points[:i] + points[i + 1 :]
        # Lagrange's polynomial of the point, its divisor put to the taps.
        divisor = functools.reduce(lambda a, p: a * (point - p), others, Fraction(1))
        inputs.append([*_with_zeros_at(others), Fraction(0)])
        taps.append([point**j / divisor for j in range(r)])
    # The point at infinity: the highest coefficient.
    inputs.append(_with_zeros_at(points))
    taps.append([Fraction(j == r - 1) for j in range(r)])
    results = [[*(p**i for p in points), Fraction(i == m - 1)] for i in range(m)]
    square = [[a * b for a in first for b in second] for first in taps for second in taps]
    return Transform(*(_floats(rows) for rows in (inputs, taps, results, square)))


def _with_zeros_at(points: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of all (x - point), the lowest first."""
    result = [Fraction(1)]
    for point in points:
        by_x, by_point = [Fraction(0), *result], [-point * c for c in result] + [Fraction(0)]
        result = [a + b for a, b in zip(by_x, by_point, strict=True)]
    return result


def _floats(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple(tuple(map(float, row)) for row in rows)
