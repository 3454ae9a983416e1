"""``train { … }``: settings, defaults, and what suits the network."""

import pytest

import dsl
import tensorgraph as tf
from dsl.checker.train_section import NUMBER_SETTINGS, OPTION_SETTINGS, WORD_SETTINGS
from dsl.losses import LOSSES
from dsl.metrics import METRICS
from dsl.optimizers import OPTIMIZERS
from dsl.schedules import SCHEDULES
from dsl.settings import (
    CheckpointSettings,
    ClipSettings,
    RegularizeSettings,
    StopSettings,
    TrainSettings,
)
from dsl.steps import AUGMENT, PREPROCESS


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
    assert settings == TrainSettings(
        loss="cross_entropy", loss_options={"smoothing": 0.0}, metrics=("accuracy", "loss")
    )
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
        ("softmax", "kl", []),
        ("sigmoid", "kl", ["TG504"]),
        ("softmax", "hinge", ["TG504"]),
        ("linear", "hinge", []),
        ("tanh", "huber", []),
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
        ("loss mae delta=1", "TG405"),
        ("loss huber delta=0", "TG404"),
        ("loss cross_entropy smoothing=1", "TG404"),
        ("optimizer rmsprop rho=0.9", "TG405"),
        ("optimizer adagrad start=0", "TG404"),
        ("data folder resize=0", "TG404"),
        ("data folder resize=8x8x3", "TG403"),
        ("data folder target=(-1)", "TG404"),
        ("data folder targt=label", "TG405"),
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
        ("metrics accurcy", "TG503"),
        ("metrics 5", "TG503"),
        ("metrics top_k", "TG401"),
        ("metrics top_k()", "TG401"),
        ("metrics top_k(0)", "TG404"),
        ("metrics top_k(1.5)", "TG403"),
        ("metrics top_k(1, 2)", "TG402"),
        ("metrics recall_at_thresholds(2)", "TG404"),
        ("metrics accuracy(3)", "TG402"),
        ("metrics topk(3)", "TG503"),
        ("metrics max(3)", "TG503"),
        ("batch 5; batch 6", "TG502"),
        ("bach 5", "TG501"),
        ("workers 2", "TG501"),
        ("schedule cosin", "TG503"),
        ("schedule step every=0", "TG404"),
        ("schedule plateau on=val_los", "TG301"),
        ("schedule onecycle rise=1", "TG404"),
        ("steps 10; schedule cosine warmup=10", "TG508"),
        ("regularize", "TG401"),
        ("regularize l2=(-1)", "TG404"),
        ("regularize l3=1", "TG405"),
        ("clip", "TG401"),
        ("clip norm=0", "TG404"),
        ("clip norm=1 value=1", "TG508"),
        ("stop patience=0", "TG404"),
        ("stop on=confusion", "TG301"),
        ("stop 5", "TG402"),
        ("checkpoint keep=0", "TG404"),
        ("checkpoint best=val_auc", "TG507"),
        ("stop on=f1", "TG507"),
        ("precision half", "TG301"),
        ("precision", "TG401"),
        ("ensemble 0", "TG404"),
        ("snapshots", "TG401"),
        ("ensemble 2; snapshots 2", "TG508"),
        ("snapshots 2; schedule step", "TG508"),
        ("snapshots 20", "TG508"),
        ("data folder validation=0; stop", "TG508"),
        ("data folder validation=0; checkpoint best=val_accuracy", "TG508"),
        ("data folder validation=0; schedule plateau", "TG508"),
        ("data folder resize=8; preprocess { resize 8 }", "TG508"),
        ("augment hflip", "TG509"),
        ("preprocess", "TG509"),
        ("batch { }", "TG509"),
        ("augment { hflip { } }", "TG509"),
        ("augment { hflp }", "TG503"),
        ("augment { hflip vflp shift 2 }", "TG503"),
        ("augment { hflip hflip }", "TG502"),
        ("augment { shift }", "TG401"),
        ("augment { shift 0 }", "TG404"),
        ("augment { rotate 200 }", "TG404"),
        ("augment { hflip 5 }", "TG402"),
        ("preprocess { pca 0 }", "TG404"),
        ("preprocess { scale 0 }", "TG404"),
        ("preprocess { mixup 0.2 }", "TG503"),
    ],
)
def test_wrong_settings(settings, code):
    assert codes(settings) == [code]


def test_data_options():
    data = train('data "houses.csv" target=price validation=0.2').data
    assert (data.source, data.target, data.validation) == ("houses.csv", "price", 0.2)
    assert train('data "houses.csv" target="the price"').data.target == "the price"
    assert train('data "houses.csv" target=3').data.target == 3
    assert train("data ./pets resize=32x48").data.resize == (32, 48)


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ("data folder", 0.0),
        ("data folder validation=0.2; stop", 0.2),
        ("data folder; stop", 0.1),
        ("stop", 0.1),
        ("stop on=loss", 0.0),
        ("checkpoint best=val_accuracy", 0.1),
        ("schedule plateau", 0.1),
        ("schedule plateau on=loss", 0.0),
    ],
)
def test_what_watches_the_validation_part_gets_one(settings, share):
    assert train(settings).validation == share


