"""How kernels of elementwise operations go through arrays, whatever way these lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import check, node, numpy_results

import tensorgraph as tf
from tensorgraph.backends.cuda.elementwise import prepare
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.runtime.state import SessionState

SOME = settings(max_examples=max(10, settings().max_examples // 8))


@st.composite
def views(draw: st.DrawFn) -> tuple[list[Any], list[Any], tuple[int, ...]]:
    """Return shapes that broadcast, how each array is cut out of memory, and the whole shape."""
    whole = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 8]), min_size=1, max_size=3)))
    shapes, cuts = [], []
    for _ in range(3):
        own = tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in whole)
        shapes.append(own[draw(st.integers(0, len(own))) :])
        cuts.append(draw(st.sampled_from(["whole", "apart", "turned", "backwards", "shifted"])))
    shapes[0] = whole
    return shapes, cuts, whole


def cut(x: Any, how: str, xp: Any) -> Any:
    """Return an array with the content of another, lying in some way."""
    if not x.ndim or how == "whole":
        return x
    if how == "turned":
        return xp.ascontiguousarray(x.transpose()).transpose()
    if how == "backwards":
        return xp.ascontiguousarray(x[::-1])[::-1]
    step = 2 if how == "apart" else 1
    memory = xp.empty((x.size * step + 1,), x.dtype)
    view = memory[1:][::step][: x.size].reshape(x.shape) if step == 1 else None
    if view is None:
        wide = xp.empty((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        view = wide[..., ::2]
    view[...] = x
    return view


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@SOME
@given(case=views())
def test_any_arrays(lasting_cuda: Any, dtype: Any, case: Any) -> None:
    shapes, cuts, whole = case
    random = np.random.default_rng(8)
    condition = random.random(shapes[0]) < 0.5
    x, y = (random.normal(size=s).astype(dtype) for s in shapes[1:])
    op = node("Select", [condition, x, y])
    (wanted,) = numpy_results(op, [condition, x, y])
    backend = lasting_cuda
    with backend.running():
        arrays = [
            cut(backend.from_host(a), how, backend.xp)
            for a, how in zip((condition, x, y), cuts, strict=True)
        ]
        for out in (None, cut(backend.xp.empty(whole, dtype), cuts[0], backend.xp)):
            context = KernelContext(op, backend, SessionState(backend), [out])
            made = backend.kernels["Select"](context, *arrays)
            assert out is None or made is out
            np.testing.assert_array_equal(backend.to_host(made), wanted)


@pytest.mark.parametrize("count", [1, 3, 4, 1023, 4096])
def test_rows_with_a_vector(lasting_cuda: Any, count: int) -> None:
    random = np.random.default_rng(9)
    x, bias = random.normal(size=(5, count)), random.normal(size=count)
    check(lasting_cuda, node("BiasAdd", [x, bias]), [x, bias])


@pytest.mark.parametrize(
    ("shape", "strides", "sizes", "kinds", "width"),
    [
        # All in a row: vectors, of as many bytes as the widest element allows.
        ((6, 4), ((4, 1), (4, 1)), (4, 4), "ff", 4),
        ((6, 4), ((4, 1), (4, 1)), (8, 4), "ff", 2),
        ((6, 3), ((3, 1), (3, 1)), (4, 4), "ff", 2),
        ((5, 3), ((3, 1), (3, 1)), (4, 4), "ff", 1),
        # A number, a row and a column beside a matrix.
        ((6, 4), ((0, 0), (4, 1)), (4, 4), "sf", 4),
        ((6, 4), ((0, 1), (4, 1)), (4, 4), "vf", 4),
        ((6, 4), ((1, 0), (4, 1)), (4, 4), "rf", 4),
        # Steps.
        ((6, 4), ((8, 2), (4, 1)), (4, 4), "gf", 1),
        ((6, 4), ((1, 6), (4, 1)), (4, 4), "gf", 1),
        ((), ((), ()), (4, 4), "ff", 1),
    ],
)
def test_how_arrays_are_walked_through(
    shape: Any, strides: Any, sizes: Any, kinds: str, width: int
) -> None:
    walk, items, _ = prepare(shape, strides, sizes, 16)
    assert (walk.kinds, walk.width) == (kinds, width)
    assert items * width == int(np.prod(shape))
    assert walk.axes <= max(len(shape), 1)


def test_memory_that_is_not_aligned_is_read_one_by_one() -> None:
    assert prepare((64,), ((1,), (1,)), (4, 4), 4).walk.width == 1
    assert prepare((64,), ((1,), (1,)), (4, 4), 8).walk.width == 2


def test_large_arrays_are_counted_in_64_bits() -> None:
    assert prepare((1 << 30,), ((1,), (1,)), (1, 1), 16).walk.short
    assert not prepare((1 << 31,), ((1,), (1,)), (1, 1), 16).walk.short


def chain(x: Any, bias: Any, factor: Any) -> Any:
    return tf.nn.relu(tf.nn.bias_add(x, bias)) * factor + tf.where(x > 0.0, tf.exp(-x), x)


def test_a_chain_is_one_function(cuda: Any) -> None:
    random = np.random.default_rng(10)
    feeds = [random.normal(size=s).astype(np.float32) for s in ((7, 12), (12,), (7, 1))]
    results = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            places = [tf.placeholder(tf.float32, f.shape) for f in feeds]
            y = chain(*places)
            (gradient,) = tf.gradients(y, places[0])
            with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
                fed = dict(zip(places, feeds, strict=True))
                program = session.program(y, fed)
                if backend == "cupy":
                    kinds = [op.type for op in program.graph.get_operations()]
                    assert kinds.count("FusedElementwise") == 1
                    assert not {"BiasAdd", "Relu", "Mul", "Add"} & set(kinds)
                results.append(session.run([y, gradient], fed))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_variables_are_read_inside_of_a_group(cuda: Any) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (3, 4))
        v = tf.Variable(np.arange(4, dtype=np.float32))
        y = tf.tanh(tf.nn.bias_add(x, v)) * 2.0
        step = tf.assign_add(v, tf.reduce_sum(y, 0))
        with tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
            session.run(tf.global_variables_initializer())
            fed = np.zeros((3, 4), np.float32)
            first, _ = session.run([y, step], {x: fed})
            np.testing.assert_allclose(first[0], 2 * np.tanh(np.arange(4)), rtol=1e-6)
            second = session.run(y, {x: fed})
            assert (second[:, 1:] > first[:, 1:]).all()
