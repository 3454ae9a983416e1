"""The search for hyper-parameters: what is drawn, what is kept, and `tg tune`."""

import builtins
import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import dsl
from dsl.tuning.settings import METHODS, SearchSettings
from dsl.tuning.trials import as_options
from tensorgraph import data

optuna = pytest.importorskip("optuna")

from dsl.training.errors import RunError  # noqa: E402
from dsl.tuning.search import STUDY, Search  # noqa: E402

NET = """\
net small
let rate = log_uniform(1e-4, 1e-1, 1e-3)
let units = integer(4, 16, 8)
let nonlinear = choose(relu, tanh)
let shape = choose(3x3, 1x1)
let share = uniform(0.0, 0.5, 0.1)
input 8x8x1
conv 2 shape
flatten
dense units nonlinear
dropout share
dense 10 softmax
train { data digits validation=0.2; optimizer adam lr=rate; epochs 2 }
"""


@pytest.fixture(scope="module")
def examples():
    return data.split_validation(data.load("digits").limited(100), 0.2, 0)


@pytest.fixture
def search(tmp_path, examples):
    """Return a function that opens the search of a file in a folder."""

    def make(folder="study", text=NET, examples=examples, **settings):
        settings = {"score": "val_loss", "prune": "none", **settings}
        return Search(
            dsl.check(dsl.parse(text)),
            lambda constants: dsl.check(dsl.parse(text), constants=constants),
            examples,
            tmp_path / folder,
            SearchSettings(**settings),
        )

    return make


def finished(search):
    """Return the values of the trials that were made."""
    return [dict(trial.values) for trial in search.run()]


class TestWhatIsDrawn:
    def test_the_first_trial_has_the_values_of_the_file(self, search):
        (first,) = finished(search(trials=1))
        assert first == {
            "rate": "0.001",
            "units": "8",
            "nonlinear": "relu",
            "shape": "3x3",
            "share": "0.1",
        }

    @pytest.mark.parametrize("method", METHODS)
    def test_values_are_in_range_and_not_all_the_same(self, search, method):
        trials = finished(search(trials=4, method=method))[1:]
        for values in trials:
            assert 1e-4 <= float(values["rate"]) <= 1e-1
            assert 4 <= int(values["units"]) <= 16
            assert values["nonlinear"] in ("relu", "tanh")
            assert values["shape"] in ("3x3", "1x1")
            assert 0 <= float(values["share"]) <= 0.5
            assert len(values["rate"].replace("0.", "").lstrip("0")) <= 7  # can be typed
        assert len({values["rate"] for values in trials}) == len(trials)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_search_that_was_broken_off_goes_on_the_same(self, search, method):
        whole = finished(search("whole", trials=4, method=method))
        # `coarse` counts on the number of trials, so that both are asked for four.
        broken = search("broken", trials=4, method=method).run()
        first = [dict(next(broken).values) for _ in range(2)]
        broken.close()
        assert first + finished(search("broken", trials=4, method=method)) == whole

    def test_the_seed_decides(self, search):
        one, other = (finished(search(f"s{s}", trials=3, method="random", seed=s)) for s in (1, 2))
        assert one[0] == other[0]
        assert one[1] != other[1]

    def test_coarse_then_fine(self, search):
        made = search(trials=12, method="coarse")
        trials = list(made.run())
        best = min(trials[:6], key=lambda trial: trial.score)
        spread = [
            abs(np.log10(float(t.values["rate"]) / float(best.values["rate"]))) for t in trials
        ]
        # A quarter of three decades, half of it on each side, and the best may move as it goes on.
        assert max(spread[6:]) < 3 / 4
        assert max(spread[:6]) > 3 / 4


