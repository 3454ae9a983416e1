"""The callback that counts weights and gradients after each epoch."""

import numpy as np
import pytest

import dsl
from dsl.training.callbacks import Histograms
from dsl.training.callbacks import histograms as module
from dsl.training.callbacks.histograms import BINS, EXPONENTS, count_magnitudes, count_values
from dsl.training.trainer import Trainer
from dsl.training.weights import read_weights
from tensorgraph.data import load

NET = """
input 8x8x1
flatten
dense 6 relu
dropout 0.5
dense 10 softmax
train { optimizer adam; batch 50; epochs 3 }
"""


@pytest.fixture(scope="module")
def examples():
    return load("digits").limited(100)


def fit(examples, callbacks=(), text=NET):
    trainer = Trainer(dsl.check(dsl.parse(text)))
    list(trainer.fit(examples, callbacks))
    return trainer


def test_values_are_counted_over_their_range():
    counts, limits = count_values(np.array([-1.0, 0.0, 3.0, 3.0]))
    assert limits.tolist() == [-1, 3]
    assert counts.shape == (BINS,)
    assert (counts[0], counts[BINS // 4], counts[-1], counts.sum()) == (1, 1, 2, 4)


def test_equal_values_are_counted():
    counts, limits = count_values(np.full((2, 3), 0.25))
    assert limits.tolist() == [0.25, 0.25]
    assert counts.sum() == 6


def test_of_many_values_only_some_are_counted(monkeypatch):
    monkeypatch.setattr(module, "MAX_VALUES", 10)
    assert count_values(np.zeros(25))[0].sum() == 9
    assert count_values(np.zeros(10))[0].sum() == 10


def test_gradients_are_counted_by_their_size():
    low, high = EXPONENTS
    counts = count_magnitudes(np.array([10.0**low / 10, -1e-4, 1e-4, 10.0**high * 10, 0.0, np.inf]))
    place = int((-4 - low) / (high - low) * BINS)
    assert (counts[0], counts[place], counts[-1], counts.sum()) == (1, 2, 1, 4)
    assert not count_magnitudes(np.empty(0)).any()


def test_every_epoch_is_counted(examples, tmp_path):
    path = tmp_path / "h.safetensors"
    trainer = fit(examples, [Histograms(path)])
    arrays = read_weights(path)
    assert arrays["epochs"].tolist() == [0, 1, 2, 3]
    names = {"dense/kernel", "dense_1/kernel"}
    assert {key.partition("/")[2] for key in arrays if "/" in key} == names
    for name in names:
        weights = trainer.weights()[name]
        assert (arrays[f"weights/{name}"].sum(axis=1) == weights.size).all()
        last = arrays[f"ranges/{name}"][-1]
        assert last.tolist() == [weights.min(), weights.max()]
        gradients = arrays[f"gradients/{name}"].sum(axis=1)
        assert gradients[0] == 0
        assert 0 < gradients[1] <= weights.size


def test_the_training_is_the_same_with_it(examples, tmp_path):
    plain, watched = fit(examples), fit(examples, [Histograms(tmp_path / "h.safetensors")])
    for name, weights in plain.weights().items():
        assert np.array_equal(weights, watched.weights()[name]), name


def test_the_gradients_are_those_of_the_loss(examples):
    text = NET.replace("dropout 0.5", "").replace("epochs 3", "epochs 1; steps 1")
    trainer = Trainer(dsl.check(dsl.parse(text)))
    few = examples.limited(20)
    list(trainer.fit(few))
    (gradient,) = trainer.gradients(["dense_1/bias"]).values()
    weights = trainer.weights()

    def loss(value):
        trainer.load_weights({**weights, "dense_1/bias": value.astype(np.float32)})
        return trainer.evaluate(few.x_train, few.y_train).loss

    bias = weights["dense_1/bias"].astype(np.float64)
    for i in range(3):
        step = 1e-2 * np.eye(10)[i]
        slope = (loss(bias + step) - loss(bias - step)) / 2e-2
        assert gradient[i] == pytest.approx(slope, abs=2e-4)


def test_frozen_kernels_are_not_watched(examples, tmp_path):
    path = tmp_path / "h.safetensors"
    fit(examples, [Histograms(path)], NET.replace("dense 6 relu", "dense 6 relu frozen"))
    assert "weights/dense_1/kernel" in read_weights(path)
    assert "weights/dense/kernel" not in read_weights(path)


def test_of_many_kernels_some_are_watched(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_WEIGHTS", 3)
    path = tmp_path / "h.safetensors"
    deep = NET.replace("dense 6 relu", "repeat 6 { dense 6 relu }")
    fit(examples, [Histograms(path)], deep)
    names = [key for key in read_weights(path) if key.startswith("weights/")]
    assert len(names) == 3
    assert "weights/dense/kernel" in names
    assert "weights/dense_6/kernel" in names


def test_of_many_epochs_some_are_kept(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_EPOCHS", 4)
    path = tmp_path / "h.safetensors"
    fit(examples, [Histograms(path)], NET.replace("epochs 3", "epochs 9"))
    arrays = read_weights(path)
    assert arrays["epochs"].tolist() == [0, 4, 8]
    assert len(arrays["weights/dense/kernel"]) == 3


def test_it_goes_on_where_a_training_stopped(examples, tmp_path):
    whole, first, second = (tmp_path / f"{i}.safetensors" for i in range(3))
    fit(examples, [Histograms(whole)])
    trainer = Trainer(dsl.check(dsl.parse(NET)))
    for event in trainer.fit(examples, [Histograms(first)]):
        if type(event).__name__ == "EpochDone":
            state = trainer.state()
            break
    again = Trainer(dsl.check(dsl.parse(NET)))
    list(again.fit(examples, [Histograms(second)], state))
    assert second.read_bytes() == whole.read_bytes()
