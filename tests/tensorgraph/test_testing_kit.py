"""The kit's methods, verdicts and plugin; planted errors are in ``test_planted_errors.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph import viz
from tensorgraph.testing import (
    Comparison,
    Finding,
    GradientError,
    check_gradients,
    compare_gradients,
)
from tensorgraph.testing.scripts import script_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def session() -> Any:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def placeholder(*shape: int) -> tf.Tensor:
    return tf.placeholder(tf.float64, shape, name="x")


# Functions


def test_a_function_and_arrays() -> None:
    before = len(tf.get_default_graph().get_operations())
    first, second = check_gradients(tf.nn.softmax, np.ones((2, 3), np.float32), order=2)
    assert (first.compared, second.order) == (6, 2)
    by_x, by_w = check_gradients(
        lambda x, i, w: tf.gather(x, i) * w, [np.ones(3), np.array([2, 0]), [2.0, 3.0]]
    )
    assert (by_x.compared, by_w.compared) == (3, 2), "integers are fed, not moved"
    assert len(tf.get_default_graph().get_operations()) == before, "in a graph of its own"
    with pytest.raises(ValueError, match="with a function"):
        check_gradients(tf.exp, [1.0], {})


def test_bad_choices() -> None:
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="method must be one of 'central', 'complex', not 'c'"):
        check_gradients(x, x, method="c")
    with pytest.raises(ValueError, match="kinks must be one of"):
        check_gradients(x, x, kinks="ignore")
    with pytest.raises(TypeError, match="only floating-point"):
        check_gradients(tf.argmax(placeholder(2)), x)


# The complex step


def test_the_complex_step_has_all_digits(session: tf.Session) -> None:
    x, w = placeholder(3), tf.Variable(np.array([1.0, -2.0, 0.5]), name="w")
    session.run(w.initializer)
    y = tf.exp(tf.sin(x * w) / 3.0) + tf.nn.relu(w)
    feeds = {x: np.array([0.3, 1.0, -2.0])}
    for c in compare_gradients(y, [x, w], feeds, method="complex", order=2):
        assert c.ok, str(c)
        assert c.error <= 1e-13 + 1e-13 * abs(c.difference)


def test_what_the_complex_step_finds() -> None:
    x = placeholder(2)
    wrong = tf.exp(x) + tf.stop_gradient(x * 1e-9)
    feeds = {x: [1.0, 2.0]}
    assert compare_gradients(wrong + tf.stop_gradient(x * 1e-7), x, feeds)[0].finding == "imprecise"
    (found,) = compare_gradients(wrong, x, feeds, method="complex")
    assert found.finding is Finding.IMPRECISE
    assert found.difference - found.gradient == pytest.approx(found.error, rel=1e-3)
    (found,) = compare_gradients(tf.exp(x) + tf.stop_gradient(x), x, feeds, method="complex")
    assert found.finding is Finding.WRONG


def test_kernels_that_take_no_complex_arrays() -> None:
    x = placeholder(2)
    feeds = {x: [1.0, 2.0]}
    for y, words in (
        (tf.abs(x), "'Abs' .*drops the imaginary part"),
        (tf.atan2(x, x * x), "'Atan2'.*not supported"),
        (tf.while_loop(lambda a: tf.reduce_sum(a) < 9.0, lambda a: (a * a + x,), [x]), "body"),
    ):
        with pytest.raises(ValueError, match=f"(?s){words}.*Use method='central'"):
            check_gradients(y, x, feeds, method="complex")
    narrow = tf.placeholder(tf.float32, [2])
    with pytest.raises(ValueError, match="needs float64"):
        check_gradients(tf.exp(narrow), narrow, {narrow: [1, 2]}, method="complex")


def test_kernels_that_are_not_analytic() -> None:
    """A kernel that takes complex arrays, and gives something else for them, is found out."""
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    with pytest.raises(ValueError, match="no analytic function"):
        check_gradients(lambda x: tf.cholesky(x * x + np.eye(2)), matrix, method="complex")


# Kinks


def test_kinks(session: tf.Session) -> None:
    x = placeholder(3)
    feeds = {x: [0.0, 1.0, -1.0]}
    y = tf.nn.relu(x)
    (left_out,) = check_gradients(y, x, feeds)
    assert (left_out.compared, left_out.kinks) == (2, 1)
    (within,) = check_gradients(y, x, feeds, kinks="subgradient")
    assert (within.compared, within.kinks) == (3, 1)
    with pytest.raises(GradientError, match=r"kink at \[0\]: gradient .* slope 0 before it") as e:
        check_gradients(y, x, feeds, kinks="fail")
    assert e.value.finding is Finding.KINK
    check_gradients(y, x, {x: [0.5, 1.0, -1.0]}, kinks="fail")


def test_a_kink_that_the_numbers_hide() -> None:
    """At 0 the gradient of |x| is 0 here, as is the central difference."""
    x = placeholder(1)
    assert check_gradients(tf.abs(x), x, {x: [0.0]})[0].compared == 1
    with pytest.raises(GradientError, match="kink"):
        check_gradients(tf.abs(x), x, {x: [0.0]}, kinks="fail")


def test_what_is_no_subgradient() -> None:
    x = placeholder(2)
    y = tf.nn.relu(x) + 3.0 * (x - tf.stop_gradient(x))
    check_gradients(tf.nn.relu(x), x, {x: np.zeros(2)}, kinks="subgradient")
    (found,) = compare_gradients(y, x, {x: np.zeros(2)}, kinks="subgradient")
    assert found.finding is Finding.WRONG
    assert "at a kink, and no subgradient: gradient" in found.verdict


@given(st.floats(-1, 1), st.sampled_from(["skip", "subgradient"]))
def test_kinks_near_the_point_do_no_harm(place: float, kinks: str) -> None:
    for scale in (1e-1, 1e-3, 1e-5, 1e-7):
        check_gradients(tf.nn.relu, np.array([place * scale, 1.0]), kinks=kinks)


# Verdicts


def test_the_worst_element_is_worst_beside_what_is_allowed() -> None:
    """Not one with a large error that is allowed for, nor one where both numbers are 0."""
    (found,) = compare_gradients(
        tf.placeholder_with_default(np.zeros(1), [1]) * 0.0, tf.constant(np.zeros(1))
    )
    assert found.ok
    x = placeholder(3)
    (found,) = compare_gradients(x * np.array([0.0, 0.0, 1.0]), x, {x: np.zeros(3)})
    assert found.ok
    assert found.index == (2,)
    y = tf.stop_gradient(x * np.array([1.0, 0.1, 0.0])) + x * np.array([1e3, 0.1, 0.0])
    (found,) = compare_gradients(y, x, {x: np.ones(3)}, rtol=1e-2)
    assert not found.ok
    assert found.index == (1,)


def test_findings_are_words() -> None:
    comparison = Comparison(
        "x:0", 1, 0, 0, finding=Finding.BROADCAST, flaw="broadcast not summed: …"
    )
    assert not comparison.ok
    assert str(comparison) == "gradient by 'x:0': broadcast not summed: …"
    assert [str(f) for f in Finding] == [
        *("right", "wrong", "imprecise", "kink", "missing"),
        *("non-deterministic", "wrong dtype", "wrong shape", "broadcast not summed"),
    ]


def test_where_no_rule_is_wrong_the_cut_is_named() -> None:
    x = placeholder(2)
    with pytest.raises(GradientError) as e:
        check_gradients(tf.exp(tf.stop_gradient(x) * x), x, {x: [1.0, 2.0]})
    assert e.value.op is None
    assert "the rule of every operation is right by itself" in str(e.value)
    assert "the gradient is cut at StopGradient (StopGradient), made at" in str(e.value)
    assert "t1 = tf.placeholder" not in e.value.script
    assert "check_gradients([" in e.value.script


def test_loops_branches_and_variables_are_checked_as_they_are(session: tf.Session) -> None:
    x, w = placeholder(2), tf.Variable(np.array([0.5, 2.0]), name="w")
    session.run(w.initializer)
    start = tf.exp(x * w)
    looped = tf.while_loop(
        lambda a: tf.reduce_sum(a) < 100.0, lambda a: (a * tf.stop_gradient(a) + x,), [start]
    )
    y = tf.cond(tf.reduce_sum(looped) > 0.0, lambda: looped * w, lambda: x)
    with pytest.raises(GradientError) as e:
        check_gradients(y, [x, w], {x: [1.0, 1.5]}, order=2)
    assert [fault.op.type for fault in e.value.faults] == ["StatelessWhile"]
    assert 'color="#c81e1e"' in e.value.dot


def test_a_rule_of_another_form(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorgraph.graph.opdef import lookup

    x = placeholder(2)
    for rule, finding in (
        (lambda self, op, dy: (tf.cast(dy, tf.float32),), Finding.WRONG_DTYPE),
        (lambda self, op, dy: (tf.stack([dy, dy]),), Finding.BROADCAST),
        (lambda self, op, dy: (tf.concat([dy, dy], 0),), Finding.WRONG_SHAPE),
        (lambda self, op, dy: (dy + tf.zeros([5], dy.dtype),), Finding.WRONG),
    ):
        monkeypatch.setattr(type(lookup("Tan")), "gradient", rule)
        with pytest.raises(GradientError) as e:
            check_gradients(tf.exp(tf.tan(x)), x, {x: [1.0, 0.5]})
        assert e.value.finding is finding
        assert e.value.op is not None
        assert e.value.op.type == "Tan"


# Scripts and pictures


def test_scripts_of_what_can_be_written(tmp_path: Path) -> None:
    x = placeholder(2, 70)
    y = tf.reduce_sum(tf.concat([x, tf.constant(np.ones((2, 1)))], 1) * np.inf**0, axis=[0])
    script = script_of([y], [x], {x: np.ones((2, 70))}, 2)
    path = tmp_path / "script.py"
    path.write_text(script, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, script + done.stderr
    variable = tf.Variable(1.0)
    assert script_of([variable * 1.0], [variable.op.outputs[0]], {}, 1) == ""
    called = tf.py_func(lambda a: a, [x], tf.float64)
    assert script_of([called], [x], {x: np.ones((2, 70))}, 1) == ""


def test_highlighted_nodes_are_red() -> None:
    x = placeholder(2)
    middle = tf.exp(x, name="middle")
    passed_on = tf.identity(middle)
    y = tf.sin(passed_on)
    plain = viz.render(y, format="dot").dot
    assert "#c81e1e" not in plain
    assert viz.render(y, format="dot", highlight=middle).dot.count('color="#c81e1e"') == 1
    assert viz.render(y, format="dot", highlight=[passed_on, y]).dot.count('color="#c81e1e"') == 2
    assert 'color="#c81e1e"' in viz.render(y, format="dot", highlight=middle, max_boxes=1).dot


# The plugin

OPS = """
import tensorgraph as tf
from tensorgraph.graph.opdef import Unary, register


