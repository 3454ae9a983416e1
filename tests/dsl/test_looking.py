"""Why a network decides as it does: against formulas worked out apart from it."""

from __future__ import annotations

import numpy as np
import pytest

import dsl
import tensorgraph as tf
from dsl.looking.activation_maps import cam, cam_layers, grad_cam, map_activations
from dsl.looking.attacks import Attacker, measure
from dsl.looking.attribution import integrated_gradients, occlusion, saliency
from dsl.looking.probe import Probe
from dsl.looking.receptive_field import Unit, receptive_field
from dsl.settings import TrainSettings
from dsl.steps import PreprocessStep
from dsl.training.errors import RunError
from dsl.training.events import StepDone
from dsl.training.trainer import Trainer
from tensorgraph import data
from tensorgraph.data import Preprocessing

NAMES = tuple("0123456789")
LINEAR = "input 4x4x1\nflatten\ndense 3 softmax"
SMALL = "input 6x6x1\nconv 4 3x3 tanh\nflatten\ndense 3 softmax"
POOLED = "input 6x6x2\nconv 5 3x3 same relu\nmaxpool 2\ngap\ndropout 0.5\ndense 3 softmax"


def probe_of(text, preprocessing=None, shape=None, names=NAMES[:3]):
    trainer = Trainer(dsl.check(dsl.parse(text)), preprocessing)
    return Probe(trainer, shape or trainer.net.input_shape, names)


def images(probe, count=4, seed=1):
    shape = probe.examples.shape.as_list()[1:]
    return np.random.default_rng(seed).uniform(0, 1, (count, *shape)).astype(np.float32)


def weights(probe, layer="dense"):
    values = probe.trainer.weights()
    return values[f"{layer}/kernel"], values[f"{layer}/bias"]


