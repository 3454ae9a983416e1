"""Sweeps over the tables of layers, activations and initialisers: new entries are tested too."""

from math import erf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsl
import tensorgraph as tf
from dsl.layers import ACTIVATIONS, LAYERS
from dsl.layers.definition import REQUIRED
from dsl.training.gradient_check import check_net
from tensorgraph.base.shapes import compatible


@pytest.fixture(autouse=True)
def own_graph():
    with tf.Graph().as_default():
        yield


def program(layer):
    """Return a file in which a layer's example makes sense."""
    before = "" if layer.takes_tokens else "stem = linear\nlinear\nadd stem\n"
    return f"input {layer.example_input}\n{before}{layer.example}\n"


def example_of(layer):
    net = dsl.check(dsl.parse(program(layer)))
    return net, net.layers[-1]


def examples_of(net, count=2):
    """Return a batch that a network takes."""
    rng = np.random.default_rng(0)
    (first, *_) = net.inputs
    if first.vocabulary is not None:
        return rng.integers(0, first.vocabulary, (count, *first.shape), np.int32)
    return rng.random((count, *first.shape), np.float32)


def run(net, x, training=False):
    """Return the result of a network with fresh variables on a batch."""
    model = dsl.compile_net(net)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(model.apply(training=training).output, {model.input: x})


sweep = pytest.mark.parametrize("layer", LAYERS.values(), ids=lambda layer: layer.name)


@sweep
def test_example_is_valid_and_uses_the_layer(layer):
    _, used = example_of(layer)
    assert used.kind == layer.name


@sweep
def test_layer_is_described(layer):
    assert layer.doc
    assert str(layer.signature).startswith(layer.name)
    for parameter in layer.signature.parameters:
        assert parameter.doc
        assert parameter.type.phrase
    assert all(flag.doc for flag in layer.flags)


@sweep
def test_engine_agrees_with_the_shape_rule(layer):
    net, used = example_of(layer)
    model = dsl.compile_net(net)
    result = model.apply(training=True).output
    assert compatible(result.shape.as_tuple(), (None, *used.output_shape))
    for training in (False, True):
        assert run(net, examples_of(net), training).shape == (2, *used.output_shape)


@sweep
def test_variables_are_those_of_the_table_and_the_summary(layer):
    net, used = example_of(layer)
    model = dsl.compile_net(net)
    shapes = {name: v.shape.as_tuple() for name, v in model.variables.items()}
    assert shapes == {f"{used.name}/{w.name}": w.shape for w in used.weights}
    counted = dsl.summarize(net).layers[-1]
    assert counted.parameters == sum(int(np.prod(shape)) for shape in shapes.values())
    assert counted.trainable == sum(w.size for w in used.weights if w.trainable)
    assert len(tf.trainable_variables()) == sum(w.trainable for w in used.weights)


@sweep
def test_defaults_and_flags_set_declared_keys(layer):
    keys = {p.key for p in layer.signature.parameters} | {flag.key for flag in layer.flags}
    assert layer.signature.defaults().keys() <= keys | {"activation"}
    required = {p.key for p in layer.signature.parameters if p.default is REQUIRED}
    assert keys - required <= layer.signature.defaults().keys()


@sweep
def test_unknown_word_is_an_error(layer):
    with pytest.raises(dsl.NetError):
        dsl.check(dsl.parse(program(layer).rstrip() + " nosuchword"))


@sweep
def test_unknown_option_is_an_error(layer):
    with pytest.raises(dsl.NetError) as caught:
        dsl.check(dsl.parse(program(layer).rstrip() + " nosuchoption=1"))
    assert [d.code for d in caught.value.errors] == ["TG405"]


@sweep
def test_gradients_are_those_of_central_differences(layer):
    if layer.name in ("dropout", "spatial_dropout", "noise", "standardize"):
        return  # the first are not the same function twice, the last takes the batch as given
    # The weights before the layer show its gradient by its input.
    before = "" if layer.takes_tokens else "stem = batchnorm\nsoftplus\n"
    text = f"input {layer.example_input}\n{before}{layer.example}\ndense 3 softmax"
    for name, comparisons in check_net(dsl.check(dsl.parse(text)), elements=5):
        assert all(c.ok for c in comparisons), (name, comparisons)


