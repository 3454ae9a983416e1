"""Pooling on the GPU: any windows, ties and NaN as on the processor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import check, check_sample, node, numpy_results

from tensorgraph.backends.cuda import pool
from tensorgraph.testing.strategies import samples

SOME = settings(max_examples=max(5, settings().max_examples // 4))
FORWARD = ["MaxPool", "AvgPool"]


@pytest.mark.parametrize("op_type", pool.KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@SOME
@given(data=st.data())
def test_samples(lasting_cuda: Any, op_type: str, dtype: Any, data: st.DataObject) -> None:
    check_sample(lasting_cuda, op_type, data.draw(samples(op_type)), dtype)


@st.composite
def windows(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Return images with many equal elements, and windows on them."""
    axes = draw(st.integers(2, 3))
    size, strides, spatial, pads = (), (), (), ()
    for _ in range(axes):
        n = draw(st.integers(1, 3))
        size, strides = (*size, n), (*strides, draw(st.integers(1, 4)))
        spatial = (*spatial, n + draw(st.integers(0, 4)))
        pads = (*pads, (draw(st.integers(0, n - 1)), draw(st.integers(0, n - 1))))
    padding = draw(st.sampled_from(["VALID", "SAME", pads]))
    shape = (draw(st.integers(1, 2)), *spatial, draw(st.integers(1, 3)))
    values = [0.0, 1.0, -1.0, -np.inf] + [np.nan] * draw(st.integers(0, 1))
    seed = draw(st.integers(0, 1000))
    x = np.random.default_rng(seed).choice(values, shape)
    return x, {"ksize": size, "strides": strides, "padding": padding}


@settings(max_examples=60)
@given(case=windows())
def test_ties_borders_and_nan(lasting_cuda: Any, case: Any) -> None:
    x, attrs = case
    more = "3D" if x.ndim == 5 else ""
    op = node(f"MaxPool{more}", [x], **attrs)
    check(lasting_cuda, op, [x])
    (y,) = numpy_results(op, [x])
    dy = np.arange(1.0, y.size + 1).reshape(y.shape)
    check(lasting_cuda, node(f"MaxPool{more}Grad", [x, y, dy], **attrs), [x, y, dy])
    g = np.arange(1.0, x.size + 1).reshape(x.shape)
    check(lasting_cuda, node(f"MaxPool{more}GradGrad", [x, y, g], **attrs), [x, y, g])
    finite = np.nan_to_num(x, neginf=-2)
    check(lasting_cuda, node(f"AvgPool{more}", [finite], **attrs), [finite])
    inputs = [np.array(x.shape, np.int32), dy]
    check(lasting_cuda, node(f"AvgPool{more}Grad", inputs, [0], **attrs), inputs)


@pytest.mark.parametrize("op_type", FORWARD)
def test_float16(lasting_cuda: Any, op_type: str) -> None:
    x = np.random.default_rng(6).normal(size=(2, 6, 6, 3)).astype(np.float16)
    op = node(op_type, [x], ksize=(3, 3), strides=(2, 2), padding="SAME")
    check(lasting_cuda, op, [x], 5e-3, 5e-3)


def test_a_border_may_leave_elements_to_no_window(lasting_cuda: Any) -> None:
    attrs = {"ksize": (2, 1), "strides": (2, 1), "padding": ((1, 0), (0, 0))}
    x = np.arange(1.0, 3.0).reshape(1, 2, 1, 1)
    inputs = [x, x[:, :1], np.full((1, 1, 1, 1), 5.0)]
    check(lasting_cuda, node("MaxPoolGrad", inputs, **attrs), inputs)
