"""Each way to compute a convolution against the sum written out, on shapes of every kind."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.backends.workers import Workers
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.ops import products, shares
from tensorgraph.ops.convolution import case as case_module
from tensorgraph.ops.convolution import columns, points, rows, separate, winograd
from tensorgraph.ops.convolution.case import Case, Method, make_case
from tensorgraph.ops.convolution.choice import choose, compute
from tensorgraph.ops.convolution.tiles import transform
from tensorgraph.ops.products import product, product_over_rows, shared_product
from tensorgraph.ops.shares import Block
from tensorgraph.runtime.state import SessionState

Array = npt.NDArray[Any]

BATCHES = (0, 1, 2, 3, 7, 64, 65)
# What a method may err by, relative to the largest result.
EXACT = 1e-12
ROUNDED = {True: 2e-6, False: 2e-5}


class SharedBackend(NumpyBackend):
    """Work in three threads, however many processors there are."""

    helpers = Workers()

    @property
    def workers(self) -> int:
        return 3

    def spread(self, shares: int, task: Callable[[int], None]) -> None:
        self.helpers.spread(shares, task)


@pytest.fixture(params=["one block", "many blocks"])
def split(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as the sizes are, and once cut into blocks of a few images, for three workers."""
    if request.param == "many blocks":
        monkeypatch.setattr(shares, "BLOCK_BYTES", 1 << 13)
        monkeypatch.setattr(shares, "SHARED_BYTES", 0)
        for method in (rows, points):
            monkeypatch.setattr(method, "FEWEST_ROWS", 1)
        for method in (case_module, rows):
            monkeypatch.setattr(method, "FEW_ROWS", 0)
        for method in (products, columns):
            monkeypatch.setattr(method, "small_product", lambda: 10**4)


def batch_outside(a: Array) -> Array:
    """Return an array as it lies."""
    return a


def batch_inside(a: Array) -> Array:
    """Return an array like another that lies as (height, width, batch, channels)."""
    return a.transpose(1, 2, 0, 3).copy().transpose(2, 0, 1, 3)


def apart(a: Array) -> Array:
    """Return an array like another with other numbers between its own, that end at the front."""
    wide = np.full([2 * n for n in a.shape], 7, a.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in a.shape)]
    view[...] = a
    return view


Layout = Callable[[Array], Array]


class Mixed:
    """Arrays that lie in either way, in turn."""

    __name__ = "mixed"

    def __init__(self) -> None:
        self._turns = itertools.cycle((batch_outside, batch_inside))

    def __call__(self, a: Array) -> Array:
        return next(self._turns)(a)


LAYOUTS = (batch_outside, batch_inside, apart, Mixed())


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.__name__)
def layout(request: pytest.FixtureRequest) -> Layout:
    """Return how images, results and gradients lie in memory."""
    chosen: Layout = request.param
    return chosen


def context(strict: bool = True) -> KernelContext:
    backend = SharedBackend()
    with tf.Graph().as_default():
        op = tf.no_op()
    return KernelContext(op, backend, SessionState(backend, strict=strict))


def draw(rng: random.Random, **fixed: Any) -> tuple[Case, dict[str, Array]]:
    """Return a random convolution: its case, and float64 images, filter and gradient."""

    def pair(high: int) -> tuple[int, int]:
        return rng.randint(1, high), rng.randint(1, high)

    size, strides, dilations = pair(5), pair(3), pair(2)
    attrs = {
        "strides": fixed.get("strides", strides),
        "dilations": fixed.get("dilations", dilations),
        "padding": fixed.get("padding", rng.choice(["SAME", "VALID", ((1, 0), (0, 2))])),
    }
    size = fixed.get("size", size)
    reach = [(n - 1) * d + 1 for n, d in zip(size, attrs["dilations"], strict=True)]
    spatial = [n + rng.randint(fixed.get("extra", 0), 9) for n in reach]
    channels = fixed.get("channels") or rng.choice([1, 2, 3, 8, 9, 16])
    filters = fixed.get("filters") or rng.choice([1, 3, 16])
    image = (rng.choice(BATCHES), *spatial, channels)
    case = make_case(attrs, image, (*size, channels, filters))
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    arrays = {
        "x": numbers.standard_normal(image),
        "w": numbers.standard_normal((*size, channels, filters)),
        "dy": numbers.standard_normal((case.batch, *case.places, filters)),
    }
    return case, arrays