class TestProbe:
    def test_the_score_is_the_logit(self):
        probe = probe_of(LINEAR)
        x, (kernel, bias) = images(probe), weights(probe)
        expected = (x.reshape(4, -1) @ kernel + bias)[:, 2]
        np.testing.assert_allclose(probe.run(probe.score, x, 2), expected, rtol=1e-5)

    def test_outcomes_are_predictions(self):
        probe = probe_of(SMALL)
        x = images(probe, 200)
        np.testing.assert_allclose(probe.outcomes(x), probe.trainer.predict(x), rtol=1e-5)

    def test_one_result_for_two_classes(self):
        probe = probe_of("input 4x4x1\nflatten\ndense 1 sigmoid", names=("cat", "dog"))
        x = images(probe)
        outcomes = probe.outcomes(x)
        assert outcomes.shape == (4, 2)
        np.testing.assert_allclose(outcomes.sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(
            probe.run(probe.score, x, 0), -probe.run(probe.score, x, 1), rtol=1e-6
        )

    def test_names_beyond_the_classes_of_the_data_are_numbers(self):
        assert probe_of(LINEAR, names=("a",)).names == ("a", "1", "2")

    @pytest.mark.parametrize(
        "steps",
        [
            [PreprocessStep("scale", {"factor": 0.5}), PreprocessStep("center", {})],
            [PreprocessStep("standardize", {})],
            [PreprocessStep("whiten", {"eps": 1e-3})],
            [PreprocessStep("pca", {"components": 9})],
            [PreprocessStep("resize", {"size": (5, 3)}), PreprocessStep("standardize", {})],
            [PreprocessStep("resize", {"size": (12, 7)})],
        ],
        ids=lambda steps: "-".join(step.name for step in steps),
    )
    def test_preprocessing_as_nodes_is_that_of_arrays(self, steps):
        x = np.random.default_rng(2).uniform(0, 1, (40, 8, 6, 2)).astype(np.float32)
        fitted = Preprocessing.fit(steps, x)
        after = "x".join(map(str, fitted.output_shape(x.shape[1:])))
        probe = probe_of(f"input {after}\ndense 3 softmax", fitted, x.shape[1:])
        np.testing.assert_allclose(
            probe.outcomes(x), probe.trainer.predict(x), rtol=2e-4, atol=1e-6
        )

    def test_a_class_that_does_not_exist(self):
        with pytest.raises(RunError, match="knows no class 'cat': expected 0, 1, 2"):
            probe_of(LINEAR).number_of("cat")

    def test_token_ids_have_no_gradient(self):
        with pytest.raises(RunError, match="token ids"):
            probe_of("input 5 of 20\nembedding 4\nflatten\ndense 3 softmax", shape=(5,))

    def test_an_image_as_the_result_has_no_class(self):
        with pytest.raises(RunError, match="no row of numbers"):
            probe_of("input 4x4x1\nconv 1 3x3 same sigmoid")


class TestAttribution:
    def test_saliency_of_a_linear_network_is_its_weights(self):
        probe = probe_of(LINEAR)
        kernel, _ = weights(probe)
        found = saliency(probe, images(probe)[0], 1)
        np.testing.assert_allclose(found.reshape(-1), kernel[:, 1], rtol=1e-5)

    def test_saliency_against_differences(self):
        probe = probe_of(SMALL)
        x = images(probe)[0]
        found, step = saliency(probe, x, 0), np.float32(1e-2)
        for place in [(0, 0, 0), (3, 2, 0), (5, 5, 0)]:
            change = np.zeros_like(x)
            change[place] = step
            high, low = probe.run(probe.score, np.stack([x + change, x - change]), 0)
            np.testing.assert_allclose(found[place], (high - low) / (2 * step), atol=2e-3)

    def test_integrated_gradients_of_a_linear_network_are_exact(self):
        probe = probe_of(LINEAR)
        x, (kernel, _) = images(probe)[0], weights(probe)
        found = integrated_gradients(probe, x, 2, baseline=0.5, steps=3)
        np.testing.assert_allclose(
            found.shares.reshape(-1), (x - 0.5).reshape(-1) * kernel[:, 2], rtol=1e-4, atol=1e-6
        )
        assert abs(found.error) < 1e-5

    def test_they_become_complete(self):
        probe = probe_of(SMALL)
        x = images(probe)[0]
        errors = [abs(integrated_gradients(probe, x, 1, steps=n).error) for n in (1, 8, 64)]
        scores = probe.run(probe.score, np.stack([x, np.zeros_like(x)]), 1)
        found = integrated_gradients(probe, x, 1)
        assert found.gain == pytest.approx(scores[0] - scores[1], rel=1e-5)
        # The rule of the middle: the error falls with the square of the steps.
        assert errors[1] < errors[0] / 8
        assert errors[2] < 1e-4

    def test_occlusion_of_a_linear_network(self):
        probe = probe_of("input 4x4x1\nflatten\ndense 3")
        x, (kernel, _) = images(probe)[0], weights(probe)
        found = occlusion(probe, x, 1, size=2, stride=2)
        shares = (x[..., 0] - x.mean()) * kernel[:, 1].reshape(4, 4)
        expected = shares.reshape(2, 2, 2, 2).sum(axis=(1, 3)).repeat(2, 0).repeat(2, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)

    def test_occlusion_covers_everything(self):
        probe = probe_of(SMALL)
        assert np.isfinite(occlusion(probe, images(probe)[0], 0, size=4, stride=3)).all()
        assert occlusion(probe, images(probe)[0], 0, size=9).shape == (6, 6)


class TestActivationMaps:
    def test_cam_by_hand(self):
        probe = probe_of(POOLED)
        x, (kernel, bias) = images(probe)[0], weights(probe)
        found = cam(probe, x, 2)
        values = probe.run(probe.values["maxpool"], x[np.newaxis])[0]
        by_hand = np.einsum("hwk,k->hw", values, kernel[:, 2])
        np.testing.assert_allclose(found.values, by_hand, rtol=1e-5, atol=1e-6)
        score = probe.run(probe.score, x[np.newaxis], 2)[0]
        assert found.values.mean() + bias[2] == pytest.approx(score, rel=1e-4)

    def test_grad_cam_of_such_a_network_is_the_positive_part_of_cam(self):
        probe = probe_of(POOLED)
        x = images(probe)[0]
        places = 9
        found = grad_cam(probe, x, 1)
        assert found.layer == "maxpool"
        expected = np.maximum(cam(probe, x, 1).values, 0) / places
        np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)

    def test_two_classes_have_opposite_maps(self):
        text = "input 6x6x1\nconv 3 3x3\ngap\ndense 1 sigmoid"
        probe = probe_of(text, names=("cat", "dog"))
        x = images(probe)[0]
        np.testing.assert_allclose(cam(probe, x, 0).values, -cam(probe, x, 1).values)

    @pytest.mark.parametrize(
        "text",
        [
            SMALL,
            "input 6x6x1\nconv 5 3x3\ngap\ndense 4 relu\ndense 3 softmax",
            "input 6x6x1\nconv 5 3x3\ngmp\ndense 3 softmax",
            "input 6x6x1\na = conv 5 3x3\ngap\nb = dense 3\nfrom b\nsoftmax",
        ],
    )
    def test_other_networks_get_grad_cam(self, text):
        probe = probe_of(text)
        assert cam_layers(probe.net) is None
        found = map_activations(probe, images(probe)[0], 0)
        assert found.method == "Grad-CAM"
        assert found.values.shape == (4, 4)
        assert found.values.min() >= 0

    def test_there_is_no_map_without_a_convolution(self):
        probe = probe_of(LINEAR)
        with pytest.raises(RunError, match="no convolution"):
            map_activations(probe, images(probe)[0], 0)


