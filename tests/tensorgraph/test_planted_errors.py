"""Ten wrong gradients, planted into ops of a graph: each is found, and the right op is named.

The ops are right but for their rule, and stand among ops of the engine that are right.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import find, settings

import tensorgraph as tf
from tensorgraph.graph import opdef
from tensorgraph.graph.opdef import Arg, Binary, OpDef, Spec, Unary, lookup, register
from tensorgraph.testing import Finding, GradientError, check_gradients
from tensorgraph.testing.op_checks import check_op, check_random_graph
from tensorgraph.testing.strategies import random_graphs

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def registered(*definitions: type[OpDef]) -> Iterator[None]:
    """Register ops for a while: other tests sweep over all that are."""
    for definition in definitions:
        register(definition)
    try:
        yield
    finally:
        for definition in definitions:
            del opdef._REGISTRY[definition.type]


def apply(op_type: str, *inputs: Any, **attrs: Any) -> tf.Tensor:
    return tf.get_default_graph().apply(op_type, *inputs, **attrs).outputs[0]


class Planted(Unary):
    """Its sign is wrong."""

    type = "SinWithWrongSign"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.sin(inputs[0], out=k.out)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        return (-grads[0] * tf.cos(op.inputs[0]),)


class NoSum(Binary):
    """The gradient of what was repeated is not summed."""

    type = "AddWithoutSum"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.add(*inputs, out=k.out)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        return (grads[0], grads[0])


class WrongAxis(OpDef):
    """The gradient of the sum over rows is repeated along columns."""

    type = "RowSumWithWrongAxis"
    inputs = (Arg("x"),)

    def infer(self, op: tf.Operation) -> Any:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims[:1]),)

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.sum(inputs[0], 1)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        return (tf.ones_like(op.inputs[0]) * tf.expand_dims(grads[0], 0),)


class OneBranch(Unary):
    """Twice the gradient where the input is negative."""

    type = "SquareWithBranch"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.square(inputs[0], out=k.out)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        x = op.inputs[0]
        right = 2.0 * x * grads[0]
        return (tf.where(tf.less(x, tf.zeros_like(x)), 2.0 * right, right),)


class SecondOrder(Unary):
    """The gradient is right, its gradient is not: a factor counts as a constant in it."""

    type = "CubeWithConstant"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return inputs[0] ** 3

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        x = op.inputs[0]
        return (3.0 * x * tf.stop_gradient(x) * grads[0],)


class Float32(Unary):
    """The gradient goes through float32."""

    type = "ExpThroughFloat32"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.exp(inputs[0], out=k.out)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        narrow = tf.cast(grads[0] * op.outputs[0], tf.float32)
        return (tf.cast(narrow, grads[0].dtype),)


class Transposed(Binary):
    """The gradient of a product of square matrices lacks a transposition."""

    type = "MatMulUntransposed"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.matmul(*inputs)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        (dy,), (x, y) = grads, op.inputs
        return (tf.matmul(dy, y), tf.matmul(x, dy, transpose_a=True))


class DroppedTerm(Unary):
    """x·tanh(x): the derivative has two terms, the gradient one."""

    type = "XTanhXWithoutTerm"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return inputs[0] * k.xp.tanh(inputs[0])

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        return (grads[0] * tf.tanh(op.inputs[0]),)


class Swapped(Binary):
    """Each input gets the gradient of the other."""

    type = "DivideSwapped"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.true_divide(*inputs, out=k.out)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        (dy,), (x, y) = grads, op.inputs
        return (-dy * x / (y * y), dy / y)


class Random(Unary):
    """The gradient is another one in each run."""

    type = "TanhWithNoise"

    def kernel(self, k: Any, *inputs: Any) -> Any:
        return k.xp.tanh(inputs[0], out=k.out)

    def gradient(self, op: tf.Operation, *grads: Any) -> Any:
        y = op.outputs[0]
        noise = tf.random_normal(tf.shape(y), stddev=1e-9, dtype=y.dtype)
        return (grads[0] * (1.0 - y * y + noise),)


class Plant(NamedTuple):
    """An op, how a tensor and a vector go into it, and what should be found."""

    definition: type[OpDef]
    use: Callable[[str, tf.Tensor, tf.Tensor], tf.Tensor]
    finding: Finding


def one(op_type: str, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    return apply(op_type, x) * v


def two(op_type: str, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    return apply(op_type, x, v)


def square(op_type: str, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    return apply(op_type, x, tf.matmul(x, tf.exp(x))) * v


def alike(op_type: str, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    return apply(op_type, x, tf.exp(x)) * v


PLANTS = [
    Plant(Planted, one, Finding.WRONG),
    Plant(NoSum, two, Finding.BROADCAST),
    Plant(WrongAxis, one, Finding.WRONG),
    Plant(OneBranch, one, Finding.WRONG),
    Plant(SecondOrder, one, Finding.WRONG),
    Plant(Float32, one, Finding.IMPRECISE),
    Plant(Transposed, square, Finding.WRONG),
    Plant(DroppedTerm, one, Finding.WRONG),
    Plant(Swapped, alike, Finding.WRONG),
    Plant(Random, one, Finding.NON_DETERMINISTIC),
]


def failure(plant: Plant, known: bool = True, order: int = 2) -> GradientError:
    """Return how a graph with a planted error fails."""
    shape: Any = [3, 3] if known else [None, None]
    with registered(plant.definition), tf.Graph().as_default():
        x = tf.placeholder(tf.float64, shape, name="x")
        v = tf.placeholder(tf.float64, [None] if not known else [3], name="v")
        before = tf.sigmoid(x) * 3.0 - 1.4
        middle = plant.use(plant.definition.type, before, tf.exp(v))
        y = tf.reduce_sum(tf.square(middle)) + tf.reduce_sum(tf.nn.softmax(x) * 0.5)
        rng = np.random.default_rng(7)
        feeds = {x: rng.normal(size=(3, 3)), v: rng.normal(size=3)}
        with pytest.raises(GradientError) as e:
            check_gradients(y, [x, v], feeds, order=order)
        assert f'color="{"#c81e1e"}"' in e.value.dot
    return e.value


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: p.definition.type)
def test_a_planted_error_is_found_and_its_op_named(plant: Plant) -> None:
    error = failure(plant)
    assert [fault.op.type for fault in error.faults] == [plant.definition.type]
    assert error.op is not None
    assert error.op.source.endswith(f"{Path(__file__).name}:{apply.__code__.co_firstlineno + 1}")
    assert error.finding is plant.finding
    (fault,) = error.faults
    assert fault.inner is None
    assert fault.comparison.order == (2 if plant.definition is SecondOrder else 1)
    assert f"the rule of {plant.definition.type!r} is wrong" in str(error)


@pytest.mark.parametrize("plant", [PLANTS[0], PLANTS[1], PLANTS[9]])
def test_shapes_need_not_be_known(plant: Plant) -> None:
    error = failure(plant, known=False, order=1)
    assert [fault.op.type for fault in error.faults] == [plant.definition.type]
    assert error.finding is plant.finding


def test_second_order_errors_do_not_show_to_first_order() -> None:
    with registered(SecondOrder):
        check_gradients(lambda x: apply(SecondOrder.type, x), np.ones(3))


def test_an_op_of_the_gradient_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule of Relu is right, but that of the op that it uses is made wrong."""

    def wrong(self: OpDef, op: tf.Operation, *grads: Any) -> Any:
        return (2.0 * apply("ReluGrad", grads[0], op.inputs[1]), None)

    monkeypatch.setattr(type(lookup("ReluGrad")), "gradient", wrong)
    with pytest.raises(GradientError) as e:
        check_gradients(lambda x: tf.square(tf.nn.relu(x)), np.array([0.5, -1.0]), order=2)
    (fault,) = e.value.faults
    assert (fault.op.type, fault.op_type) == ("Relu", "ReluGrad")
    assert "makes a ReluGrad, whose own rule is wrong" in str(e.value)


