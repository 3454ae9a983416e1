"""Preprocessing: what each step learns from the training part and does to any other."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pytest

from tensorgraph.base.errors import DataError
from tensorgraph.data import Preprocessing
from tensorgraph.data.rows import LazyInputs, Mapped


class Step(NamedTuple):
    name: str
    options: dict[str, Any]


RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((300, 4, 5, 2), np.float32) * np.array([1, 3], np.float32)
OTHERS = RANDOM.random((20, 4, 5, 2), np.float32)
TABLE = (RANDOM.normal(size=(500, 3)) @ RANDOM.normal(size=(3, 6))).astype(np.float32) + 5


def fit(x, *steps, **options):
    named = [Step(*step) if isinstance(step, tuple) else Step(step, {}) for step in steps]
    return Preprocessing.fit(named, x, **options)


class TestSteps:
    def test_scale_multiplies(self) -> None:
        np.testing.assert_allclose(fit(TABLE, ("scale", {"factor": 0.5})).apply(TABLE), TABLE / 2)

    def test_scale_first_means_the_values_of_the_file(self) -> None:
        bytes_to_one = fit(IMAGES, ("scale", {"factor": 1 / 255}), white=255)
        assert bytes_to_one.apply(IMAGES) is IMAGES
        signed = fit(IMAGES, ("scale", {"factor": 2 / 255}), white=255)
        np.testing.assert_allclose(signed.apply(IMAGES), 2 * IMAGES, rtol=1e-6)
        second = fit(IMAGES, "center", ("scale", {"factor": 2.0}), white=255)
        np.testing.assert_allclose(second.apply(IMAGES), 2 * (IMAGES - IMAGES.mean(0)), atol=1e-5)

    def test_center_subtracts_the_mean_example(self) -> None:
        centered = fit(IMAGES, "center")
        np.testing.assert_allclose(centered.apply(IMAGES).mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(centered.apply(OTHERS), OTHERS - IMAGES.mean(0), atol=1e-6)

    def test_standardize_works_on_channels_and_features(self) -> None:
        images = fit(IMAGES, "standardize").apply(IMAGES)
        np.testing.assert_allclose(images.mean((0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(images.std((0, 1, 2)), 1, atol=1e-5)
        assert abs(images[:, 0, 0, 0].mean()) > 1e-3  # not each pixel by itself
        table = fit(TABLE, "standardize").apply(TABLE)
        np.testing.assert_allclose(table.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(table.std(0), 1, atol=1e-5)

    def test_a_feature_that_never_changes_becomes_zero(self) -> None:
        table = np.c_[TABLE, np.full(len(TABLE), 3.7, np.float32)]
        result = fit(table, "standardize").apply(table)
        assert np.isfinite(result).all()
        np.testing.assert_allclose(result[:, -1], 0, atol=1e-6)

    def test_whitening_leaves_no_correlation_and_keeps_the_shape(self) -> None:
        whitened = fit(IMAGES, ("whiten", {"eps": 1e-8})).apply(IMAGES)
        assert whitened.shape == IMAGES.shape
        covariance = np.cov(whitened.reshape(300, -1).T, bias=True)
        np.testing.assert_allclose(covariance, np.eye(40), atol=2e-3)
        # ZCA stays as near to the examples as a whitening can: each feature goes with itself.
        both = np.corrcoef(whitened.reshape(300, -1).T, IMAGES.reshape(300, -1).T)[:40, 40:]
        assert (both.argmax(1) == np.arange(40)).all()

    def test_pca_keeps_the_strongest_directions(self) -> None:
        kept = fit(TABLE, ("pca", {"components": 3}))
        result = kept.apply(TABLE)
        assert kept.output_shape((6,)) == (3,)
        assert result.shape == (500, 3)
        _, singular, directions = np.linalg.svd(TABLE - TABLE.mean(0), full_matrices=False)
        np.testing.assert_allclose(result.std(0) * np.sqrt(500), singular[:3], rtol=1e-3)
        np.testing.assert_allclose(
            np.abs(result), np.abs((TABLE - TABLE.mean(0)) @ directions[:3].T), atol=1e-3
        )

    def test_resize(self) -> None:
        resized = fit(IMAGES, ("resize", {"size": (8, 3)}))
        assert resized.output_shape((4, 5, 2)) == (8, 3, 2)
        assert resized.apply(IMAGES).shape == (300, 8, 3, 2)
        np.testing.assert_allclose(resized.apply(np.ones_like(IMAGES)), 1, rtol=1e-6)

    @pytest.mark.parametrize("size", [(8, 10), (3, 2), (17, 5), (1, 1)])
    def test_resizing_agrees_with_pillow(self, size) -> None:
        from tensorgraph.data.resampling import resize

        image_module = pytest.importorskip("PIL.Image")
        image = RANDOM.random((9, 7), np.float32)
        theirs = image_module.fromarray(image).resize(size[::-1], image_module.Resampling.BILINEAR)
        mine = resize(image[None, ..., None], *size)[0, ..., 0]
        np.testing.assert_allclose(mine, np.asarray(theirs), atol=1e-5)

    def test_each_step_is_fitted_to_what_comes_before(self) -> None:
        chain = fit(IMAGES, ("resize", {"size": (3, 3)}), "center", ("pca", {"components": 5}))
        assert chain.output_shape((4, 5, 2)) == (5,)
        result = chain.apply(IMAGES)
        np.testing.assert_allclose(result.mean(0), 0, atol=1e-5)
        covariance = np.cov(result.T)
        np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)


class TestWholeParts:
    STEPS = (("resize", {"size": (3, 3)}), "standardize", ("whiten", {"eps": 1e-3}))

    def test_lazy_inputs_stay_lazy_and_give_the_same(self) -> None:
        lazy = Mapped(IMAGES, lambda x: x, IMAGES.shape[1:])
        in_memory, read = fit(IMAGES, *self.STEPS), fit(lazy, *self.STEPS)
        expected = in_memory.apply_all(IMAGES)
        result = read.apply_all(lazy)
        assert isinstance(result, LazyInputs)
        assert result.shape == expected.shape == (300, 3, 3, 2)
        np.testing.assert_allclose(result[:], expected, atol=1e-5)

    def test_nothing_to_do_returns_the_same(self) -> None:
        assert Preprocessing().apply_all(IMAGES) is IMAGES
        assert not Preprocessing()
        empty = np.empty((0,), np.float32)
        assert fit(IMAGES, "center").apply_all(empty) is empty


class TestState:
    @pytest.mark.parametrize(
        "steps",
        [
            [("scale", {"factor": 0.25}), "center", "standardize"],
            [("whiten", {"eps": 1e-5})],
            [("resize", {"size": (2, 2)}), ("pca", {"components": 4})],
        ],
    )
    def test_it_comes_back_from_json_and_arrays(self, steps) -> None:
        before = fit(IMAGES, *steps)
        records, arrays = before.state()
        after = Preprocessing.from_state(json.loads(json.dumps(records)), arrays)
        np.testing.assert_array_equal(after.apply(OTHERS), before.apply(OTHERS))

    @pytest.mark.parametrize("records", [[{}], [{"step": "magic"}], [{"step": "normalize"}]])
    def test_damage_is_named(self, records) -> None:
        with pytest.raises(DataError, match="step 0 of the preprocessing is damaged"):
            Preprocessing.from_state(records, {})


class TestRefusals:
    @pytest.mark.parametrize(
        ("x", "step", "message"),
        [
            (TABLE, "normalise", "no preprocessing 'normalise'; known are scale, center"),
            (TABLE, ("resize", {"size": (2, 2)}), r"resize is for images, .* shape \(6,\)"),
            (TABLE, ("pca", {"components": 7}), "cannot keep 7 components of 6 features"),
            (np.zeros((2, 9000), np.float32), ("whiten", {"eps": 1}), "at most 8192 features"),
        ],
    )
    def test_a_step_that_does_not_suit(self, x, step, message) -> None:
        with pytest.raises(DataError, match=message):
            fit(x, step)

    @pytest.mark.parametrize("step", ["center", "standardize", ("whiten", {"eps": 1e-5})])
    def test_examples_of_another_shape(self, step) -> None:
        fitted = fit(TABLE, step)
        with pytest.raises(DataError, match=r"shape \(5,\) do not go through .* fitted to \(6,\)"):
            fitted.apply(TABLE[:, :5])