# Weights and inputs are positive and nothing bends: a pixel counts exactly where it is seen.
SEEN = [
    "conv 2 3x3\nconv 2 3x3",
    "conv 2 3x3 same stride=2\navgpool 2\nconv 2 3x3 same",
    "conv 2 3x5 dilation=2\navgpool 3 stride=2 same",
    "conv 2 3x3 pad=1 stride=2\nconv 2 5x5 same",
    "zeropad 1 2\ncrop 1\ndepthwise 3 stride=2 same\navgpool 2",
    "residual { conv 3 3x3 same; conv 1 3x3 same }\navgpool 2 stride=2",
    "branch { conv 2 1x1 } { conv 2 5x5 same } { avgpool 3x1 stride=1 same } concat",
    "avgpool 2\nupsample 2\nconv 2 3x3",
    "avgpool 2\ndeconv 2 2x2 stride=2\nconv 2 3x3",
]


class TestReceptiveField:
    @pytest.mark.parametrize("text", SEEN)
    @pytest.mark.parametrize("corner", [0, 1, -1])
    def test_it_is_where_the_gradient_is(self, text, corner):
        net = dsl.check(dsl.parse(f"input 16x16x1\n{text}"))
        height, width = net.output_shape[:2]
        place = {0: (0, 0), 1: (height // 2, width // 3), -1: (height - 1, width - 1)}[corner]
        box = receptive_field(net, Unit(net.outputs[0], place))
        with tf.Graph().as_default():
            model = dsl.compile_net(net)
            value = tf.reduce_sum(model.apply().output[:, place[0], place[1]])
            (gradient,) = tf.gradients(value, [model.input])
            with tf.Session() as session:
                for variable in model.variables.values():
                    shape = variable.shape.as_list()
                    variable.load(np.full(shape, 0.5, np.float32), session)
                found = session.run(gradient, {model.input: np.ones((1, 16, 16, 1))})
        rows, columns = np.nonzero(found[0, :, :, 0])
        inside = [(max(low, 0), min(high, 15)) for low, high in box]
        assert inside == [(rows.min(), rows.max()), (columns.min(), columns.max())]

    def test_zeros_around_the_image_count(self):
        net = dsl.check(dsl.parse("input 8x8x1\nconv 1 3x3 same\nconv 1 5x5 same"))
        assert receptive_field(net, Unit("conv_1", (0, 0))) == ((-3, 3), (-3, 3))

    def test_a_dense_layer_sees_everything(self):
        net = dsl.check(dsl.parse("input 8x6x1\nconv 1 3x3\ndense 5"))
        assert receptive_field(net, Unit("dense", ())) == ((0, 7), (0, 5))

    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("conv:1,2", Unit("conv", (1, 2))),
            ("conv:1,2,0", Unit("conv", (1, 2), 0)),
            ("conv", Unit("conv", (3, 2))),
            ("dense:4", Unit("dense", (), 4)),
            ("dense", Unit("dense", ())),
        ],
    )
    def test_units_are_written(self, text, unit):
        net = dsl.check(dsl.parse("input 8x6x1\nconv 1 3x3\ndense 5"))
        assert Unit.parse(net, text) == unit

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("cnv:1,2", "no layer 'cnv': expected conv, dense"),
            ("conv:x", "'conv:x' is no unit"),
            ("conv:1", "no place"),
            ("conv:6,0", "gives 6x4x1"),
            ("conv:0,0,1", "no place"),
            ("dense:5", "gives 5"),
        ],
    )
    def test_units_that_are_none(self, text, message):
        net = dsl.check(dsl.parse("input 8x6x1\nconv 1 3x3\ndense 5"))
        with pytest.raises(RunError, match=message):
            Unit.parse(net, text)


