"""Transfer learning: networks that start from weights, and weights of other libraries."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import dsl
from dsl.foreign.conversion import convert
from dsl.foreign.names import likeness, skips, split_name
from dsl.foreign.reading import group_by_module, read_tensors
from dsl.training.errors import RunError
from dsl.training.run import open_run
from dsl.training.trainer import Trainer
from dsl.training.transfer import start_from
from tensorgraph import data

BASE = """\
net base
input 8x8x1
body = { conv 4 3x3 relu; batchnorm; maxpool 2; flatten; dense 12 relu }
kinds = dense 10 softmax
train { data digits; epochs 1 }
"""
HEAD = """\
net head
input 8x8x1
base = use "base.net" weights="base.safetensors" until=body frozen
dense 10 softmax
train { data digits; epochs 1; optimizer adam lr=0.01 }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with a base network, its weights, and one that builds on it."""
    monkeypatch.chdir(tmp_path)
    Path("base.net").write_text(BASE)
    Path("head.net").write_text(HEAD)
    Trainer(dsl.load("base.net", settings=["seed=7"])).save_weights("base.safetensors")
    return tmp_path


class TestUseWeights:
    def test_the_weights_are_those_of_the_file_and_frozen_ones_stay(self, folder):
        trainer = Trainer(dsl.load("head.net"))
        before = load_file("base.safetensors")
        for _ in trainer.fit(data.load("digits").limited(100)):
            pass
        after = trainer.weights()
        for name in ("conv/kernel", "conv/bias", "batchnorm/moving_mean", "dense/kernel"):
            np.testing.assert_array_equal(after[f"base/body/{name}"], before[f"body/{name}"])
        (start,) = trainer.starts
        assert len(start.matched) == 8
        assert start.unused == ("kinds/bias", "kinds/kernel")
        assert str(start).startswith("8 weights start from ")

    def test_without_frozen_they_are_trained(self, folder):
        Path("head.net").write_text(HEAD.replace(" frozen", ""))
        trainer = Trainer(dsl.load("head.net"))
        for _ in trainer.fit(data.load("digits").limited(100)):
            pass
        kernel = trainer.weights()["base/body/conv/kernel"]
        assert not np.array_equal(kernel, load_file("base.safetensors")["body/conv/kernel"])

    def test_a_used_network_brings_its_own_weights(self, folder):
        Path("outer.net").write_text('input 8x8x1\nh = use "head.net"\n')
        trainer = Trainer(dsl.load("outer.net"))
        np.testing.assert_array_equal(
            trainer.weights()["h/base/body/conv/kernel"],
            load_file("base.safetensors")["body/conv/kernel"],
        )

    def test_weights_of_this_file_win(self, folder):
        Trainer(dsl.load("head.net", settings=["seed=3"])).save_weights("head.safetensors")
        changed = {name: value + 1 for name, value in load_file("head.safetensors").items()}
        save_file(changed, "head.safetensors")
        Path("outer.net").write_text('input 8x8x1\nh = use "head.net" weights="head.safetensors"\n')
        weights = Trainer(dsl.load("outer.net")).weights()
        np.testing.assert_array_equal(
            weights["h/base/body/conv/kernel"], changed["base/body/conv/kernel"]
        )

    @pytest.mark.parametrize(
        ("change", "message", "label"),
        [
            (lambda w: w | {"body/conv/bias": w["body/conv/bias"][:2]}, "another shape", "4, the "),
            (lambda w: {k: v for k, v in w.items() if "conv" not in k}, "lacks", "body/batchnorm"),
            (lambda w: {"x": w["body/conv/bias"]}, "lacks", "holds x"),
            (None, "damaged", "a safetensors file"),
        ],
    )
    def test_what_does_not_suit_is_said_at_its_place(self, folder, change, message, label):
        if change is None:
            Path("base.safetensors").write_bytes(b"no weights")
        else:
            save_file(change(load_file("base.safetensors")), "base.safetensors")
        with pytest.raises(dsl.NetError) as caught:
            Trainer(dsl.load("head.net"))
        (found,) = caught.value.diagnostics
        assert found.code == "TG005"
        assert found.span.location == "head.net:3:23"
        assert message in found.message
        assert label in found.label

    def test_a_run_needs_the_weights_no_more(self, tg, tmp_path):
        Path("base.net").write_text(BASE)
        Path("head.net").write_text(HEAD)
        Trainer(dsl.load("base.net")).save_weights("base.safetensors")
        result = tg("train", "head.net", "--limit", 60, "--out", "run")
        assert result.code == 0, result.err
        assert "8 weights start from" in result.out
        Path("base.safetensors").unlink()
        assert "TG003" in tg("train", "head.net").err
        Path("base.net").unlink()
        Path("head.net").rename("other.net")
        result = tg("eval", "run")
        assert result.code == 0, result.err


class TestStartFrom:
    def test_the_same_names_match_and_the_rest_is_drawn(self, folder):
        net = dsl.check(
            dsl.parse("input 8x8x1\nbody = { conv 4 3x3 relu; batchnorm }\ngap\npets = dense 2")
        )
        trainer = Trainer(start_from(net, Path("base.safetensors")))
        (start,) = trainer.starts
        assert start.fresh == ("pets/kernel", "pets/bias")
        assert len(start.matched) == 6
        assert "2 from nothing (pets/kernel, pets/bias)" in str(start)

    def test_another_shape_or_no_common_name(self, folder):
        for text, message in (
            ("input 8x8x1\nbody = { conv 5 3x3 }\ngap", "another shape"),
            ("input 8x8x1\nflatten\nother = dense 3", "lacks `other/kernel` and `other/bias`"),
        ):
            with pytest.raises(RunError, match=message):
                Trainer(start_from(dsl.check(dsl.parse(text)), Path("base.safetensors")))

    def test_two_stages_and_resuming(self, tg):
        Path("net.net").write_text("input 8x8x1\nflatten\ndense 5 relu\ndense 10 softmax")
        first = tg("train", "net.net", "--data", "digits", "--epochs", 1, "--limit", 50)
        assert first.code == 0, first.err
        options = ("--data", "digits", "--limit", 50, "--weights", "runs/net-1", "--epochs", 1)
        result = tg("train", "net.net", *options, "--set", "optimizer.lr=1e-12")
        assert result.code == 0, result.err
        one, two = (load_file(f"runs/net-{i}/model.safetensors") for i in (1, 2))
        for name, value in one.items():
            np.testing.assert_allclose(value, two[name], atol=1e-8)
        config = json.loads(Path("runs/net-2/config.json").read_text())
        assert config["weights"].endswith("net-1/model.safetensors")
        # Killed before its first checkpoint, it begins anew: from the same weights.
        for path in Path("runs/net-2/checkpoints").iterdir():
            path.unlink()
        assert tg("train", "--resume", "runs/net-2").code == 0
        again = load_file("runs/net-2/model.safetensors")
        assert all(np.array_equal(again[name], value) for name, value in two.items())

    def test_a_run_of_a_base_works_as_it_is(self, tg):
        Path("base.net").write_text(BASE)
        assert tg("train", "base.net", "--limit", 60, "--out", "base").code == 0
        Path("head.net").write_text(HEAD.replace("base.safetensors", "base/model.safetensors"))
        assert tg("train", "head.net", "--limit", 60, "--out", "head").code == 0
        _, predictor = open_run(Path("head"))
        assert predictor.predict(np.zeros((1, 8, 8, 1), np.float32)).shape == (1, 10)


NET = """\
input 8x8x3
conv 8 3x3 same nobias
batchnorm relu
maxpool 2
depthwise 3x3 same multiplier=2 relu
conv 12 1x1 relu
conv 12 3x3 same groups=2
conv 12 3x3 same groups=2
deconv 6 2x2 stride=2
flatten
dropout 0.5
dense 20 relu
layernorm
dense 20
dense 20
dense 5 softmax
"""
PYTORCH = {
    "conv": "features.0",
    "batchnorm": "features.1",
    "depthwise": "features.4",
    "conv_1": "features.6",
    "conv_2": "features.9",
    "conv_3": "features.10",
    "deconv": "features.11",
    "dense": "classifier.1",
    "layernorm": "classifier.4",
    "dense_1": "classifier.5",
    "dense_2": "classifier.6",
    "dense_3": "classifier.17",
}
LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@pytest.fixture(scope="module")
def net():
    return dsl.check(dsl.parse(NET))


@pytest.fixture(scope="module")
def weights(net):
    rng = np.random.default_rng(5)
    return {
        f"{layer.name}/{w.name}": rng.normal(size=w.shape).astype(np.float32)
        for layer in net.layers
        for w in layer.weights
    }


RESIDUAL = """\
input 8x8x3
block cb(filters, size) { conv filters size same; batchnorm }
block body() { cb 4 1x1; relu; cb 4 3x3; relu; cb 8 1x1 }
cb 4 3x3
residual { body } shortcut { cb 8 1x1 }
residual { body }
gap
dense 3
"""
# The modules in the order of the layers, as three libraries call them. By their names alone they
# stand in another order, and many have the same shapes.
ORDERS = {
    "torchvision": [
        *("conv1", "bn1"),
        *(f"layer1.0.{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "bn")),
        *("layer1.0.downsample.0", "layer1.0.downsample.1"),
        *(f"layer1.1.{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "bn")),
        "fc",
    ],
    "timm": [
        *("conv_stem", "bn1"),
        *(f"blocks.0.0.{name}" for name in ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")),
        *("blocks.0.0.downsample.conv", "blocks.0.0.downsample.norm"),
        *(f"blocks.0.1.{name}" for name in ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")),
        "classifier",
    ],
    "keras": [
        *("conv1_conv", "conv1_bn"),
        *(f"conv2_block1_{i}_{kind}" for i in (1, 2, 3, 0) for kind in ("conv", "bn")),
        *(f"conv2_block2_{i}_{kind}" for i in (1, 2, 3) for kind in ("conv", "bn")),
        "predictions",
    ],
}


def as_pytorch(weights):
    """Return weights by PyTorch's names and in its layout."""
    found = {"features.1.num_batches_tracked": np.array(7)}
    for name, value in weights.items():
        layer, _, leaf = name.partition("/")
        there = outputs_first(layer, value) if leaf == "kernel" else value
        found[f"{PYTORCH[layer]}.{LEAVES.get(leaf, leaf)}"] = np.ascontiguousarray(there)
    return found


