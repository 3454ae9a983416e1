"""`tg step`: a network walked through on a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import dsl
import tensorgraph as tf

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
X_OR_O = EXAMPLES / "textbook" / "x_or_o.net"
X = EXAMPLES / "textbook" / "x.csv"
ONE_LINE = "conv 4 3x3 relu; maxpool 2; dense 10 softmax"


def walk_of(path):
    found = re.search(
        r'<script type="application/json"[^>]*>(.*?)</script>', Path(path).read_text(), re.DOTALL
    )
    return json.loads(found[1])


def names(walk, phase):
    return [s["name"] for s in walk["steps"] if s["phase"] == phase]


def write(text, name="tiny.net"):
    Path(name).write_text(text)
    return name


def test_the_one_line_net(tg):
    result = tg("step", write(ONE_LINE), "--data", "digits")
    assert (result.code, result.out) == (
        0,
        "wrote tiny-step.html: tiny on example 0 of digits, of class 3\n",
    )
    walk = walk_of("tiny-step.html")
    forward = names(walk, "forward")
    assert forward[:4] == ["Conv2D", "conv.BiasAdd", "Relu", "maxpool"]
    assert forward[-2:] == ["cross_entropy", "loss"]
    assert names(walk, "backward") == forward[::-1]
    asked = [item["name"] for item in walk["steps"][-1]["items"]]
    assert asked == ["input", "conv.kernel", "conv.bias", "dense.kernel", "dense.bias"]
    assert all(s["source"].startswith("tiny.net") for s in walk["steps"] if "source" in s)


def test_x_or_o_finds_its_diagonal(tg):
    result = tg("step", X_OR_O, "--input", X, "-o", "x.html")
    assert result.code == 0, result.err
    walk = walk_of("x.html")
    assert names(walk, "forward")[:3] == ["found", "best", "positive"]
    found = next(s for s in walk["steps"] if s.get("name") == "found")
    assert found["worked"].endswith(" = 1")
    assert walk["values"][found["outputs"][0]["value"]]["rows"][0][:3] == [
        "0.7778",
        "−0.1111",
        "0.1111",
    ]
    back = [s for s in walk["steps"] if s["phase"] == "backward"][-1]
    # The result of the convolution goes three ways, so that three gradients come back.
    assert (back["name"], len(back["incoming"][0]["parts"])) == ("found", 3)


def test_the_picture_of_the_example_is_that_of_its_script():
    picture = np.full([9, 9], -1.0)
    for i in range(1, 8):
        picture[i, i] = picture[i, 8 - i] = 1.0
    np.testing.assert_array_equal(np.loadtxt(X, delimiter=","), picture)


def test_gradients_are_those_of_the_training(tg):
    file = write(f"{ONE_LINE}\ntrain {{ data digits; preprocess {{ center }} }}")
    assert tg("step", file, "--example", "5", "--count", "2", "-o", "page.html").code == 0
    walk = walk_of("page.html")
    from dsl.training.preparation import make_trainer
    from tensorgraph.data import load

    examples = load("digits")
    trainer = make_trainer(dsl.load(file, examples.input_shape, examples.classes), examples)
    x, y = trainer.inputs(examples.x_train[5:7]), examples.y_train[5:7]
    with trainer.model.graph.as_default():
        loss = dsl.build_loss(trainer.model, trainer.model.apply(), trainer.labels(y))
        (expected,) = tf.gradients(loss, [trainer.model.variables["dense/bias"]])
    gradient = trainer.session.run(expected, {trainer.model.input: x, trainer.labels(y): y})
    item = next(i for i in walk["steps"][-1]["items"] if i["name"] == "dense.bias")
    shown = [t.replace("−", "-") for t in walk["values"][item["gradient"]["total"]]["rows"][0]]
    np.testing.assert_allclose([float(t) for t in shown], gradient, rtol=2e-3, atol=1e-8)


def test_a_run_has_its_own_weights(tg):
    file = write(f"{ONE_LINE}\ntrain {{ data digits; epochs 1 }}")
    assert tg("train", file, "--limit", "60", "--out", "run", "--quiet").code == 0
    pages = []
    for what in (file, "run"):
        assert tg("step", what, "-o", "page.html").code == 0
        walk = walk_of("page.html")
        item = next(i for i in walk["steps"][0]["items"] if i["name"] == "dense.kernel")
        pages.append(walk["values"][item["value"]]["rows"])
    assert pages[0] != pages[1]
    result = tg("step", "run", "--set", "epochs=1")
    assert (result.code, "--set is for .net files" in result.err) == (2, True)


def test_a_file_without_data_is_walked_with_random_numbers(tg):
    result = tg("step", write("input 4\ndense 3 tanh"))
    assert result.out == "wrote tiny-step.html: tiny on random numbers\n"
    assert names(walk_of("tiny-step.html"), "forward") == ["MatMul", "BiasAdd", "Tanh", "total"]
    result = tg("step", write("input 5 of 20\nembedding 3\nlstm 2\ndense 1 sigmoid", "words.net"))
    assert result.out == "wrote words-step.html: words on random token ids\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (ONE_LINE, ["--data", "digits", "--example", "5000"], "there is no number 5000"),
        (ONE_LINE, ["--data", "nowhere"], "nowhere"),
        (ONE_LINE, ["--input", "missing.npy"], "input"),
        ("input 8x8x1\n" + ONE_LINE, ["--input", "missing.npy"], "missing.npy is no file"),
        ("input 4x4x1\n" + ONE_LINE, ["--input", str(X)], "has shape (9, 9)"),
        ("input 4x4x1\n" + ONE_LINE, ["--input", "tiny.net"], "tiny.net"),
        ("input a 3\ninput b 3\nfrom a; dense 2\nadd b", [], ""),
        (
            "input 4\nrepeat 160 { dense 4 relu }\ndense 2",
            [],
            "operations, too many to walk through one by one (at most 300)",
        ),
        ("input 4\ndence 3", [], "TG"),
        ("input 4\ndense 3", ["-o", "no/folder.html"], "no/folder.html"),
    ],
)
def test_mistakes_have_a_message(tg, text, options, message):
    result = tg("step", write(text), *options)
    assert result.code == 1, result.err
    assert message in result.err
    assert "Traceback" not in result.err
    assert "internal error" not in result.err


def test_a_table_that_is_none_of_numbers(tg):
    Path("words.csv").write_text("a,b\n1,2\n")
    result = tg("step", write("input 2\ndense 1"), "--input", "words.csv")
    assert (result.code, "words.csv is no table of numbers" in result.err) == (1, True)


@pytest.mark.parametrize("folder", ["missing", "."])
def test_what_is_no_network(tg, folder):
    result = tg("step", folder)
    assert result.code == 1
    assert "Traceback" not in result.err
