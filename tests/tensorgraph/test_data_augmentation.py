"""Augmentation: what each step does, and that only seed, epoch and example decide it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.base.errors import DataError
from tensorgraph.data import Augmentation
from tensorgraph.data.counters import Draws, philox
from tensorgraph.data.rows import Mapped

SHAPE = (8, 10, 3)
COUNT = 200


class Step(NamedTuple):
    name: str
    options: dict[str, Any]


ALL = [
    Step("hflip", {}),
    Step("vflip", {}),
    Step("shift", {"pixels": 2}),
    Step("rotate", {"degrees": 15.0}),
    Step("zoom", {"share": 0.1}),
    Step("contrast", {"amount": 0.2}),
    Step("brightness", {"amount": 0.2}),
    Step("noise", {"stddev": 0.05}),
    Step("cutout", {"size": 4}),
    Step("mixup", {"alpha": 0.2}),
]
X = np.random.default_rng(0).random((COUNT, *SHAPE), np.float32)
Y = np.arange(COUNT) % 4


def augmented(*steps: Step, x=X, epoch=1, indices=None, seed=7):
    indices = np.arange(len(x)) if indices is None else np.asarray(indices)
    augmentation = Augmentation(steps, x.shape[1:], 4, seed)
    return augmentation.batch(x, Y[: len(x)], indices, epoch)


class TestCounters:
    @pytest.mark.parametrize(
        ("counter", "key", "words"),
        [  # the known answers that Random123 is published with
            ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
            (
                [0xFFFFFFFF] * 4,
                [0xFFFFFFFF] * 2,
                [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
            ),
            (
                [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
                [0xA4093822, 0x299F31D0],
                [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
            ),
        ],
    )
    def test_philox_gives_the_published_words(self, counter, key, words) -> None:
        result = philox(np.array(counter, np.uint64)[:, None], np.array(key, np.uint64))
        assert result[:, 0].tolist() == words

    def test_numbers_are_uniform_and_unrelated(self) -> None:
        numbers = Draws(0, 0).uniform(np.arange(20_000), 0, 6)
        assert numbers.shape == (6, 20_000)
        assert 0 <= numbers.min() <= numbers.max() < 1
        np.testing.assert_allclose(numbers.mean(axis=1), 0.5, atol=0.01)
        np.testing.assert_allclose(numbers.var(axis=1), 1 / 12, atol=0.002)
        assert np.abs(np.corrcoef(numbers) - np.eye(6)).max() < 0.03

    def test_seed_epoch_place_and_example_each_change_them(self) -> None:
        one = np.array([5])
        seen = [
            Draws(seed, epoch).uniform(one + shift, place, 1).item()
            for seed in (0, 2**40)
            for epoch in (0, 1)
            for place in (0, 1)
            for shift in (0, 2**33)
        ]
        assert len(set(seen)) == 16

    def test_generators_of_neighbours_differ(self) -> None:
        draws = Draws(0, 0)
        rows = draws.normal(np.arange(50), 3, (40,))
        assert len({row.tobytes() for row in rows}) == 50
        assert abs(rows.mean()) < 0.1
        np.testing.assert_array_equal(draws.normal(np.array([7]), 3, (40,))[0], rows[7])


class TestReproducibility:
    @given(
        indices=st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=30),
        size=st.integers(1, 9),
        steps=st.lists(st.sampled_from(ALL), min_size=1, unique_by=lambda s: s.name),
    )
    def test_the_batch_does_not_matter(self, indices, size, steps) -> None:
        whole_x, whole_y = augmented(*steps, indices=indices)
        for start in range(0, len(indices), size):
            x, y = augmented(*steps, indices=indices[start : start + size])
            np.testing.assert_array_equal(x, whole_x[start : start + size])
            np.testing.assert_array_equal(y, whole_y[start : start + size])

    @pytest.mark.parametrize("step", ALL, ids=lambda s: s.name)
    def test_epochs_and_seeds_differ_and_repeat(self, step) -> None:
        first, again = augmented(step)[0], augmented(step)[0]
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, augmented(step, epoch=2)[0])
        assert not np.array_equal(first, augmented(step, seed=8)[0])
        assert first.dtype == np.float32
        assert first.shape == X.shape

    @pytest.mark.parametrize("step", ALL, ids=lambda s: s.name)
    def test_the_set_itself_is_not_changed(self, step) -> None:
        before = X.copy()
        augmented(step)
        np.testing.assert_array_equal(X, before)

    def test_inputs_that_are_not_in_memory_give_the_same(self) -> None:
        lazy = Mapped(X, lambda part: part, SHAPE)
        for expected, read in zip(augmented(*ALL), augmented(*ALL, x=lazy), strict=True):
            np.testing.assert_allclose(read, expected, atol=1e-6)


class TestSteps:
    @pytest.mark.parametrize(("name", "axis"), [("hflip", 2), ("vflip", 1)])
    def test_half_of_the_examples_are_mirrored(self, name, axis) -> None:
        x, y = augmented(Step(name, {}))
        same = (x == X).all(axis=(1, 2, 3))
        mirrored = (x == np.flip(X, axis)).all(axis=(1, 2, 3))
        assert (same ^ mirrored).all()
        assert 0.4 < mirrored.mean() < 0.6
        np.testing.assert_array_equal(y, Y)

    def test_shifts_are_whole_pixels_in_all_directions(self) -> None:
        ramp = np.zeros((400, 9, 9, 1), np.float32)
        ramp[:, 4, 4] = 1
        x, _ = Augmentation([Step("shift", {"pixels": 2})], (9, 9, 1), 4, 0).batch(
            ramp, np.zeros(400, int), np.arange(400), 0
        )
        _, rows, columns, _ = np.nonzero(x)
        assert x.sum() == 400
        assert {*zip(rows - 4, columns - 4, strict=True)} == {
            (a, b) for a in range(-2, 3) for b in range(-2, 3)
        }

    def test_what_is_shifted_out_is_lost(self) -> None:
        ones = np.ones((50, 3, 3, 1), np.float32)
        x, _ = Augmentation([Step("shift", {"pixels": 5})], (3, 3, 1), 4, 0).batch(
            ones, np.zeros(50, int), np.arange(50), 0
        )
        assert {*np.unique(x)} == {0, 1}
        assert (x.sum(axis=(1, 2, 3)) == 0).any()

    def test_brightness_adds_and_contrast_stretches(self) -> None:
        difference = augmented(Step("brightness", {"amount": 0.2}))[0] - X
        assert np.ptp(difference, axis=(1, 2, 3)).max() < 1e-6
        amounts = difference[:, 0, 0, 0]
        assert -0.2 <= amounts.min() < -0.15 < 0.15 < amounts.max() <= 0.2001
        stretched = augmented(Step("contrast", {"amount": 0.5}))[0]
        np.testing.assert_allclose(stretched.mean((1, 2)), X.mean((1, 2)), atol=1e-5)
        ratio = stretched.std((1, 2)) / X.std((1, 2))
        np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-4)
        assert 0.5 <= ratio.min() < 0.6 < 1.4 < ratio.max() <= 1.5001

    def test_noise_has_the_deviation(self) -> None:
        difference = augmented(Step("noise", {"stddev": 0.05}))[0] - X
        assert abs(difference.std() - 0.05) < 0.001
        assert abs(difference.mean()) < 0.001

    def test_cutout_blanks_one_square(self) -> None:
        ones = np.ones((300, 12, 12, 2), np.float32)
        x, _ = Augmentation([Step("cutout", {"size": 4})], (12, 12, 2), 4, 0).batch(
            ones, np.zeros(300, int), np.arange(300), 0
        )
        blank = (x == 0).all(-1)
        for image in blank:
            rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
            assert 2 <= len(rows) <= 4
            assert 2 <= len(columns) <= 4
            assert image.sum() == len(rows) * len(columns)
        assert blank.sum((1, 2)).max() == 16
        assert blank.any(0).all()

    def test_a_quarter_turn_is_exact(self) -> None:
        from tensorgraph.data.resampling import rotations, warp

        square = X[:5, :, :8]
        turned = warp(square, rotations(np.full(5, 90.0)))
        np.testing.assert_allclose(turned, np.rot90(square, -1, (1, 2)), atol=1e-5)

    def test_rotation_and_zoom_agree_with_pillow(self) -> None:
        from tensorgraph.data.resampling import rotations, stretches, warp

        image_module = pytest.importorskip("PIL.Image")
        rows, columns = np.mgrid[0:17, 0:17]
        smooth = (np.sin(rows / 4) + np.cos(columns / 5)).astype(np.float32)
        mine = warp(smooth[None, ..., None], rotations(np.array([20.0])))[0, ..., 0]
        theirs = image_module.fromarray(smooth).rotate(-20, image_module.Resampling.BILINEAR)
        inside = np.s_[4:13, 4:13]
        np.testing.assert_allclose(mine[inside], np.asarray(theirs)[inside], atol=0.02)
        larger = warp(smooth[None, ..., None], stretches(np.array([2.0])))[0, ..., 0]
        np.testing.assert_allclose(larger[::2, ::2], smooth[4:13, 4:13], atol=1e-6)

    def test_rotation_and_zoom_in_a_row_are_resampled_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tensorgraph.data import resampling

        seen = []
        monkeypatch.setattr(resampling, "warp", lambda x, matrices: seen.append(matrices) or x)
        rotate, zoom = Step("rotate", {"degrees": 30.0}), Step("zoom", {"share": 0.2})
        augmented(rotate, zoom)
        augmented(rotate, Step("hflip", {}), zoom)
        assert len(seen) == 3


class TestMixup:
    STEP = Step("mixup", {"alpha": 0.4})

    def test_labels_become_shares(self) -> None:
        x, y = augmented(self.STEP)
        assert y.shape == (COUNT, 4)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.sum(1), 1, atol=1e-6)
        assert (y.max(1) < 0.95).any()
        assert x.shape == X.shape

    def test_the_shares_are_those_of_the_images(self) -> None:
        levels = np.broadcast_to((Y == 2)[:, None, None, None], X.shape).astype(np.float32)
        x, y = augmented(self.STEP, x=levels)
        np.testing.assert_allclose(x[:, 0, 0, 0], y[:, 2], atol=1e-6)

    def test_numbers_to_predict_are_blended(self) -> None:
        targets = np.arange(COUNT, dtype=np.float32)
        column = targets[:, None]
        augmentation = Augmentation([self.STEP], (1,), 0, 0)
        x, y = augmentation.batch(column, targets, np.arange(COUNT), 0)
        np.testing.assert_allclose(x[:, 0], y, rtol=1e-6)

    def test_without_it_labels_stay(self) -> None:
        augmentation = Augmentation([ALL[0]], SHAPE, 4, 0)
        assert not augmentation.mixes_labels
        assert Augmentation([self.STEP], SHAPE, 4, 0).mixes_labels


class TestRefusals:
    def test_an_unknown_step(self) -> None:
        with pytest.raises(DataError, match="no augmentation 'flip'; known are brightness, "):
            Augmentation([Step("flip", {})], SHAPE, 4, 0)

    @pytest.mark.parametrize("step", ALL, ids=lambda s: s.name)
    def test_a_step_for_images_on_a_table(self, step) -> None:
        if step.name in ("noise", "mixup"):
            Augmentation([step], (13,), 4, 0)
        else:
            with pytest.raises(DataError, match=rf"{step.name} is for images, .* shape \(13,\)"):
                Augmentation([step], (13,), 4, 0)

    def test_nothing_to_do(self) -> None:
        assert not Augmentation([], SHAPE, 4, 0)
        assert Augmentation(ALL, SHAPE, 4, 0)
