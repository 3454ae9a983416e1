"""Softmax and cross-entropy on the GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import check, check_sample, cuda_results, node

from tensorgraph.backends.cuda import softmax
from tensorgraph.testing.strategies import samples

SOME = settings(max_examples=max(5, settings().max_examples // 4))
# In float16 NumPy rounds after each step.
LOOSE = {np.float16: (2e-2, 2e-2), np.float32: (1e-5, 1e-5), np.float64: (1e-12, 1e-12)}


@pytest.mark.parametrize("op_type", softmax.KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@SOME
@given(data=st.data())
def test_samples(lasting_cuda: Any, op_type: str, dtype: Any, data: st.DataObject) -> None:
    check_sample(lasting_cuda, op_type, data.draw(samples(op_type)), dtype)


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("dtype", LOOSE)
@pytest.mark.parametrize(("shape", "axis"), [((3, 700), -1), ((5, 9), 1), ((4, 30, 5), 1)])
def test_along_an_axis(
    lasting_cuda: Any, op_type: str, dtype: Any, shape: tuple[int, ...], axis: int
) -> None:
    x = (np.random.default_rng(2).normal(size=shape) * 5).astype(dtype)
    x[0, 0] = 30
    check(lasting_cuda, node(op_type, [x], axis=axis), [x], *LOOSE[dtype])


@pytest.mark.parametrize("dtype", LOOSE)
@pytest.mark.parametrize("classes", [10, 1000])
@pytest.mark.parametrize("kind", [np.int32, np.int64, None])
def test_losses(lasting_cuda: Any, dtype: Any, classes: int, kind: Any) -> None:
    random = np.random.default_rng(3)
    logits = (random.normal(size=(11, classes)) * 4).astype(dtype)
    numbers = random.integers(0, classes, 11)
    if kind is None:
        inputs = [logits, np.eye(classes, dtype=dtype)[numbers]]
        op = node("SoftmaxCrossEntropyWithLogits", inputs)
    else:
        inputs = [logits, numbers.astype(kind)]
        op = node("SparseSoftmaxCrossEntropyWithLogits", inputs)
    check(lasting_cuda, op, inputs, *LOOSE[dtype])


def test_a_label_that_is_no_class_gives_nan(lasting_cuda: Any) -> None:
    inputs = [np.zeros((3, 4), np.float32), np.array([1, 4, -1], np.int32)]
    op = node("SparseSoftmaxCrossEntropyWithLogits", inputs)
    loss, gradient = cuda_results(lasting_cuda, op, inputs)
    np.testing.assert_allclose(loss[0], np.log(4), rtol=1e-6)
    assert np.isnan(loss[1:]).all()
    assert np.isnan(gradient[1:]).all()
    assert np.isfinite(gradient[0]).all()
