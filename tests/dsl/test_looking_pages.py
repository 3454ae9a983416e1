"""`tg inspect`, `tg attack` and `tg filters`: what they print, what stands on their pages."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dsl
from dsl.looking.attack_page import typical_epsilon
from dsl.looking.attacks import Attack
from dsl.looking.drawing import outlined, overlay, paint_signs, zoom_of
from dsl.looking.examples import chosen_examples
from dsl.looking.feature_maps import MAX_LAYERS, draw_layers
from dsl.looking.filters import FILTERS, MAX_SIDE, apply_filters, read_picture
from dsl.looking.inspect_page import make_page
from dsl.looking.inspection import inspect
from dsl.looking.opening import open_probe
from dsl.looking.probe import Probe
from dsl.training.errors import RunError
from dsl.training.run import train
from dsl.training.trainer import Trainer
from tensorgraph import data

MARKUP = '"><script>alert(1)</script>&'
NET = (
    "net tiny\ninput 8x8x1\nconv 6 3x3 same tanh\nmaxpool 2\nconv 8 3x3 relu\ngap\n"
    "dense 10 softmax\ntrain { data digits; optimizer adam lr=0.01; batch 32; epochs 6 }"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a short training."""
    folder = tmp_path_factory.mktemp("runs")
    file = folder / "tiny.net"
    file.write_text(NET)
    examples = data.load("digits")
    net = dsl.load(file, examples.input_shape, examples.classes)
    part = replace(examples, x_train=examples.x_train[:400], y_train=examples.y_train[:400])
    return train(net, part, "digits", out=folder / "run").folder.path


@pytest.fixture
def seven(tmp_path):
    path = tmp_path / "seven <b>.png"
    pixels = data.load("digits").x_test[0, :, :, 0]
    Image.fromarray((pixels * 255).astype(np.uint8)).resize((40, 20)).save(path)
    return path


