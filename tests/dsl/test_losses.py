"""The losses against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tf
from dsl.losses import LOSSES

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(5, 3))
CLASSES = np.array([0, 2, 1, 1, 0])
ONES = np.eye(3)[CLASSES]
VALUES = RNG.normal(size=(5, 3)) * 2
SHARES = RNG.dirichlet([1, 1, 1], 5)


def value(name, targets, outputs, **options):
    with tf.Graph().as_default(), tf.Session() as session:
        targets, outputs = tf.constant(targets), tf.constant(outputs)
        return session.run(LOSSES[name].compute(targets, outputs, **options))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ERROR = np.abs(VALUES - SCORES)


@pytest.mark.parametrize(
    ("name", "targets", "options", "expected"),
    [
        ("cross_entropy", ONES, {}, -np.log(softmax(SCORES))[range(5), CLASSES]),
        (
            "cross_entropy",
            ONES,
            {"smoothing": 0.3},
            -((0.7 * ONES + 0.1) * np.log(softmax(SCORES))).sum(1),
        ),
        (
            "binary_cross_entropy",
            ONES,
            {},
            -(ONES * np.log(sigmoid(SCORES)) + (1 - ONES) * np.log(1 - sigmoid(SCORES))).mean(1),
        ),
        ("mse", VALUES, {}, (ERROR**2).mean(1)),
        ("mae", VALUES, {}, ERROR.mean(1)),
        ("squared_error", VALUES, {}, (ERROR**2).sum(1) / 2),
        (
            "huber",
            VALUES,
            {"delta": 0.7},
            np.where(ERROR < 0.7, ERROR**2 / 2, 0.7 * (ERROR - 0.35)).mean(1),
        ),
        ("hinge", ONES, {}, np.maximum(0, 1 - (2 * ONES - 1) * SCORES).mean(1)),
        ("kl", SHARES, {}, (SHARES * np.log(SHARES / softmax(SCORES))).sum(1)),
        ("kl", ONES, {}, -np.log(softmax(SCORES))[range(5), CLASSES]),
    ],
)
def test_values(name, targets, options, expected):
    np.testing.assert_allclose(value(name, targets, SCORES, **options), expected, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_numbers_of_classes_give_the_same_as_rows(smoothing):
    with tf.Graph().as_default(), tf.Session() as session:
        classes, scores = tf.constant(CLASSES), tf.constant(SCORES)
        short = LOSSES["cross_entropy"].compute_from_classes
        got = session.run(short(classes, scores, smoothing=smoothing))
    expected = value("cross_entropy", ONES, SCORES, smoothing=smoothing)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
