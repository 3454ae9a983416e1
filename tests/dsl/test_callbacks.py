"""Callbacks: names and behaviour are Keras's."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import dsl
from dsl.training.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from dsl.training.errors import RunError
from dsl.training.events import EpochDone
from dsl.training.trainer import Trainer
from tensorgraph import data


def points():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20, 4)).astype(np.float32)
    y = rng.integers(0, 3, 20)
    return data.ExampleSet("points", x[5:], y[5:], x, y, ("a", "b", "c"), x[:5], y[:5])


def fit(callbacks, settings="epochs 5; batch 8; optimizer sgd lr=0.1"):
    trainer = Trainer(dsl.check(dsl.parse(f"input 4\ndense 3 softmax\ntrain {{ {settings} }}")))
    epochs = [e for e in trainer.fit(points(), callbacks) if isinstance(e, EpochDone)]
    return trainer, epochs


class Scores(Callback):
    """Replaces the scores of epochs, so that what others do is known; it must come first."""

    def __init__(self, *values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.values[epoch]


def test_the_order_of_the_calls():
    calls = []

    class Recorder(Callback):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda *arguments: calls.append((name, arguments[0] if arguments else None))
            return super().__getattribute__(name)

    recorder = Recorder()
    trainer, _ = fit([recorder], "epochs 2; batch 8")
    steps = [("on_train_batch_begin", 0), ("on_train_batch_end", 0)]
    steps += [("on_train_batch_begin", 1), ("on_train_batch_end", 1)]
    epochs = [[("on_epoch_begin", n), *steps, ("on_epoch_end", n)] for n in (0, 1)]
    assert [c for c in calls if "train_b" not in c[0] or "batch" in c[0]] == [
        *epochs[0],
        *epochs[1],
        calls[-1],
    ]
    assert calls[0][0] == "on_train_begin"
    assert calls[-1][0] == "on_train_end"
    assert recorder.model is trainer
    assert recorder.params == {"epochs": 2, "steps": 2, "batch_size": 8}


def test_the_scores_are_handed_over():
    seen = []

    class Watcher(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(dict(logs))

    _, epochs = fit([Watcher()], "epochs 1; metrics mae")
    assert set(seen[0]) == {"loss", "accuracy", "mae", "val_loss", "val_accuracy", "val_mae"}
    assert seen[0]["val_loss"] == epochs[0].validation.loss


class TestEarlyStopping:
    def test_patience(self):
        stop = EarlyStopping(patience=2)
        _, epochs = fit([Scores(1.0, 0.5, 0.6, 0.55, 0.1), stop])
        assert len(epochs) == 4
        assert stop.stopped_epoch == 3
        assert stop.best == 0.5

    def test_a_small_gain_is_none(self):
        _, epochs = fit([Scores(1.0, 0.9, 0.8, 0.7, 0.6), EarlyStopping(min_delta=0.5, patience=1)])
        assert len(epochs) == 2

    def test_more_may_be_better(self):
        _, epochs = fit([Scores(1.0, 0.9, 0.8, 0.7, 0.6), EarlyStopping(mode="max", patience=3)])
        assert len(epochs) == 4

    def test_the_best_weights_come_back(self):
        weights = []

        class Keeper(Callback):
            def on_epoch_end(self, epoch, logs=None):
                weights.append(self.model.weights()["dense/kernel"])

        stop = EarlyStopping(patience=2, restore_best_weights=True)
        trainer, _ = fit([Scores(1.0, 0.2, 0.6, 0.5, 0.1), Keeper(), stop])
        np.testing.assert_array_equal(trainer.weights()["dense/kernel"], weights[1])

    def test_a_score_that_is_not_measured(self):
        with pytest.raises(RunError, match="'val_mae' is watched, but not measured"):
            fit([EarlyStopping("val_mae")])
        with pytest.raises(ValueError, match="no score"):
            EarlyStopping("val_los")


class TestRates:
    def test_scheduler(self):
        _, epochs = fit([LearningRateScheduler(lambda epoch, rate: rate / 2)])
        np.testing.assert_allclose([e.learning_rate for e in epochs], 0.1 / 2.0 ** np.arange(1, 6))

    def test_plateau(self):
        plateau = ReduceLROnPlateau(factor=0.5, patience=1, min_lr=0.03)
        _, epochs = fit([Scores(1.0, 1.0, 1.0, 0.5, 0.5), plateau])
        np.testing.assert_allclose([e.learning_rate for e in epochs], [0.1, 0.1, 0.05, 0.03, 0.03])

    def test_plateau_with_cooldown(self):
        plateau = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2)
        _, epochs = fit([Scores(1.0, 1.0, 1.0, 1.0, 1.0), plateau])
        np.testing.assert_allclose([e.learning_rate for e in epochs], [0.1, 0.1, 0.05, 0.05, 0.025])

    def test_a_factor_that_does_not_lower(self):
        with pytest.raises(ValueError, match="does not lower"):
            ReduceLROnPlateau(factor=1.0)


class TestModelCheckpoint:
    def test_names_are_formatted(self, tmp_path):
        path = tmp_path / "w-{epoch:02d}-{val_loss:.1f}.safetensors"
        trainer, _ = fit([Scores(1.0, 0.5, 0.7, 0.4, 0.6), ModelCheckpoint(path)])
        names = sorted(p.name for p in tmp_path.iterdir())
        assert names[0] == "w-01-1.0.safetensors"
        assert len(names) == 5
        last = load_file(tmp_path / "w-05-0.6.safetensors")
        np.testing.assert_array_equal(last["dense/kernel"], trainer.weights()["dense/kernel"])

    def test_only_the_best(self, tmp_path):
        path = tmp_path / "w-{epoch}.safetensors"
        fit([Scores(1.0, 0.5, 0.7, 0.4, 0.6), ModelCheckpoint(path, save_best_only=True)])
        assert sorted(p.name[2] for p in tmp_path.iterdir()) == ["1", "2", "4"]

    def test_after_steps(self, tmp_path):
        path = tmp_path / "w-{epoch}-{batch}.safetensors"
        fit([ModelCheckpoint(path, save_freq=3)], "epochs 3; batch 8")
        assert sorted(p.name[2:5] for p in tmp_path.iterdir()) == ["2-1", "3-2"]

    def test_mistakes(self, tmp_path):
        with pytest.raises(RunError, match="names 'val_f1', which is not measured"):
            fit([ModelCheckpoint(tmp_path / "{val_f1}.safetensors")])
        with pytest.raises(RunError, match="cannot write"):
            fit([ModelCheckpoint(tmp_path / "nowhere" / "w.safetensors")])


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    fit([CSVLogger(path, separator=";")], "epochs 2")
    fit([CSVLogger(path, separator=";", append=True)], "epochs 1")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert float(rows[0]["val_loss"]) > 0


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    fit(
        [TensorBoard(tmp_path, histogram_freq=1, write_images=True, update_freq="batch")],
        "epochs 2",
    )
    content = b"".join(p.read_bytes() for p in tmp_path.rglob("*tfevents*"))
    for tag in (
        b"epoch_loss",
        b"batch_loss",
        b"dense/kernel",
        b"hyperparameters",
        b"MatMul",
        b"_hparams_",
        b"last_val_loss",
    ):
        assert tag in content
    with pytest.raises(ValueError, match="update_freq"):
        TensorBoard(tmp_path, update_freq="step")


def test_tensorboard_from_the_command_line(tg):
    pytest.importorskip("tensorboardX")
    Path("small.net").write_text("dense 10 softmax\ntrain { data digits; epochs 1 }\n")
    options = ("--limit", 50, "--quiet", "--tensorboard", "logs")
    assert tg("train", "small.net", *options).code == 0
    content = b"".join(p.read_bytes() for p in Path("logs").rglob("*tfevents*"))
    assert b"dense/kernel" in content
    result = tg("train", "small.net", *options, "--set", "ensemble=2")
    assert result.code == 2
    assert "one model" in result.err


def test_nan_ends_quietly_where_that_is_asked_for():
    text = "input 4\ndense 3\ntrain { loss mse; optimizer sgd lr=1e30; epochs 3; batch 8 }"
    trainer = Trainer(dsl.check(dsl.parse(text)))
    before = trainer.weights()["dense/kernel"]
    events = list(trainer.fit(points(), [TerminateOnNaN()]))
    assert not any(isinstance(e, EpochDone) for e in events)
    np.testing.assert_array_equal(trainer.weights()["dense/kernel"], before)


def test_callbacks_go_on_where_they_were():
    def callbacks():
        return [Scores(1.0, 0.9, 0.8, 0.9, 0.9), EarlyStopping(patience=2)]

    trainer, whole = fit(callbacks())
    assert len(whole) == 5
    events = trainer.fit(points(), callbacks())
    next(e for e in events if isinstance(e, EpochDone) and e.epoch == 4)
    state = trainer.state()
    assert state.callbacks[1] == {"best": 0.8, "wait": 1, "stopped_epoch": 0}
    rest = [e for e in trainer.fit(points(), callbacks(), state) if isinstance(e, EpochDone)]
    assert [e.epoch for e in rest] == [5]
    assert trainer.state().callbacks[1]["stopped_epoch"] == 4
