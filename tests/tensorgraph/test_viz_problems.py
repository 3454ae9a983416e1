"""Pictures of mistakes, and of what a pass does."""

from __future__ import annotations

import re

import pytest

import tensorgraph as tf
from tensorgraph import viz
from tensorgraph.viz import before_after
from tensorgraph.viz.diagram import Diagram, Mark
from tensorgraph.viz.reading import read


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def marks(diagram: Diagram) -> dict[str, Mark]:
    return {b.title: b.mark for b in diagram.boxes.values() if b.mark is not Mark.NONE}


@pytest.fixture
def drawn(monkeypatch):
    """Return the diagrams that are drawn."""
    from tensorgraph.viz import render

    found = []
    module = __import__("sys").modules[render.__module__]
    monkeypatch.setattr(module, "read", lambda *args: found.append(read(*args)) or found[-1])
    return found


# Gradients that are cut


def test_the_cut_is_red_and_what_no_gradient_reaches_is_grey(drawn, tmp_path):
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.Variable(tf.zeros([4, 3]), name="w")
    other = tf.Variable(tf.zeros([3]), name="other")
    votes = tf.one_hot(tf.argmax(tf.matmul(x, w), 1), 3)
    y = tf.reduce_mean(tf.square(votes + other))
    path = tf.explain_gradient(y, w)
    assert path.cut is not None
    picture = viz.render_problem(path, filename=tmp_path / "cut.svg")
    (diagram,) = drawn
    assert marks(diagram) == {
        "w": Mark.COLD,
        "MatMul": Mark.COLD,
        "ArgMax": Mark.COLD,
        "OneHot": Mark.HOT,
    }
    assert "is cut" in picture.text
    assert (tmp_path / "cut.svg").read_text() == picture.text


def test_a_way_that_flows_stays_as_it_is_beside_one_that_is_cut(drawn):
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.tanh(x) + tf.sqrt(tf.round(tf.square(x)))
    viz.render_problem(tf.explain_gradient(y, x))
    (diagram,) = drawn
    assert marks(diagram) == {"Square": Mark.COLD, "Round": Mark.HOT}


def test_where_nothing_joins_two_tensors_there_is_nothing_to_draw():
    x, y = tf.constant(1.0, name="x"), tf.constant(2.0, name="y")
    with pytest.raises(ValueError, match="does not depend on"):
        viz.render_problem(tf.explain_gradient(y, x))


# Numbers that are none


def failure(fetch: tf.Tensor, feed: dict[tf.Tensor, object]) -> tf.errors.InvalidArgumentError:
    with tf.Session(config=tf.ConfigProto(check_numerics=True)) as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            session.run(fetch, feed)
    return caught.value


def test_the_first_bad_node_is_red(drawn):
    x = tf.placeholder(tf.float32, [3], name="x")
    with tf.name_scope("deep"):
        y = tf.log(tf.nn.relu(x), name="risky")
    total = tf.reduce_sum(tf.exp(y))
    error = failure(total, {x: [1.0, -1.0, 2.0]})
    picture = viz.render_problem(error, {"loss": [total]}, format="dot")
    (diagram,) = drawn
    assert marks(diagram) == {"risky": Mark.HOT}
    assert "Log gave Inf in 1 of 3 elements" in picture.text


def test_an_error_needs_the_graph_it_is_of():
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.log(x)
    error = failure(y, {x: [0.0, 1.0]})
    with pytest.raises(ValueError, match="pass fetches"):
        viz.render_problem(error)
    with pytest.raises(ValueError, match="the fetches need no node 'Log'"):
        viz.render_problem(error, x)
    with pytest.raises(TypeError, match="expected a GradientPath or an OpError"):
        viz.render_problem(ValueError("no"))  # type: ignore[arg-type]


# Passes


def halves(diagram: Diagram) -> dict[str, dict[str, Mark]]:
    found: dict[str, dict[str, Mark]] = {}
    for box in diagram.boxes.values():
        side = found.setdefault(box.scope[0].partition(":")[0], {})
        side[box.tooltip.partition(" ")[0]] = box.mark
    return found


def test_what_a_pass_takes_out_is_red_and_what_it_puts_in_is_green():
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.add(x, tf.constant(2.0, name="two") * tf.constant(3.0, name="three"), name="y")
    diagram = before_after.compare(y, "fold")
    sides = halves(diagram)
    assert sides["before fold"] == {
        "x": Mark.NONE, "two": Mark.HOT, "three": Mark.HOT, "mul": Mark.HOT, "y": Mark.NONE,
    }  # fmt: skip
    assert sides["after fold"] == {"x": Mark.NONE, "mul": Mark.NEW, "y": Mark.NONE}
    assert {b.scope[0] for b in diagram.boxes.values()} == {
        "before fold: 5 nodes, 3 taken out or replaced",
        "after fold: 3 nodes, 1 new",
    }


def test_passes_before_it_have_run_already():
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.identity(x * (tf.constant(2.0) * 3.0), name="same") + 1.0
    sides = halves(before_after.compare(y, "simplify"))
    assert "Const" not in sides["before simplify"]
    assert sides["before simplify"]["same"] is Mark.HOT
    assert "same" not in sides["after simplify"]
    sides = halves(before_after.compare([tf.add(x, x, name=n) for n in ("one", "two")], "merge"))
    assert sides["before merge"] == {"x": Mark.NONE, "one": Mark.NONE, "two": Mark.HOT}
    assert sides["after merge"] == {"x": Mark.NONE, "one": Mark.NONE}


def test_of_a_large_program_only_what_is_near_a_change_is_drawn():
    x = tf.placeholder(tf.float32, [3], name="x")
    y = x
    for _ in range(100):
        y = tf.tanh(y)
    y = tf.identity(y, name="same")
    sides = halves(before_after.compare(tf.square(y, name="end"), "simplify"))
    assert sides["before simplify"] == {"Tanh_99": Mark.NONE, "same": Mark.HOT, "end": Mark.NONE}
    assert set(sides["after simplify"]) == {"Tanh_99", "end"}


def test_a_pass_that_finds_nothing_says_so(tmp_path):
    x = tf.placeholder(tf.float32, [3], name="x")
    y = x
    for _ in range(100):
        y = tf.tanh(y)
    text = viz.render_pass(y, "merge", tmp_path / "merge.dot", title="<&>").text
    assert text.count("no node is near a change") >= 2
    assert "before merge: 101 nodes" in text
    assert "&lt;&amp;&gt;" in text


def test_an_unknown_pass_is_an_error_that_names_those_there_are():
    with pytest.raises(ValueError, match=re.escape("'polish'; there are control, fold")):
        viz.render_pass(tf.constant(1.0), "polish")
