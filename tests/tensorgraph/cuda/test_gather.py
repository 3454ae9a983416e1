"""Gather, scatter and one-hot on the GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import check, check_sample, cuda_results, node

import tensorgraph as tf
from tensorgraph.backends.cuda import gather
from tensorgraph.testing.strategies import samples

SOME = settings(max_examples=max(5, settings().max_examples // 4))
SWEPT = [t for t in gather.KERNELS if t not in ("ScatterUpdate", "ScatterAdd", "ScatterSub")]


@pytest.mark.parametrize("op_type", SWEPT)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@SOME
@given(data=st.data())
def test_samples(lasting_cuda: Any, op_type: str, dtype: Any, data: st.DataObject) -> None:
    check_sample(lasting_cuda, op_type, data.draw(samples(op_type)), dtype)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_many_of_the_same_place(lasting_cuda: Any, kind: Any, rows: int) -> None:
    random = np.random.default_rng(7)
    indices = random.integers(0, rows, 700).astype(kind)
    dy = random.integers(-9, 9, (700, 5)).astype(np.float32)
    inputs = [dy, indices, np.array((rows, 5), np.int32)]
    check(lasting_cuda, node("GatherGrad", inputs, [2], axis=0, batch_dims=0), inputs)


def test_places_outside(lasting_cuda: Any) -> None:
    x, indices = np.ones((3, 2), np.float32), np.array([0, 3, -1], np.int32)
    op = node("GatherV2", [x, indices], axis=0, batch_dims=0)
    (rows,) = cuda_results(lasting_cuda, op, [x, indices])
    np.testing.assert_array_equal(rows, [[1, 1], [0, 0], [0, 0]])
    inputs = [np.ones((3, 2), np.float32), indices, np.array((3, 2), np.int32)]
    op = node("GatherGrad", inputs, [2], axis=0, batch_dims=0)
    (sums,) = cuda_results(lasting_cuda, op, inputs)
    np.testing.assert_array_equal(sums, [[1, 1], [0, 0], [0, 0]])
    inputs = [np.array([[0, 0], [2, 5], [-1, 1]], np.int64), np.ones(3), np.array((3, 2), np.int32)]
    (sums,) = cuda_results(lasting_cuda, node("ScatterNd", inputs, [2]), inputs)
    np.testing.assert_array_equal(sums, [[1, 0], [0, 0], [0, 0]])


@pytest.mark.parametrize("name", ["scatter_update", "scatter_add", "scatter_sub"])
@pytest.mark.parametrize("scalar", [False, True])
def test_rows_of_a_variable(cuda: Any, name: str, scalar: bool) -> None:
    indices = np.array([[1, 4], [1, 0]], np.int32)
    rows = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    updates = np.array(2, np.float32) if scalar else rows
    results = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            v = tf.Variable(np.ones((5, 3), np.float32))
            change = getattr(tf, name)(v, indices, updates)
            with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
                session.run(tf.global_variables_initializer())
                session.run(change)
                results.append(session.run(v))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float16, np.float64])
def test_whatever_is_moved(lasting_cuda: Any, dtype: Any) -> None:
    x = np.arange(6).reshape(3, 2).astype(dtype)
    inputs = [x, np.array([2, 0, 2], np.int64)]
    check(lasting_cuda, node("GatherV2", inputs, axis=0, batch_dims=0), inputs)
    places = [np.array([1, 9], np.uint8), np.array(3, np.int32), x[1, 1], x[0, 0]]
    check(lasting_cuda, node("OneHot", places, [1], axis=-1), places)