def written_out(case: Case, x: Array, w: Array, dy: Array) -> dict[str, Array]:
    """Return the three products, pixel of the filter by pixel."""
    image = np.pad(x, ((0, 0), *case.pads, (0, 0)))
    y, dw, dx = np.zeros(dy.shape), np.zeros(w.shape), np.zeros(image.shape)
    for tap in itertools.product(*map(range, case.windows.size)):
        (i, j), (di, dj) = tap, case.windows.dilations
        (si, sj), (h, v) = case.windows.strides, case.places
        region = np.s_[:, i * di : i * di + si * h : si, j * dj : j * dj + sj * v : sj]
        met = image[region]
        y += np.einsum("nhwc,cf->nhwf", met, w[tap])
        dw[tap] = np.einsum("nhwc,nhwf->cf", met, dy)
        dx[region] += np.einsum("nhwf,cf->nhwc", dy, w[tap])
    inside = tuple(slice(b, b + n) for (b, _), n in zip(case.pads, case.spatial, strict=True))
    return {"forward": y, "by_input": dx[(slice(None), *inside)], "by_filter": dw}


def contexts(strict: bool = True) -> list[KernelContext]:
    """Return a context for each of the three products, as each is a node of its own."""
    return [context(strict) for _ in range(3)]


def computed(
    method: Method,
    nodes: list[KernelContext],
    case: Case,
    dtype: Any,
    x: Array,
    w: Array,
    dy: Array,
    layout: Layout = batch_outside,
) -> dict[str, Array]:
    """Return the three products as a method computes them, into arrays full of NaN."""
    x, w, dy = (a.astype(dtype, copy=False) for a in (x, w, dy))
    y, dx, dw = (layout(np.full(a.shape, np.nan, dtype)) for a in (dy, x, w))
    x, dy = layout(x), layout(dy)
    with np.errstate(all="ignore"):
        method.forward(nodes[0], case, x, w, y)
        method.by_input(nodes[1], case, w, dy, dx)
        method.by_filter(nodes[2], case, x, dy, dw)
    return {"forward": y, "by_input": dx, "by_filter": dw}


def assert_close(got: dict[str, Array], wanted: dict[str, Array], tolerance: float) -> None:
    for name, array in wanted.items():
        scale = max(np.abs(array).max(), 1.0) if array.size else 1.0
        np.testing.assert_allclose(
            got[name], array, rtol=0, atol=tolerance * scale, err_msg=name, strict=False
        )


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize("method", [rows, columns], ids=["rows", "columns"])
def test_patches_compute_every_convolution(method: Method, layout: Layout) -> None:
    rng = random.Random(1)
    for _ in range(20):
        case, arrays = draw(rng)
        wanted = written_out(case, **arrays)
        for dtype, tolerance in ((np.float64, EXACT), (np.float32, 1e-5)):
            got = computed(method, contexts(), case, dtype, **arrays, layout=layout)
            assert_close(got, wanted, tolerance)


@pytest.mark.usefixtures("split")
def test_filters_of_one_pixel(layout: Layout) -> None:
    rng = random.Random(2)
    for _ in range(20):
        padding = rng.choice(["SAME", "VALID"])
        case, arrays = draw(rng, size=(1, 1), padding=padding)
        assert points.suits(case)
        assert choose(case, np.float32, strict=True) is points
        wanted = written_out(case, **arrays)
        got = computed(points, contexts(), case, np.float64, **arrays, layout=layout)
        assert_close(got, wanted, EXACT)


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize(("size", "strict"), [(3, True), (3, False), (5, False)])
def test_winograd_errs_as_little_as_it_says(size: int, strict: bool, layout: Layout) -> None:
    rng = random.Random(3)
    for _ in range(6):
        case, arrays = draw(
            rng,
            size=(size, size),
            strides=(1, 1),
            dilations=(1, 1),
            padding=rng.choice(["SAME", "VALID", ((1, 0), (0, 2)), ((2, 2), (2, 2))]),
            channels=rng.choice([16, 20, 32]),
            filters=rng.choice([16, 24]),
            extra=3,
        )
        assert winograd.is_able(case, np.float32, strict)
        assert not winograd.is_able(case, np.float64, strict)
        wanted = written_out(case, **arrays)
        got = computed(winograd, contexts(strict), case, np.float32, **arrays, layout=layout)
        assert_close(got, wanted, ROUNDED[strict])


