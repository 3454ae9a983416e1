"""The update rules of the optimizers, each one op on a variable and its slots.

Learning rates and the like are scalars of the variable's type. Updates are written in place, with
working memory that is kept from run to run.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from tensorgraph.base import dtypes
from tensorgraph.graph.kernel import Cell
from tensorgraph.graph.node import Operation
from tensorgraph.graph.opdef import Arg, KernelContext, Spec, register
from tensorgraph.ops.shares import Block, for_blocks
from tensorgraph.ops.state import Update, check_update

T = TypeVar("T")

# Smaller variables, in bytes, are updated before another thread has woken up;
LARGE_VARIABLE = 1 << 19
# and those below this cost more to begin with than to copy their gradients to one place, where
# there are more of them than a few.
SMALL_VARIABLE = 1 << 17
FEW_VARIABLES = 4


class Rule(Update):
    """An update rule: its inputs are the variable, its slots, the settings and the gradient.

    One operation can update several variables that have their settings in common: where one
    variable has itself, a slot or its gradient, as many stand then. Small ones of them are kept in
    one piece of memory, so that they are updated as if they were one.

    A rule passes over the same numbers several times, so that it takes them a block at a time.
    """

    def args(self, count: int) -> Sequence[Arg]:
        """Return what is known of each of `count` inputs."""
        own = [arg for arg in self.inputs if is_own(arg)]
        variables, rest = divmod(count - len(self.inputs) + len(own), len(own))
        if rest or variables < 1:
            raise ValueError(
                f"{self.type} takes {len(self.inputs)} inputs, and {len(own)} more for each"
                f" further variable, not {count}"
            )
        return [arg for arg in self.inputs for _ in range(variables if is_own(arg) else 1)]

    def infer(self, op: Operation) -> Sequence[Spec]:
        inputs = self._by_argument(op.inputs)
        for arg, tensors in zip(self.inputs, inputs, strict=True):
            for ref, t in zip(inputs[0], tensors, strict=is_own(arg)):
                check_update(ref, t)
        return [Spec(ref.dtype, ref.dims, ref=True) for ref in inputs[0]]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        arguments = self._by_argument(inputs)
        refs, *_ = arguments
        together = _kept_together(k, self, arguments) if len(refs) > 1 else None
        for i in range(len(refs)):
            if together is None or i not in together.places:
                arrays = []
                for arg, values in zip(self.inputs, arguments, strict=True):
                    value = values[i if is_own(arg) else 0]
                    arrays.append(value.read() if arg.ref else value)
                self._update(k, arrays)
        if together is not None:
            self._update(k, together.arrays(k, self, arguments))
        return tuple(refs) if len(refs) > 1 else refs[0]

    def step(self, k: KernelContext, *arrays: Any) -> None:
        """Change the variable and its slots in place, element by element."""
        raise NotImplementedError(f"op type {self.type!r} defines no step")

    def _by_argument(self, inputs: Sequence[T]) -> list[Sequence[T]]:
        """Return what stands for each of the `inputs` of the rule."""
        own = sum(map(is_own, self.inputs))
        variables = (len(inputs) - len(self.inputs)) // own + 1
        remaining = iter(inputs)
        return [
            tuple(itertools.islice(remaining, variables if is_own(arg) else 1))
            for arg in self.inputs
        ]

    def _update(self, k: KernelContext, arrays: Sequence[Any]) -> None:
        shape = arrays[0].shape
        if not shape or arrays[0].nbytes < LARGE_VARIABLE:
            self.step(k, *arrays)
            return

        def task(block: Block) -> None:
            part = k.part(f"{block.worker}", None)
            self.step(part, *[a[block.part] if a.shape == shape else a for a in arrays])

        # The variable, two slots or so, the gradient, and working memory.
        for_blocks(k, shape[0], 5 * arrays[0].nbytes // shape[0], task)


def is_own(arg: Arg) -> bool:
    """Return whether each variable has an input of its own there, and not a setting for all."""
    return arg.ref or arg.name == "grad"


class _Together:
    """Small variables, and their slots, that lie in one piece of memory for each argument.

    Parameters
    ----------
    places : sequence of int
        Which of the variables they are.
    arguments : sequence of sequence of Cell
        Variables and slots, by the arguments of the rule.

    Attributes
    ----------
    places
        The parameter.
    """

    def __init__(self, xp: Any, places: Sequence[int], arguments: Sequence[Sequence[Cell]]) -> None:
        self.places = places
        self._memory: list[Any] = []
        self._views: list[list[Any]] = []
        for cells in arguments:
            values = [cells[i].read() for i in places]
            memory = xp.empty(sum(v.size for v in values), values[0].dtype)
            self._memory.append(memory)
            self._views.append(_pieces(memory, [v.shape for v in values]))

    def holds(self, arguments: Sequence[Sequence[Cell]]) -> bool:
        """Move the cells here that are elsewhere; return whether they fit."""
        for cells, views in zip(arguments, self._views, strict=True):
            for i, view in zip(self.places, views, strict=True):
                value = cells[i].storage
                if value is not view:
                    if value is None or value.shape != view.shape:
                        return False
                    cells[i].place(view)
        return True

    def arrays(self, k: KernelContext, rule: Rule, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """Return what the rule updates all of them with."""
        memories = iter(self._memory)
        result = []
        for arg, values in zip(rule.inputs, arguments, strict=True):
            if arg.ref:
                result.append(k.kept(next(memories)))
            elif is_own(arg):
                flat = [values[i].reshape(-1) for i in self.places]
                grads = k.scratch("grads", self._memory[0].shape, self._memory[0].dtype)
                result.append(k.xp.concatenate(flat, out=grads))
            else:
                result.append(values[0])
        return result


def _kept_together(
    k: KernelContext, rule: Rule, arguments: Sequence[Sequence[Any]]
) -> _Together | None:
    """Return where the small variables lie; None if there are few of them."""
    cells = [own for arg, own in zip(rule.inputs, arguments, strict=True) if arg.ref]
    if len(cells[0]) <= FEW_VARIABLES:
        return None
    # Whatever plan updates these variables finds them where another one has put them.
    key = f"{rule.type} {' '.join(t.op.name for t in k.op.inputs[: len(cells[0])])}"
    found = k.resources.get(key)
    if found is None or not found.holds(cells):
        sizes = enumerate(cell.read().nbytes for cell in cells[0])
        places = [i for i, nbytes in sizes if nbytes < SMALL_VARIABLE]
        if len(places) <= FEW_VARIABLES:
            return None
        found = k.resources[key] = _Together(k.xp, places, cells)
        found.holds(cells)
    return cast(_Together, found)


def _pieces(memory: Any, shapes: Sequence[Sequence[int]]) -> list[Any]:
    """Return arrays of shapes, one after the other in a piece of memory."""
    result, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        result.append(memory[start:stop].reshape(shape))
        start = stop
    return result


def _inputs(refs: str, values: str) -> tuple[Arg, ...]:
    """Return inputs of these names: the variable and its slots, then what is only read."""
    changed = [Arg(name, dtypes.FLOATING, ref=True) for name in refs.split()]
    return (*changed, *[Arg(name) for name in values.split()])


def _average(xp: Any, mean: Any, sample: Any, decay: Any, scratch: Any) -> None:
    """Mean ← mean + (1 - decay) · (sample - mean); `scratch` may be `sample` itself.

    As TensorFlow does: what is rounded is the small change, and not the mean.
    """
    xp.subtract(sample, mean, out=scratch)
    xp.multiply(scratch, 1 - decay, out=scratch)
    xp.add(mean, scratch, out=mean)


def _corrected_rate(xp: Any, rate: Any, power1: Any, power2: Any) -> Any:
    """Return Adam's step size, corrected for moments that began at zero."""
    return rate * xp.sqrt(1 - power2) / (1 - power1)


