"""Every op of the registry: what it says of itself is what it does.

An op is tested here by having samples. One without is in a list below, with the reason. Gradients
are in ``test_registry_gradients.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.base import shapes
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import OpDef, Sample, lookup, registered
from tensorgraph.runtime.state import SessionState
from tensorgraph.testing.strategies import samples

Array = npt.NDArray[Any]
Use = tuple[Sample, tuple[Array, ...]]

# Why ops have no samples: by type, or for all of a module. They are tested elsewhere.
UNSWEPT = {
    "Placeholder": "has no kernel",
    "NoOp": "has neither inputs nor outputs",
    "IdentityN": "has as many outputs as inputs, and a gradient of the user's",
}
UNSWEPT_MODULES = {
    "tensorgraph.ops.state": "takes variables",
    "tensorgraph.ops.training": "takes variables",
    "tensorgraph.ops.sparse_training": "takes variables",
    "tensorgraph.ops.lstm": "can be differentiated once, and by some of its outputs only",
    "tensorgraph.ops.gru": "can be differentiated once, and by some of its outputs only",
    "tensorgraph.ops.batch_norm_parts": "are what a pass makes of others, with its own tests",
    "tensorgraph.ops.pool_switches": "are what a pass makes of others, with its own tests",
    "tensorgraph.ops.iterators": "takes iterators",
    "tensorgraph.ops.lists": "takes lists of tensors",
    "tensorgraph.ops.checks": "is there for its effect",
    "tensorgraph.ops.summary": "gives encoded text",
    "tensorgraph.ops.fused": "takes a program, as the pass that makes it has in its tests",
    "tensorgraph.control.branch": "takes graphs",
    "tensorgraph.control.loop": "takes graphs",
}
SWEPT = [t for t, d in registered().items() if type(d).sample is not OpDef.sample]

# The sweeps visit every op, so a part of the usual number of examples goes a long way.
SOME = settings(max_examples=max(1, settings().max_examples // 2))
FEW = settings(max_examples=max(1, settings().max_examples // 4))


def test_every_op_is_swept_or_listed() -> None:
    for op_type, definition in registered().items():
        listed = op_type in UNSWEPT or type(definition).__module__ in UNSWEPT_MODULES
        assert (op_type in SWEPT) or listed, f"{op_type} has no samples and no reason for it"


def build(
    op_type: str, use: Use, forget: Callable[[tuple[int, ...]], Any] = lambda shape: shape
) -> tuple[tf.Operation, dict[tf.Tensor, Array]]:
    """Add an op on placeholders to a new graph; return it and what to feed.

    `forget` says what is known of a placeholder's shape while the graph is built.
    """
    sample, arrays = use
    with tf.Graph().as_default() as graph:
        inputs, feeds = [], {}
        for given_input, array in zip(sample.inputs, arrays, strict=True):
            if given_input.constant:
                inputs.append(tf.constant(array))
            else:
                inputs.append(tf.placeholder(array.dtype, forget(array.shape)))
                feeds[inputs[-1]] = array
        return graph.apply(op_type, *inputs, **sample.attrs), feeds


def run(op: tf.Operation, feeds: dict[tf.Tensor, Array]) -> list[Array]:
    config = tf.ConfigProto(poison_buffers=True)
    with tf.Session(graph=op.graph, config=config) as session:
        return [np.asarray(a) for a in session.run(list(op.outputs), feeds)]


def compute(
    op: tf.Operation, arrays: Sequence[Array], outs: Sequence[Array] | None = None
) -> list[Array]:
    """Call the kernel itself, with fresh random streams and scratch memory."""
    backend = NumpyBackend()
    context = KernelContext(
        op, backend, SessionState(backend), [None] * len(op.outputs) if outs is None else outs
    )
    with backend.running():
        result = op.definition.kernel(context, *arrays)
    return list(result) if isinstance(result, tuple) else [result]


def garbage(op: tf.Operation) -> list[Array]:
    """Return arrays for the outputs of an op, full of bytes that are no sensible numbers."""
    outs = []
    for t in op.outputs:
        assert t.dims is not None
        out = np.empty(t.dims, t.dtype.np_dtype)
        # NaN as floats. A bool must be 0 or 1.
        out.view(np.uint8).fill(1) if t.dtype.is_bool else out.reshape(-1).view(np.uint8).fill(255)
        outs.append(out)
    return outs


def assert_equal(got: Sequence[Array], wanted: Sequence[Array]) -> None:
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_same_types(op: tf.Operation, results: Sequence[Array]) -> None:
    for t, result in zip(op.outputs, results, strict=True):
        assert result.dtype == t.dtype.np_dtype
        assert shapes.compatible(t.dims, result.shape), f"{t.shape} inferred, {result.shape} is"


FORGET: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "the batch": lambda shape: (None, *shape[1:]) if shape else shape,
    "all sizes": lambda shape: (None,) * len(shape),
    "the rank": lambda shape: None,
}


@pytest.mark.parametrize("op_type", SWEPT)
@FEW
@given(data=st.data())
def test_inferred_is_actual(op_type: str, data: st.DataObject) -> None:
    use = data.draw(samples(op_type))
    op, feeds = build(op_type, use)
    results = run(op, feeds)
    for t, result in zip(op.outputs, results, strict=True):
        assert t.dims == result.shape
    assert_same_types(op, results)
    assert_equal(results, compute(op, use[1]))
    for forgotten, forget in FORGET.items():
        less_known, feeds = build(op_type, use, forget)
        again = run(less_known, feeds)
        assert_same_types(less_known, again)
        assert_equal(again, results)
        if forgotten != "the rank":
            for t, full in zip(less_known.outputs, op.outputs, strict=True):
                # A reshape's or squeeze's rank may hang on the sizes.
                assert t.dims is None or len(t.dims) == len(full.dims or ())


@pytest.mark.parametrize("op_type", SWEPT)
@SOME
@given(data=st.data())
def test_kernel(op_type: str, data: st.DataObject) -> None:
    use = data.draw(samples(op_type))
    op, _ = build(op_type, use)
    arrays = [a.copy() for a in use[1]]
    for a in arrays:
        a.flags.writeable = False
    results = compute(op, arrays)
    assert_same_types(op, results)
    for result in results:
        for i, a in enumerate(arrays):
            if np.shares_memory(result, a):
                assert op.definition.view, f"shares the memory of input {i} but is no view"
                assert i == 0, "only input 0 may share its memory with the output"
    assert_equal(arrays, use[1])
    if op.definition.uses_out:
        outs = garbage(op)
        written = compute(op, arrays, outs)
        for out, result in zip(outs, written, strict=True):
            assert result is out, "the result must be the array that was given"
        assert_equal(written, results)
    # Every second element of twice as many, and the axes back to front in memory.
    apart = [np.repeat(a, 2, -1)[..., ::2] if a.ndim else a for a in arrays]
    turned = [a.copy("F") for a in arrays]
    for other in (apart, turned):
        for a, b in zip(compute(op, other), results, strict=True):
            if a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
            else:
                np.testing.assert_array_equal(a, b)
    assert op.definition.flops(op) >= 0


@pytest.mark.parametrize("op_type", SWEPT)
@FEW
@given(data=st.data())
def test_float32_is_close_to_float64(op_type: str, data: st.DataObject) -> None:
    sample, arrays = data.draw(samples(op_type))
    exact = compute(build(op_type, (sample, arrays))[0], arrays)
    # What stands in float64 by itself (labels, shapes) keeps its type.
    single = [
        a.astype(np.float32) if a.dtype == np.float64 and i.dtype is None else a
        for i, a in zip(sample.inputs, arrays, strict=True)
    ]
    op, _ = build(op_type, (sample, tuple(single)))
    for t, got, wanted in zip(op.outputs, compute(op, single), exact, strict=True):
        assert got.dtype == t.dtype.np_dtype
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("op_type", SWEPT)
def test_wrong_number_of_inputs(op_type: str) -> None:
    definition = lookup(op_type)
    wrong = len(definition.inputs) + (-1 if definition.variadic else 1)
    with tf.Graph().as_default() as graph, pytest.raises(ValueError, match=op_type):
        graph.apply(op_type, *[0.0] * wrong)


def test_each_op_documents_itself() -> None:
    for op_type, definition in registered().items():
        assert (type(definition).__doc__ or "").strip(), f"{op_type} has no docstring"