def outputs_first(layer, kernel):
    if layer == "depthwise":  # (3, 3, channels, multiplier) → (outputs, 1, 3, 3)
        return kernel.reshape(3, 3, 1, 16).transpose(3, 2, 0, 1)
    if layer == "dense":  # rows are pixels of 8x8x6 here, channels of 6x8x8 there
        return kernel.reshape(8, 8, 6, 20).transpose(3, 2, 0, 1).reshape(20, -1)
    return kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


class TestConversion:
    def test_pytorch_names_and_layouts(self, net, weights):
        result = convert(net, as_pytorch(weights))
        assert_equal(result.weights, weights)
        assert {m.layer: m.source for m in result.matches} == PYTORCH
        by_name = [m.layer for m in result.matches if m.how == "name"]
        assert by_name == ["conv_2", "conv_3", "dense_1", "dense_2"]
        assert not result.missing
        assert not result.unused

    def test_keras_names(self, net, weights):
        named = {}
        for name, value in weights.items():
            layer, _, leaf = name.partition("/")
            named[f"{layer}/{layer}/{leaf}:0"] = value
        assert_equal(convert(net, named).weights, weights)

    @pytest.mark.parametrize("names", ORDERS.values(), ids=list(ORDERS))
    def test_names_tell_equal_modules_apart(self, names):
        net = dsl.check(dsl.parse(RESIDUAL))
        layers = [layer for layer in net.layers if layer.weights]
        tensors = {
            f"{module}/{weight.name}": np.zeros(weight.shape, np.float32)
            for layer, module in zip(layers, names, strict=True)
            for weight in layer.weights
        }
        result = convert(net, tensors)
        assert [(m.layer, m.source) for m in result.matches] == [
            (layer.name, module) for layer, module in zip(layers, names, strict=True)
        ]

    def test_a_mapping_wins(self, net, weights):
        tensors = as_pytorch(weights)
        mapping = {
            "conv_2": "features.10",
            "dense_3/kernel": "classifier.17.weight",
            "dense_3/bias": "classifier.17.bias",
            "layernorm": None,
            "dense_1/bias": None,
        }
        result = convert(net, tensors, mapping)
        np.testing.assert_array_equal(result.weights["conv_2/kernel"], weights["conv_3/kernel"])
        np.testing.assert_array_equal(result.weights["dense_3/bias"], weights["dense_3/bias"])
        assert result.missing == {
            "layernorm": "the mapping leaves it out",
            "dense_1/bias": "the mapping leaves it out",
            "dense_1/kernel": "the mapping names only others of its layer",
            "dense_2": "not as many modules fit as there are such layers:"
            " `classifier.5` and `classifier.6`",
        }
        # What was an open question is settled: the other one is the only one left.
        assert {m.layer: m.how for m in result.matches}["conv_3"] == "shape"
        assert result.unused == ["classifier.4", "classifier.5", "classifier.6"]

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            ({"convv": "features.0"}, "no such layer"),
            ({"conv/colonel": "features.0.weight"}, "no such weight"),
            ({"conv": "features.99"}, "no such module"),
            ({"conv/kernel": "features.0.wait"}, "no such tensor"),
            ({"conv": "features.9"}, r"needs kernel 3x3x3x8, the file has"),
            ({"conv/kernel": "features.9.weight"}, "needs 3x3x3x8, the file has 12x6x3x3"),
        ],
    )
    def test_wrong_mappings(self, net, weights, mapping, message):
        with pytest.raises(RunError, match=message):
            convert(net, as_pytorch(weights), mapping)

    def test_another_head_is_left_out(self, net, weights):
        tensors = as_pytorch(weights)
        tensors["classifier.17.weight"] = np.zeros((1000, 20), np.float32)
        tensors["classifier.17.bias"] = np.zeros(1000, np.float32)
        result = convert(net, tensors)
        assert list(result.missing) == ["dense_3"]
        assert "needs kernel 20x5" in result.missing["dense_3"]
        assert result.unused == ["classifier.17"]

    def test_more_candidates_than_layers_are_no_match(self, net, weights):
        tensors = as_pytorch(weights)
        tensors |= {f"aux.{leaf}": tensors[f"classifier.5.{leaf}"] for leaf in ("weight", "bias")}
        result = convert(net, tensors)
        assert list(result.missing) == ["dense_1", "dense_2"]
        assert "`aux`, `classifier.5` and `classifier.6`" in result.missing["dense_1"]

    def test_a_missing_bias_is_zero(self):
        net = dsl.check(dsl.parse("input 4x4x2\nconv 3 3x3\n"))
        result = convert(net, {"stem.weight": np.ones((3, 2, 3, 3), np.float32)})
        assert result.matches[0].zeros
        np.testing.assert_array_equal(result.weights["conv/bias"], np.zeros(3))

    def test_a_dense_layer_that_is_a_convolution_elsewhere(self):
        net = dsl.check(dsl.parse("input 4x4x2\ngap\ndense 3\n"))
        kernel = np.arange(6, dtype=np.float32).reshape(3, 2, 1, 1)
        result = convert(net, {"head.weight": kernel, "head.bias": np.ones(3, np.float32)})
        np.testing.assert_array_equal(result.weights["dense/kernel"], kernel[:, :, 0, 0].T)

    def test_numbers_in_names_sort_by_size(self):
        names = ["b.10.weight", "b.9.weight", "a/kernel:0"]
        modules = group_by_module({name: np.zeros(1) for name in names})
        assert [m.name for m in modules] == ["a", "b.9", "b.10"]
        assert split_name("weight") == ("", "weight")

    def test_likely_steps(self):
        assert likeness("block1.bn1", "block1.conv2") > likeness("block1.bn1", "block2.conv2")
        assert likeness("a_2_bn", "a_3_conv") > likeness("a_2_bn", "a_0_conv")
        assert likeness("conv_stem", "bn1") > likeness("conv_stem", "blocks.0.0.bn1")
        assert skips("block1.conv", "block2.3.bn", ["block2.1.conv"])
        assert skips("block1.conv", "block3.bn", ["block2.conv"])
        assert not skips("block1.conv", "block2.1.bn", ["block2.1.conv", "block2.3.bn"])
        assert not skips("stem", "block2.bn", ["block1.bn"])

    def test_half_precision_is_read(self, tmp_path):
        save_file({"a": np.array([1.5, -2], np.float16)}, tmp_path / "half.safetensors")
        assert read_tensors(tmp_path / "half.safetensors")["a"].tolist() == [1.5, -2]
        header = b'{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
        content = len(header).to_bytes(8, "little") + header + bytes([0xC0, 0x3F, 0x00, 0xC0])
        (tmp_path / "brain.safetensors").write_bytes(content)
        assert read_tensors(tmp_path / "brain.safetensors")["b"].tolist() == [1.5, -2]

    def test_command(self, tg, weights):
        Path("net.net").write_text(NET)
        save_file(as_pytorch(weights), "torch.safetensors")
        result = tg("convert-weights", "torch.safetensors", "net.net", "-o", "out.safetensors")
        assert result.code == 0, result.err
        assert "12 layers matched" in result.out
        assert "by name" in result.out
        assert_equal(load_file("out.safetensors"), weights)
        Path("map.json").write_text('{"dense_3": null}')
        options = ("-o", "out.safetensors", "--mapping", "map.json", "--json")
        report = json.loads(tg("convert-weights", "torch.safetensors", "net.net", *options).out)
        assert report["missing"] == {"dense_3": "the mapping leaves it out"}

    def test_command_with_wrong_files(self, tg):
        Path("net.net").write_text("input 3\ndense 2\n")
        save_file({"a.weight": np.zeros((7, 7), np.float32)}, "odd.safetensors")
        Path("no.safetensors").write_bytes(b"nothing")
        Path("map.json").write_text("[1]")
        for options, message in (
            (("odd.safetensors",), "nothing in odd.safetensors fits"),
            (("no.safetensors",), "is no safetensors file"),
            (("gone.safetensors",), "is no safetensors file"),
            (("odd.safetensors", "--mapping", "map.json"), "map.json is no mapping"),
        ):
            source, *rest = options
            result = tg("convert-weights", source, "net.net", "-o", "out.safetensors", *rest)
            assert result.code == 1
            assert message in result.err
            assert not Path("out.safetensors").exists()


