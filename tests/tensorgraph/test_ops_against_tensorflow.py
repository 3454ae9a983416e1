"""The op set beside TensorFlow's own graph mode: static shapes, values, gradients.

Each case is one function of the module and of placeholders, run with both. Needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf

RNG = np.random.default_rng(0)
MATRIX = RNG.uniform(-2, 2, (3, 4))
POSITIVE = RNG.uniform(0.2, 3, (3, 4))
UNIT = RNG.uniform(-0.9, 0.9, (3, 4))
CUBE = RNG.uniform(-1, 1, (2, 3, 4))
IMAGES = RNG.uniform(0, 1, (2, 6, 5, 4))
SQUARE = RNG.uniform(-1, 1, (2, 3, 3)) + 2 * np.eye(3)
DEFINITE = SQUARE @ SQUARE.swapaxes(1, 2)
WHOLE = np.array([[7, -7, 3], [5, -2, 8]], np.int32)
IDS = np.array([0, 0, 2], np.int32)
KERNEL = RNG.uniform(-1, 1, (3, 2, 4, 2))

# (name, function of the module and a placeholder, what to feed)
Case = tuple[str, Callable[[Any, Any], Any], np.ndarray[Any, Any]]

ELEMENTWISE: list[Case] = [
    *[
        (name, lambda tf, x, name=name: getattr(tf, name)(x), UNIT)
        for name in ("asin", "acos", "atanh", "erf", "erfc", "rint", "floor", "ceil", "reciprocal")
    ],
    *[
        (name, lambda tf, x, name=name: getattr(tf, name)(x), POSITIVE)
        for name in ("lgamma", "digamma", "rsqrt", "tan", "sinh", "cosh", "asinh", "atan")
    ],
    ("sin", lambda tf, x: tf.sin(x) + tf.cos(x), MATRIX),
    ("acosh", lambda tf, x: tf.acosh(x + 1), POSITIVE),
    ("atan2", lambda tf, x: tf.atan2(x, x[:1] + 3), MATRIX),
    ("polygamma", lambda tf, x: tf.math.polygamma(tf.cast(2, tf.float64), x), POSITIVE),
    ("floordiv", lambda tf, x: x // 2, WHOLE),
    ("floormod", lambda tf, x: x % -4, WHOLE),
    ("floormod of floats", lambda tf, x: x % 0.7, MATRIX),
    ("truncatediv", lambda tf, x: tf.truncatediv(x, 4), WHOLE),
    ("div of integers", lambda tf, x: tf.div(x, 4), WHOLE),
    ("truediv of integers", lambda tf, x: x / 4, WHOLE),
    ("truediv of small integers", lambda tf, x: x / tf.cast(4, tf.int8), WHOLE.astype(np.int8)),
    ("div_no_nan", lambda tf, x: tf.div_no_nan(x, tf.maximum(x, 0.0)), MATRIX),
    ("xlogy", lambda tf, x: tf.math.xlogy(x, x), POSITIVE),
    ("squared_difference", lambda tf, x: tf.squared_difference(x, x[0]), MATRIX),
    ("logic", lambda tf, x: (x > 0) & (x < 1) | ~(x > -1) ^ (x > 1.5), MATRIX),
    ("is_finite", lambda tf, x: tf.is_finite(tf.log(x)), MATRIX),
    ("is_nan", lambda tf, x: tf.is_nan(tf.log(x)), MATRIX),
    ("round", lambda tf, x: tf.round(x * 4), MATRIX),
    ("clip_by_value", lambda tf, x: tf.clip_by_value(x, -1.0, 1.0), MATRIX),
    ("clip_by_norm", lambda tf, x: tf.clip_by_norm(x, 2.0, axes=[1]), MATRIX),
    ("clip_by_global_norm", lambda tf, x: tf.clip_by_global_norm([x, x * x], 1.5)[0][1], MATRIX),
    ("global_norm", lambda tf, x: tf.global_norm([x, x * x]), MATRIX),
    ("relu6", lambda tf, x: tf.nn.relu6(4 * x), MATRIX),
    ("crelu", lambda tf, x: tf.nn.crelu(x), MATRIX),
    ("swish", lambda tf, x: tf.nn.swish(x), MATRIX),
    ("log_sigmoid", lambda tf, x: tf.log_sigmoid(x), MATRIX),
]

SLICES: list[Case] = [
    ("place", lambda tf, x: x[1], CUBE),
    ("places", lambda tf, x: x[-1, 2, 0], CUBE),
    ("ranges", lambda tf, x: x[:, 1:, ::2], CUBE),
    ("negative steps", lambda tf, x: x[::-1, 2:0:-1], CUBE),
    ("ellipsis", lambda tf, x: x[..., -2:], CUBE),
    ("new axes", lambda tf, x: x[None, ..., None, 1], CUBE),
    ("beyond the end", lambda tf, x: x[5:, -9:2], CUBE),
    ("by tensors", lambda tf, x: x[tf.constant(1) :, : tf.shape(x)[1] - 1], CUBE),
    ("mask", lambda tf, x: x[x > 0], CUBE),
    ("mask of rows", lambda tf, x: x[x[:, :, 0] > 0], CUBE),
    ("strided_slice", lambda tf, x: tf.strided_slice(x, [0, 1], [2, 3], [1, 2], end_mask=1), CUBE),
    ("slice", lambda tf, x: tf.slice(x, [0, 1, 0], [-1, 2, 3]), CUBE),
    ("slice by tensors", lambda tf, x: tf.slice(x, [0, 1, 0], tf.shape(x) - [0, 1, 2]), CUBE),
]

REDUCTIONS: list[Case] = [
    ("prod", lambda tf, x: tf.reduce_prod(x, [0, -1]), CUBE),
    ("prod of all", lambda tf, x: tf.reduce_prod(x, keepdims=True), CUBE),
    ("all", lambda tf, x: tf.reduce_all(x > -0.5, 1), CUBE),
    ("any", lambda tf, x: tf.reduce_any(x > 0.9), CUBE),
    ("logsumexp", lambda tf, x: tf.reduce_logsumexp(x, [1], keepdims=True), CUBE),
    ("logsumexp of all", lambda tf, x: tf.reduce_logsumexp(x), CUBE),
    ("variance", lambda tf, x: tf.math.reduce_variance(x, 1), CUBE),
    ("std", lambda tf, x: tf.math.reduce_std(x, [0, 2], keepdims=True), CUBE),
    ("euclidean norm", lambda tf, x: tf.math.reduce_euclidean_norm(x, 1), CUBE),
    ("norm", lambda tf, x: tf.norm(x), CUBE),
    ("norm of vectors", lambda tf, x: tf.norm(x, axis=1), CUBE),
    ("1-norm", lambda tf, x: tf.norm(x, 1, axis=-1), CUBE),
    ("3-norm", lambda tf, x: tf.norm(x, 3, axis=-1, keepdims=True), CUBE),
    ("infinity norm", lambda tf, x: tf.norm(x, np.inf, axis=0), CUBE),
    ("matrix 1-norm", lambda tf, x: tf.norm(x, 1, axis=[1, 2]), CUBE),
    ("matrix infinity norm", lambda tf, x: tf.norm(x, np.inf, axis=[-2, -1]), CUBE),
    ("fro", lambda tf, x: tf.norm(x, "fro", axis=[1, 2]), CUBE),
    ("count_nonzero", lambda tf, x: tf.count_nonzero(tf.nn.relu(x), 1), CUBE),
    ("moments", lambda tf, x: tf.nn.moments(x, [0, 1])[1], CUBE),
    ("moments kept", lambda tf, x: tf.nn.moments(x, [1], keep_dims=True)[0], CUBE),
    ("weighted", lambda tf, x: tf.nn.weighted_moments(x, [1], tf.abs(x) + 1)[1], CUBE),
    ("cumsum", lambda tf, x: tf.cumsum(x, 1, exclusive=True), CUBE),
    ("cumsum reverse", lambda tf, x: tf.cumsum(x, -1, reverse=True), CUBE),
    ("cumprod", lambda tf, x: tf.cumprod(x, 1, exclusive=True, reverse=True), CUBE),
]

PLACES: list[Case] = [
    ("gather", lambda tf, x: tf.gather(x, [[1, 0], [1, 1]]), CUBE),
    ("gather along", lambda tf, x: tf.gather(x, [2, 2, 0], axis=1), CUBE),
    ("gather batches", lambda tf, x: tf.gather(x, [[1, 0], [2, 2]], axis=1, batch_dims=1), CUBE),
    ("gather_nd", lambda tf, x: tf.gather_nd(x, [[0, 1], [1, 2], [0, 1]]), CUBE),
    ("scatter_nd", lambda tf, x: tf.scatter_nd([[3], [0], [3]], x, [5, 4]), MATRIX),
    ("segment_sum", lambda tf, x: tf.segment_sum(x, IDS), MATRIX),
    ("segment_mean", lambda tf, x: tf.segment_mean(x, IDS), MATRIX),
    ("segment_max", lambda tf, x: tf.segment_max(x, IDS), MATRIX),
    ("unsorted sum", lambda tf, x: tf.unsorted_segment_sum(x, [2, -1, 2], 4), MATRIX),
    ("unsorted mean", lambda tf, x: tf.unsorted_segment_mean(x, [2, 0, 2], 4), MATRIX),
    ("unsorted min", lambda tf, x: tf.unsorted_segment_min(x, [1, 0, 1], 2), MATRIX),
    ("one_hot", lambda tf, x: tf.one_hot(tf.cast(x, tf.int32), 3, axis=0), MATRIX),
    ("one_hot values", lambda tf, x: tf.one_hot([0, 2, 5], 3, 2.5, -1.0), MATRIX),
    ("boolean_mask", lambda tf, x: tf.boolean_mask(x, [True, False, True]), MATRIX),
    ("boolean_mask of all", lambda tf, x: tf.boolean_mask(x, x > 0), MATRIX),
    ("boolean_mask along", lambda tf, x: tf.boolean_mask(x, [True, False, True], axis=1), CUBE),
    ("where", lambda tf, x: tf.where(x > 0), MATRIX),
    ("where by rows", lambda tf, x: tf.where([True, False, True], x, -x), MATRIX),
    ("unique", lambda tf, x: tf.unique(tf.cast(x[0] * 2, tf.int32))[0], MATRIX),
    ("unique numbers", lambda tf, x: tf.unique_with_counts([3, 1, 3, 2, 1])[1], MATRIX),
    ("unique counts", lambda tf, x: tf.unique_with_counts([3, 1, 3, 2, 1])[2], MATRIX),
    ("sort", lambda tf, x: tf.sort(x, 0), MATRIX),
    ("sort down", lambda tf, x: tf.sort(x, direction="DESCENDING"), MATRIX),
    ("argsort", lambda tf, x: tf.argsort(x, direction="DESCENDING"), MATRIX),
    ("top_k", lambda tf, x: tf.nn.top_k(x, 2)[0], MATRIX),
    ("top_k places", lambda tf, x: tf.nn.top_k([1, 3, 3, 2], 3)[1], MATRIX),
    ("in_top_k", lambda tf, x: tf.nn.in_top_k(tf.cast(x, tf.float32), [0, 3, 1], 2), MATRIX),
    ("embedding_lookup", lambda tf, x: tf.nn.embedding_lookup(x, [[2, 0]]), MATRIX),
    ("lookup in parts", lambda tf, x: tf.nn.embedding_lookup([x, -x], [5, 0, 3]), MATRIX),
    ("lookup with a norm", lambda tf, x: tf.nn.embedding_lookup(x, [1, 2], max_norm=1.0), MATRIX),
    ("invert_permutation", lambda tf, x: tf.invert_permutation([2, 0, 1]), MATRIX),
]

ARRANGEMENTS: list[Case] = [
    ("tile", lambda tf, x: tf.tile(x, [2, 3]), MATRIX),
    ("unstack", lambda tf, x: tf.unstack(x, axis=1)[2], CUBE),
    ("split", lambda tf, x: tf.split(x, 2, axis=1)[1], MATRIX),
    ("split by sizes", lambda tf, x: tf.split(x, [1, -1, 2], axis=-1)[1], MATRIX),
    ("reverse", lambda tf, x: tf.reverse(x, [0, -1]), CUBE),
    ("reverse_sequence", lambda tf, x: tf.reverse_sequence(x, [2, 3], 1, 0), CUBE),
    ("roll", lambda tf, x: tf.roll(x, [1, -2], [0, 1]), CUBE),
    ("reflect", lambda tf, x: tf.pad(x, [[1, 2], [3, 0]], "REFLECT"), MATRIX),
    ("symmetric", lambda tf, x: tf.pad(x, [[3, 1], [0, 4]], "SYMMETRIC"), MATRIX),
    ("space_to_depth", lambda tf, x: tf.space_to_depth(x[:, :, 1:], 2), IMAGES),
    ("depth_to_space", lambda tf, x: tf.depth_to_space(x, 2), IMAGES),
    ("range", lambda tf, x: tf.range(2, 11, 3), MATRIX),
    ("range of floats", lambda tf, x: tf.range(3.0, 1.0, -0.5), MATRIX),
    ("linspace", lambda tf, x: tf.linspace(x[0, 0], x[0, 1], 5), MATRIX),
    ("eye", lambda tf, x: tf.eye(2, 3, [2], tf.float64), MATRIX),
    ("diag", lambda tf, x: tf.diag(x), MATRIX),
    ("diag_part", lambda tf, x: tf.diag_part(x[:, :3]), MATRIX),
    ("matrix_diag", lambda tf, x: tf.matrix_diag(x), MATRIX),
    ("matrix_diag_part", lambda tf, x: tf.matrix_diag_part(x), CUBE),
    ("matrix_set_diag", lambda tf, x: tf.matrix_set_diag(x, x[:, 0, :3]), CUBE),
    ("matrix_band_part", lambda tf, x: tf.matrix_band_part(x, 1, 0), CUBE),
    ("trace", lambda tf, x: tf.trace(x), CUBE),
    ("rank", lambda tf, x: tf.rank(x) * tf.size(x), CUBE),
    ("meshgrid", lambda tf, x: tf.meshgrid(x[0], x[:, 0], x[1])[1], MATRIX),
    ("meshgrid ij", lambda tf, x: tf.meshgrid(x[0], x[:, 0], indexing="ij")[0], MATRIX),
    ("sequence_mask", lambda tf, x: tf.sequence_mask([1, 3, 0], 4, tf.float32), MATRIX),
    ("sequence_mask of lengths", lambda tf, x: tf.sequence_mask([[1, 3], [0, 2]]), MATRIX),
]

ALGEBRA: list[Case] = [
    ("tensordot", lambda tf, x: tf.tensordot(x, x, [[0, 2], [0, 2]]), CUBE),
    ("tensordot of last", lambda tf, x: tf.tensordot(x, tf.transpose(x), 1), CUBE),
    ("einsum", lambda tf, x: tf.einsum("bij,bkj->bik", x, x), CUBE),
    ("einsum implicit", lambda tf, x: tf.einsum("ij,jk", x, tf.transpose(x)), MATRIX),
    ("matrix_transpose", lambda tf, x: tf.matrix_transpose(x), CUBE),
    ("cholesky", lambda tf, x: tf.cholesky(x), DEFINITE),
    ("matrix_inverse", lambda tf, x: tf.matrix_inverse(x), SQUARE),
    ("matrix_solve", lambda tf, x: tf.matrix_solve(x, x[:, :, :2], adjoint=True), SQUARE),
    ("triangular", lambda tf, x: tf.matrix_triangular_solve(x, x[:, :, :1], lower=False), SQUARE),
    ("determinant", lambda tf, x: tf.matrix_determinant(x), SQUARE),
    ("slogdet", lambda tf, x: tf.linalg.slogdet(x)[1], SQUARE),
]


def convolve(tf: Any, x: Any, **more: Any) -> Any:
    return tf.nn.depthwise_conv2d(x, tf.constant(KERNEL), [1, 2, 2, 1], "SAME", **more)


def separate(tf: Any, x: Any) -> Any:
    point = tf.constant(KERNEL.reshape(1, 1, 8, 6))
    return tf.nn.separable_conv2d(x, tf.constant(KERNEL), point, [1, 1, 1, 1], "VALID")


def transposed(tf: Any, x: Any) -> Any:
    kernel = tf.constant(KERNEL.reshape(3, 2, 2, 4))
    return tf.nn.conv2d_transpose(x, kernel, [2, 12, 9, 2], [1, 2, 2, 1], "SAME")


def conv3d(tf: Any, x: Any) -> Any:
    kernel = tf.constant(KERNEL.reshape(2, 2, 3, 4, 1))
    return tf.nn.conv3d(x[:, None] * tf.ones([1, 3, 1, 1, 1], x.dtype), kernel, [1] * 5, "SAME")


def transposed3d(tf: Any, x: Any) -> Any:
    kernel = tf.constant(KERNEL.reshape(3, 2, 2, 2, 2).astype(np.float32))
    volumes = tf.reshape(x, [2, 6, 5, 2, 2])
    return tf.nn.conv3d_transpose(volumes, kernel, [2, 12, 10, 4, 2], [1, 2, 2, 2, 1], "SAME")


def conv1d(tf: Any, x: Any) -> Any:
    return tf.nn.conv1d(x, tf.constant(KERNEL[:, 0]), 2, "SAME")


NETWORKS: list[Case] = [
    ("atrous", lambda tf, x: tf.nn.atrous_conv2d(x, tf.constant(KERNEL), 2, "SAME"), IMAGES),
    ("depthwise", convolve, IMAGES),
    ("separable", separate, IMAGES),
    ("transposed", transposed, IMAGES),
    ("conv1d", conv1d, RNG.uniform(-1, 1, (2, 5, 4))),
    ("conv3d", conv3d, IMAGES),
    ("max_pool1d", lambda tf, x: tf.nn.max_pool1d(x, 2, 1, "VALID"), CUBE),
    ("avg_pool1d", lambda tf, x: tf.nn.avg_pool1d(x, 2, 2, "SAME"), CUBE),
    ("l2_normalize", lambda tf, x: tf.nn.l2_normalize(x, [1]), CUBE),
    (
        "batch_norm",
        lambda tf, x: tf.nn.batch_normalization(x, x[:1], x[1:] ** 2, x, None, 0.1),
        CUBE,
    ),
]


def fused(part: int) -> Callable[[Any, Any], Any]:
    def build(tf: Any, x: Any) -> Any:
        offset, scale = tf.constant([1.0, 2.0, 3.0, 4.0]), tf.constant([0.5, 1.0, 1.5, 2.0])
        return tf.nn.fused_batch_norm(x, scale, offset, epsilon=0.01)[part]

    return build


def inferred(tf: Any, x: Any) -> Any:
    given = tf.constant([1.0, 2.0, 3.0, 4.0])
    return tf.nn.fused_batch_norm(x, given, given, given, given, is_training=False)[0]


def sampled_loss(loss: str, *, hits: bool) -> Callable[[Any, Any], Any]:
    """A loss on classes that were drawn beforehand, one of them true."""

    def build(tf: Any, x: Any) -> Any:
        drawn = (
            tf.constant([3, 0, 1], tf.int64),
            tf.constant([[0.5], [0.3], [0.9]]),
            tf.constant([0.2, 0.8, 0.7]),
        )
        weights = tf.concat([x, x * x], 0)
        return getattr(tf.nn, loss)(
            weights, weights[:, 0], tf.constant([[2], [3], [5]], tf.int64), x[:, ::-1], 3, 6,
            sampled_values=drawn, remove_accidental_hits=hits,
        )  # fmt: skip

    return build


# What TensorFlow computes in float32 only, on an H200 or not.
SINGLE: list[Case] = [
    ("max_pool3d", lambda tf, x: tf.nn.max_pool3d(x[..., None], 2, 2, "SAME"), IMAGES),
    ("avg_pool3d", lambda tf, x: tf.nn.avg_pool3d(x[..., None], 3, 1, "SAME"), IMAGES),
    ("fused_batch_norm", fused(0), IMAGES),
    # TensorFlow takes these two for constants, and has no gradient of the contrast.
    ("fused mean", lambda tf, x: fused(1)(tf, tf.stop_gradient(x)), IMAGES),
    ("fused variance", lambda tf, x: fused(2)(tf, tf.stop_gradient(x)), IMAGES),
    ("fused inference", inferred, IMAGES),
    ("transposed3d", transposed3d, IMAGES),
    ("nce_loss", sampled_loss("nce_loss", hits=False), MATRIX),
    ("nce_loss without hits", sampled_loss("nce_loss", hits=True), MATRIX),
    ("sampled_softmax_loss", sampled_loss("sampled_softmax_loss", hits=True), MATRIX),
    ("max_pool_with_argmax", lambda tf, x: tf.nn.max_pool_with_argmax(
        x, [1, 3, 2, 1], [1, 2, 2, 1], "SAME")[0], IMAGES),
    ("argmax of pools", lambda tf, x: tf.nn.max_pool_with_argmax(
        x, [1, 3, 2, 1], [1, 2, 2, 1], "SAME")[1], IMAGES),
    ("argmax in the batch", lambda tf, x: tf.nn.max_pool_with_argmax(
        x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID", include_batch_in_index=True)[1], IMAGES),
    ("clip_by_average_norm", lambda tf, x: tf.clip_by_average_norm(x, 0.1), MATRIX),
    ("lrn", lambda tf, x: tf.nn.lrn(x, 1, 2.0, 0.3, 0.7), IMAGES),
    ("bilinear", lambda tf, x: tf.image.resize_bilinear(x, [4, 9]), IMAGES),
    ("bilinear corners", lambda tf, x: tf.image.resize_bilinear(x, [9, 3], True), IMAGES),
    ("bilinear centres", lambda tf, x: tf.image.resize_bilinear(
        x, [9, 3], half_pixel_centers=True), IMAGES),
    ("nearest", lambda tf, x: tf.image.resize_nearest_neighbor(x, [4, 9]), IMAGES),
    ("nearest corners", lambda tf, x: tf.image.resize_nearest_neighbor(x, [9, 3], True), IMAGES),
    ("resize_images", lambda tf, x: tf.image.resize_images(x[0], [3, 4]), IMAGES),
    ("keeping proportions", lambda tf, x: tf.image.resize_images(
        x, [12, 20], preserve_aspect_ratio=True), IMAGES),
    ("flip_left_right", lambda tf, x: tf.image.flip_left_right(x), IMAGES),
    ("flip_up_down", lambda tf, x: tf.image.flip_up_down(x[0]), IMAGES),
    ("transpose_image", lambda tf, x: tf.image.transpose_image(x), IMAGES),
    ("rot90", lambda tf, x: tf.image.rot90(x), IMAGES),
    ("rot90 back", lambda tf, x: tf.image.rot90(x[0], 3), IMAGES),
    ("central_crop", lambda tf, x: tf.image.central_crop(x, 0.5), IMAGES),
    ("crop or pad", lambda tf, x: tf.image.resize_image_with_crop_or_pad(x, 9, 3), IMAGES),
    ("brightness", lambda tf, x: tf.image.adjust_brightness(x, 0.2), IMAGES),
    ("brightness of bytes", lambda tf, x: tf.image.adjust_brightness(
        tf.cast(x * 255, tf.uint8), 0.2), IMAGES),
    ("contrast", lambda tf, x: tf.stop_gradient(tf.image.adjust_contrast(x, 1.7)), IMAGES),
    ("standardization", lambda tf, x: tf.image.per_image_standardization(x), IMAGES),
    ("grayscale", lambda tf, x: tf.image.rgb_to_grayscale(x[..., :3]), IMAGES),
    ("grayscale of bytes", lambda tf, x: tf.image.rgb_to_grayscale(
        tf.cast(x[..., :3] * 255, tf.uint8)), IMAGES),
    ("rgb", lambda tf, x: tf.image.grayscale_to_rgb(x[..., :1]), IMAGES),
]  # fmt: skip


def outcome(
    module: Any, build: Callable[[Any, Any], Any], value: np.ndarray[Any, Any]
) -> tuple[Any, Any, Any]:
    """Return static shape, value, and the gradient of the sum of squares by the placeholder."""
    with module.Graph().as_default(), module.Session() as session:
        x = module.placeholder(value.dtype, value.shape)
        y = build(module, x)
        shape = None if y.shape.dims is None else y.shape.as_list()
        gradient = None
        if y.dtype in (module.float32, module.float64) and x.dtype == y.dtype:
            (gradient,) = module.gradients(module.reduce_sum(y * y), [x])
            # TensorFlow's gradient of a gather is a list of rows.
            gradient = None if gradient is None else module.convert_to_tensor(gradient)
        fetches = [y] if gradient is None else [y, gradient]
        values = session.run(fetches, {x: value})
    return shape, values[0], None if gradient is None else values[1]


def assert_same(
    tf1: Any, build: Callable[[Any, Any], Any], value: np.ndarray[Any, Any], tolerance: float
) -> None:
    shape, got, gradient = outcome(tf, build, value)
    wanted_shape, wanted, wanted_gradient = outcome(tf1, build, value)
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
    if wanted_shape is not None:
        # We may know more, but never something else.
        assert shape is not None
        assert len(shape) == len(wanted_shape)
        assert all(w is None or s == w for s, w in zip(shape, wanted_shape, strict=True))
    assert (gradient is None) == (wanted_gradient is None)
    if gradient is not None:
        np.testing.assert_allclose(gradient, wanted_gradient, rtol=10 * tolerance, atol=tolerance)


DOUBLE = [*ELEMENTWISE, *SLICES, *REDUCTIONS, *PLACES, *ARRANGEMENTS, *ALGEBRA, *NETWORKS]


@pytest.mark.parametrize(("build", "value"), [c[1:] for c in DOUBLE], ids=[c[0] for c in DOUBLE])
def test_double(tf1: Any, build: Callable[[Any, Any], Any], value: np.ndarray[Any, Any]) -> None:
    assert_same(tf1, build, value, 1e-10)


@pytest.mark.parametrize(("build", "value"), [c[1:] for c in SINGLE], ids=[c[0] for c in SINGLE])
def test_single(tf1: Any, build: Callable[[Any, Any], Any], value: np.ndarray[Any, Any]) -> None:
    assert_same(tf1, build, value.astype(np.float32), 3e-5)


# Names of nodes: what a function is called in the graph.
NAMES: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("strided_slice", lambda tf, x: x[0]),
    ("floordiv", lambda tf, x: x // x),
    ("mod", lambda tf, x: x % x),
    ("and", lambda tf, x: (x > 0) & (x > 0)),
    ("or", lambda tf, x: (x > 0) | (x > 0)),
    ("LogicalNot", lambda tf, x: ~(x > 0)),
    ("truediv", lambda tf, x: x / x),
    ("FloorMod", lambda tf, x: tf.mod(x, x)),
    ("div", lambda tf, x: tf.div(x, x)),
    ("GatherV2", lambda tf, x: tf.gather(x, [0])),
    ("one_hot", lambda tf, x: tf.one_hot([1], 3)),
    ("range", lambda tf, x: tf.range(3)),
    ("unstack", lambda tf, x: tf.unstack(x)[0]),
    ("split", lambda tf, x: tf.split(x, 2, 1)[0]),
    ("clip_by_value", lambda tf, x: tf.clip_by_value(x, 0.0, 1.0)),
    ("clip_by_norm", lambda tf, x: tf.clip_by_norm(x, 1.0)),
    ("clip_by_global_norm", lambda tf, x: tf.clip_by_global_norm([x], 1.0)[0][0]),
    ("global_norm", lambda tf, x: tf.global_norm([x])),
    ("boolean_mask", lambda tf, x: tf.boolean_mask(x, [True, False, True])),
    ("ReduceLogSumExp", lambda tf, x: tf.reduce_logsumexp(x)),
    ("moments", lambda tf, x: tf.nn.moments(x, [0])[1]),
    ("norm", lambda tf, x: tf.norm(x)),
    ("Trace", lambda tf, x: tf.trace(x)),
    ("ReverseV2", lambda tf, x: tf.reverse(x, [0])),
    ("Round", lambda tf, x: tf.round(x)),
    ("l2_normalize", lambda tf, x: tf.nn.l2_normalize(x)),
    ("conv2d_transpose", transposed),
    ("depthwise", convolve),
    ("separable_conv2d", separate),
    ("TopKV2", lambda tf, x: tf.nn.top_k(x)[0]),
    ("Where", lambda tf, x: tf.where(x > 0)),
    ("LRN", lambda tf, x: tf.nn.lrn(tf.ones([1, 2, 2, 3]))),
    ("MirrorPad", lambda tf, x: tf.pad(x, [[1, 1], [1, 1]], "REFLECT")),
]


@pytest.mark.parametrize(("name", "build"), NAMES, ids=[n for n, _ in NAMES])
def test_names(tf1: Any, name: str, build: Callable[[Any, Any], Any]) -> None:
    found = []
    for module in (tf, tf1):
        with module.Graph().as_default():
            shape = IMAGES.shape if build in (transposed, convolve, separate) else MATRIX.shape
            found.append(build(module, module.placeholder(module.float64, shape)).name)
    assert found[0] == found[1]
    assert found[0].split(":")[0].split("/")[0] == name


# A wrong use, and the kind of the error while the graph is built.
MISTAKES: list[tuple[str, type[Exception], Callable[[Any, Any], Any]]] = [
    ("too many indices", ValueError, lambda tf, x: x[0, 0, 0]),
    ("index out of bounds", ValueError, lambda tf, x: x[7]),
    ("step 0", ValueError, lambda tf, x: x[::0]),
    ("two ellipses", ValueError, lambda tf, x: x[..., ...]),
    ("index by a float", TypeError, lambda tf, x: x[1.5]),
    ("2.5 beside integers", TypeError, lambda tf, x: tf.cast(x, tf.int32) / 2.5),
    ("logic of numbers", TypeError, lambda tf, x: x & x),
    ("mask of another shape", ValueError, lambda tf, x: tf.boolean_mask(x, [True, False])),
    ("split that does not fit", ValueError, lambda tf, x: tf.split(x, 3, 1)),
    ("split by wrong sizes", ValueError, lambda tf, x: tf.split(x, [1, 1], 1)),
    ("unstack into too few", ValueError, lambda tf, x: tf.unstack(x, 2)),
    ("reverse no axis", ValueError, lambda tf, x: tf.reverse(x, [2])),
    ("where with one", ValueError, lambda tf, x: tf.where(x > 0, x)),
    ("einsum of wrong sizes", ValueError, lambda tf, x: tf.einsum("ij,ij->i", x, x[:, 1:])),
    ("inverse of no square", ValueError, lambda tf, x: tf.matrix_inverse(x)),
    ("top_k of too few", ValueError, lambda tf, x: tf.nn.top_k(x, 9)),
    ("gather no axis", ValueError, lambda tf, x: tf.gather(x, [0], axis=5)),
    ("tile by too few", ValueError, lambda tf, x: tf.tile(x, [2])),
    ("range without steps", ValueError, lambda tf, x: tf.range(0, 3, 0)),
]


@pytest.mark.parametrize(("kind", "build"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes(tf1: Any, kind: type[Exception], build: Callable[[Any, Any], Any]) -> None:
    for module in (tf1, tf):
        with module.Graph().as_default():
            x = module.placeholder(module.float64, MATRIX.shape)
            with pytest.raises(kind):
                build(module, x)
