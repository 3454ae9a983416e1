"""The error function and the gamma function's family.

NumPy has none of them. The kernels compute in float64 whatever the input's type, and are accurate
to a few units in the last place, but near a zero of the digamma function or a negative zero of the
logarithm of the gamma function, where the absolute error is that small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    POSITIVE,
    Arg,
    Draw,
    Elementwise,
    Gradients,
    Input,
    KernelContext,
    Sample,
    register,
)
from tensorgraph.ops.array import unbroadcast
from tensorgraph.ops.math import cast, exp, square

# Rational approximations of Cody, "Rational Chebyshev approximations for the error function",
# Math. Comp. 23 (1969); highest powers first. On |x| ≤ 0.46875, up to 4, and beyond.
_ERF_SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
_ERFC_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
     1.23033935480374942e3),
)  # fmt: skip
_ERFC_LARGE = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip
_SMALL, _MIDDLE = 0.46875, 4.0

# ζ(k) - 1 for k = 2, 3, …
_ZETA_LESS_ONE = (
    0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993,
    0.01734306198444914, 0.008349277381922827, 0.00407735619794434, 0.0020083928260822143,
    0.0009945751278180853, 0.0004941886041194645, 0.0002460865533080483, 0.00012271334757848915,
    6.124813505870483e-05, 3.058823630702049e-05, 1.528225940865187e-05, 7.637197637899763e-06,
    3.81729326499984e-06, 1.908212716553939e-06, 9.539620338727962e-07, 4.769329867878064e-07,
    2.38450502727733e-07, 1.1921992596531106e-07, 5.960818905125948e-08, 2.980350351465228e-08,
    1.4901554828365043e-08, 7.45071178983543e-09,
)  # fmt: skip
_ONE_LESS_EULER = 0.42278433509846713
# Bernoulli's numbers B₂, B₄, …
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip
# Polygamma sums one term for each pole that it passes.
_DEEPEST = 10_000


def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """Return the value of a polynomial by Horner's rule, highest power first."""
    total = coefficients[0] * x
    for c in coefficients[1:-1]:
        total = (total + c) * x
    return total + coefficients[-1]


def _rational(fraction: tuple[Sequence[float], Sequence[float]], x: Any) -> Any:
    numerator, denominator = fraction
    return _polynomial(numerator, x) / _polynomial(denominator, x)


def _erf_small(xp: Any, x: Any) -> Any:
    """Return erf where |x| ≤ 0.46875."""
    return x * _rational(_ERF_SMALL, xp.square(x))


def _erfc_tail(xp: Any, y: Any) -> Any:
    """Return erfc for y ≥ 0.46875."""
    middle = xp.minimum(y, _MIDDLE)
    large = xp.maximum(y, _MIDDLE)
    z = 1 / xp.square(large)
    beyond = (1 / math.sqrt(math.pi) - z * _rational(_ERFC_LARGE, z)) / large
    ratio = xp.where(y <= _MIDDLE, _rational(_ERFC_MIDDLE, middle), beyond)
    # exp(-y²) in two factors, the first exact: rounding y² would cost digits where y is large.
    head = xp.trunc(y * 16) / 16
    rest = (y - head) * (y + head)
    return xp.where(y >= 27, 0.0, xp.exp(-head * head) * xp.exp(-rest) * ratio)


def _lgamma_near_two(t: Any) -> Any:
    """Return log Γ(2 + t) for |t| ≤ ½ by its Taylor series: (1 - γ)t + Σ (-1)ᵏ(ζ(k) - 1)tᵏ/k."""
    series = [z / k * (-1) ** k for k, z in enumerate(_ZETA_LESS_ONE, 2)]
    return t * _polynomial([*series[::-1], _ONE_LESS_EULER], t)


def _stirling(xp: Any, x: Any) -> Any:
    """Return log Γ(x) for x ≥ 8 by Stirling's series."""
    terms = [b / (2 * j * (2 * j - 1)) for j, b in enumerate(_BERNOULLI[:9], 1)]
    tail = _polynomial(terms[::-1], 1 / xp.square(x)) / x
    log = xp.log(x)
    return x * (log - 1) - 0.5 * log + (0.5 * math.log(2 * math.pi) + tail)