class TestInspect:
    def test_a_page_of_reasons(self, tg, run, seven):
        result = tg("inspect", run, seven, "--example", 3, "--unit", "conv_1:1,1", "-o", "p.html")
        assert result.code == 0, result.err
        assert result.out.endswith("page     p.html\n")
        text = Path("p.html").read_text(encoding="utf-8")
        for part in ("Saliency", "Integrated gradients", "completeness error", "CAM", "Occlusion"):
            assert part in text
        assert "conv_1:1,1 sees the 8x8 pixels" in text
        assert "test example 3, which is 7" in text
        assert "seven &lt;b&gt;.png" in text
        assert "<b>" not in text
        assert len(text) < 5e6

    def test_numbers(self, tg, run):
        result = tg("inspect", run, "--example", 0, "--class", "3", "--json", "-o", "p.html")
        (one,) = json.loads(result.out)["images"]
        assert one["explained"] == "3"
        assert sum(one["outcomes"].values()) == pytest.approx(1, rel=1e-5)
        assert one["activation_map"] == "CAM"
        gradients = one["integrated_gradients"]
        assert abs(gradients["error"]) <= 0.02 * abs(gradients["gain"])

    def test_the_page_is_in_the_run_folder(self, tg, run):
        assert tg("inspect", run, "--example", 0).code == 0
        assert (run / "inspect.html").is_file()

    def test_several_examples_of_an_array(self, tg, run):
        np.save("some.npy", data.load("digits").x_test[:2])
        assert "some.npy[1]: " in tg("inspect", run, "some.npy", "-o", "p.html").out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--example", 0, "--class", "cat"], "knows no class 'cat': expected 0, 1, 2"),
            (["--example", 0, "--unit", "cnv"], "has no layer 'cnv'"),
            (["--example", 0, "--unit", "dense:99"], "no place in it"),
            (["--example", 9999], "has 360 test examples"),
            (["missing.png"], "missing.png is no file"),
            (["broken.png"], "broken.png is no image that can be read"),
            (["wide.npy"], "wide.npy has shape (2, 9, 9); expected (8, 8, 1)"),
            (["--example", *[0, "--example"] * 12, 0], "13 images are too many"),
        ],
    )
    def test_what_it_cannot_do(self, tg, run, arguments, message):
        Path("broken.png").write_text("no picture")
        np.save("wide.npy", np.zeros((2, 9, 9)))
        result = tg("inspect", run, *arguments)
        assert result.code == 1
        assert message in result.err
        assert "Traceback" not in result.err

    def test_what_is_no_run(self, tg, tmp_path):
        assert "is no folder" in tg("inspect", "nowhere", "x.png").err
        (tmp_path / "empty").mkdir()
        assert "no complete run folder" in tg("inspect", "empty", "x.png").err
        assert tg("inspect", "empty").code == 2

    def test_a_network_without_a_convolution(self, tmp_path):
        trainer = Trainer(dsl.check(dsl.parse("input 8x8x1\ndense 3 softmax")))
        probe = Probe(trainer, (8, 8, 1), ("a", "b", "c"))
        x = data.load("digits").x_test[0]
        page = make_page(probe, [inspect(probe, "x", x)], "run")
        assert "No class activation map: " in page
        assert "has no convolution" in page

    def test_no_name_becomes_markup(self):
        trainer = Trainer(dsl.check(dsl.parse("input 8x8x1\nconv 2 3x3\ndense 3 softmax")))
        probe = Probe(trainer, (8, 8, 1), (MARKUP, "b'\"", "c"))
        x = data.load("digits").x_test[0]
        page = make_page(probe, [inspect(probe, MARKUP, x, 0)], MARKUP, MARKUP)
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert page.count("<script") == 1

    def test_colours(self):
        text = "input 8x8x3\nconv 4 3x3 relu\ndense 2 softmax"
        probe = Probe(Trainer(dsl.check(dsl.parse(text))), (8, 8, 3), ("cat", "dog"))
        x = np.random.default_rng(1).uniform(0, 1, (8, 8, 3)).astype(np.float32)
        assert "data:image/png" in make_page(probe, [inspect(probe, "x", x)], "run")

    def test_numbers_to_predict(self):
        text = "input 8x8x1\nconv 4 3x3 relu\ndense 2"
        probe = Probe(Trainer(dsl.check(dsl.parse(text))), (8, 8, 1), ())
        x = data.load("digits").x_test[0]
        page = make_page(probe, [inspect(probe, "x", x, 1)], "run")
        (table,) = re.findall(r'<table class="outcomes">.*?</table>', page, re.DOTALL)
        assert " %" not in table