def test_settings_of_options():
    settings = train(
        "regularize l1=0.1 l2=0.2; clip norm=2; stop patience=3 on=val_accuracy min_delta=0.01\n"
        "checkpoint every=2 keep=1 best=val_top5; metrics top5 confusion f1; loss kl\n"
        "schedule plateau factor=0.5 patience=2 on=loss warmup=4"
    )
    assert settings.regularize == RegularizeSettings(0.1, 0.2)
    assert settings.clip == ClipSettings(norm=2.0)
    assert settings.stop == StopSettings(3, "val_accuracy", 0.01)
    assert settings.checkpoint == CheckpointSettings(2, 1, "val_top5")
    assert settings.metrics == ("top5", "confusion", "f1")
    assert settings.schedule.options == {"factor": 0.5, "patience": 2, "on": "loss", "warmup": 4}
    assert settings.watched == ("val_accuracy", "val_top5", "loss")


def test_loss_options():
    assert train("loss cross_entropy smoothing=0.1").loss_options == {"smoothing": 0.1}
    assert train("loss huber delta=2", "input 4\ndense 1").loss_options == {"delta": 2.0}


def test_precision():
    assert train("precision mixed").precision == "mixed"
    assert train("epochs 2").precision == "float32"


def test_several_models():
    assert train("ensemble 5").ensemble == 5
    settings = train("snapshots 4")
    assert (settings.snapshots, settings.schedule.name) == (4, "cosine")


def test_preprocess():
    steps = train(
        "preprocess { scale 1/255; center standardize\nwhiten eps=0.1; pca 3; resize 4x5 }"
    )
    assert [(step.name, step.options) for step in steps.preprocess] == [
        ("scale", {"factor": 1 / 255}),
        ("center", {}),
        ("standardize", {}),
        ("whiten", {"eps": 0.1}),
        ("pca", {"components": 3}),
        ("resize", {"size": (4, 5)}),
    ]


def test_augment_with_steps_side_by_side():
    steps = train(
        "augment { hflip vflip shift 2 rotate 15 zoom 0.1 contrast 0.2 brightness 0.2 noise 0.05"
        " mixup 0.2 cutout 8 adversarial 0.1 }"
    )
    assert [step.name for step in steps.augment] == list(AUGMENT)
    assert [list(step.options.values()) for step in steps.augment[2:-1]] == [
        *([2], [15.0], [0.1], [0.2], [0.2], [0.05], [0.2], [8]),
    ]
    assert steps.augment[-1].options == {"epsilon": 0.1, "share": 0.5}


def test_an_argument_of_a_step_may_be_a_constant():
    net = "input 4\nlet far = 3\ndense 10 softmax"
    assert train("augment { shift far hflip }", net).augment[0].options == {"pixels": 3}


@pytest.mark.parametrize(
    ("metric", "network", "found"),
    [
        ("accuracy", "dense 1", ["TG507"]),
        ("accuracy", "dense 1 sigmoid", []),
        ("mae", "dense 1", []),
        ("mae", "dense 10 softmax", []),
        ("top5", "dense 4 softmax", ["TG507"]),
        ("top5", "dense 5 softmax", []),
        ("auc", "dense 2 softmax", []),
        ("auc", "dense 1 sigmoid", []),
        ("auc", "dense 3 softmax", ["TG507"]),
        ("precision", "dense 3 softmax", []),
        ("confusion", "dense 3", ["TG507"]),
        ("top_k(3)", "dense 3 softmax", []),
        ("top_k(4)", "dense 3 softmax", ["TG507"]),
        ("top_k(1)", "dense 3", ["TG507"]),
        ("percentage_below(0)", "dense 3", []),
        ("recall_at_thresholds(0.3)", "dense 1 sigmoid", []),
        ("recall_at_thresholds(0.3)", "dense 3 softmax", ["TG507"]),
    ],
)
def test_metrics_must_suit_the_network(metric, network, found):
    assert codes(f"metrics {metric}", f"input 4\n{network}") == found


@pytest.mark.parametrize(
    ("last", "found"),
    [("dense 1 sigmoid", ["TG506"]), ("dense 9 sigmoid", ["TG506"]), ("dense 10 sigmoid", [])],
)
def test_classes_of_the_data_disagree(last, found):
    assert codes("data digits", last) == found


def test_too_few_results_are_repaired():
    with pytest.raises(dsl.NetError) as caught:
        dsl.check(dsl.parse("dense 9 softmax\ntrain { data digits }"))
    assert caught.value.errors[0].help == "`dense 10` has a result for each"


def test_an_image_as_the_result_is_no_class():
    network = "input 8x8x1\nconv 1 3x3 same sigmoid"
    assert codes("data digits", network) == ["TG514"]
    assert codes("loss mse; data digits", network) == ["TG514"]
    assert codes("data folder", network) == []
    with pytest.raises(dsl.NetError) as caught:
        train("data digits", network)
    assert caught.value.errors[0].help == "`target=itself` trains it to give back its input"
    settings = train("data digits target=itself", network)
    assert settings.reconstructs
    assert (settings.loss, settings.metrics) == ("binary_cross_entropy", ("loss",))


def test_mirrored_digits_are_warned_about():
    assert codes("data digits; augment { shift 1 hflip }", "dense 10 softmax") == ["TG510"]
    assert codes("data folder; augment { hflip }") == []


@pytest.mark.parametrize("table", [LOSSES, OPTIMIZERS, SCHEDULES, METRICS, PREPROCESS, AUGMENT])
def test_every_word_is_described(table):
    assert all(kind.doc and kind.name == word for word, kind in table.items())


def test_every_setting_is_described():
    assert all(p.doc for parameters in OPTION_SETTINGS.values() for p in parameters)
    assert all(doc for _, doc in (NUMBER_SETTINGS | WORD_SETTINGS).values())


def test_more_classes_than_results():
    assert codes("data digits", "dense 9 softmax") == ["TG506"]
    assert codes("data digits", "dense 12 softmax") == ["TG512"]
