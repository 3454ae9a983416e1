"""Convolutions for tests: drawn as the registry's samples are, run on both backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import lookup

TYPES = (np.float32, np.float64, np.float16)
TOLERANCES = {np.float32: 1e-4, np.float64: 1e-9, np.float16: 3e-2}
PRODUCTS = (
    *("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "Conv2DBackprop"),
    *("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"),
    *("DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput"),
    "DepthwiseConv2dNativeBackpropFilter",
)


class Convolution(NamedTuple):
    """A use of one of the operations."""

    product: str
    attrs: dict[str, Any]
    image: tuple[int, ...]
    kernel: tuple[int, ...]
    result: tuple[int, ...]
    dtype: Any


class _Draw:
    """What `OpDef.sample` draws from."""

    def __init__(self, draw: Callable[..., Any], least: int, size: Sequence[int]) -> None:
        self._draw, self._least, self._size = draw, least, list(size)

    def integer(self, low: int, high: int) -> int:
        if self._size:
            return self._size.pop(0)
        return int(self._draw(st.integers(max(low, min(self._least, high)), high)))

    def choice(self, options: Sequence[Any]) -> Any:
        return self._draw(st.sampled_from(list(options)))


def drawn(
    product: str, draw: Callable[..., Any], least: int = 0, size: Sequence[int] = ()
) -> Convolution:
    """Return a convolution; `st.just` in place of a draw gives a plain one, of a filter's size."""
    if draw is st.just:
        attrs = {"strides": (2, 1), "dilations": (1, 1), "padding": "SAME"}
        kernel = (*size, 3, 4)
        return Convolution(product, attrs, (2, 7, 6, 3), kernel, (2, 4, 6, 4), np.float32)
    dtype = draw(st.sampled_from(TYPES))
    shapes = lookup(product).draw_case(_Draw(draw, least, size))  # type: ignore[attr-defined]
    image, kernel, result, attrs = shapes
    return Convolution(product, attrs, image, kernel, result, dtype)


def run_both(backend: CupyBackend, case: Convolution) -> None:
    """Check that an operation gives the same on both backends."""
    product, attrs, image, kernel, result, dtype = case
    numbers = np.random.default_rng(len(image) + sum(image))
    x, w, dy = (numbers.standard_normal(s).astype(dtype) for s in (image, kernel, result))
    arrays = [x, w]
    if product == "Conv2DBackprop":
        arrays = [x, w, dy]
    elif "Input" in product:
        arrays = [np.array(image, np.int32), w, dy]
    elif "Filter" in product:
        arrays = [x, np.array(kernel, np.int32), dy]
    graph = tf.Graph()
    with graph.as_default():
        op = graph.create_op(product, [tf.constant(a) for a in arrays], attrs)
    wanted = _listed(op.definition.kernel(KernelContext(op, NumpyBackend(1)), *arrays))
    outs = (None,) * len(op.outputs)
    with backend.running():
        given = [backend.from_host(a) for a in arrays]
        made = _listed(backend.kernels[product](KernelContext(op, backend, outs=outs), *given))
        found = [backend.to_host(a) for a in made]
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, TOLERANCES[dtype], TOLERANCES[dtype])


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, tuple) else [values]
