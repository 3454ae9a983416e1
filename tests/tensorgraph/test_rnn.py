"""Recurrent networks: cells against plain NumPy and TensorFlow, lengths, gradients, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.testing import check_gradients

Array = npt.NDArray[Any]
cells = tf.nn.rnn_cell


@pytest.fixture(autouse=True)
def new_graph() -> Any:
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        yield


def run(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def rnn_step(x: Array, h: Array, kernel: Array, bias: Array) -> tuple[Array, Array]:
    new = np.tanh(np.concatenate([x, h], 1) @ kernel + bias)
    return new, new


def gru_step(x: Array, h: Array, gk: Array, gb: Array, ck: Array, cb: Array) -> Any:
    r, u = np.split(logistic(np.concatenate([x, h], 1) @ gk + gb), 2, 1)
    c = np.tanh(np.concatenate([x, r * h], 1) @ ck + cb)
    new = u * h + (1 - u) * c
    return new, new


def lstm_step(x: Array, state: Any, kernel: Array, bias: Array) -> Any:
    i, j, f, o = np.split(np.concatenate([x, state[1]], 1) @ kernel + bias, 4, 1)
    c = state[0] * logistic(f + 1) + logistic(i) * np.tanh(j)
    h = np.tanh(c) * logistic(o)
    return h, (c, h)


STEPS: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "rnn": (lambda: cells.BasicRNNCell(3), rnn_step),
    "gru": (lambda: cells.GRUCell(3), gru_step),
    "basic lstm": (lambda: cells.BasicLSTMCell(3), lstm_step),
    "lstm": (lambda: cells.LSTMCell(3), lstm_step),
}


def by_hand(name: str, x: Array, lengths: Array, weights: list[Array]) -> tuple[Array, Any]:
    """Return outputs and last states, each sequence by itself."""
    outputs = np.zeros((*x.shape[:2], 3))
    states = []
    for b, sequence in enumerate(x):
        state: Any = np.zeros((1, 3))
        state = (state, state) if "lstm" in name else state
        for t in range(lengths[b]):
            out, state = STEPS[name][1](sequence[None, t], state, *weights)
            outputs[b, t] = out[0]
        states.append(np.concatenate(state if "lstm" in name else [state], 1))
    return outputs, np.concatenate(states)


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("name", STEPS)
@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=3), given_lengths=st.booleans())
def test_cells_by_hand(name: str, static: bool, lengths: list[int], given_lengths: bool) -> None:
    value = np.random.default_rng(0).standard_normal((len(lengths), 4, 2))
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [None, 4, 2])
        sizes = np.array(lengths) if given_lengths else np.full(len(lengths), 4)
        options = {"sequence_length": tf.constant(sizes)} if given_lengths else {}
        if static:
            outputs, state = tf.nn.static_rnn(
                STEPS[name][0](), tf.unstack(x, axis=1), dtype=tf.float64, **options
            )
            outputs = tf.stack(outputs, 1)
        else:
            outputs, state = tf.nn.dynamic_rnn(STEPS[name][0](), x, dtype=tf.float64, **options)
        results = run([outputs, state, tf.trainable_variables()], {x: value})
    last = np.concatenate(results[1], 1) if "lstm" in name else results[1]
    wanted = by_hand(name, value, sizes, results[2])
    np.testing.assert_allclose(results[0], wanted[0], atol=1e-12)
    np.testing.assert_allclose(last, wanted[1], atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: cells.LSTMCell(3, use_peepholes=True, num_proj=2, cell_clip=9.0, proj_clip=9.0),
        lambda: cells.MultiRNNCell([cells.BasicLSTMCell(2), cells.GRUCell(3)]),
        lambda: cells.ResidualWrapper(cells.BasicRNNCell(2)),
        lambda: cells.DropoutWrapper(
            cells.GRUCell(3), 0.5, 0.5, 0.5, variational_recurrent=True, input_size=2,
            dtype=tf.float64, seed=1,
        ),
    ],
    ids=["lstm", "multi", "residual", "dropout"],
)  # fmt: skip
def test_gradients_to_second_order(make: Callable[[], Any]) -> None:
    x = tf.placeholder(tf.float64, [2, 3, 2])
    outputs, _ = tf.nn.dynamic_rnn(make(), x, [3, 2], dtype=tf.float64)
    variables = tf.trainable_variables()
    value = np.random.default_rng(2).standard_normal((2, 3, 2))
    check_gradients(outputs, [x, *variables], {x: value}, order=2, max_elements=2)


def test_names_and_static_shapes() -> None:
    x = tf.placeholder(tf.float32, [None, 5, 4])
    cell = cells.MultiRNNCell([cells.BasicLSTMCell(3), cells.DropoutWrapper(cells.GRUCell(2))])
    outputs, (lstm, gru) = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    assert outputs.shape.as_list() == [None, 5, 2]
    assert lstm.c.shape.as_list() == [None, 3]
    assert gru.name == "rnn/while/Exit_5:0"
    assert [v.name for v in tf.global_variables()] == [
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel:0",
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias:0",
        "rnn/multi_rnn_cell/cell_1/gru_cell/gates/kernel:0",
        "rnn/multi_rnn_cell/cell_1/gru_cell/gates/bias:0",
        "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/kernel:0",
        "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/bias:0",
    ]
    assert cell.variables == tf.global_variables()
    assert cell.state_size == (cells.LSTMStateTuple(3, 3), 2)


def test_a_cell_by_itself_shares_its_variables() -> None:
    cell = cells.BasicLSTMCell(3)
    x = tf.ones([2, 4])
    state = cell.zero_state(2, tf.float32)
    assert state.h.shape.as_list() == [2, 3]
    output, state = cell(x, state)
    again, _ = cell(x, state)
    assert [v.name for v in tf.global_variables()] == [
        "basic_lstm_cell/kernel:0",
        "basic_lstm_cell/bias:0",
    ]
    first, second = run([output, again])
    assert not np.allclose(first, second)


def test_initial_state_and_time_major() -> None:
    value = np.random.default_rng(3).standard_normal((5, 2, 4)).astype(np.float32)
    x = tf.constant(value)
    cell = cells.BasicRNNCell(3)
    state = tf.ones([2, 3])
    first, last = tf.nn.dynamic_rnn(cell, x, initial_state=state, time_major=True)
    second, _ = tf.nn.dynamic_rnn(cell, tf.transpose(x, [1, 0, 2]), initial_state=state)
    a, b, c = run([first, second, last])
    np.testing.assert_allclose(a, b.transpose(1, 0, 2), rtol=1e-6)
    np.testing.assert_array_equal(a[-1], c)


def test_state_that_is_no_tuple() -> None:
    x = tf.ones([2, 3, 4])
    with tf.variable_scope("both", reuse=tf.AUTO_REUSE):
        joined = cells.BasicLSTMCell(3, state_is_tuple=False)
        outputs, state = tf.nn.dynamic_rnn(joined, x, dtype=tf.float32, scope="r")
        others, pair = tf.nn.dynamic_rnn(cells.BasicLSTMCell(3), x, dtype=tf.float32, scope="r")
    a, b, c, d = run([outputs, others, state, pair])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(c, np.concatenate(d, 1))


@pytest.mark.parametrize("lengths", [None, [2, 4, 0]])
def test_both_ways(lengths: list[int] | None) -> None:
    value = np.random.default_rng(4).standard_normal((3, 4, 2)).astype(np.float32)
    x = tf.constant(value)
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        forward, backward = cells.GRUCell(3), cells.GRUCell(2)
        outputs, states = tf.nn.bidirectional_dynamic_rnn(
            forward, backward, x, lengths, dtype=tf.float32
        )
        joined, last_fw, last_bw = tf.nn.static_bidirectional_rnn(
            forward, backward, tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=lengths
        )
    by_loop, by_list = run(
        [[tf.concat(outputs, 2), states], [tf.stack(joined, 1), (last_fw, last_bw)]]
    )
    np.testing.assert_allclose(by_loop[0], by_list[0], atol=1e-6)
    for a, b in zip(by_loop[1], by_list[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert len(tf.global_variables()) == 8


def test_a_cell_of_ones_own() -> None:
    class Leaky(cells.RNNCell):
        state_size = output_size = 2

        def call(self, inputs: Any, state: Any) -> Any:
            w = tf.get_variable("w", [], initializer=tf.constant_initializer(0.5))
            new = state * w + inputs
            return new, new

    x = tf.constant(np.ones((1, 3, 2), np.float32))
    outputs, _ = tf.nn.dynamic_rnn(Leaky(), x, dtype=tf.float32)
    np.testing.assert_allclose(run(outputs)[0, :, 0], [1, 1.5, 1.75])
    assert [v.name for v in tf.global_variables()] == ["rnn/leaky/w:0"]


def test_dropout_is_new_at_each_step_unless_variational() -> None:
    class Ones(cells.RNNCell):
        state_size = output_size = 64

        def call(self, inputs: Any, state: Any) -> Any:
            return tf.ones_like(state), state

    x = tf.zeros([1, 3, 64])
    fresh = cells.DropoutWrapper(Ones(), output_keep_prob=0.5, seed=3)
    same = cells.DropoutWrapper(
        Ones(), output_keep_prob=0.5, variational_recurrent=True, dtype=tf.float32, seed=3
    )
    first, second = run([tf.nn.dynamic_rnn(c, x, dtype=tf.float32)[0] for c in (fresh, same)])
    assert set(np.unique(first)) == set(np.unique(second)) == {0, 2}
    assert (first[0, 0] != first[0, 1]).any()
    assert (second[0] == second[0, 0]).all()


def test_dropout_of_states_keeps_the_memory() -> None:
    cell = cells.DropoutWrapper(cells.BasicLSTMCell(50), state_keep_prob=0.5)
    state = cells.LSTMStateTuple(tf.ones([1, 50]), tf.ones([1, 50]))
    _, after = cell(tf.ones([1, 2]), state)
    value = run(after)
    assert (value.c != 0).all()
    assert 5 < (value.h == 0).sum() < 45


def test_an_lstm_learns_to_remember_the_first_number() -> None:
    """The sign of the first of six numbers, at the end."""
    x = tf.placeholder(tf.float32, [None, 6, 1])
    label = tf.cast(x[:, 0, 0] > 0, tf.int64)
    _, state = tf.nn.dynamic_rnn(cells.LSTMCell(8), x, dtype=tf.float32)
    logits = tf.matmul(state.h, tf.get_variable("out", [8, 2]))
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits)
    )
    step = tf.train.AdamOptimizer(0.02).minimize(loss)
    right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), label), tf.float32))
    rng = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(150):
            session.run(step, {x: rng.standard_normal((64, 6, 1))})
        assert session.run(right, {x: rng.standard_normal((500, 6, 1))}) > 0.95


@pytest.mark.parametrize(
    ("error", "build"),
    [
        (TypeError, lambda x, c: tf.nn.dynamic_rnn("cell", x, dtype=tf.float32)),
        (ValueError, lambda x, c: tf.nn.dynamic_rnn(c, x)),
        (ValueError, lambda x, c: tf.nn.dynamic_rnn(c, x, [[1]], dtype=tf.float32)),
        (ValueError, lambda x, c: tf.nn.dynamic_rnn(c, x[0, 0], dtype=tf.float32)),
        (TypeError, lambda x, c: tf.nn.static_rnn(c, x, dtype=tf.float32)),
        (ValueError, lambda x, c: tf.nn.static_rnn(c, [], dtype=tf.float32)),
        (ValueError, lambda x, c: tf.nn.static_rnn(c, [x[0]])),
        (TypeError, lambda x, c: cells.MultiRNNCell(c)),
        (ValueError, lambda x, c: cells.MultiRNNCell([])),
        (TypeError, lambda x, c: cells.MultiRNNCell([1])),
        (TypeError, lambda x, c: cells.DropoutWrapper("cell")),
        (ValueError, lambda x, c: cells.DropoutWrapper(c, input_keep_prob=1.5)),
        (ValueError, lambda x, c: cells.DropoutWrapper(c, 0.5, variational_recurrent=True)),
        (ValueError, lambda x, c: c(tf.placeholder(tf.float32, [None, None]), x[0])),
        (ValueError, lambda x, c: cells.ResidualWrapper(c)(tf.ones([1, 2]), tf.ones([1, 3]))),
    ],
)
def test_bad_use(error: type[Exception], build: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(error):
        build(tf.placeholder(tf.float32, [2, 3, 3]), cells.BasicRNNCell(3))


def test_a_length_for_each_sequence() -> None:
    x, n = tf.placeholder(tf.float32, [None, 4, 2]), tf.placeholder(tf.int32, [None])
    outputs, _ = tf.nn.dynamic_rnn(cells.GRUCell(2), x, n, dtype=tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="one length for each sequence"):
        run(outputs, {x: np.zeros((2, 4, 2)), n: [1, 2, 3]})


def test_the_same_names_in_contrib() -> None:
    assert tf.contrib.rnn.BasicLSTMCell is cells.BasicLSTMCell
    assert tf.contrib.rnn.static_rnn is tf.nn.static_rnn
