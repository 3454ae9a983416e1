"""The walk through a forward and a backward pass: its numbers, its words, and its page."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from string import Formatter

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph import viz
from tensorgraph.graph.opdef import OpDef, registered
from tensorgraph.viz.walk import page as page_module
from tensorgraph.viz.walk.numbers import cell_of, describe_array, number_text, short_text
from tensorgraph.viz.walk.outline import make_outline
from tensorgraph.viz.walk.tracing import trace

NASTY = ["</script><script>alert(1)</script>", 'a "quoted" name', "a & b &amp; <i>c</i>"]


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def neuron():
    """Return a neuron whose weight is used twice: its loss, and what to feed."""
    x = tf.placeholder(tf.float32, [], name="x")
    w, b = tf.Variable(2.0, name="w"), tf.Variable(-1.0, name="b")
    error = tf.subtract(tf.tanh(w * x + b, name="y"), 0.5, name="error")
    return tf.add(tf.square(error), 0.1 * tf.square(w), name="loss"), {x: 1.5}


def small_net():
    """Return a convolutional network with two branches, its loss, and what to feed."""
    rng = np.random.default_rng(0)
    x = tf.placeholder(tf.float64, [None, 6, 6, 2], name="x")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    kernel = tf.Variable(rng.normal(size=[3, 3, 2, 3]), name="kernel")
    bias = tf.Variable(rng.normal(size=3), name="bias")
    h = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias)
    h = tf.concat([tf.nn.relu(h), tf.sigmoid(h)], -1)
    h = tf.reshape(tf.nn.max_pool(h, 2, 2, "SAME"), [-1, 54])
    logits = tf.matmul(h, tf.Variable(rng.normal(size=[54, 4]), name="dense"))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_mean(losses), {x: rng.normal(size=[2, 6, 6, 2]), labels: [1, 3]}


def steps_of(outline, phase):
    return {s.get("name"): s for s in outline.steps if s["phase"] == phase}


def walk_of(text):
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


# The numbers


@pytest.mark.parametrize("build", [neuron, small_net])
def test_values_and_gradients_are_those_of_a_session(build):
    loss, feed = build()
    variables = tf.trainable_variables()
    found = trace(loss, feed, xs=[*feed][:1] + variables)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        wanted = tf.gradients(loss, [*[*feed][:1], *variables])
        expected, gradients = session.run([loss, wanted], feed)
    assert found.values[found.loss] == pytest.approx(expected)
    for gradient, right in zip(found.sources.values(), gradients, strict=True):
        np.testing.assert_allclose(found.values[gradient], right, rtol=1e-6)


def test_nothing_is_added_to_the_graph(graph):
    loss, feed = neuron()
    graph.finalize()
    count = len(graph.get_operations())
    viz.step(loss, feed)
    assert len(graph.get_operations()) == count


def test_contributions_to_one_value_add_up():
    outline = make_outline(trace(*neuron()))
    (w,) = [i for i in steps_of(outline, "result")[None]["items"] if i["name"] == "w"]
    assert [p["from"] for p in w["gradient"]["parts"]] == ["Square_1", "mul"]
    shown = [outline.values[p["value"]]["rows"] for p in w["gradient"]["parts"]]
    assert (shown, outline.values[w["gradient"]["total"]]["rows"]) == (
        [[["0.4"]], [["0.09835"]]],
        [["0.4984"]],
    )
    handed = [h for s in outline.steps for h in s.get("handed", ()) if h["name"] == "∂loss/∂w"]
    assert [(h["number"], h["of"], h["sum"] is None) for h in handed] == [
        (1, 2, True),
        (2, 2, False),
    ]
    (node,) = [n for n in outline.nodes if n.name == "w"]
    assert node.gradient == "0.4984"


def test_variables_have_the_values_of_the_session_that_is_given_or_open():
    w = tf.Variable(2.0, name="w")
    loss = w * 3.0

    def value(**given):
        found = trace(loss, **given)
        return float(found.values[found.loss])

    assert value() == 6.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(w.assign(5.0))
        assert value() == 15.0
    with tf.Session() as other:
        other.run(w.assign(7.0))
    with tf.Session() as session:
        session.run(w.assign(1.0))
        assert value(session=session) == 3.0
    with tf.Session(graph=tf.Graph()):  # of another graph
        assert value() == 6.0


def test_by_what_is_differentiated():
    a, b = tf.constant(2.0, name="a"), tf.constant(3.0, name="b")
    product = a * b
    assert [t.op.name for t in trace(product).sources] == ["a", "b"]
    assert [t.op.name for t in trace(product, xs=[b]).sources] == ["b"]
    outline = make_outline(trace(product, xs=[b]))
    assert steps_of(outline, "backward")["loss"]["lost"] == [
        {"name": "a", "why": "it is a constant: nobody asks"}
    ]


def test_a_gradient_that_is_cut_is_told():
    x = tf.placeholder(tf.float32, [2], name="x")
    outline = make_outline(trace(tf.reduce_sum(tf.round(x)), {x: [1.2, 2.7]}))
    (item,) = steps_of(outline, "result")[None]["items"]
    assert (item["name"], item["gradient"]) == ("x", None)


def test_random_numbers_are_the_same_on_both_ways():
    x = tf.placeholder(tf.float32, [50], name="x")
    found = trace(tf.reduce_sum(tf.nn.dropout(x, rate=0.5)), {x: np.ones(50)})
    (gradient,) = found.sources.values()
    (mask,) = [op for op in found.operations if op.type == "DropoutMask"]
    np.testing.assert_array_equal(found.values[gradient], found.values[mask.outputs[0]])


def test_loops_and_branches_count_as_one_operation():
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * x), [0, x])[1]
    found = trace(tf.cond(x > 0.0, lambda: y * 2.0, lambda: y), {x: 2.0})
    (gradient,) = found.sources.values()
    assert found.values[gradient] == pytest.approx(2 * 4 * 2.0**3)
    assert make_outline(found).steps[-1]["phase"] == "result"


# Words and formulas


@pytest.mark.parametrize(
    ("build", "formula", "rules"),
    [
        (lambda a, b: a + b, "loss = a + b", ["g", "g"]),
        (lambda a, b: a - b * 2.0, "loss = a − mul", ["g", "−g"]),
        (lambda a, b: a * b, "loss = a · b", ["g · b", "g · a"]),
        (lambda a, b: a / b, "loss = a / b", ["g / b", "((−g) · loss) / b"]),
        (lambda a, b: tf.tanh(a), "loss = tanh(a)", ["g · (1 − loss²)"]),
        (lambda a, b: tf.sigmoid(a), "loss = sigmoid(a)", ["g · (loss · (1 − loss))"]),
        (lambda a, b: tf.nn.relu(a), "loss = max(a, 0)", ["g where loss > 0, else 0"]),
        (lambda a, b: tf.exp(a), "loss = exp(a)", ["g · loss"]),
        (tf.matmul, "loss = a @ b", ["g @ bᵀ", "aᵀ @ g"]),
        (lambda a, b: tf.matmul(a, b, True), "loss = aᵀ @ b", ["b @ gᵀ", "a @ g"]),
        (lambda a, b: tf.reduce_sum(a, 1), "loss = Σ a over axis 1", None),
        (lambda a, b: tf.reduce_mean(a), "loss = mean(a)", None),
        (lambda a, b: tf.concat([a, b], 0), "loss = join(a, b)", None),
        (lambda a, b: tf.add_n([a, b, a]), "loss = a + b + a", ["g", "g", "g"]),
        (lambda a, b: tf.square(a - b), "loss = sub²", ["g · (sub · 2)"]),
        (lambda a, b: tf.matrix_inverse(a), "loss = MatrixInverse(a)", None),
    ],
)
def test_formulas_of_operations_and_of_their_rules(build, formula, rules):
    a = tf.placeholder(tf.float64, [2, 2], name="a")
    b = tf.placeholder(tf.float64, [2, 2], name="b")
    outline = make_outline(
        trace(build(a, b), {a: [[1.0, 2.0], [3.0, 5.0]], b: [[5.0, 7.0], [6.0, 8.0]]})
    )
    assert steps_of(outline, "forward")["loss"]["formula"] == formula
    if rules is not None:
        assert [h["rule"] for h in steps_of(outline, "backward")["loss"]["handed"]] == rules


def test_the_rule_of_the_cross_entropy_is_that_of_the_textbooks():
    loss, feed = small_net()
    outline = make_outline(trace(loss, feed))
    step = steps_of(outline, "backward")["cross_entropy"]
    assert step["handed"][0]["rule"] == "g · (softmax(MatMul) − one_hot(labels))"
    assert step["lost"][0]["name"] == "labels"


@pytest.mark.parametrize("definition", registered().values(), ids=lambda d: d.type)
def test_formulas_name_inputs(definition):
    names = {arg.name for arg in definition.inputs}
    for formula in (definition.formula, *definition.formulas_besides):
        assert {name for _, name, _, _ in Formatter().parse(formula) if name} <= names


def test_a_number_of_each_result_is_worked_out():
    x = tf.placeholder(tf.float64, [1, 3, 3, 1], name="x")
    kernel = tf.constant([[1.0, -1.0], [0.0, 2.0]], tf.float64)
    conv = tf.nn.conv2d(x, tf.reshape(kernel, [2, 2, 1, 1], name="k"), 1, "VALID", name="conv")
    best = tf.nn.max_pool(conv, 2, 1, "VALID", name="best")
    weights = tf.constant([[3.0, -1.0]], tf.float64, name="weights")
    out = tf.reduce_sum(tf.matmul(tf.reshape(best, [1, 1]), weights, name="out"))
    outline = make_outline(trace(out, {x: np.arange(9.0).reshape(1, 3, 3, 1)}))
    forward = steps_of(outline, "forward")
    assert forward["conv"]["worked"] == "at [0, 1, 1, 0]: 4·1 + 5·(−1) + 7·0 + 8·2 = 15"
    assert forward["best"]["worked"] == "max(7, 9, 13, 15) = 15"
    assert forward["out"]["worked"] == "at [0, 0]: 15·3 = 45"
    assert forward["loss"]["worked"] == "45 + (−15) = 30"
    image = forward["conv"]["inputs"][0]["value"]
    marked = [[r, c] for value, r, c in forward["conv"]["marks"] if value == image]
    assert marked == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_a_border_of_zeros_is_left_out_of_the_sum():
    x = tf.placeholder(tf.float64, [1, 2, 2, 1], name="x")
    pooled = tf.nn.avg_pool(x, 3, 1, "SAME", name="pool")
    outline = make_outline(trace(pooled * 1.0, {x: np.full([1, 2, 2, 1], 8.0)}))
    worked = steps_of(outline, "forward")["pool"]["worked"]
    assert worked in ("at [0, 0, 0, 0]: mean(8, 8, 8, 8) = 8",)


# Arrays


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (-1234.5678, "−1235"),
        (1.5e-9, "1.5e−9"),
        (1e12, "1e12"),
        (-0.0, "0"),
        (float("nan"), "NaN"),
        (-float("inf"), "−∞"),
        (np.int64(-3), "−3"),
        (np.bool_(True), "true"),
        ("a<b", "'a<b'"),
    ],
)
def test_numbers_are_short(value, text):
    assert number_text(value) == text


def test_arrays_are_whole_or_a_corner_with_a_picture():
    small = describe_array(np.array([[1.0, -2.0], [0.0, 0.5]]))
    assert small["rows"] == [["1", "−2"], ["0", "0.5"]]
    assert small["heat"] == [[2, -4], [0, 1]]
    assert "picture" not in small
    large = describe_array(np.arange(2 * 28 * 28 * 3.0).reshape(2, 28, 28, 3))
    assert large["part"] == "[0, :, :, 0]"
    assert large["cut"] == "rows 11 to 16 of 28, columns 11 to 16 of 28"
    assert large["rows"][0][:2] == ["957", "960"]
    assert large["picture"]["width"] == 28
    filters = describe_array(np.arange(54.0).reshape(3, 3, 2, 3), is_filter=True)
    assert (len(filters["rows"]), filters["part"]) == (3, "[:, :, 0, 0]")
    huge = describe_array(np.zeros((1000, 1000)))
    assert "picture" not in huge
    assert len(json.dumps(huge)) < 2000


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.zeros((2, 0, 4, 1)),
        np.array(True),
        np.array([b"x", b"y"], object),
        np.array([np.nan, np.inf, 1.0]),
        np.array(5, np.int64),
        np.full((1, 1, 1, 5), 2.0, np.float32),
        np.ones((2, 2, 2, 2, 2)),
    ],
)
def test_any_array_can_be_described(array):
    described = json.loads(json.dumps(describe_array(array), allow_nan=False))
    assert len(described["rows"]) == len(described["heat"])
    assert isinstance(short_text(array), str)


def test_bad_numbers_are_counted():
    described = describe_array(np.array([np.nan, np.inf, 1.0, 3.0]))
    assert described["facts"] == "2 of 4 are NaN or infinite; from 1 to 3, mean 2"


def test_cells_are_found_in_the_table_that_is_shown():
    array = np.zeros((2, 20, 20, 3))
    assert cell_of(array, (0, 7, 12, 0)) == (0, 5)
    assert cell_of(array, (0, 7, 13, 0)) is None  # beyond the middle
    assert cell_of(array, (1, 7, 12, 0)) is None
    assert cell_of(np.zeros((1, 50)), (0, 11)) == (0, 11)
    assert cell_of(np.zeros((70, 50)), (5, 6)) is None
    assert cell_of(np.zeros((3, 3, 2, 2)), (1, 2, 0, 0), is_filter=True) == (1, 2)
    assert cell_of(np.array(1.0), ()) == (0, 0)


# The page


def test_a_page_needs_nothing_but_itself(tmp_path):
    loss, feed = small_net()
    page = viz.step(loss, feed, tmp_path / "step.html", title="Two & two")
    text = (tmp_path / "step.html").read_text(encoding="utf-8")
    assert text == page.text
    assert "<h1>Two &amp; two</h1>" in text
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', text)
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert len(text) < 500_000
    ids = set(re.findall(r'<g id="([^"]+)" class="node', text))
    walk = walk_of(text)
    assert {s["node"] for s in walk["steps"] if "node" in s} <= ids
    assert {edge[0] for edge in walk["edges"]} == set(re.findall(r'id="(e\d+x\d+)"', text))
    assert "iframe" in page._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("name", NASTY)
def test_texts_are_no_markup(name):
    # A graph takes no such names; a page relies on nobody.
    outline = make_outline(trace(*neuron()))
    renamed = replace(
        outline,
        loss=name,
        nodes=tuple(replace(n, name=name, scope=name, formula=name[:20]) for n in outline.nodes),
        steps=tuple({**s, "name": name, "source": name} for s in outline.steps),
    )
    text = page_module.make_page(renamed, name)
    assert "<script>alert" not in text
    assert "<i>c" not in text
    assert text.count("<script") == 2
    assert {s["name"] for s in walk_of(text)["steps"]} == {name}
    assert f"<h1>{html.escape(name).replace('&quot;', '&#34;')}</h1>" in text


def test_without_graphviz_there_is_no_picture_but_a_page(monkeypatch):
    def fail(outline):
        raise viz.GraphvizMissingError("drawing svg needs <Graphviz>", "")

    monkeypatch.setattr(page_module, "draw_outline", fail)
    text = viz.step(*neuron()).text
    assert "No picture: drawing svg needs &lt;Graphviz&gt;" in text
    assert len(walk_of(text)["steps"]) == 2 + 2 * 8


# What cannot be walked through


def test_wrong_losses_and_feeds_are_refused():
    x = tf.placeholder(tf.float32, [2], name="x")
    with pytest.raises(TypeError, match="must be of floats"):
        viz.step(tf.constant(1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="'x'"):
        viz.step(x * 2.0)
    with pytest.raises(ValueError, match="cannot feed"):
        viz.step(x * 2.0, {x: [1.0, 2.0, 3.0]})
    with pytest.raises(TypeError, match="only tensors can be fed"):
        viz.step(x * 2.0, {x.op: [1.0, 2.0]})
    with pytest.raises(TypeError, match="no tensor or variable"):
        viz.step(x * 2.0, {x: [1.0, 2.0]}, xs=["x"])


def test_a_large_graph_is_refused_before_it_is_run():
    x = tf.placeholder(tf.float32, [], name="x")
    y = x
    for _ in range(2000):
        y = y + x
    with pytest.raises(viz.TooManyOperationsError, match=r"needs 2,000 operations.*at most 300"):
        viz.step(y, {x: 1.0})


def test_a_rule_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(type(registered()["Erf"]), "gradient", OpDef.gradient)
    x = tf.placeholder(tf.float64, [3], name="x")
    with pytest.raises(LookupError, match=r"(?s)Erf.*no gradient rule.*test_step\.py"):
        viz.step(tf.erf(x), {x: [1.0, 2.0, 3.0]})


# In a browser

_PRESS = """
const press = (key, times = 1) => {
  for (let i = 0; i < times; i += 1)
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  return document.getElementById("status").textContent;
};
const slide = (place) => {
  slider.value = place;
  slider.dispatchEvent(new Event("input"));
  return document.querySelector("#panel h2").textContent;
};
const slider = document.getElementById("slider");
const seen = [press("End"), press("Home"), press("ArrowRight", 3), press("ArrowLeft"), press(" "),
  slide(9), document.querySelectorAll("#picture .edge.has-gradient").length,
  document.querySelectorAll("#picture .node.done").length];
document.title = JSON.stringify(seen);
"""


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_keys_and_slider_in_a_browser(tmp_path):
    text = viz.step(*neuron(), title="walk").text
    nonce = re.search(r'nonce="([0-9a-f]+)"', text)[1]
    path = tmp_path / "step.html"
    path.write_text(text.replace("</body>", f'<script nonce="{nonce}">{_PRESS}</script></body>'))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    done = subprocess.run(
        ["chromium", *options, f"--user-data-dir={tmp_path}/browser", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    assert json.loads(re.search(r"<title>(.*?)</title>", done.stdout)[1]) == [
        "The gradients",
        "What is given",
        "Forward 3 of 8: y",
        "Forward 2 of 8: add",
        "Forward 3 of 8: y",
        "loss",
        2,
        11,
    ]
