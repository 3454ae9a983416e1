"""Folders and archives of images, CIFAR in its published forms, and pickles that are refused."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import shutil
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.base.errors import DataError
from tensorgraph.data import LazyInputs, batches, load
from tensorgraph.data.pickles import read_pickled_arrays

image_module = pytest.importorskip("PIL.Image")


def save(path: Path, *shape: int, level: int = 100, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image_module.fromarray(np.full(shape, level, np.uint8))
    (image.convert(mode) if mode else image).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Return a folder of two classes, without a part to test with."""
    folder = tmp_path / "pets"
    for number in range(10):
        save(folder / "cat" / f"{number}.png", 4, 6, 3, level=10 + number)
        save(folder / "dog" / f"{number}.png", 4, 6, 3, level=200 + number)
    return folder


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Return a folder with parts to train on, to test and to validate with."""
    for part, count in (("train", 3), ("test", 2), ("val", 1)):
        for label in ("a", "b", "c"):
            for number in range(count):
                save(tmp_path / "set" / part / label / f"{number}.png", 5, 5, level=number)
    return tmp_path / "set"


def packed(folder: Path, path: Path) -> Path:
    """Return an archive of a folder, in a folder of another name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*.*")):
                archive.write(file, Path("around") / file.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
            archive.add(folder, "around")
    return path


class TestFolders:
    def test_classes_values_and_a_fifth_to_test(self, pets: Path) -> None:
        examples = load(pets)
        assert (examples.name, examples.class_names) == ("pets", ("cat", "dog"))
        assert examples.input_shape == (4, 6, 3)
        assert examples.white == 255
        assert np.bincount(examples.y_train).tolist() == [8, 8]
        assert np.bincount(examples.y_test).tolist() == [2, 2]
        levels = np.round(examples.x_train[:, 0, 0, 0] * 255)
        np.testing.assert_array_equal(levels >= 200, examples.y_train == 1)
        np.testing.assert_array_equal(load(pets).y_test, examples.y_test)

    def test_given_parts_are_kept(self, parts: Path) -> None:
        examples = load(parts)
        counts = [len(y) for y in (examples.y_train, examples.y_test, examples.y_val)]
        assert counts == [9, 6, 3]
        assert examples.input_shape == (5, 5, 1)
        assert examples.class_names == ("a", "b", "c")

    @pytest.mark.parametrize("ending", ["tar.gz", "tar.xz", "tar.bz2", "zip"])
    def test_an_archive_is_read_in_place(self, parts: Path, tmp_path: Path, ending: str) -> None:
        archive = packed(parts, tmp_path / f"things.{ending}")
        plain, read = load(parts), load(archive)
        assert read.name == "things"
        np.testing.assert_array_equal(read.x_train, plain.x_train)
        np.testing.assert_array_equal(read.y_test, plain.y_test)

    def test_a_large_archive_is_read_in_two_passes(
        self, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = packed(parts, tmp_path / "things.tar.gz")
        monkeypatch.setattr("tensorgraph.data.trees._KEPT_BYTES", 300)
        np.testing.assert_array_equal(load(archive).x_train, load(parts).x_train)
        monkeypatch.setattr("tensorgraph.data.trees._MAX_BYTES", 300)
        with pytest.raises(DataError, match=r"things.tar.gz holds .* GiB, too much .*: unpack it"):
            load(archive)

    def test_a_folder_with_nothing_but_an_archive(self, pets: Path, tmp_path: Path) -> None:
        (tmp_path / "alone").mkdir()
        packed(pets, tmp_path / "alone" / "pets.zip")
        assert load(tmp_path / "alone").class_names == ("cat", "dog")

    def test_some_of_the_classes_in_the_order_asked_for(self, parts: Path) -> None:
        examples = load(parts, only=("c", "a"))
        assert examples.class_names == ("c", "a")
        assert np.bincount(examples.y_train).tolist() == [3, 3]
        with pytest.raises(DataError, match="has no class x; it has a, b, c"):
            load(parts, only=("a", "x"))

    def test_gray_images_among_colours_gain_channels(self, pets: Path) -> None:
        save(pets / "cat" / "00.png", 4, 6, level=77)  # the first one
        save(pets / "cat" / "clear.png", 4, 6, 3, level=50, mode="RGBA")
        examples = load(pets)
        assert examples.input_shape == (4, 6, 3)
        everything = np.concatenate([examples.x_train, examples.x_test])
        gray = everything[np.round(everything[:, 0, 0, 0] * 255) == 77]
        assert len(gray) == 1
        assert (gray == gray[0, 0, 0, 0]).all()
        assert load(pets, channels=1).input_shape == (4, 6, 1)

    def test_other_files_are_left_alone(self, pets: Path) -> None:
        (pets / "README.md").write_text("about", encoding="utf-8")
        (pets / "cat" / ".hidden.png").write_bytes(b"x")
        (pets / "cat" / "notes.txt").write_text("about", encoding="utf-8")
        assert len(load(pets).y_train) == 16

    def test_a_set_is_read_like_another(self, pets: Path, tmp_path: Path) -> None:
        reading = json.loads(json.dumps(load(pets).reading))
        for number in range(5):
            save(tmp_path / "more" / "dog" / f"{number}.png", 9, 9)
        again = load(tmp_path / "more", reading=reading)
        assert (again.input_shape, again.class_names) == ((4, 6, 3), ("cat", "dog"))
        assert {*again.y_train} == {1}
        save(tmp_path / "more" / "fox" / "1.png", 9, 9)
        with pytest.raises(DataError, match="images of fox, which is none of the classes cat, dog"):
            load(tmp_path / "more", reading=reading)
        (tmp_path / "t.csv").write_text("a,b\n1,x\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"that was of kind images, this is of kind table"):
            load(tmp_path / "t.csv", reading=reading)


class TestRefusals:
    def test_sizes_that_differ(self, pets: Path) -> None:
        save(pets / "dog" / "large.png", 8, 8, 3)
        with pytest.raises(DataError, match=r"large.png is 8x8, .* are 4x6: .* resize=4x6"):
            load(pets)
        assert load(pets, resize=(3, 3)).input_shape == (3, 3, 3)
        with pytest.raises(DataError, match=r"large.png is 8x8"):
            load(pets, stream=True).x_train[:]

    def test_damaged_files_are_named_and_counted(self, pets: Path) -> None:
        whole = (pets / "cat" / "3.png").read_bytes()
        (pets / "cat" / "3.png").write_bytes(whole[:40])
        (pets / "dog" / "0.png").write_text("no image", encoding="utf-8")
        with pytest.raises(DataError, match=r"2 of 20 images of .* damaged: cat/3.png \(.*dog/0"):
            load(pets)
        examples = load(pets, damaged="skip")
        assert len(examples.y_train) + len(examples.y_test) == 18
        assert "2 of 20 images" in examples.notes[0]
        with pytest.raises(DataError, match=r"3\.png is damaged"):
            load(pets, stream=True).x_train[:]

    def test_many_damaged_files_are_not_all_named(self, pets: Path) -> None:
        for number in range(8):
            (pets / "cat" / f"{number}.png").write_bytes(b"no image")
        with pytest.raises(DataError, match=r"8 of 20 .* and 3 more; remove them"):
            load(pets)

    def test_nothing_but_damage(self, tmp_path: Path) -> None:
        for label in "ab":
            (tmp_path / label).mkdir()
            (tmp_path / label / "1.png").write_bytes(b"no image")
        with pytest.raises(DataError, match=r"none of the 2 images can be decoded: .*a/1\.png"):
            load(tmp_path)

    def test_one_class_is_not_enough(self, pets: Path) -> None:
        shutil.rmtree(pets / "dog")
        with pytest.raises(DataError, match="images of 1 class: expected a folder for each"):
            load(pets)

    def test_images_in_no_folder(self, pets: Path) -> None:
        save(pets / "stray.png", 4, 6, 3)
        with pytest.raises(DataError, match=r"stray\.png lies in no folder of a class"):
            load(pets)

    def test_a_class_that_is_only_tested(self, parts: Path) -> None:
        save(parts / "test" / "new" / "1.png", 5, 5)
        with pytest.raises(DataError, match="has no training images of new"):
            load(parts)

    def test_an_option_for_another_kind(self, pets: Path) -> None:
        with pytest.raises(DataError, match="a set of images, for which target= means nothing"):
            load(pets, target="cat")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="holds nothing that can be read"):
            load(tmp_path)

    def test_pillow_is_asked_for(self, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "PIL", None)
        with pytest.raises(DataError, match=r"pip install 'tensorgraph-engine\[image\]'"):
            load(pets)

    @given(cut=st.integers(0, 400), ending=st.sampled_from(["tar.gz", "zip"]))
    def test_a_cut_archive_is_named(
        self, cut: int, ending: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("cut")
        for label in "ab":
            save(folder / "set" / label / "1.png", 3, 3)
            save(folder / "set" / label / "2.png", 3, 3)
        archive = packed(folder / "set", folder / f"set.{ending}")
        content = archive.read_bytes()
        archive.write_bytes(content[: min(cut, len(content) - 30)])
        with pytest.raises(DataError, match=r"set\.(tar\.gz|zip)"):
            load(archive)

    def test_names_in_archives_lead_nowhere(self, pets: Path, tmp_path: Path) -> None:
        archive = tmp_path / "evil.zip"
        content = (pets / "cat" / "0.png").read_bytes()
        with zipfile.ZipFile(archive, "w") as file:
            for name in ("../../a/1.png", "../../a/2.png", "/b/1.png", "/b/2.png"):
                file.writestr(name, content)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(DataError):
            load(archive)
        assert sorted(tmp_path.rglob("*")) == before


class TestStreaming:
    def test_images_are_decoded_when_asked_for(self, pets: Path) -> None:
        whole, lazy = load(pets), load(pets, stream=True)
        assert isinstance(lazy.x_train, LazyInputs)
        assert lazy.x_train.shape == whole.x_train.shape
        cut = zip(
            batches(whole.x_train, whole.y_train, 5, seed=1, epoch=2),
            batches(lazy.x_train, lazy.y_train, 5, seed=1, epoch=2),
            strict=True,
        )
        for (x, y), (lazy_x, lazy_y) in cut:
            np.testing.assert_array_equal(lazy_x, x)
            np.testing.assert_array_equal(lazy_y, y)

    def test_a_vanished_file_is_named(self, pets: Path) -> None:
        lazy = load(pets, stream=True)
        shutil.rmtree(pets / "dog")
        with pytest.raises(DataError, match=r"dog.\d\.png is damaged: .*No such file"):
            lazy.x_train[:]

    def test_processes_give_the_same_and_end(
        self, pets: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import multiprocessing

        monkeypatch.setattr("tensorgraph.data.images._MANY", 1)
        whole, decoded = load(pets), load(pets, workers=1)
        np.testing.assert_array_equal(decoded.x_train, whole.x_train)
        assert not multiprocessing.active_children()

    def test_processes_decode_batches_and_end_with_the_set(self, pets: Path) -> None:
        import gc
        import multiprocessing
        import time

        whole, lazy = load(pets), load(pets, stream=True, workers=2)
        np.testing.assert_array_equal(lazy.x_train[:5], whole.x_train[:5])
        assert multiprocessing.active_children()
        del lazy
        gc.collect()
        for _ in range(100):
            if not multiprocessing.active_children():
                break
            time.sleep(0.05)
        assert not multiprocessing.active_children()

    def test_a_process_that_dies_is_reported(self, pets: Path) -> None:
        import os
        import signal

        from tensorgraph.data.pictures import Decoder, Form

        with Decoder(1) as decoder:
            files = sorted((pets / "cat").iterdir())
            assert len(list(decoder.decode_all(files, Form(), 10))) == 10
            (process,) = decoder._pool._processes.values()
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(DataError, match="a process that decodes images ended"):
                list(decoder.decode_all(files, Form(), 10))


class TestRealCifar:
    def test_it_loads_by_path_and_by_name(
        self, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The beginning of it, which is quicker: a thousand images a class.
        with tarfile.open(shared_data / "cifar10" / "cifar10-jpg.tar.xz") as archive:
            for member in itertools.islice(archive, 2500):
                archive.extract(member, tmp_path / "cifar10", filter="data")
        two = load(tmp_path / "cifar10").class_names[:2]
        assert two == ("airplane", "automobile")
        monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path))
        examples = load("cifar10", only=two)
        assert (examples.name, examples.class_names) == ("cifar10", two)
        assert examples.input_shape == (32, 32, 3)
        with pytest.raises(DataError, match=r"does not hold cifar10, .* in 10 classes"):
            load("cifar10")


PIXELS = 3072


def cifar_arrays(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, PIXELS), np.uint8), random.integers(0, 3, count)


@pytest.fixture(params=["binary", "python"])
def cifar(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with a small CIFAR-10 in one of its published forms."""
    folder = tmp_path / "cifar" / "cifar-10-batches"
    folder.mkdir(parents=True)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for seed, name in enumerate(names):
        pixels, labels = cifar_arrays(4, seed)
        if request.param == "binary":
            records = np.c_[labels.astype(np.uint8), pixels]
            (folder / f"{name}.bin").write_bytes(records.tobytes())
        else:
            value = {b"data": pixels, b"labels": labels.tolist(), b"batch_label": b"one"}
            (folder / name).write_bytes(pickle.dumps(value, 2))
    if request.param == "binary":
        (folder / "batches.meta.txt").write_text("cat\ndog\nfox\n\n", encoding="utf-8")
    else:
        meta = {b"label_names": [b"cat", b"dog", b"fox"]}
        (folder / "batches.meta").write_bytes(pickle.dumps(meta, 2))
    return folder.parent


class TestCifar:
    def test_pixels_labels_and_names(self, cifar: Path) -> None:
        examples = load(cifar)
        assert examples.class_names == ("cat", "dog", "fox")
        assert (len(examples.x_train), len(examples.x_test)) == (20, 4)
        pixels, labels = cifar_arrays(4, 1)
        np.testing.assert_array_equal(examples.y_train[4:8], labels)
        # Red, green and blue one after the other, each row by row.
        expected = pixels[2].reshape(3, 32, 32)[:, 5, 7]
        np.testing.assert_array_equal(np.round(examples.x_train[6, 5, 7] * 255), expected)

    def test_archive_and_stream_give_the_same(self, cifar: Path, tmp_path: Path) -> None:
        plain, lazy = load(cifar), load(cifar, stream=True)
        archive = load(packed(cifar, tmp_path / "cifar-10.tar.gz"))
        assert isinstance(lazy.x_train, LazyInputs)
        for other in (lazy, archive):
            np.testing.assert_array_equal(other.x_train[:], plain.x_train)
            np.testing.assert_array_equal(other.y_test, plain.y_test)

    def test_cifar100_has_two_labels(self, tmp_path: Path) -> None:
        for part in ("train", "test"):
            pixels, labels = cifar_arrays(4, 0)
            records = np.c_[np.full(4, 9, np.uint8), labels.astype(np.uint8), pixels]
            (tmp_path / f"{part}.bin").write_bytes(records.tobytes())
        (tmp_path / "fine_label_names.txt").write_text("a\nb\nc\n", encoding="utf-8")
        examples = load(tmp_path)
        np.testing.assert_array_equal(examples.y_train, labels)
        assert examples.class_names == ("a", "b", "c")

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({b"labels": [0]}, "must hold an array `data` of bytes, 3072 for each image"),
            ({b"data": np.zeros((2, 5), np.uint8)}, "must hold an array `data`"),
            ({b"data": np.zeros((2, PIXELS), np.uint8), b"labels": [0]}, "2 images, but 1 labels"),
            ({b"data": np.zeros((2, PIXELS), np.uint8)}, "labels are one whole number"),
        ],
    )
    def test_a_pickle_of_something_else(self, tmp_path: Path, value, message: str) -> None:
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
            (tmp_path / name).write_bytes(pickle.dumps(value, 2))
        (tmp_path / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"a"]}, 2))
        with pytest.raises(DataError, match=f"data_batch_1.*{message}"):
            load(tmp_path)

    def test_a_missing_file_and_a_cut_one(self, cifar: Path) -> None:
        file = next(cifar.rglob("data_batch_3*"))
        content = file.read_bytes()
        file.write_bytes(content[:-5])
        with pytest.raises(DataError, match=file.name):
            load(cifar)
        file.unlink()
        with pytest.raises(DataError, match=f"lacks {file.name}"):
            load(cifar)


class Trap:
    """Runs something when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class TestPickles:
    @pytest.mark.parametrize("protocol", range(5))
    @pytest.mark.parametrize("dtype", ["u1", ">i2", "<f4", "?", "c16"])
    def test_arrays_come_back(self, protocol: int, dtype: str) -> None:
        array = np.arange(24).reshape(2, 3, 4).astype(dtype)
        value = {"a": array, "f": np.asfortranarray(array), "n": 3, "l": [1.5, "x", None, (b"y",)]}
        read = read_pickled_arrays(pickle.dumps(value, protocol), "here")
        np.testing.assert_array_equal(read["a"], array)
        np.testing.assert_array_equal(read["f"], array)
        assert read["n"] == 3
        assert read["l"] == [1.5, "x", None, ["y"]]

    def test_nothing_is_run(self, tmp_path: Path) -> None:
        trap = tmp_path / "sprung"
        objects = np.empty(1, object)
        objects[0] = Trap(trap)
        for value in ({"a": Trap(trap)}, {"a": objects}, Trap(trap), {"a": io.BytesIO()}):
            with pytest.raises(DataError, match=r"here is (refused|damaged)"):
                read_pickled_arrays(pickle.dumps(value), "here")
        assert not trap.exists()

    @pytest.mark.parametrize(
        "program",
        [
            b"cos\nsystem\n(S'touch sprung'\ntR.",
            b"cbuiltins\neval\n(S'1'\ntR.",
            b"cnumpy\nload\n(S'x'\ntR.",
            # What is admitted, called or filled wrongly.
            b"cnumpy\ndtype\n(S'O'\ntR.",
            b"(dS'a'\ncnumpy.core.multiarray\n_reconstruct\n(tR(I1\n(I9\ntcnumpy\ndtype\n(S'u1'\ntRI00\nS'x'\ntbs.",
            b"cnumpy.core.multiarray\n_reconstruct\n}S'_function'\nNsb.",
            b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.",
            b"Pid\n.",
            b"I1\n.",
            b"",
            b"\x80\x04.",
        ],
    )
    def test_a_program_is_refused(self, program: bytes) -> None:
        with pytest.raises(DataError, match=r"here is (refused|damaged)"):
            read_pickled_arrays(program, "here")

    @given(data=st.data())
    def test_damage_is_a_data_error_or_harmless(self, data: st.DataObject) -> None:
        content = bytearray(pickle.dumps({"a": np.arange(30, dtype="u1"), "b": [1, 2]}, 2))
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
        with suppress(DataError):
            read_pickled_arrays(bytes(content), "here")
