"""Every op of the registry on the backend: what it computes, and what it copies to do so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin import TRAFFIC

import tensorgraph as tf
from tensorgraph.backends.cuda import elementwise
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import OpDef, Sample, registered
from tensorgraph.runtime.state import SessionState
from tensorgraph.testing.strategies import samples

Array = npt.NDArray[Any]

SWEPT = [t for t, d in registered().items() if type(d).sample is not OpDef.sample]
# Numbers differ from backend to backend; of these, only shapes and types are compared.
RANDOM = {
    t for t in SWEPT if t.startswith("Random") or t.endswith("Sampler")
} | {"TruncatedNormal", "DropoutMask", "Multinomial"}  # fmt: skip
DIFFERENTIABLE = [t for t in SWEPT if registered()[t].differentiable and registered()[t].inputs]
# What asks for numbers of the device, and why it has to.
LOOKING = {
    "CheckNumerics": "it raises an error if a number is none",
    "Where": "how many places there are is the shape of its result",
    "UniqueWithCounts": "how many values there are is the shape of its result",
    "UniformCandidateSampler": "it draws on the host until all classes differ",
    "LogUniformCandidateSampler": "it draws on the host until all classes differ",
}
# What the kernels that say where a shape comes from are not asked for in a plan: it is a constant.
MADE_BY_PLANS = {"Shape", "Const"}
# float32 on both sides; sums are added up in another order.
TOLERANCE = {np.float32: 3e-5, np.float64: 1e-10}
SOME = settings(max_examples=max(1, settings().max_examples // 8))
FEW = settings(max_examples=max(1, settings().max_examples // 20))


def in_type(sample: Sample, arrays: Sequence[Array], kind: Any) -> list[Array]:
    """Return the inputs in another type, but for what stands in float64 by itself."""
    return [
        a.astype(kind) if a.dtype == np.float64 and i.dtype is None else a
        for i, a in zip(sample.inputs, arrays, strict=True)
    ]


def build(op_type: str, sample: Sample, arrays: Sequence[Array]) -> tf.Operation:
    with tf.Graph().as_default() as graph:
        inputs = [
            tf.constant(a) if i.constant else tf.placeholder(a.dtype, a.shape)
            for i, a in zip(sample.inputs, arrays, strict=True)
        ]
        return graph.apply(op_type, *inputs, **sample.attrs)


@pytest.fixture(scope="module")
def swept(lasting_cuda: CupyBackend) -> Iterator[CupyBackend]:
    """Return the backend; on the stand-in, without the kernels that are made from expressions.

    These are compared in `test_elementwise.py`, many of them in one compilation.
    """
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(lasting_cuda.xp, "stands_in"):
            left_out = elementwise.KERNELS.keys() - {"Polygamma"}  # whose own looks at numbers
            kept = {t: f for t, f in lasting_cuda.kernels.items() if t not in left_out}
            patch.setattr(CupyBackend, "kernels", kept)
        yield lasting_cuda


def compute(backend: Any, op: tf.Operation, arrays: Sequence[Array]) -> tuple[list[Array], str]:
    """Return what a kernel gives, and what was copied while it ran."""
    state = SessionState(backend)
    if "seeds" in op.attrs:
        state.stream(op)
    context = KernelContext(op, backend, state, [None] * len(op.outputs))
    given_arrays = [backend.from_host(a) for a in arrays]
    kernel = backend.kernels.get(op.type, op.definition.kernel)
    TRAFFIC.clear()
    with backend.running():
        result = kernel(context, *given_arrays)
        copied = "\n".join(TRAFFIC.log)
        results = result if isinstance(result, tuple) else (result,)
        return [backend.to_host(r) for r in results], copied


@pytest.mark.parametrize("op_type", SWEPT)
@SOME
@given(data=st.data())
def test_forward(swept: CupyBackend, op_type: str, data: st.DataObject) -> None:
    sample, arrays = data.draw(samples(op_type))
    for kind, tolerance in TOLERANCE.items():
        cast = in_type(sample, arrays, kind)
        op = build(op_type, sample, cast)
        wanted, _ = compute(NumpyBackend(), op, cast)
        got, copied = compute(swept, op, cast)
        for a, b in zip(got, wanted, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            if op_type in RANDOM:
                continue
            if a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
            else:
                np.testing.assert_array_equal(a, b)
        if op_type not in LOOKING and op_type not in MADE_BY_PLANS:
            assert not copied, copied


@pytest.mark.parametrize("op_type", DIFFERENTIABLE)
@FEW
@given(data=st.data())
def test_gradient(swept: CupyBackend, op_type: str, data: st.DataObject) -> None:
    sample, arrays = data.draw(samples(op_type))
    for kind, tolerance in TOLERANCE.items():
        cast = in_type(sample, arrays, kind)
        op = build(op_type, sample, cast)
        floats = [t for t in op.inputs if t.dtype.is_floating]
        with op.graph.as_default():
            ys = [t * t for t in op.outputs if t.dtype.is_floating]
            found = [g for g in tf.gradients(ys, floats) if g is not None] if ys else []
        fed = {t: a for t, a in zip(op.inputs, cast, strict=True) if t.op.type == "Placeholder"}
        results = []
        for backend in ("numpy", "cupy"):
            # Step by step: what a step computes, and not how it is recorded.
            config = tf.ConfigProto(backend=backend, passes=(), cuda_graphs=False)
            with tf.Session(graph=op.graph, config=config) as session:
                results.append(session.run(found, fed))
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=30 * tolerance, atol=30 * tolerance)