class TestOutcomes:
    def test_scores_and_curves(self, search):
        made = search(trials=3, score="val_accuracy")
        trials = list(made.run())
        found = made.trials
        assert found.trials == tuple(trials)
        for trial in trials:
            assert trial.state == "complete"
            assert len(trial.curve) == 2
            assert trial.score == max(trial.curve)
            assert trial.seconds > 0
        assert found.best.score == max(trial.score for trial in trials)
        assert [t.score for t in found.ranked] == sorted([t.score for t in trials], reverse=True)
        table = list(csv.reader(found.to_csv().decode().splitlines()))
        assert [row[0] for row in table[1:]] == ["0", "1", "2"]
        assert found.draw().keys() == {
            "scores.svg",
            "curves.svg",
            *(f"parameter-{name}.svg" for name in trials[0].values),
        }

    def test_the_best_values_give_the_same_score_again(self, search, examples):
        from dsl.training.preparation import make_trainer

        made = search(trials=4)
        list(made.run())
        best = made.trials.best
        net = dsl.check(dsl.parse(NET), constants=best.values)
        *_, last = make_trainer(net, examples).fit(examples)
        assert last.logs["val_loss"] == best.curve[-1]

    @pytest.mark.parametrize("prune", ["median", "hyperband"])
    def test_hopeless_trials_are_pruned(self, search, prune):
        text = NET.replace("epochs 2", "epochs 4").replace("1e-4, 1e-1", "1e-7, 1e-1")
        made = search(prune, text, trials=9, prune=prune, method="random")
        states = Counter(trial.state for trial in made.run())
        assert states["pruned"] >= 1
        assert states["complete"] >= 2
        assert made.trials.best.state == "complete"

    def test_what_cannot_be_trained_is_no_success(self, search):
        text = NET.replace("choose(3x3, 1x1)", "choose(3x3, 9x9, 10x10, 11x11)")
        made = search("shapes", text, trials=4, method="random")
        odd = [trial for trial in made.run() if trial.values["shape"] != "3x3"]
        assert odd
        assert all("does not fit" in trial.outcome for trial in odd)
        text = NET.replace("1e-4, 1e-1, 1e-3", "1e30, 1e35, 1e30").replace("adam", "sgd")
        text = text.replace("data digits", "loss squared_error; data digits")
        (trial,) = search("rates", text.replace(" softmax", ""), trials=1).run()
        assert trial.state == "pruned"
        assert "no number any more" in trial.outcome

    def test_stopping_repeats_the_trial_next_time(self, search):
        seen = []
        made = search(trials=4, method="random")

        def interrupted():
            seen.append(0)
            return len(seen) > 12  # within the second trial

        first = list(made.run(interrupted))
        assert len(first) == 1
        assert "stopped" in {trial.state for trial in made.trials.trials}
        stopped = next(t for t in made.trials.trials if t.state == "stopped")
        rest = list(search(trials=4, method="random").run())
        assert len(rest) == 3
        assert rest[0].values == stopped.values

    def test_a_trial_that_another_process_gave_up_is_left_to_it(self, search):
        made, other = (search(trials=3, method="random") for _ in range(2))
        given_up = []

        def interrupted():
            if not given_up:
                (trial,) = other._study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
                other._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                given_up.append(trial.number)
            return False

        looked = iter([False])
        trials = list(made.run(lambda: next(looked, None) is None and interrupted()))
        assert [trial.number for trial in trials] == [1, 2, 3]