@pytest.mark.usefixtures("split")
def test_each_channel_by_itself(layout: Layout) -> None:
    rng = random.Random(6)
    for _ in range(20):
        case, arrays = draw(rng, filters=rng.choice([1, 1, 3]))
        x, w, dy = arrays["x"], arrays["w"], arrays["dy"]
        c, m = case.channels, case.filters
        dy = np.repeat(dy, c, -1) * np.arange(1, c * m + 1)
        # The same as a convolution whose filter is 0 where channels would mix.
        full = np.zeros((*w.shape[:3], c, m))
        for i in range(c):
            full[:, :, i, i] = w[:, :, i]
        mixing = case._replace(filters=c * m)
        wanted = written_out(mixing, x, full.reshape(*w.shape[:3], c * m), dy)
        blocks = wanted["by_filter"].reshape(full.shape)
        wanted["by_filter"] = np.stack([blocks[:, :, i, i] for i in range(c)], 2)
        for dtype, tolerance in ((np.float64, EXACT), (np.float32, 1e-5)):
            got = computed(separate, contexts(), case, dtype, x, w, dy, layout)
            assert_close(got, wanted, tolerance)


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize(
    ("groups", "channels"), [(2, 1), (3, 2), (6, 4), (32, 1), (5, 17), (2, 40)]
)
def test_groups_of_channels(groups: int, channels: int, layout: Layout) -> None:
    rng = random.Random(groups)
    nodes = contexts()
    for _ in range(3):
        case, arrays = draw(rng, channels=channels, filters=rng.choice([1, 2, 5]), size=(3, 2))
        drawn = [arrays]
        numbers = np.random.default_rng(rng.randrange(1 << 30))
        for _ in range(groups - 1):
            drawn.append({n: numbers.standard_normal(a.shape) for n, a in arrays.items()})
        joint = {name: np.concatenate([one[name] for one in drawn], -1) for name in arrays}
        parts = [written_out(case, **one) for one in drawn]
        wanted = {name: np.concatenate([part[name] for part in parts], -1) for name in parts[0]}
        x, w, dy = (layout(joint[name]) for name in ("x", "w", "dy"))
        got = {name: np.full(a.shape, np.nan) for name, a in wanted.items()}
        grouped = case._replace(groups=groups)
        for name, pair in {"forward": (x, w), "by_input": (w, dy), "by_filter": (x, dy)}.items():
            # One node for all, as for the gradients that are computed together.
            compute(nodes[0], grouped, name, *pair, got[name])
        assert_close(got, wanted, EXACT)


def test_images_that_got_their_channel_as_an_axis() -> None:
    """The stride of such an axis is 0."""
    rng = random.Random(7)
    for method in (rows, columns, separate):
        case, arrays = draw(rng, channels=1, filters=1, padding="VALID")
        bare = arrays | {"x": arrays["x"][..., 0].copy()[..., None]}
        assert_close(
            computed(method, contexts(), case, np.float64, **bare),
            written_out(case, **arrays),
            EXACT,
        )


def test_blocks_of_one_run(layout: Layout) -> None:
    """What a method makes of the filter is made once in a run, for blocks of all sizes."""
    rng = random.Random(8)
    for method, more in (
        (rows, {}),
        (columns, {"channels": 3}),
        (points, {"size": (1, 1), "padding": "VALID"}),
        (winograd, {"size": (3, 3), "strides": (1, 1), "channels": 16, "extra": 6}),
        (separate, {"filters": 1, "channels": 2}),
    ):
        case, arrays = draw(rng, **{"dilations": (1, 1), **more})
        numbers, channels = np.random.default_rng(8), case.channels
        deep = channels if method is separate else case.filters
        nodes = [KernelContext(k.op, k.backend, undivided=True) for k in contexts()]
        for _ in range(2):
            w = numbers.standard_normal(arrays["w"].shape)
            for node in nodes:
                node.begin()
            for batch in (3, 1, 4):
                block = case._replace(batch=batch)
                x = numbers.standard_normal((batch, *case.spatial, channels))
                dy = numbers.standard_normal((batch, *case.places, deep))
                alone = computed(method, contexts(), block, np.float32, x, w, dy)
                got = computed(method, nodes, block, np.float32, x, w, dy, layout)
                assert_close(got, alone, 1e-6 if method is not winograd else ROUNDED[True])


def test_a_run_repeats_the_last_bit() -> None:
    rng = random.Random(4)
    for method, sizes in (
        (rows, {}),
        (columns, {"channels": 3}),
        (points, {"size": (1, 1), "padding": "VALID"}),
        (winograd, {"size": (3, 3), "channels": 16, "filters": 16, "extra": 6}),
    ):
        plain = {"strides": (1, 1), "dilations": (1, 1), "padding": "SAME"}
        case, arrays = draw(rng, **{**plain, **sizes})
        nodes = contexts(strict=False)
        first, *others = (computed(method, nodes, case, np.float32, **arrays) for _ in range(3))
        for other in others:
            for name, array in first.items():
                np.testing.assert_array_equal(other[name], array)


