"""`gradients`: what it returns where, and that a wrong rule does not pass the check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given

import tensorgraph as tf
from tensorgraph.graph import opdef
from tensorgraph.graph.opdef import Arg, OpDef, Spec, Unary, register
from tensorgraph.testing import GradientError, check_gradients
from tensorgraph.testing.random_graphs import RandomGraph
from tensorgraph.testing.strategies import random_graphs, samples


@pytest.fixture(autouse=True)
def session() -> Iterator[tf.Session]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a test registers."""
    monkeypatch.setattr(opdef, "_REGISTRY", dict(opdef._REGISTRY))


def values(found: list[tf.Tensor | None], feeds: Any = None) -> list[Any]:
    session = tf.get_default_session()
    assert session is not None
    return [None if g is None else np.asarray(session.run(g, feeds)).tolist() for g in found]


def test_several_ys_and_xs_add_up() -> None:
    a, b = tf.constant(2.0), tf.constant(3.0)
    assert values(tf.gradients([a * b, a * a], [a, b])) == [3.0 + 4.0, 2.0]
    assert values(tf.gradients(a * b, b)) == [2.0]


def test_grad_ys_weigh_the_ys() -> None:
    x = tf.constant([1.0, 2.0])
    assert values(tf.gradients([x * x, x], [x], [[10.0, 100.0], None])) == [[21.0, 401.0]]
    with pytest.raises(ValueError, match=r"\(3,\)"):
        tf.gradients(x, x, [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="2 grad_ys"):
        tf.gradients(x, x, [x, x])


def test_an_x_behind_another_x() -> None:
    x = tf.constant(3.0)
    y = x * x
    assert values(tf.gradients(y * 2.0, [x, y])) == [12.0, 2.0]
    assert values(tf.gradients(y, [y])) == [1.0]
    assert values(tf.gradients([y, y], [y])) == [2.0]


def test_an_input_that_stands_twice() -> None:
    x = tf.constant([3.0, 4.0])
    assert values(tf.gradients(x * x, x)) == [[6.0, 8.0]]
    assert values(tf.gradients(x / x, x)) == [[0.0, 0.0]]
    assert values(tf.gradients(tf.stack([x, x, x]), x)) == [[3.0, 3.0]]
    assert values(tf.gradients(tf.where([True, False], x, x), x)) == [[1.0, 1.0]]


def test_none_zero_and_undefined_are_three_things(registry: None) -> None:
    x, other = tf.constant([1.0, 2.0]), tf.constant([3.0])
    # Disconnected: no path, a path that is cut, a path through integers.
    cut = tf.stop_gradient(x) + tf.cast(tf.cast(x, tf.int32), tf.float32)
    assert tf.gradients(cut, [x]) == [None]
    assert tf.gradients(x, [other]) == [None]
    assert tf.gradients(tf.cast(tf.argmax(x), tf.float32), [x]) == [None]
    # Zero.
    assert values(tf.gradients(tf.sign(x), [x])) == [[0.0, 0.0]]
    assert values(tf.gradients(x * 0.0, [x])) == [[0.0, 0.0]]

    # Undefined.
    @register
    class Riddle(Unary):
        """An op without a rule."""

        type = "Riddle"

    y = tf.get_default_graph().apply("Riddle", x).outputs[0]
    with pytest.raises(LookupError, match=r"(?s)Riddle.*no gradient rule.*test_gradients\.py"):
        tf.gradients(tf.tanh(y), [x])
    assert tf.gradients(y, [other]) == [None]


def test_unconnected_gradients() -> None:
    x, other = tf.constant([1.0, 2.0]), tf.constant([[3.0]])
    found = tf.gradients(x * 2.0, [x, other], unconnected_gradients="zero")
    assert values(found) == [[2.0, 2.0], [[0.0]]]
    with pytest.raises(ValueError, match="'none' or 'zero'"):
        tf.gradients(x, x, unconnected_gradients="nought")


def test_stop_gradients() -> None:
    a = tf.constant(2.0)
    b = a * 3.0
    assert values(tf.gradients(a + b, [a, b], stop_gradients=[a, b])) == [1.0, 1.0]
    assert values(tf.gradients(a + b, [a])) == [4.0]
    assert values(tf.gradients(a * tf.stop_gradient(b), [a])) == [6.0]
    assert tf.gradients(b, [a], stop_gradients=[b]) == [None]


def test_variables_by_any_way_of_reading_them(session: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0])
    session.run(v.initializer)
    loss = tf.reduce_sum(v * v.read_value() + tf.identity(v))
    assert values(tf.gradients(loss, [v])) == [[3.0, 5.0]]
    # A reading is a tensor of its own, of which only what uses it depends.
    assert values(tf.gradients(loss, [v.value()])) == [[2.0, 3.0]]


def test_what_is_no_float_has_no_gradient() -> None:
    with pytest.raises(TypeError, match="int32"):
        tf.gradients(tf.constant(1) * 2, tf.constant(1))
    assert tf.gradients(tf.constant(1.0), [tf.constant(1)]) == [None]
    assert tf.gradients([], tf.constant(1.0)) == [None]
    with pytest.raises(TypeError, match="no tensor"):
        tf.gradients(tf.constant(1.0), ["x"])


def test_gradients_of_gradients() -> None:
    x = tf.constant(2.0)
    y = x**4.0
    for wanted in (32.0, 48.0, 48.0, 24.0, 0.0):
        (y,) = (g for g in tf.gradients(y, x) if g is not None)
        assert values([y]) == [pytest.approx(wanted)]


