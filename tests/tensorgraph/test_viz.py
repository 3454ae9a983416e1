"""Pictures of graphs: what is drawn, what is left out, and that any graph can be drawn safely."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tensorgraph as tf
from tensorgraph import viz
from tensorgraph.viz import drawing
from tensorgraph.viz.diagram import Box, Diagram, Flow, Kind, Role
from tensorgraph.viz.dot import to_dot
from tensorgraph.viz.folding import fold
from tensorgraph.viz.reading import read

NASTY = [
    "<script>alert(1)</script>",
    'a "quoted" name',
    "back\\slash \\N \\G \\l",
    "two\nlines",
    "<b>",
    "a & b &amp; c",
    "bell \x07 and \ud800 alone",
    "]; x -> y [",
]


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


class Net:
    """A small convolutional network with everything that training adds."""

    def __init__(self):
        self.x = tf.placeholder(tf.float32, [None, 8, 8, 1], name="input")
        labels = tf.placeholder(tf.int64, [None], name="labels")
        with tf.name_scope("conv"):
            start = tf.truncated_normal([3, 3, 1, 4], stddev=0.1)
            kernel = tf.Variable(start, name="kernel")
            bias = tf.Variable(tf.zeros([4]), name="bias")
            h = tf.nn.conv2d(self.x, kernel, strides=[1, 2, 2, 1], padding="SAME")
            h = tf.nn.relu(tf.nn.bias_add(h, bias))
        with tf.name_scope("flatten"):
            h = tf.reshape(h, [-1, 64])
        with tf.name_scope("dense"):
            kernel = tf.Variable(tf.zeros([64, 10]), name="kernel")
            logits = tf.matmul(h, kernel)
        with tf.name_scope("loss"):
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            self.loss = tf.reduce_mean(losses)
        self.train = tf.train.AdamOptimizer(0.01).minimize(self.loss)


def titles(diagram: Diagram) -> list[str]:
    return [box.title for box in diagram.boxes.values()]


def named(diagram: Diagram, title: str) -> Box:
    (box,) = [b for b in diagram.boxes.values() if b.title == title]
    return box


def arrows(diagram: Diagram) -> set[tuple[str, str, str]]:
    return {
        (diagram.boxes[a.tail].title, diagram.boxes[a.head].title, a.label) for a in diagram.arrows
    }


# What is drawn


def test_a_picture_of_a_layer_says_what_a_reader_needs():
    net = Net()
    diagram = read(net.loss)
    conv = named(diagram, "Conv2D")
    assert conv.details == ("3×3, stride 2, SAME",)
    assert conv.scope == ("conv",)
    assert named(diagram, "bias").aside == "(4)"
    assert {
        ("input", "Conv2D", "?×8×8×1"),
        ("Conv2D", "BiasAdd", "?×4×4×4"),
        ("bias", "BiasAdd", ""),
        ("Relu", "Reshape", "?×4×4×4"),
        ("Reshape", "MatMul", "?×64"),
    } <= arrows(diagram)
    assert ("labels", "(?) int64") in {(tail, label) for tail, _, label in arrows(diagram)}
    kernels = [b for b in diagram.boxes.values() if b.title == "kernel"]
    assert [b.aside for b in kernels] == ["3×3×1×4 = 36", "64×10 = 640"]
    assert [b.parameters for b in kernels] == [36, 640]
    assert named(diagram, "Mean").details == ("→ scalar",)
    assert named(diagram, "Mean").fetched


def test_initialisers_reads_and_settings_are_left_out():
    net = Net()
    for fetches in (net.loss, [net.loss, net.train]):
        diagram = read(fetches)
        everything = "\n".join(b.tooltip for b in diagram.boxes.values())
        for absent in ("TruncatedNormal", "Assign", "Identity", "Shape)", "Initializer"):
            assert absent not in everything, absent
    constants = [b for b in diagram.boxes.values() if "(Const)" in b.tooltip]
    assert [(b.title, b.details) for b in constants] == [("1", ("first gradient",))]


def test_a_variable_is_one_box_however_often_it_is_used():
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="w")
    y = tf.matmul(w, w) + w.read_value() + tf.identity(w)
    diagram = read(y)
    assert titles(diagram) == ["w", "MatMul", "Add", "Add"]


def test_constants_are_drawn_where_they_are_the_matter_and_folded_where_they_set_something():
    x = tf.placeholder(tf.float32, [3], name="x")
    diagram = read([1.0 - x * 0.5, tf.constant(2.0) + tf.constant(3.0)])
    assert named(diagram, "Sub").details[0] == "1 − x"
    assert named(diagram, "Mul").details == ("x × 0.5",)
    assert {"2", "3"} <= set(titles(diagram))
    diagram = read(x + tf.constant(4.0, name="offset"))
    assert named(diagram, "offset").aside == "4"


def test_dropout_says_its_rate():
    diagram = read(tf.nn.dropout(tf.placeholder(tf.float32, [2, 3]), rate=0.25))
    assert "rate 0.25" in named(diagram, "DropoutMask").details


@pytest.mark.parametrize(
    ("build", "lines"),
    [
        (lambda x: tf.transpose(x, [1, 0]), ("perm 1 0",)),
        (lambda x: tf.reduce_sum(x, 1, keepdims=True), ("axis 1", "keepdims")),
        (lambda x: tf.reduce_max(x, [0, 1]), ("axes 0 1",)),
        (tf.nn.softmax, ()),
        (lambda x: tf.cast(x, tf.int32), ()),
        (lambda x: tf.matmul(x, x, transpose_b=True), ("transpose b",)),
        (
            lambda x: tf.nn.conv2d(
                tf.zeros([1, 9, 9, 2], name="z"),
                tf.zeros([3, 2, 2, 1], name="k"),
                strides=[1, 2, 1, 1],
                dilations=[1, 1, 2, 1],
                padding=[[0, 0], [1, 0], [0, 1], [0, 0]],
            ),
            ("3×2, stride 2×1, dilation 1×2, pad 1 0 0 1",),
        ),
    ],
)
def test_the_settings_that_matter_are_in_the_label(build, lines):
    y = build(tf.placeholder(tf.float32, [2, 3]))
    diagram = read([y, tf.shape(y)])
    assert diagram.boxes[f"n{y.op.index}"].details == lines


def test_unknown_shapes_and_frozen_variables_say_so():
    x = tf.placeholder(tf.float32, name="x")
    w = tf.Variable([True, False], trainable=False, name="mask")
    diagram = read([tf.square(x), tf.logical_not(w)])
    assert ("x", "Square", "shape ?") in arrows(diagram)
    assert named(diagram, "mask").details == ("not trained",)
    assert named(diagram, "mask").aside == "(2) bool"


def test_names_that_users_give_are_titles_and_the_type_stands_below():
    diagram = read(tf.square(tf.constant([1.0, 2.0], name="x"), name="power"))
    assert named(diagram, "power").details == ("Square", "→ (2)")


def test_any_nest_of_fetches_is_taken_and_variables_too():
    x = tf.Variable(1.0, name="x")
    y = x * 2.0
    assert titles(read({"a": [x, (y.op, None)]})) == ["x", "Mul"]


@pytest.mark.parametrize("nothing", [[], None, {"a": ()}])
def test_nothing_to_draw_is_an_error(nothing):
    with pytest.raises(ValueError, match="nothing to draw"):
        viz.render(nothing)


def test_what_is_no_part_of_a_graph_is_an_error():
    with pytest.raises(TypeError, match="no operation, tensor or variable"):
        viz.render(3)


def test_fetches_of_two_graphs_are_an_error():
    one = tf.constant(1.0)
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match="different graphs"):
        viz.render([one, other])


def test_control_dependencies_are_drawn():
    first = tf.Variable(0.0, name="counter").assign_add(1.0)
    with tf.control_dependencies([first]):
        then = tf.constant(1.0, name="then")
    flows = {a.flow for a in read(then).arrows}
    assert flows == {Flow.STORE, Flow.CONTROL}


# Gradients and updates


def test_gradients_stand_in_the_layer_that_they_belong_to():
    net = Net()
    diagram = read([net.loss, net.train])
    gradients = [b for b in diagram.boxes.values() if b.role is Role.GRADIENT]
    assert {b.scope for b in gradients} == {("conv",), ("flatten",), ("dense",), ("loss",)}
    assert named(diagram, "Conv2DBackpropFilter").scope == ("conv",)
    assert named(diagram, "ReluGrad").scope == ("conv",)
    assert ("Relu", "ReluGrad", "") in arrows(diagram)
    relu, relu_grad = named(diagram, "Relu").id, named(diagram, "ReluGrad").id
    assert (relu, relu_grad) in diagram.beside


def test_updates_stand_beside_their_gradient_and_the_optimizer_is_one_box():
    net = Net()
    diagram = read(net.train)
    updates = [b for b in diagram.boxes.values() if b.title.startswith("update ")]
    assert [b.title for b in updates] == ["update kernel", "update bias", "update kernel"]
    assert {b.scope for b in updates} == {("conv",), ("dense",)}
    adam = named(diagram, "Adam")
    assert adam.fetched
    assert "learning rate 0.01" in adam.details
    assert "updates 3 variables" in adam.details
    assert sum(b.kind is Kind.VARIABLE for b in diagram.boxes.values()) == 3  # no slots


def test_gradients_and_updates_can_be_switched_off():
    net = Net()
    forward = read(net.train, [Role.FORWARD])
    assert forward.roles() == {Role.FORWARD}
    assert "Conv2D" in titles(forward)
    assert read(net.train, [Role.FORWARD, Role.GRADIENT]).roles() == {Role.FORWARD, Role.GRADIENT}
    text = viz.render(net.train, format="dot", gradients=False, updates=False).text
    assert "BackpropFilter" not in text
    assert "Adam" not in text


def test_gradients_of_gradients_stay_in_the_layer():
    with tf.name_scope("layer"):
        x = tf.Variable(3.0, name="x")
        y = tf.log(x * x + 1.0)
    (first,) = tf.gradients(y, x)
    (second,) = tf.gradients(first, x)
    diagram = read([y, second])
    assert {b.scope for b in diagram.boxes.values()} == {("layer",)}
    assert {b.order for b in diagram.boxes.values()} == {0, 1, 2}
    assert viz.render([y, second]).text.startswith("<?xml")


def test_a_schedule_leads_into_the_optimizer():
    w = tf.Variable(1.0, name="w")
    rate = tf.placeholder(tf.float32, [], name="rate")
    train = tf.train.GradientDescentOptimizer(rate).minimize(w * w)
    assert ("rate", "GradientDescent", "") in arrows(read(train))


def test_a_legend_stands_where_there_is_more_than_the_forward_pass():
    net = Net()
    assert ">gradient<" in viz.render([net.loss, net.train], format="dot").text
    assert ">forward<" not in viz.render(net.loss, format="dot").text


# Text


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("program", ["wheel", "dot"])
def test_no_name_is_taken_for_markup(text, program, monkeypatch):
    use(program, monkeypatch)
    box = Box("n0", Kind.OPERATION, Role.FORWARD, text, text, (text,), text, (text, text))
    other = Box("n1", Kind.INPUT, Role.GRADIENT, text, scope=(text,))
    diagram = Diagram({"n0": box, "n1": other})
    svg = drawing.draw(to_dot(diagram, title=text), "svg").decode()
    root = ElementTree.fromstring(svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "polygon", "path", "text", "a", "ellipse", "polyline"}
    words = re.sub(r"[\x07\ud800]", "\ufffd", text).split()
    shown = " ".join("".join(e.itertext()) for e in root.iter() if e.tag.endswith("text"))
    assert all(word in shown for word in words)


def test_a_strange_name_that_the_graph_allows_is_drawn():
    x = tf.placeholder(tf.float32, [2], name="a\\N.b-c>d")
    shown = viz.render(x).text
    assert "a\\N.b-c&gt;d" in shown.replace("&#45;", "-").replace("&#92;", "\\")


def test_the_same_graph_gives_the_same_text():
    program = """
