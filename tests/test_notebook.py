"""The notebook in `examples/` runs, cell by cell, and what it shows are pictures."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tensorgraph as tf
from tensorgraph.base import display
from tensorgraph.viz import drawing

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook" / "looking_inside.ipynb"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return the value of its last line where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is None:
        return None
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_every_cell_runs_and_shows_a_picture():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    shown = []
    with tf.Graph().as_default():
        for cell in cells:
            if cell["cell_type"] == "code":
                assert not cell["outputs"], "outputs are made anew: clear them before committing"
                shown.append(run_cell("".join(cell["source"]), names))
        bundles = [value._repr_mimebundle_() for value in shown if value is not None]
    assert len(bundles) >= 8
    for bundle in bundles:
        assert bundle["text/plain"]
        assert ElementTree.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")
    assert "Tanh" in bundles[0]["image/svg+xml"]
    assert "MatMul" in bundles[1]["image/svg+xml"]
    assert names["history"].epochs[-1]["train_accuracy"] > 0.5


def test_text_stands_alone_where_nothing_can_draw(monkeypatch):
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2], name="x")
        y = tf.round(x) * 2.0
        monkeypatch.setattr(drawing, "find_spec", lambda name: None)
        monkeypatch.setenv("PATH", "")
        assert y._repr_mimebundle_() == {"text/plain": repr(y)}
        assert y.op._repr_mimebundle_() == {"text/plain": repr(y.op)}
        assert graph._repr_mimebundle_() == {"text/plain": repr(graph)}
        path = tf.explain_gradient(y, x)
        assert path._repr_mimebundle_() == {"text/plain": str(path)}
        monkeypatch.setattr(display, "painter", None)
        assert y._repr_mimebundle_() == {"text/plain": repr(y)}


@pytest.mark.parametrize("size", [0, 3])
def test_a_graph_without_results_and_one_that_is_too_large_are_text(size, monkeypatch):
    from tensorgraph.viz import notebook

    monkeypatch.setattr(notebook, "MOST_OPERATIONS", 2)
    with tf.Graph().as_default() as graph:
        for _ in range(size):
            tf.constant(1.0)
        assert graph._repr_mimebundle_() == {"text/plain": repr(graph)}


def test_a_graph_is_drawn_without_what_initialises_it():
    from tensorgraph.viz.notebook import results_of

    with tf.Graph().as_default() as graph:
        w = tf.Variable(tf.zeros([2]), name="w")
        tf.Variable(1.0, name="unused")
        y = w * 2.0
        tf.global_variables_initializer()
        assert results_of(graph) == [y.op]
