"""Networks as graphs of the engine."""

from pathlib import Path

import numpy as np
import pytest

import dsl
import tensorgraph as tf

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def own_graph():
    with tf.Graph().as_default():
        yield


def compiled(text, **options):
    return dsl.compile_net(dsl.check(dsl.parse(text, "a.net")), **options)


def evaluate(fetches, feeds=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feeds)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.net")), ids=lambda path: path.stem)
def test_examples_compile_without_warnings(path):
    net = dsl.load(path)
    assert not net.warnings
    assert net.train.data is not None
    model = dsl.compile_net(net)
    x = np.zeros((2, *net.input_shape), np.float32)
    probabilities = evaluate(model.apply().output, {model.input: x})
    np.testing.assert_allclose(probabilities.sum(-1), [1, 1], rtol=1e-5)


def test_names_and_sources_of_nodes():
    model = compiled("input 8x8x1\nconv 2 3x3 relu\nlast = dense 3 softmax")
    forward = model.apply()
    assert model.input.op.name == "input"
    assert model.variables["conv/kernel"].op.name == "conv/kernel"
    assert set(model.variables) == {"conv/kernel", "conv/bias", "last/kernel", "last/bias"}
    for name, place in (("conv", "a.net:2:1"), ("last", "a.net:3:8")):
        made = [op for op in model.graph.get_operations() if op.name.startswith(f"{name}/")]
        assert made
        assert {op.source for op in made} == {place}
    assert forward.output.op.name.startswith("last/")


def test_network_is_applied_twice_with_the_same_variables():
    model = compiled("input 6\ndense 4 relu\ndropout 0.5\ndense 3 softmax")
    count = len(tf.global_variables())
    other = tf.placeholder(tf.float32, [5, 6])
    first, second = model.apply(), model.apply(other, training=True)
    assert len(tf.global_variables()) == count == 4
    assert second.output.shape.as_tuple() == (5, 3)
    kinds = [op.type for op in model.graph.get_operations() if op.name.startswith("dropout/")]
    assert kinds  # the second application drops, the first has nothing to do there
    third = model.apply(other)
    x = np.ones((5, 6), np.float32)
    a, b = evaluate([first.output, third.output], {model.input: x, other: x})
    np.testing.assert_array_equal(a, b)


def test_layer_names_that_begin_with_an_underscore():
    model = compiled("input 3\n_x = dense 2\n_ = dense 2\nadd _x\noutput _")
    assert set(model.variables) == {"_x/kernel", "_x/bias", "_/kernel", "_/bias"}


def test_initial_values_depend_on_seed_and_name_only():
    short = "input 5\na = dense 4 relu\noutput a"
    long = "input 5\ndense 5\nfrom_input = relu\nflatten\na = dense 4 relu\nadd a"

    def kernel(text, seed):
        with tf.Graph().as_default():
            return evaluate(compiled(text, seed=seed).variables["a/kernel"])

    np.testing.assert_array_equal(kernel(short, 1), kernel(short, 1))
    np.testing.assert_array_equal(kernel(short, 1), kernel(long, 1))
    assert not np.array_equal(kernel(short, 1), kernel(short, 2))


def test_seed_of_the_file_is_the_default():
    text = "input 5\ndense 4\ntrain { seed 3 }"

    def kernel(**options):
        with tf.Graph().as_default():
            return evaluate(compiled(text, **options).variables["dense/kernel"])

    np.testing.assert_array_equal(kernel(), kernel(seed=3))


def test_float64():
    model = compiled("input 4x4x1\nconv 2 3x3 hard_sigmoid\ndense 3 softmax", dtype=tf.float64)
    result = model.apply().output
    assert result.dtype == tf.float64
    assert all(v.dtype == tf.float64 for v in model.variables.values())
    assert evaluate(result, {model.input: np.zeros((1, 4, 4, 1))}).dtype == np.float64


