"""The optimizers' rules in CUDA: what happens to one number of a variable and of its slots.

The names are those of the operation's inputs (`tensorgraph.ops.training`): a rule changes the
variable and its slots, and reads the gradient ``grad`` and the settings. ``nesterov`` is 1 where
the operation says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Rule(NamedTuple):
    """A rule.

    Attributes
    ----------
    own : tuple of str
        What each variable has of its own: itself, its slots, and its gradient.
    settings : tuple of str
        The numbers that are the same for all variables.
    code : str
        What is done, in the type ``Tc``.
    """

    own: tuple[str, ...]
    settings: tuple[str, ...]
    code: str


def _rule(changed: str, settings: str, code: str) -> Rule:
    return Rule((*changed.split(), "grad"), tuple(settings.split()), code)


_STEP_OF_RMS = """
    mom = mom * momentum + learning_rate * grad / sqrt({square} + epsilon);
    var -= mom;
"""

# By the type of the operation. Maxima are written out, so that a NaN stays one.
RULES: Mapping[str, Rule] = {
    "ApplyGradientDescent": _rule("var", "learning_rate", "var -= learning_rate * grad;"),
    "ApplyProximalGradientDescent": _rule(
        "var",
        "learning_rate l1_regularization_strength l2_regularization_strength",
        """
    var -= learning_rate * grad;
    const Tc left = fabs(var) - learning_rate * l1_regularization_strength;
    var = copysign(left < 0 ? (Tc)0 : left, var)
        / (1 + learning_rate * l2_regularization_strength);
""",
    ),
    "ApplyMomentum": _rule(
        "var accum",
        "learning_rate momentum",
        """
    accum = accum * momentum + grad;
    var -= learning_rate * (nesterov ? grad + accum * momentum : accum);
""",
    ),
    "ApplyAdagrad": _rule(
        "var accumulator",
        "learning_rate",
        """
    accumulator += grad * grad;
    var -= learning_rate * (grad / sqrt(accumulator));
""",
    ),
    "ApplyAdadelta": _rule(
        "var accum accum_update",
        "lr rho epsilon",
        """
    accum += (grad * grad - accum) * (1 - rho);
    const Tc update = sqrt((accum_update + epsilon) / (accum + epsilon)) * grad;
    accum_update += (update * update - accum_update) * (1 - rho);
    var -= lr * update;
""",
    ),
    "ApplyRMSProp": _rule(
        "var rms mom",
        "learning_rate decay momentum epsilon",
        "rms += (grad * grad - rms) * (1 - decay);" + _STEP_OF_RMS.format(square="rms"),
    ),
    "ApplyCenteredRMSProp": _rule(
        "var mg rms mom",
        "learning_rate decay momentum epsilon",
        "rms += (grad * grad - rms) * (1 - decay); mg += (grad - mg) * (1 - decay);"
        + _STEP_OF_RMS.format(square="rms - mg * mg"),
    ),
    "ApplyAdam": _rule(
        "var m v",
        "beta1_power beta2_power learning_rate beta1 beta2 epsilon",
        """
    m += (grad - m) * (1 - beta1);
    v += (grad * grad - v) * (1 - beta2);
    const Tc direction = nesterov ? m + (grad - m) * (1 - beta1) : m;
    const Tc rate = learning_rate * sqrt(1 - beta2_power) / (1 - beta1_power);
    var -= direction / (sqrt(v) + epsilon) * rate;
""",
    ),
    "ApplyAdaMax": _rule(
        "var m v",
        "beta1_power learning_rate beta1 beta2 epsilon",
        """
    m += (grad - m) * (1 - beta1);
    const Tc size = fabs(grad), before = v * beta2;
    v = size > before || size != size ? size : before;
    var -= m / (v + epsilon) * (learning_rate / (1 - beta1_power));
""",
    ),
    "ApplyFtrl": _rule(
        "var accum linear",
        "learning_rate l1_regularization_strength l2_regularization_strength"
        " l2_shrinkage_regularization_strength learning_rate_power",
        """
    const Tc before = pow(accum, -learning_rate_power);
    accum += grad * grad;
    const Tc after = pow(accum, -learning_rate_power);
    const Tc pull = (before - after) / learning_rate + 2 * l2_shrinkage_regularization_strength;
    linear += grad + pull * var;
    const Tc l1 = l1_regularization_strength;
    const Tc clipped = linear < -l1 ? -l1 : linear > l1 ? l1 : linear;
    var = (clipped - linear) / (after / learning_rate + 2 * l2_regularization_strength);
""",
    ),
}
