"""Data sets: what loads, what is refused and how the refusal reads, and the order of batches."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tensorgraph.base.errors import DataError
from tensorgraph.data import ExampleSet, batches, describe, known_names, load, split_validation
from tensorgraph.data.idx import read_idx
from tensorgraph.data.npz import load_npz

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

# As published with the set, of the unpacked files.
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def idx_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return an array as an IDX file holds it."""
    head = bytes([0, 0, IDX_CODES[array.dtype.str[1:]], array.ndim])
    sizes = np.array(array.shape, ">u4").tobytes()
    return head + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def images(count: int, rows: int = 3, columns: int = 2) -> npt.NDArray[np.uint8]:
    return np.arange(count * rows * columns, dtype=np.uint8).reshape(count, rows, columns)


def labels(count: int, classes: int = 4) -> npt.NDArray[np.uint8]:
    return (np.arange(count) % classes).astype(np.uint8)


ARRAYS = {
    "train-images": images(12),
    "train-labels": labels(12),
    "t10k-images": images(5),
    "t10k-labels": labels(5),
}


def write_folder(folder: Path, spelling: str = "{stem}-{kind}", packed: bool = False) -> Path:
    """Write the four files of a small set in MNIST's format."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, array in ARRAYS.items():
        name = spelling.format(stem=stem, kind=f"idx{array.ndim}-ubyte")
        content = idx_bytes(array)
        (folder / name).write_bytes(gzip.compress(content) if packed else content)
    return folder


def small_set(count: int = 10) -> ExampleSet:
    x = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    y = np.arange(count) % 3
    return ExampleSet("small", x, y, x[:4], y[:4], ("a", "b", "c"))


def data_error_of(read: Callable[[Path], Any], path: Path) -> str | None:
    """Return what the DataError says that reading a file ends with, None where it ends well."""
    try:
        read(path)
    except DataError as error:
        return str(error)
    return None


class TestDigits:
    def test_shapes_types_and_range(self) -> None:
        digits = load("digits")
        assert (digits.name, digits.input_shape, digits.classes) == ("digits", (8, 8, 1), 10)
        assert digits.x_train.shape == (1437, 8, 8, 1)
        assert digits.x_test.shape == (360, 8, 8, 1)
        assert digits.x_train.dtype == digits.x_test.dtype == np.float32
        assert digits.y_train.dtype == digits.y_test.dtype == np.int64
        assert (digits.x_train.min(), digits.x_train.max()) == (0.0, 1.0)
        assert digits.class_names == tuple("0123456789")

    def test_every_class_is_in_both_parts_in_proportion(self) -> None:
        digits = load("digits")
        train, test = np.bincount(digits.y_train), np.bincount(digits.y_test)
        assert np.all(np.abs(test / (train + test) - 0.2) < 0.01)

    def test_no_test_example_is_trained_on(self) -> None:
        digits = load("digits")
        seen = {x.tobytes() for x in digits.x_train}
        assert not [x for x in digits.x_test if x.tobytes() in seen]

    def test_the_source_is_attributed_in_the_package(self) -> None:
        from importlib import resources

        text = resources.files("tensorgraph.data").joinpath("digits.md").read_text("utf-8")
        assert "CC BY 4.0" in text
        assert "Alpaydin" in text


class TestKnownNames:
    def test_shapes_are_known_without_loading(self) -> None:
        assert known_names() == ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100")
        assert describe("digits") == ((8, 8, 1), 10)
        assert describe("mnist") == ((28, 28, 1), 10)
        assert describe("cifar100") == ((32, 32, 3), 100)
        assert describe("../some/folder") is None

    def test_the_description_is_true(self) -> None:
        digits = load("digits")
        assert describe("digits") == (digits.input_shape, digits.classes)

    def test_mnist_is_looked_for_where_the_environment_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path / "sets"))
        monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
        with pytest.raises(DataError) as caught:
            load("mnist")
        assert str(tmp_path / "sets" / "mnist") in str(caught.value)
        assert str(tmp_path / "home" / ".cache" / "tensorgraph" / "mnist") in str(caught.value)
        assert "--data FOLDER" in str(caught.value)

    def test_without_a_word_in_the_environment_the_cache_is_looked_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TENSORGRAPH_DATA", raising=False)
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        write_folder(tmp_path / ".cache" / "tensorgraph" / "mnist")
        with pytest.raises(DataError, match="mnist does not hold mnist"):
            load("mnist")

    def test_a_folder_that_holds_another_set_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path))
        folder = write_folder(tmp_path / "mnist")
        with pytest.raises(DataError, match="does not hold mnist") as caught:
            load("mnist")
        assert str(folder) in str(caught.value)

    def test_a_misspelt_name_gets_a_suggestion(self) -> None:
        with pytest.raises(DataError, match="did you mean 'mnist'") as caught:
            load("minst")
        assert "known are digits, mnist" in str(caught.value)

    def test_a_missing_path_gets_none(self) -> None:
        with pytest.raises(DataError, match="'no/such/folder' is neither a file or folder nor"):
            load("no/such/folder")

    def test_another_kind_of_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "data.doc"
        path.write_text("a,b\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"data\.doc is of no kind that can be read"):
            load(path)


class TestRealMnist:
    """The published files, where they are at hand."""

    @pytest.mark.parametrize("name", MNIST_MD5)
    def test_reading_loses_nothing(self, shared_data: Path, name: str) -> None:
        array = read_idx(shared_data / "mnist" / f"{name}.gz")
        digest = hashlib.md5(idx_bytes(array), usedforsecurity=False)
        assert digest.hexdigest() == MNIST_MD5[name]

    def test_it_loads_by_path_and_by_name(
        self, shared_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TENSORGRAPH_DATA", str(shared_data))
        for mnist in (load(shared_data / "mnist"), load("mnist")):
            assert mnist.name == "mnist"
            assert describe("mnist") == (mnist.input_shape, mnist.classes)
            assert (len(mnist.x_train), len(mnist.x_test)) == (60_000, 10_000)
            assert mnist.y_train[:6].tolist() == [5, 0, 4, 1, 9, 2]
            assert mnist.x_train.max() == 1.0


class TestIdx:
    @given(
        array=st.sampled_from(sorted(IDX_CODES)).flatmap(
            lambda code: hnp.arrays(code, hnp.array_shapes(min_side=0, max_side=4))
        ),
        packed=st.booleans(),
    )
    def test_any_array_comes_back(
        self, array: npt.NDArray[Any], packed: bool, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.mktemp("idx") / "a"
        path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
        again = read_idx(path)
        assert again.dtype == array.dtype
        np.testing.assert_array_equal(again, array)

    @pytest.mark.parametrize("spelling", ["{stem}-{kind}", "{stem}.{kind}", "{stem}-{kind}.gz"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_a_folder_under_its_usual_names(
        self, tmp_path: Path, spelling: str, packed: bool
    ) -> None:
        loaded = load(write_folder(tmp_path / "small", spelling, packed))
        assert (loaded.name, loaded.input_shape, loaded.classes) == ("small", (3, 2, 1), 4)
        np.testing.assert_allclose(loaded.x_train[..., 0] * 255, ARRAYS["train-images"], rtol=1e-6)
        np.testing.assert_array_equal(loaded.y_test, ARRAYS["t10k-labels"])
        assert loaded.class_names == ("0", "1", "2", "3")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path)
        (folder / "t10k-images-idx3-ubyte").unlink()
        with pytest.raises(DataError, match="lacks the IDX file t10k-images: looked for") as caught:
            load(folder)
        assert "t10k-images.idx3-ubyte.gz" in str(caught.value)

    def test_images_without_their_labels_are_refused(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path)
        (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels(11)))
        with pytest.raises(DataError, match=r"images-idx3-ubyte holds 12 images, but .* 11 labels"):
            load(folder)

    def test_images_in_the_place_of_labels_are_refused(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path)
        (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(images(12)))
        with pytest.raises(DataError, match="labels are one whole number an example"):
            load(folder)

    def test_differently_sized_parts_are_refused(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path)
        (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images(5, 3, 3)))
        with pytest.raises(DataError, match=r"test examples are of shape \(3, 3, 1\)"):
            load(folder)

    def test_a_set_without_examples_is_refused(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path)
        (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(images(0)))
        (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels(0)))
        with pytest.raises(DataError, match="no examples to train on"):
            load(folder)

    @given(data=st.data(), packed=st.booleans())
    def test_every_cut_is_noticed(
        self, data: st.DataObject, packed: bool, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        whole = idx_bytes(images(5))
        content = gzip.compress(whole) if packed else whole
        length = data.draw(st.integers(0, len(content) - 1))
        path = tmp_path_factory.mktemp("cut") / "train-images-idx3-ubyte"
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="train-images-idx3-ubyte") as caught:
            read_idx(path)
        assert "truncated" in str(caught.value) or "no IDX file" in str(caught.value)

    @given(extra=st.binary(min_size=1, max_size=8), packed=st.booleans())
    def test_bytes_after_the_end_are_noticed(
        self, extra: bytes, packed: bool, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        content = idx_bytes(images(5)) + extra
        path = tmp_path_factory.mktemp("long") / "images"
        path.write_bytes(gzip.compress(content) if packed else content)
        with pytest.raises(DataError, match="images has bytes after its end"):
            read_idx(path)

    @given(data=st.data())
    def test_a_damaged_gzip_is_a_data_error_or_harmless(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        content = bytearray(gzip.compress(idx_bytes(images(5)), mtime=0))
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        path = tmp_path_factory.mktemp("damaged") / "images"
        path.write_bytes(content)
        error = data_error_of(read_idx, path)
        if error is None:  # a byte of the header that does not matter, such as the time
            np.testing.assert_array_equal(read_idx(path), images(5))
        else:
            assert str(path) in error

    @pytest.mark.parametrize(
        "content", [b"", b"\0", b"PK\3\4" + b"\0" * 40, b"\0\0\x07\1\0\0\0\1a", b"hello, world"]
    )
    def test_another_format_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "images"
        path.write_bytes(content)
        with pytest.raises(DataError, match="is no IDX file: it starts with"):
            read_idx(path)

    def test_a_header_that_promises_terabytes_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "images"
        path.write_bytes(b"\0\0\x08\3" + b"\xff" * 12 + b"abc")
        with pytest.raises(DataError, match="is truncated"):
            read_idx(path)

    def test_a_folder_in_the_place_of_a_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="cannot be read: Is a directory"):
            read_idx(tmp_path)


class TestNpz:
    def test_four_arrays(self, tmp_path: Path) -> None:
        path = tmp_path / "own.npz"
        np.savez(path, x_train=images(6), y_train=labels(6), x_test=images(4), y_test=labels(4))
        loaded = load(path)
        assert (loaded.name, loaded.input_shape, loaded.classes) == ("own", (3, 2, 1), 4)
        assert (len(loaded.x_train), len(loaded.x_test)) == (6, 4)

    def test_two_arrays_are_split_always_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "own.npz"
        x = np.arange(40.0).reshape(20, 2)
        np.savez_compressed(path, x=x, y=np.arange(20)[:, None])
        first, second = load(path), load(path)
        assert (len(first.x_train), len(first.x_test)) == (16, 4)
        np.testing.assert_array_equal(first.y_test, second.y_test)
        np.testing.assert_array_equal(first.x_test[:, 0], 2 * first.y_test)
        assert sorted([*first.y_train, *first.y_test]) == list(range(20))

    def test_numbers_that_are_no_picture_stay_as_they_are(self, tmp_path: Path) -> None:
        path = tmp_path / "own.npz"
        x = np.array([[300, -1], [2, 3]])
        np.savez(path, x_train=x, y_train=[0, 1], x_test=x, y_test=[0, 1])
        np.testing.assert_array_equal(load(path).x_train, x)

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"x": images(3)}, "must hold the arrays x_train, .*; it holds x$"),
            ({"x": images(3), "y": labels(2)}, "3 examples in x, 2 in y"),
            ({"x": np.zeros(3), "y": labels(3)}, r"x: inputs have an axis of examples"),
            (
                {"x": images(3), "y": np.array(list("abc"))},
                r"y: labels are one whole number an example",
            ),
            ({"x": images(3), "y": np.eye(3, dtype=int)}, r"of shape \(3, 3\)"),
            ({"x": images(3), "y": np.array([0, -1, 1])}, "but label -1 is there"),
            ({"x": np.full((2, 2), "a"), "y": labels(2)}, "x: inputs are numbers, but"),
            ({"x": np.array([[1, np.nan]]), "y": labels(1)}, r"value at \(0, 1\) is nan"),
            ({"x": np.array([[1e300]]), "y": labels(1)}, r"value at \(0, 0\) is 1e\+300"),
            ({"x": images(2), "y": np.array([1.5, np.inf])}, r"y: the value at 1 is inf, not"),
        ],
    )
    def test_what_does_not_fit_is_named(
        self, tmp_path: Path, arrays: dict[str, npt.NDArray[Any]], message: str
    ) -> None:
        path = tmp_path / "own.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=message) as caught:
            load(path)
        assert str(path) in str(caught.value)

    def test_a_pickle_is_never_opened(self, tmp_path: Path) -> None:
        opened = tmp_path / "opened"

        class Trap:
            def __reduce__(self) -> tuple[Any, ...]:
                return Path.touch, (opened,)

        objects = np.empty(1, object)
        objects[0] = Trap()
        inside, outside = tmp_path / "inside.npz", tmp_path / "outside.npz"
        np.savez(inside, x=objects, y=labels(1))
        outside.write_bytes(pickle.dumps(Trap()))
        for path in (inside, outside):
            with pytest.raises(DataError, match=path.name):
                load(path)
        assert not opened.exists()

    def test_a_single_array_is_no_npz(self, tmp_path: Path) -> None:
        path = tmp_path / "own.npz"
        with path.open("wb") as file:
            np.save(file, images(3))
        with pytest.raises(DataError, match="it holds none"):
            load(path)

    def test_an_unreadable_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="cannot be read: Is a directory"):
            load_npz(tmp_path)

    @staticmethod
    def content() -> bytearray:
        file = io.BytesIO()
        np.savez_compressed(file, x=images(5), y=labels(5))
        return bytearray(file.getvalue())

    @given(data=st.data())
    def test_every_cut_is_noticed(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        content = self.content()
        path = tmp_path_factory.mktemp("cut") / "own.npz"
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(DataError, match=r"own\.npz is damaged, or no \.npz file"):
            load(path)

    @given(data=st.data())
    def test_damage_is_a_data_error_or_harmless(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        content = self.content()
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        path = tmp_path_factory.mktemp("damaged") / "own.npz"
        path.write_bytes(content)
        error = data_error_of(load, path)
        if error is None:
            assert len(load(path).x_train) == 4
        else:
            assert str(path) in error


class TestExampleSet:
    def test_labels_must_be_of_a_class(self) -> None:
        x, y = np.zeros((3, 2), np.float32), np.array([0, 1, 2])
        with pytest.raises(DataError, match="training labels go from 0 to 2, but there are 2"):
            ExampleSet("own", x, y, x, y, ("a", "b"))

    def test_inputs_and_labels_must_be_equally_many(self) -> None:
        x, y = np.zeros((3, 2), np.float32), np.array([0, 1, 2])
        with pytest.raises(DataError, match="3 test inputs do not go with 2 labels"):
            ExampleSet("own", x, y, x, y[:2], ("a", "b", "c"))

    def test_limited(self) -> None:
        limited = small_set().limited(3)
        assert (len(limited.x_train), len(limited.y_test), len(limited.x_val)) == (3, 3, 0)
        assert len(small_set().limited(1000).x_train) == 10
        with pytest.raises(ValueError, match="at least one example, not 0"):
            small_set().limited(0)

    def test_a_validation_part_is_set_aside(self) -> None:
        examples = small_set()
        split = split_validation(examples, 0.3, seed=1)
        assert (len(split.x_train), len(split.x_val), len(split.x_test)) == (7, 3, 4)
        together = np.concatenate([split.x_train, split.x_val])
        np.testing.assert_array_equal(np.sort(together, axis=0), examples.x_train)
        np.testing.assert_array_equal(split.x_val[:, 0] // 2 % 3, split.y_val)

    def test_the_seed_decides_the_validation_part(self) -> None:
        parts = [split_validation(small_set(100), 0.3, seed).x_val.tobytes() for seed in (1, 1, 2)]
        assert parts[0] == parts[1] != parts[2]

    def test_nothing_to_validate_with_changes_nothing(self) -> None:
        examples = small_set()
        assert split_validation(examples, 0, seed=0) is examples

    @pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, 0.99])
    def test_a_share_that_leaves_nothing_is_refused(self, fraction: float) -> None:
        with pytest.raises(ValueError, match="to validate with"):
            split_validation(small_set(), fraction, seed=0)

    def test_only_one_validation_part(self) -> None:
        split = split_validation(small_set(), 0.3, seed=0)
        with pytest.raises(ValueError, match="already"):
            split_validation(split, 0.3, seed=0)


class TestBatches:
    @given(count=st.integers(0, 50), size=st.integers(1, 60), seed=st.integers(0, 2**70))
    def test_each_example_comes_once_with_its_label(self, count: int, size: int, seed: int) -> None:
        x = np.arange(count)
        cut = list(batches(x, -x, size, seed=seed, epoch=3))
        assert all(len(a) == size for a, _ in cut[:-1])
        assert all(np.array_equal(a, -b) and len(a) for a, b in cut)
        assert sorted(i for a, _ in cut for i in a) == list(range(count))

    @staticmethod
    def order(seed: int, epoch: int, **options: bool) -> list[int]:
        x = np.arange(100)
        return [int(i) for a, _ in batches(x, x, 32, seed=seed, epoch=epoch, **options) for i in a]

    def test_seed_and_epoch_decide_the_order(self) -> None:
        assert self.order(1, 2) == self.order(1, 2)
        orders = [self.order(seed, epoch) for seed in range(3) for epoch in range(3)]
        assert len({tuple(order) for order in orders}) == 9

    def test_without_shuffling_the_order_is_kept_and_nothing_copied(self) -> None:
        assert self.order(1, 2, shuffle=False) == list(range(100))
        x = np.arange(10)
        (first, _), *_ = batches(x, x, 4, seed=0, epoch=0, shuffle=False)
        assert np.shares_memory(first, x)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"size": 0}, "at least one example, not 0"),
            ({"seed": -1}, "not negative: -1 and 0"),
            ({"epoch": -1}, "not negative"),
            ({"y": np.arange(3)}, "4 inputs do not go with 3 labels"),
        ],
    )
    def test_bad_arguments_are_refused_at_once(self, change: dict[str, Any], message: str) -> None:
        good: dict[str, Any] = {
            "x": np.arange(4),
            "y": np.arange(4),
            "size": 2,
            "seed": 0,
            "epoch": 0,
        }
        with pytest.raises(ValueError, match=message):
            batches(**{**good, **change})
