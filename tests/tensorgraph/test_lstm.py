"""LSTM and GRU along whole sequences, beside the same step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.ops.gru import gru_sequence
from tensorgraph.ops.lstm import lstm_sequence
from tensorgraph.testing import check_gradients

Array = npt.NDArray[Any]
cells = tf.nn.rnn_cell


@pytest.fixture(autouse=True)
def new_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        tf.set_random_seed(2)
        yield


def types_of_operations() -> set[str]:
    return {op.type for op in tf.get_default_graph().get_operations()}


def both_ways(make: Any, x: Array, **options: Any) -> tuple[list[Array], list[Array]]:
    """Return outputs, last states and all gradients: at once, and step by step."""
    found: list[list[Array]] = []
    names: list[list[str]] = []
    steps = x.shape[1]
    for at_once in (True, False):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(5)
            sequences, cell = tf.constant(x), make()
            with tf.variable_scope("rnn"):
                if at_once:
                    y, state = tf.nn.dynamic_rnn(
                        cell, sequences, dtype=x.dtype, scope=tf.get_variable_scope(), **options
                    )
                else:
                    parts, state = tf.nn.static_rnn(
                        cell,
                        tf.unstack(sequences, steps, axis=1),
                        dtype=x.dtype,
                        scope=tf.get_variable_scope(),
                        **options,
                    )
                    y = tf.stack(parts, axis=1)
            assert bool({"BlockLSTM", "BlockGRU"} & types_of_operations()) is at_once
            last = [state] if isinstance(state, tf.Tensor) else list(state)
            loss = tf.reduce_sum(tf.sin(y)) + sum(tf.reduce_sum(tf.cos(s)) for s in last)
            variables = tf.trainable_variables()
            names.append([v.op.name for v in variables])
            grads = tf.gradients(loss, [sequences, *variables])
            session.run(tf.global_variables_initializer())
            found.append(session.run([y, *last, *variables, *grads]))
    assert names[0] == names[1]
    return found[0], found[1]


CELLS: dict[str, Any] = {
    "basic": lambda: cells.BasicLSTMCell(5),
    "forget": lambda: cells.LSTMCell(5, forget_bias=0.25),
    "no tuple": lambda: cells.BasicLSTMCell(5, state_is_tuple=False),
    "gru": lambda: cells.GRUCell(5),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]])
def test_at_once_as_step_by_step(name: str, batch: int, lengths: list[int] | None) -> None:
    x = np.random.default_rng(1).standard_normal((batch, 4, 3))
    options = {} if lengths is None else {"sequence_length": lengths[:batch]}
    for a, b in zip(*both_ways(CELLS[name], x, **options), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: cells.BasicLSTMCell(32), lambda: cells.GRUCell(32)])
def test_float32_in_shares(make: Any) -> None:
    """So many sequences that workers share them."""
    x = np.random.default_rng(1).standard_normal((90, 5, 3)).astype(np.float32)
    for a, b in zip(*both_ways(make, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("which", [(0,), (1,), (2, 3), (0, 1, 2, 3)])
def test_gradients(which: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(0)
    shapes = ((3, 4, 2), (4, 5), (4, 5), (7, 20), (20,))
    xs = [tf.placeholder(tf.float64, s) for s in shapes]
    feeds = {x: numbers.standard_normal(s) for x, s in zip(xs, shapes, strict=True)}
    ys = lstm_sequence(*xs)
    check_gradients([ys[i] for i in which], xs, feeds, order=1)


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_gradients_of_a_gru(which: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(0)
    shapes = ((3, 4, 2), (4, 5), (7, 10), (10,), (7, 5), (5,))
    xs = [tf.placeholder(tf.float64, s) for s in shapes]
    feeds = {x: numbers.standard_normal(s) for x, s in zip(xs, shapes, strict=True)}
    ys = gru_sequence(*xs)
    check_gradients([ys[i] for i in which], xs, feeds, order=1)


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3)])
def test_nothing_to_do(shape: tuple[int, ...]) -> None:
    x, state = tf.zeros(shape), tf.ones([shape[1], 4])
    ys = lstm_sequence(x, state, state, tf.ones([7, 16]), tf.ones([16]))
    grads = tf.gradients([ys[0], ys[3]], [x, state])
    with tf.Session() as session:
        h, _, last_h, _, dx, _ = session.run([*ys, *grads])
    assert h.shape == (*shape[:2], 4)
    assert dx.shape == shape
    assert (last_h == 1).all()


def test_unknown_shapes() -> None:
    x = tf.placeholder(tf.float32, [None, None, 3])
    y, state = tf.nn.dynamic_rnn(cells.BasicLSTMCell(4), x, dtype=tf.float32)
    assert y.shape.as_list() == [None, None, 4]
    assert state.h.shape.as_list() == [None, 4]
    (dx,) = tf.gradients(state.c, x)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for batch, steps in ((2, 3), (4, 1)):
            values = session.run([y, dx], {x: np.ones((batch, steps, 3))})
            assert [v.shape for v in values] == [(batch, steps, 4), (batch, steps, 3)]


class Own(cells.BasicLSTMCell):
    pass


@pytest.mark.parametrize(
    "make",
    [
        lambda: Own(4),
        lambda: cells.BasicLSTMCell(4, activation=tf.nn.relu),
        lambda: cells.LSTMCell(4, use_peepholes=True),
        lambda: cells.LSTMCell(4, num_proj=2),
        lambda: cells.LSTMCell(4, cell_clip=1.0),
        lambda: cells.DropoutWrapper(cells.BasicLSTMCell(4), 0.5),
        lambda: cells.GRUCell(4, activation=tf.nn.relu),
        lambda: cells.BasicRNNCell(4),
    ],
)
def test_other_cells_take_a_loop(make: Any) -> None:
    tf.nn.dynamic_rnn(make(), tf.zeros([2, 3, 4]), dtype=tf.float32)
    assert not {"BlockLSTM", "BlockGRU"} & types_of_operations()


@pytest.mark.parametrize("make", [cells.BasicLSTMCell, cells.GRUCell])
def test_a_second_derivative_says_what_to_do(make: Any) -> None:
    x = tf.placeholder(tf.float32, [2, 3, 4])
    y, _ = tf.nn.dynamic_rnn(make(4), x, dtype=tf.float32)
    (dx,) = tf.gradients(y, x)
    with pytest.raises(LookupError, match=r"step by step with tf\.nn\.static_rnn"):
        tf.gradients(dx, x)


def test_bad_shapes() -> None:
    state, w, b = tf.zeros([2, 4]), tf.zeros([7, 16]), tf.zeros([16])
    with pytest.raises(ValueError, match="of rank 3, not"):
        lstm_sequence(tf.zeros([2, 3]), state, state, w, b)
    with pytest.raises(ValueError, match=r"the shape must be \(9, 16\)"):
        lstm_sequence(tf.zeros([6, 2, 5]), state, state, w, b)
    with pytest.raises(ValueError, match="of rank 3, not"):
        gru_sequence(tf.zeros([2, 3]), state, tf.zeros([7, 8]), b, tf.zeros([7, 4]), b)
    with pytest.raises(ValueError, match=r"the shape must be \(9, 8\)"):
        gru_sequence(tf.zeros([6, 2, 5]), state, tf.zeros([7, 8]), b, tf.zeros([7, 4]), b)