def test_only_gradients_that_are_needed_are_made() -> None:
    x = tf.placeholder(tf.float32, [4, 784])
    w = tf.Variable(tf.zeros([784, 10]))
    y = tf.matmul(x, w)
    graph = tf.get_default_graph()
    before = len(graph.get_operations())
    tf.gradients(y, [w])
    made = [op.type for op in graph.get_operations()[before:]]
    assert made.count("MatMul") == 1, "the gradient by the images is not asked for"


def test_names_of_gradient_nodes() -> None:
    x = tf.constant(2.0, name="x")
    y = tf.tanh(x, name="y")
    (first,), (second,) = tf.gradients(y, x), tf.gradients(y, x)
    assert first is not None
    assert second is not None
    assert first.name.startswith("gradients/y_grad/")
    assert second.name.startswith("gradients_1/y_grad/")


@given(random_graphs())
def test_random_graphs(drawn: RandomGraph) -> None:
    with tf.Graph().as_default():
        built = drawn.build()
        check_gradients(
            tf.reduce_mean(built.last),
            built.inputs,
            dict(zip(built.inputs, drawn.inputs, strict=True)),
            max_elements=5,
        )


# An op of one's own: the recipe in the docstring of `opdef`


@pytest.fixture
def cube(registry: None) -> type[OpDef]:
    @register
    class Cube(Unary):
        """x³, elementwise."""

        type = "Cube"

        def kernel(self, k: Any, *inputs: Any) -> Any:
            return k.xp.power(inputs[0], 3, out=k.out)

        def gradient(self, op: Any, *grads: Any) -> Any:
            return (grads[0] * 3.0 * op.inputs[0] ** 2.0,)

    return Cube


def test_an_op_of_ones_own(cube: type[OpDef], session: tf.Session) -> None:
    x = tf.placeholder(tf.float64, [None, 2])
    y = tf.get_default_graph().apply("Cube", x).outputs[0]
    feeds = {x: [[1.0, 2.0], [-3.0, 0.5]]}
    assert session.run(y, feeds).tolist() == [[1.0, 8.0], [-27.0, 0.125]]
    assert len(check_gradients(y, x, feeds, order=2)) == 2
    assert y.shape.as_list() == [None, 2]
    with pytest.raises(ValueError, match="registered already"):
        register(cube)

    @given(samples("Cube"))
    def sweep(use: Any) -> None:
        sample, (array,) = use
        with tf.Graph().as_default() as graph:
            x = tf.placeholder(tf.float64, sample.inputs[0].shape)
            check_gradients(graph.apply("Cube", x).outputs[0], x, {x: array}, order=2)

    sweep()


Rule = Any


def plant(rule: Rule) -> None:
    """Register an op "Wrong", which multiplies, with a gradient rule."""

    @register
    class Wrong(OpDef):
        """A product, with a planted gradient."""

        type = "Wrong"
        inputs: ClassVar[tuple[Arg, ...]] = (Arg("x"), Arg("y"))

        def infer(self, op: Any) -> Any:
            x, y = op.inputs
            return (Spec(x.dtype, np.broadcast_shapes(x.dims, y.dims)),)

        def kernel(self, k: Any, *inputs: Any) -> Any:
            return inputs[0] * inputs[1]

        def gradient(self, op: Any, *grads: Any) -> Any:
            return rule(op, *grads)


def by_rows(g: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(g, 0, keepdims=True)


PLANTED: dict[str, Rule] = {
    "sign": lambda op, g: (-g * op.inputs[1], by_rows(g * op.inputs[0])),
    "a factor": lambda op, g: (g * op.inputs[1] * 1.001, by_rows(g * op.inputs[0])),
    "the other input": lambda op, g: (g * op.inputs[0], by_rows(g * op.inputs[0])),
    "a mean for a sum": lambda op, g: (
        g * op.inputs[1],
        tf.reduce_mean(g * op.inputs[0], 0, keepdims=True),
    ),
    "one element": lambda op, g: (
        g * op.inputs[1] * np.array([[1.0, 1.0], [1.0, 0.0]]),
        by_rows(g * op.inputs[0]),
    ),
    "None": lambda op, g: (None, by_rows(g * op.inputs[0])),
    "float16 in between": lambda op, g: (
        tf.cast(tf.cast(g * op.inputs[1], tf.float16), tf.float64),
        by_rows(g * op.inputs[0]),
    ),
    "second order": lambda op, g: (
        g * tf.stop_gradient(op.inputs[1]),
        by_rows(g * op.inputs[0]),
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_gradient_is_found(kind: str, registry: None) -> None:
    plant(PLANTED[kind])
    x, y = tf.placeholder(tf.float64, [2, 2]), tf.placeholder(tf.float64, [1, 2])
    z = tf.get_default_graph().apply("Wrong", x, y, name="guilty").outputs[0]
    feeds = {x: [[1.1, 0.7], [0.3, -1.9]], y: [[1.3, 0.4]]}
    with pytest.raises(GradientError, match=r"(?s)guilty.*Wrong\(.*test_gradients\.py") as caught:
        check_gradients(z, [x, y], feeds, order=2)
    assert not all(c.ok for c in caught.value.comparisons)


def test_a_broadcast_that_is_not_summed_is_refused(registry: None) -> None:
    plant(lambda op, g: (g * op.inputs[1], g * op.inputs[0]))
    x, y = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[1.0, 2.0]])
    z = tf.get_default_graph().apply("Wrong", x, y).outputs[0]
    with pytest.raises(ValueError, match="broadcast not summed"):
        tf.gradients(z, [y])


def test_a_gradient_of_another_type_is_refused(registry: None) -> None:
    plant(lambda op, g: (tf.cast(g, tf.float32), None))
    x = tf.constant(np.ones((2, 2)))
    z = tf.get_default_graph().apply("Wrong", x, x).outputs[0]
    with pytest.raises(TypeError, match="float32"):
        tf.gradients(z, [x])
