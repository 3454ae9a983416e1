"""Networks on tables and texts: trained, scored and asked, from the files alone."""

from __future__ import annotations

import json

import pytest

import dsl
import dsl.cli

TABLE = "size,colour,kind\n" + "".join(
    f"{i % 7 + 10 * (i % 2)}.5,{('blue', 'red')[i % 2]},{('pear', 'apple')[i % 2]}\n"
    for i in range(60)
)
TEXTS = "".join(
    f"{('bad', 'good')[i % 2]}\tThis film, number {i}, was {('awful', 'great')[i % 2]}!\n"
    for i in range(80)
)


@pytest.fixture
def tg(tmp_path, monkeypatch, capfd):
    """Return a function that runs `tg` in a folder with a table and texts, and what it prints."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fruit.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "reviews.txt").write_text(TEXTS, encoding="utf-8")

    def run(*args: object) -> str:
        with pytest.raises(SystemExit) as exit_:
            dsl.cli.main([str(a) for a in args])
        out, err = capfd.readouterr()
        assert exit_.value.code == 0, err
        return out

    return run


def test_a_table_is_trained_on_and_asked(tg, tmp_path):
    (tmp_path / "fruit.net").write_text(
        "dense 8 relu; dense 2 softmax\n"
        'train { data "fruit.csv"; optimizer adam lr=0.05; epochs 20\n'
        "preprocess { standardize } }\n",
        encoding="utf-8",
    )
    tg("train", "fruit.net", "--out", "run", "--quiet")
    assert json.loads(tg("eval", "run", "--json"))["test_accuracy"] == 1
    (tmp_path / "ask.csv").write_text("colour,size\nred,12.5\nblue,3.5\n", encoding="utf-8")
    answers = json.loads(tg("predict", "run", "ask.csv", "--json"))
    assert [answer["class"] for answer in answers] == ["apple", "pear"]


def test_numbers_of_a_table_are_predicted(tg, tmp_path):
    (tmp_path / "size.net").write_text(
        'dense 1\ntrain { data "fruit.csv" target="size"; optimizer adam lr=0.1; epochs 5 }\n',
        encoding="utf-8",
    )
    tg("train", "size.net", "--out", "run", "--quiet")
    assert len(json.loads(tg("predict", "run", "fruit.csv", "--json"))) == 60


def test_texts_are_trained_on_and_asked(tg, tmp_path):
    (tmp_path / "reviews.net").write_text(
        "input 8 of 50; embedding 8; gru 8; dense 2 softmax\n"
        'train { data "reviews.txt"; optimizer adam lr=0.05; epochs 12; batch 16 }\n',
        encoding="utf-8",
    )
    tg("train", "reviews.net", "--out", "run", "--quiet")
    assert json.loads(tg("eval", "run", "--json"))["test_accuracy"] == 1
    (tmp_path / "ask.txt").write_text("It was great!\nSo awful!\n", encoding="utf-8")
    answers = json.loads(tg("predict", "run", "ask.txt", "--json"))
    assert [answer["class"] for answer in answers] == ["good", "bad"]


def test_a_column_of_texts_is_named(tg, tmp_path):
    lines = "".join(f"{i},so {('bad', 'good')[i % 2]},{i % 2}\n" for i in range(60))
    (tmp_path / "stars.csv").write_text(f"id,review,stars\n{lines}", encoding="utf-8")
    (tmp_path / "stars.net").write_text(
        "input 3 of 20; embedding 4; flatten; dense 2 softmax\n"
        'train { data "stars.csv" target=stars text=review; optimizer adam lr=0.1; epochs 10 }\n',
        encoding="utf-8",
    )
    tg("train", "stars.net", "--out", "run", "--quiet")
    assert json.loads(tg("eval", "run", "--json"))["test_accuracy"] == 1


def test_some_classes_of_a_known_set(tg, tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path))
    for label, level in (("bird", 10), ("cat", 90), ("dog", 250)):
        (tmp_path / "cifar10" / label).mkdir(parents=True)
        for number in range(10):
            picture = image.new("RGB", (32, 32), (level, level, number))
            picture.save(tmp_path / "cifar10" / label / f"{number}.png")
    (tmp_path / "pets.net").write_text(
        "dense 2 softmax\n"
        'train { data cifar10 resize=8x8 only=["cat", "dog"]; epochs 60; optimizer adam lr=0.1 }\n',
        encoding="utf-8",
    )
    tg("train", "pets.net", "--out", "run", "--quiet")
    assert json.loads(tg("eval", "run", "--json"))["test_accuracy"] == 1
    tg("fmt", "pets.net")
    assert 'data cifar10 resize=8x8 only=["cat", "dog"]' in (tmp_path / "pets.net").read_text()


@pytest.mark.parametrize("value", ["3", '"cat"', "[]", "[1, 2]"])
def test_classes_are_a_list_of_names(tmp_path, value):
    path = tmp_path / "pets.net"
    path.write_text(f"dense 2 softmax\ntrain {{ data cifar10 only={value} }}\n", encoding="utf-8")
    with pytest.raises(dsl.NetError, match=r'a list of names, such as \["cat", "dog"\]'):
        dsl.load(path)