def _lgamma_positive(xp: Any, x: Any) -> Any:
    """Return log Γ(x) for x ≥ 0.

    Near 1 and 2, its zeros, by a Taylor series at 2, so that no digits are lost there. Up to 8 by
    Γ(x + 1) = xΓ(x), beyond by Stirling's series.
    """
    t = xp.where(x < 0.5, x, xp.minimum(x, 1.5) - 1)
    low = _lgamma_near_two(t) - xp.log1p(t)
    low = xp.where(x < 0.5, low - xp.log(xp.where(x < 0.5, x, 1.0)), low)
    between = xp.clip(x, 1.5, 8.0)
    steps = xp.minimum(xp.floor(between - 1.5), 6)
    start = between - steps
    product = xp.ones_like(x)
    for i in range(6):
        product *= xp.where(i < steps, start + i, 1.0)
    middle = _lgamma_near_two(start - 2) + xp.log(product)
    high = _stirling(xp, xp.maximum(x, 8.0))
    return xp.where(x < 1.5, low, xp.where(x < 8, middle, high))


def _digamma_positive(xp: Any, x: Any) -> Any:
    """Return ψ(x) for x > 0: up to 10 by ψ(x + 1) = ψ(x) + 1/x, then by the asymptotic series."""
    shifted, total = x, xp.zeros_like(x)
    for _ in range(10):
        low = shifted < 10
        total -= xp.where(low, 1 / shifted, 0.0)
        shifted = xp.where(low, shifted + 1, shifted)
    z = 1 / xp.square(shifted)
    terms = [b / (2 * j) for j, b in enumerate(_BERNOULLI[:9], 1)]
    return total + xp.log(shifted) - 0.5 / shifted - z * _polynomial(terms[::-1], z)


def _digamma(xp: Any, x: Any) -> Any:
    """Return ψ(x), by reflection where x is negative."""
    negative = x < 0
    value = _digamma_positive(xp, xp.where(negative, 1 - x, x))
    distance = x - xp.rint(x)
    value = xp.where(negative, value - math.pi / xp.tan(math.pi * distance), value)
    return xp.where((x <= 0) & (distance == 0), np.nan, value)


def _hurwitz_zeta(xp: Any, s: Any, q: Any) -> Any:
    """Return Σ 1/(q + k)ˢ over k ≥ 0, for s > 1, by the formula of Euler and Maclaurin.

    Twelve terms of it after at least ten of the sum; more for negative q, to get past the poles.
    """
    lowest = float(xp.where(q > -_DEEPEST, xp.minimum(q, 0.0), 0.0).min()) if q.size else 0.0
    total, a = xp.zeros(xp.broadcast(s, q).shape), q
    for _ in range(10 + math.ceil(-lowest)):
        total += a**-s
        a = a + 1
    power = a**-s
    total += power * (a / (s - 1) + 0.5)
    factor, power = s, power / a
    for j, b in enumerate(_BERNOULLI, 1):
        total += b / math.factorial(2 * j) * factor * power
        factor = factor * (s + 2 * j - 1) * (s + 2 * j)
        power = power / xp.square(a)
    return xp.where(q > -_DEEPEST, total, np.nan)


class _Special(Elementwise):
    """A function whose kernel computes in float64."""

    inputs = (Arg("x"),)
    uses_out = False

    def values(self, xp: Any, x: Any) -> Any:
        """Return the function of float64 numbers."""
        raise NotImplementedError

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        result = self.values(k.xp, x.astype(np.float64))
        return k.xp.asarray(result).astype(x.dtype)


@register
class Erf(_Special):
    """2/√π ∫₀ˣ exp(-t²) dt."""

    type = "Erf"
    formula = "erf({x})"
    cuda = "erf(double(x))"

    def values(self, xp: Any, x: Any) -> Any:
        y = xp.abs(x)
        tail = xp.copysign(1 - _erfc_tail(xp, xp.maximum(y, _SMALL)), x)
        return xp.where(y <= _SMALL, _erf_small(xp, xp.clip(x, -_SMALL, _SMALL)), tail)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * (2 / math.sqrt(math.pi) * exp(-square(op.inputs[0]))),)


