"""The optimizers' rules on the device change variables as NumPy's do, all in one launch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.cuda import optimizers
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.cuda.update_rules import RULES
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.base.backend import Backend
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.opdef import lookup
from tensorgraph.runtime.state import SessionState

# One rounding an operation here, one for all of them there.
TOLERANCES = {"float32": (2e-4, 1e-4), "float64": (1e-10, 1e-12), "float16": (0.1, 0.2)}
# A piece of the usual size and a number more, one of several axes, a scalar, and nothing.
SHAPES = ((3, 4), (optimizers.PIECE + 1,), (), (0, 2))
NESTEROV = ("ApplyMomentum", "ApplyAdam")


def drawn(op_type: str, shapes: Any, dtype: str, rows: int = 0, kind: str = "int32") -> list[Any]:
    """Return the inputs of an operation, with what each is for."""
    numbers = np.random.default_rng(len(op_type))
    result = []
    for arg in lookup(op_type).inputs:
        is_own = arg.ref or arg.name == "grad"
        for shape in shapes if is_own else [()]:
            if arg.name == "indices":
                value = numbers.integers(0, shapes[0][0], rows).astype(kind)
            elif arg.name == "learning_rate_power":
                value = np.array(-0.5)
            elif not is_own:
                value = np.array(numbers.uniform(0.1, 0.6))
            else:
                own = (rows, *shape[1:]) if rows and arg.name == "grad" else shape
                # A mean square is larger than the square of a mean.
                low, high = (6, 9) if arg.name == "rms" else (0.1, 2)
                value = numbers.uniform(low, high, own)
                if arg.name in ("grad", "linear", "var"):
                    value *= numbers.choice([-1, 1], own)
            result.append((arg, value if arg.name == "indices" else value.astype(dtype)))
    return result


def updated(backend: Backend, op_type: str, given: list[Any], attrs: dict[str, Any]) -> list[Any]:
    """Return what variables and slots are after two updates."""
    graph, state = tf.Graph(), SessionState(backend)
    with graph.as_default(), backend.running():
        tensors, values, cells = [], [], []
        for number, (arg, value) in enumerate(given):
            if arg.ref:
                variable = {"dtype": tf.as_dtype(value.dtype), "shape": value.shape}
                node = graph.create_op("VariableV2", (), variable, f"v{number}")
                cell = state.cell(node)
                cell.assign(backend.from_host(value.copy()))
                cells.append(cell)
                values.append(cell)
                tensors.append(node.outputs[0])
            else:
                values.append(backend.from_host(value))
                tensors.append(tf.constant(value))
        op = graph.create_op(op_type, tensors, attrs)
        kernel = backend.kernels.get(op_type, op.definition.kernel)
        context = KernelContext(op, backend, state, (None,) * len(op.outputs))
        for _ in range(2):
            result = kernel(context, *values)
        assert (result if isinstance(result, tuple) else (result,)) == tuple(
            cell for cell, (arg, _) in zip(cells, given, strict=False) if arg.name == "var"
        )
        return [backend.to_host(cell.read()) for cell in cells]


def check(backend: CupyBackend, op_type: str, given: list[Any], dtype: str) -> None:
    name = op_type.removeprefix("Sparse")
    for nesterov in (False, True) if name in NESTEROV else (None,):
        attrs = {} if nesterov is None else {"use_nesterov": nesterov}
        wanted = updated(NumpyBackend(1), op_type, given, attrs)
        found = updated(backend, op_type, given, attrs)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, *TOLERANCES[dtype])


# The types are a matter of the kernel around the rules, which is the same for all.
@pytest.mark.parametrize(
    ("op_type", "dtype"),
    [*((name, "float32") for name in RULES), ("ApplyAdam", "float64"), ("ApplyFtrl", "float64"),
     ("ApplyAdam", "float16"), ("ApplyMomentum", "float16")],
)  # fmt: skip
def test_all_variables_at_once(op_type: str, dtype: str, lasting_cuda: CupyBackend) -> None:
    check(lasting_cuda, op_type, drawn(op_type, SHAPES, dtype), dtype)
    check(lasting_cuda, op_type, drawn(op_type, SHAPES[:1], dtype), dtype)


def test_more_variables_than_a_launch_takes(lasting_cuda: CupyBackend) -> None:
    shapes = [(2, n % 5) for n in range(2 * optimizers.MOST_VARIABLES + 3)]
    check(lasting_cuda, "ApplyMomentum", drawn("ApplyMomentum", shapes, "float32"), "float32")


@pytest.mark.parametrize(
    ("op_type", "kind"),
    [*((f"Sparse{name}", "int32") for name in RULES if name != "ApplyAdam"),
     ("SparseApplyMomentum", "int64")],
)  # fmt: skip
def test_rows(op_type: str, kind: str, lasting_cuda: CupyBackend) -> None:
    # Equal rows in one tile and in several, rows of more columns than threads, no rows.
    for rows, shape in ((6, (3, 2)), (300, (40, 3)), (5, (4, optimizers.ROW_THREADS + 9))):
        check(lasting_cuda, op_type, drawn(op_type, [shape], "float32", rows, kind), "float32")


def test_rows_that_are_not_there_are_left_out(lasting_cuda: CupyBackend) -> None:
    given = drawn("SparseApplyGradientDescent", [(3, 2)], "float32", 4)
    given[-1] = (given[-1][0], np.array([0, 3, -1, 0], np.int32))
    (found,) = updated(lasting_cuda, "SparseApplyGradientDescent", given, {})
    variable, rate, grad, _ = (value for _, value in given)
    expected = variable.copy()
    expected[0] -= 2 * rate * (grad[0] + grad[3])
    np.testing.assert_allclose(found, expected, 1e-5)


def test_what_does_not_lie_in_one_piece_is_updated_all_the_same(lasting_cuda: CupyBackend) -> None:
    given = drawn("ApplyMomentum", [(3, 4)], "float64")
    given = [(arg, np.asfortranarray(value) if arg.ref else value) for arg, value in given]
    check(lasting_cuda, "ApplyMomentum", given, "float64")


OPTIMIZERS = {
    "sgd": lambda: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adam": lambda: tf.train.AdamOptimizer(0.05),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.05, momentum=0.5, centered=True),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "adadelta": lambda: tf.train.AdadeltaOptimizer(1.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_net_with_a_table_trains_to_the_same_numbers(
    name: str, lasting_cuda: CupyBackend
) -> None:
    """Whole steps: the passes join what can be joined, and the table is updated by rows."""
    made = {}
    for backend in ("numpy", "cupy"):
        tf.reset_default_graph()
        numbers = np.random.default_rng(0)
        words = tf.placeholder(tf.int32, [None, 3])
        table = tf.get_variable("table", initializer=numbers.standard_normal((7, 4)))
        h = tf.reshape(tf.nn.embedding_lookup(table, words), [-1, 12])
        for n in range(3):
            kernel = tf.get_variable(f"w{n}", initializer=numbers.standard_normal((12, 12)) / 3)
            h = tf.tanh(h @ kernel + tf.get_variable(f"b{n}", initializer=np.zeros(12)))
        loss = tf.reduce_mean(tf.squared_difference(h, 0.3))
        step = OPTIMIZERS[name]().minimize(loss)
        with tf.Session(config=tf.ConfigProto(backend=backend)) as session:
            session.run(tf.global_variables_initializer())
            values = [
                session.run([loss, step], {words: numbers.integers(0, 7, (5, 3))})[0]
                for _ in range(6)
            ]
            made[backend] = [*values, *session.run(tf.global_variables())]
    for found, wanted in zip(made["cupy"], made["numpy"], strict=True):
        np.testing.assert_allclose(found, wanted, 1e-8, 1e-10)
