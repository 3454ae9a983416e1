"""A kernel's calls, written down once and made again: for other numbers they give what it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.backends.recording import record
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import OpDef, registered
from tensorgraph.runtime.state import SessionState
from tensorgraph.testing.strategies import samples

Array = npt.NDArray[Any]

SWEPT = [
    t
    for t, d in registered().items()
    if type(d).sample is not OpDef.sample and not d.stateful and not d.mutates
]
# What training steps are made of must really be repeated, and not called again.
REPEATED = frozenset(
    [
        "Add", "AvgPool", "AvgPoolGrad", "BiasAdd", "BiasAddGrad", "Conv2D", "Conv2DBackprop",
        "Conv2DBackpropFilter", "Conv2DBackpropInput", "DepthwiseConv2dNative", "Exp",
        "FusedBatchNormGradV3", "FusedBatchNormV3", "MatMul", "MaxPool", "MaxPoolGrad",
        "Mean", "Mul", "Relu", "ReluGrad", "Reshape", "Sigmoid", "Softmax",
        "SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits", "Sum", "Tanh",
        "Transpose",
    ]
)  # fmt: skip
FEW = settings(max_examples=max(1, settings().max_examples // 4))


def context_of(op: tf.Operation, workers: int = 1, with_outs: bool = True) -> KernelContext:
    backend = NumpyBackend(workers)
    outs = [
        np.empty(t.dims, t.dtype.np_dtype) if with_outs and op.definition.uses_out else None
        for t in op.outputs
        if t.dims is not None
    ]
    return KernelContext(op, backend, SessionState(backend), outs)


def listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def assert_same(got: Any, wanted: list[Any]) -> None:
    for a, b in zip(listed(got), wanted, strict=True):
        if np.ndim(b) or np.asarray(b).dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
        else:
            # Of single numbers NumPy computes some powers in another way than of arrays.
            np.testing.assert_allclose(a, b, rtol=1e-13)


def shuffled(array: Array, seed: int) -> Array:
    """Return the same numbers in other places, so that they are still valid together."""
    flat = array.reshape(-1).copy()
    np.random.default_rng(seed).shuffle(flat)
    return flat.reshape(array.shape)


@pytest.mark.parametrize("op_type", SWEPT)
@FEW
@given(data=st.data())
def test_what_was_recorded_is_what_the_kernel_does(op_type: str, data: st.DataObject) -> None:
    sample, arrays = data.draw(samples(op_type))
    others = tuple(
        a if i.value is not None or i.constant else shuffled(a, 7)
        for a, i in zip(arrays, sample.inputs, strict=True)
    )
    with tf.Graph().as_default() as graph:
        nodes = [
            tf.constant(a) if i.constant else tf.placeholder(a.dtype, a.shape)
            for a, i in zip(arrays, sample.inputs, strict=True)
        ]
        op = graph.apply(op_type, *nodes, **sample.attrs)
    if any(t.dims is None or None in t.dims for t in op.outputs) or op.definition.calls(
        op, [True] * len(op.outputs)
    ):
        return
    constant = [n for n, i in enumerate(sample.inputs) if i.constant]
    lying: list[Array] = [np.array(a) for a in arrays]
    k = context_of(op, data.draw(st.sampled_from([1, 2])))
    with k.backend.running():
        op.definition.kernel(k, *lying)
        before = [np.array(r) for r in listed(op.definition.kernel(k, *lying))]
        result, calls, _ = record(op.definition.kernel, k, lying, constant)
        assert_same(result, before)
        if calls is None:
            assert op_type not in REPEATED
            return
        for numbers in (others, arrays, others):
            for place, array in enumerate(numbers):
                lying[place][...] = array
            wanted = op.definition.kernel(
                context_of(op, k.backend.workers), *[np.array(a) for a in lying]
            )
            for call in calls:
                call()
            assert_same(result, listed(wanted))
