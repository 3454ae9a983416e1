"""The networks of `examples/zoo` have the published numbers, and the small ones learn."""

from __future__ import annotations

import re
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
import pytest

import dsl
import tensorgraph as tf

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT / "examples" / "zoo"

# Parameters, and how many of them are not trained.
PARAMETERS = {
    "lenet5": (61_706, 0),
    "alexnet": (62_378_344, 0),
    "alexnet_two_groups": (60_965_224, 0),
    "zfnet": (62_357_608, 0),
    "vgg16": (138_357_544, 0),
    "vgg19": (143_667_240, 0),
    "googlenet": (6_998_552, 0),
    "inception_v3": (23_851_784, 34_432),
    "resnet50": (25_636_712, 53_120),
    "resnet101": (44_707_176, 105_344),
    "resnet152": (60_419_944, 151_424),
    "se_resnet50": (28_088_024 + 53_120, 53_120),
    "mobilenet_v1": (4_253_864, 21_888),
    "mobilenet_v2": (3_538_984, 34_112),
    "xception": (22_910_480, 54_528),
    "densenet121": (8_062_504, 83_648),
    "efficientnet_b0": (5_330_571, 42_023),
    "unet": (31_030_658, 0),
    "denoising_autoencoder": (28_353, 0),
    "lstm_text": (2_691_713, 0),
    "gru_text": (2_636_692, 0),
    "time_series": (274_694, 1_024),
    "video3d": (248_138, 0),
    "x_or_o": (137, 0),
}

# Millions of multiplications with an addition for one image, as papers and libraries give them.
MULTIPLY_ADDS = {
    "alexnet_two_groups": 724,
    "vgg16": 15_470,
    "vgg19": 19_630,
    "googlenet": 1_580,
    "inception_v3": 5_710,
    "resnet50": 3_860,
    "resnet101": 7_580,
    "resnet152": 11_300,
    "mobilenet_v1": 569,
    "mobilenet_v2": 300,
    "xception": 8_360,
    "densenet121": 2_850,
    "efficientnet_b0": 390,
}

# Shapes that each network passes through, in this order.
VOLUMES = {
    "alexnet": "55x55x96 27x27x96 27x27x256 13x13x256 13x13x384 13x13x256 6x6x256 9216 4096 1000",
    "zfnet": "110x110x96 55x55x96 26x26x256 13x13x256 13x13x384 13x13x256 6x6x256 4096 1000",
    "vgg19": "224x224x64 112x112x64 56x56x128 28x28x256 14x14x512 7x7x512 25088 4096 1000",
    "googlenet": "112x112x64 56x56x64 56x56x192 28x28x192 28x28x256 28x28x480 14x14x480 14x14x512"
    " 14x14x528 14x14x832 7x7x832 7x7x1024 1024 1000",
    "inception_v3": "149x149x32 147x147x32 147x147x64 73x73x64 73x73x80 71x71x192 35x35x192"
    " 35x35x256 35x35x288 17x17x768 8x8x1280 8x8x2048 2048 1000",
    "resnet152": "112x112x64 56x56x64 56x56x256 28x28x512 14x14x1024 7x7x2048 2048 1000",
    "se_resnet50": "112x112x64 56x56x64 256 56x56x256 512 28x28x512 7x7x2048 2048 1000",
    "mobilenet_v1": "112x112x32 112x112x64 56x56x128 28x28x256 14x14x512 7x7x1024 1024 1000",
    "mobilenet_v2": "112x112x32 112x112x16 56x56x24 28x28x32 14x14x64 14x14x96 7x7x160 7x7x320"
    " 7x7x1280 1280 1000",
    "xception": "149x149x32 147x147x64 74x74x128 37x37x256 19x19x728 10x10x1024 10x10x2048 2048"
    " 1000",
    "densenet121": "112x112x64 56x56x64 56x56x256 28x28x128 28x28x512 14x14x256 14x14x1024"
    " 7x7x512 7x7x1024 1024 1000",
    "efficientnet_b0": "112x112x32 112x112x16 56x56x24 28x28x40 14x14x80 14x14x112 7x7x192"
    " 7x7x320 7x7x1280 1280 1000",
    "unet": "570x570x64 568x568x64 284x284x64 280x280x128 140x140x128 136x136x256 68x68x256"
    " 64x64x512 32x32x512 28x28x1024 56x56x512 56x56x1024 52x52x512 104x104x256 100x100x256"
    " 200x200x128 196x196x128 392x392x64 388x388x64 388x388x2",
    "time_series": "128x128 128x256 128x128 128 6",
    "x_or_o": "7x7x3 4x4x3 2x2x3 12 2",
}

# Those small enough to be trained for some steps here.
SMALL = (
    *("lenet5", "denoising_autoencoder", "lstm_text", "gru_text", "time_series", "video3d"),
    "x_or_o",
)