@register
class Cube(Unary):
    type = "Cube"

    def kernel(self, k, x):
        return k.xp.power(x, 3, out=k.out)

    def gradient(self, op, dy):
        return (dy * {factor} * op.inputs[0] ** 2.0,)


def test_cube(check_op):
    check_op("Cube", max_examples=5)


def test_graph(session, check_gradients):
    x = tf.placeholder(tf.float64, [2])
    assert session.graph is tf.get_default_graph()
    check_gradients(tf.tanh(x), x, {{x: [1.0, 2.0]}})
"""


@pytest.mark.parametrize(("factor", "failures"), [(3.0, 0), (2.0, 1)])
def test_the_plugin(tmp_path: Path, factor: float, failures: int) -> None:
    tmp_path.joinpath("conftest.py").write_text(
        'pytest_plugins = ["tensorgraph.testing.plugin"]\n', encoding="utf-8"
    )
    tmp_path.joinpath("test_ops.py").write_text(OPS.format(factor=factor), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--rootdir={tmp_path}",
    ]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'temp'}", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == failures, done.stdout + done.stderr
    assert f"{2 - failures} passed" in done.stdout
    if failures:
        assert "the rule of 'Cube' is wrong" in done.stdout
        assert "test_ops.py:13" in done.stdout, "the line of the rule"
        (picture,) = tmp_path.joinpath("temp").rglob("graph.dot")
        assert str(picture) in done.stdout
        assert "#c81e1e" in picture.read_text(encoding="utf-8")
