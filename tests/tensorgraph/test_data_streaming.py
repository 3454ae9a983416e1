"""Sets that are not in memory, batches made ahead, and cutting sets into parts."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.base.errors import DataError
from tensorgraph.data import (
    Augmentation,
    ExampleSet,
    LazyInputs,
    Preprocessing,
    batches,
    kfold,
    load,
    split_validation,
)
from tensorgraph.data.prefetch import prefetch
from tensorgraph.data.rows import Joined, Mapped, Subset, chunks_of

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = np.arange(20) % 4


def lazy(x=X) -> LazyInputs:
    return Mapped(x, lambda part: part, x.shape[1:])


class TestRows:
    @pytest.mark.parametrize(
        "rows",
        [lazy(), Subset(lazy(), np.arange(20)), Joined([X[:7], lazy(X[7:8]), X[8:]])],
        ids=["mapped", "subset", "joined"],
    )
    @pytest.mark.parametrize(
        "key",
        [np.s_[3:9], np.s_[::-2], np.array([5, 0, 19, 5, 7]), Y == 1, np.array([], np.int64)],
        ids=str,
    )
    def test_they_are_indexed_like_an_array(self, rows, key) -> None:
        np.testing.assert_array_equal(rows[key], X[key])
        assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (20, (20, 3), 2, np.float32)

    def test_one_example_is_no_batch(self) -> None:
        with pytest.raises(IndexError, match="by a slice or a vector"):
            lazy()[np.array(3)]
        with pytest.raises(IndexError):
            lazy()[np.array([20])]

    def test_chunks_are_all_examples_in_order(self) -> None:
        large = np.zeros((10, 1000, 1000), np.float32)
        large[:, 0, 0] = range(10)
        sizes = [(len(chunk), chunk[0, 0, 0]) for chunk in chunks_of(lazy(large))]
        assert sizes == [(4, 0), (4, 4), (2, 8)]

    def test_limits_and_parts_stay_lazy(self) -> None:
        examples = ExampleSet("own", lazy(), Y, lazy()[:4], Y[:4], tuple("abcd"))
        limited = examples.limited(15)
        assert isinstance(limited.x_train, LazyInputs)
        part = split_validation(limited, 0.2, seed=0)
        assert isinstance(part.x_train, LazyInputs)
        assert isinstance(part.x_val, LazyInputs)
        assert (len(part.x_train), len(part.x_val), len(part.x_test)) == (12, 3, 4)
        together = np.concatenate([part.x_train[:], part.x_val[:]])
        np.testing.assert_array_equal(
            np.sort(together, axis=0), np.sort(limited.x_train[:], axis=0)
        )


class TestFiles:
    @staticmethod
    def same(lazy: ExampleSet, whole: ExampleSet) -> None:
        assert isinstance(lazy.x_train, LazyInputs)
        assert not isinstance(whole.x_train, LazyInputs)
        assert lazy.input_shape == whole.input_shape
        np.testing.assert_array_equal(lazy.x_train[:], whole.x_train)
        np.testing.assert_array_equal(lazy.x_test[::2], whole.x_test[::2])
        np.testing.assert_array_equal(lazy.y_train, whole.y_train)
        assert lazy.white == whole.white

    @pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16])
    def test_npz_and_npy(self, tmp_path: Path, dtype) -> None:
        x = np.arange(20 * 12).reshape(20, 4, 3).astype(dtype)
        np.savez(tmp_path / "own.npz", x=x, y=Y)
        self.same(load(tmp_path / "own.npz", stream=True), load(tmp_path / "own.npz"))
        np.savez_compressed(tmp_path / "small.npz", x=x, y=Y)
        self.same(load(tmp_path / "small.npz", stream=True), load(tmp_path / "small.npz"))
        np.save(tmp_path / "x.npy", np.asfortranarray(x))
        np.save(tmp_path / "y.npy", Y)
        self.same(load(tmp_path, stream=True), load(tmp_path / "own.npz"))
        self.same(load(tmp_path / "x.npy", stream=True), load(tmp_path))

    def test_pieces(self, tmp_path: Path) -> None:
        pieces, whole = tmp_path / "pieces", tmp_path / "whole"
        for folder in (pieces, whole):
            folder.mkdir()
        for name, part in (("x_train", X), ("y_train", Y), ("x_test", X[:6]), ("y_test", Y[:6])):
            np.save(whole / f"{name}.npy", part)
            # More than nine, so that the order of names is not that of numbers.
            for number, piece in enumerate(np.array_split(part, 12)):
                np.save(pieces / f"{name}-{number}.npy", piece)
        self.same(load(pieces, stream=True), load(whole))
        np.testing.assert_array_equal(load(pieces).x_train, load(whole).x_train)

    def test_idx(self, tmp_path: Path) -> None:
        x, y = np.arange(20 * 12, dtype=np.uint8).reshape(20, 4, 3), Y.astype(np.uint8)
        for part in ("train", "t10k"):
            for kind, array in (("images-idx3", x), ("labels-idx1", y)):
                head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
                (tmp_path / f"{part}-{kind}-ubyte").write_bytes(head + array.tobytes())
        self.same(load(tmp_path, stream=True), load(tmp_path))

    def test_what_is_wrong_is_named(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", X)
        with pytest.raises(DataError, match=r"must hold the files .* or x\.npy and y\.npy"):
            load(tmp_path)
        np.save(tmp_path / "y.npy", Y[:19])
        with pytest.raises(DataError, match="20 examples in x, 19 in y"):
            load(tmp_path)
        np.save(tmp_path / "y.npy", np.array([{}] * 20))
        with pytest.raises(DataError, match=r"y\.npy is damaged, or no \.npy file of numbers"):
            load(tmp_path)
        np.save(tmp_path / "y.npy", Y)
        np.save(tmp_path / "x-1.npy", np.zeros((4, 5)))
        with pytest.raises(DataError, match="pieces hold examples of different shapes"):
            load(tmp_path)

    def test_a_bad_value_is_found_when_it_is_read(self, tmp_path: Path) -> None:
        bad = X.copy()
        bad[7, 1] = np.nan
        np.savez(tmp_path / "own.npz", x_train=bad, y_train=Y, x_test=X, y_test=Y)
        lazy = load(tmp_path / "own.npz", stream=True)
        lazy.x_train[:7]
        with pytest.raises(DataError, match=r"own\.npz: x_train: the value at \(1, 1\) is nan"):
            lazy.x_train[6:9]

    def test_a_file_that_shrinks_or_vanishes_is_named(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", X)
        np.save(tmp_path / "y.npy", Y)
        lazy = load(tmp_path, stream=True)
        content = (tmp_path / "x.npy").read_bytes()
        (tmp_path / "x.npy").write_bytes(content[:-40])
        with pytest.raises(DataError, match=r"x\.npy has become shorter since it was opened"):
            lazy.x_train[:]
        with pytest.raises(DataError, match=r"x\.npy is damaged, or no \.npy file"):
            load(tmp_path)
        (tmp_path / "x.npy").unlink()
        with pytest.raises(DataError, match=r"x\.npy cannot be read: No such file"):
            lazy.x_train[:]

    @pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc"
    )
    def test_twenty_gigabytes_in_less_than_one(self, tmp_path: Path) -> None:
        header = np.lib.format.open_memmap(
            tmp_path / "x.npy", "w+", np.float32, (1_700_000, 56, 56, 1)
        )
        header[::100_000, 0, 0, 0] = 1
        del header
        assert (tmp_path / "x.npy").stat().st_size > 20e9
        np.save(tmp_path / "y.npy", np.arange(1_700_000) % 3)
        program = """
