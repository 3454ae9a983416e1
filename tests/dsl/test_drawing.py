"""Networks as a reader knows them: one box a layer, and volumes to scale."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import dsl
from dsl.cli import main
from dsl.drawing import draw_layers, draw_volumes, layer_diagram
from dsl.drawing.volumes import LONGEST, TALLEST, WIDEST, _solids
from tensorgraph.viz import drawing as graphviz
from tensorgraph.viz.diagram import Kind

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BLOCKS = """
block basic(filters) {
  residual {
    conv filters 3x3 same relu
    conv filters 3x3 same
  }
  relu
}
input 8x8x1
stem = conv 4 3x3 same stride=2 relu
repeat 5 { basic 4 }
freeze stem
dense 10 softmax
"""


def net(text: str) -> dsl.Net:
    return dsl.check(dsl.parse(text, "tiny.net"))


def test_a_layer_is_a_box_with_its_words_and_costs():
    diagram = layer_diagram(dsl.load(EXAMPLES / "lenet5.net"))
    boxes = list(diagram.boxes.values())
    assert [b.title for b in boxes] == [
        "input", "conv 6 5x5", "avgpool 2", "conv 16 5x5", "avgpool 2",
        "flatten", "dense 120", "dense 84", "dense 10",
    ]  # fmt: skip
    assert boxes[0].kind is Kind.INPUT
    assert boxes[1].details == ("same, tanh", "156 parameters", "117,600 multiply-adds")
    assert boxes[-1].details[-1] == "→ (10)"
    assert [a.label for a in diagram.arrows][:3] == ["28×28×1", "28×28×6", "14×14×6"]
    assert sum(b.parameters for b in boxes) == 61706


def test_names_options_and_tokens_are_said():
    boxes = list(layer_diagram(net(BLOCKS)).boxes.values())
    assert (boxes[1].title, boxes[1].aside) == ("conv 4 3x3", "stem")
    assert boxes[1].details[0] == "stride 2, same, relu"
    assert "not trained" in boxes[1].details
    tokens = layer_diagram(net("input 7 of 50\nembedding 4\nlstm 3\ndense 2 softmax"))
    assert next(iter(tokens.boxes.values())).details == ("of 50 tokens",)


def test_equal_blocks_are_drawn_once_and_unfolded_on_demand():
    network = net(BLOCKS)
    text = draw_layers(network, "dot").text
    assert "5 × basic" in text
    assert "basic … basic_4" in text
    assert text.count("conv 4 3x3") == 3
    whole = draw_layers(network, "dot", unfold=["all"]).text
    assert whole.count("conv 4 3x3") == 11
    one = draw_layers(network, "dot", unfold=["basic_2"]).text
    assert one.count("conv 4 3x3") == 7
    assert one.count("2 × basic") == 2


def test_resnet_152_is_small_and_counts_its_blocks():
    text = draw_layers(dsl.load(EXAMPLES / "zoo" / "resnet152.net"), "mermaid").text
    for row in ("2 × bottleneck", "7 × bottleneck", "35 × bottleneck"):
        assert row in text
    assert text.count("-->") < 25
    assert "each 10 layers" in text


def test_volumes_are_to_scale():
    diagram = layer_diagram(dsl.load(EXAMPLES / "lenet5.net"))
    given, conv, pool, *_, dense84, dense10 = _solids(diagram).values()
    assert conv.tall == given.tall == TALLEST
    assert pool.tall == pytest.approx(TALLEST / 2)
    assert conv.deep == conv.tall
    assert conv.wide == pytest.approx(WIDEST * 6 / 16)
    assert dense84.tall == pytest.approx(LONGEST * 84 / 400)
    assert dense10.tall == pytest.approx(LONGEST * 10 / 400)


@pytest.mark.parametrize("program", ["wheel", "dot"])
def test_volumes_name_each_layer_once_and_activations_beside_theirs(program, monkeypatch):
    if program == "dot":
        if graphviz.shutil.which("dot") is None:
            pytest.skip("needs the program dot")
        monkeypatch.setattr(graphviz, "find_spec", lambda name: None)
    network = net(
        "input 8x8x3\nconv 4 3x3\nbatchnorm\nrelu\nmaxpool 2\ndropout 0.5\ndense 3 softmax"
    )
    svg = draw_volumes(network).text
    root = ElementTree.fromstring(svg)
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert texts[:3] == ["input", "8×8×3", "conv 4 3x3"]
    assert "batchnorm, relu" in texts
    assert "dropout 0.5" in texts
    assert root.attrib["aria-label"] == "tiny to scale"
    width, height = (float(root.attrib[k].removesuffix("pt")) for k in ("width", "height"))
    places = [(float(e.attrib["x"]), -float(e.attrib["y"])) for e in root.iter() if "x" in e.attrib]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


def test_volumes_of_sequences_vectors_and_many_layers():
    for text in ("input 20x3\nconv1d 4 3\ngap\ndense 2", "input 5\ndense 3\ndense 2", BLOCKS):
        assert draw_volumes(net(text), "dot").text.startswith("digraph")


class TestCommand:
    @pytest.fixture
    def tg(self, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)
        Path("tiny.net").write_text(BLOCKS)

        def run(*args: str) -> tuple[int, str, str]:
            with pytest.raises(SystemExit) as ended:
                main(["render", "tiny.net", *args])
            assert isinstance(ended.value.code, int)
            return ended.value.code, *capfd.readouterr()

        return run

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--layers",), ["5 × basic", "conv 4 3x3"]),
            (("--volumes",), ["8×8×1"]),
            (("--pass", "simplify"), ["before simplify: ", "after simplify: "]),
            (("--unfold", "basic_3"), ["3 × basic", "Conv2D"]),
            (("--gradients", "--hide", "update"), ["ReluGrad"]),
        ],
    )
    def test_views(self, tg, options, words):
        code, out, err = tg(*options, "-o", "a.dot")
        assert (code, out, err) == (0, "wrote a.dot\n", "")
        text = Path("a.dot").read_text()
        for word in words:
            assert word in text
        assert "ApplyAdam" not in text

    def test_mermaid(self, tg):
        assert tg("-o", "a.mmd")[0] == 0
        assert Path("a.mmd").read_text().startswith("flowchart TB\n")

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            (("--pass", "polish"), 1, "no pass is called 'polish'; there are control, fold, merge"),
            (("--unfold", "basic_9"), 1, "there is no scope 'basic_9' to unfold; there are basic"),
            (("--volumes", "-o", "a.mmd"), 1, "cannot hold volumes"),
            (("-o", "a.gif"), 1, "must be one of .svg, .png, .pdf, .dot, .mmd"),
            (("--layers", "--volumes"), 2, "exclude each other"),
            (("--layers", "--gradients"), 2, "mean nothing"),
        ],
    )
    def test_mistakes_are_said_in_a_line(self, tg, options, code, message):
        result = tg(*options)
        assert result[0] == code
        assert message in re.sub(r"\s+", " ", result[2])
        assert "Traceback" not in result[2]
        assert not list(Path().glob("a.*"))