class TestAttack:
    def test_a_table_and_a_page(self, tg, run):
        result = tg(
            "attack", run, "--epsilon", 0.1, "--epsilon", 0.3, "--limit", 90, "-o", "a.html"
        )
        assert result.code == 0, result.err
        head, *rows = result.out.splitlines()
        assert head.split() == ["epsilon", "FGSM", "PGD"]
        assert [row.split()[0] for row in rows[:3]] == ["0", "0.1", "0.3"]
        assert rows[3] == "90 test examples of digits"
        page = Path("a.html").read_text(encoding="utf-8")
        assert "becomes" in page
        assert "Accuracy of tiny against epsilon" in page
        assert len(page) < 5e6

    def test_numbers(self, tg, run):
        options = ("--json", "--method", "fgsm", "--limit", 200, "-o", "a.html")
        record = json.loads(tg("attack", run, *options).out)
        accuracies = record["fgsm_accuracy"]
        assert record["epsilon"][0] == 0
        assert accuracies[0] > 0.4
        assert accuracies[0] > accuracies[3] > accuracies[-1]
        assert "pgd_accuracy" not in record

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--data", "table.csv"], "this is of kind table"),
            (["--data", "nothing"], "nothing"),
        ],
    )
    def test_what_it_cannot_do(self, tg, run, arguments, message):
        Path("table.csv").write_text("a,b\n" + "1,2\n" * 20)
        result = tg("attack", run, *arguments)
        assert result.code == 1
        assert message in result.err
        assert tg("attack", "nowhere").code == 1
        assert tg("attack", run, "--epsilon", "nan").code == 2

    def test_other_data(self, run):
        config, _, _ = open_probe(run)
        x, y = np.zeros((5, 4, 4, 1), np.float32), np.zeros(5, np.int64)
        for examples, message in [
            (data.ExampleSet("small", x, y, x, y, ("a",)), "does not suit the network"),
            (replace(data.load("digits"), x_test=x[:0], y_test=y[:0]), "no test part"),
        ]:
            with pytest.raises(RunError, match=message):
                chosen_examples(examples, config, 10)

    def test_examples_are_spread_over_the_test_part(self, run):
        config, _, _ = open_probe(run)
        digits = data.load("digits")
        numbers, x, y = chosen_examples(digits, config, 4)
        assert numbers.tolist() == [0, 120, 239, 359]
        np.testing.assert_array_equal(x, digits.x_test[numbers])
        np.testing.assert_array_equal(y, digits.y_test[numbers])

    def test_the_strength_that_is_shown(self):
        accuracies = {"fgsm": [0.9, 0.6, 0.4], "pgd": [0.9, 0.45, 0.1]}
        assert typical_epsilon(Attack((0.0, 0.1, 0.2), 5, accuracies)) == 0.1
        assert typical_epsilon(Attack((0.0, 0.1), 5, {"fgsm": [0.9, 0.8]})) == 0.1
        assert typical_epsilon(Attack((0.0,), 5, {"fgsm": [0.9]})) == 0.0


class TestFilters:
    def test_kernels_by_hand(self):
        picture = np.random.default_rng(1).uniform(0, 1, (9, 7, 3)).astype(np.float32)
        results = apply_filters(picture)
        assert [one.name for one in FILTERS] == [
            *("identity", "edges: corners", "edges: cross", "edges: all around", "sharpen"),
            *("box blur", "Gaussian 3x3", "Gaussian 5x5", "unsharp mask"),
        ]
        for one, result in zip(FILTERS, results, strict=True):
            rows, columns = (size // 2 for size in one.kernel.shape)
            edge = [(rows, rows), (columns, columns), (0, 0)]
            around = np.pad(picture, edge, mode="symmetric")
            windows = np.lib.stride_tricks.sliding_window_view(around, one.kernel.shape, (0, 1))
            expected = np.einsum("ijcab,ab->ijc", windows, one.kernel).clip(0, 1)
            np.testing.assert_allclose(result, expected, atol=1e-5)

    def test_those_of_the_language_are_those_of_the_language(self):
        for one in FILTERS:
            if one.word:
                size = "x".join(map(str, one.kernel.shape))
                text = f"input 8x8x1\nconv 1 {size} init={one.word} frozen\ndense 2"
                net = dsl.check(dsl.parse(text))
                kernel = Trainer(net).weights()["conv/kernel"]
                np.testing.assert_allclose(kernel[..., 0, 0], one.kernel, rtol=1e-6)

    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
    def test_a_strip(self, tg, mode):
        Image.new("RGB", (30, 20), (200, 100, 50)).convert(mode).save("own.png")
        result = tg("filters", "own.png")
        assert result.out == "own-filters.png\n"
        with Image.open("own-filters.png") as strip:
            assert strip.size == (3 * (150 + 8) + 8, 3 * (100 + 22 + 8) + 8)

    def test_a_page(self, tg):
        name = "a <i>'s.png"
        Image.new("L", (1200, 30), 128).save(name)
        assert tg("filters", name, "-o", "page.html").code == 0
        page = Path("page.html").read_text(encoding="utf-8")
        assert "unsharp mask" in page
        assert ">476<" in page
        assert "a &lt;i&gt;&#39;s.png" in page
        assert "<i>" not in page

    def test_large_pictures_are_made_smaller(self, tmp_path):
        Image.new("L", (1200, 30), 128).save(tmp_path / "wide.png")
        assert read_picture(tmp_path / "wide.png").shape == (9, MAX_SIDE, 1)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["missing.png"], "missing.png is no file"),
            (["broken.png"], "broken.png cannot be read as a picture: no image"),
            (["own.png", "-o", "own.jpg"], "the ending must be .png or .html"),
            (["own.png", "-o", "nowhere/own.png"], "cannot write nowhere/own.png"),
        ],
    )
    def test_what_it_cannot_do(self, tg, arguments, message):
        Path("broken.png").write_text("no picture")
        Image.new("L", (4, 4)).save("own.png")
        result = tg("filters", *arguments)
        assert result.code == 1
        assert message in result.err