@pytest.mark.parametrize("last", ["dense 3 softmax", "dense 3\nsoftmax", "dense 3 sigmoid"])
def test_logits_are_the_values_before_the_activation(last):
    model = compiled(f"input 2\n{last}")
    forward = model.apply()
    x = np.array([[1, 2], [300, -400]], np.float32)
    logits, output = evaluate([forward.logits, forward.output], {model.input: x})
    if "softmax" in last:
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        expected = shifted / shifted.sum(-1, keepdims=True)
    else:
        expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-7)


def loss_of(text, outputs, labels, loss=None):
    """Return the loss where the network's results before the activation are given."""
    model = compiled(text)
    forward = model.apply()
    tensor = tf.constant(labels)
    value = dsl.build_loss(model, forward, tensor, loss)
    return evaluate(value, {forward.logits: np.array(outputs, np.float32)})


def test_cross_entropy_of_classes_and_of_rows_agree_and_never_overflow():
    text = "input 3\ndense 3 softmax"
    logits = [[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]]
    rows = np.array([[0, 1, 0], [0, 0, 1]], np.float32)
    from_classes = loss_of(text, logits, np.array([1, 2]))
    assert from_classes == pytest.approx((1000 + np.log(3)) / 2)
    assert loss_of(text, logits, rows) == pytest.approx(from_classes)


def test_binary_cross_entropy():
    text = "input 3\ndense 1 sigmoid"
    loss = loss_of(text, [[0.0], [1000.0]], np.array([1, 1]))
    assert loss == pytest.approx(np.log(2) / 2)


def test_total_error_of_the_textbook():
    text = "input 4\ndense 4"
    outputs = [[0.2, 0.4, 0.1, 0.3], [0.1, 0.1, 0.7, 0.1]]
    for labels in (np.array([2, 2]), np.array([[0, 0, 1, 0]] * 2, np.float32)):
        assert loss_of(text, outputs[:1], labels[:1], "squared_error") == pytest.approx(0.55)
        assert loss_of(text, outputs[1:], labels[1:], "squared_error") == pytest.approx(0.06)
        assert loss_of(text, outputs[:1], labels[:1], "mse") == pytest.approx(1.1 / 4)


def test_regression_with_one_result():
    assert loss_of("input 4\ndense 1", [[1.0], [3.0]], np.array([2.0, 5.0], np.float32)) == 2.5
    assert loss_of("input 4\ndense 1", [[1.0], [3.0]], np.array([2, 5])) == 2.5


def test_error_of_an_image_is_summed_over_the_image():
    outputs = np.ones((2, 3, 3, 2), np.float32)
    labels = np.zeros((2, 3, 3, 2), np.float32)
    assert loss_of("input 3x3x1\nconv 2 1x1", outputs, labels, "squared_error") == 9.0


def test_unknown_shapes_cannot_be_compiled():
    for text in ("dense 10", "input 5\ndense classes"):
        with pytest.raises(dsl.NetError, match="TG205"):
            compiled(text)


def test_gradients_train_a_network():
    model = compiled("input 2\ndense 16 tanh\ndense 2 softmax\ntrain { optimizer adam lr=0.05 }")
    labels = tf.placeholder(tf.int64, [None])
    loss = dsl.build_loss(model, model.apply(training=True), labels)
    step = model.net.train.optimizer.build().minimize(loss)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    feeds = {model.input: x, labels: np.array([0, 1, 1, 0])}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(150):
            session.run(step, feeds)
        assert session.run(loss, feeds) < 0.1


def test_load_reports_what_is_wrong_with_a_file(tmp_path):
    with pytest.raises(dsl.NetError, match="TG001"):
        dsl.load(tmp_path / "absent.net")
    with pytest.raises(dsl.NetError, match="TG001"):
        dsl.load(tmp_path)
    path = tmp_path / "latin.net"
    path.write_bytes(b"dense 10\n# caf\xe9\n")
    with pytest.raises(dsl.NetError, match="TG002") as caught:
        dsl.load(path)
    assert caught.value.diagnostics[0].span.location == f"{path}:2:6"
    path.write_bytes(b"\xef\xbb\xbfdense 10\r\n")
    assert dsl.load(path).name == "latin"
