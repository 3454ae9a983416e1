"""The report of a training: what its page says, and what becomes of odd runs and bad input."""

import csv
import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import dsl
import dsl.cli
from dsl.pages.pixels import framed, paint_image, paint_range, paint_shares, paint_signed, tile
from dsl.report import make_report, write_report
from dsl.report.answers import classify, compare_values, write_values
from dsl.report.distributions import show_distributions
from dsl.report.layers import show_filters, time_layers
from dsl.training.callbacks.histograms import BINS
from dsl.training.errors import RunError
from dsl.training.run import Watch, train
from dsl.training.trainer import Trainer
from tensorgraph.data import ExampleSet, load

NET = """
net tiny
input 8x8x1
conv 4 3x3 same relu
maxpool 2
b = residual { conv 4 3x3 same relu }
dropout 0.1
dense 10 softmax
train { data digits validation=0.2; optimizer adam lr=0.01; batch 50; epochs 3 }
"""


@pytest.fixture(autouse=True)
def reports(monkeypatch):
    monkeypatch.delenv("TG_NO_REPORT")


@pytest.fixture(scope="module")
def examples():
    return load("digits").limited(200)


@pytest.fixture(scope="module")
def run(tmp_path_factory, examples):
    return trained(NET, examples, tmp_path_factory.mktemp("run") / "tiny-1")


def trained(text, examples, out, source="digits", **watch):
    path = out.parent / f"{out.name}.net"
    path.write_text(text, encoding="utf-8")
    classes = len(examples.class_names) or None
    net = dsl.load(path, examples.input_shape, classes)
    return train(net, examples, source, out=out, watch=Watch(**watch)).folder.path


@pytest.fixture(scope="module")
def page(run, examples):
    return make_report(run, examples)


def tg(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        dsl.cli.main(list(map(str, arguments)))
    return end.value.code, *capsys.readouterr()


def section(page, name):
    """Return the text of a section, without markup."""
    found = re.search(f'<section id="{name}">(.*?)</section>\n\n?(?=<section|</main)', page, re.S)
    assert found is not None, name
    return html.unescape(re.sub(r"<[^>]*>", " ", found[1]))


# What the page says


def test_all_parts_are_there(page):
    for name in ("result", "network", "answers", "inside", "weights", "time", "settings"):
        assert section(page, name).strip()
        assert "missing" not in re.findall(f'id="{name}".{{0,200}}', page, re.S)[0]
    assert 'class="missing"' not in page


def test_the_numbers_are_those_of_the_run(page, run, examples):
    summary = json.loads((run / "summary.json").read_text())
    assert f"{100 * summary['test_accuracy']:.2f} %" in section(page, "result")
    right = round(summary["test_accuracy"] * len(examples.y_test))
    assert f"{right} of {len(examples.y_test)} are right" in section(page, "answers")
    assert "0.01" in section(page, "settings")
    assert summary["versions"]["numpy"] in section(page, "settings")


def test_it_needs_nothing_else(page):
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert not re.search(r"@import|url\((?!#)", page)
    assert len(page) < 1_000_000
    scripts = re.findall(r"<script\b[^>]*>", page)
    assert scripts
    assert all("nonce=" in script for script in scripts)


def test_every_picture_says_what_it_shows(page):
    assert page.count("<img") > 30
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall("<img[^>]*>", page))
    for tag in re.findall("<svg[^>]*>", page):
        assert "aria-label=" in tag or "aria-hidden=" in tag


def test_the_times_are_those_of_all_layers(page):
    text = section(page, "time")
    for layer in ("conv", "maxpool", "conv_1", "dropout", "dense", "loss, measures and all else"):
        assert layer in text


def test_the_report_is_written_where_it_is_asked_for(run, examples, tmp_path):
    assert write_report(run, examples) == run / "report.html"
    other = tmp_path / "other.html"
    assert write_report(run, examples, other) == other
    assert other.read_text().startswith("<!DOCTYPE html>")


# Names that are markup

EVIL = '"><script>alert(1)</script>'


def test_names_are_harmless(run, examples, tmp_path):
    names = (EVIL, "' onload=x", *map(str, range(2, 10)))
    evil = replace(examples, name=EVIL, class_names=names)
    folder = trained(NET.replace("epochs 3", "epochs 1"), evil, tmp_path / "a<b>&'c", EVIL)
    page = make_report(folder, evil)
    assert "<script>alert" not in page
    assert '"><script' not in page
    assert page.count("<script") == 1
    assert html.escape(EVIL, quote=False).replace('"', "&#34;") in page
    assert "a&lt;b&gt;&amp;&#39;c" in page


# Other kinds of networks