@cache
def load(name: str) -> dsl.Net:
    return dsl.load(ZOO / f"{name}.net")


@cache
def summary(name: str) -> dsl.Summary:
    return dsl.summarize(load(name))


def test_every_network_of_the_zoo_is_known_here() -> None:
    assert {file.stem for file in ZOO.glob("*.net")} == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_published(name: str) -> None:
    found = summary(name)
    assert (found.parameters, found.non_trainable) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_file_names_its_paper_and_its_parameters(name: str) -> None:
    text = (ZOO / f"{name}.net").read_text(encoding="utf-8")
    comment = " ".join(
        line[1:].strip() for line in re.findall(r"\A(?:#.*\n)+", text)[0].splitlines()
    )
    number = 28_088_024 if name == "se_resnet50" else PARAMETERS[name][0]
    assert f"{number:,}" in comment
    assert re.search(r"\b(19|20)\d\d\b", comment) or name == "x_or_o"
    assert load(name).name == name


@pytest.mark.parametrize("name", MULTIPLY_ADDS)
def test_arithmetic_is_what_papers_say(name: str) -> None:
    assert summary(name).multiply_adds == pytest.approx(MULTIPLY_ADDS[name] * 1e6, rel=0.03)


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes(name: str) -> None:
    shapes = iter("x".join(map(str, layer.output_shape or ())) for layer in load(name).layers)
    for wanted in VOLUMES[name].split():
        assert wanted in shapes, f"{wanted} does not come, or not at its place"


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_graph_has_the_shapes_and_variables_that_were_inferred(name: str) -> None:
    net = load(name)
    with tf.Graph().as_default():
        model = dsl.compile_net(net)
        values = model.apply(training=True).values
    for layer in net.layers:
        assert tuple(values[layer.name].shape.as_list()[1:]) == layer.output_shape, layer.name
    sizes = [prod(variable.shape.as_list()) for variable in model.variables.values()]
    assert sum(sizes) == PARAMETERS[name][0]


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_page_says_the_same(name: str) -> None:
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| \[{name}\]\(\.\./examples/zoo/{name}\.net\) \|(.*)$", page, re.MULTILINE)
    assert row is not None
    *_, shape, parameters, fixed = (cell.strip() for cell in row[1].strip(" |").split("|"))
    assert shape == "x".join(map(str, load(name).input_shape or ()))
    assert (parameters, fixed) == tuple(f"{n:,}" for n in PARAMETERS[name])


def test_mobilenet_is_as_wide_as_one_sets() -> None:
    # Keras's count at that width.
    net = dsl.load(ZOO / "mobilenet_v1.net", settings=["alpha=0.5"])
    assert dsl.summarize(net).parameters == 1_342_536


def test_a_narrow_unet_says_a_class_of_each_place() -> None:
    net = dsl.load(ZOO / "unet.net", settings=["base=2"])
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net)
        forward = model.apply()
        session.run(tf.global_variables_initializer())
        found = session.run(forward.output, {model.input: np.ones([1, 572, 572, 1], np.float32)})
    assert found.shape == (1, 388, 388, 2)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_learn(name: str) -> None:
    net = load(name)
    rng = np.random.default_rng(0)
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net, seed=1)
        x = inputs(net, rng)
        forward = model.apply(training=True)
        labels, y = targets(net, x, rng)
        loss = dsl.build_loss(model, forward, labels)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(updates):
            step = tf.train.AdamOptimizer(0.01).minimize(loss)
        session.run(tf.global_variables_initializer())
        feeds = {model.input: x, labels: y}
        losses = [session.run([loss, step], feeds)[0] for _ in range(15)]
        assert np.mean(losses[-3:]) < 0.9 * losses[0], losses


def inputs(net: dsl.Net, rng: np.random.Generator) -> np.ndarray:
    """Return two examples that suit the input of a network."""
    shape = [2, *(size or 1 for size in net.input_shape or ())]
    vocabulary = net.inputs[0].vocabulary
    if vocabulary is not None:
        return rng.integers(0, vocabulary, shape).astype(np.int32)
    # Stripes: noise has nothing in it that an autoencoder could keep.
    stripes = rng.integers(0, 2, [*shape[:2], *[1] * len(shape[2:])])
    return np.broadcast_to(stripes, shape).astype(np.float32)


def targets(net: dsl.Net, x: np.ndarray, rng: np.random.Generator) -> tuple[tf.Tensor, np.ndarray]:
    """Return a placeholder for what the network should say, and that."""
    shape = net.output_shape or ()
    if prod(size or 1 for size in shape) == x[0].size:
        return tf.placeholder(tf.float32, x.shape), x
    if shape == (1,):
        return tf.placeholder(tf.float32, [2, 1]), np.array([[0], [1]], np.float32)
    return tf.placeholder(tf.int64, [2]), rng.permutation(2)