@register
class Erfc(_Special):
    """1 - erf(x), exact where it is small."""

    type = "Erfc"
    formula = "1 − erf({x})"
    cuda = "erfc(double(x))"

    def values(self, xp: Any, x: Any) -> Any:
        y = xp.abs(x)
        tail = _erfc_tail(xp, xp.maximum(y, _SMALL))
        tail = xp.where(x < 0, 2 - tail, tail)
        return xp.where(y <= _SMALL, 1 - _erf_small(xp, xp.clip(x, -_SMALL, _SMALL)), tail)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * (-2 / math.sqrt(math.pi) * exp(-square(op.inputs[0]))),)


@register
class Lgamma(_Special):
    """log |Γ(x)|."""

    type = "Lgamma"
    cuda = "lgamma(double(x))"
    domain = POSITIVE

    def values(self, xp: Any, x: Any) -> Any:
        negative = x < 0
        value = _lgamma_positive(xp, xp.where(negative, 1 - x, x))
        # Γ(x)Γ(1 - x) = π / sin πx, whose sine is exact in the distance to the next integer.
        sine = xp.abs(xp.sin(math.pi * (x - xp.rint(x))))
        reflected = xp.log(math.pi / sine) - value
        value = xp.where(negative, reflected, value)
        return xp.where(xp.isinf(x), np.inf, value)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0] * digamma(op.inputs[0]),)


@register
class Digamma(_Special):
    """ψ(x), the derivative of log Γ(x); NaN at 0 and the negative integers."""

    type = "Digamma"
    cuda = "digamma(double(x))"
    domain = POSITIVE

    def values(self, xp: Any, x: Any) -> Any:
        return _digamma(xp, x)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[0]
        return (grads[0] * polygamma(1, x),)


@register
class Polygamma(Elementwise):
    """The derivative of order a of ψ, at x."""

    type = "Polygamma"
    cuda = "polygamma(a, double(x))"
    inputs = (Arg("a", (dtypes.int32,), group="a"), Arg("x"))
    uses_out = False
    domain = POSITIVE

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        xp, (a, x) = k.xp, inputs
        q = x.astype(np.float64)
        s = xp.maximum(a, 1) + 1.0
        sign = xp.where(a % 2 == 1, 1.0, -1.0)
        factorial = xp.rint(xp.exp(_lgamma_positive(xp, s)))
        result = sign * factorial * _hurwitz_zeta(xp, s, q)
        result = xp.where(a == 0, _digamma(xp, q), result)
        return xp.where(a < 0, np.nan, result).astype(x.dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        a, x = op.inputs
        return (None, lambda: unbroadcast(grads[0] * polygamma(a + 1, x), x, a))

    def sample(self, draw: Draw) -> Sample:
        order, x = draw.broadcastable(2)
        value = np.full(order, draw.integer(0, 3), np.int32)
        return Sample((Input(order, value=value), Input(x, POSITIVE)))


# The names users type: `x` is a tensor, array or number, `name` the node's name


def erf(x: Any, name: str | None = None) -> Tensor:
    """Return the error function, 2/√π ∫₀ˣ exp(-t²) dt, elementwise."""
    return apply("Erf", x, name=name)


def erfc(x: Any, name: str | None = None) -> Tensor:
    """Return 1 - erf(x), elementwise, exact where it is small."""
    return apply("Erfc", x, name=name)


def lgamma(x: Any, name: str | None = None) -> Tensor:
    """Return log |Γ(x)|, elementwise; infinite at 0 and the negative integers."""
    return apply("Lgamma", x, name=name)


def digamma(x: Any, name: str | None = None) -> Tensor:
    """Return ψ(x), the derivative of `lgamma`, elementwise."""
    return apply("Digamma", x, name=name)


def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the derivatives of order `a` of `digamma`, elementwise; `a` holds whole numbers."""
    value = convert_to_tensor(x)
    return apply("Polygamma", cast(a, dtypes.int32), value, name=name)