class TestRefusals:
    def test_no_hyperparameters(self, search):
        with pytest.raises(RunError, match="no hyper-parameter to search"):
            search(text="input 8x8x1\ndense 10 softmax")

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"text": NET.replace("dropout share", "dropout share; relu")}, "text of the file"),
            ({"text": NET.replace("1e-4, 1e-1", "1e-5, 1e-1")}, "choice of hyper-parameters"),
            ({"score": "val_accuracy"}, "score to improve"),
            ({"changes": ("epochs=3",)}, "choice of --set"),
            ({"examples": data.split_validation(data.load("digits").limited(50), 0.2, 0)}, "data"),
        ],
    )
    def test_another_search_in_the_same_folder(self, search, change, what):
        list(search(trials=1).run())
        with pytest.raises(RunError, match=f"another .*{what}.*--out"):
            search(trials=1, **change)

    def test_unknown_scores(self, search):
        with pytest.raises(RunError, match="no score 'val_beauty'"):
            search(score="val_beauty")
        with pytest.raises(RunError, match="'val_top5' is not measured; measured are accuracy"):
            list(search(score="val_top5").run())

    def test_a_damaged_study(self, search, tmp_path):
        (tmp_path / "study").mkdir()
        (tmp_path / "study" / STUDY).write_bytes(b"no database " * 100)
        with pytest.raises(RunError, match=f"{STUDY} is damaged"):
            search()

    def test_a_folder_that_cannot_be_made(self, search, tmp_path):
        (tmp_path / "study").write_text("in the way")
        with pytest.raises(RunError, match="cannot make"):
            search()


OPTIONS = ("--limit", 100, "--prune", "none")


class TestCommand:
    def test_prints_the_best_as_options_that_work(self, tg):
        Path("small.net").write_text(NET)
        result = tg("tune", "small.net", "--trials", 3, *OPTIONS)
        assert result.code == 0, result.err
        assert result.out.count("\ntrial ") == 2
        (line,) = [line for line in result.out.splitlines() if line.startswith("best")]
        words = shlex.split(line.removeprefix("best").strip())
        assert words[:3] == ["tg", "train", "small.net"]
        assert tg(*words[1:], "--limit", 50, "--epochs", 1).code == 0
        names = {path.name for path in Path("runs/small-tune").iterdir()}
        assert {"study.db", "trials.csv", "scores.svg", "parameter-rate.svg"} <= names

    def test_goes_on_and_prints_json(self, tg):
        Path("small.net").write_text(NET)
        assert tg("tune", "small.net", "--trials", 1, *OPTIONS).code == 0
        found = json.loads(tg("tune", "small.net", "--trials", 2, *OPTIONS, "--json").out)
        assert found["score"] == "val_accuracy"
        assert [trial["number"] for trial in found["trials"]] == [0, 1]
        again = json.loads(tg("tune", "small.net", "--trials", 2, *OPTIONS, "--json").out)
        assert again == found

    def test_without_optuna(self, tg, monkeypatch):
        Path("small.net").write_text(NET)
        for name in [name for name in sys.modules if name.startswith("dsl.tuning.")]:
            monkeypatch.delitem(sys.modules, name)
        real = builtins.__import__

        def without(name, *args, **kwargs):
            if name.partition(".")[0] == "optuna":
                raise ImportError("No module named 'optuna'")
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        result = tg("tune", "small.net")
        assert result.code == 1
        assert "pip install 'tensorgraph-engine[tune]'" in result.err

    def test_values_with_spaces_are_quoted(self):
        assert (
            as_options({"a": "1e-3", "b": '"two words"'})
            == """--set a=1e-3 --set 'b="two words"'"""
        )

    def test_two_processes_and_a_kill_share_one_search(self, tmp_path):
        (tmp_path / "small.net").write_text(NET.replace("epochs 2", "epochs 4"))
        command = [sys.executable, "-c", "from dsl.cli import main; main()", "tune", "small.net"]
        command += ["--trials", "9", "--method", "random", *map(str, OPTIONS)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}

        def start():
            return subprocess.Popen(command, cwd=tmp_path, **pipes)

        killed, others = start(), [start(), start()]
        time.sleep(1.5)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=60)
        outputs = [process.communicate(timeout=60)[0] for process in others]
        assert [process.returncode for process in others] == [0, 0], outputs
        text = (tmp_path / "runs/small-tune/trials.csv").read_text()
        rows = list(csv.DictReader(text.splitlines()))
        assert len({row["rate"] for row in rows}) == len(rows)  # no values were tried twice
        assert sum(row["outcome"] == "" for row in rows) in (8, 9)  # the killed one may not be done
