"""What operations say of themselves in CUDA is what their kernels compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from elementwise_cases import CASES, EXPRESSED, Case
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tensorgraph.backends.cuda import elementwise
from tensorgraph.backends.cuda.elementwise import HEAD, Walk, text_of
from tensorgraph.backends.cuda.program import load
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import Elementwise, lookup, registered

Array = npt.NDArray[Any]

# Operations that round once, so that there is one right result.
EXACT = {
    *("Add", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "Neg", "Abs", "Sign", "Square"),
    *("Sqrt", "Relu", "Relu6", "ReluGrad", "Relu6Grad", "BiasAdd", "Cast", "AddN", "Select"),
    *("FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod", "DivNoNan", "Xdivy", "Reciprocal"),
    *("Floor", "Ceil", "Rint", "SquaredDifference"),
}
# What else is computed in several steps, or by a library that rounds elsewhere, may be off by a few
# units in the last place; near a zero of the function, of the numbers that it is the difference of.
ULPS = {"Digamma": 400, "Polygamma": 400, "Lgamma": 40}
NEAR_ZERO = {"Sigmoid": 2, "Digamma": 400, "Polygamma": 400, "Lgamma": 40}


# All of them in one text: one compilation instead of hundreds.
TEXT = HEAD + "".join(
    text_of(case.recipe, Walk(1, 1, True, "f" * len(case.recipe.types)), case.name)
    for case in CASES
)


def computed(backend: Any, case: Case, inputs: list[Array]) -> Array:
    with backend.running():
        arrays = [backend.from_host(np.ascontiguousarray(a)) for a in inputs]
        out = backend.xp.empty(inputs[0].shape, case.recipe.types[-1])
        load(backend, TEXT, case.name)((2,), (32,), (*arrays, out, out.size))
        return np.asarray(backend.to_host(out))


def wanted(case: Case, inputs: list[Array]) -> Array:
    backend = NumpyBackend()
    with backend.running():
        return np.asarray(case.op.definition.kernel(KernelContext(case.op, backend), *inputs))


def values(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        edges = st.sampled_from([0, 1, low, high, high - 1])
        return st.one_of(edges, st.integers(max(low, -20), min(high, 20)), st.integers(low, high))
    edges = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan]
    width = 8 * dtype.itemsize
    # What overflows between two steps in float16 does not in float32.
    all_of_them = st.floats(-8, 8, width=16) if width == 16 else st.floats(width=width)
    return st.one_of(st.sampled_from(edges), st.floats(-8, 8, width=width), all_of_them)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=max(4, settings().max_examples // 10))
@given(data=st.data())
def test_expression_is_the_kernel(lasting_cuda: Any, case: Case, data: st.DataObject) -> None:
    types = case.recipe.types
    inputs = [
        data.draw(hnp.arrays(t, 12, elements=values(t), fill=st.nothing())) for t in types[:-1]
    ]
    inputs = [_within(case.op.type, i, a, types) for i, a in enumerate(inputs)]
    got, right = computed(lasting_cuda, case, inputs), wanted(case, inputs)
    assert (got.dtype, got.shape) == (right.dtype, right.shape)
    check(case, got, right)


@np.errstate(all="ignore")
def _within(op_type: str, place: int, x: Array, types: tuple[Any, ...]) -> Array:
    """Return values for which NumPy's kernel has a defined result."""
    if op_type == "Lgamma":
        # All numbers so far below 0 are poles, and NumPy's kernel takes those next to 0 for one.
        pole = (x < -1000) | ((x < 0) & (x > -8 * np.finfo(x.dtype).smallest_normal))
        return np.where(pole, x.dtype.type(-3.5), x)
    if op_type == "TruncateDiv" and x.dtype == np.float16:
        # A quotient that is rounded to an integer first is another one.
        return np.rint(x) if place == 0 else np.where(x < 0, x.dtype.type(-1), x.dtype.type(1))
    if op_type == "Polygamma" and place == 0:
        return np.clip(x, -1, 6)
    if op_type in ("Polygamma", "Digamma"):
        # Poles, and near them and far below 0 the tangent that reflects, lose the digits.
        usual = (np.abs(x) > 0.01) & (np.abs(x) < 40) & (np.abs(x - np.round(x)) > 0.01)
        return np.where(usual | (x == 0), x, x.dtype.type(1.25))
    if op_type == "Pow" and x.dtype.kind in "iu" and place == 1:
        return np.abs(x) % x.dtype.type(7)
    if op_type in ("FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod") and x.dtype.kind in "iu":
        return np.where((x == 0) & (place == 1), x.dtype.type(3), x)
    if op_type == "Cast" and x.dtype.kind == "f" and types[-1].kind in "iu":
        # Beyond the type's range, C leaves it open.
        return np.where(np.abs(x) <= 100, np.abs(x), x.dtype.type(7))
    return x


def check(case: Case, got: Array, right: Array) -> None:
    op_type, half = case.op.type, got.dtype == np.float16
    if got.dtype.kind != "f" or (op_type in EXACT and not half):
        np.testing.assert_array_equal(got, right)
        return
    finite = np.isfinite(got) & np.isfinite(right)
    np.testing.assert_array_equal(got[~finite], right[~finite])
    a, b = got[finite].astype(np.float64), right[finite].astype(np.float64)
    info = np.finfo(got.dtype)
    atol = 4 * float(info.smallest_normal) + NEAR_ZERO.get(op_type, 0) * float(info.eps)
    if half and op_type == "AddN":
        # NumPy rounds between the additions.
        atol += 32 * float(info.eps)
    close = np.abs(a - b) <= ULPS.get(op_type, 6) * float(info.eps) * np.abs(b) + atol
    assert close.all(), (a, b)


# Why elementwise operations have no expression.
WITHOUT: dict[str, str] = {}


def test_every_elementwise_op_has_an_expression() -> None:
    plain = {t for t, d in registered().items() if isinstance(d, Elementwise)}
    assert plain - set(EXPRESSED) == set(WITHOUT)


def test_what_is_not_one_function_of_the_array_module_has_a_kernel() -> None:
    several = {t for t in EXPRESSED if not lookup(t).ufunc}
    assert several <= set(elementwise.KERNELS)
    assert set(elementwise.KERNELS) - several == {elementwise.FUSED}
