"""What a training step does, what is measured, and how several models become one."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import dsl
from dsl.losses import LOSSES
from dsl.metrics import METRICS
from dsl.optimizers import OPTIMIZERS
from dsl.schedules import SCHEDULES
from dsl.training.errors import RunError
from dsl.training.events import EpochDone, StepDone
from dsl.training.preparation import fit_preprocessing, reconstruct
from dsl.training.run import Watch, open_run, resume, train
from dsl.training.trainer import Trainer
from tensorgraph import data

LINE = "input 4\ndense 3 softmax\n"


@pytest.fixture(scope="module")
def digits():
    return data.split_validation(data.load("digits").limited(400), 0.2, 0)


def points(count=24, features=4, classes=3):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(count, features)).astype(np.float32)
    y = rng.integers(0, classes, count)
    return data.ExampleSet("points", x, y, x, y, tuple("abcdefghij"[:classes]))


def trainer_of(settings, network=LINE):
    return Trainer(dsl.check(dsl.parse(f"{network}train {{ {settings} }}")))


def step(settings, network=LINE, examples=None):
    """Return the weights before and after one step."""
    trainer = trainer_of(f"optimizer sgd lr=0.1; steps 1; batch 24; {settings}", network)
    before = trainer.weights()
    for _ in trainer.fit(examples or points()):
        pass
    return before, trainer.weights()


class TestStep:
    def change(self, settings, network=LINE):
        before, after = step(settings, network)
        return {name: after[name] - before[name] for name in before}, before

    def test_l2_is_weight_decay(self):
        plain, before = self.change("")
        decayed, _ = self.change("regularize l2=0.5")
        # w ← (1 - εα)w - ε∇J, of the kernels alone.
        kernel = plain["dense/kernel"] - 0.1 * 0.5 * before["dense/kernel"]
        np.testing.assert_allclose(decayed["dense/kernel"], kernel, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(decayed["dense/bias"], plain["dense/bias"], atol=1e-7)

    def test_l1_goes_by_the_sign(self):
        plain, before = self.change("")
        sparse, _ = self.change("regularize l1=0.5")
        expected = plain["dense/kernel"] - 0.1 * 0.5 * np.sign(before["dense/kernel"])
        np.testing.assert_allclose(sparse["dense/kernel"], expected, rtol=1e-4, atol=1e-6)

    def test_a_layer_has_penalties_of_its_own(self):
        both, _ = self.change("regularize l2=0.2", "input 4\ndense 3 softmax l2=0.3\n")
        one, _ = self.change("regularize l2=0.5")
        np.testing.assert_allclose(both["dense/kernel"], one["dense/kernel"], rtol=1e-5)

    def test_the_optimizers_decay(self):
        penalty, _ = self.change("regularize l2=0.5")
        trainer = trainer_of("optimizer sgd lr=0.1 decay=0.5; steps 1; batch 24")
        before = trainer.weights()["dense/kernel"]
        for _ in trainer.fit(points()):
            pass
        change = trainer.weights()["dense/kernel"] - before
        np.testing.assert_allclose(change, penalty["dense/kernel"], rtol=1e-5, atol=1e-7)

    def test_adamw_takes_a_share_off_the_kernels(self):
        def after(decay):
            trainer = trainer_of(f"optimizer adamw lr=0.1 decay={decay}; steps 1; batch 24")
            before = trainer.weights()
            for _ in trainer.fit(points()):
                pass
            return before, trainer.weights()

        before, plain = after(0)
        _, decayed = after(0.5)
        expected = plain["dense/kernel"] - 0.1 * 0.5 * before["dense/kernel"]
        np.testing.assert_allclose(decayed["dense/kernel"], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(decayed["dense/bias"], plain["dense/bias"])

    def test_reported_losses_have_no_penalty(self):
        losses = []
        for settings in ("", "regularize l1=3 l2=5"):
            trainer = trainer_of(f"steps 1; batch 24; {settings}")
            losses.append(next(trainer.fit(points())).score.loss)
        assert losses[0] == losses[1]

    def test_max_norm(self):
        _, after = step("", "input 4\ndense 3 softmax max_norm=0.25\n")
        norms = np.linalg.norm(after["dense/kernel"], axis=0)
        assert (norms <= 0.25 + 1e-6).all()
        assert np.isclose(norms, 0.25).any()

    def test_clipping_by_norm(self):
        plain, _ = self.change("")
        whole = np.sqrt(sum((d**2).sum() for d in plain.values()))
        clipped, _ = self.change("clip norm=0.01")
        for name, change in clipped.items():
            np.testing.assert_allclose(change, plain[name] * 0.001 / whole, rtol=1e-3, atol=1e-7)

    def test_clipping_by_value(self):
        plain, _ = self.change("")
        clipped, _ = self.change("clip value=0.02")
        for name, change in clipped.items():
            limited = np.clip(plain[name], -0.002, 0.002)
            np.testing.assert_allclose(change, limited, rtol=1e-3, atol=1e-7)

    def test_moving_statistics_follow(self):
        before, after = step("", "input 4\nbatchnorm momentum=0.5\ndense 3 softmax\n")
        name = next(n for n in before if n.endswith("moving_mean"))
        expected = 0.5 * before[name] + 0.5 * points().x_train.mean(axis=0)
        np.testing.assert_allclose(after[name], expected, rtol=1e-4, atol=1e-6)

    def test_frozen_layers_stay(self):
        network = "input 4\nfirst = dense 5 relu\ndense 3 softmax\nfreeze first\n"
        before, after = step("", network)
        np.testing.assert_array_equal(after["first/kernel"], before["first/kernel"])
        assert (after["dense/kernel"] != before["dense/kernel"]).any()

    def test_nothing_to_train(self):
        with pytest.raises(RunError, match="frozen"):
            step("", f"{LINE}freeze all\n")

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_every_optimizer_lowers_the_loss(self, name, digits):
        settings = f"optimizer {name}; batch 32; epochs 6"
        trainer = trainer_of(settings, "input 8x8x1\ndense 10 softmax\n")
        losses = [e.train.loss for e in trainer.fit(digits) if isinstance(e, EpochDone)]
        assert losses[-1] < 0.98 * losses[0]


class TestLoop:
    def test_the_training_graph_waits_for_fit(self):
        trainer = trainer_of("")
        trainer.predict(points().x_test)
        trainer.evaluate(points().x_test, points().y_test)
        names = [op.name for op in trainer.model.graph.get_operations()]
        assert not any("training" in name or "Adam" in name for name in names)
        next(trainer.fit(points()))
        names = [op.name for op in trainer.model.graph.get_operations()]
        assert any("Adam" in name for name in names)

    def test_steps_alone_decide(self):
        trainer = trainer_of("steps 25; batch 12")
        events = list(trainer.fit(points()))
        assert sum(isinstance(e, StepDone) for e in events) == 25
        assert events[-1].epoch == events[-1].epochs == 13

    def test_it_stops_when_nothing_gets_better(self):
        trainer = trainer_of("stop patience=2 on=loss min_delta=100; epochs 50")
        epochs = [e for e in trainer.fit(points()) if isinstance(e, EpochDone)]
        assert len(epochs) == 3

    def test_the_plateau_lowers_the_learning_rate(self):
        trainer = trainer_of(
            "optimizer sgd lr=1e-30; schedule plateau patience=1 factor=0.5 on=accuracy; epochs 4"
        )
        rates = [e.learning_rate for e in trainer.fit(points()) if isinstance(e, EpochDone)]
        np.testing.assert_allclose(np.array(rates) / 1e-30, [1, 1, 0.5, 0.25])

    def test_snapshots_begin_the_cosine_anew(self):
        trainer = trainer_of("snapshots 2; optimizer sgd lr=1; batch 6; epochs 4")
        rates = [e.learning_rate for e in trainer.fit(points()) if isinstance(e, EpochDone)]
        assert rates[1] < 0.1 < rates[0]
        np.testing.assert_allclose(rates[2:], rates[:2])

    def test_two_results_are_trained_on_the_first(self):
        network = "input 4\nx = relu\na = dense 3 softmax\nfrom x\nb = dense 2\noutput a b\n"
        before, after = step("", network)
        assert (after["a/kernel"] != before["a/kernel"]).any()
        np.testing.assert_array_equal(after["b/kernel"], before["b/kernel"])


class TestValues:
    def examples(self):
        rng = np.random.default_rng(3)
        x = rng.normal(size=(200, 3)).astype(np.float32)
        y = (x @ [1.0, -2.0, 0.5] + 3).astype(np.float32)
        return data.ExampleSet("line", x, y, x[:50], y[:50], ())

    @pytest.mark.parametrize("loss", ["mse", "mae", "huber delta=0.5", "squared_error"])
    def test_numbers_are_learnt(self, loss):
        examples = self.examples()
        trainer = trainer_of(
            f"loss {loss}; optimizer adam lr=0.1; epochs 30; metrics mae loss", "input 3\ndense 1\n"
        )
        for _ in trainer.fit(examples):
            pass
        score = trainer.evaluate(examples.x_test, examples.y_test)
        assert score.accuracy is None
        assert score.confusion is None
        assert score.others["mae"] < 0.1
        np.testing.assert_allclose(trainer.weights()["dense/kernel"][:, 0], [1, -2, 0.5], atol=0.1)

    def test_a_whole_run(self, tmp_path):
        examples = self.examples()
        net = dsl.check(dsl.parse("dense 1\ntrain { epochs 2 }", "line.net"), (3,))
        result = train(net, examples, "line", out=tmp_path / "run")
        assert result.summary["test_accuracy"] is None
        assert "classes" not in result.summary
        config, predictor = open_run(tmp_path / "run")
        assert config.class_names == ()
        score = predictor.evaluate(examples.x_test, examples.y_test)
        assert score.loss == pytest.approx(result.summary["test_loss"])

    def test_numbers_that_do_not_fit_the_results(self):
        with pytest.raises(RunError, match=r"line has a number to predict .* gives 2 numbers"):
            next(trainer_of("", "input 3\ndense 2\n").fit(self.examples()))

    @pytest.mark.parametrize("last", ["dense 64 sigmoid", "dense 64 sigmoid\nreshape 8x8x1"])
    def test_an_autoencoder_gives_back_its_input(self, digits, last):
        examples = reconstruct(digits)
        network = f"input 8x8x1\ndense 16 relu\n{last}\n"
        trainer = trainer_of("loss mse; metrics mae; epochs 2; augment { noise 0.1 }", network)
        losses = [e.train.loss for e in trainer.fit(examples) if isinstance(e, EpochDone)]
        assert losses[1] < losses[0]
        score = trainer.evaluate(examples.x_test, examples.y_test)
        outputs = trainer.predict(examples.x_test).reshape(examples.x_test.shape)
        assert score.accuracy is None
        assert score.others["mae"] == pytest.approx(np.abs(outputs - examples.x_test).mean(), 1e-4)

    def test_images_as_targets(self):
        rng = np.random.default_rng(0)
        x = rng.random((16, 4, 4, 1)).astype(np.float32)
        examples = data.ExampleSet("same", x, x, x, x, ())
        trainer = trainer_of("epochs 3; loss mse", "input 4x4x1\nconv 1 3x3 same\n")
        losses = [e.train.loss for e in trainer.fit(examples) if isinstance(e, EpochDone)]
        assert losses[2] < losses[0]


class TestMetrics:
    def scored(self, metrics, network, classes):
        examples = points(60, 4, classes)
        trainer = trainer_of(f"metrics {metrics}", network)
        score = trainer.evaluate(examples.x_test, examples.y_test)
        return score, trainer.predict(examples.x_test), examples.y_test

    def test_of_several_classes(self):
        words = "accuracy top5 confusion precision recall f1 mean_per_class_accuracy mean_iou mae"
        score, outputs, labels = self.scored(words, "input 4\ndense 7 softmax\n", 7)
        chosen = outputs.argmax(1)
        matrix = np.zeros((7, 7), int)
        np.add.at(matrix, (labels, chosen), 1)
        np.testing.assert_array_equal(score.confusion, matrix)
        assert score.accuracy == pytest.approx(np.mean(chosen == labels))
        order = np.argsort(-outputs, axis=1)[:, :5]
        assert score.others["top5"] == pytest.approx(np.mean((order == labels[:, None]).any(1)))
        hits = np.diag(matrix)
        with np.errstate(invalid="ignore"):
            precision = np.nan_to_num(hits / matrix.sum(0))
            recall = np.nan_to_num(hits / matrix.sum(1))
        assert score.others["precision"] == pytest.approx(precision.mean())
        assert score.others["recall"] == pytest.approx(recall.mean())
        assert score.others["mean_per_class_accuracy"] == pytest.approx(recall.mean())
        mae = np.abs(np.eye(7)[labels] - outputs).mean()
        assert score.others["mae"] == pytest.approx(mae, rel=1e-5)
        assert score.loss == pytest.approx(-np.log(outputs[range(60), labels]).mean(), rel=1e-5)

    @pytest.mark.parametrize("last", ["dense 1 sigmoid", "dense 2 softmax"])
    def test_of_two_classes(self, last):
        words = "precision recall auc true_positives false_positives root_mean_squared_error"
        score, outputs, labels = self.scored(words, f"input 4\n{last}\n", 2)
        chance = outputs[:, -1]
        chosen = (chance > 0.5).astype(int)
        positives = ((chosen == 1) & (labels == 1)).sum()
        assert score.others["true_positives"] == positives
        assert score.others["precision"] == pytest.approx(positives / chosen.sum())
        assert score.others["recall"] == pytest.approx(positives / labels.sum())
        pairs = chance[labels == 1][:, None] - chance[labels == 0][None]
        assert score.others["auc"] == pytest.approx(np.mean(pairs > 0), abs=0.02)

    def test_a_second_evaluation_begins_anew(self):
        examples = points(60, 4, 2)
        trainer = trainer_of("metrics auc", "input 4\ndense 1 sigmoid\n")
        scores = [trainer.evaluate(examples.x_test, examples.y_test) for _ in range(2)]
        assert scores[0].others == scores[1].others

    @pytest.mark.parametrize(
        "last", ["dense 3 softmax", "dense 3 sigmoid", "dense 3", "dense 3 tanh"]
    )
    def test_given_results_are_scored_alike(self, last):
        examples = points()
        trainer = trainer_of("metrics loss mae", f"input 4\n{last}\n")
        own = trainer.evaluate(examples.x_test, examples.y_test)
        given = trainer.evaluate_outputs(trainer.predict(examples.x_test), examples.y_test)
        assert given.loss == pytest.approx(own.loss, rel=1e-5)
        assert given.others == pytest.approx(own.others, rel=1e-5)


class TestSeveralModels:
    TEXT = "dense 16 relu\ndense 10 softmax\ntrain {{ data digits; epochs 4; {} }}"

    @pytest.mark.parametrize("kind", ["ensemble", "snapshots"])
    def test_predictions_are_averaged(self, tmp_path, kind):
        examples = data.load("digits").limited(300)
        net = dsl.check(dsl.parse(self.TEXT.format(f"{kind} 2"), "many.net"))
        result = train(net, examples, "digits", out=tmp_path / "run")
        scores = [member["test_loss"] for member in result.summary["members"]]
        assert len(set(scores)) == 2
        config, predictor = open_run(tmp_path / "run")
        assert config.members == 2
        single = []
        for number in (1, 2):
            weights = result.folder.read_models(2)[number - 1]
            predictor.trainer.load_weights(weights)
            single.append(predictor.trainer.predict(examples.x_test))
        mean = predictor.predict(examples.x_test)
        np.testing.assert_allclose(mean, (single[0] + single[1]) / 2, rtol=1e-5)
        expected = -np.log(mean[range(len(mean)), examples.y_test]).mean()
        assert result.summary["test_loss"] == pytest.approx(expected, rel=1e-4)
        assert json.loads((tmp_path / "run" / "summary.json").read_text()) == result.summary

    def test_a_stopped_ensemble_has_the_members_that_were_trained(self, tmp_path):
        net = dsl.check(dsl.parse(self.TEXT.format("ensemble 3"), "many.net"))
        events = []

        def stop():
            return sum(isinstance(e, EpochDone) for e in events) >= 6

        watch = Watch(show=events.append, interrupted=stop)
        examples = data.load("digits").limited(50)
        result = train(net, examples, "digits", out=tmp_path / "run", watch=watch)
        assert len(result.summary["members"]) == 2
        config, _ = open_run(tmp_path / "run")
        assert config.members == 2
        result = resume(tmp_path / "run", examples)
        assert len(result.summary["members"]) == 3
        assert open_run(tmp_path / "run")[0].members == 3

    def test_members_begin_differently(self, tmp_path):
        net = dsl.check(dsl.parse(self.TEXT.format("ensemble 2; steps 1"), "many.net"))
        result = train(net, data.load("digits").limited(50), "digits", out=tmp_path / "run")
        one, two = result.folder.read_models(2)
        assert (one["dense/kernel"] != two["dense/kernel"]).any()


CHOICES = {
    "loss": [f"loss {name}" for name in LOSSES],
    "optimizer": [f"optimizer {name}" for name in OPTIMIZERS],
    "schedule": [f"schedule {name}" for name in SCHEDULES],
    "metrics": [f"metrics {name} loss" for name in METRICS],
    "limits": ["clip norm=1", "clip value=0.1", "regularize l1=0.1 l2=0.2"],
    "watch": ["stop", "stop on=loss patience=1", "checkpoint best=val_mae", "snapshots 2"],
    "augment": [f"augment {{ {step} }}" for step in ("shift 1 mixup 0.2", "rotate 9 noise 0.1")],
    "preprocess": [f"preprocess {{ {s} }}" for s in ("whiten", "standardize resize 10x10")],
}
NETWORKS = (
    *("dense 10 softmax", "dense 12 sigmoid", "dense 10", "dense 1", "dense 10\nsoftmax"),
    "conv 3 3x3 relu\nbatchnorm\ndropout 0.3\ndense 10 softmax l2=0.1 max_norm=1",
)


def test_whatever_is_valid_trains(digits):
    chance, trained = random.Random(5), 0
    while trained < 40:
        settings = [chance.choice(words) for words in CHOICES.values() if chance.random() < 0.5]
        text = "\n".join([chance.choice(NETWORKS), "train {", "epochs 2; steps 3", *settings, "}"])
        try:
            net = dsl.check(dsl.parse(text), (8, 8, 1), 10)
        except dsl.NetError:
            continue
        trainer = Trainer(net, fit_preprocessing(net, digits))
        for _ in trainer.fit(digits):
            pass
        assert np.isfinite(trainer.evaluate(digits.x_test, digits.y_test).loss)
        trained += 1