X = np.linspace(-3, 8, 12, dtype=np.float32).reshape(2, 6)
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
FORMULAS = {
    "relu": np.maximum(X, 0),
    "leaky_relu": np.where(X > 0, X, 0.1 * X),
    "elu": np.where(X > 0, X, np.expm1(X)),
    "selu": SCALE * np.where(X > 0, X, ALPHA * np.expm1(X)),
    "relu6": np.clip(X, 0, 6),
    "gelu": X * [[(1 + erf(x / sqrt(2))) / 2 for x in row] for row in X],
    "silu": X / (1 + np.exp(-X)),
    "sigmoid": 1 / (1 + np.exp(-X)),
    "hard_sigmoid": np.clip(0.2 * X + 0.5, 0, 1),
    "tanh": np.tanh(X),
    "softplus": np.log1p(np.exp(X)),
    "softsign": X / (1 + np.abs(X)),
    "exp": np.exp(X),
    "linear": X,
    "softmax": np.exp(X) / np.exp(X).sum(-1, keepdims=True),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("spelling", ["{}", "act {}"])
def test_activation_follows_its_formula(name, spelling):
    net = dsl.check(dsl.parse(f"input 6\n{spelling.format(name)}"))
    np.testing.assert_allclose(run(net, X), FORMULAS[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "statement",
    ["leaky_relu(0.3)", "leaky_relu 0.3", "leaky_relu slope=0.3", "act leaky_relu(0.3)"],
)
def test_parameter_of_an_activation(statement):
    net = dsl.check(dsl.parse(f"input 6\n{statement}"))
    np.testing.assert_allclose(run(net, X), np.where(X > 0, X, 0.3 * X), rtol=1e-6)


def test_activation_at_the_end_of_a_layer_takes_parameters_too():
    net = dsl.check(dsl.parse("input 6\ndense 2 leaky_relu(0.3)"))
    assert str(net.layers[0].activation) == "leaky_relu(0.3)"


def image(rows):
    return np.array([[float(n) for n in row.split()] for row in rows], np.float32)[None, :, :, None]


def pooled(statement, rows):
    x = image(rows)
    net = dsl.check(dsl.parse(f"input {x.shape[1]}x{x.shape[2]}x1\n{statement}"))
    return run(net, x)[0, :, :, 0].round(4).tolist()


def test_max_pooling_of_the_textbook():
    rows = ["1 1 2 4", "5 6 7 8", "3 2 1 0", "1 2 3 4"]
    assert pooled("maxpool 2", rows) == [[6, 8], [3, 4]]


def test_ceil_keeps_the_partial_windows_of_the_x_or_o_example():
    rows = ["1 2 3", "4 5 6", "7 8 9"]
    assert pooled("maxpool 2 ceil", rows) == [[5, 6], [8, 9]]
    assert pooled("avgpool 2 ceil", rows) == [[3, 4.5], [7.5, 9]]


def test_average_pooling_counts_real_pixels_only():
    rows = ["2 2 2", "2 2 2", "2 2 2"]
    for statement in ("avgpool 2 same", "avgpool 3 stride=1 pad=1", "avgpool 2 pad=1 ceil"):
        assert {value for row in pooled(statement, rows) for value in row} == {2.0}


def test_padding_never_is_a_maximum():
    assert pooled("maxpool 3 stride=2 pad=1", ["-1 -2", "-3 -4"]) == [[-1]]


def test_convolution_of_the_textbook_does_not_flip_the_kernel():
    net = dsl.check(dsl.parse("input 4x4x1\nconv 1 2x2 nobias"))
    model = dsl.compile_net(net)
    kernel = np.array([[1, 0], [1, -1]], np.float32)[:, :, None, None]
    x = image(["5 2 3 4", "6 7 8 5", "4 5 4 5", "1 0 2 3"])
    with tf.Session() as session:
        session.run(tf.assign(model.variables["conv/kernel"], kernel))
        result = session.run(model.apply().output, {model.input: x})
    assert result[0, :, :, 0].tolist() == [[4, 1, 6], [5, 8, 7], [5, 3, 3]]


def test_dropout_drops_in_training_only():
    net = dsl.check(dsl.parse("input 1000\ndropout 0.25"))
    x = np.ones((1, 1000), np.float32)
    np.testing.assert_array_equal(run(net, x), x)
    trained = run(net, x, training=True)
    np.testing.assert_allclose(np.unique(trained), [0, 1 / 0.75], rtol=1e-6)
    assert 150 < (trained == 0).sum() < 350


def test_merges():
    net = dsl.check(
        dsl.parse("input 2x2x3\na = linear\nb = relu\nadd a\nconcat a b\nfrom a b\nconcat")
    )
    assert [layer.output_shape[-1] for layer in net.layers] == [3, 3, 3, 9, 6]
    x = np.arange(-6, 6, dtype=np.float32).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(run(net, x), np.concatenate([x, np.maximum(x, 0)], -1))


def test_add_spreads_a_vector_of_channels_over_an_image():
    text = "input 2x2x3\nimage = linear\nconv 3 2x2 init=0 bias_init=1\nvector = flatten\nadd image"
    net = dsl.check(dsl.parse(text))
    x = np.zeros((1, 2, 2, 3), np.float32)
    np.testing.assert_array_equal(run(net, x), x + 1)


def test_penalties_are_the_kernels_own():
    text = "input 8x8x2\nconv 4 3 l1=0.1 l2=0.2 max_norm=3\ndense 2 l2=0.5 max_norm=none"
    conv, dense = (layer.weights for layer in dsl.check(dsl.parse(text)).layers)
    assert [(w.l1, w.l2, w.max_norm) for w in conv] == [(0.1, 0.2, 3.0), (0, 0, None)]
    assert [(w.l1, w.l2, w.max_norm) for w in dense] == [(0, 0.5, None), (0, 0, None)]


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("input 8x8x2\nconv 4 3", [(0, 1, 2)]),
        ("input 8x8x2\ndeconv 4 3", [(0, 1, 3)]),
        ("input 8x8x2\nseparable 4 3", [(0, 1), (0, 1, 2)]),
        ("input 8x2\nlstm 4", [(0,)]),
        ("input 8 of 50\nembedding 4", [(1,)]),
        ("input 8\ndense 4", [(0,)]),
    ],
)
def test_norms_are_those_of_the_weights_of_one_output(text, axes):
    weights = dsl.check(dsl.parse(text)).layers[0].weights
    assert [w.norm_axes for w in weights if len(w.shape) > 1] == axes