import itertools, re, sys
from pathlib import Path
from tensorgraph import data
examples = data.split_validation(data.load(sys.argv[1]), 0.1, seed=0)
total = 0
for x, y in itertools.islice(
    data.batches(examples.x_train, examples.y_train, 64, seed=0, epoch=1, prefetch=2), 20
):
    total += len(x)
# The peak of this process alone; `getrusage` would count that of the one that started it.
print(total, int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
        result = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        count, megabytes = map(int, result.stdout.split())
        assert count == 20 * 64
        assert megabytes < 1000


class TestBatches:
    def test_an_epoch_goes_on_at_any_batch(self) -> None:
        whole = list(batches(X, Y, 3, seed=1, epoch=2))
        for start in range(9):
            rest = list(batches(X, Y, 3, seed=1, epoch=2, start=start))
            assert len(rest) == max(0, 7 - start)
            for (x, y), (a, b) in zip(rest, whole[start:], strict=True):
                np.testing.assert_array_equal(x, a)
                np.testing.assert_array_equal(y, b)
        with pytest.raises(ValueError, match="first batch is number 0, not -1"):
            batches(X, Y, 3, seed=1, epoch=2, start=-1)

    def test_augmentation_comes_before_preprocessing(self) -> None:
        class Step:
            def __init__(self, name: str, **options: float) -> None:
                self.name, self.options = name, options

        augmentation = Augmentation([Step("noise", stddev=0.5)], (3,), 4, seed=3)
        preprocessing = Preprocessing.fit([Step("scale", factor=10.0)], X)
        made = list(
            batches(
                X,
                Y,
                6,
                seed=1,
                epoch=2,
                augmentation=augmentation,
                preprocessing=preprocessing,
                prefetch=2,
            )
        )
        whole, _ = augmentation.batch(X, Y, np.arange(20), 2)
        for x, y in made:
            for row, label in zip(x, y, strict=True):
                (index,) = [i for i in range(20) if np.allclose(row, whole[i] * 10)]
                assert label == Y[index]


class TestPrefetch:
    @given(count=st.integers(0, 20), ahead=st.integers(0, 5))
    def test_the_items_and_their_order_are_the_same(self, count: int, ahead: int) -> None:
        assert list(prefetch(iter(range(count)), ahead)) == list(range(count))

    def test_an_error_comes_at_its_place(self) -> None:
        def items():
            yield 1
            raise DataError("gone")

        made = prefetch(items(), 3)
        assert next(made) == 1
        with pytest.raises(DataError, match="gone"):
            next(made)

    def test_only_so_many_are_made_ahead_and_the_thread_ends(self) -> None:
        made = []

        def items():
            for number in range(1000):
                made.append(number)
                yield number

        before = threading.active_count()
        drawn = prefetch(items(), 2)
        next(drawn)
        time.sleep(0.1)
        assert len(made) <= 4
        drawn.close()
        assert threading.active_count() == before

    def test_a_negative_number(self) -> None:
        with pytest.raises(ValueError, match="at least 0 items are made ahead, not -1"):
            prefetch(iter([]), -1)


class TestParts:
    def test_a_limit_takes_of_all_classes(self) -> None:
        examples = ExampleSet("own", np.sort(X, 0), np.sort(Y), X, Y, tuple("abcd"))
        limited = examples.limited(8)
        assert np.bincount(limited.y_train).tolist() == [2, 2, 2, 2]
        np.testing.assert_array_equal(limited.x_train[:, 0] // 15, limited.y_train)
        assert limited.y_test.tolist() == examples.limited(8).y_test.tolist()
        assert examples.limited(20).x_train is examples.x_train

    @given(
        counts=st.lists(st.integers(1, 30), min_size=2, max_size=5),
        fraction=st.floats(0.05, 0.6),
        seed=st.integers(0, 2**40),
    )
    def test_each_class_gives_its_share(self, counts, fraction, seed) -> None:
        y = np.repeat(np.arange(len(counts)), counts)
        x = np.arange(len(y), dtype=np.float32)[:, None]
        names = tuple(map(str, range(len(counts))))
        part = split_validation(ExampleSet("own", x, y, x[:1], y[:1], names), fraction, seed)
        assert len(part.y_val) == max(1, round(fraction * len(y)))
        given = np.bincount(part.y_val, minlength=len(counts))
        share = len(part.y_val) / len(y)
        assert (np.abs(given - share * np.array(counts)) < 1.0001).all()
        assert sorted([*part.x_train[:, 0], *part.x_val[:, 0]]) == list(range(len(y)))

    @given(k=st.integers(2, 20), seed=st.integers(0, 99))
    def test_folds_are_even_and_each_example_is_in_one(self, k: int, seed: int) -> None:
        examples = ExampleSet("own", X, Y, X[:2], Y[:2], tuple("abcd"))
        folds = list(kfold(examples, k, seed))
        assert len(folds) == k
        seen = np.concatenate([fold.x_val[:, 0] for fold in folds])
        np.testing.assert_array_equal(np.sort(seen), X[:, 0])
        sizes = [len(fold.x_val) for fold in folds]
        assert max(sizes) - min(sizes) <= 1
        for fold in folds:
            assert len(fold.x_train) + len(fold.x_val) == 20
            assert not {*fold.x_train[:, 0]} & {*fold.x_val[:, 0]}
            counts = np.bincount(fold.y_val, minlength=4)
            assert counts.max() - counts.min() <= 1

    def test_folds_are_lazy_and_take_the_validation_part_back(self) -> None:
        examples = ExampleSet("own", lazy(), Y, X[:2], Y[:2], tuple("abcd"))
        with_part = split_validation(examples, 0.25, seed=0)
        for fold in kfold(with_part, 5, seed=1):
            assert isinstance(fold.x_train, LazyInputs)
            assert (len(fold.x_train), len(fold.x_val)) == (16, 4)

    def test_numbers_to_predict_are_split_too(self) -> None:
        examples = ExampleSet("own", X, X[:, 0], X[:2], X[:2, 0], ())
        assert [len(fold.y_val) for fold in kfold(examples, 4, seed=0)] == [5, 5, 5, 5]
        assert len(split_validation(examples, 0.25, seed=0).y_val) == 5

    @pytest.mark.parametrize("k", [0, 1, 21])
    def test_impossible_numbers_of_folds(self, k: int) -> None:
        examples = ExampleSet("own", X, Y, X[:2], Y[:2], tuple("abcd"))
        with pytest.raises(ValueError, match=f"2 to 20 parts are possible, not {k}"):
            kfold(examples, k, seed=0)
