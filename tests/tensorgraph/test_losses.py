"""Losses: values by their formulas, weights and reductions, the collection of losses."""

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
Formula = Callable[[Array, Array], Array]


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        yield graph


def evaluate(module: Any, fetches: Any) -> Any:
    with module.Session() as session:
        return session.run(fetches)


def log_softmax(z: Array) -> Array:
    shifted = z - z.max(-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


def huber(y: Array, p: Array) -> Array:
    e = abs(p - y)
    return np.where(e <= 1.5, e**2 / 2, 1.5 * (e - 0.75))


# Name, arguments beside labels and predictions, and what it is for each element.
FORMULAS: dict[str, tuple[dict[str, Any], Formula]] = {
    "absolute_difference": ({}, lambda y, p: abs(p - y)),
    "mean_squared_error": ({}, lambda y, p: (p - y) ** 2),
    "huber_loss": ({"delta": 1.5}, huber),
    "log_loss": ({}, lambda y, p: -y * np.log(p + 1e-7) - (1 - y) * np.log(1 - p + 1e-7)),
    "hinge_loss": ({}, lambda y, z: np.maximum(0, 1 - (2 * y - 1) * z)),
    "cosine_distance": ({"axis": 1}, lambda y, p: 1 - (y * p).sum(1, keepdims=True)),
    "sigmoid_cross_entropy": (
        {"label_smoothing": 0.2},
        lambda y, z: np.logaddexp(0, z) - z * (0.8 * y + 0.1),
    ),
    "softmax_cross_entropy": (
        {"label_smoothing": 0.3},
        lambda y, z: -((0.7 * y + 0.3 / 3) * log_softmax(z)).sum(-1),
    ),
}
REDUCTIONS: dict[str, Callable[[Array, Array], Any]] = {
    "none": lambda losses, w: losses * w,
    "weighted_sum": lambda losses, w: (losses * w).sum(),
    "weighted_mean": lambda losses, w: (losses * w).sum() / w.sum(),
    "weighted_sum_over_batch_size": lambda losses, w: (losses * w).mean(),
    "weighted_sum_by_nonzero_weights": lambda losses, w: (
        (losses * w).sum() / max(np.count_nonzero(w), 1)
    ),
}


def inputs(rows: int, seed: int) -> tuple[Array, Array]:
    """Return labels whose rows sum to 1, and predictions in (0, 1)."""
    rng = np.random.default_rng(seed)
    labels = np.eye(3)[rng.integers(0, 3, rows)]
    return labels.astype(np.float32), rng.uniform(0.05, 0.95, (rows, 3)).astype(np.float32)


@given(
    name=st.sampled_from(list(FORMULAS)),
    reduction=st.sampled_from(list(REDUCTIONS)),
    rows=st.integers(1, 4),
    seed=st.integers(0, 1000),
    weighing=st.sampled_from(["scalar", "rows", "one number"]),
)
def test_the_formula(name: str, reduction: str, rows: int, seed: int, weighing: str) -> None:
    labels, predictions = inputs(rows, seed)
    arguments, formula = FORMULAS[name]
    losses = formula(labels, predictions)
    full = np.ones_like(losses)
    weights: Any = 0.5
    if weighing == "rows":
        shape = (rows, *[1] * (losses.ndim - 1))
        weights = np.random.default_rng(seed).choice([0.0, 0.5, 2.0], shape).astype(np.float32)
        weights.flat[0] = 1.0
    elif weighing == "one number":
        weights = np.array(2, np.int32)
    with tf.Graph().as_default():
        loss = getattr(tf.losses, name)(
            labels, predictions, weights=weights, reduction=reduction, **arguments
        )
        assert tf.losses.get_losses() == [loss]
        assert loss.dtype == tf.float32
        np.testing.assert_allclose(
            evaluate(tf, loss), REDUCTIONS[reduction](losses, full * weights), rtol=2e-5, atol=1e-6
        )


def test_sparse_softmax_cross_entropy() -> None:
    logits = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    labels = np.array([0, 2, 1, 1])
    losses = -log_softmax(logits)[np.arange(4), labels]
    weights = np.array([1.0, 0.0, 2.0, 1.0], np.float32)
    expected = (losses * weights).sum() / 3
    for y, w in ((labels, weights), (labels[:, None], weights), (labels, weights[:, None])):
        loss = tf.losses.sparse_softmax_cross_entropy(y, logits, weights=w)
        assert evaluate(tf, loss) == pytest.approx(expected, rel=1e-6)


@given(rows=st.integers(1, 3), columns=st.integers(1, 4), seed=st.integers(0, 1000))
def test_mean_pairwise_squared_error(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, predictions = rng.standard_normal((2, rows, columns)).astype(np.float32)
    difference = predictions - labels
    pairs = (difference[:, :, None] - difference[:, None, :]) ** 2
    expected = (pairs.sum((1, 2)) / max(columns * (columns - 1), 1)).sum()
    with tf.Graph().as_default():
        loss = tf.losses.mean_pairwise_squared_error(labels, predictions)
        assert evaluate(tf, loss) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_losses_of_weight_zero_are_zero_and_have_gradients() -> None:
    p = tf.placeholder_with_default([[1.0, 2.0]], [None, 2])
    loss = tf.losses.mean_squared_error([[0.0, 0.0]], p, weights=0.0)
    value, gradient = evaluate(tf, [loss, tf.gradients(loss, p)[0]])
    assert value == 0
    assert gradient.tolist() == [[0.0, 0.0]]


def test_float64_logits_keep_their_type_and_integers_become_floats() -> None:
    logits = tf.zeros([2, 3], tf.float64)
    assert tf.losses.softmax_cross_entropy(np.eye(2, 3), logits).dtype == tf.float64
    assert tf.losses.mean_squared_error([1, 2], [3, 3]).dtype == tf.float32


def test_the_collection_and_its_sum() -> None:
    with tf.variable_scope("a"):
        first = tf.losses.absolute_difference([1.0], [3.0])
    second = tf.losses.mean_squared_error([1.0], [3.0], loss_collection="mine")
    tf.get_variable("w", initializer=[3.0, 4.0], regularizer=tf.contrib.layers.l2_regularizer(0.1))
    own = tf.constant(10.0, name="own")
    tf.losses.add_loss(own)
    assert tf.losses.get_losses() == [first, own]
    assert tf.losses.get_losses("a/") == [first]
    assert tf.losses.get_losses(loss_collection="mine") == [second]
    total = tf.losses.get_total_loss()
    without = tf.losses.get_total_loss(add_regularization_losses=False, name="without")
    assert (total.name, without.name) == ("total_loss:0", "without:0")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = session.run([total, without, tf.losses.get_regularization_loss()])
    assert values == pytest.approx([13.25, 12.0, 1.25])


def test_no_losses() -> None:
    assert evaluate(tf, tf.losses.get_regularization_loss()) == 0
    with pytest.raises(ValueError, match="no losses to add up"):
        tf.losses.get_total_loss()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda p: tf.losses.mean_squared_error(tf.ones([4]), p), r"\(4,\) do not suit"),
        (lambda p: tf.losses.mean_squared_error(None, p), "neither can be None"),
        (lambda p: tf.losses.sparse_softmax_cross_entropy(None, p), "neither can be None"),
        (lambda p: tf.losses.mean_squared_error(p, p, tf.ones([4])), "the same rank"),
        (lambda p: tf.losses.mean_squared_error(p, p, tf.ones([4, 2])), "the same size or 1"),
        (lambda p: tf.losses.mean_squared_error(p, p, reduction="x"), "no reduction is called"),
        (lambda p: tf.losses.cosine_distance(p, p), "the axis of the vectors"),
        (lambda p: tf.losses.mean_pairwise_squared_error(p[0], p[0]), "rows of elements"),
    ],
)
def test_what_is_refused(make: Callable[[Any], Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make(tf.placeholder(tf.float32, [None, 3]))


def test_weights_that_do_not_fit_when_run() -> None:
    weights = tf.placeholder_with_default(tf.ones([2, 2]), [None, None])
    p = tf.placeholder_with_default(tf.ones([1, 2]), [None, 2])
    loss = tf.losses.mean_squared_error(tf.ones([1, 2]), p, weights)
    with pytest.raises(tf.errors.InvalidArgumentError, match="BroadcastTo"):
        evaluate(tf, loss)


@pytest.mark.parametrize("scale", [-0.1, 1])
@pytest.mark.parametrize("kind", ["l1_regularizer", "l2_regularizer"])
def test_regularizers_refuse_a_wrong_scale(kind: str, scale: float) -> None:
    with pytest.raises(ValueError, match="scale must"):
        getattr(tf.contrib.layers, kind)(scale)


def test_regularizers() -> None:
    w = tf.constant([3.0, -4.0])
    both = tf.contrib.layers.l1_l2_regularizer(0.5, 0.1)
    assert evaluate(tf, tf.contrib.layers.l1_regularizer(0.5)(w)) == pytest.approx(3.5)
    assert evaluate(tf, both(w)) == pytest.approx(3.5 + 1.25)
    assert tf.contrib.layers.l2_regularizer(0.0)(w) is None
    assert evaluate(tf, tf.contrib.layers.l1_l2_regularizer(0.0, 0.1)(w)) == pytest.approx(1.25)
    with pytest.raises(AttributeError, match=r"use tf\.layers\.dense"):
        tf.contrib.layers.fully_connected  # noqa: B018
    with pytest.raises(AttributeError, match=r"tf\.contrib\.slim is not part"):
        tf.contrib.slim  # noqa: B018


@given(
    name=st.sampled_from(list(FORMULAS)),
    reduction=st.sampled_from(list(REDUCTIONS)),
    rows=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_names_values_and_gradients_are_tensorflows(
    tf1: Any, name: str, reduction: str, rows: int, seed: int
) -> None:
    labels, predictions = inputs(rows, seed)
    arguments, formula = FORMULAS[name]
    width = formula(labels, predictions).ndim
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 2.0], (rows, *[1] * (width - 1)))
    results = []
    for module in (tf, tf1):
        with module.Graph().as_default():
            p = module.constant(predictions)
            loss = getattr(module.losses, name)(
                labels, p, weights=weights.astype(np.float32), reduction=reduction, **arguments
            )
            collected = [t.name for t in module.losses.get_losses()]
            values = evaluate(module, [loss, module.gradients(loss, p)[0]])
            results.append((loss.shape.as_list(), collected, values))
    (shape, names, values), (their_shape, their_names, expected) = results
    assert shape == their_shape
    if reduction != "none":  # what is not reduced has the name of some product
        assert [n.lower() for n in names] == [n.lower() for n in their_names]
    for mine, other in zip(values, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