KERAS = """\
import sys
import keras
import numpy as np
from safetensors.numpy import save_file

model = getattr(keras.applications, sys.argv[1])(weights=None)
rng = np.random.default_rng(0)
ranges = {
    "gamma": (0.8, 1.2),
    "moving_variance": (0.8, 1.2),
    "beta": (-0.1, 0.1),
    "bias": (-0.1, 0.1),
    "moving_mean": (-0.1, 0.1),
}
values = []
for variable in model.weights:
    value = keras.ops.convert_to_numpy(variable)
    low, high = ranges.get(variable.path.rpartition("/")[2], (0, 0))
    values.append(rng.uniform(low, high, value.shape).astype("f4") if high else value)
model.set_weights(values)
images = rng.normal(size=(1, *model.input_shape[1:])).astype(np.float32)
save_file(
    {v.path: value for v, value in zip(model.weights, values)}
    | {"images": images, "result": keras.ops.convert_to_numpy(model(images, training=False))},
    sys.argv[2],
)
"""


@pytest.mark.keras
@pytest.mark.parametrize(
    ("keras", "net"),
    [
        *(("VGG16", "vgg16"), ("ResNet50", "resnet50"), ("DenseNet121", "densenet121")),
        *(("MobileNet", "mobilenet_v1"), ("MobileNetV2", "mobilenet_v2")),
        *(("InceptionV3", "inception_v3"), ("Xception", "xception")),
    ],
)
def test_keras_applications_are_converted_without_a_mapping(keras, net, tmp_path):
    pytest.importorskip("keras", reason="needs Keras: pip install '.[peers]'")
    file = tmp_path / "keras.safetensors"
    subprocess.run([sys.executable, "-c", KERAS, keras, str(file)], check=True)
    tensors = load_file(file)
    images, result = tensors.pop("images"), tensors.pop("result")
    zoo = dsl.load(Path(__file__).resolve().parents[2] / "examples" / "zoo" / f"{net}.net")
    converted = convert(zoo, tensors)
    assert not converted.missing
    assert not converted.unused
    trainer = Trainer(zoo)
    trainer.load_weights(converted.weights)
    np.testing.assert_allclose(trainer.predict(images), result, rtol=1e-4)
