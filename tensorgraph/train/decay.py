"""Learning rates that change with the step.

Each function takes the first learning rate and the global step, and returns a scalar tensor, to be
given to an optimizer. The global step is a variable or tensor of any numeric type, or a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.math import cast, equal, exp, greater, log, minimum, sqrt, where
from tensorgraph.ops.random import random_normal
from tensorgraph.ops.trigonometry import ceil, cos, floor


def _as_type_of(rate: Tensor, *numbers: Any) -> list[Tensor]:
    """Return numbers and tensors as tensors of the learning rate's type."""
    if any(n is None for n in numbers):
        raise ValueError("a decayed learning rate needs a global step and its settings: got None")
    return [cast(n, rate.dtype) for n in numbers]


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate · decay_rate ^ (global_step / decay_steps).

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        The first one.
    global_step : Variable, Tensor or int
        How many steps were made.
    decay_steps : int or scalar Tensor
        After so many steps it has decayed by `decay_rate`.
    decay_rate : float or scalar Tensor
        That factor.
    staircase : bool, default False
        Decay at once after every `decay_steps`, and not in between.
    name : str, default "ExponentialDecay"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If there is no global step.
    """
    with name_scope(name, "ExponentialDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, factor = _as_type_of(rate, global_step, decay_steps, decay_rate)
        periods = step / period
        return rate * factor ** (floor(periods) if staircase else periods)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate · e ^ (-decay_rate · global_step / decay_steps).

    Parameters are those of `exponential_decay`.
    """
    factor = exp(-convert_to_tensor(decay_rate))
    return exponential_decay(learning_rate, global_step, decay_steps, factor, staircase, name)


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate / (1 + decay_rate · global_step / decay_steps).

    Parameters are those of `exponential_decay`; `name` is "InverseTimeDecay" by default.
    """
    with name_scope(name, "InverseTimeDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, factor = _as_type_of(rate, global_step, decay_steps, decay_rate)
        periods = step / period
        return rate / (1.0 + factor * (floor(periods) if staircase else periods))


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return a learning rate that goes to `end_learning_rate` within `decay_steps`.

    (learning_rate - end_learning_rate)(1 - global_step / decay_steps) ^ power + end_learning_rate.

    Parameters
    ----------
    learning_rate, global_step, decay_steps
        As for `exponential_decay`.
    end_learning_rate : float or scalar Tensor, default 0.0001
        The last one, which stays.
    power : float or scalar Tensor, default 1
        1 is a straight line.
    cycle : bool, default False
        Begin again instead of staying, each time with a multiple of `decay_steps`.
    name : str, default "PolynomialDecay"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If there is no global step.
    """
    with name_scope(name, "PolynomialDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, end, exponent = _as_type_of(
            rate, global_step, decay_steps, end_learning_rate, power
        )
        if cycle:
            (one,) = _as_type_of(rate, 1)
            period = period * where(equal(step, step * 0.0), one, ceil(step / period))
        else:
            step = minimum(step, period)
        return (rate - end) * (1.0 - step / period) ** exponent + end


def piecewise_constant(
    x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None
) -> Tensor:
    """Return ``values[0]`` while x ≤ ``boundaries[0]``, then ``values[1]``, and so on.

    Parameters
    ----------
    x : Variable, Tensor or number
        The global step, or something else.
    boundaries : list of number or Tensor
        Strictly rising, of the type of `x`.
    values : list of float or Tensor
        One more than boundaries.
    name : str, default "PiecewiseConstant"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If values and boundaries do not go together in number or type.
    """
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"{len(boundaries)} boundaries need one more value, not {len(values)}")
    with name_scope(name, "PiecewiseConstant"):
        place = convert_to_tensor(x)
        levels = [convert_to_tensor(v) for v in values]
        if any(level.dtype is not levels[0].dtype for level in levels):
            kinds = ", ".join(level.dtype.name for level in levels)
            raise ValueError(f"the values must be of one type, not {kinds}")
        result = levels[0]
        for boundary, level in zip(boundaries, levels[1:], strict=True):
            limit = convert_to_tensor(boundary)
            if limit.dtype.is_floating and not place.dtype.is_floating:
                raise ValueError(
                    f"the boundaries must be {place.dtype.name} like x, not {limit.dtype.name}"
                )
            result = where(greater(place, cast(limit, place.dtype)), level, result)
        return result


