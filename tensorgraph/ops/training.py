"""The update rules of the optimizers, each one op on a variable and its slots.

Learning rates and the like are scalars of the variable's type. Updates are written in place.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.graph.opdef import Arg, KernelContext, register
from tensorgraph.ops.state import Update


def _ref(name: str) -> Arg:
    return Arg(name, dtypes.FLOATING, ref=True)


@register
class ApplyGradientDescent(Update):
    """w ← w - αg."""

    type = "ApplyGradientDescent"
    inputs = (_ref("var"), Arg("alpha"), Arg("delta"))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, alpha, delta = inputs
        w = cell.read()
        step = k.xp.multiply(delta, alpha, out=k.scratch("step", w.shape, w.dtype))
        k.xp.subtract(w, step, out=w)
        return cell


@register
class ApplyMomentum(Update):
    """v ← μv + g; w ← w - αv, or w ← w - α(g + μv) with Nesterov's momentum."""

    type = "ApplyMomentum"
    inputs = (_ref("var"), _ref("accum"), Arg("lr"), Arg("grad"), Arg("momentum"))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, accum, lr, grad, momentum = inputs
        w, v = cell.read(), accum.read()
        step = k.scratch("step", w.shape, w.dtype)
        k.xp.multiply(v, momentum, out=v)
        k.xp.add(v, grad, out=v)
        if k.op.attrs["use_nesterov"]:
            k.xp.multiply(v, momentum, out=step)
            k.xp.add(step, grad, out=step)
            k.xp.multiply(step, lr, out=step)
        else:
            k.xp.multiply(v, lr, out=step)
        k.xp.subtract(w, step, out=w)
        return cell


@register
class ApplyAdam(Update):
    """Adam (Kingma and Ba, arXiv:1412.6980), with epsilon outside of the bias correction.

    m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; w ← w - α √(1 - β₂ᵗ)/(1 - β₁ᵗ) m / (√v + ε).
    """

    type = "ApplyAdam"
    inputs = (
        _ref("var"),
        _ref("m"),
        _ref("v"),
        Arg("beta1_power"),
        Arg("beta2_power"),
        Arg("lr"),
        Arg("beta1"),
        Arg("beta2"),
        Arg("epsilon"),
        Arg("grad"),
    )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        cell, m_cell, v_cell, power1, power2, lr, beta1, beta2, epsilon, grad = inputs
        xp, w, m, v = k.xp, cell.read(), m_cell.read(), v_cell.read()
        a = k.scratch("a", w.shape, w.dtype)
        # m += (g - m)(1 - β₁), and the same for v: each moment is read and written once.
        xp.subtract(grad, m, out=a)
        xp.multiply(a, 1 - beta1, out=a)
        xp.add(m, a, out=m)
        xp.multiply(grad, grad, out=a)
        xp.subtract(a, v, out=a)
        xp.multiply(a, 1 - beta2, out=a)
        xp.add(v, a, out=v)
        xp.sqrt(v, out=a)
        xp.add(a, epsilon, out=a)
        xp.true_divide(m, a, out=a)
        xp.multiply(a, lr * xp.sqrt(1 - power2) / (1 - power1), out=a)
        xp.subtract(w, a, out=w)
        return cell
