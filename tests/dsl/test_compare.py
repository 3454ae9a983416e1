"""`tg compare`, and cross-validation with `tg train --folds`."""

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

import dsl
from dsl.steps import AugmentStep, PreprocessStep
from dsl.training.comparison import _steps, read_run
from dsl.training.folds import cross_validate
from dsl.training.run import Watch
from tensorgraph import data

NET = """\
net small
let wide = 8
input 8x8x1
flatten
dense wide relu
dense 10 softmax
train {
  data digits validation=0.2
  epochs 3
}
"""
LIMIT = ("--limit", 100, "--quiet")


@pytest.fixture
def runs(tg):
    """Return the runner of `tg` in a folder with three runs, the third without validation."""
    Path("small.net").write_text(NET)
    Path("plain.net").write_text(NET.replace("validation=0.2", "").replace("net small", ""))
    tg("train", "small.net", *LIMIT, "--out", "a")
    changes = ("--set", "optimizer.lr=0.05", "--set", "wide=16", "--epochs", 2)
    tg("train", "small.net", *LIMIT, *changes, "--out", "b")
    tg("train", "plain.net", *LIMIT, "--out", "c")
    return tg


class TestCompare:
    def test_shows_what_differs_and_nothing_else(self, runs):
        result = runs("compare", "a", "b")
        assert result.code == 0, result.err
        differing, scores = result.out.split("what came out")
        rows = {
            line.split()[0]: line.split()[1:] for line in differing.splitlines()[4:] if line.strip()
        }
        assert rows == {
            "parameters": ["610", "1,210"],
            "optimizer.lr": ["0.001", "0.05"],
            "epochs": ["3", "2"],
            "wide": ["16"],
        }
        assert "test_accuracy" in scores
        assert "val_loss" in scores

    def test_the_numbers_are_those_of_the_runs(self, runs):
        result = json.loads(runs("compare", "a", "b", "--json").out)
        for name in ("a", "b"):
            assert result["scores"][name] == json.loads(Path(name, "summary.json").read_text())
        assert result["settings"]["optimizer.lr"] == ["0.001", "0.05"]

    def test_the_curves_of_all_runs_are_in_one_picture(self, runs):
        result = runs("compare", "a", "b", "-o", "both.svg")
        assert "both.svg (val_accuracy)" in result.out
        picture = Path("both.svg").read_text()
        assert picture.count('class="line reactive') >= 2
        assert runs("compare", "a", "c", "-o", "both.svg").out.endswith("(train_accuracy)\n")
        result = runs("compare", "a", "c", "--score", "val_loss")
        assert result.code == 1
        assert "no score that all runs have" in result.err

    def test_a_run_with_itself(self, runs):
        assert "same settings" in runs("compare", "a", "a/").out

    def test_an_ensemble_is_shown_by_its_first_member(self, runs):
        runs("train", "small.net", *LIMIT, "--set", "ensemble=2", "--out", "e")
        result = runs("compare", "a", "e", "--json")
        assert result.code == 0, result.err
        assert json.loads(result.out)["settings"] == {"ensemble": ["1", "2"]}

    def test_what_is_no_run(self, runs):
        Path("empty").mkdir()
        for name, message in (("nowhere", "no folder"), ("empty", "no complete run")):
            result = runs("compare", "a", name)
            assert result.code == 1
            assert message in result.err
        Path("b/summary.json").unlink()
        assert "no end that can be read" in runs("compare", "a", "b").err
        assert runs("compare", "a").code == 2

    def test_settings_have_the_names_that_set_takes(self, runs):
        settings = read_run(Path("b")).settings
        assert settings["optimizer.lr"] == "0.05"
        assert settings["wide"] == "16"
        result = runs("train", "small.net", *LIMIT, "--set", "optimizer.beta1=0.5", "--out", "d")
        assert result.code == 0
        assert read_run(Path("d")).settings["optimizer.beta1"] == "0.5"


class TestFolds:
    def test_every_example_is_left_out_once(self, tmp_path):
        net = dsl.check(dsl.parse(NET))
        examples = data.load("digits").limited(90)
        result = cross_validate(net, examples, 3, out=tmp_path / "folds")
        assert len(result.folds) == 3
        assert not result.interrupted
        losses = [fold.scores["loss"] for fold in result.folds]
        assert result.means["loss"] == pytest.approx(np.mean(losses))
        assert result.deviations["loss"] == pytest.approx(np.std(losses, ddof=1))
        assert len(set(losses)) == 3
        # The scores are those of the last epoch on the fold itself.
        for fold in result.folds:
            assert fold.scores["loss"] == pytest.approx(fold.records[-1]["val_loss"])
            assert fold.records[-1]["steps"] == 3  # one step an epoch: 60 examples

    def test_command(self, tg):
        Path("small.net").write_text(NET)
        options = ("--folds", 3, "--limit", 90, "--out", "folds", "--epochs", 2)
        result = tg("train", "small.net", *options)
        assert result.code == 0, result.err
        assert "fold 3 of 3" in result.out
        assert result.out.count("±") == 2
        written = json.loads(Path("folds/folds.json").read_text())
        mean = statistics.fmean(fold["accuracy"] for fold in written["folds"])
        assert written["mean"]["accuracy"] == pytest.approx(mean)
        assert f"{mean:.4f} ± {written['deviation']['accuracy']:.4f}" in result.out
        assert Path("folds/curves.svg").exists()
        again = tg("train", "small.net", *options[:4], "--epochs", 2, "--json")
        assert json.loads(again.out) == written

    def test_stopping_keeps_the_folds_that_are_done(self, tmp_path):
        net = dsl.check(dsl.parse(NET))
        seen = []
        watch = Watch(show=seen.append, interrupted=lambda: len(seen) > 7)
        result = cross_validate(net, data.load("digits").limited(60), 4, out=tmp_path, watch=watch)
        assert result.interrupted
        assert len(result.folds) == 1
        assert np.isnan(result.deviations["loss"])
        assert json.loads((tmp_path / "folds.json").read_text())["deviation"]["loss"] is None

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            (("--folds", 1), 2, "--folds"),
            (("--folds", 99, "--limit", 10), 1, "2 to 10 parts are possible"),
            (("--folds", 2, "--resume", "run"), 2, "neither --resume nor --tensorboard"),
        ],
    )
    def test_wrong_numbers(self, tg, options, code, message):
        Path("small.net").write_text(NET)
        result = tg("train", "small.net", *options)
        assert result.code == code
        assert message in result.err
        assert not Path("runs").exists()


def test_steps_are_written_with_the_names_of_their_options():
    steps = [
        PreprocessStep("whiten", {"eps": 0.1}),
        AugmentStep("adversarial", {"share": 0.5, "epsilon": 0.1}),
    ]
    assert _steps(steps) == "whiten eps=0.1; adversarial 0.1 share=0.5"
