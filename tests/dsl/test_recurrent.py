"""Recurrent layers and embeddings against the formulas of their cells, step by step."""

import numpy as np
import pytest

import dsl
import tensorgraph as tf

UNITS = 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def walk_rnn(x, weights, activation=np.tanh):
    h, outputs = np.zeros((len(x), UNITS)), []
    for step in x.swapaxes(0, 1):
        h = activation(np.hstack([step, h]) @ weights["kernel"] + weights["bias"])
        outputs.append(h)
    return np.stack(outputs, 1)


def walk_lstm(x, weights, activation=np.tanh):
    h = c = np.zeros((len(x), UNITS))
    outputs = []
    for step in x.swapaxes(0, 1):
        gates = np.hstack([step, h]) @ weights["kernel"] + weights["bias"]
        i, j, f, o = np.split(gates, 4, 1)
        c = sigmoid(f + 1) * c + sigmoid(i) * activation(j)
        h = sigmoid(o) * activation(c)
        outputs.append(h)
    return np.stack(outputs, 1)


def walk_gru(x, weights, activation=np.tanh):
    h, outputs = np.zeros((len(x), UNITS)), []
    for step in x.swapaxes(0, 1):
        gates = np.hstack([step, h]) @ weights["gates_kernel"] + weights["gates_bias"]
        r, u = np.split(sigmoid(gates), 2, 1)
        mixed = np.hstack([step, r * h]) @ weights["candidate_kernel"]
        h = u * h + (1 - u) * activation(mixed + weights["candidate_bias"])
        outputs.append(h)
    return np.stack(outputs, 1)


WALKS = {"rnn": walk_rnn, "lstm": walk_lstm, "gru": walk_gru}
every_cell = pytest.mark.parametrize("word", WALKS)


def examples(*shape):
    return np.random.default_rng(0).normal(size=(2, *shape))


def own(weights, prefix):
    """Return the weights of one cell, by their names inside of it."""
    return {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}


@every_cell
def test_all_outputs_and_the_last(run, word):
    x = examples(5, 4)
    result, weights = run(f"input 5x4\n{word} {UNITS} return=all", x)
    expected = WALKS[word](x, own(weights, f"{word}/"))
    np.testing.assert_allclose(result, expected, rtol=1e-9)
    last, _ = run(f"input 5x4\n{word} {UNITS}", x)
    np.testing.assert_allclose(last, expected[:, -1], rtol=1e-9)


@every_cell
def test_both_directions(run, word):
    x = examples(5, 4)
    result, weights = run(f"input 5x4\n{word} {UNITS} return=all bidirectional", x)
    there = WALKS[word](x, own(weights, f"{word}/forward_"))
    back = WALKS[word](x[:, ::-1], own(weights, f"{word}/backward_"))
    np.testing.assert_allclose(result, np.concatenate([there, back[:, ::-1]], -1), rtol=1e-9)
    # The last output of a walk back is that of the first step.
    last, _ = run(f"input 5x4\n{word} {UNITS} bidirectional", x)
    np.testing.assert_allclose(last, np.hstack([there[:, -1], back[:, -1]]), rtol=1e-9)


@every_cell
def test_activation_stands_inside_of_the_cell(run, word):
    x = examples(5, 4)
    result, weights = run(f"input 5x4\n{word} {UNITS} relu", x)
    expected = WALKS[word](x, own(weights, f"{word}/"), lambda v: np.maximum(v, 0))
    np.testing.assert_allclose(result, expected[:, -1], rtol=1e-9)


@every_cell
def test_length_may_be_open(run, word):
    x = examples(5, 4)
    opened, _ = run(f"input ?x4\n{word} {UNITS} return=all", x)
    fixed, _ = run(f"input 5x4\n{word} {UNITS} return=all", x)
    np.testing.assert_array_equal(opened, fixed)


@every_cell
def test_initial_values_are_those_of_tensorflow_1(word):
    net = dsl.check(dsl.parse(f"input 5x4\n{word} {UNITS}"))
    starts = {w.name: w.initializer.name for w in net.layers[0].weights}
    biases = {"gates_bias": "ones", "candidate_bias": "zeros", "bias": "zeros"}
    for name, start in starts.items():
        assert start == biases.get(name, "glorot_uniform")


def test_dropout_drops_the_same_features_at_each_step(run):
    x = np.ones((1, 4, 51))
    # With a kernel of ones for the inputs and none for the state, a step counts what is left.
    kernel = np.vstack([np.ones((51, 1)), np.zeros((1, 1))])
    weights = {"rnn/kernel": kernel, "rnn/bias": [0.0]}
    text = "input 4x51\nrnn 1 linear return=all dropout=0.5"
    assert run(text, x, weights)[0].tolist() == [[[51.0]] * 4]
    kept = run(text, x, weights, training=True)[0].ravel()
    assert len(set(kept)) == 1
    assert 20 < kept[0] < 80
    assert kept[0] != 51


@pytest.mark.parametrize(
    ("statement", "parameters", "multiply_adds"),
    [
        ("rnn 32", (64 + 32) * 32 + 32, (64 + 32) * 32),
        ("lstm 32", 4 * ((64 + 32) * 32 + 32), 4 * (64 + 32) * 32),
        ("gru 32", 3 * ((64 + 32) * 32 + 32), 3 * (64 + 32) * 32),
        ("lstm 32 bidirectional", 8 * ((64 + 32) * 32 + 32), 8 * (64 + 32) * 32),
    ],
)
def test_cost(statement, parameters, multiply_adds):
    counted = dsl.summarize(dsl.check(dsl.parse(f"input 10x64\n{statement}"))).layers[0]
    assert counted.parameters == parameters
    assert counted.multiply_adds == 10 * multiply_adds


def test_embedding_looks_rows_up(run):
    ids = np.array([[3, 0, 3], [9, 1, 2]], np.int32)
    result, weights = run("input 3 of 10\nembedding 4", ids)
    np.testing.assert_array_equal(result, weights["embedding/embeddings"][ids])


def test_embedding_starts_small():
    net = dsl.check(dsl.parse("input 100 of 10000\nembedding 16"))
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net)
        session.run(tf.global_variables_initializer())
        table = session.run(model.variables["embedding/embeddings"])
    assert table.shape == (10_000, 16)
    assert 0.04 < abs(table).max() <= 0.05
