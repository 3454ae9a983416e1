"""The command `tg`, as a user runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import dsl.cli

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = str(EXAMPLES / "digits.net")
COMMANDS = (
    "train",
    "eval",
    "predict",
    "summary",
    "render",
    "check",
    "plan",
    "gradcheck",
    "profile",
    "bench",
    "fmt",
    "help",
    "explain",
    "compare",
    "lr-find",
    "tune",
    "convert-weights",
    "step",
)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Return a run folder of the packaged digits, trained for three epochs."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.raises(SystemExit) as exit_:
        dsl.cli.main(["train", DIGITS, "--epochs", "3", "--out", str(folder), "--quiet"])
    assert exit_.value.code == 0
    return folder


class TestHelp:
    def test_version(self, tg):
        result = tg("--version")
        assert result.code == 0
        assert re.fullmatch(r"tg \d+\.\d+\.\d+\S*\n", result.out)

    def test_group(self, tg):
        result = tg("--help")
        assert result.code == 0
        assert all(command in result.out for command in COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_each_command_shows_an_example(self, tg, command):
        result = tg(command, "--help")
        assert result.code == 0
        assert f"Example:\n    tg {command} " in result.out

    def test_wrong_usage_is_code_2(self, tg):
        assert tg("train").code == 2
        assert tg("trian", DIGITS).code == 2
        assert tg("train", DIGITS, "--epochs", "0").code == 2


class TestCheck:
    def test_valid(self, tg):
        result = tg("check", DIGITS)
        assert result.code == 0
        assert "is valid" in result.out

    def test_two_mistakes_in_one_pass(self, tg):
        Path("bad.net").write_text("input 28x28x1\nconv 32 33x33 relu\ndense 10 softmx\n")
        result = tg("check", "bad.net")
        assert result.code == 1
        starts = [line for line in result.err.splitlines() if line.startswith("error[")]
        places = re.findall(r"^ *--> bad\.net:(\d+):(\d+)$", result.err, re.MULTILINE)
        assert len(starts) == 2
        assert places == [("2", "9"), ("3", "10")]
        assert result.err.count("help: ") == 2
        assert "^^^^^" in result.err

    def test_missing_file(self, tg):
        result = tg("check", "nowhere.net")
        assert result.code == 1
        assert "nowhere.net" in result.err
        assert "Traceback" not in result.err


class TestSummary:
    def test_json(self, tg):
        result = tg("summary", EXAMPLES / "lenet5.net", "--json")
        values = json.loads(result.out)
        assert values["net"] == "lenet5"
        assert values["parameters"] == 61706
        assert values["trainable"] == 61706
        assert [layer["output_shape"] for layer in values["layers"]][:2] == [
            [28, 28, 6],
            [14, 14, 6],
        ]
        assert {"name", "kind", "line", "output_shape", "parameters"} <= set(values["layers"][0])

    def test_table_is_not_cut(self, tg):
        result = tg("summary", EXAMPLES / "lenet5.net")
        assert "61,706" in result.out
        assert "multiply-adds" in result.out
        assert "…" not in result.out

    def test_shape_from_data(self, tg):
        Path("short.net").write_text("conv 32 3x3 relu; maxpool 2; dense 10 softmax\n")
        assert "54,410" in tg("summary", "short.net", "--data", "mnist").out
        assert tg("check", "short.net").code == 0


class TestTrain:
    def test_run_folder(self, run_folder):
        assert {p.name for p in run_folder.iterdir()} == {
            "checkpoints",
            "config.json",
            "curves.svg",
            "digits.net",
            "graph.svg",
            "histograms.safetensors",
            "metrics.jsonl",
            "model.safetensors",
            "summary.json",
        }
        summary = json.loads((run_folder / "summary.json").read_text())
        assert list(summary) == [
            *("net", "epochs", "steps", "train_loss", "train_accuracy", "val_loss"),
            *("val_accuracy", "test_loss", "test_accuracy", "seconds", "examples_per_second"),
            *("parameters", "backend", "seed", "versions", "classes"),
        ]
        assert summary["epochs"] == 3
        assert summary["test_accuracy"] > 0.9
        lines = (run_folder / "metrics.jsonl").read_text().splitlines()
        losses = [json.loads(line)["train_loss"] for line in lines]
        assert len(losses) == 3
        assert losses[2] < losses[0]
        assert (run_folder / "digits.net").read_text() == Path(DIGITS).read_text()
        weights = load_file(run_folder / "model.safetensors")
        assert sum(w.size for w in weights.values()) == summary["parameters"]
        assert (run_folder / "curves.svg").read_bytes().startswith(b"<?xml")

    def test_reaches_the_promised_accuracy(self, tg):
        result = tg("train", DIGITS, "--json")
        assert json.loads(result.out)["test_accuracy"] >= 0.95

    def test_same_seed_same_bytes(self, tg):
        for out in ("a", "b"):
            assert tg("train", DIGITS, "--seed", 1, "--epochs", 2, "--out", out).code == 0
        tg("train", DIGITS, "--seed", 2, "--epochs", 2, "--out", "c")
        a, b, c = (Path(out, "model.safetensors").read_bytes() for out in "abc")
        assert a == b
        assert a != c

    def test_command_line_wins_and_folders_are_numbered(self, tg):
        for _ in range(2):
            result = tg("train", DIGITS, "--epochs", 1, "--batch", 100, "--limit", 210)
            assert result.code == 0
        folders = [Path("runs/digits-1"), Path("runs/digits-2")]
        for folder in folders:
            summary = json.loads((folder / "summary.json").read_text())
            # 10 % of the 210 examples validate.
            assert (summary["epochs"], summary["steps"]) == (1, 2)
        assert "runs/digits-2/model.safetensors" in result.out
        assert "epoch 1/1" in result.out

    def test_quiet(self, tg):
        result = tg("train", DIGITS, "--epochs", 1, "--limit", 100, "--quiet")
        assert result == (0, "", "")

    def test_occupied_folder(self, tg):
        Path("out").mkdir()
        Path("out/precious.txt").write_text("keep me")
        result = tg("train", DIGITS, "--out", "out")
        assert result.code == 1
        assert "out is not empty" in result.err
        assert [p.name for p in Path("out").iterdir()] == ["precious.txt"]

    def test_data_that_does_not_exist(self, tg):
        result = tg("train", DIGITS, "--data", "digit")
        assert result.code == 1
        assert "did you mean 'digits'" in result.err

    def test_data_that_does_not_suit(self, tg):
        np.savez("odd.npz", x=np.zeros((20, 5, 5, 1), np.float32), y=np.arange(20) % 2)
        result = tg("train", DIGITS, "--data", "odd.npz")
        assert result.code == 1
        assert "5x5x1" in result.err

    def test_no_data(self, tg):
        Path("plain.net").write_text("input 4\ndense 2 softmax\n")
        result = tg("train", "plain.net")
        assert result.code == 2
        assert "--data" in result.err

    def test_path_in_the_file_is_relative_to_the_file(self, tg):
        Path("sub").mkdir()
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 4)).astype(np.float32)
        np.savez("sub/points.npz", x=x, y=(x[:, 0] > 0).astype(np.int64))
        Path("sub/two.net").write_text('dense 2 softmax\ntrain { data "points.npz"; epochs 1 }\n')
        assert tg("train", "sub/two.net").code == 0

    def test_interruption_keeps_what_is_trained(self, tmp_path):
        command = [sys.executable, "-c", "from dsl.cli import main; main()"]
        process = subprocess.Popen(
            [*command, "train", DIGITS, "--epochs", "1000", "--out", str(tmp_path / "run")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        metrics = tmp_path / "run" / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while not metrics.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "stopped by Ctrl-C" in out
        summary = json.loads((tmp_path / "run" / "summary.json").read_text())
        assert 0 < summary["epochs"] < 1000
        assert load_file(tmp_path / "run" / "model.safetensors")
        assert (tmp_path / "run" / "curves.svg").exists()


class TestEvalAndPredict:
    def test_eval_agrees_with_training(self, tg, run_folder):
        trained = json.loads((run_folder / "summary.json").read_text())
        result = json.loads(tg("eval", run_folder, "--json").out)
        assert result["test_accuracy"] == trained["test_accuracy"]
        assert result["examples"] == 360
        assert "test accuracy" in tg("eval", run_folder).out

    def test_eval_on_data_of_another_shape(self, tg, run_folder):
        np.savez("odd.npz", x=np.zeros((20, 5, 5, 1), np.float32), y=np.arange(20) % 10)
        result = tg("eval", run_folder, "--data", "odd.npz")
        assert result.code == 1
        assert "does not suit" in result.err

    def test_predict_arrays(self, tg, run_folder):
        from tensorgraph import data

        digits = data.load("digits")
        np.save("one.npy", digits.x_test[0])
        np.save("three.npy", digits.x_test[:3, :, :, 0])
        result = tg("predict", run_folder, "one.npy", "three.npy")
        assert result.code == 0
        assert re.match(r"one\.npy: \d  \d+\.\d\d %\nthree\.npy\[0\]: \d", result.out)
        answers = json.loads(tg("predict", run_folder, "three.npy", "--json").out)
        assert [a["class"] for a in answers] == [str(y) for y in digits.y_test[:3]]
        assert sum(answers[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)

    def test_predict_an_image(self, tg, run_folder):
        from PIL import Image

        from tensorgraph import data

        digits = data.load("digits")
        pixels = (digits.x_test[0, :, :, 0] * 255).astype(np.uint8)
        image = Image.fromarray(pixels)
        image.resize((64, 64), Image.Resampling.NEAREST).convert("RGB").save("digit.png")
        result = tg("predict", run_folder, "digit.png")
        assert result.out.startswith(f"digit.png: {digits.y_test[0]}  ")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("text.png", b"not an image"),
            ("cut.npy", b"\x93NUMPY\x01\x00"),
            ("pickle.npy", None),
            ("shape.npy", None),
            ("missing.npy", None),
        ],
    )
    def test_bad_files(self, tg, run_folder, name, content):
        if content is not None:
            Path(name).write_bytes(content)
        elif name == "pickle.npy":
            np.save(name, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        elif name == "shape.npy":
            np.save(name, np.zeros((3, 3)))
        result = tg("predict", run_folder, name)
        assert result.code == 1
        assert name in result.err
        assert "Traceback" not in result.err
        assert "internal error" not in result.err

    def test_damaged_runs(self, tg, run_folder, tmp_path):
        import shutil

        assert "no folder" in tg("eval", "nowhere").err
        lost = shutil.copytree(run_folder, tmp_path / "lost")
        (lost / "model.safetensors").unlink()
        assert "lacks model.safetensors" in tg("eval", lost).err
        cut = shutil.copytree(run_folder, tmp_path / "cut")
        whole = (cut / "model.safetensors").read_bytes()
        (cut / "model.safetensors").write_bytes(whole[: len(whole) // 2])
        result = tg("eval", cut)
        assert result.code == 1
        assert "model.safetensors is damaged" in result.err
        other = shutil.copytree(run_folder, tmp_path / "other")
        (other / "digits.net").write_text("input 8x8x1\ndense 10 softmax\n")
        assert "do not suit" in tg("eval", other).err
        config = shutil.copytree(run_folder, tmp_path / "config")
        (config / "config.json").write_text("{")
        assert "config.json is damaged" in tg("eval", config).err


class TestRender:
    @pytest.mark.parametrize(
        ("name", "start"), [("g.svg", b"<?xml"), ("g.png", b"\x89PNG"), ("g.pdf", b"%PDF")]
    )
    def test_formats(self, tg, name, start):
        assert tg("render", DIGITS, "-o", name).code == 0
        assert Path(name).read_bytes().startswith(start)

    def test_gradients(self, tg):
        tg("render", DIGITS, "-o", "forward.dot")
        tg("render", DIGITS, "-o", "backward.dot", "--gradients")
        forward, backward = (Path(n).read_text() for n in ("forward.dot", "backward.dot"))
        assert "Conv2DBackpropFilter" in backward
        assert "Conv2DBackpropFilter" not in forward

    def test_without_graphviz_the_dot_text_is_written(self, tg, monkeypatch):
        from tensorgraph import viz
        from tensorgraph.viz import painting

        def nothing_draws(dot, format):
            raise viz.GraphvizMissingError("pip install pygraphviz", dot)

        tg("render", DIGITS, "-o", "drawn.dot")
        monkeypatch.setattr(painting, "draw", nothing_draws)
        result = tg("render", DIGITS, "-o", "graph.svg")
        assert result.code == 0
        assert result.out == "wrote graph.dot\n"
        assert "pip install pygraphviz" in result.err
        assert not Path("graph.svg").exists()
        assert Path("graph.dot").read_text() == Path("drawn.dot").read_text()

    def test_unknown_format(self, tg):
        result = tg("render", DIGITS, "-o", "graph.bmp")
        assert result.code == 1
        assert ".svg" in result.err


class TestPlan:
    def test_training_step(self, tg):
        result = tg("plan", DIGITS, "--batch", "7")
        assert result.code == 0
        assert re.search(
            r"float32\(7, 8, 8, 16\) +Conv2D\(.*\) +buffer \d+ +# conv/Conv2D_1, digits.net:5:1",
            result.out,
        )
        assert "ApplyAdam" in result.out
        assert re.search(r"\d+ steps, \d+ buffers, [\d,]+ bytes\n$", result.out)

    def test_prediction_needs_less(self, tg):
        training, prediction = (
            int(re.search(r"([\d,]+) bytes", tg("plan", DIGITS, *flag).out)[1].replace(",", ""))
            for flag in ((), ("--predict",))
        )
        assert prediction < training / 2
        assert "DropoutMask" not in tg("plan", DIGITS, "--predict").out

    def test_large_batches_run_in_regions(self, tg):
        out = tg("plan", EXAMPLES / "lenet5.net", "--batch", "512").out
        assert re.search(r"Region\(.*\) +# conv/Conv2D_1 … \S+ \(\d+ operations\), lenet5", out)
        # The results of a region are many: the first ones stand for them.
        assert re.search(r"%\d+, %\d+, %\d+.*: float32\([\d, ]+\), float32\([\d, ]+\), … ", out)

    def test_passes(self, tg):
        from tensorgraph.passes import pipeline

        result = tg("plan", DIGITS, "--passes")
        assert result.code == 0
        rows = re.findall(r"^ +(\S.*?) {2,}(\d+) +(\d+) +(\S.*?) *$", result.out, re.MULTILINE)
        names, before, after, texts = zip(*rows, strict=True)
        assert names == (*(step.name for step in pipeline.PIPELINE), "(the plan)")
        assert before[1:] == after[:-1]
        assert int(after[-1]) < int(before[0])
        assert all(text.endswith(".") for text in texts)
        fewer = tg("plan", DIGITS, "--passes", "--predict").out
        assert "digits: a prediction, batch" in fewer


class TestGradcheck:
    def test_every_layer_passes(self, tg):
        result = tg("gradcheck", DIGITS)
        assert result.code == 0
        *layers, total = result.out.splitlines()
        names = [line.removeprefix("ok").split(":")[0].strip() for line in layers]
        assert names == ["conv", "conv_1", "dense", "dense_1"]
        assert all("kernel right in 20 elements" in line for line in layers)
        assert total == "4 of 4 layers agree with central differences"

    def test_a_wrong_gradient_is_code_1(self, tg, monkeypatch):
        from tensorgraph.ops.math import Tanh

        right = Tanh.gradient
        monkeypatch.setattr(Tanh, "gradient", lambda self, op, dy: (right(self, op, dy)[0] * 1.01,))
        Path("tanh.net").write_text("input 3\ndense 4 tanh\ndense 2 softmax\n")
        result = tg("gradcheck", "tanh.net")
        assert result.code == 1
        assert re.search(r"^WRONG dense: kernel wrong at \[", result.out, re.MULTILINE)
        assert re.search(r"^ok    dense_1: ", result.out, re.MULTILINE)