def test_a_regression(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = x[:, :1].copy()
    values = ExampleSet("numbers", x, y, x[:20], y[:20], ())
    text = "input 3\ndense 4 relu\ndense 1\ntrain { epochs 2 }"
    page = make_report(trained(text, values, tmp_path / "r", "numbers"), values)
    assert "Predicted over actual values" in page
    assert "The largest errors" in page
    assert "Confusion" not in page


def test_a_network_that_gives_back_its_input(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auto.net").write_text(
        "input 8x8x1\nconv 1 3x3 same sigmoid\n"
        "train { data digits target=itself\n loss mse\n epochs 1 }"
    )
    code, out, err = tg(capsys, "train", "auto.net", "--out", "run", "--limit", 50)
    assert (code, err) == (0, "")
    assert "run/report.html" in out
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("as it comes out") == 12


def test_several_models(examples, tmp_path):
    text = "input 8x8x1\ndense 10 softmax\ntrain { epochs 1; ensemble 2 }"
    page = make_report(trained(text, examples, tmp_path / "e"), examples)
    assert "dense/kernel" in section(page, "weights")
    assert "are right" in section(page, "answers")


def test_a_training_that_was_stopped_at_once(examples, tmp_path):
    folder = trained(NET, examples, tmp_path / "s", interrupted=lambda: True)
    page = make_report(folder, examples)
    assert "This training has not recorded them." in page


def test_frozen_layers_have_no_update(examples):
    trainer = Trainer(dsl.check(dsl.parse("input 8x8x1\ndense 4 relu frozen\ndense 10 softmax")))
    times = time_layers(trainer, examples.x_train[:20], examples.y_train[:20])
    assert [t.name for t in times][:2] == ["dense", "dense_1"]
    assert times[0].update == 0 < times[1].update
    assert all(t.total > 0 for t in times)


# Bad input


def test_without_the_data_the_rest_is_there(capsys, run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in run.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    (copy / "config.json").write_text(json.dumps({**config, "data": "/nowhere/at/all"}))
    code, out, err = tg(capsys, "report", copy)
    assert code == 0
    assert out == f"wrote {copy / 'report.html'}\n"
    assert "warning: without examples" in err
    page = (copy / "report.html").read_text()
    assert "The data of this training was not found." in page
    assert "Filters of conv" in page
    assert "/nowhere" not in page


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "summary.json"])
def test_a_folder_that_lacks_a_file(capsys, run, tmp_path, name):
    for file in run.iterdir():
        if file.is_file() and file.name != name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    code, _, err = tg(capsys, "report", tmp_path)
    assert code == 1
    assert f"it lacks {name}" in err
    assert "Traceback" not in err


def test_no_folder_at_all(capsys):
    code, _, err = tg(capsys, "report", "nowhere")
    assert code == 1
    assert "nowhere is no folder" in err


def test_other_data(capsys, run, tmp_path):
    path = tmp_path / "other.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["a", "k"], *([i, "xy"[i % 2]] for i in range(20))])
    code, _, err = tg(capsys, "report", run, "--data", path)
    assert code == 1
    assert "cannot be read like" in err
    assert not err.startswith("warning")


def test_data_of_other_classes(run, examples):
    names = ("none", *examples.class_names[1:])
    with pytest.raises(RunError, match="is not the data that"):
        make_report(run, replace(examples, class_names=names))


def test_damaged_histograms(capsys, run, examples, tmp_path):
    for file in run.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "histograms.safetensors").write_bytes(b"no safetensors")
    code, _, err = tg(capsys, "report", tmp_path)
    assert code == 1
    assert "histograms.safetensors is damaged" in err


