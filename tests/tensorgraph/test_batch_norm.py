"""Batch normalization against its formula, also where numbers lie far from zero; and of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.ops import batch_norm
from tensorgraph.ops.standardize import standardize

Array = npt.NDArray[Any]
SHAPES = [(8, 6, 6, 5), (16, 70), (3, 2, 2, 300), (7, 9, 4)]


def by_hand(x: Array, scale: Array, offset: Array, dy: Array, epsilon: float) -> list[Array]:
    """Return result, mean, unbiased variance and the three gradients, in float64."""
    x, dy = (a.astype(np.float64).reshape(-1, a.shape[-1]) for a in (x, dy))
    n, mean, variance = len(x), x.mean(0), x.var(0)
    inverse = 1 / np.sqrt(variance + epsilon)
    u = (x - mean) * inverse
    dx = scale * inverse * (dy - dy.mean(0) - u * (dy * u).mean(0))
    y = u * scale + offset
    return [y, mean, variance * n / (n - 1), dx, (dy * u).sum(0), dy.sum(0)]


def computed(x: Array, scale: Array, offset: Array, dy: Array, **config: Any) -> list[Array]:
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(**config)) as session:
        inputs = [tf.placeholder(a.dtype, a.shape) for a in (x, scale, offset, dy)]
        y, mean, variance = tf.nn.fused_batch_norm(*inputs[:3], epsilon=0.01)
        grads = tf.gradients(y, inputs[:3], inputs[3])
        fetches = [y, mean, variance, *grads]
        values = session.run(fetches, dict(zip(inputs, (x, scale, offset, dy), strict=True)))
    return [v.reshape(-1, x.shape[-1]) if v.ndim > 1 else v for v in values]


def drawn(shape: tuple[int, ...], far: float = 0.0) -> list[Array]:
    numbers = np.random.default_rng(len(shape))
    x, dy = (numbers.standard_normal(shape) for _ in range(2))
    scale, offset = numbers.uniform(0.5, 2, shape[-1]), numbers.standard_normal(shape[-1])
    return [a.astype(np.float32) for a in (x + far, scale, offset, dy)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strict", [False, True])
def test_values_and_gradients(shape: tuple[int, ...], strict: bool) -> None:
    arrays = drawn(shape)
    wanted = by_hand(*arrays, 0.01)
    for a, b in zip(computed(*arrays, strict=strict), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5 * np.abs(b).max())


@pytest.mark.parametrize("far", [30.0, 1000.0, -1000.0])
def test_far_from_zero(far: float) -> None:
    """The square of the mean is a million times the variance: float32 has seven digits."""
    arrays = drawn((16, 5, 5, 3), far)
    wanted = by_hand(*arrays, 0.01)
    for a, b in zip(computed(*arrays), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())


def test_a_channel_that_is_constant_becomes_its_offset() -> None:
    x, scale, offset, dy = drawn((4, 3, 3, 2))
    x[..., 0] = 12345.678
    y, *_ = computed(x, scale, offset, dy)
    np.testing.assert_allclose(y[:, 0], offset[0], atol=1e-5)


def test_images_that_lie_with_the_batch_inside() -> None:
    x, scale, offset, dy = drawn((5, 4, 6, 8))
    lying = [np.ascontiguousarray(a.transpose(1, 2, 0, 3)).transpose(2, 0, 1, 3) for a in (x, dy)]
    with tf.Graph().as_default() as graph:
        forward = graph.apply("FusedBatchNormV3", x, scale, offset, epsilon=0.01)
        mean, variance = np.zeros(8, np.float32), np.ones(8, np.float32)
        backward = graph.apply("FusedBatchNormGradV3", dy, x, scale, mean, variance, epsilon=0.01)
    for op, inside, plain, vectors in (
        (forward, lying[:1], [x], [scale, offset]),
        (backward, lying[::-1], [dy, x], [scale, mean, variance]),
    ):
        wanted = op.definition.kernel(KernelContext(op, NumpyBackend()), *plain, *vectors)
        k = KernelContext(op, NumpyBackend(), outs=[np.empty_like(lying[0]), None, None])
        for a, b in zip(op.definition.kernel(k, *inside, *vectors), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_ordinary_numbers_take_one_walk_for_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []
    sums = batch_norm.channel_sums

    def counted(*args: Any, **kwargs: Any) -> Any:
        walks.append(args)
        return sums(*args, **kwargs)

    monkeypatch.setattr(batch_norm, "channel_sums", counted)
    computed(*drawn((8, 6, 6, 5)))
    assert len(walks) == 2
    walks.clear()
    computed(*drawn((8, 6, 6, 5), 1000.0))
    assert len(walks) == 3


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4, 65), (9,), (0, 3), (3, 0)])
def test_rows_are_standardized(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape) * 3 + 5
    with tf.Graph().as_default(), tf.Session() as session:
        u = session.run(standardize(tf.constant(x), 0.1))
    centred = x - x.mean(-1, keepdims=True) if x.size else x
    variance = (centred**2).mean(-1, keepdims=True) if x.size else 1.0
    np.testing.assert_allclose(u, centred / np.sqrt(variance + 0.1), rtol=1e-12)


def test_a_layer_norm_is_one_operation_and_what_it_learns() -> None:
    with tf.Graph().as_default() as graph:
        tf.contrib.layers.layer_norm(tf.placeholder(tf.float32, [None, 4, 6]), begin_norm_axis=2)
        types = [op.type for op in graph.get_operations()]
    assert types.count("Standardize") == 1
    assert not {"Mean", "SquaredDifference", "Rsqrt"} & set(types)
