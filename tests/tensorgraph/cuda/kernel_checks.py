"""Kernels of the GPU beside those of NumPy, on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import Sample, lookup
from tensorgraph.runtime.state import SessionState

Array = npt.NDArray[Any]


def node(op_type: str, inputs: Sequence[Array], constant: Sequence[int] = (), **attrs: Any) -> Any:
    """Return an operation on placeholders, or on constants at some places."""
    with tf.Graph().as_default() as graph:
        tensors = [
            tf.constant(x) if i in constant else tf.placeholder(x.dtype, x.shape)
            for i, x in enumerate(inputs)
        ]
        return graph.apply(op_type, *tensors, **attrs)


def numpy_results(op: tf.Operation, inputs: Sequence[Array]) -> list[Array]:
    """Return what the operation's own kernel gives on the processor."""
    backend = NumpyBackend(1)
    context = KernelContext(op, backend, SessionState(backend), [None] * len(op.outputs))
    with backend.running():
        return [np.asarray(a) for a in as_list(op.definition.kernel(context, *inputs))]


def cuda_results(
    backend: Any, op: tf.Operation, inputs: Sequence[Array], *, given: bool = False
) -> list[Array]:
    """Return what the backend's kernel gives, in memory of its own or that it is given."""
    kernel = backend.kernels[op.type]
    with backend.running():
        arrays = [backend.from_host(np.array(x)) for x in inputs]
        outs: list[Any] = [None] * len(op.outputs)
        if given:
            # Numbers that are no results, so that what is not written is seen.
            outs = [backend.xp.full(t.dims, 77, t.dtype.np_dtype) for t in op.outputs]
        context = KernelContext(op, backend, SessionState(backend), outs)
        made = as_list(kernel(context, *arrays))
        for out, result in zip(outs, made, strict=True):
            assert out is None or result is out, "the result must be the array that was given"
        return [backend.to_host(a) for a in made]


def as_list(results: Any) -> list[Any]:
    return list(results) if isinstance(results, tuple) else [results]


def check(
    backend: Any, op: tf.Operation, inputs: Sequence[Array], rtol: float = 0, atol: float = 0
) -> None:
    """Check that both backends agree, whether or not the results' memory is given."""
    wanted = numpy_results(op, inputs)
    for given in (False, True) if op.definition.uses_out else (False,):
        for got, right in zip(cuda_results(backend, op, inputs, given=given), wanted, strict=True):
            assert (got.dtype, got.shape) == (right.dtype, right.shape)
            if right.dtype.kind != "f":
                np.testing.assert_array_equal(got, right)
                continue
            eps = float(np.finfo(right.dtype).eps)
            np.testing.assert_allclose(
                got.astype(np.float64), right.astype(np.float64), rtol or 32 * eps, atol or 32 * eps
            )


def check_sample(
    backend: Any, op_type: str, use: tuple[Sample, tuple[Array, ...]], dtype: Any
) -> None:
    """Check a sample of an operation's own, its floats of some type."""
    sample, arrays = use
    lookup(op_type)
    inputs = [
        a.astype(dtype) if a.dtype == np.float64 and i.dtype is None else a
        for i, a in zip(sample.inputs, arrays, strict=True)
    ]
    constant = [n for n, i in enumerate(sample.inputs) if i.constant]
    check(backend, node(op_type, inputs, constant, **sample.attrs), inputs)
