"""The complex step: a derivative to the last digit, by one evaluation.

Where a function is computed by analytic kernels, f(x + ih) = f(x) + ih f'(x) - …, so that the
imaginary part over h is the derivative. Nothing is subtracted, so h may be as small as one likes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.testing.differences import Array, Values
from tensorgraph.testing.point import Point

STEP = 1e-100


class ComplexStep:
    """Derivatives of weighted sums of some targets by one x.

    The kernels are called one by one with complex arrays, without a plan: only those after x, for
    nothing else changes.

    Parameters
    ----------
    point : Point
        Where.
    targets : sequence of Tensor
        What is differentiated.
    x : Tensor
        By what.
    weights : list of array
        One for each target.

    Raises
    ------
    ValueError
        If `targets` are not of float64, or an op on the way cannot be computed in this way: it
        changes variables, or holds the body of a branch or loop.
    """

    def __init__(self, point: Point, targets: Sequence[Tensor], x: Tensor, weights: Values) -> None:
        if any(t.dtype.np_dtype != np.float64 for t in (x, *targets)):
            raise ValueError("method='complex' needs float64 from x to y; use method='central'")
        self._x = point.xs[x]
        self._weights = weights
        program = point.session.program(list(targets), point.feeds({x: self._x}), optimized=False)
        self._targets = program.fetches
        # x is fed, whatever it is, and so a placeholder of the program. Feeds keep their order.
        self._place = program.feeds[list(point.feeds({x: self._x})).index(x)]
        self._after = _after(program.graph.get_operations(), self._place)
        for op in self._after:
            if op.definition.mutates or op.definition.calls(op, [True] * len(op.outputs)):
                raise _refusal(op, "it changes variables, or runs the body of a branch or loop")
        inside = {t for op in self._after for t in op.outputs}
        taken = {t for op in self._after for t in op.inputs}.union(program.fetches) - inside
        held = [t for t in taken if t is not self._place]
        named = [x.graph.get_tensor_by_name(t.name) for t in held]
        self._held = dict(zip(held, point.values(named, {x: self._x}), strict=True))

    def derivative(self, index: tuple[int, ...], difference: float, allowed: float) -> float:
        """Return the derivative of the weighted sum by one element.

        Parameters
        ----------
        index : tuple of int
            The element.
        difference, allowed : float
            Its central difference, and how far that may be off.

        Raises
        ------
        ValueError
            If a kernel on the way takes no complex arrays, or gives for them what is no analytic
            function: then the difference says so.
        """
        values: dict[Tensor, Array] = dict(self._held)
        values[self._place] = self._x.astype(np.complex128)
        values[self._place][index] += 1j * STEP
        for op in self._after:
            for t, value in zip(op.outputs, _computed(op, values), strict=True):
                values[t] = value
        exact = sum(
            float((w * np.imag(values[t])).sum()) / STEP
            for w, t in zip(self._weights, self._targets, strict=True)
        )
        if not abs(exact - difference) <= 2 * allowed:
            dropping = [op for op in self._after if _drops(op, values)]
            if dropping:
                raise _refusal(dropping[0], "it drops the imaginary part")
            raise ValueError(
                f"method='complex': the complex step gives {exact:.9g} where the central difference"
                f" is {difference:.9g}, so a kernel on the way is no analytic function of complex"
                f" numbers ({', '.join(dict.fromkeys(op.type for op in self._after))}). Use"
                " method='central'"
            )
        return exact


def _after(operations: Sequence[Operation], x: Tensor) -> list[Operation]:
    """Return the operations that depend on x, in order."""
    reached, found = {x}, []
    for op in operations:
        if any(t in reached for t in op.inputs):
            reached.update(op.outputs)
            found.append(op)
    return found


def _computed(op: Operation, values: dict[Tensor, Array]) -> Sequence[Array]:
    """Return the outputs of one operation for complex inputs."""
    inputs = [values[t] for t in op.inputs]
    if not op.definition.differentiable and op.type != "StopGradient":
        # Its result does not move with its inputs.
        inputs = [np.real(a) for a in inputs]
    backend = NumpyBackend()
    context = KernelContext(op, backend, None, [None] * len(op.outputs))
    try:
        with backend.running(), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            result = op.definition.kernel(context, *inputs)
    except Exception as error:
        raise _refusal(op, str(error)) from error
    return [result] if len(op.outputs) == 1 else list(result)


def _drops(op: Operation, values: dict[Tensor, Array]) -> bool:
    """Return whether an operation made real numbers of complex ones, though it is smooth."""
    return (
        op.definition.differentiable
        and any(np.iscomplexobj(values[t]) for t in op.inputs)
        and any(t.dtype.is_floating and not np.iscomplexobj(values[t]) for t in op.outputs)
    )


def _refusal(op: Operation, why: str) -> ValueError:
    return ValueError(
        f"method='complex': the kernel of {op.name!r} ({op.type}, made at {op.source}) takes no"
        f" complex arrays: {why}. Use method='central'"
    )
