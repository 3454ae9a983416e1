"""Metrics: what they are after any number of batches, against plain counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf

Array = npt.NDArray[Any]
CLASSES = 3


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        yield graph


def two_classes(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    return rng.integers(0, 2, rows), rng.integers(0, 2, rows)


def many_classes(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    return rng.integers(0, CLASSES, rows), rng.integers(0, CLASSES, rows)


def numbers(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    y, p = rng.standard_normal((2, rows)).astype(np.float32)
    return y, p


def probabilities(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    return rng.integers(0, 2, rows), rng.uniform(0, 1, rows).astype(np.float32)


def share(part: Any, whole: Any) -> Any:
    return part / whole if whole else 0.0


def per_class(y: Array, p: Array, w: Array) -> float:
    shares = [share(w[(y == c) & (p == c)].sum(), w[y == c].sum()) for c in range(CLASSES)]
    return float(np.mean(shares))


def iou(y: Array, p: Array, w: Array) -> float:
    both = [w[(y == c) & (p == c)].sum() for c in range(CLASSES)]
    either = [w[(y == c) | (p == c)].sum() for c in range(CLASSES)]
    return float(np.mean([b / e for b, e in zip(both, either, strict=True) if e] or [0.0]))


def precision_at(threshold: float) -> Callable[[Array, Array, Array], float]:
    def formula(y: Array, p: Array, w: Array) -> float:
        said = w * (p > threshold)
        return float((said * y).sum() / (1e-7 + said.sum()))

    return formula


def area(y: Array, p: Array, w: Array) -> float:
    """Return the area under the ROC curve through the points at 200 thresholds."""
    thresholds = [-1e-7, *(i / 199 for i in range(1, 199)), 1 + 1e-7]
    says = np.array([p > t for t in thresholds])
    tp, fp = (says * w * y).sum(1), (says * w * (1 - y)).sum(1)
    recall = (tp + 1e-6) / ((w * y).sum() + 1e-6)
    rate = fp / ((w * (1 - y)).sum() + 1e-6)
    return float(((rate[:-1] - rate[1:]) * (recall[:-1] + recall[1:]) / 2).sum())


# Inputs, further arguments, and the value of all examples together.
FORMULAS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any]]] = {
    "accuracy": (many_classes, (), lambda y, p, w: share((w * (y == p)).sum(), w.sum())),
    "mean_squared_error": (numbers, (), lambda y, p, w: share((w * (y - p) ** 2).sum(), w.sum())),
    "mean_absolute_error": (numbers, (), lambda y, p, w: share((w * abs(y - p)).sum(), w.sum())),
    "root_mean_squared_error": (
        numbers,
        (),
        lambda y, p, w: share((w * (y - p) ** 2).sum(), w.sum()) ** 0.5,
    ),
    "true_positives": (two_classes, (), lambda y, p, w: (w * y * p).sum()),
    "true_negatives": (two_classes, (), lambda y, p, w: (w * (1 - y) * (1 - p)).sum()),
    "false_positives": (two_classes, (), lambda y, p, w: (w * (1 - y) * p).sum()),
    "false_negatives": (two_classes, (), lambda y, p, w: (w * y * (1 - p)).sum()),
    "precision": (two_classes, (), lambda y, p, w: share((w * y * p).sum(), (w * p).sum())),
    "recall": (two_classes, (), lambda y, p, w: share((w * y * p).sum(), (w * y).sum())),
    "mean_per_class_accuracy": (many_classes, (CLASSES,), per_class),
    "mean_iou": (many_classes, (CLASSES,), iou),
    "auc": (probabilities, (), area),
    "precision_at_thresholds": (probabilities, ([0.4],), precision_at(0.4)),
}


def after_batches(
    module: Any, name: str, batches: list[tuple[Array, Array, Array]]
) -> tuple[list[str], list[Any]]:
    """Return the names of the variables, and value and update of each run, then the value."""
    _, arguments, _ = FORMULAS[name]
    with module.Graph().as_default():
        feeds = [module.placeholder(a.dtype, [None]) for a in batches[0]]
        y, p, w = feeds
        value, update = getattr(module.metrics, name)(
            y, p, *arguments, weights=w, metrics_collections=["m"], updates_collections="u"
        )
        assert module.get_collection("m") == [value]
        assert module.get_collection("u") == [update]
        variables = [f"{v.name} {v.shape}" for v in module.local_variables()]
        assert module.get_collection(module.GraphKeys.METRIC_VARIABLES) == module.local_variables()
        assert not module.global_variables()
        with module.Session() as session:
            session.run(module.local_variables_initializer())
            results = []
            for batch in batches:
                updated = session.run(update, dict(zip(feeds, batch, strict=True)))
                results.append((session.run(value), updated))
    return variables, results


@st.composite
def streams(draw: st.DrawFn, name: str) -> list[tuple[Array, Array, Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    batches = []
    for _ in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(1, 5))
        weights = rng.choice([0.0, 0.5, 1.0, 2.0], rows).astype(np.float32)
        batches.append((*FORMULAS[name][0](rng, rows), weights))
    return batches


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data())
def test_the_value_is_that_of_all_batches_together(name: str, data: st.DataObject) -> None:
    batches = data.draw(streams(name))
    _, results = after_batches(tf, name, batches)
    for count, (value, update) in enumerate(results, start=1):
        y, p, w = (np.concatenate(parts) for parts in zip(*batches[:count], strict=True))
        expected = FORMULAS[name][2](y, p, w)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
        if np.shape(update) == np.shape(value):
            np.testing.assert_array_equal(update, value)


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data())
def test_names_and_values_are_tensorflows(tf1: Any, name: str, data: st.DataObject) -> None:
    batches = data.draw(streams(name))
    names, results = after_batches(tf, name, batches)
    their_names, expected = after_batches(tf1, name, batches)
    assert names == their_names
    for ours, theirs in zip(results, expected, strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def run_once(metric: tuple[tf.Tensor, tf.Tensor]) -> Any:
    value, update = metric
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        session.run(update)
        return session.run(value)


def test_the_mean_without_and_with_weights() -> None:
    values = [[1.0, 2.0], [3.0, 6.0]]
    assert run_once(tf.metrics.mean(values)) == 3.0
    assert run_once(tf.metrics.mean(values, weights=[[1.0], [3.0]])) == 30 / 8
    assert run_once(tf.metrics.mean(values, weights=[1.0, 3.0])) == 30 / 8
    assert run_once(tf.metrics.mean(values, weights=0.0)) == 0.0
    assert run_once(tf.metrics.mean_tensor(values)).tolist() == values
    assert run_once(tf.metrics.percentage_below(values, 2.5)) == 0.5
    with pytest.raises(ValueError, match="values of a known shape"):
        tf.metrics.mean_tensor(tf.placeholder(tf.float32, [None]))


def test_before_anything_is_counted_metrics_are_zero() -> None:
    metrics = [tf.metrics.mean([1.0])[0], tf.metrics.precision([1], [1])[0]]
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run(metrics) == [0.0, 0.0]


def test_relative_error_and_cosine_distance() -> None:
    error = tf.metrics.mean_relative_error([1.0, 2.0, 3.0], [2.0, 2.0, 0.0], [2.0, 0.0, 4.0])
    assert run_once(error) == pytest.approx((0.5 + 0 + 0.75) / 3)
    y, p = [[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [0.6, 0.8]]
    assert run_once(tf.metrics.mean_cosine_distance(y, p, dim=1)) == pytest.approx(0.5)


def test_areas_under_curves() -> None:
    y, p = [0, 1, 0, 1, 1], [0.1, 0.4, 0.45, 0.6, 0.9]
    settings: list[dict[str, Any]] = [
        {"num_thresholds": 3},
        {"thresholds": [0.3, 0.5, 0.7]},
        {"curve": "PR"},
        {"curve": "PR", "summation_method": "minoring"},
        {"curve": "PR", "summation_method": "majoring"},
        {"curve": "PR", "summation_method": "careful_interpolation"},
    ]
    found = [run_once(tf.metrics.auc(y, p, **kwargs)) for kwargs in settings]
    # As TensorFlow 2.21 computes them.
    assert found == pytest.approx(AREAS, abs=1e-6)
    with pytest.raises(ValueError, match="'ROC' or 'PR'"):
        tf.metrics.auc(y, p, curve="X")
    with pytest.raises(ValueError, match="summation_method must be"):
        tf.metrics.auc(y, p, summation_method="x")


AREAS = [0.833333, 0.9166663, 0.9027776, 0.8888886, 0.9166664, 0.904106]


def test_sensitivity_and_specificity() -> None:
    y, p = [0, 0, 1, 1, 1], [0.1, 0.45, 0.4, 0.6, 0.9]
    assert run_once(tf.metrics.sensitivity_at_specificity(y, p, 0.5)) == pytest.approx(1)
    assert run_once(tf.metrics.sensitivity_at_specificity(y, p, 1.0)) == pytest.approx(2 / 3)
    assert run_once(tf.metrics.specificity_at_sensitivity(y, p, 1.0)) == pytest.approx(0.5)
    assert run_once(tf.metrics.specificity_at_sensitivity(y, p, 0.6)) == pytest.approx(1)
    recalls = run_once(tf.metrics.recall_at_thresholds(y, p, [0.42, 0.5]))
    assert recalls == pytest.approx([2 / 3, 2 / 3])
    for wrong in (tf.metrics.sensitivity_at_specificity, tf.metrics.specificity_at_sensitivity):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
            wrong(y, p, 1.5)


@given(rows=st.integers(1, 6), seed=st.integers(0, 1000), weighted=st.booleans())
def test_confusion_matrix(rows: int, seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    y, p = many_classes(rng, rows)
    w = rng.integers(1, 4, rows)
    expected = np.zeros((5, 5))
    for label, guess, amount in zip(y, p, w, strict=True):
        expected[label, guess] += amount if weighted else 1
    size = int(max(y.max(), p.max())) + 1
    with tf.Graph().as_default():
        weights = w if weighted else None
        fixed = tf.confusion_matrix(y, p[:, None], 5, weights=weights, dtype=tf.float32)
        inferred = tf.confusion_matrix(y, p, weights=weights)
        assert fixed.shape == (5, 5)
        with tf.Session() as session:
            first, second = session.run([fixed, inferred])
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, expected[:size, :size])
    assert (first.dtype, second.dtype) == (np.float32, np.int32)


def test_classes_that_are_none() -> None:
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="ScatterNd"):
        session.run(tf.confusion_matrix([0, 3], [0, 1], num_classes=3))


@pytest.mark.parametrize("name", ["accuracy", "mean_squared_error", "precision", "auc"])
def test_shapes_that_do_not_fit(name: str) -> None:
    with pytest.raises(ValueError, match=r"\(2,\) do not suit"):
        getattr(tf.metrics, name)([0, 1], tf.constant([0.0, 1.0, 0.5]))
