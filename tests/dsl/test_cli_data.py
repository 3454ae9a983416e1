"""`tg data`, as a user runs it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import dsl.cli
from tensorgraph.data.known import KNOWN, KnownSet, RemoteFile


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def tg(tmp_path, monkeypatch, capfd):
    """Return a function that runs `tg data` in an empty folder, with no sets on the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path / "sets"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")

    def run(*args: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            dsl.cli.main(["data", *map(str, args)])
        code = exit_.value.code
        assert isinstance(code, int)
        return Result(code, *capfd.readouterr())

    return run


def size_of(path: Path) -> tuple[int, int]:
    image = pytest.importorskip("PIL.Image")
    with image.open(io.BytesIO(path.read_bytes())) as picture:
        assert picture.format == "PNG"
        return picture.size


class TestHelp:
    @pytest.mark.parametrize("command", ["list", "info", "fetch", "show"])
    def test_each_command_shows_an_example(self, tg, command):
        result = tg(command, "--help")
        assert result.code == 0
        assert f"Example:\n    tg data {command}" in result.out

    def test_group(self, tg):
        result = tg("--help")
        assert all(command in result.out for command in ("list", "info", "fetch", "show"))


class TestList:
    def test_a_line_for_each_set(self, tg):
        lines = tg("list").out.splitlines()
        assert [line.split()[0] for line in lines] == ["name", *KNOWN]
        assert lines[1].split()[-5:] == ["included", "yes", "CC", "BY", "4.0"]
        assert "170.1 MB" in lines[4]
        assert "  no  " in lines[4]

    def test_json(self, tg):
        records = json.loads(tg("list", "--json").out)
        assert [record["name"] for record in records] == list(KNOWN)
        assert records[0]["folder"] == "part of tensorgraph"
        assert records[1]["folder"] is None


class TestInfo:
    def test_a_set_that_is_there(self, tg):
        result = tg("info", "digits")
        assert result.code == 0
        assert "input shape    8x8x1" in result.out
        assert "CC BY 4.0 (E. Alpaydin, C. Kaynak)" in result.out
        assert "train classes  14" in result.out

    def test_a_set_that_is_not(self, tg):
        result = tg("info", "cifar10")
        assert (
            "cifar-10-binary.tar.gz  170.1 MB  md5 c32a1d4ab5d03f1284b67883e8d87530" in result.out
        )
        assert "folder         not on this machine" in result.out

    def test_a_table(self, tg, tmp_path):
        (tmp_path / "t.csv").write_text("a,b\n" + "1.5,yes\n2,no\n" * 5, encoding="utf-8")
        record = json.loads(tg("info", "t.csv", "--json").out)
        assert record["class_names"] == ["no", "yes"]
        assert record["train_classes"] == [4, 4]
        assert "target range   1.5, 2.0" in tg("info", "t.csv", "--target", "a").out

    def test_what_is_wrong_is_said_without_a_traceback(self, tg, tmp_path):
        result = tg("info", "digit")
        assert (result.code, result.out) == (1, "")
        assert result.err == (
            "error: 'digit' is neither a file or folder nor a known data set (did you mean"
            " 'digits'?); known are digits, mnist, fashion_mnist, cifar10, cifar100\n"
        )
        (tmp_path / "t.csv").write_text("a,b\n1,\n", encoding="utf-8")
        result = tg("info", "t.csv")
        assert result.code == 1
        assert "line 2, column 'b': the value is missing" in result.err


class TestFetch:
    def test_from_a_mirror(self, tg, tmp_path, monkeypatch):
        content = b"some bytes" * 100
        file = RemoteFile("f.bin", len(content), hashlib.md5(content).hexdigest())
        entry = KnownSet("things", "", (1,), ("a", "b"), 1, 1, "", "", (), (file,))
        monkeypatch.setitem(KNOWN, "things", entry)
        (tmp_path / "f.bin").write_bytes(content)
        result = tg("fetch", "things", "--mirror", tmp_path.as_uri())
        assert result.out == f"things is in {tmp_path / 'sets' / 'things'}\n"
        assert (tmp_path / "sets" / "things" / "f.bin").read_bytes() == content
        assert tg("fetch", "things", "--folder", "own", "--mirror", tmp_path.as_uri()).code == 0
        assert (tmp_path / "own" / "f.bin").exists()

    def test_faults(self, tg):
        assert tg("fetch", "digits").out == "digits is part of tensorgraph\n"
        assert "no known data set" in tg("fetch", "digit").err
        assert tg("fetch").code == 2
        assert tg("fetch", "mnist", "digits", "--folder", "x").code == 2
        refused = tg("fetch", "mnist", "--mirror", "http://127.0.0.1:9/x", "--quiet")
        assert refused.code == 1
        assert "train-images-idx3-ubyte.gz could not be fetched" in refused.err


class TestShow:
    def test_digits(self, tg, tmp_path):
        assert tg("show", "digits").out == "examples.png\n"
        width, height = size_of(tmp_path / "examples.png")
        assert (width, height) == (5 * 70 + 6, 5 * 84 + 6)

    def test_choices(self, tg, tmp_path):
        first = tg("show", "digits", "-o", "a.png", "--count", 6, "--class", "3", "--part", "test")
        assert first.code == 0
        assert size_of(tmp_path / "a.png") == (3 * 70 + 6, 2 * 84 + 6)
        tg("show", "digits", "-o", "b.png", "--count", 6, "--class", "3", "--part", "test")
        tg("show", "digits", "-o", "c.png", "--count", 6, "--class", "3", "--seed", 1)
        a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
        assert a == b != c

    def test_a_net_file_draws_what_it_is_trained_on(self, tg, tmp_path):
        text = "dense 10 softmax; train {{ data digits; augment {{ {} }} }}\n"
        for name, steps in (("plain", ""), ("moved", "shift 2 rotate 20 mixup 0.2")):
            net = text.format(steps) if steps else "dense 10 softmax; train { data digits }\n"
            (tmp_path / f"{name}.net").write_text(net, encoding="utf-8")
            assert tg("show", f"{name}.net", "-o", f"{name}.png").code == 0
        assert tg("show", "digits", "-o", "digits.png").code == 0
        plain, moved, digits = (
            (tmp_path / f"{name}.png").read_bytes() for name in ("plain", "moved", "digits")
        )
        assert plain == digits != moved

    def test_a_folder_of_images_of_two_sizes(self, tg, tmp_path):
        image = pytest.importorskip("PIL.Image")
        for label in ("cat", "dog"):
            (tmp_path / "pets" / label).mkdir(parents=True)
            for number in range(5):
                pixels = np.full((9 + number, 20, 3), number, np.uint8)
                image.fromarray(pixels).save(tmp_path / "pets" / label / f"{number}.png")
        (tmp_path / "pets" / "dog" / "x.png").write_bytes(b"no image")
        assert "resize=" in tg("show", "pets").err
        assert "1 of 11 images" in tg("show", "pets", "--resize", "10x20").err
        result = tg("show", "pets", "--resize", "10x20", "--skip-damaged", "--count", 3)
        assert result.code == 0
        assert result.err.startswith("note: 1 of 11 images")
        assert tg("show", "pets", "--resize", "10y20").code == 2
        assert tg("show", "pets", "--resize", "0").code == 2

    def test_what_cannot_be_drawn(self, tg, tmp_path):
        (tmp_path / "t.csv").write_text("a,b\n" + "1.5,yes\n2,no\n" * 5, encoding="utf-8")
        assert "are no images that can be drawn" in tg("show", "t.csv").err
        assert "has no class 'x': 0, 1" in tg("show", "digits", "--class", "x").err
        assert "no such examples in its val part" in tg("show", "digits", "--part", "val").err