def test_the_script_shows_the_error(tmp_path: Path) -> None:
    """The script of an op of the engine whose rule is patched in that process too."""
    patch = (
        "from tensorgraph.graph.opdef import lookup\n"
        "definition = type(lookup('Square'))\n"
        "definition.gradient = lambda self, op, dy: (dy * op.inputs[0],)\n"
    )
    right = type(lookup("Square")).gradient
    exec(patch, {})
    try:
        with pytest.raises(GradientError) as e:
            check_gradients(lambda x: tf.exp(tf.square(x)), np.array([[0.5, -1.0]]))
    finally:
        type(lookup("Square")).gradient = right
    script = e.value.script
    assert script in str(e.value)
    path = tmp_path / "failing.py"
    path.write_text(patch + script, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert "GradientError: the gradient of 'Square' is wrong" in result.stderr
    path.write_text(script, encoding="utf-8")
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr


def test_a_random_graph_becomes_small_and_names_the_op() -> None:
    errors: list[GradientError] = []

    def fails(drawn: Any) -> bool:
        try:
            check_random_graph(drawn)
        except GradientError as error:
            errors.append(error)
            return True
        return False

    with registered(Planted):
        drawn = find(
            random_graphs(types=["Add", "MatMul", "Sum", "Tanh", Planted.type]),
            fails,
            settings=settings(max_examples=300, database=None),
        )
        assert [n.op_type for n in drawn.nodes] == [Planted.type]
        with pytest.raises(GradientError, match="SinWithWrongSign") as e:
            check_random_graph(drawn)
    assert all([f.op.type for f in error.faults] == [Planted.type] for error in errors)
    assert "graph.apply('SinWithWrongSign'" in e.value.script


def test_check_op() -> None:
    check_op("Tanh", max_examples=10)
    check_op("Maximum", max_examples=10)
    check_op("MatMul", method="central", max_examples=10)
    with registered(Planted, DroppedTerm):
        for op_type in (Planted.type, DroppedTerm.type):
            with pytest.raises(GradientError, match=op_type):
                check_op(op_type)
    with pytest.raises(LookupError, match="Nonsense"):
        check_op("Nonsense")
    with pytest.raises(ValueError, match="'Placeholder' has no samples"):
        check_op("Placeholder")


def test_check_op_finds_wrong_shapes_and_types() -> None:
    class Shape(Planted):
        """Its kernel gives another shape than its rule."""

        type = "WrongShape"

        def kernel(self, k: Any, *inputs: Any) -> Any:
            return k.xp.sin(inputs[0])[..., None]

    class Type(Planted):
        """Its kernel gives another type than its rule."""

        type = "WrongType"

        def kernel(self, k: Any, *inputs: Any) -> Any:
            return k.xp.sin(inputs[0]).astype("float32")

    class Digits(Planted):
        """It is far less exact in float32 than it could be."""

        type = "FewDigits"

        def kernel(self, k: Any, *inputs: Any) -> Any:
            rounded = k.xp.round(inputs[0], 1) if inputs[0].dtype == "float32" else inputs[0]
            return k.xp.sin(rounded)

    with registered(Shape, Type, Digits):
        for op_type, words in (("WrongShape", "shape"), ("WrongType", "float32")):
            with pytest.raises(AssertionError, match=f"{op_type} gave.*{words}"):
                check_op(op_type)
        with pytest.raises(AssertionError, match="FewDigits in float32"):
            check_op("FewDigits")
