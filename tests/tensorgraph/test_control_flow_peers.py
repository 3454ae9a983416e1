"""The same programs in TensorFlow's graph mode: names, static shapes, values, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph

X = np.random.default_rng(0).uniform(0.3, 1.2, (4, 3))


def collatz(tf: Any, x: Any) -> Any:
    def step(n: Any, count: Any) -> Any:
        half = tf.cond(tf.equal(n % 2, 0), lambda: n // 2, lambda: 3 * n + 1)
        return half, count + 1

    return tf.while_loop(lambda n, count: n > 1, step, [tf.constant(27), 0], name="collatz")


def powers(tf: Any, x: Any) -> Any:
    return tf.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * x + tf.sin(y)), [0, x])


def limited(tf: Any, x: Any) -> Any:
    return tf.while_loop(
        lambda y: tf.reduce_sum(y) < 100.0, lambda y: y * 1.5, [x], maximum_iterations=3
    )


def growing(tf: Any, x: Any) -> Any:
    return tf.while_loop(
        lambda i, y: i < 2,
        lambda i, y: (i + 1, tf.concat([y, y * 2.0], 0)),
        (0, x),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 3])),
    )


def branches(tf: Any, x: Any) -> Any:
    big = tf.reduce_sum(x) > 5.0
    return [
        tf.cond(big, lambda: x * x, lambda: tf.exp(x)),
        tf.cond(tf.logical_not(big), lambda: [x * x, x[0]], lambda: [tf.exp(x), x[1] * x[2]]),
        tf.cond(big, lambda: x[:, :2], lambda: x[:, 1:]),
    ]


def cases(tf: Any, x: Any) -> Any:
    total = tf.reduce_sum(x)
    return tf.case(
        [(total < 1.0, lambda: x), (total < 50.0, lambda: x * total)], default=lambda: -x
    )


def arrays(tf: Any, x: Any) -> Any:
    filled = tf.TensorArray(tf.float64, 4)
    _, filled = tf.while_loop(
        lambda i, a: i < 4, lambda i, a: (i + 1, a.write(i, x[i] * x[3 - i])), [0, filled]
    )
    rows = tf.TensorArray(tf.float64, 4, clear_after_read=False).unstack(x)
    parts = tf.TensorArray(tf.float64, 2, infer_shape=False).split(x, [1, 3])
    return [filled.stack(), rows.gather([3, 0]), rows.read(1), parts.read(1)]


def functions(tf: Any, x: Any) -> Any:
    return [
        tf.map_fn(lambda r: r * tf.reduce_sum(r), x),
        tf.scan(lambda a, r: a * r + r, x),
        tf.scan(lambda a, r: a * r, x, initializer=tf.ones([3], tf.float64), reverse=True),
        tf.foldl(lambda a, r: a / r, x),
        tf.foldr(lambda a, r: a - r * a, x),
    ]


def checked(tf: Any, x: Any) -> Any:
    @tf.custom_gradient
    def clipped(t: Any) -> Any:
        return t * 1.0, lambda dy: tf.minimum(dy, 0.5)

    with tf.control_dependencies([tf.Assert(tf.reduce_all(x > 0.0), [x])]):
        y = tf.check_numerics(x, "checked")
    return [clipped(y * y), tf.py_func(lambda a: a + 1.0, [x], tf.float64), tf.tuple([x, y])]


PROGRAMS = [collatz, powers, limited, growing, branches, cases, arrays, functions, checked]

# "Second-order gradient for while loops not supported", says TensorFlow.
ONCE = [powers, limited, growing, arrays, functions, checked]


def flat(value: Any) -> list[Any]:
    return [t for part in value for t in flat(part)] if isinstance(value, list | tuple) else [value]


def results(tf: Any, program: Callable[[Any, Any], Any]) -> tuple[list[Any], list[Any]]:
    """Return names and static shapes, and the values with gradients to second order."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [None, 3])
        tensors = flat(program(tf, x))
        shapes = [t.shape.as_list() if t.shape.ndims is not None else None for t in tensors]
        smooth = [t for t in tensors if t.dtype == tf.float64]
        first = [g for t in smooth if (g := tf.gradients(t * t, x)[0]) is not None]
        second = []
        if program not in ONCE:
            second = [g for t in first if (g := tf.gradients(t * t, x)[0]) is not None]
        with tf.Session() as session:
            values = session.run([tensors, first, second], {x: X})
        return [(t.name, s) for t, s in zip(tensors, shapes, strict=True)], flat(values)


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_are_tensorflows(tf1: Any, program: Callable[[Any, Any], Any]) -> None:
    ours, theirs = results(tensorgraph, program), results(tf1, program)
    for (name, shape), (their_name, their_shape) in zip(ours[0], theirs[0], strict=True):
        assert name == their_name
        # Something more may be known here, as how many elements were gathered.
        assert all(d in (e, None) for d, e in zip(their_shape or (), shape or (), strict=False))
    assert len(ours[1]) == len(theirs[1])
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


CELLS: dict[str, Callable[[Any], Any]] = {
    "rnn": lambda cells: cells.BasicRNNCell(4),
    "basic lstm": lambda cells: cells.BasicLSTMCell(4),
    "lstm": lambda cells: cells.LSTMCell(
        4, use_peepholes=True, num_proj=2, cell_clip=0.5, proj_clip=0.4
    ),
    "joined state": lambda cells: cells.BasicLSTMCell(4, state_is_tuple=False),
    "gru": lambda cells: cells.GRUCell(4),
    "multi": lambda cells: cells.MultiRNNCell(
        [cells.LSTMCell(4), cells.ResidualWrapper(cells.DropoutWrapper(cells.GRUCell(4)))]
    ),
}
RUNS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "dynamic": lambda tf, c, x: tf.nn.dynamic_rnn(c(), x, dtype=tf.float64),
    "dynamic, lengths": lambda tf, c, x: tf.nn.dynamic_rnn(c(), x, [2, 4, 0], dtype=tf.float64),
    "static": lambda tf, c, x: tf.nn.static_rnn(c(), tf.unstack(x, axis=1), dtype=tf.float64),
    "static, lengths": lambda tf, c, x: tf.nn.static_rnn(
        c(), tf.unstack(x, axis=1), dtype=tf.float64, sequence_length=[2, 4, 0]
    ),
    "both ways": lambda tf, c, x: tf.nn.bidirectional_dynamic_rnn(
        c(), c(), x, [2, 4, 0], dtype=tf.float64
    ),
}


def recurrent(tf: Any, cell: str, way: str) -> tuple[list[Any], list[Any]]:
    """Return the variables' names and shapes, and results with all first gradients."""
    rng = np.random.default_rng(1)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [None, 4, 3])
        outputs = flat(RUNS[way](tf, lambda: CELLS[cell](tf.nn.rnn_cell), x))
        variables = tf.trainable_variables()
        loss = tf.add_n([tf.reduce_sum(t * t) for t in outputs])
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for v in variables:
                v.load(rng.standard_normal(v.shape.as_list()), session)
            fetches = [outputs, tf.gradients(loss, [x, *variables])]
            values = session.run(fetches, {x: rng.standard_normal((3, 4, 3))})
        return [(v.name, v.shape.as_list()) for v in variables], flat(values)


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize("way", RUNS)
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_networks_are_tensorflows(tf1: Any, cell: str, way: str) -> None:
    pytest.importorskip("tf_keras", reason="TensorFlow's cells need tf_keras")
    ours, theirs = recurrent(tensorgraph, cell, way), recurrent(tf1, cell, way)
    assert ours[0] == theirs[0]
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-8, atol=1e-10)
