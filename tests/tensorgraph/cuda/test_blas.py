"""Matrix products reach cuBLAS with the right transposes, leading dimensions and strides."""

from __future__ import annotations

import ctypes
import types
from typing import Any

import numpy as np
import pytest
from cublas_library import CublasLibrary
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.cuda import blas, cublas
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.base.errors import InternalError, UnavailableError

TOLERANCES = {"float32": 1e-4, "float64": 1e-10, "float16": 2e-2, "int32": 0}

# How a matrix may lie: as it is, turned, with numbers between its rows or columns, every second
# number of another one, or one row for all.
LAYOUTS = {
    "rows": lambda x: x.copy(),
    "columns": lambda x: x.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "wide": lambda x: np.pad(x.copy(), [(0, 0)] * (x.ndim - 1) + [(1, 2)])[..., 1:-2],
    "tall": lambda x: LAYOUTS["wide"](x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "sparse": lambda x: np.repeat(np.repeat(x, 2, -1), 3, -2)[..., ::3, ::2],
    "same": lambda x: np.broadcast_to(x[..., :1, :], x.shape),
}


@st.composite
def factors(draw: Any) -> tuple[Any, Any, dict[str, str]]:
    """Return two arrays that have a product, and how each lies on the device."""
    m, k, n = (draw(st.integers(0, 4)) for _ in range(3))
    dtype = draw(st.sampled_from(sorted(TOLERANCES)))
    lead = draw(st.sampled_from([(), (), (1,), (3,), (2, 3), (2, 1, 2)]))
    own = draw(st.integers(0, len(lead)))
    numbers = np.random.default_rng(draw(st.integers(0, 99)))
    ones = draw(st.booleans())
    shapes = [(*lead, m, k), (*((1,) * ones + lead[own + ones :]), k, n)]
    if draw(st.booleans()):
        shapes = [(*shapes[1][:-2], m, k), (*lead, k, n)]
    arrays = [numbers.integers(-4, 5, s).astype(dtype) / np.dtype(dtype).type(1) for s in shapes]
    ways = {name: draw(st.sampled_from(sorted(LAYOUTS))) for name in ("a", "b", "out")}
    return arrays[0].astype(dtype), arrays[1].astype(dtype), ways


def laid_out(backend: CupyBackend, array: Any, way: str) -> tuple[Any, Any]:
    """Return an array of the device whose strides are as a layout says, and its content."""
    host = LAYOUTS[way](array)
    whole = host if host.base is None else host.base
    while whole.base is not None:
        whole = whole.base
    memory = backend.from_host(np.ascontiguousarray(whole).reshape(-1))
    offset = (host.ctypes.data - whole.ctypes.data) // whole.itemsize if host.size else 0
    flat = memory[offset:]
    strided = backend.xp.lib.stride_tricks.as_strided
    return strided(flat, host.shape, host.strides), host


@given(drawn=factors(), reverse=st.booleans())
def test_products_of_all_layouts(drawn: Any, reverse: bool, lasting_cuda: CupyBackend) -> None:
    one, other, ways = drawn
    backend, tolerance = lasting_cuda, TOLERANCES[str(one.dtype)]
    with backend.running():
        (a, left), (b, right) = (
            laid_out(backend, x, ways[n]) for n, x in zip("ab", (one, other), strict=True)
        )
        if reverse and a.ndim > 2:
            a, left = a[::-1], left[::-1]
            b, right = (b, right) if b.shape[0] == 1 or b.ndim < a.ndim else (b[::-1], right[::-1])
        wanted = np.matmul(left, right)
        made = backend.xp.matmul(a, b)
        assert made.shape == wanted.shape
        assert made.dtype == wanted.dtype
        np.testing.assert_allclose(backend.to_host(made), wanted, tolerance, tolerance)
        if ways["out"] == "same":
            return
        out, _ = laid_out(backend, np.ones_like(wanted), ways["out"])
        assert backend.xp.matmul(a, b, out=out) is out
        np.testing.assert_allclose(backend.to_host(out), wanted, tolerance, tolerance)
        if one.dtype in cublas.DTYPES:
            backend.xp.products.accumulate(a, b, out)
            doubled = wanted.astype(np.float64) * 2
            np.testing.assert_allclose(backend.to_host(out), doubled, 2 * tolerance, 2 * tolerance)


@pytest.mark.parametrize(
    "shapes", [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((3,), (2, 3, 4)), ((5, 2, 3), (3,))]
)
def test_vectors(shapes: Any, lasting_cuda: CupyBackend) -> None:
    numbers = np.random.default_rng(0)
    one, other = (numbers.standard_normal(s) for s in shapes)
    with lasting_cuda.running():
        a, b = map(lasting_cuda.from_host, (one, other))
        xp = lasting_cuda.xp
        for name in ("matmul", "dot"):
            wanted = getattr(np, name)(one, other)
            found = lasting_cuda.to_host(getattr(xp, name)(a, b))
            np.testing.assert_allclose(found, wanted, 1e-12)
        out = xp.empty(np.matmul(one, other).shape)
        xp.matmul(a, b, out=out)
        np.testing.assert_allclose(lasting_cuda.to_host(out), np.matmul(one, other), 1e-12)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", ((2, 3), (3, 4))),
        ("bij,bjk->bik", ((2, 2, 3), (2, 3, 4))),
        ("ij,ij->i", ((3, 4), (3, 4))),
        ("a,b->ba", ((2,), (3,))),
        ("a,a,ab->b", ((2,), (2,), (2, 3))),
        ("ab->ba", ((2, 3),)),
        ("ab->", ((2, 3),)),
        ("abc,acd->dba", ((2, 3, 4), (2, 4, 2))),
        ("ij,kl->", ((2, 3), (2, 2))),
        (",ab->b", ((), (2, 3))),
    ],
)
def test_einsum(equation: str, shapes: Any, lasting_cuda: CupyBackend) -> None:
    numbers = np.random.default_rng(0)
    arrays = [numbers.standard_normal(s) for s in shapes]
    with lasting_cuda.running():
        given_arrays = list(map(lasting_cuda.from_host, arrays))
        found = lasting_cuda.to_host(lasting_cuda.xp.einsum(equation, *given_arrays))
    np.testing.assert_allclose(found, np.einsum(equation, *arrays), 1e-12)


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [(((2, 3), (3, 4)), 1), (((2, 3, 4), (3, 4, 5)), 2), (((2, 3, 4), (4, 2)), ((2, 0), (0, 1))),
     (((3, 4), (2, 3)), (0, 1)), (((2,), (3,)), 0)],
)  # fmt: skip
def test_tensordot(shapes: Any, axes: Any, lasting_cuda: CupyBackend) -> None:
    numbers = np.random.default_rng(0)
    one, other = (numbers.standard_normal(s) for s in shapes)
    with lasting_cuda.running():
        a, b = map(lasting_cuda.from_host, (one, other))
        found = lasting_cuda.to_host(lasting_cuda.xp.tensordot(a, b, axes))
    np.testing.assert_allclose(found, np.tensordot(one, other, axes), 1e-12)


