"""``train { … }``: settings, defaults, and what suits the network."""

import pytest

import dsl
import tensorgraph as tf
from dsl.losses import LOSSES
from dsl.network import TrainSettings
from dsl.optimizers import OPTIMIZERS


def train(settings, network="input 4\ndense 10 softmax"):
    return dsl.check(dsl.parse(f"{network}\ntrain {{ {settings} }}")).train


def codes(settings, network="input 4\ndense 10 softmax"):
    try:
        net = dsl.check(dsl.parse(f"{network}\ntrain {{ {settings} }}"))
    except dsl.NetError as error:
        return [d.code for d in error.diagnostics]
    return [d.code for d in net.warnings]


def test_defaults():
    settings = dsl.check(dsl.parse("input 4\ndense 10 softmax")).train
    assert settings == train("")
    assert settings == TrainSettings(loss="cross_entropy", metrics=("accuracy", "loss"))
    assert settings.optimizer.name == "adam"
    assert (settings.batch, settings.epochs, settings.steps, settings.seed) == (64, 10, None, 0)


def test_all_settings():
    text = (
        "data digits validation=0.2; loss squared_error; optimizer adam lr=0.1 beta1=0.5 beta2=0.6"
        " eps=1e-5; batch 2 * 8; epochs 3; steps 100; seed 7; metrics loss accuracy loss"
    )
    settings = train(text, "dense 10 softmax")
    assert (settings.data.source, settings.data.validation) == ("digits", 0.2)
    assert settings.loss == "squared_error"
    assert settings.optimizer.options == {"lr": 0.1, "beta1": 0.5, "beta2": 0.6, "eps": 1e-5}
    assert (settings.batch, settings.epochs, settings.steps, settings.seed) == (16, 3, 100, 7)
    assert settings.metrics == ("loss", "accuracy")


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        ("dense 3 softmax", "cross_entropy"),
        ("dense 3\nsoftmax", "cross_entropy"),
        ("dense 3 sigmoid", "binary_cross_entropy"),
        ("dense 3", "mse"),
        ("dense 3 relu", "mse"),
    ],
)
def test_loss_follows_from_the_last_layer(last, loss):
    assert train("", f"input 4\n{last}").loss == loss


@pytest.mark.parametrize(
    ("last", "loss", "found"),
    [
        ("softmax", "cross_entropy", []),
        ("softmax", "squared_error", []),
        ("softmax", "binary_cross_entropy", ["TG504"]),
        ("sigmoid", "cross_entropy", ["TG504"]),
        ("sigmoid", "mse", []),
        ("linear", "cross_entropy", ["TG505"]),
        ("linear", "binary_cross_entropy", ["TG505"]),
        ("relu", "cross_entropy", ["TG504"]),
    ],
)
def test_loss_must_suit_the_last_layer(last, loss, found):
    assert codes(f"loss {loss}", f"input 4\ndense 10 {last}") == found


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_take_their_options(name):
    kind = OPTIMIZERS[name]
    assert kind.doc
    options = " ".join(f"{option.name}=0.25" for option in kind.options)
    settings = train(f"optimizer {name} {options}").optimizer
    assert settings.options == {option.name: 0.25 for option in kind.options}
    with tf.Graph().as_default():
        assert isinstance(settings.build(), tf.train.Optimizer)
        assert isinstance(train(f"optimizer {name}").optimizer.build(), tf.train.Optimizer)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("data", "TG401"),
        ("data my-folder", "TG503"),
        ("data folder validation=1", "TG404"),
        ("data folder 5", "TG402"),
        ("loss", "TG401"),
        ("loss mean", "TG503"),
        ("loss 3", "TG503"),
        ("loss mse mse", "TG301"),
        ("loss mae", "TG106"),
        ("optimizer", "TG401"),
        ("optimizer sgd lr=0", "TG404"),
        ("optimizer sgd beta1=0.1", "TG405"),
        ("optimizer sgd 0.1", "TG402"),
        ("optimizer momentum momentum=1", "TG404"),
        ("batch", "TG401"),
        ("batch 0", "TG404"),
        ("batch 1.5", "TG403"),
        ("batch 5 6", "TG402"),
        ("epochs 0", "TG404"),
        ("seed (-1)", "TG404"),
        ("metrics", "TG401"),
        ("metrics top5", "TG106"),
        ("metrics accurcy", "TG503"),
        ("batch 5; batch 6", "TG502"),
        ("bach 5", "TG501"),
        ("schedule plateau", "TG106"),
        ("stop patience=5 on=val_loss", "TG106"),
    ],
)
def test_wrong_settings(settings, code):
    assert codes(settings) == [code]


def test_losses_are_described():
    assert all(loss.doc for loss in LOSSES.values())


def test_more_classes_than_results():
    assert codes("data digits", "dense 9 softmax") == ["TG506"]
    assert codes("data digits", "dense 12 softmax") == []
