"""`tg profile`, and what it is made of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import dsl
from dsl.bench.profiling import Profile, Workload, profile
from dsl.bench.stages import compile_stages
from dsl.network import Net
from dsl.training.made_up import made_up_input, made_up_labels
from dsl.training.places import place
from tensorgraph.passes import pipeline

SMALL = """\
net small
input 8x8x1
conv 4 3x3 same relu
maxpool 2
dense 3 softmax
train { batch 4 }
"""


def check(text: str) -> Net:
    return dsl.check(dsl.parse(text, "small.net"))


@pytest.fixture(scope="module")
def small() -> Profile:
    """Return the profile of a small network, each operation by itself."""
    return profile(check(SMALL), 4, 3, regions=False)


def test_each_step_of_the_plan_has_its_layer_and_its_place(small):
    nodes = {node.label.name: node for node in small.nodes}
    conv = nodes["conv/Conv2D_1"]
    assert (conv.label.type, conv.layer, conv.part) == ("Conv2D", "conv", "forward")
    assert conv.where == "small.net:3:1"
    assert conv.bytes == 4 * 8 * 8 * 4 * 4
    assert conv.gflops == pytest.approx(2 * 4 * 8 * 8 * 4 * 9 / conv.ms / 1e6)
    backward = nodes["gradients/dense/MatMul_1_grad/MatMul_1"]
    assert (backward.layer, backward.part, backward.where) == ("dense", "backward", "small.net:5:1")
    others = {node.layer for node in small.nodes} - {"conv", "maxpool", "dense"}
    assert others == {"(loss, measures and all else)"}
    assert all(node.ms > 0 for node in small.nodes)


def test_the_slowest_come_first_and_totals_add_up(small):
    times = [node.ms for node in small.slowest()]
    assert times == sorted(times, reverse=True)
    for totals in (small.by_layer(), small.by_op()):
        assert sum(total.ms for total in totals) == pytest.approx(small.total)
        assert sum(total.count for total in totals) == len(small.nodes)
        assert sum(total.bytes for total in totals) == sum(node.bytes for node in small.nodes)
        assert [t.ms for t in totals] == sorted((t.ms for t in totals), reverse=True)
    (conv,) = (total for total in small.by_layer() if total.name == "conv")
    assert conv.source == "small.net:3:1"


def test_regions_are_one_row_of_all_their_layers():
    # Small ones run by themselves.
    net = check(SMALL.replace("8x8x1", "32x32x1").replace("conv 4", "conv 16"))
    found = profile(net, 64, 1)
    regions = [node for node in found.nodes if node.label.type == "Region"]
    assert regions
    for node in regions:
        assert len(node.label.ops) > 1
        assert f"({len(node.label.ops)} operations)" in node.label.text
    assert {"Conv2D"} <= {op.type for node in regions for op in node.label.ops}
    assert all(node.label.type != "Region" for node in profile(net, 64, 1, regions=False).nodes)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("conv/Conv2D_1", ("conv", "forward")),
        ("training/conv/Relu", ("conv", "forward")),
        ("gradients/block/conv/Conv2D_grad/Conv2DBackpropFilter", ("block/conv", "backward")),
        ("update/update_conv/kernel/ApplyAdam", ("conv", "update")),
        ("training/loss/Mean", (None, "forward")),
        ("training/adversarial/gradients/conv/mul", ("conv", "backward")),
    ],
)
def test_where_a_node_belongs(node, expected):
    assert place(node, {"conv", "block/conv"}) == expected


@pytest.mark.parametrize(
    ("text", "kind", "shape"),
    [
        ("input 4\ndense 3 softmax\n", "i", (5,)),
        ("input 4\ndense 1 sigmoid\n", "i", (5,)),
        ("input 4\ndense 2\n", "f", (5, 2)),
        ("input 6 of 9\nembedding 3\nflatten\ndense 2 softmax\n", "i", (5,)),
        ("input 8x8x1\ndense 64\ntrain { data digits target=itself }\n", "f", (5, 8, 8, 1)),
    ],
)
def test_made_up_examples_suit_the_network(text, kind, shape):
    net, rng = check(text), np.random.default_rng(0)
    x = made_up_input(net.inputs[0], 5, rng)
    y = made_up_labels(net, x, rng)
    assert (y.dtype.kind, y.shape) == (kind, shape)
    if kind == "i":
        assert y.max() < max(2, net.output_shape[-1])
    Workload(net, 5).run()


def test_the_stages_from_the_text_to_the_first_step(tmp_path):
    file = tmp_path / "small.net"
    file.write_text(SMALL)
    stages = {stage.name: stage for stage in compile_stages(file, dsl.load(file), 4)}
    assert list(stages)[:2] == ["read and parse the file", "check it"]
    names = [name.removeprefix("pass: ") for name in stages if name.startswith("pass: ")]
    assert names == [step.name for step in pipeline.PIPELINE]
    assert all(stage.ms > 0 for stage in stages.values())
    built, whole = stages["build the graph of the loss"], stages["add its gradients"]
    assert built.operations < whole.operations
    assert stages["make the plan"].operations < stages["take what the training step needs"][2]


class TestCommand:
    @pytest.fixture(autouse=True)
    def file(self, tg):
        Path("small.net").write_text(SMALL)

    def test_tables(self, tg):
        result = tg("profile", "small.net", "--steps", "2", "--top", "3", "--apart")
        assert result.code == 0
        steps, stages = result.out.split("from the file to the first step")
        assert "small: a training step, batch 4" in steps
        rows = re.findall(r"(\d+\.\d{3}) +\d+\.\d% ", steps)
        assert len(rows) == 3
        assert [float(ms) for ms in rows] == sorted(map(float, rows), reverse=True)
        assert re.search(r"the first 3 of \d+ steps; [\d.]+ ms a step", steps)
        assert re.search(r"pass: fold +[\d.]+ +\d+", stages)

    def test_by_layer_and_by_op(self, tg):
        result = tg("profile", "small.net", "--steps", "1", "--by", "layer", "--by", "op")
        assert "small: by layer" in result.out
        assert "small: by op" in result.out
        assert "small: a training step" not in result.out
        assert re.search(r"dense +small\.net:5:1 +\d+ ", result.out)
        assert re.search(r"MatMul +\d+ +[\d.]+ +[\d.]+% +[\d,]+ +[\d.]+", result.out)

    def test_json_and_trace(self, tg):
        result = tg(
            "profile", "small.net", "--steps", "1", "--batch", "2", "--json", "--trace", "t.json"
        )
        found = json.loads(result.out)
        assert found["batch"] == 2
        assert set(found["steps"][0]) > {"node", "op", "layer", "where", "ms", "bytes", "gflops"}
        assert {"conv", "dense"} <= {
            name for row in found["layers"] for name in row["name"].split(" … ")
        }
        assert found["stages"][0]["name"] == "read and parse the file"
        events = json.loads(Path("t.json").read_text())["traceEvents"]
        assert len([e for e in events if e["ph"] == "X"]) == len(found["steps"])

    def test_a_wrong_file_is_a_message(self, tg):
        Path("wrong.net").write_text("input 8x8x1\nconf 3 3x3\n")
        result = tg("profile", "wrong.net")
        assert result.code == 1
        assert "conf" in result.err