piecewise_constant_decay = piecewise_constant


def _cosine(fraction: Tensor) -> Tensor:
    """Return half a cosine: 1 at fraction 0, 0 at 1."""
    return 0.5 * (1.0 + cos(math.pi * fraction))


def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Return a learning rate that falls by half a cosine (Loshchilov and Hutter, 1608.03983).

    Parameters
    ----------
    learning_rate, global_step
        As for `exponential_decay`.
    decay_steps : int or scalar Tensor
        Over so many steps; then it stays.
    alpha : float or scalar Tensor, default 0
        The share of `learning_rate` that stays.
    name : str, default "CosineDecay"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If there is no global step.
    """
    with name_scope(name, "CosineDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, rest = _as_type_of(rate, global_step, decay_steps, alpha)
        fraction = minimum(step, period) / period
        return rate * ((1.0 - rest) * _cosine(fraction) + rest)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Return `cosine_decay` that begins again whenever it has come to its end.

    Parameters
    ----------
    learning_rate, global_step, alpha
        As for `cosine_decay`.
    first_decay_steps : int or scalar Tensor
        Length of the first period.
    t_mul : float or scalar Tensor, default 2
        Each period is so many times as long as the one before.
    m_mul : float or scalar Tensor, default 1
        Each begins with so many times the learning rate of the one before.
    name : str, default "SGDRDecay"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If there is no global step.
    """
    with name_scope(name, "SGDRDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, rest, longer, factor = _as_type_of(
            rate, global_step, first_decay_steps, alpha, t_mul, m_mul
        )
        fraction = step / period
        if not isinstance(t_mul, Tensor) and t_mul == 1:
            restarts = floor(fraction)
            fraction = fraction - restarts
        else:
            # The lengths of the periods are a geometric series; which one this is, by its sum.
            restarts = floor(log(1.0 - fraction * (1.0 - longer)) / log(longer))
            before = (1.0 - longer**restarts) / (1.0 - longer)
            fraction = (fraction - before) / longer**restarts
        return rate * ((1.0 - rest) * (factor**restarts * _cosine(fraction)) + rest)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate · ((alpha + linear) · cosine + beta) (Bello et al., 1709.07417).

    Linear falls from 1 to 0 within `decay_steps`, cosine goes from 1 to 0 and back.

    Parameters
    ----------
    learning_rate, global_step, decay_steps
        As for `cosine_decay`.
    num_periods : float or scalar Tensor, default 0.5
        How often the cosine goes round.
    alpha, beta : float or scalar Tensor, default 0 and 0.001
        What is added to the line, and to it all.
    name : str, default "LinearCosineDecay"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If there is no global step.
    """
    with name_scope(name, "LinearCosineDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, periods, above, rest = _as_type_of(
            rate, global_step, decay_steps, num_periods, alpha, beta
        )
        fraction = minimum(step, period) / period
        return rate * ((above + (1.0 - fraction)) * _cosine(2.0 * periods * fraction) + rest)


def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """Return `linear_cosine_decay` with noise on the line.

    The noise is normal, of variance initial_variance / (1 + global_step) ^ variance_decay.

    Parameters
    ----------
    learning_rate, global_step, decay_steps, num_periods, alpha, beta
        As for `linear_cosine_decay`.
    initial_variance, variance_decay : float or scalar Tensor, default 1 and 0.55
        The noise, and how fast it goes.
    name : str, default "NoisyLinearCosineDecay"
        Scope of the nodes.

    Raises
    ------
    ValueError
        If there is no global step.
    """
    with name_scope(name, "NoisyLinearCosineDecay"):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, period, variance, decay = _as_type_of(
            rate, global_step, decay_steps, initial_variance, variance_decay
        )
        step = minimum(step, period)
        deviation = sqrt(variance / (1.0 + step) ** decay)
        noise = random_normal([], stddev=deviation, dtype=rate.dtype)
        return linear_cosine_decay(
            rate, step, period, num_periods, convert_to_tensor(alpha, rate.dtype) + noise, beta
        )