@pytest.fixture
def library(lasting_cuda: CupyBackend) -> CublasLibrary:
    """Return the stand-in of cuBLAS."""
    products = lasting_cuda.xp.products
    if lasting_cuda.xp.cuda.runtime.getDeviceProperties(0)["name"] != b"Stand-in":
        pytest.skip("here the calls of the stand-in are looked at")
    found = CublasLibrary()
    products._find, products._handles = lambda: found, {}
    return found


def test_one_call_where_strides_allow(lasting_cuda: CupyBackend, library: CublasLibrary) -> None:
    xp = lasting_cuda.xp
    with lasting_cuda.running():
        stack, one = xp.ones((4, 2, 3), np.float32), xp.ones((3, 5), np.float32)
        for a, b in (
            (stack, one),  # one tall matrix
            (stack, xp.ones((4, 3, 5), np.float32)),
            (stack.reshape(2, 2, 2, 3), xp.ones((2, 2, 3, 5), np.float32)),
            (one.T, xp.ones((4, 3, 2), np.float32)),
        ):
            before = len(library.computed)
            xp.matmul(a, b)
            assert len(library.computed) == before + 1


def test_a_handle_is_told_of_stream_and_memory(
    lasting_cuda: CupyBackend, library: CublasLibrary
) -> None:
    xp = lasting_cuda.xp
    with lasting_cuda.running():
        for _ in range(2):
            xp.matmul(xp.ones((2, 3)), xp.ones((3, 2)))
    assert library.calls[:3] == ["cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2"]
    assert library.calls.count("cublasCreate_v2") == 1
    assert library.stream == lasting_cuda.stream.ptr
    assert library.workspace is not None
    assert library.workspace[1] == cublas.WORKSPACE_BYTES


