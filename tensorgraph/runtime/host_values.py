"""Whole numbers that stay on the host while a GPU computes: loop counters, conditions, shapes.

To read one number of the GPU is to wait until it has worked off its queue. What decides how a
program goes on should not be there in the first place; so, as in TensorFlow, small tensors of whole
numbers and truth values are computed on the host as long as all that they come from is there too.
Where the GPU needs such a number, it is copied there, for which nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.base import shapes
from tensorgraph.base.backend import Array, Backend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation, Tensor

# As many as a shape has axes, or a few more.
SMALL = 16
# Kernels that look at no number of their inputs.
LOOK_AT_SHAPES = frozenset(("Shape", "ShapeN", "Size", "Rank", "TensorArraySizeV3"))

Kernel = Callable[..., Any]


def constant(context: KernelContext) -> Array:
    """Return the value of a constant, where it is needed first."""
    op = context.op
    if not context.backend.immediate and _is_small(op.outputs[0]):
        value: Array = op.attrs["value"]
        return value
    return op.definition.kernel(context)


def copy_of(backend: Backend, value: Array) -> Array:
    """Return a copy, on the side where the value is."""
    return np.array(value) if isinstance(value, np.ndarray) else backend.xp.array(value)


def placed(kernel: Kernel, context: KernelContext) -> Kernel:
    """Return a kernel that computes where its inputs are.

    Parameters
    ----------
    kernel : callable
        The backend's kernel of the operation.
    context : KernelContext
        Its context.
    """
    op = context.op
    if context.backend.immediate or context.functions:
        return kernel  # all is on the host; or the bodies see to it
    looks = op.type in LOOK_AT_SHAPES
    if not looks and not any(map(_is_small, op.inputs)):
        return kernel
    return _Placed(kernel, op, looks)


def _is_small(t: Tensor) -> bool:
    """Return whether a tensor is of the kind that may stay on the host."""
    if not (t.dtype.is_integer or t.dtype.is_bool) or t.is_ref:
        return False
    # Where the size is not known, it is one that a loop or a list of tensors made.
    count = shapes.num_elements(t.dims)
    return count is None or count <= SMALL


class _Placed:
    """A kernel some of whose inputs may be on the host.

    Parameters
    ----------
    kernel : callable
        The backend's kernel.
    op : Operation
        The operation.
    looks : bool
        It looks at no number, so that it can be done on the host whatever its inputs are.
    """

    def __init__(self, kernel: Kernel, op: Operation, looks: bool) -> None:
        self._kernel, self._op, self._looks = kernel, op, looks
        definition = op.definition
        plain = not (definition.stateful or definition.mutates)
        self._host = None
        if looks or (plain and all(map(_is_small, (*op.inputs, *op.outputs)))):
            self._host = KernelContext(op, NumpyBackend(1), outs=[None] * len(op.outputs))
        self._stay = [arg.host for arg in definition.args(len(op.inputs))]
        self._constant = [t.op.type == "Const" for t in op.inputs]
        self._moved: dict[int, Array] = {}

    def __call__(self, k: KernelContext, *inputs: Any) -> Any:
        if self._host is not None and (
            self._looks or all(isinstance(value, np.ndarray) for value in inputs)
        ):
            return self._on_host(self._host, inputs)
        return self._kernel(
            k,
            *[
                self._on_device(k, place, value)
                if isinstance(value, np.ndarray) and not self._stay[place]
                else value
                for place, value in enumerate(inputs)
            ],
        )

    def _on_host(self, host: KernelContext, inputs: tuple[Any, ...]) -> Any:
        with host.backend.running():
            result = self._op.definition.kernel(host, *inputs)
        if len(self._op.outputs) == 1:
            return np.asarray(result)
        return tuple(map(np.asarray, result))

    def _on_device(self, k: KernelContext, place: int, value: Array) -> Array:
        """Return an input on the device; a constant is copied once."""
        if not self._constant[place]:
            return k.backend.from_host(value)
        if place not in self._moved:
            self._moved[place] = k.backend.from_host(value)
        return self._moved[place]
