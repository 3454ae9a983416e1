"""Trainings that are stopped, killed or fail: what is left, and how they go on."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import dsl
import dsl.cli
from dsl.training import weights as weights_module
from dsl.training.errors import DivergedError, RunError
from dsl.training.events import EpochDone, StepDone
from dsl.training.run import Watch, resume, train
from dsl.training.run_folder import RunFolder
from dsl.training.trainer import Trainer
from tensorgraph import data

# Everything that has a state of its own: dropout, moving statistics, slots, the plateau.
NET = """
input 8x8x1
conv 4 3x3 relu
batchnorm
dropout 0.3
dense 10 softmax
train {
  data digits validation=0.2
  optimizer adam lr=0.01
  schedule plateau factor=0.5 patience=1 warmup=3
  augment { shift 1 noise 0.1 mixup 0.2 }
  preprocess { standardize }
  checkpoint keep=2 best=val_accuracy
  batch 32
  epochs 5
}
"""


@pytest.fixture(scope="module")
def examples():
    return data.load("digits").limited(160)


def network(text=NET):
    return dsl.check(dsl.parse(text, "tiny.net"), (8, 8, 1), 10)


def run(folder, examples, text=NET, **watch):
    return train(network(text), examples, "digits", out=folder, watch=Watch(**watch))


def outcome(folder: Path) -> dict[str, bytes]:
    """Return what a training has left, without what depends on the time."""
    left = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.safetensors")}
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    timeless = [{k: v for k, v in r.items() if "second" not in k} for r in records]
    return {**left, "metrics": json.dumps(timeless).encode()}


@pytest.fixture(scope="module")
def whole(examples, tmp_path_factory):
    """Return what an uninterrupted training leaves."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(folder, examples)
    return outcome(folder)


class Stop:
    """Asks for an end after so many events."""

    def __init__(self, events: int) -> None:
        self.left = events

    def show(self, event: object) -> None:
        self.left -= 1

    def __call__(self) -> bool:
        return self.left <= 0


@pytest.mark.parametrize("events", [1, 5, 8, 17])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path, examples, whole, events):
    stop = Stop(events)
    result = run(tmp_path / "run", examples, show=stop.show, interrupted=stop)
    assert result.interrupted
    assert (tmp_path / "run" / "model.safetensors").exists()
    resume(tmp_path / "run", examples)
    assert outcome(tmp_path / "run") == whole


