"""Regions: which operations run block by block, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import Blockwise, Role
from tensorgraph.ops.convolution import planes, rows
from tensorgraph.ops.convolution.case import make_case
from tensorgraph.passes import pipeline, regions
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.regions import RegionKernel, divide

Array = npt.NDArray[Any]
WITHOUT = tuple(name for name in pipeline.NAMES if name != pipeline.REGIONS)


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def variable(shape: Sequence[int], seed: int, kind: Any = np.float32) -> tf.Variable:
    return tf.Variable(np.random.default_rng(seed).normal(0, 0.3, shape).astype(kind))


def lenet(x: tf.Tensor, channels: int = 1, kind: Any = np.float32) -> tf.Tensor:
    """Return what the first half of LeNet-5 makes of images of 12 by 12."""
    y = tf.nn.bias_add(
        tf.nn.conv2d(x, variable((5, 5, channels, 6), 1, kind), 1, "SAME"), variable((6,), 2, kind)
    )
    y = tf.nn.avg_pool(tf.tanh(y), 2, 2, "VALID")
    y = tf.nn.bias_add(
        tf.nn.conv2d(y, variable((3, 3, 6, 16), 3, kind), 1, "VALID"), variable((16,), 4, kind)
    )
    return tf.nn.max_pool(tf.nn.relu(y), 2, 2, "SAME")


def images(count: int, channels: int = 1, kind: Any = np.float32) -> Array:
    return np.random.default_rng(0).random((count, 12, 12, channels)).astype(kind)


def kernels(plan: Plan) -> list[RegionKernel]:
    return [step.kernel for step in plan.steps if isinstance(step.kernel, RegionKernel)]


def found(fetches: Any, feeds: dict[Any, Any], **config: Any) -> list[RegionKernel]:
    with tf.Session(config=tf.ConfigProto(**config)) as session:
        return kernels(session.plan(fetches, feeds))


class TestFinding:
    def test_forward_and_backward_are_a_region_each(self) -> None:
        x = tf.placeholder(tf.float32, [None, 12, 12, 1])
        # No gradient is known before the sum is.
        loss = tf.log(tf.reduce_sum(lenet(x) ** 2.0))
        gradients = tf.gradients(loss, tf.trainable_variables())
        forward, backward = found([loss, *gradients], {x: images(256)})
        types = [op.type for op in forward.region.ops]
        assert types.count("Conv2D") == 2
        assert types[0] == "Conv2D"
        sums = [t.op.type for t in backward.outputs]
        assert sums.count("Conv2DBackpropFilter") == sums.count("BiasAddGrad") == 2
        assert forward.region.batch == backward.region.batch == 256

    def test_what_waits_for_all_images_is_a_level_higher(self) -> None:
        x = tf.placeholder(tf.float32, [None, 40, 40, 4])
        y = tf.nn.avg_pool(tf.sin(x), 2, 2, "VALID")
        z = tf.nn.max_pool(tf.sinh(y - tf.reduce_mean(y)), 2, 2, "VALID")
        feeds = {x: np.ones((64, 40, 40, 4), np.float32)}
        made = found(tf.reduce_sum(z), feeds, passes=[pipeline.REGIONS])
        assert [[op.type for op in kernel.region.ops] for kernel in made] == [
            ["Sin", "AvgPool"],
            ["Sub", "Sinh", "MaxPool"],
        ]

    def test_elementwise_operations_alone_are_none(self) -> None:
        x = tf.placeholder(tf.float32, [None, 40, 40, 4])
        feeds = {x: np.ones((64, 40, 40, 4), np.float32)}
        assert not found(tf.reduce_sum(tf.cos(tf.sinh(x))), feeds, passes=[pipeline.REGIONS])

    def test_a_step_without_large_matrices_is_one_region(self) -> None:
        x, labels = tf.placeholder(tf.float32, [None, 12, 12, 1]), tf.placeholder(tf.int64, [None])
        weights = variable((3, 3, 1, 8), 1)
        y = tf.nn.max_pool(tf.nn.relu(tf.nn.conv2d(x, weights, 1, "SAME")), 2, 2, "VALID")
        dense = variable((6 * 6 * 8, 10), 2)
        logits = tf.matmul(tf.reshape(y, [-1, 6 * 6 * 8]), dense)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
        feeds = {x: images(256), labels: np.arange(256) % 10}
        (made,) = found([loss, *tf.gradients(loss, [weights, dense])], feeds)
        types = [op.type for op in made.region.ops]
        assert types.count("ReshapeCopy") == 2
        assert types.count("MatMul") == 3
        assert {"SparseSoftmaxCrossEntropyWithLogits", "Conv2DBackpropFilter"} <= set(types)
        # A larger one is left to all workers at once, and images are rows already.
        wide = tf.matmul(tf.reshape(y, [-1, 6 * 6 * 8]), variable((6 * 6 * 8, 512), 3))
        forward, *_ = found([tf.reduce_sum(wide)], {x: images(256)})
        assert [op.type for op in forward.region.ops] == ["Conv2D", "MaxPool", "Relu"]

    def test_small_ones_are_not_worth_it(self) -> None:
        x = tf.placeholder(tf.float32, [None, 12, 12, 1])
        assert not found(lenet(x), {x: images(2)})

    def test_switched_off(self) -> None:
        x = tf.placeholder(tf.float32, [None, 12, 12, 1])
        y, feeds = lenet(x), {x: images(256)}
        assert found(y, feeds)
        assert not found(y, feeds, passes=WITHOUT)
        assert not found(y, feeds, check_numerics=True)

    def test_an_operation_that_others_wait_for_is_not_moved(self, graph: tf.Graph) -> None:
        x = tf.placeholder(tf.float32, [None, 12, 12, 1])
        with graph.control_dependencies([tf.no_op()]):
            y = tf.tanh(lenet(x))
        made = found(y, {x: images(256)}, passes=[pipeline.REGIONS])
        assert "Tanh" not in [kernel.region.ops[-1].type for kernel in made]


class TestBlocks:
    @pytest.mark.parametrize("batch", [1, 2, 3, 7, 64, 65])
    @pytest.mark.parametrize("workers", [1, 2, 4])
    def test_every_row_is_in_one_block(
        self, batch: int, workers: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tensorgraph.runtime.regions.BLOCK_BYTES", 20_000)
        x = tf.placeholder(tf.float32, [batch, 12, 12, 2])
        y = tf.sin(x)
        region = regions.Region((y.op,), (Blockwise((Role.ROWS,)),), batch)
        parts = divide([region], workers)[batch]
        rows = [row for own in parts for part in own for row in range(part.start, part.stop)]
        assert rows == list(range(batch))
        places = [part.place for own in parts for part in own]
        assert places == list(range(len(places)))
        assert len(parts) == min(batch, workers)
        assert max(part.size for own in parts for part in own) <= 20_000 // (2 * 12 * 12 * 2 * 4)

    def test_what_only_the_next_operation_needs_is_never_there_as_a_whole(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tensorgraph.runtime.regions.BLOCK_BYTES", 1 << 20)
        x = tf.placeholder(tf.float32, [None, 12, 12, 1])
        y, feeds = lenet(x), {x: images(2048)}
        sizes = []
        for names in (WITHOUT, pipeline.NAMES):
            with tf.Session(config=tf.ConfigProto(passes=names)) as session:
                sizes.append(session.plan(y, feeds).buffer_bytes)
        assert sizes[1] < sizes[0] / 2


def train(
    batch: int, passes: Sequence[str], kind: Any, threads: int, poison: bool = True
) -> list[Array]:
    """Return losses, gradients and weights of a short training."""
    with tf.Graph().as_default():
        x = tf.placeholder(kind, [None, 12, 12, 2])
        loss = tf.reduce_mean(tf.reduce_sum(lenet(x, 2, kind) ** 2.0, [1, 2, 3]))
        variables = tf.trainable_variables()
        gradients = tf.gradients(loss, [*variables, x])
        step = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
        config = tf.ConfigProto(
            passes=passes, intra_op_parallelism_threads=threads, poison_buffers=poison
        )
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            result: list[Array] = []
            for _ in range(4):
                values, _ = session.run([[loss, *gradients], step], {x: images(batch, 2, kind)})
                result += values
            return [*result, *session.run(variables)]


class TestSameness:
    @pytest.fixture(autouse=True)
    def any_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SMALL_REGION", "FEWEST_IMAGES"):
            monkeypatch.setattr(f"tensorgraph.passes.regions.{name}", 1)
        monkeypatch.setattr("tensorgraph.runtime.regions.BLOCK_BYTES", 1 << 16)

    @pytest.mark.parametrize("batch", [1, 2, 3, 7, 64, 65])
    @pytest.mark.parametrize(("kind", "error"), [(np.float32, 2e-5), (np.float64, 1e-12)])
    def test_with_and_without(self, batch: int, kind: Any, error: float) -> None:
        plain = train(batch, (), kind, 1)
        for threads in (1, 2, 4):
            for a, b in zip(train(batch, [pipeline.REGIONS], kind, threads), plain, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=error * max(1, np.abs(b).max()))

    @pytest.mark.parametrize("many", [False, True])
    def test_the_same_bits_again(self, many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        if many:  # as of many channels: images lie side by side
            monkeypatch.setattr("tensorgraph.passes.regions.FEW_CHANNELS", 0)
        one, *others = (
            train(65, pipeline.NAMES, np.float32, 2, poison) for poison in (True, True, False)
        )
        # Without the poison, what was noted is repeated from the third step on.
        for two in others:
            for a, b in zip(one, two, strict=True):
                np.testing.assert_array_equal(a, b)
        for a, b in zip(one, train(65, (), np.float32, 1), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * max(1, np.abs(b).max()))


class TestPlanes:
    """Convolutions of images that lie as (channels, height, width, images)."""

    @pytest.mark.parametrize("padding", ["VALID", "SAME", ((1, 0), (0, 2))])
    @pytest.mark.parametrize(("step", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
    @pytest.mark.parametrize("kind", [np.float32, np.float64])
    def test_as_by_rows(self, padding: Any, step: int, dilation: int, kind: Any) -> None:
        rng = np.random.default_rng(0)
        w = rng.normal(size=(3, 2, 4, 5)).astype(kind)
        windows = {"strides": (step, step), "dilations": (dilation, dilation), "padding": padding}
        case = make_case(windows, (6, 9, 8, 4), w.shape)
        x, dy = (
            in_planes(rng.normal(size=shape).astype(kind))
            for shape in ((6, 9, 8, 4), (6, *case.places, 5))
        )
        assert planes.suits(case, dy)
        with tf.Graph().as_default():
            op = tf.constant(0.0).op  # of a context, only where to work is used
            k = KernelContext(op, NumpyBackend(1))
            results = []
            for method in (planes, rows):
                made = [in_planes(np.full_like(dy, np.nan)), in_planes(np.full_like(x, np.nan))]
                made.append(np.full_like(w, np.nan))
                method.forward(k, case, x, w, made[0])
                method.by_input(k, case, w, dy, made[1])
                method.by_filter(k, case, x, dy, made[2])
                results.append(made)
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 if kind == np.float32 else 1e-12)

    def test_what_lies_otherwise_is_none(self) -> None:
        case = make_case(
            {"strides": (1, 1), "dilations": (1, 1), "padding": "SAME"}, (6, 9, 8, 4), (3, 3, 4, 5)
        )
        assert not planes.suits(case, np.zeros((6, 9, 8, 5)))
        assert not planes.suits(case, np.zeros((9, 8, 6, 5)).transpose(2, 0, 1, 3))


def in_planes(x: Array) -> Array:
    """Return the array, lying as (channels, height, width, images)."""
    return np.ascontiguousarray(x.transpose(3, 1, 2, 0)).transpose(3, 1, 2, 0)


class TestFailures:
    def test_the_operation_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        x = tf.placeholder(tf.float32, [None, 12, 12, 1])
        y = lenet(x)
        definition = y.op.graph.get_operation_by_name("Tanh").definition

        def fails(k: KernelContext, *inputs: Any) -> Any:
            raise ValueError("no more")

        monkeypatch.setattr(type(definition), "kernel", lambda self, k, *inputs: fails(k, *inputs))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"no more") as error:
                session.run(y, {x: images(256)})
        assert error.value.node == "Tanh"
        assert "test_regions.py" in str(error.value)
