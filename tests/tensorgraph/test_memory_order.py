"""Kernels on images that lie in another order than that of their axes, or with gaps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.ops.memory_order import as_rows, line_shape, memory_order, scratch_like

Array = npt.NDArray[Any]


def as_it_is(shape: Sequence[int], dtype: Any) -> Array:
    return np.zeros(shape, dtype)


def batch_inside(shape: Sequence[int], dtype: Any) -> Array:
    """Return images that lie as (height, width, batch, channels), as in blocks of a batch."""
    n, *spatial, c = shape
    places = range(1, len(spatial) + 1)
    memory = np.zeros((*spatial, n, c), dtype)
    return memory.transpose(len(spatial), *(p - 1 for p in places), len(spatial) + 1)


def with_gaps(shape: Sequence[int], dtype: Any) -> Array:
    """Return the first images of a larger block, which lie apart."""
    return batch_inside((shape[0] + 2, *shape[1:]), dtype)[: shape[0]]


def channels_outside(shape: Sequence[int], dtype: Any) -> Array:
    return np.zeros((shape[-1], *shape[:-1]), dtype).transpose(*range(1, len(shape)), 0)


LAYOUTS = (as_it_is, batch_inside, with_gaps, channels_outside)
Layout = Callable[[Sequence[int], Any], Array]


def laid(layout: Layout, values: Array) -> Array:
    result = layout(values.shape, values.dtype)
    result[...] = values
    return result


def node(op_type: str, arrays: Sequence[Array], **attrs: Any) -> tf.Operation:
    with tf.Graph().as_default() as graph:
        inputs = [
            tf.constant(a) if a.ndim == 1 else tf.placeholder(a.dtype, a.shape) for a in arrays
        ]
        return graph.apply(op_type, *inputs, **attrs)


IMAGES = np.random.default_rng(5).permutation(5 * 6 * 8 * 12).reshape(5, 6, 8, 12) / 1000.0 - 1.4
POOLED = IMAGES[:, ::2, ::2].copy()
MAXIMA = IMAGES.reshape(5, 3, 2, 4, 2, 12).max((2, 4))
EVERY_THIRD = {"ksize": (3, 3), "strides": (2, 2), "padding": "SAME"}
APART = {"ksize": (2, 2), "strides": (2, 2), "padding": "VALID"}
LARGE = np.random.default_rng(6).standard_normal((7, 12, 12, 16)).astype(np.float32)

CASES: dict[str, tuple[str, list[Array], dict[str, Any]]] = {
    "relu": ("Relu", [LARGE], {}),
    "its gradient": ("ReluGrad", [LARGE, LARGE[::-1].copy()], {}),
    "few channels": ("BiasAdd", [LARGE, np.arange(16, dtype=np.float32)], {}),
    "one image": ("BiasAdd", [LARGE[:1], np.arange(16, dtype=np.float32)], {}),
    "many channels": ("BiasAdd", [np.ones((2, 2, 2, 2000)), np.arange(2000.0)], {}),
    "maxima": ("MaxPool", [IMAGES], APART),
    "maxima that overlap": ("MaxPool", [IMAGES], EVERY_THIRD),
    "their gradient": ("MaxPoolGrad", [IMAGES, MAXIMA, POOLED], APART),
    "their gradient's": ("MaxPoolGradGrad", [IMAGES, MAXIMA, IMAGES[::-1].copy()], APART),
    "means": ("AvgPool", [IMAGES], APART),
    "means that overlap": ("AvgPool", [IMAGES], EVERY_THIRD),
    "product": ("Mul", [IMAGES, IMAGES[::-1].copy()], {}),
}


def run_kernel(op: tf.Operation, out: Array | None, arrays: Sequence[Array]) -> Array:
    k = KernelContext(op, NumpyBackend(), outs=(out,))
    # Twice, for the second run finds what the first has left in its working memory.
    op.definition.kernel(k, *arrays)
    result = op.definition.kernel(k, *arrays)
    assert out is None or result is out
    return np.asarray(result)


@pytest.mark.parametrize("name", CASES)
def test_the_order_in_memory_changes_nothing(name: str) -> None:
    op_type, arrays, attrs = CASES[name]
    op = node(op_type, arrays, **attrs)
    wanted = run_kernel(op, None, arrays)
    images = [a for a in arrays if a.ndim > 1]
    vectors = [a for a in arrays if a.ndim == 1]
    for layouts in itertools.product(LAYOUTS, repeat=len(images) + 1):
        given = [laid(layout, a) for layout, a in zip(layouts, images, strict=False)]
        out = layouts[-1](wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(run_kernel(op, out, given + vectors), wanted)
        np.testing.assert_array_equal(run_kernel(op, None, given + vectors), wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_means(layout: Layout) -> None:
    for attrs, grad in ((APART, POOLED), (EVERY_THIRD, POOLED)):
        op = node("AvgPoolGrad", [np.array(IMAGES.shape, np.int32), grad], **attrs)
        wanted = run_kernel(op, None, [np.array(IMAGES.shape), grad])
        for other in LAYOUTS:
            out = other(IMAGES.shape, np.float64)
            given = [np.array(IMAGES.shape), laid(layout, grad)]
            np.testing.assert_array_equal(run_kernel(op, out, given), wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_over_all_but_the_channels(layout: Layout) -> None:
    op = node("BiasAddGrad", [IMAGES])
    out = np.zeros(12)
    run_kernel(op, out, [laid(layout, IMAGES)])
    np.testing.assert_allclose(out, IMAGES.sum((0, 1, 2)), rtol=1e-12)


def test_what_lies_in_one_piece_is_not_copied_to_become_rows() -> None:
    for layout in (as_it_is, batch_inside):
        x = laid(layout, IMAGES)
        assert np.shares_memory(as_rows(x), x)
        assert as_rows(x).shape == (240, 12)
    assert as_rows(np.zeros((0, 3, 4))).shape == (0, 4)
    assert as_rows(np.zeros((2, 3, 0))).shape == (6, 0)


def test_working_memory_lies_as_its_model_does() -> None:
    k = KernelContext(node("Relu", [IMAGES]), NumpyBackend())
    for layout in (as_it_is, batch_inside):
        x = laid(layout, IMAGES)
        assert scratch_like(k, "a", x).strides == x.strides
        assert scratch_like(k, "b", x, np.bool_).strides == tuple(s // 8 for s in x.strides)
    larger = scratch_like(k, "c", laid(batch_inside, IMAGES), shape=(5, 8, 10, 12), fill=7)
    assert larger.shape == (5, 8, 10, 12)
    assert (larger == 7).all()
    assert memory_order(larger) == (1, 2, 0, 3)


def test_filled_memory_of_another_order_is_other_memory() -> None:
    k = KernelContext(node("Relu", [IMAGES]), NumpyBackend())
    cube = np.zeros((4, 4, 4))
    first = scratch_like(k, "frame", cube, fill=0)
    second = scratch_like(k, "frame", cube.transpose(1, 0, 2), fill=0)
    assert not np.shares_memory(first, second)


def test_lines_are_as_long_as_allowed() -> None:
    x = laid(batch_inside, LARGE)  # (7, 12, 12, 16)
    assert line_shape(x, memory_order(x), 2000) == (12, 7, 16)
    assert line_shape(x, memory_order(x), 200) == (7, 16)
    assert line_shape(x, memory_order(x), 3) == (16,)
    assert line_shape(LARGE, memory_order(LARGE), 10**9) == LARGE.shape