class TestAttacks:
    def test_fgsm_of_a_linear_network_by_hand(self):
        probe = probe_of("input 7\ndense 3 softmax")
        x, (kernel, bias) = images(probe, 5), weights(probe)
        y = np.array([0, 1, 2, 0, 1])
        exps = np.exp(x @ kernel + bias)
        errors = exps / exps.sum(axis=1, keepdims=True) - np.eye(3)[y]
        expected = x + 0.3 * np.sign(errors @ kernel.T)
        np.testing.assert_allclose(Attacker(probe).fgsm(x, y, 0.3), expected, atol=1e-6)

    def test_fgsm_with_one_result_for_two_classes(self):
        probe = probe_of("input 7\ndense 1 sigmoid", names=("cat", "dog"))
        x, (kernel, _) = images(probe, 2), weights(probe)
        expected = x + 0.2 * np.array([[1], [-1]]) * np.sign(kernel[:, 0])
        found = Attacker(probe).fgsm(x, np.array([0, 1]), 0.2)
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @pytest.mark.parametrize("method", ["fgsm", "pgd"])
    def test_images_stay_images_and_near(self, method):
        probe = probe_of(SMALL)
        x, y = images(probe, 6), np.arange(6) % 3
        found = Attacker(probe).attack(method, x, y, 0.3).x
        assert found.min() >= 0
        assert found.max() <= 1
        assert np.abs(found - x).max() <= 0.3 + 1e-6
        assert np.abs(found - x).max() > 0.25

    def test_pgd_raises_the_loss_more_than_fgsm(self):
        probe = probe_of("input 6x6x1\nconv 8 3x3 relu\ndense 16 relu\ndense 3 softmax")
        x = images(probe, 60)
        y = probe.outcomes(x).argmax(axis=1)
        attacker = Attacker(probe)

        def loss(changed):
            return -np.log(probe.outcomes(changed)[np.arange(60), y]).mean()

        one, many = attacker.fgsm(x, y, 0.2), attacker.pgd(x, y, 0.2, steps=20)
        assert loss(x) < loss(one) < loss(many)

    def test_accuracy_against_epsilon(self):
        probe = probe_of(SMALL)
        x = images(probe, 50)
        y = probe.outcomes(x).argmax(axis=1)
        found = measure(probe, x, y, [0, 0.05, 0.5], methods=["fgsm"])
        first, small, large = found.accuracies["fgsm"]
        assert first == 1
        assert first >= small >= large
        assert found.to_json()["fgsm_accuracy"] == [first, small, large]

    def test_the_attack_is_on_the_pixels_not_on_what_preprocessing_makes_of_them(self):
        x = np.random.default_rng(3).uniform(0, 1, (30, 4, 4, 1)).astype(np.float32)
        fitted = Preprocessing.fit([PreprocessStep("standardize", {})], x)
        probe = probe_of(LINEAR, fitted, (4, 4, 1))
        found = Attacker(probe).fgsm(x, np.zeros(30, np.int64), 0.1)
        assert np.abs(found - x).max() == pytest.approx(0.1, rel=1e-4)

    def test_numbers_cannot_be_attacked(self):
        with pytest.raises(RunError, match="no classes"):
            Attacker(probe_of("input 4\ndense 1", names=()))


