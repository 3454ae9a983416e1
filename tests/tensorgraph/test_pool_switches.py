"""Max-pooling that remembers its maxima, beside the one that looks for them again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.passes import pipeline, switches

Array = npt.NDArray[Any]
WITHOUT = tuple(name for name in pipeline.NAMES if name != "switches")
SOME = settings(max_examples=max(1, settings().max_examples // 2))


def found(
    x: Array, size: tuple[int, int], steps: tuple[int, int], padding: str, passes: Any
) -> tuple[list[Array], set[str]]:
    """Return maxima and gradient of a function of them, and the types of what ran."""
    with tf.Graph().as_default():
        fed = tf.placeholder(x.dtype, x.shape)
        images = fed * 1.0 + 0.0
        y = tf.nn.max_pool(images, (1, *size, 1), (1, *steps, 1), padding)
        weights = np.random.default_rng(1).standard_normal(y.shape.as_list()).astype(x.dtype)
        results = [y, tf.gradients(tf.reduce_sum(tf.square(y) * weights), fed)[0]]
        config = tf.ConfigProto(passes=passes, intra_op_parallelism_threads=2)
        with tf.Session(config=config) as session:
            values: list[Array] = [session.run(results, {fed: x}) for _ in range(3)][-1]
            steps_of = session.plan(results, {fed: x}).steps
        return values, {op.type for step in steps_of for op in step.ops}


@SOME
@given(data=st.data())
def test_as_the_other(data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    size, steps = data.draw(pairs), data.draw(pairs)
    padding = data.draw(st.sampled_from(["VALID", "SAME"]))
    spatial = [n + data.draw(st.integers(0, 4)) for n in size]
    dims = (data.draw(st.integers(1, 5)), *spatial, data.draw(st.integers(1, 3)))
    # Small whole numbers: many windows have several maxima.
    numbers = np.random.default_rng(data.draw(st.integers(0, 99))).integers(-2, 3, dims)
    x = numbers.astype(data.draw(st.sampled_from([np.float32, np.float64])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switches, "LEAST_BYTES", 1)
        got, types = found(x, size, steps, padding, pipeline.NAMES)
        alone, _ = found(x, size, steps, padding, ("switches",))
    wanted, others = found(x, size, steps, padding, WITHOUT)
    assert {"MaxPoolSwitches", "MaxPoolSwitchesGrad"} <= types
    assert not {"MaxPoolSwitches", "MaxPoolSwitchesGrad"} & others
    for a, b, c in zip(got, alone, wanted, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)


def test_in_regions(share_everything: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share_everything(monkeypatch)
    x = np.random.default_rng(0).integers(-3, 4, (40, 9, 8, 6)).astype(np.float32)
    for a, b in zip(
        found(x, (2, 2), (2, 2), "SAME", pipeline.NAMES)[0],
        found(x, (2, 2), (2, 2), "SAME", ())[0],
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_small_images_are_looked_at_again() -> None:
    x = np.ones((2, 4, 4, 1), np.float32)
    _, types = found(x, (2, 2), (2, 2), "VALID", pipeline.NAMES)
    assert {"MaxPool", "MaxPoolGrad"} <= types
