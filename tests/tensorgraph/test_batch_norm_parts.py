"""Batch normalization taken apart, beside the whole one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.passes import pipeline

Array = npt.NDArray[Any]
WHOLE = tuple(name for name in pipeline.NAMES if name != "norms")
PARTS = ("norms",)
FEW = settings(max_examples=max(1, settings().max_examples // 4))


@pytest.fixture(autouse=True)
def graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def found(
    x: Array, passes: Any, threads: int = 1, strict: bool = False, training: bool = True
) -> list[Array]:
    """Return result, statistics, and all gradients of a function of them."""
    with tf.Graph().as_default():
        given = tf.placeholder(x.dtype, x.shape)
        channels = x.shape[-1]
        scale = tf.constant(np.linspace(0.5, 1.5, channels), x.dtype)
        offset = tf.constant(np.linspace(-1, 1, channels), x.dtype)
        y, mean, variance = tf.nn.fused_batch_norm(given, scale, offset, is_training=training)
        weights = np.random.default_rng(1).standard_normal(x.shape).astype(x.dtype)
        loss = tf.reduce_sum(tf.nn.relu(y) * weights) + tf.reduce_sum(variance)
        results = [y, mean, variance, *tf.gradients(loss, [given, scale, offset])]
        config = tf.ConfigProto(passes=passes, intra_op_parallelism_threads=threads, strict=strict)
        with tf.Session(config=config) as session:
            for _ in range(3):
                values: list[Array] = session.run(results, {given: x})
            types = {step.context.op.type for step in session.plan(results, {given: x}).steps}
        assert ("BatchNormFactors" in types) == ("norms" in passes)
        return values


@pytest.mark.parametrize(("kind", "error"), [(np.float32, 3e-5), (np.float64, 1e-12)])
@FEW
@given(data=st.data())
def test_as_the_whole(kind: Any, error: float, data: st.DataObject) -> None:
    sizes = st.integers(1, 4)
    dims = (data.draw(st.integers(16, 40)), data.draw(sizes), data.draw(sizes), data.draw(sizes))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = (rng.standard_normal(dims) * 2 + data.draw(st.sampled_from([0.0, 3.0]))).astype(kind)
    threads, passes = data.draw(st.sampled_from([1, 2])), data.draw(st.sampled_from([PARTS, None]))
    got = found(x, passes or pipeline.NAMES, threads, data.draw(st.booleans()))
    for a, b in zip(got, found(x, WHOLE), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=error * max(1, np.abs(b).max()))


def test_far_from_zero(share_everything: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share_everything(monkeypatch)
    x = (np.random.default_rng(0).standard_normal((32, 3, 3, 2)) + 1000).astype(np.float32)
    exact = found(x.astype(np.float64), WHOLE)
    for passes in (PARTS, pipeline.NAMES):
        y, mean, variance, *_ = found(x, passes)
        np.testing.assert_allclose(mean, exact[1], rtol=1e-6)
        # Squares alone would leave no digit of it.
        np.testing.assert_allclose(variance, exact[2], rtol=1e-4)
        np.testing.assert_allclose(y, exact[0], atol=2e-4)


def test_few_images_stay_whole() -> None:
    x = np.ones((15, 2, 2, 3), np.float32)
    with pytest.raises(AssertionError):
        found(x, pipeline.NAMES)