def test_no_report(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.net").write_text("dense 10 softmax\ntrain { data digits; epochs 1 }")
    code, out, err = tg(capsys, "train", "a.net", "--out", "run", "--limit", 50, "--no-report")
    assert (code, err) == (0, "")
    assert "report" not in out
    assert not (tmp_path / "run" / "report.html").exists()


# The parts by themselves


def test_the_most_confident_mistakes_come_first():
    x, y = np.zeros((4, 2, 2, 1), np.float32), np.array([0, 1, 2, 2])
    outputs = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    found = classify(x, y, outputs, ["a", "b", "c"])
    assert found.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    assert found.wrong == 2
    told = [(m.example.number, m.actual, m.chosen, m.confidence) for m in found.mistakes]
    assert told == [(2, "c", "a", 0.8), (1, "b", "a", 0.6)]
    assert found.confused == [("b", "a", 1), ("c", "a", 1)]
    a, b, _ = found.rows
    assert (a.name, a.count, a.precision, a.recall) == ("a", 1, pytest.approx(1 / 3), 1)
    assert (b.precision, b.recall, b.f1) == (0, 0, 0)


def test_a_single_result_tells_two_classes():
    found = classify(np.zeros((2, 3)), np.array([0, 1]), np.array([[0.7], [0.9]]), ["no", "yes"])
    (mistake,) = found.mistakes
    assert (mistake.actual, mistake.chosen) == ("no", "yes")
    assert (mistake.confidence, mistake.of_actual) == (pytest.approx(0.7), pytest.approx(0.3))
    assert mistake.example.text == "0, 0, 0"


def test_the_largest_errors_come_first():
    found = compare_values(
        np.arange(3.0)[:, None], np.array([1.0, 2, 3]), np.array([[1], [5], [4]])
    )
    assert [(e.number, a, p) for e, a, p in found.worst] == [
        (1, "2", "5"),
        (2, "3", "4"),
        (0, "1", "1"),
    ]
    assert found.plot.startswith(b"<?xml")


def test_large_images_are_made_smaller():
    from base64 import b64decode

    x = np.zeros((1, 300, 150, 3), np.float32)
    found = classify(x, np.array([0]), np.array([[0.0, 1.0]]), ["a", "b"])
    content = b64decode(found.mistakes[0].example.picture.partition(",")[2])
    assert tuple(content[16:24]) == (0, 0, 0, 48, 0, 0, 0, 96)


def test_long_examples_are_cut():
    assert write_values(np.arange(3)) == "0, 1, 2"
    assert write_values(np.arange(30)).endswith(", 7, …")


def test_filters():
    net = dsl.check(dsl.parse("input 8x8x3\nconv 80 3x3\ngap\ndense 2"))
    weights = {"conv/kernel": np.ones((3, 3, 3, 80)), "dense/kernel": np.ones((80, 2))}
    found = show_filters(net, weights)
    assert (found.layer, found.text) == ("conv", "64 of 80 filters of 3x3 in colour")
    assert found.pixels.shape[1] > 16 * 48


def test_units_that_see_a_whole_image_are_filters():
    net = dsl.check(dsl.parse("input 8x8x1\nflatten\ndense 5"))
    found = show_filters(net, {"dense/kernel": np.ones((64, 5))})
    assert found.text == "5 filters of 8x8"


@pytest.mark.parametrize(
    "text", ["input 9\ndense 5", "input 8x8x1\nmaxpool 2", "input 9x2\nlstm 3"]
)
def test_no_filters(text):
    net = dsl.check(dsl.parse(text))
    weights = {f"{n.name}/{w.name}": np.ones(w.shape) for n in net.layers for w in n.weights}
    assert show_filters(net, weights) is None


def test_distributions_over_time():
    ranges = np.array([[-1, 1], [-2, 2]], np.float32)
    uniform = np.full((2, BINS), 10, np.int32)
    gradients = np.zeros((2, BINS), np.int32)
    arrays = {
        "epochs": np.array([0, 1]),
        "weights/a": uniform,
        "ranges/a": ranges,
        "gradients/a": gradients,
        "weights/b": np.eye(2, BINS, dtype=np.int32) * 5,
        "ranges/b": np.zeros((2, 2), np.float32),
        "gradients/b": gradients + np.eye(2, BINS, dtype=np.int32)[::-1],
    }
    epochs, (b, a) = show_distributions(arrays, ["b", "a", "c"])
    assert epochs == [0, 1]
    assert (a.name, a.weights.low, a.weights.high, a.gradients) == ("a", "-2", "2", None)
    assert "from -1 to 1 at the beginning, from -2 to 2 at the end" in a.weights.text
    assert b.gradients is not None
    assert show_distributions({}, []) == ([], [])


def test_pixels():
    assert paint_image(np.array([[0, 1.0]])).tolist() == [[[0, 0, 0, 255], [255] * 4]]
    assert paint_image(np.full((1, 1, 3), 2.0)).tolist() == [[[255] * 4]]
    assert paint_range(np.array([[3.0, 5.0]])).tolist() == [[[0, 0, 0, 255], [255] * 4]]
    assert paint_range(np.array([[3.0, 3.0]]))[0, 0].tolist() == [0, 0, 0, 255]
    low, none, high = paint_signed(np.array([[-2.0, 0, 1]]))[0].tolist()
    assert low == [0, 114, 178, 255]
    assert none == [255] * 4
    assert high[0] > high[2]
    assert paint_shares(np.array([[0, 1.0, np.nan]]))[0, :, 3].tolist() == [0, 255, 0]
    four = tile([paint_shares(np.ones((2, 3)))] * 3, 2, gap=1)
    assert four.shape == (5, 7, 4)
    assert four[2].max() == 0
    assert four[3:, 4:].max() == 0
    assert framed(four).shape == (7, 9, 4)