import tensorgraph as tf
from tensorgraph import viz
x = tf.placeholder(tf.float32, [None, 4], name="x")
w = tf.Variable(tf.zeros([4, 2]), name="w")
loss = tf.reduce_mean(tf.tanh(tf.matmul(x, w)))
train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
print(viz.render([loss, train], format="dot", title="t").text)
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": str(seed), "PATH": ""},
        ).stdout
        for seed in range(3)
    }
    assert len(texts) == 1
    assert texts.pop().startswith(b"digraph")


# Folding


def test_too_many_boxes_fold_by_scope():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    for _ in range(30):
        with tf.name_scope("layer"):
            with tf.name_scope("inner"):
                w = tf.Variable(tf.zeros([4, 4]), name="w")
                x = tf.tanh(tf.matmul(x, w))
            x = tf.square(x) + x
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(x))
    whole = read([x, train])
    inner = fold(whole, 400)
    assert len(inner.boxes) < len(whole.boxes)
    assert ("layer_3", "inner") not in {b.scope for b in inner.boxes.values()}
    outer = fold(whole, 120)
    assert len(outer.boxes) <= 120
    forward, backward, update = (b for b in outer.boxes.values() if b.title == "layer_3")
    assert [b.role for b in (forward, backward, update)] == [
        Role.FORWARD, Role.GRADIENT, Role.UPDATE,
    ]  # fmt: skip
    assert forward.kind is Kind.FOLDED
    assert forward.details == ("5 nodes", "16 parameters", "16 multiply-adds")
    assert forward.parameters == 16
    assert update.details == ("update · 1 node",)
    assert ("layer_3", "layer_4", "?×4") in arrows(outer)
    assert fold(whole, 10_000) == whole