def test_which_method_is_chosen() -> None:
    def chosen(
        window: int,
        channels: int,
        filters: int,
        step: int = 1,
        batch: int = 8,
        size: int = 16,
        **more: Any,
    ) -> Any:
        attrs = {"strides": (step, step), "dilations": (1, 1), "padding": "SAME"}
        image, kernel = (batch, size, size, channels), (window, window, channels, filters)
        case = make_case(attrs, image, kernel)
        return choose(case, **{"dtype": np.float32, "strict": False, **more})

    assert chosen(1, 64, 32) is points
    assert chosen(5, 1, 6) is chosen(3, 3, 16) is columns
    assert chosen(5, 6, 16) is rows
    assert chosen(5, 6, 16, by_input=True) is columns
    assert chosen(3, 1, 32, by_input=True) is rows
    assert chosen(3, 16, 16) is chosen(5, 32, 64) is winograd
    assert chosen(3, 32, 64, strict=True) is winograd
    assert chosen(5, 32, 64, strict=True) is rows
    assert chosen(3, 32, 64, dtype=np.float64) is rows
    assert chosen(3, 32, 64, step=2) is chosen(7, 32, 64) is chosen(3, 9, 64) is rows
    # Longer rows are copied as they are, and steps along a line make columns slow.
    assert chosen(3, 3, 16, step=2) is columns
    assert chosen(7, 3, 64, step=2) is rows
    # Few places: the filters would be transformed for little.
    assert chosen(3, 256, 256, batch=8, size=6) is chosen(3, 64, 64, batch=1, size=8) is rows


def test_strict_sessions_err_less() -> None:
    numbers = np.random.default_rng(5)
    x = numbers.standard_normal((4, 12, 12, 64)).astype(np.float32)
    w = numbers.standard_normal((3, 3, 64, 64)).astype(np.float32)
    with tf.Graph().as_default():
        image = tf.placeholder(tf.float32, x.shape)
        y = tf.nn.conv2d(image, tf.constant(w), 1, "SAME")
        exact = tf.nn.conv2d(tf.constant(x, tf.float64), tf.constant(w, tf.float64), 1, "SAME")
        errors = []
        for strict in (True, False):
            with tf.Session(config=tf.ConfigProto(strict=strict)) as session:
                got, wanted = session.run([y, exact], {image: x})
            errors.append(np.abs(got - wanted).max() / np.abs(wanted).max())
    assert errors[0] < 1e-6
    assert errors[0] < errors[1] < 1e-5


@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (4, 5), (1, 3), (6, 1)])
def test_transforms_convolve(m: int, r: int) -> None:
    numbers = np.random.default_rng(m)
    x, w = numbers.standard_normal(m + r - 1), numbers.standard_normal(r)
    inputs, taps, results, square = map(np.array, transform(m, r))
    wanted = [x[i : i + r] @ w for i in range(m)]
    np.testing.assert_array_equal(square, np.kron(taps, taps))
    np.testing.assert_allclose(results @ ((taps @ w) * (inputs @ x)), wanted, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 53, 54, 55, 108, 200])
def test_products_in_slabs(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "small_product", lambda: 10**6)
    numbers = np.random.default_rng(count)
    a, b = numbers.standard_normal((count, 288)), numbers.standard_normal((288, 64))
    for matrix in (a, np.asfortranarray(a)):
        out = np.full((count, 64), np.nan)
        product(np, matrix, b, out)
        np.testing.assert_allclose(out, a @ b, atol=1e-11)


@pytest.mark.parametrize(
    ("kernels", "most"), [("SkylakeX", 10**6), ("Haswell", 0), (None, 0), ("SapphireRapids", 10**6)]
)
def test_which_kernels_take_small_products_as_they_are(
    kernels: str | None, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = [{"user_api": "openmp"}, {"user_api": "blas", "architecture": kernels}]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: libraries)
    products.small_product.cache_clear()
    assert products.small_product() == most
    products.small_product.cache_clear()


@pytest.mark.parametrize("count", [0, 1, 104, 210, 999])
def test_products_over_rows(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "small_product", lambda: 10**6)
    numbers = np.random.default_rng(count)
    a, b = numbers.standard_normal((count, 75)), numbers.standard_normal((count, 128))
    for matrix in (a, np.asfortranarray(a)):
        out = np.full((75, 128), np.nan)
        product_over_rows(Block(context(), 0, 0, 1, True), matrix, b, out)
        np.testing.assert_allclose(out, a.T @ b, atol=1e-11)


@pytest.mark.parametrize("shape", [(3000, 50, 80), (64, 1000, 256), (2, 2000, 3000), (5, 4, 3)])
def test_workers_share_products(shape: tuple[int, int, int]) -> None:
    numbers = np.random.default_rng(0)
    rows, inner, columns = shape
    a, b = numbers.standard_normal((rows, inner)), numbers.standard_normal((inner, columns))
    for left, right in itertools.product((a, np.asfortranarray(a)), (b, np.asfortranarray(b))):
        out = np.full((rows, columns), np.nan)
        shared_product(context(), left, right, out)
        np.testing.assert_allclose(out, a @ b, atol=1e-11)