@pytest.mark.parametrize(("tf32", "computed"), [(False, [68, 70, 68]), (True, [77, 70, 68])])
def test_tensor_cores_are_used_where_wanted(
    tf32: bool, computed: list[int], lasting_cuda: CupyBackend, library: CublasLibrary
) -> None:
    xp = lasting_cuda.xp
    products = blas.Products(xp, tf32, lambda: library)
    with lasting_cuda.running():
        for dtype in (np.float32, np.float64, np.float16):
            products.matmul(xp.ones((2, 3), dtype), xp.ones((3, 2), dtype))
    assert library.computed == computed


def test_without_the_library_products_are_the_modules(
    lasting_cuda: CupyBackend, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> Any:
        raise UnavailableError("cuBLAS is not to be found")

    xp = lasting_cuda.xp
    products = blas.Products(xp, False, missing)
    with lasting_cuda.running(), caplog.at_level("WARNING", "tensorgraph"):
        for _ in range(2):
            found = products.matmul(xp.ones((2, 3)), xp.ones((3, 2)))
            products.accumulate(xp.ones((2, 3)), xp.ones((3, 2)), found)
    np.testing.assert_array_equal(lasting_cuda.to_host(found), np.full((2, 2), 6.0))
    assert [r.message for r in caplog.records] == [
        "matrix products are CuPy's own, so no step can be captured: cuBLAS is not to be found"
    ]


def test_a_missing_library_says_what_to_install() -> None:
    def find(name: str) -> Any:
        raise RuntimeError(f"no {name} here\nlong story")

    with pytest.raises(UnavailableError, match=r"no cublas here.*pip install .*\[gpu\]"):
        cublas.load_library(find)
    with pytest.raises(UnavailableError, match="pip install"):
        cublas.load_library(lambda name: types.SimpleNamespace(abs_path="/nowhere/cublas.so"))


def test_an_error_of_cublas_names_its_status(lasting_cuda: CupyBackend) -> None:
    library = CublasLibrary()
    library.cublasSetStream_v2 = ctypes.CFUNCTYPE(  # type: ignore[attr-defined]
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p
    )(lambda handle, stream: 14)
    products = blas.Products(lasting_cuda.xp, False, lambda: library)
    with lasting_cuda.running(), pytest.raises(InternalError, match=r"cublasSetStream_v2.*14"):
        products.matmul(lasting_cuda.xp.ones((2, 3)), lasting_cuda.xp.ones((3, 2)))


def test_shapes_that_do_not_fit_are_refused(lasting_cuda: CupyBackend) -> None:
    xp = lasting_cuda.xp
    with lasting_cuda.running():
        with pytest.raises(ValueError, match="no product"):
            xp.matmul(xp.ones((2, 3)), xp.ones((2, 3)))
        with pytest.raises(ValueError, match="where it goes"):
            xp.matmul(xp.ones((2, 3)), xp.ones((3, 2)), out=xp.ones((3, 3)))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_recurrent_layers_multiply_on_the_device(cell: str, lasting_cuda: CupyBackend) -> None:
    """The products inside of these operations are ours as well."""
    made = {}
    for backend in ("numpy", "cupy"):
        tf.reset_default_graph()
        x = tf.constant(np.random.default_rng(0).standard_normal((2, 4, 3)), tf.float32)
        kind = tf.nn.rnn_cell.LSTMCell if cell == "lstm" else tf.nn.rnn_cell.GRUCell
        start = tf.constant_initializer(0.3)
        cells = kind(5, kernel_initializer=start) if cell == "gru" else kind(5, initializer=start)
        outputs, _ = tf.nn.dynamic_rnn(cells, x, dtype=tf.float32)
        grads = tf.gradients(tf.reduce_sum(outputs**2), [x, *tf.trainable_variables()])
        with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
            session.run(tf.global_variables_initializer())
            made[backend] = session.run([outputs, *grads])
    for found, wanted in zip(made["cupy"], made["numpy"], strict=True):
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-5)