@register
class ApplyGradientDescent(Rule):
    """w ← w - αg."""

    type = "ApplyGradientDescent"
    inputs = _inputs("var", "learning_rate grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, rate, grad = arrays
        a = k.xp.multiply(grad, rate, out=k.scratch("a", w.shape, w.dtype))
        k.xp.subtract(w, a, out=w)


@register
class ApplyProximalGradientDescent(Rule):
    """w ← w - αg, then shrunk: sign(w) max(|w| - αl₁, 0) / (1 + αl₂)."""

    type = "ApplyProximalGradientDescent"
    inputs = _inputs(
        "var", "learning_rate l1_regularization_strength l2_regularization_strength grad"
    )

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, rate, l1, l2, grad = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        xp.multiply(grad, rate, out=a)
        xp.subtract(w, a, out=w)
        xp.absolute(w, out=a)
        xp.subtract(a, rate * l1, out=a)
        xp.maximum(a, 0, out=a)
        xp.copysign(a, w, out=w)
        xp.true_divide(w, 1 + rate * l2, out=w)


@register
class ApplyMomentum(Rule):
    """v ← μv + g; w ← w - αv, or w ← w - α(g + μv) with Nesterov's momentum."""

    type = "ApplyMomentum"
    inputs = _inputs("var accum", "learning_rate grad momentum")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, v, rate, grad, momentum = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        xp.multiply(v, momentum, out=v)
        xp.add(v, grad, out=v)
        if k.op.attrs["use_nesterov"]:
            xp.multiply(v, momentum, out=a)
            xp.add(a, grad, out=a)
            xp.multiply(a, rate, out=a)
        else:
            xp.multiply(v, rate, out=a)
        xp.subtract(w, a, out=w)


@register
class ApplyAdagrad(Rule):
    """s ← s + g²; w ← w - αg/√s (Duchi et al. 2011)."""

    type = "ApplyAdagrad"
    inputs = _inputs("var accumulator", "learning_rate grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, s, rate, grad = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        xp.multiply(grad, grad, out=a)
        xp.add(s, a, out=s)
        xp.sqrt(s, out=a)
        xp.true_divide(grad, a, out=a)
        xp.multiply(a, rate, out=a)
        xp.subtract(w, a, out=w)


@register
class ApplyAdadelta(Rule):
    """Adadelta (Zeiler, arXiv:1212.5701).

    s ← ρs + (1 - ρ)g²; u = g √(d + ε)/√(s + ε); d ← ρd + (1 - ρ)u²; w ← w - αu.
    """

    type = "ApplyAdadelta"
    inputs = _inputs("var accum accum_update", "lr rho epsilon grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, s, d, rate, rho, epsilon, grad = arrays
        xp = k.xp
        a, b = (k.scratch(key, w.shape, w.dtype) for key in "ab")
        xp.multiply(grad, grad, out=a)
        _average(xp, s, a, rho, a)
        xp.add(d, epsilon, out=a)
        xp.add(s, epsilon, out=b)
        xp.true_divide(a, b, out=a)
        xp.sqrt(a, out=a)
        xp.multiply(a, grad, out=a)
        xp.multiply(a, a, out=b)
        _average(xp, d, b, rho, b)
        xp.multiply(a, rate, out=a)
        xp.subtract(w, a, out=w)


class _RMSProp(Rule):
    """What both forms of RMSProp do with the mean square that they divide by."""

    def _move(self, k: KernelContext, *arrays: Any) -> None:
        """M ← μm + αg/√(square + ε); w ← w - m; `square` is destroyed."""
        w, m, square, rate, momentum, epsilon, grad = arrays
        xp = k.xp
        xp.add(square, epsilon, out=square)
        xp.sqrt(square, out=square)
        xp.true_divide(grad, square, out=square)
        xp.multiply(square, rate, out=square)
        xp.multiply(m, momentum, out=m)
        xp.add(m, square, out=m)
        xp.subtract(w, m, out=w)


@register
class ApplyRMSProp(_RMSProp):
    """RMSProp (Tieleman and Hinton 2012): s ← ρs + (1 - ρ)g²; m ← μm + αg/√(s + ε); w ← w - m."""

    type = "ApplyRMSProp"
    inputs = _inputs("var rms mom", "learning_rate decay momentum epsilon grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, s, m, rate, decay, momentum, epsilon, grad = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        xp.multiply(grad, grad, out=a)
        _average(xp, s, a, decay, a)
        xp.copyto(a, s)
        self._move(k, w, m, a, rate, momentum, epsilon, grad)


@register
class ApplyCenteredRMSProp(_RMSProp):
    """RMSProp by the variance s - c² of the gradient, where c ← ρc + (1 - ρ)g is its mean."""

    type = "ApplyCenteredRMSProp"
    inputs = _inputs("var mg rms mom", "learning_rate decay momentum epsilon grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, c, s, m, rate, decay, momentum, epsilon, grad = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        xp.multiply(grad, grad, out=a)
        _average(xp, s, a, decay, a)
        _average(xp, c, grad, decay, a)
        xp.multiply(c, c, out=a)
        xp.subtract(s, a, out=a)
        self._move(k, w, m, a, rate, momentum, epsilon, grad)


@register
class ApplyAdam(Rule):
    """Adam (Kingma and Ba, arXiv:1412.6980), with epsilon outside of the bias correction.

    m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; w ← w - α √(1 - β₂ᵗ)/(1 - β₁ᵗ) m / (√v + ε).
    With Nesterov's momentum (Dozat 2016) β₁m + (1 - β₁)g stands in place of the last m.
    """

    type = "ApplyAdam"
    inputs = _inputs("var m v", "beta1_power beta2_power learning_rate beta1 beta2 epsilon grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, m, v, power1, power2, rate, beta1, beta2, epsilon, grad = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        _average(xp, m, grad, beta1, a)
        xp.multiply(grad, grad, out=a)
        _average(xp, v, a, beta2, a)
        xp.sqrt(v, out=a)
        xp.add(a, epsilon, out=a)
        direction = m
        if k.op.attrs["use_nesterov"]:
            direction = k.scratch("direction", w.shape, w.dtype)
            xp.copyto(direction, m)
            _average(xp, direction, grad, beta1, k.scratch("b", w.shape, w.dtype))
        xp.true_divide(direction, a, out=a)
        xp.multiply(a, _corrected_rate(xp, rate, power1, power2), out=a)
        xp.subtract(w, a, out=w)


@register
class ApplyAdaMax(Rule):
    """Adam by the largest gradient: m ← β₁m + (1 - β₁)g; v ← max(β₂v, |g|).

    Then w ← w - α/(1 - β₁ᵗ) m / (v + ε) (Kingma and Ba, arXiv:1412.6980, section 7).
    """

    type = "ApplyAdaMax"
    inputs = _inputs("var m v", "beta1_power learning_rate beta1 beta2 epsilon grad")

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, m, v, power1, rate, beta1, beta2, epsilon, grad = arrays
        xp, a = k.xp, k.scratch("a", w.shape, w.dtype)
        _average(xp, m, grad, beta1, a)
        xp.absolute(grad, out=a)
        xp.multiply(v, beta2, out=v)
        xp.maximum(v, a, out=v)
        xp.add(v, epsilon, out=a)
        xp.true_divide(m, a, out=a)
        xp.multiply(a, rate / (1 - power1), out=a)
        xp.subtract(w, a, out=w)


@register
class ApplyFtrl(Rule):
    """Follow the regularized leader (McMahan et al. 2013).

    With s' = s + g² and p the (negative) power of the learning rate:
    z ← z + g + 2hw - (s'⁻ᵖ - s⁻ᵖ)w/α; w ← (sign(z) l₁ - z) / (s'⁻ᵖ/α + 2l₂) where |z| > l₁,
    else 0; s ← s'. The strength h ("shrinkage") only changes what z is given.
    """

    type = "ApplyFtrl"
    inputs = _inputs(
        "var accum linear",
        "grad learning_rate l1_regularization_strength l2_regularization_strength"
        " l2_shrinkage_regularization_strength learning_rate_power",
    )

    def step(self, k: KernelContext, *arrays: Any) -> None:
        w, s, z, grad, rate, l1, l2, shrinkage, power = arrays
        xp = k.xp
        a, b = (k.scratch(key, w.shape, w.dtype) for key in "ab")
        xp.power(s, -power, out=a)
        xp.multiply(grad, grad, out=b)
        xp.add(s, b, out=s)
        xp.power(s, -power, out=b)
        # z: the gradient, and what keeps the earlier steps where they led.
        xp.add(z, grad, out=z)
        xp.subtract(a, b, out=a)
        xp.true_divide(a, rate, out=a)
        xp.add(a, 2 * shrinkage, out=a)
        xp.multiply(a, w, out=a)
        xp.add(z, a, out=z)
        # w: -(z shrunk towards 0 by l₁) over the curvature.
        xp.true_divide(b, rate, out=b)
        xp.add(b, 2 * l2, out=b)
        xp.clip(z, -l1, l1, out=w)
        xp.subtract(w, z, out=w)
        xp.true_divide(w, b, out=w)
