"""Reductions on the GPU: any axes, in one launch or in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import check, check_sample, node

from tensorgraph.backends.cuda import reduce
from tensorgraph.testing.strategies import samples

SOME = settings(max_examples=max(5, settings().max_examples // 4))


@pytest.mark.parametrize("op_type", reduce.KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@SOME
@given(data=st.data())
def test_samples(lasting_cuda: Any, op_type: str, dtype: Any, data: st.DataObject) -> None:
    check_sample(lasting_cuda, op_type, data.draw(samples(op_type)), dtype)


CASES: list[tuple[tuple[int, ...], tuple[int, ...] | None]] = [
    ((5000,), None),
    ((3, 5000), (1,)),
    ((3000, 3), (0,)),
    ((2, 700, 40), (1,)),
    ((4, 3, 5, 2), (0, 2)),
    ((2, 3, 5, 7, 2), (0, 2, 4)),
    ((70, 90), (0,)),
    ((6, 1, 5), (1,)),
    ((1, 1), (0, 1)),
]


@pytest.mark.parametrize("op_type", ["Sum", "Mean", "Max", "Min"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.uint8])
@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_axes_and_parts(
    lasting_cuda: Any, op_type: str, dtype: Any, shape: tuple[int, ...], axes: Any
) -> None:
    if op_type == "Mean" and dtype == np.uint8:
        pytest.skip("NumPy's kernel divides by numbers of the type only")
    x = (np.random.default_rng(1).integers(-40, 40, shape) * 0.25).astype(dtype)
    op = node(op_type, [x], axes=axes, keepdims=False)
    # A sum in float16 is one of floats here, and of float16 there.
    check(lasting_cuda, op, [x], *((2e-2, 1) if dtype == np.float16 else ()))


@pytest.mark.parametrize("op_type", ["Max", "Min"])
@pytest.mark.parametrize("axes", [(0,), (1,), None])
def test_nan_is_an_extreme(lasting_cuda: Any, op_type: str, axes: Any) -> None:
    x = np.array([[1, np.nan, -np.inf], [np.inf, 2, 3]], np.float32)
    check(lasting_cuda, node(op_type, [x], axes=axes, keepdims=True), [x])


def test_mean_of_nothing_is_nan(lasting_cuda: Any) -> None:
    x = np.zeros((3, 0), np.float32)
    check(lasting_cuda, node("Mean", [x], axes=(1,), keepdims=False), [x])


def test_views_are_reduced_as_they_lie(lasting_cuda: Any) -> None:
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    turned = np.asfortranarray(x)
    check(lasting_cuda, node("Sum", [turned], axes=(0,), keepdims=False), [turned])


def test_more_matrices_than_a_grid_has_layers(
    lasting_cuda: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduce, "MOST_LAYERS", 2)
    x = np.arange(7 * 3 * 2, dtype=np.float32).reshape(7, 3, 2)
    check(lasting_cuda, node("Sum", [x], axes=(1,), keepdims=False), [x])