def test_boxes_without_a_scope_fold_last():
    x = tf.placeholder(tf.float32, [], name="x")
    y = x
    for _ in range(60):
        y = tf.tanh(y) + x
    diagram = fold(read(y), 50)
    assert len(diagram.boxes) < 10


def test_thousands_of_nodes_are_drawn_in_seconds():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    for _ in range(300):
        with tf.name_scope("block"):
            w = tf.Variable(tf.zeros([4, 4]), name="w")
            x = tf.tanh(tf.matmul(x, w)) + x
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(x))
    picture = viz.render([x, train], format="svg")
    assert picture.text.count('class="node"') < 1000


# Files and back ends


def use(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one back end, or skip where this machine lacks it."""
    if program == "dot":
        if shutil.which("dot") is None:
            pytest.skip("needs the program dot")
        monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    else:
        pytest.importorskip("pygraphviz")
        monkeypatch.setenv("PATH", "")


@pytest.mark.parametrize("program", ["wheel", "dot"])
@pytest.mark.parametrize(
    ("suffix", "magic"),
    [("svg", b"<?xml"), ("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-"), ("dot", b"digraph")],
)
def test_every_format_is_produced_by_either_back_end(
    suffix, magic, program, tmp_path, monkeypatch, capfd
):
    use(program, monkeypatch)
    net = Net()
    path = tmp_path / f"graph.{suffix.upper()}"
    picture = viz.render([net.loss, net.train], path, title="a title")
    assert picture.format == suffix
    assert path.read_bytes() == picture.content
    assert picture.content.startswith(magic)
    assert capfd.readouterr() == ("", "")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_without_a_file_an_svg_comes_back_and_a_notebook_shows_it():
    picture = viz.render(tf.constant(1.0, name="one"))
    assert picture.format == "svg"
    assert ElementTree.fromstring(picture.text) is not None
    assert picture._repr_mimebundle_()["image/svg+xml"] == picture.text
    assert repr(picture) == "Picture(format='svg')"


def test_a_picture_of_bytes_is_no_text():
    picture = viz.render(tf.constant(1.0), format="PNG")
    assert picture._repr_mimebundle_()["image/png"] == picture.content
    with pytest.raises(ValueError, match="no text"):
        _ = picture.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filename": "graph.gif"}, "'graph.gif' does not say which format"),
        ({"filename": "graph"}, ".svg, .png, .pdf, .dot"),
        ({"format": "gif"}, "format 'gif' is not known"),
    ],
)
def test_an_unknown_format_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        viz.render(tf.constant(1.0), **arguments)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        viz.render(tf.constant(1.0), tmp_path / "nowhere" / "graph.dot")


def test_without_graphviz_the_error_says_what_to_install_and_keeps_the_text(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    one = tf.constant(1.0)
    with pytest.raises(viz.GraphvizMissingError, match="pip install pygraphviz") as caught:
        viz.render(one, tmp_path / "graph.svg")
    assert caught.value.dot.startswith("digraph")
    assert not list(tmp_path.iterdir())
    assert viz.render(one, tmp_path / "graph.dot").text == caught.value.dot


@pytest.mark.parametrize("program", ["wheel", "dot"])
def test_a_failure_of_graphviz_is_an_error_with_its_reason(program, monkeypatch):
    use(program, monkeypatch)
    with pytest.raises(viz.DrawingError, match="Graphviz failed") as caught:
        drawing.draw("digraph { a -> ", "svg")
    assert "syntax error" in str(caught.value)


def test_what_graphviz_remarks_is_passed_on_but_for_an_old_fontconfigs_warning(monkeypatch):
    script = "import sys; sys.stdout.write('picture'); sys.stderr.write(sys.argv[1])"

    def report(text: str) -> None:
        command = [sys.executable, "-c", script, text]
        monkeypatch.setattr(drawing, "_command", lambda format, pinned: command)
        assert drawing.draw("digraph {}", "png") == b"picture"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report('Fontconfig warning: "x.conf", line 6: unknown element')
    with pytest.warns(RuntimeWarning, match="node n1 is strange"):
        report("Warning: node n1 is strange")
    with pytest.warns(RuntimeWarning, match="Cannot load default config file"):
        report("Fontconfig error: Cannot load default config file")