class TestDrawing:
    def test_signs(self):
        pixels = paint_signs(np.array([[1.0, 0.0, -0.5]]))
        assert pixels[0, :, 3].tolist() == [255, 0, 128]
        assert pixels[0, 0, 0] > pixels[0, 2, 0]

    def test_a_map_of_nothing_leaves_the_image(self):
        image = np.full((4, 4, 1), 0.5)
        pixels = overlay(image, np.zeros((2, 2)))
        assert (pixels == pixels[0, 0]).all()

    def test_a_frame_beyond_the_image(self):
        image, factor = np.zeros((8, 8, 1)), zoom_of((10, 9))
        pixels = outlined(image, ((-2, 3), (6, 8)), np.zeros((8, 8)))
        assert pixels.shape == (10 * factor, 9 * factor, 4)
        green = (pixels[..., :3] == (0, 158, 115)).all(axis=-1)
        rows, columns = np.nonzero(green)
        assert (rows.min(), rows.max() + 1) == (0, 6 * factor)
        assert (columns.min(), columns.max() + 1) == (6 * factor, 9 * factor)

    def test_deep_networks_show_some_of_their_layers(self):
        text = "input 8x8x1\nrepeat 50 { conv 2 3x3 same relu }\ndense 3 softmax"
        trainer = Trainer(dsl.check(dsl.parse(text)))
        probe = Probe(trainer, (8, 8, 1), ("a", "b", "c"))
        layers = draw_layers(probe, data.load("digits").x_test[0])
        assert len(layers) == MAX_LAYERS
        assert (layers[0].name, layers[-1].name) == ("conv", "dense")

    def test_large_layers_are_drawn_small(self):
        text = "input 90x60x1\nconv 40 3x3 same\ngap\ndense 600\ndense 3 softmax"
        probe = Probe(Trainer(dsl.check(dsl.parse(text))), (90, 60, 1), ("a", "b", "c"))
        conv, _, dense, _ = draw_layers(probe, np.ones((90, 60, 1), np.float32))
        assert (conv.shown, conv.of) == (16, 40)
        assert max(conv.pixels.shape[:2]) < 1000
        assert (dense.shown, dense.of) == (512, 600)


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_pages_in_a_browser(tg, run, tmp_path):
    Image.new("RGB", (30, 20), (200, 100, 50)).save("own.png")
    tg("inspect", run, "--example", 0, "-o", "inspect.html")
    tg("attack", run, "--limit", 50, "-o", "attack.html")
    tg("filters", "own.png", "-o", "filters.html")
    for page, heading in [
        ("inspect", "What tiny sees"),
        ("attack", "tiny under attack"),
        ("filters", "Kernels of image processing"),
    ]:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        done = subprocess.run(
            ["chromium", *options, f"--user-data-dir={tmp_path}/{page}", "--dump-dom",
             (tmp_path / f"{page}.html").as_uri()],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert f"<h1>{heading}</h1>" in done.stdout
        assert "CONSOLE" not in done.stderr


def test_a_strip_is_a_picture():
    from dsl.looking.filter_page import draw_strip

    strip = draw_strip(apply_filters(np.zeros((5, 4, 1), np.float32)))
    with Image.open(io.BytesIO(strip)) as image:
        assert image.format == "PNG"