class TestAdversarialTraining:
    NET = "input 6\ndense 3 softmax\n"

    def trainer(self, settings):
        text = f"{self.NET}train {{ optimizer sgd lr=0.5; batch 12; steps 1; {settings} }}"
        return Trainer(dsl.check(dsl.parse(text)))

    def points(self):
        rng = np.random.default_rng(1)
        x, y = rng.normal(size=(12, 6)).astype(np.float32), rng.integers(0, 3, 12)
        return data.ExampleSet("points", x, y, x, y, ("a", "b", "c"))

    def test_a_step_by_hand(self):
        trainer, points = self.trainer("augment { adversarial 0.25 share=0.75 }"), self.points()
        kernel, bias = (trainer.weights()[f"dense/{name}"] for name in ("kernel", "bias"))

        def errors(x):
            exps = np.exp(x @ kernel + bias)
            return exps / exps.sum(axis=1, keepdims=True) - np.eye(3)[points.y_train]

        x = points.x_train
        attacked = x + 0.25 * np.sign(errors(x) @ kernel.T)
        gradient = (0.25 * x.T @ errors(x) + 0.75 * attacked.T @ errors(attacked)) / len(x)
        list(trainer.fit(points))
        np.testing.assert_allclose(
            trainer.weights()["dense/kernel"], kernel - 0.5 * gradient, rtol=1e-4, atol=1e-6
        )

    def test_nothing_changes_without_it(self):
        assert TrainSettings().adversarial is None
        assert not self.trainer("").step(np.zeros(1, np.int64)).attacks

    def test_preprocessing_comes_after_the_attack(self):
        text = (
            "input 8x8x1\nconv 4 3x3 relu\ndense 10 softmax\n"
            "train { data digits; preprocess { standardize }; batch 32; epochs 6;"
            " augment { shift 1 adversarial 0.1 mixup 0.2 } }"
        )
        digits = data.load("digits").limited(128)
        net = dsl.check(dsl.parse(text))
        trainer = Trainer(net, Preprocessing.fit(net.train.preprocess, digits.x_train))
        losses = [e.score.loss for e in trainer.fit(digits) if isinstance(e, StepDone)]
        assert losses[-1] < losses[0]

    def test_it_makes_attacks_harder(self):
        digits = data.load("digits").limited(400)
        found = {}
        for augment in ("", "augment { adversarial 0.15 }"):
            text = (
                "input 8x8x1\nflatten\ndense 32 relu\ndense 10 softmax\n"
                f"train {{ data digits; optimizer adam lr=0.01; epochs 12; {augment} }}"
            )
            trainer = Trainer(dsl.check(dsl.parse(text)))
            list(trainer.fit(digits))
            probe = Probe(trainer, (8, 8, 1), digits.class_names)
            attack = measure(probe, digits.x_test, digits.y_test, [0.15], methods=["fgsm"])
            found[augment] = attack.accuracies["fgsm"][0]
        assert found["augment { adversarial 0.15 }"] > found[""] + 0.1