# Programs

sides = st.integers(1, 3)


@st.composite
def layer_statements(draw, axes):
    """Return a layer that sequences, images or volumes of any size may meet, by their axes."""
    size = draw(sides)
    stride, dilation = f"stride={draw(sides)}", f"dilation={draw(sides)}"
    padding = draw(st.sampled_from(["", "same", "valid", "pad=1"]))
    activation = draw(st.sampled_from(["", *ACTIVATIONS]))
    pool = draw(st.sampled_from(["maxpool", "avgpool", "sumpool"]))
    ceil = draw(st.sampled_from(["", "ceil"])) if padding != "same" else ""
    conv = draw(st.sampled_from([("conv1d", "conv", "conv3d")[axes - 1], "deconv", "separable"]))
    return draw(
        st.sampled_from(
            [
                f"{conv} {draw(sides)} {size} {stride} {padding} {activation}",
                f"{conv} {draw(sides)} {size} {dilation} {padding} nobias",
                f"{conv} 2 {'x'.join([str(size)] * axes)} groups={draw(sides)}",
                f"depthwise {size} {stride} multiplier={draw(sides)} {padding}",
                f"{pool} {size} {padding} {ceil}",
                f"{pool} {size} {stride} {ceil}",
                f"zeropad {draw(sides)} {draw(sides)}",
                f"crop {draw(sides)} 0",
                f"upsample {size} {draw(st.sampled_from(['', 'bilinear']))}",
                f"dropout {draw(sides) / 10}",
                draw(st.sampled_from(["batchnorm", "layernorm", "gap", "gmp", "lrn"])),
                f"{draw(st.sampled_from(['rnn', 'lstm', 'gru']))} 3 return=all",
                draw(st.sampled_from(list(ACTIVATIONS))),
            ]
        )
    )


@st.composite
def programs(draw):
    """Return an input's shape and a file."""
    extent = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    shape = (*extent, draw(sides))
    statements = draw(st.lists(layer_statements(len(extent)), max_size=4))
    first = f"input {'x'.join(map(str, shape))}"
    return shape, "\n".join([first, *statements, "dense 3 softmax"])


MISFITS = {
    *("TG201", "TG404", "TG227"),  # what is left of the image is too small
    *("TG202", "TG220", "TG221"),  # the layer is for another kind
    *("TG222", "TG405"),  # groups that do not divide, and a layer without such an option
}


@given(programs())
def test_valid_programs_have_the_shapes_that_the_engine_makes(program):
    shape, text = program
    try:
        net = dsl.check(dsl.parse(text))
    except dsl.NetError as error:
        codes = {d.code for d in error.errors}
    else:
        codes = set()
    assert codes <= MISFITS
    if codes:
        return
    with tf.Graph().as_default():
        model = dsl.compile_net(net)
        forward = model.apply()
        values = [forward.values[layer.name] for layer in net.layers]
        x = np.zeros((2, *shape), np.float32)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            results = session.run(values, {model.input: x})
    for layer, value, result in zip(net.layers, values, results, strict=True):
        assert result.shape == (2, *layer.output_shape)
        assert compatible(value.shape.as_tuple(), result.shape)
