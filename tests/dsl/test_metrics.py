"""The metrics with a number, against NumPy; their messages are in ``test_train_section.py``."""

from __future__ import annotations

import numpy as np
import pytest

import dsl
from dsl.metrics import METRIC_KINDS, METRICS, metric_of, rises
from dsl.training.trainer import EVALUATION_BATCH, Trainer

# More than one batch, so that what is counted is counted over several.
COUNT = EVALUATION_BATCH + 100


def measured(metrics: str, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return metrics of given results."""
    width = outputs.shape[1]
    net = dsl.check(
        dsl.parse(f"input 3\ndense {width} softmax\ntrain {{ metrics {metrics} }}"), classes=width
    )
    return dict(Trainer(net).evaluate_outputs(outputs, labels).others)


def shares(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random results of a softmax, and classes that they tell something about."""
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet(np.ones(width), COUNT).astype(np.float32)
    labels = np.array([rng.choice(width, p=row / row.sum()) for row in outputs.astype(np.float64)])
    return outputs, labels


def test_the_right_class_among_the_likeliest() -> None:
    outputs, labels = shares(6)
    found = measured("top_k(2) top_k(6) top_k(5) top5", outputs, labels)
    likeliest = np.argsort(-outputs, axis=1)
    for k in (2, 6, 5):
        wanted = (likeliest[:, :k] == labels[:, None]).any(1).mean()
        assert found[f"top_k({k})"] == pytest.approx(wanted)
    assert found["top5"] == found["top_k(5)"]


def test_results_below_a_number() -> None:
    outputs, labels = shares(3)
    found = measured("percentage_below(0.25)", outputs, labels)
    assert found["percentage_below(0.25)"] == pytest.approx((outputs < 0.25).mean(), abs=1e-6)


def test_precision_and_recall_from_a_probability_on() -> None:
    outputs, labels = shares(2)
    found = measured("precision_at_thresholds(0.7) recall_at_thresholds(0.7)", outputs, labels)
    chosen, actual = outputs[:, 1] > 0.7, labels == 1
    hits = (chosen & actual).sum()
    assert found["precision_at_thresholds(0.7)"] == pytest.approx(hits / chosen.sum(), rel=1e-4)
    assert found["recall_at_thresholds(0.7)"] == pytest.approx(hits / actual.sum(), rel=1e-4)


def test_one_recall_where_the_other_is_nearest_to_a_number() -> None:
    outputs, labels = shares(2)
    found = measured(
        "sensitivity_at_specificity(0.8) specificity_at_sensitivity(0.8)", outputs, labels
    )
    # The engine tries 200 thresholds: so many, that the recalls move by little between two.
    thresholds = np.linspace(0, 1, 2001)
    chosen = outputs[:, 1] > thresholds[:, None]
    sensitivity, specificity = chosen[:, labels == 1].mean(1), 1 - chosen[:, labels == 0].mean(1)
    for name, one, other in (
        ("sensitivity_at_specificity(0.8)", sensitivity, specificity),
        ("specificity_at_sensitivity(0.8)", specificity, sensitivity),
    ):
        assert found[name] == pytest.approx(one[np.abs(other - 0.8).argmin()], abs=0.02)


def test_names() -> None:
    assert metric_of("accuracy") is METRICS["accuracy"]
    assert metric_of("top_k(3)").least_classes == 3
    assert rises("val_top_k(3)")
    assert not rises("val_loss")
    assert not METRICS.keys() & METRIC_KINDS.keys()
    for wrong in ("top_k", "nothing", "nothing(3)"):
        with pytest.raises(KeyError, match=wrong.partition("(")[0]):
            metric_of(wrong)
