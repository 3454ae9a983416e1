"""Normalization on the GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import check, check_sample, node

from tensorgraph.backends.cuda import norm
from tensorgraph.testing.strategies import samples

SOME = settings(max_examples=max(5, settings().max_examples // 4))


@pytest.mark.parametrize("op_type", norm.KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@SOME
@given(data=st.data())
def test_samples(lasting_cuda: Any, op_type: str, dtype: Any, data: st.DataObject) -> None:
    check_sample(lasting_cuda, op_type, data.draw(samples(op_type)), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(600, 3), (2, 3, 3, 70), (40, 5, 16), (20000, 2)])
@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_batches_of_channels(
    lasting_cuda: Any, dtype: Any, shape: tuple[int, ...], mean: float
) -> None:
    random = np.random.default_rng(4)
    x = (random.normal(size=shape) + mean).astype(dtype)
    scale, offset = (random.normal(size=shape[-1:]).astype(dtype) for _ in range(2))
    # Of a mean of 300, float32 has as many digits less for the distances from it.
    loose = 1e-4 if dtype == np.float32 else 1e-10
    op = node("FusedBatchNormV3", [x, scale, offset], epsilon=1e-3)
    check(lasting_cuda, op, [x, scale, offset], loose, loose)
    dy = random.normal(size=shape).astype(dtype)
    variance = x.reshape(-1, shape[-1]).var(0, ddof=1)
    inputs = [dy, x, scale, x.reshape(-1, shape[-1]).mean(0), variance]
    op = node("FusedBatchNormGradV3", inputs, epsilon=1e-3)
    check(lasting_cuda, op, inputs, loose, 10 * loose)


def test_variance_keeps_its_digits_far_from_zero(lasting_cuda: Any) -> None:
    x = np.array([[1e6], [1e6 + 1], [1e6 + 2], [0.0]], np.float64)[[0, 1, 2, 1]]
    one, zero = np.ones(1), np.zeros(1)
    check(lasting_cuda, node("FusedBatchNormV3", [x, one, zero], epsilon=0.0), [x, one, zero])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [8, 700])
def test_rows(lasting_cuda: Any, dtype: Any, length: int) -> None:
    random = np.random.default_rng(5)
    x, dy = (random.normal(size=(5, length)).astype(dtype) for _ in range(2))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    check(lasting_cuda, node("Standardize", [x], epsilon=1e-5), [x], tolerance, tolerance)
    inverse = (1 / x.std(1, keepdims=True)).astype(dtype)
    inputs = [dy, (x - x.mean(1, keepdims=True)) * inverse, inverse]
    check(lasting_cuda, node("StandardizeGrad", inputs), inputs, tolerance, tolerance)
