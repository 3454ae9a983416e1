"""The test kit itself: what the gradient check says, and what the strategies give."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.graph.opdef import DISTINCT, NONZERO, POSITIVE, REAL, Domain, Sample
from tensorgraph.testing import GradientError, check_gradients, compare_gradients
from tensorgraph.testing.random_graphs import RandomGraph
from tensorgraph.testing.strategies import (
    arrays,
    broadcastable_shapes,
    random_graphs,
    samples,
    shapes,
)

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def session() -> Any:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


# The gradient check


def test_a_right_gradient() -> None:
    x = tf.placeholder(tf.float64, [3, 4])
    first, second = check_gradients(tf.sin(x) * x, x, {x: np.ones((3, 4))}, order=2)
    assert (first.order, first.compared, first.kinks, first.ok) == (1, 12, 0, True)
    assert second.order == 2
    assert "right in 12 elements" in str(first)
    assert str(second).startswith("second gradient by 'Placeholder:0'")


def test_placeholders_variables_and_tensors_on_the_way(session: tf.Session) -> None:
    x, v = tf.placeholder(tf.float64, [2]), tf.Variable(np.array([1.0, 2.0]), name="v")
    session.run(v.initializer)
    between = x * v
    found = check_gradients(tf.exp(between), [x, v, between], {x: [0.5, 0.25]})
    assert [c.x for c in found] == ["Placeholder:0", "v:0", "mul:0"]
    assert session.run(v).tolist() == [1.0, 2.0]


def test_without_a_session_variables_are_initialised() -> None:
    with tf.Graph().as_default():
        v = tf.Variable(np.array([1.0, 2.0]))
        assert check_gradients(v * v, v)[0].compared == 2


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_a_wrong_gradient_is_told_with_place_and_numbers(dtype: tf.DType) -> None:
    x = tf.placeholder(dtype, [2], name="x")
    y = tf.stop_gradient(x * x) * np.array([0.0, 1.0]) + x
    with pytest.raises(GradientError, match=r"(?s)'add'.*test_testing\.py.*'x:0'.*\[1\]") as e:
        check_gradients(y, x, {x: [3.0, 5.0]})
    (wrong,) = e.value.comparisons
    assert wrong.index == (1,)
    assert wrong.difference == pytest.approx(11 * wrong.gradient, rel=1e-2)
    assert f"wrong at [1]: gradient {wrong.gradient:.9g}, central difference" in str(e.value)


def test_a_gradient_that_is_missing() -> None:
    x = tf.placeholder(tf.float64, [])
    (found,) = compare_gradients(tf.stop_gradient(x) * 2.0, x, {x: 1.0})
    assert not found.ok
    assert found.verdict.startswith("None, as if nothing depended on it")
    assert compare_gradients(tf.stop_gradient(x) * 0.0, x, {x: 1.0})[0].ok


def test_kinks_are_left_out() -> None:
    x = tf.placeholder(tf.float64, [4])
    (found,) = compare_gradients(tf.nn.relu(x), x, {x: [0.0, 1.0, -1.0, 1e-6]})
    assert (found.compared, found.kinks, found.ok) == (3, 1, True)
    assert "1 left out at kinks" in found.verdict
    (found,) = compare_gradients(tf.nn.relu(x), x, {x: np.zeros(4)})
    assert found.verdict == "nothing to compare, 4 left out at kinks"
    image = tf.reshape(x, [1, 2, 2, 1])
    (found,) = compare_gradients(tf.nn.max_pool(image, 2, 2, "VALID"), x, {x: [1, 1, 0, 0]})
    assert (found.compared, found.kinks) == (2, 2)


def test_a_curved_function_has_no_kinks() -> None:
    x = tf.placeholder(tf.float64, [1])
    wrong = tf.exp(x * 300.0) + tf.stop_gradient(x * 5.0)
    (found,) = compare_gradients(wrong, x, {x: [0.0]})
    assert found.kinks == 0
    assert not found.ok


def test_random_numbers_are_held() -> None:
    x = tf.placeholder(tf.float64, [50])
    noisy = tf.nn.dropout(x, rate=0.5) * tf.random_normal([50], dtype=tf.float64)
    assert check_gradients(noisy, x, {x: np.ones(50)})[0].compared == 50


def test_a_share_of_the_elements() -> None:
    x = tf.placeholder(tf.float64, [100])
    y, feeds = tf.tanh(x), {x: np.linspace(-1, 1, 100)}
    first, second, other = (
        compare_gradients(y, x, feeds, max_elements=7, seed=seed)[0] for seed in (0, 0, 1)
    )
    assert first.compared == 7
    assert first == second
    assert first != other


def test_big_and_small_numbers() -> None:
    x = tf.placeholder(tf.float64, [3])
    for scale in (1e-6, 1.0, 1e6):
        check_gradients(tf.square(x) * scale, x, {x: [1e-3, 1.0, 1e3]}, order=2)


def test_nothing_to_compare() -> None:
    x = tf.placeholder(tf.float64, [0])
    assert check_gradients(tf.exp(x), x, {x: []})[0].verdict == "nothing to compare"


def test_nan_is_wrong() -> None:
    x = tf.placeholder(tf.float64, [1])
    (found,) = compare_gradients(tf.sqrt(x) * 0.0, x, {x: [-1.0]})
    assert not found.ok


def test_bad_arguments() -> None:
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="order"):
        check_gradients(x, x, order=3)
    with pytest.raises(TypeError, match="no tensor"):
        check_gradients(x, "x")


# Strategies


@given(shapes(min_rank=1, low=1), broadcastable_shapes(3))
def test_shapes(shape: tuple[int, ...], together: tuple[tuple[int, ...], ...]) -> None:
    assert 1 <= len(shape) <= 3
    assert min(shape) >= 1
    np.broadcast_shapes(*together)


def test_shapes_reach_the_edges() -> None:
    for wanted in (lambda s: s == (), lambda s: 0 in s, lambda s: s == (1, 1, 1)):
        find(shapes(), wanted, settings=settings(max_examples=2000))


@given(st.sampled_from([REAL, POSITIVE, NONZERO, Domain(-1, 3, (0, 2), 0.5)]), st.data())
def test_arrays_keep_to_their_domain(domain: Domain, data: st.DataObject) -> None:
    array = data.draw(arrays((5, 4), domain))
    assert array.min() >= domain.low
    assert array.max() <= domain.high
    for point in domain.avoid:
        assert np.abs(array - point).min() >= domain.margin - 1e-12


@given(arrays((6, 6), DISTINCT))
def test_distinct_arrays(array: Array) -> None:
    assert np.diff(np.sort(array, axis=None)).min() >= DISTINCT.margin - 1e-12


@given(st.sampled_from([tf.bool, tf.int32, tf.float16]), st.data())
def test_arrays_of_other_types(dtype: tf.DType, data: st.DataObject) -> None:
    assert data.draw(arrays((3,), dtype=dtype)).dtype == dtype.as_numpy_dtype


@given(samples("Maximum"), samples("Select"), samples("SparseSoftmaxCrossEntropyWithLogits"))
def test_samples(
    maximum: tuple[Sample, Any], select: tuple[Sample, Any], sparse: tuple[Sample, Any]
) -> None:
    x, y = maximum[1]
    together = np.concatenate([x.ravel(), y.ravel()])
    assert len(set(np.round(together, 6))) == together.size, "distinct over all inputs"
    assert [a.dtype for a in select[1]] == [np.bool_, np.float64, np.float64]
    assert sparse[1][1].dtype == np.int64


def test_samples_of_an_op_that_is_not() -> None:
    with pytest.raises(LookupError, match="Nonsense"):
        find(samples("Nonsense"), lambda use: True)


@given(random_graphs())
def test_random_graphs_can_be_built_and_run(drawn: RandomGraph) -> None:
    with tf.Graph().as_default():
        built = drawn.build()
        with tf.Session() as session:
            session.run(built.outputs, dict(zip(built.inputs, drawn.inputs, strict=True)))
    assert built.last.dtype == tf.float64


def test_a_failing_random_graph_becomes_small() -> None:
    def has_tanh_after_matmul(drawn: RandomGraph) -> bool:
        types = [n.op_type for n in drawn.nodes]
        return "MatMul" in types and "Tanh" in types[types.index("MatMul") :]

    smallest = find(
        random_graphs(types=["Add", "Exp", "MatMul", "Sum", "Tanh"]),
        has_tanh_after_matmul,
        settings=settings(max_examples=5000),
    )
    assert [n.op_type for n in smallest.nodes] == ["MatMul", "Tanh"]


def test_the_package_does_not_need_hypothesis() -> None:
    script = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import tensorgraph.testing\n"
        "try:\n    import tensorgraph.testing.strategies\n"
        "except ImportError as error:\n    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "pip install 'tensorgraph-engine[testing]'" in result.stdout