def test_the_scale_of_mixed_precision_goes_on_too(tmp_path, examples):
    text = "dense 8 relu\ndense 10 softmax\ntrain { epochs 2; precision mixed; optimizer adamw }"
    run(tmp_path / "whole", examples, text)
    stop = Stop(5)
    assert run(tmp_path / "run", examples, text, show=stop.show, interrupted=stop).interrupted
    resume(tmp_path / "run", examples)
    first, second = ((tmp_path / name / "model.safetensors") for name in ("whole", "run"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("several", ["ensemble 2", "snapshots 2"])
def test_several_models_go_on_too(tmp_path, examples, several):
    text = f"dense 8 relu\ndropout 0.5\ndense 10 softmax\ntrain {{ epochs 4; {several} }}"
    run(tmp_path / "whole", examples, text)
    stop = Stop(9 if several.startswith("snapshots") else 21)
    assert run(tmp_path / "run", examples, text, show=stop.show, interrupted=stop).interrupted
    resume(tmp_path / "run", examples)
    models = [f"model-{number}.safetensors" for number in (1, 2)]
    for name in (*models, "model.safetensors"):
        again = (tmp_path / "run" / name).read_bytes()
        assert again == (tmp_path / "whole" / name).read_bytes()


def test_a_finished_training_has_nothing_to_resume(tmp_path, examples, whole):
    run(tmp_path / "run", examples)
    events = []
    resume(tmp_path / "run", examples, watch=Watch(show=events.append))
    assert events == []
    assert outcome(tmp_path / "run") == whole


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked")
@pytest.mark.filterwarnings(
    "ignore:os.fork:RuntimeWarning", "ignore:This process:DeprecationWarning"
)
def test_thirty_kills_change_nothing(tmp_path, examples, whole):
    start = time.perf_counter()
    run(tmp_path / "timed", examples)
    duration = time.perf_counter() - start
    folder, chance = tmp_path / "run", random.Random(7)
    kills, seen = 0, set[str]()
    while kills < 30:
        child = os.fork()
        if child == 0:
            try:
                resume(folder, examples) if (folder / "config.json").exists() else run(
                    folder, examples
                )
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0.0, 1.5 * duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        seen.update(path.name for path in (folder / "checkpoints").glob("*.json"))
        if folder.exists() and not (folder / "config.json").exists():
            shutil.rmtree(folder)  # there is nothing to go on with yet
        if (folder / "summary.json").exists():
            assert outcome(folder) == whole
            shutil.rmtree(folder)
    resume(folder, examples) if folder.exists() else run(folder, examples)
    assert outcome(folder) == whole
    assert not list(folder.rglob(".*.tmp"))
    assert len(seen) > 2  # the kills met the training at different places


@pytest.mark.parametrize("damage", ["truncate", "flip", "description"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, examples, whole, damage):
    stop = Stop(18)  # in the fourth epoch
    folder = tmp_path / "run"
    run(folder, examples, show=stop.show, interrupted=stop)
    newest = folder / "checkpoints" / "epoch-00003.safetensors"
    content = newest.read_bytes()
    if damage == "truncate":
        newest.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        newest.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    else:
        text = newest.with_suffix(".json").read_text().replace('"steps": 12', '"steps": 11')
        newest.with_suffix(".json").write_text(text)
    warnings = []
    resume(folder, examples, watch=Watch(warn=warnings.append))
    assert len(warnings) == 1
    assert "epoch-00003" in warnings[0]
    assert "is damaged" in warnings[0]
    assert "the checkpoint before is used" in warnings[0]
    assert outcome(folder) == whole


def test_a_full_disk_leaves_the_checkpoints_before(tmp_path, examples, whole, monkeypatch):
    folder = tmp_path / "run"
    write, before = weights_module.write_atomically, {}

    def fails(path, content):
        if "epoch-00003" in str(path):
            before.update({p: p.read_bytes() for p in (folder / "checkpoints").iterdir()})
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, content)

    monkeypatch.setattr(weights_module, "write_atomically", fails)
    with pytest.raises(RunError, match=r"cannot write .*epoch-00003.*: No space left"):
        run(folder, examples)
    assert len(before) == 4
    assert {p: p.read_bytes() for p in (folder / "checkpoints").iterdir()} == before
    monkeypatch.undo()
    resume(folder, examples)
    assert outcome(folder) == whole


def test_what_a_kill_leaves_of_old_checkpoints_is_removed(tmp_path, examples, whole):
    folder = tmp_path / "run"
    run(folder, examples)
    left = folder / "checkpoints" / "epoch-00001.safetensors"
    left.write_bytes(b"killed before this was removed")
    resume(folder, examples)
    assert outcome(folder) == whole


def test_other_data_is_refused(tmp_path, examples):
    run(tmp_path / "run", examples, "dense 10 softmax\ntrain { epochs 1 }")
    x = np.zeros((9, 4), np.float32)
    other = data.ExampleSet("other", x, np.zeros(9, np.int64), x, np.zeros(9, np.int64), ("a",))
    with pytest.raises(RunError, match="other is not the data"):
        resume(tmp_path / "run", other)


def test_a_checkpoint_of_another_network_is_refused(tmp_path, examples):
    stop = Stop(7)
    run(tmp_path / "run", examples, show=stop.show, interrupted=stop)
    copy = tmp_path / "run" / "tiny.net"
    copy.write_text(copy.read_text().replace("batchnorm", ""))
    with pytest.raises(RunError, match="of another network"):
        resume(tmp_path / "run", examples)


def test_only_the_newest_checkpoints_are_kept(tmp_path, examples):
    text = "dense 10 softmax\ntrain { epochs 7; checkpoint every=2 keep=2 }"
    run(tmp_path / "run", examples, text)
    kept = sorted(p.name for p in (tmp_path / "run" / "checkpoints").glob("*.json"))
    assert kept == ["epoch-00006.json", "epoch-00007.json"]


def test_the_random_state_is_restored(examples):
    trainer = Trainer(network("input 8x8x1\ndropout 0.5\ndense 10 softmax\ntrain { epochs 2 }"))
    events = trainer.fit(examples)
    assert isinstance(next(e for e in events if isinstance(e, EpochDone)), EpochDone)
    state = trainer.state()
    after = [e.score.loss for e in events if isinstance(e, StepDone)]
    again = [e.score.loss for e in trainer.fit(examples, start=state) if isinstance(e, StepDone)]
    assert again == after
    plain = trainer.fit(examples, start=dsl_state_without_random(state))
    assert [e.score.loss for e in plain if isinstance(e, StepDone)] != after


def dsl_state_without_random(state):
    from dataclasses import replace

    return replace(state, random={})


class TestDivergence:
    TEXT = "input 8x8x1\nflatten\nbig = dense 16 exp\ndense 10\ntrain { loss mse; epochs 3; %s }"

    def test_it_names_node_and_layer_and_keeps_the_last_good_model(self, tmp_path, examples):
        text = self.TEXT % "optimizer sgd lr=1e6"
        with pytest.raises(DivergedError) as caught:
            run(tmp_path / "run", examples, text)
        assert caught.value.layer == "big"
        assert caught.value.node
        assert "`big` (tiny.net:3:" in str(caught.value)
        assert "epoch 1, step 2" in str(caught.value)
        picture = (tmp_path / "run" / "diverged.svg").read_text()
        assert f"the first NaN or infinity is in {caught.value.node}" in picture
        assert '#c81e1e" stroke-width="3' in picture  # the node's red line
        (kept,) = RunFolder(tmp_path / "run").read_models(1)
        assert all(np.isfinite(array).all() for array in kept.values())
        assert np.array_equal(kept["big/kernel"], Trainer(network(text)).weights()["big/kernel"])

    def test_the_last_update_is_looked_at_too(self, examples):
        text = "input 8x8x1\ndense 10\ntrain { optimizer sgd lr=3e38; %s; steps 1 }"
        trainer = Trainer(network(text % "regularize l2=1e10"))
        with pytest.raises(
            DivergedError, match="a weight is no number any more in epoch 1, step 1"
        ):
            list(trainer.fit(examples))
        assert np.isfinite(trainer.weights()["dense/kernel"]).all()

    def test_from_the_command_line(self, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)
        Path("bad.net").write_text(self.TEXT % "data digits; optimizer sgd lr=1e6")
        with pytest.raises(SystemExit) as ended:
            dsl.cli.main(["train", "bad.net", "--limit", "100"])
        assert ended.value.code == 1
        error = capfd.readouterr().err
        assert "error: the loss is no number any more" in error
        assert "`big`" in error


class TestCommandLine:
    def test_resume(self, tg):
        Path("tiny.net").write_text(NET)
        changes = ("--set", "optimizer.lr=0.02", "--set", "epochs=3", "--limit", "100")
        assert tg("train", "tiny.net", "--out", "a", *changes)[0] == 0
        shutil.copytree("a", "b")
        for left in ("epoch-00003.json", "epoch-00003.safetensors"):
            Path("b/checkpoints", left).unlink()
        code, out, _ = tg("train", "--resume", "b")
        assert code == 0
        assert "epoch 3/3" in out
        assert "epoch 2/3" not in out
        finished = outcome(Path("a"))
        again = outcome(Path("b"))
        assert again["model.safetensors"] == finished["model.safetensors"]
        assert again["metrics"] == finished["metrics"]

    def test_data_that_is_gone(self, tg):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(40, 4)).astype(np.float32)
        np.savez("points.npz", x=x, y=(x[:, 0] > 0).astype(np.int64))
        Path("two.net").write_text('dense 2 softmax\ntrain { data "points.npz"; epochs 2 }\n')
        assert tg("train", "two.net", "--out", "run", "--quiet") == (0, "", "")
        before = outcome(Path("run"))
        Path("points.npz").rename("moved.npz")
        code, _, err = tg("train", "--resume", "run")
        assert code == 1
        assert "points.npz" in err
        assert "Traceback" not in err
        assert outcome(Path("run")) == before
        assert tg("train", "--resume", "run", "--data", "moved.npz", "--quiet") == (0, "", "")

    def test_numbers_from_a_table(self, tg):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(80, 2))
        rows = ["a,price,b", *(f"{a:.4f},{3 * a - b + 1:.4f},{b:.4f}" for a, b in x)]
        Path("houses.csv").write_text("\n".join(rows) + "\n")
        Path("line.net").write_text(
            'dense 1\ntrain { data "houses.csv" target=price; optimizer adam lr=0.1; epochs 25;'
            " batch 8; metrics mae }\n"
        )
        code, out, err = tg("train", "line.net", "--out", "run")
        assert code == 0, err
        assert "mae" in out
        scores = json.loads(tg("eval", "run", "--json")[1])
        assert scores["test_mae"] < 0.2
        assert scores["test_accuracy"] is None
        np.save("two.npy", np.array([[0, 0], [1, 0]], np.float32))
        answers = json.loads(tg("predict", "run", "two.npy", "--json")[1])
        values = [answer["values"][0] for answer in answers]
        np.testing.assert_allclose(values, [1, 4], atol=0.3)

    def test_resume_takes_no_other_options(self, tg):
        code, _, err = tg("train", "--resume", "run", "--epochs", "4")
        assert code == 2
        assert "--resume" in err

    def test_a_folder_that_cannot_be_made(self, tg):
        Path("small.net").write_text("dense 10 softmax\ntrain { data digits; epochs 1 }\n")
        Path("file").write_text("in the way")
        code, _, err = tg("train", "small.net", "--out", "file/run")
        assert code == 1
        assert "cannot make the run folder" in err

    def test_nothing_to_resume(self, tg):
        assert "no folder" in tg("train", "--resume", "nowhere")[2]
        Path("empty").mkdir()
        assert "lacks config.json" in tg("train", "--resume", "empty")[2]
        assert tg("train")[0] == 2
