"""Pictures of large graphs: equal parts drawn once, scopes folded and opened, other formats."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

import tensorgraph as tf
from tensorgraph import viz
from tensorgraph.viz import drawing, palette
from tensorgraph.viz.diagram import Arrow, Box, Diagram, Kind, Mark, Role
from tensorgraph.viz.folding import NONE, Opened, fold, rounded
from tensorgraph.viz.mermaid import to_mermaid
from tensorgraph.viz.painting import Form, paint, shorten
from tensorgraph.viz.reading import read
from tensorgraph.viz.repeats import costs_of, merge_repeats
from tensorgraph.viz.sketch import Sketch

NASTY = [
    "<script>alert(1)</script>",
    'a "quoted" name',
    "back\\slash \\N \\",
    "two\nlines",
    "end",
    "a & b &amp; #35;",
    "bell \x07 and \ud800 alone",
    "]; x --> y [ %%{init}%% `b` **b**",
]


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def block(x: tf.Tensor, width: int = 4, name: str = "block") -> tf.Tensor:
    with tf.name_scope(name):
        w = tf.Variable(tf.zeros([4, width]), name="w")
        v = tf.Variable(tf.zeros([width, 4]), name="v")
        return tf.tanh(tf.matmul(tf.nn.relu(tf.matmul(x, w)), v)) + x


def chain(*widths: int) -> tf.Tensor:
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    for width in widths:
        x = block(x, width)
    return tf.square(x, name="end")


def frames(diagram: Diagram) -> dict[str, tuple[int, str]]:
    return {"/".join(s): (r.count, r.names) for s, r in diagram.repeats.items()}


# Equal parts


def test_equal_parts_in_a_row_are_drawn_once_with_their_number():
    diagram = merge_repeats(read(chain(4, 4, 4, 4, 4)))
    assert frames(diagram) == {"block": (5, "block … block_4")}
    assert {b.scope for b in diagram.boxes.values()} == {(), ("block",)}
    assert all(b.times == 5 for b in diagram.boxes.values() if b.scope)
    boxes = [b for b in diagram.boxes.values() if b.scope]
    assert costs_of(("block",), boxes, diagram.repeats) == (
        "each 32 parameters",
        "each 32 multiply-adds",
    )
    text = viz.render(chain(4, 4, 4), format="dot").text
    assert "3 × block" in text
    assert "block_5" in text  # which ones they are


def test_the_arrows_of_a_row_lead_into_the_first_and_out_of_the_last():
    diagram = merge_repeats(read(chain(4, 4, 4, 4)))
    into = {a.head for a in diagram.arrows if diagram.boxes[a.tail].title == "x"}
    assert {diagram.boxes[key].title for key in into} == {"MatMul", "Add"}
    (last,) = [a for a in diagram.arrows if diagram.boxes[a.head].title == "end"]
    assert diagram.boxes[last.tail].title == "Add"
    assert diagram.boxes[last.tail].scope == ("block",)


def test_parts_that_differ_stay_apart():
    diagram = merge_repeats(read(chain(4, 4, 4, 5, 4, 4, 4)))
    assert frames(diagram) == {"block": (3, "block … block_2"), "block_4": (3, "block_4 … block_6")}
    assert ("block_3",) in {b.scope for b in diagram.boxes.values()}


def test_parts_that_lead_elsewhere_too_stay_apart():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    values = [x]
    for _ in range(4):
        values.append(block(values[-1]))
    assert not merge_repeats(read(tf.add_n(values))).repeats


def test_a_value_that_all_parts_share_does_not_keep_them_apart():
    scale = tf.placeholder(tf.float32, [], name="scale")
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    for _ in range(4):
        with tf.name_scope("block"):
            w = tf.Variable(tf.zeros([4, 4]), name="w")
            x = tf.tanh(tf.square(tf.square(tf.matmul(x, w) * scale)))
    diagram = merge_repeats(read(tf.square(x)))
    assert frames(diagram) == {"block": (4, "block … block_3")}


def test_parts_beside_each_other_are_no_row():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    assert not merge_repeats(read(tf.add_n([block(x) for _ in range(4)]))).repeats


def test_parts_that_repeat_together_get_a_frame():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    for _ in range(4):
        x = block(block(x, name="one"), 7, name="two")
    x = tf.square(x)
    diagram = merge_repeats(read(x))
    ((scope, repeat),) = diagram.repeats.items()
    assert (repeat.count, repeat.title, repeat.names) == (4, "one two", "one … two_3")
    inside = {b.scope for b in diagram.boxes.values() if b.scope}
    assert inside == {(*scope, "one"), (*scope, "two")}
    assert "4 × one two" in viz.render(x, format="dot").text


def test_single_boxes_repeat_too():
    x = tf.placeholder(tf.float32, [3], name="x")
    for _ in range(10):
        x = tf.tanh(x)
    titles = [b.title for b in merge_repeats(read(x)).boxes.values()]
    assert titles == ["x", "9 × Tanh", "Tanh"]  # the last one is what was asked for


def test_gradients_go_with_their_part():
    y = chain(*[4] * 6)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    diagram = merge_repeats(read([y, train]))
    (count, _) = frames(diagram)["block_1"]
    assert count == 4  # the first has no gradient to hand on, the last one is handed another
    roles = {b.role for b in diagram.boxes.values() if b.scope == ("block_1",)}
    assert roles == set(Role)


# Folding and opening


def test_what_is_opened_is_neither_folded_nor_merged():
    diagram = read(chain(*[4] * 20))
    few = shorten(diagram, Form(max_boxes=10))
    assert [b.title for b in few.boxes.values()] == ["x", "20 × block", "end"]
    one = shorten(diagram, Form(max_boxes=10, unfold=("block_3",)))
    titles = [b.title for b in one.boxes.values()]
    assert "MatMul" in titles
    assert "3 × block" in titles
    assert len(shorten(diagram, Form(max_boxes=10, unfold=("all",))).boxes) == len(diagram.boxes)


def test_an_unknown_scope_to_open_is_an_error_with_suggestions():
    with pytest.raises(ValueError, match=r"no scope 'blok_1' to unfold; there are block_1, "):
        viz.render(chain(4, 4), unfold="blok_1")
    with pytest.raises(ValueError, match="none at all"):
        viz.render(tf.constant(1.0), unfold=["block"])


def test_what_stands_out_is_not_folded():
    y = chain(*[4] * 20)
    relu = y.graph.get_operation_by_name("block_7/Relu")
    text = viz.render(y, format="dot", max_boxes=10, highlight=relu).text
    assert palette.RED in text
    assert "6 × block" in text or "7 × block" in text


def test_opened_scopes_hold_what_is_around_and_in_them():
    opened = Opened(whole=(("a", "b"),), around=(("c", "d"),))
    assert opened.holds(("a",))
    assert opened.holds(("a", "b", "x"))
    assert opened.holds(("c", "d"))
    assert not opened.holds(("c", "d", "x"))
    assert not opened.holds(("b",))
    assert not NONE.holds(("a",))


def test_the_librarys_own_arithmetic_is_one_box_inside_of_layers():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    with tf.name_scope("norm"):
        y = tf.nn.batch_normalization(x, *tf.nn.moments(x, [0]), None, None, 1e-3)
    titles = [b.title for b in shorten(read(y), Form()).boxes.values()]
    assert titles == ["x", "moments", "batchnorm"]


def test_forward_and_gradient_of_a_folded_scope_stand_side_by_side():
    y = chain(4, 5, 6)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    diagram = fold(read([y, train]), 15)
    rows = {(diagram.boxes[a].role, diagram.boxes[b].role) for a, b in diagram.beside}
    assert (Role.FORWARD, Role.GRADIENT) in rows


def test_where_scopes_fold_at_all_they_fold_until_the_picture_is_short():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    for stage in range(4):
        with tf.name_scope("stage"):
            for width in range(4, 20):
                x = block(x, width + stage)
    diagram = read(tf.square(x))
    assert len(shorten(diagram, Form(max_boxes=1000)).boxes) == len(diagram.boxes)
    titles = [b.title for b in shorten(diagram, Form(max_boxes=150)).boxes.values()]
    assert titles == ["x", "stage", "stage_1", "stage_2", "stage_3", "Square"]


def test_costs_are_rounded_for_reading():
    assert [rounded(n) for n in (840, 117_600, 1_850_000, 11_282_415_616)] == [
        "840", "117,600", "1.85 M", "11.3 G",
    ]  # fmt: skip


def test_more_boxes_than_can_be_drawn_are_an_error_that_says_what_to_do(monkeypatch):
    from tensorgraph.viz import painting

    monkeypatch.setattr(painting, "MOST_DRAWN", 5)
    y = chain(4, 5, 6)
    with pytest.raises(viz.DrawingError, match="draw a part of the graph"):
        viz.render(y, unfold="all")
    assert viz.render(y, unfold="all", format="dot").text.startswith("digraph")


def test_graphviz_is_not_waited_for_for_ever(monkeypatch):
    import sys

    monkeypatch.setattr(drawing, "_PATIENCE", 0.1)
    command = [sys.executable, "-c", "import time; time.sleep(9)"]
    monkeypatch.setattr(drawing, "_command", lambda format, pinned: command)
    with pytest.raises(viz.DrawingError, match="not done after"):
        drawing.draw("digraph {}", "svg")


# Formats


def nasty_diagram() -> Diagram:
    kinds = list(Kind)
    boxes = {
        f"n{i}": Box(
            f"n{i}",
            kinds[i % len(kinds)],
            Role.FORWARD,
            t,
            t,
            (t,),
            t,
            (t, t),
            mark=list(Mark)[i % 4],
        )
        for i, t in enumerate(NASTY)
    }
    arrows = tuple(Arrow("n0", f"n{i}", label=t) for i, t in enumerate(NASTY) if i)
    return Diagram(boxes, arrows)


def test_mermaid_text_holds_no_name_as_it_is():
    text = to_mermaid(nasty_diagram(), NASTY[0])
    assert text.startswith("flowchart TB\n")
    assert "<script" not in text
    for line in text.splitlines()[2:]:
        # All that a name can bring along is letters and numbered signs, in quotes.
        outside = re.sub(r'"[^"]*"', "", line)
        assert re.fullmatch(r"[\w\s\-.>|()\[\],:#]*", outside), line
        for quoted in re.findall(r'"([^"]*)"', line):
            assert "<" not in quoted.replace("<br>", "")
            assert ";" not in re.sub(r"#\d+;", "", quoted)


def test_mermaid_draws_frames_shapes_and_roles(tmp_path):
    y = chain(4, 4, 4)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    picture = viz.render([y, train], tmp_path / "graph.mmd")
    assert picture.format == "mermaid"
    assert (tmp_path / "graph.mmd").read_text() == picture.text
    assert 'x"])' in picture.text
    assert "classDef gradient" in picture.text
    assert "subgraph" in picture.text
    assert picture._repr_mimebundle_()["text/vnd.mermaid"] == picture.text
    assert viz.render(y, format="mermaid").text.count("-->") >= 6


def test_an_svg_knows_dark_screens_and_says_what_it_is():
    svg = viz.render(chain(4), title='<"net">').text
    root = ElementTree.fromstring(svg)
    assert root.attrib["class"] == "tensorgraph"
    assert root.attrib["aria-label"] == '<"net">'
    (style,) = [e for e in root.iter() if e.tag.endswith("style")]
    assert style.text is not None
    assert "@media screen and (prefers-color-scheme:dark)" in style.text
    used = set(re.findall(r'(?:fill|stroke)="(#\w+|white)"', svg))
    assert used <= set(palette.DARK)


def test_every_colour_of_a_picture_has_a_dark_one_that_can_be_read():
    def luminance(color: str) -> float:
        color = {"white": "#ffffff"}.get(color, color)
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    fills = [v for k, v in vars(palette).items() if k.endswith("_FILL") or k == "PAPER"]
    for ink in (palette.INK, palette.GREY):
        for fill in fills:
            assert contrast(ink, fill) >= 4.5, (ink, fill)
            assert contrast(palette.DARK[ink], palette.DARK[fill]) >= 4.5, (ink, fill)


def test_nodes_carry_classes_for_pages_that_show_the_svg():
    net = chain(4)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(net))
    svg = viz.render([net, train]).text
    for name in ("forward operation", "gradient operation", "update operation", "forward variable"):
        assert f'class="node {name}"' in svg


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_a_sketch_is_drawn_in_every_format(format):
    sketch = Sketch(200, 100)
    sketch.polygon([(10, 10), (60, 10), (60, 40)], palette.FORWARD_FILL, palette.FORWARD)
    sketch.curve([(60, 20), (80, 20), (90, 60), (120, 60)], palette.INK)
    for number, text in enumerate(NASTY):
        sketch.text((150, 10 * number), text, 8, bold=number % 2 == 0)
    picture = drawing.draw(sketch.to_dot(NASTY[1]), format, pinned=True)
    if format == "svg":
        root = ElementTree.fromstring(picture)
        assert not [e for e in root.iter() if "script" in e.tag]
        assert float(root.attrib["width"].removesuffix("pt")) < 300
        texts = [e.text for e in root.iter() if e.tag.endswith("text")]
        assert "<script>alert(1)</script>" in texts
        assert 'a "quoted" name' in texts


def test_an_empty_sketch_can_be_drawn():
    assert drawing.draw(Sketch(10, 10).to_dot(), "svg", pinned=True).startswith(b"<?xml")


def test_faded_boxes_are_grey_and_so_are_their_arrows():
    a = Box("a", Kind.OPERATION, Role.FORWARD, "a", mark=Mark.COLD)
    diagram = Diagram({"a": a, "b": replace(a, id="b")}, (Arrow("a", "b"),))
    dot = paint(diagram, Form("dot")).text
    assert dot.count(palette.FADED) >= 3
