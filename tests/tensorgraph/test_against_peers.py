"""The same numbers as JAX, in float64: convolution, pooling, cross-entropies, with gradients.

Needs the extra `peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tensorgraph as tf

jax = pytest.importorskip("jax", reason="needs JAX: pip install '.[peers]'")
jnp, lax = jax.numpy, jax.lax
jax.config.update("jax_enable_x64", True)

Array = npt.NDArray[Any]


def ours(build: Callable[..., tf.Tensor], inputs: Sequence[Array], seed: Array) -> list[Array]:
    """Return the value of ``build(*inputs)``, and each input's gradient of its sum with `seed`."""
    with tf.Graph().as_default():
        tensors = [tf.placeholder(tf.float64, x.shape) for x in inputs]
        value = build(*tensors)
        gradients = tf.gradients(value, tensors, grad_ys=tf.constant(seed))
        with tf.Session() as session:
            results: list[Array] = session.run(
                [value, *gradients], dict(zip(tensors, inputs, strict=True))
            )
    return results


def theirs(compute: Callable[..., Any], inputs: Sequence[Array], seed: Array) -> list[Array]:
    """Return the same from JAX."""
    value, pull_back = jax.vjp(compute, *inputs)
    return [np.asarray(a) for a in (value, *pull_back(seed))]


def assert_same(
    build: Callable[..., tf.Tensor], compute: Callable[..., Any], *inputs: Array
) -> None:
    """Check value and gradients of a function against JAX's."""
    shape = jax.eval_shape(compute, *inputs).shape
    seed = np.random.default_rng(1).standard_normal(shape)
    names = ["value", *(f"gradient of input {i}" for i in range(len(inputs)))]
    results = ours(build, inputs, seed), theirs(compute, inputs, seed)
    for name, mine, other in zip(names, *results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10, err_msg=name)


class Window(NamedTuple):
    """How a kernel or a pool goes over an image, along height and width."""

    size: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: Any

    @property
    def jax_padding(self) -> Any:
        return self.padding if isinstance(self.padding, str) else self.padding[1:3]


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


NAMED_PADDING = st.sampled_from(["VALID", "SAME"])
EXPLICIT_PADDING = st.tuples(pairs(0, 2), pairs(0, 2)).map(
    lambda inner: [(0, 0), *inner, (0, 0)],
)


@st.composite
def images(draw: st.DrawFn) -> Array:
    """A few small images of which no two values are equal, so that each maximum is unique."""
    sizes = [st.integers(1, 2), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3)]
    shape = tuple(draw(size) for size in sizes)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return rng.permutation(np.prod(shape)).reshape(shape) / 10 - 3


@st.composite
def windows(draw: st.DrawFn, image: Array, *, pooling: bool) -> Window:
    """A window that fits the image."""
    window = Window(
        draw(pairs(1, 3)),
        draw(pairs(1, 3)),
        (1, 1) if pooling else draw(pairs(1, 2)),
        draw(NAMED_PADDING if pooling else NAMED_PADDING | EXPLICIT_PADDING),
    )
    if window.padding != "SAME":
        margins = [(0, 0)] * 2 if window.padding == "VALID" else window.padding[1:3]
        for length, size, dilation, margin in zip(
            image.shape[1:3], window.size, window.dilations, margins, strict=True
        ):
            assume(length + sum(margin) >= (size - 1) * dilation + 1)
    return window


@given(data=st.data())
def test_conv2d(data: st.DataObject) -> None:
    x = data.draw(images())
    window = data.draw(windows(x, pooling=False))
    filters = data.draw(st.integers(1, 3))
    kernel = np.random.default_rng(2).standard_normal((*window.size, x.shape[-1], filters))
    assert_same(
        lambda x, k: tf.nn.conv2d(
            x,
            k,
            strides=[1, *window.strides, 1],
            padding=window.padding,
            dilations=[1, *window.dilations, 1],
        ),
        lambda x, k: lax.conv_general_dilated(
            x,
            k,
            window.strides,
            window.jax_padding,
            rhs_dilation=window.dilations,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        ),
        x,
        kernel,
    )


def window_sum(x: Any, window: Window, start: float = 0.0, join: Any = lax.add) -> Any:
    return lax.reduce_window(
        x, start, join, (1, *window.size, 1), (1, *window.strides, 1), window.padding
    )


@given(data=st.data())
def test_max_pool(data: st.DataObject) -> None:
    x = data.draw(images())
    window = data.draw(windows(x, pooling=True))
    assert_same(
        lambda x: tf.nn.max_pool(
            x, [1, *window.size, 1], [1, *window.strides, 1], padding=window.padding
        ),
        lambda x: window_sum(x, window, -jnp.inf, lax.max),
        x,
    )


@given(data=st.data())
def test_avg_pool_counts_real_pixels_only(data: st.DataObject) -> None:
    x = data.draw(images())
    window = data.draw(windows(x, pooling=True))
    assert_same(
        lambda x: tf.nn.avg_pool(
            x, [1, *window.size, 1], [1, *window.strides, 1], padding=window.padding
        ),
        lambda x: window_sum(x, window) / window_sum(jnp.ones_like(x), window),
        x,
    )


@st.composite
def scores(draw: st.DrawFn) -> Array:
    """Logits of a few examples, some of them large enough for a naive exp to overflow."""
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return rng.standard_normal(shape) * draw(st.sampled_from([1.0, 20.0, 2000.0]))


@given(logits=scores(), seed=st.integers(0, 1000))
def test_sparse_softmax_cross_entropy(logits: Array, seed: int) -> None:
    rows, classes = logits.shape
    labels = np.random.default_rng(seed).integers(0, classes, rows)
    assert_same(
        lambda z: tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.constant(labels), logits=z
        ),
        lambda z: -jax.nn.log_softmax(z)[np.arange(rows), labels],
        logits,
    )


@given(logits=scores(), seed=st.integers(0, 1000))
def test_softmax_cross_entropy(logits: Array, seed: int) -> None:
    labels = np.random.default_rng(seed).dirichlet(np.ones(logits.shape[1]), logits.shape[0])
    assert_same(
        lambda z: tf.nn.softmax_cross_entropy_with_logits(labels=tf.constant(labels), logits=z),
        lambda z: -(labels * jax.nn.log_softmax(z)).sum(axis=-1),
        logits,
    )


@given(logits=scores())
def test_softmax_and_log_softmax(logits: Array) -> None:
    assert_same(tf.nn.softmax, jax.nn.softmax, logits)
    assert_same(tf.nn.log_softmax, jax.nn.log_softmax, logits)
