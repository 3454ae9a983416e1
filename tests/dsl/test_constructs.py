"""Blocks, repetitions, conditions, residuals, branches, groups, several inputs, other files."""

import numpy as np
import pytest

import dsl
import tensorgraph as tf


def check(text, name="test.net", **known):
    return dsl.check(dsl.parse(text, str(name)), **known)


def names(text, **known):
    return [layer.name for layer in check(text, **known).layers]


def mistakes(text, name="test.net", **known):
    with pytest.raises(dsl.NetError) as caught:
        check(text, name, **known)
    return caught.value.diagnostics


def mistake(text, name="test.net", **known):
    (only,) = mistakes(text, name, **known)
    return only


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes files and returns the path of the last one."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name}.net"
            path.write_text(text, encoding="utf-8")
        return path

    return write


# Blocks


def test_a_block_is_called_like_a_layer():
    text = """
    input 8x8x3
    block cb(filters, size=3, stride=1) {
      conv filters size stride=stride same nobias
      batchnorm relu
    }
    cb 4
    cb 8 5 stride=2
    last = cb stride=2 filters=16
    """
    net = check(text)
    assert [(layer.name, layer.output_shape) for layer in net.layers] == [
        ("cb/conv", (8, 8, 4)),
        ("cb/batchnorm", (8, 8, 4)),
        ("cb_1/conv", (4, 4, 8)),
        ("cb_1/batchnorm", (4, 4, 8)),
        ("last/conv", (2, 2, 16)),
        ("last/batchnorm", (2, 2, 16)),
    ]
    assert net["cb_1/conv"].weights[0].shape == (5, 5, 4, 8)
    assert not net.warnings


def test_a_default_may_use_the_parameters_before_it_and_the_current_value():
    text = """
    input 6
    block f(a, b=2*a, c=b+1, d=features) { dense c; dense d }
    f 5
    f 5 b=1
    """
    assert [layer.output_shape for layer in check(text).layers] == [(11,), (6,), (2,), (6,)]


def test_a_parameter_may_be_an_activation_a_flag_or_a_named_value():
    text = """
    input 8x8x4
    block f(other, activation=relu, padding=same) {
      conv 4 3x3 padding activation
      add other
      act activation
    }
    stem = conv 4 3x3 same
    f stem tanh
    f stem leaky_relu(0.2) padding=same
    """
    net = check(text)
    assert net["f/conv"].activation.name == "tanh"
    assert net["f/act"].activation.name == "tanh"
    assert str(net["f_1/conv"].activation) == "leaky_relu(0.2)"
    assert net["f/add"].inputs == ("f/conv", "stem")


def test_a_block_sees_constants_but_no_values_around_it():
    assert names("let n = 3\nblock f { dense n }\ninput 4\nf") == ["f/dense"]
    found = mistake("input 4\nx = dense 4\nblock f { dense 4; add x }\nf")
    assert found.code == "TG307"
    assert "parameter" in found.label


def test_the_chain_of_calls_stands_in_the_message():
    text = """input 16x16x1
block down(f) {
  conv f 3x3
  maxpool 2
}
repeat 3 as i {
  down 8*(i + 1)
}"""
    found = next(d for d in mistakes(text) if d.severity == "error")
    assert found.span.line == 3
    assert "in block `down`, called at line 7, in repetition 3" in found.notes
    assert "`same` on line 3" in found.help
    assert not [d for d in check(dsl.diagnostics.apply_edits(text, found.edits)).layers if not d]


def test_a_mistake_in_a_block_is_said_once():
    found = mistakes("input 8\nblock f(n) { dense n foo }\nrepeat 5 { f 3 }")
    assert [d.code for d in found] == ["TG301"]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("input 4\nblock f { f }\nf", "TG313", "f"),
        ("input 4\nblock f { g }\nblock g { f }\nf", "TG313", "f"),
        ("input 4\nblock f(a) { dense a }\nf", "TG401", "f"),
        ("input 4\nblock f(a) { dense a }\nf 1 2", "TG402", "2"),
        ("input 4\nblock f(a) { dense a }\nf a=1 a=2", "TG406", "a=2"),
        ("input 4\nblock f(a) { dense a }\nf b=1", "TG405", "b"),
        ("input 4\nblock f(a) { dense a }\nf(3)", "TG108", "f(3)"),
        ("input 4\nblock f(a, a) { dense a }\nf 3 3", "TG303", "a"),
        ("input 4\nblock f(relu) { dense 3 }\nf 3", "TG304", "relu"),
        ("input 4\nblock f { dense 3 }\nblock f { dense 4 }\nf", "TG303", "f"),
        ("input 4\nblock conv { dense 3 }\nrelu", "TG304", "conv"),
        ("input 4\nblock f { dense 3 sofmax }\nrelu", "TG301", "sofmax"),
        ("input 4\nblock f(a) { dense a }\nx = dense f", "TG308", "f"),
        ("input 4\ndense 4\nff 3", "TG302", "ff"),
        ("input 4\nrelu\nblock f { input 3 }", "TG312", "input"),
        ("input 4\nrepeat 2 { block f { relu } }", "TG312", "block"),
        ("input 4\nx = dense 4\nx", "TG316", "x"),
    ],
)
def test_mistake_with_blocks(text, code, place):
    found = next(d for d in mistakes(text) if d.severity == "error")
    assert (found.code, found.span.text) == (code, place)


def test_a_block_that_nothing_calls_is_checked_and_warned_of():
    net = check("input 4\ndense 3\nblock f(n) { dense n; conv 3 3x3 }")
    assert [(w.code, w.span.text) for w in net.warnings] == [("TG305", "f")]


# Repetitions and conditions


def test_repeat():
    text = "input 4\nlet sizes = [3, 2, 1]\nrepeat 3 as i { dense sizes[i] }\nrepeat 0 { dense 9 }"
    assert [layer.output_shape for layer in check(text).layers] == [(3,), (2,), (1,)]


def test_names_in_a_repetition_are_its_own():
    net = check("input 8x8x2\nrepeat 2 { x = conv 2 3x3 same; relu; add x }")
    assert [layer.name for layer in net.layers] == ["x", "relu", "add", "x_1", "relu_1", "add_1"]
    assert net["add_1"].inputs == ("relu_1", "x_1")
    assert not net.warnings
    assert mistake("input 4\nrepeat 2 { x = dense 4 }\nadd x").code == "TG307"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("repeat 1.5 { relu }", "TG403", "1.5"),
        ("repeat true { relu }", "TG403", "true"),
        ("repeat 2 - 3 { relu }", "TG404", "2 - 3"),
        ("repeat 1000000000 { relu }", "TG112", "1000000000"),
        ("repeat 400 { repeat 400 { relu } }", "TG112", "{ relu }"),
        ("let a = [1, 2]\nrepeat a[2] { relu }", "TG413", "a[2]"),
        ("let a = 3\nrepeat a[0] { relu }", "TG403", "a[0]"),
        ("repeat 2 { train { epochs 3 } }\nrelu", "TG312", "train"),
        ("if 1 { relu }", "TG403", "1"),
        ("repeat 0 { foo }\nrelu", "TG302", "foo"),
        ("if 1 > 2 { foo }\nrelu", "TG302", "foo"),
        ("if 1 < 2 { relu } else { dense 3 samee }", "TG301", "samee"),
    ],
)
def test_mistake_with_repetitions_and_conditions(text, code, place):
    found = mistakes(f"input 4\n{text}")[0]
    assert (found.code, found.span.text) == (code, place)


def test_if_chooses_while_compiling_and_keeps_its_names():
    text = "if {} {{ let n = 3 }} else if features == 4 {{ let n = 5 }} else {{ let n = 7 }}"
    text = f"input 4\n{text}\ndense n"
    assert check(text.format("1 > 2")).output_shape == (5,)
    assert check(text.format("2 > 1")).output_shape == (3,)


def test_what_is_not_chosen_says_nothing_about_shapes():
    net = check("input 1x1x3\nif height > 2 { conv 3 3x3; x = maxpool 2 } else { relu }")
    assert [layer.kind for layer in net.layers] == ["relu"]


def test_a_line_end_may_stand_before_else_shortcut_arms_and_merges():
    text = """input 8x8x4
if 1 < 2
{
  relu
}
# about the other case
else
{
  tanh
}
residual
{
  conv 4 3x3 same
}
shortcut
{ conv 4 1x1 }
branch
  { relu }
  { tanh }
  add
"""
    kinds = [layer.kind for layer in check(text).layers]
    assert kinds == ["relu", "conv", "conv", "add", "relu", "tanh", "add"]


# Residuals, branches and groups


def run(net, x, **weights):
    with tf.Graph().as_default():
        model = dsl.compile_net(net)
        output = model.apply().output
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for name, value in weights.items():
                model.variables[name.replace("__", "/")].load(value, session)
            return session.run(output, {model.input: x})


def test_residual_adds_the_input():
    x = np.array([[1.0, -2.0, 3.0]], np.float32)
    net = check("input 3\nresidual { relu }\nx = residual { act linear } shortcut { tanh }")
    first = x + np.maximum(x, 0)
    np.testing.assert_allclose(run(net, x), first + np.tanh(first), rtol=1e-6)
    assert net["x"].kind == "add"


def test_the_shortcut_that_aligns_a_residual_is_offered():
    found = mistake("input 8x8x3\nresidual { conv 16 3x3 same stride=2; relu }\nrelu")
    assert (found.code, found.span.text) == ("TG208", "residual")
    assert found.label == "the body is 4x4x16, the input 8x8x3"
    assert "shortcut { conv 16 1 stride=2 }" in found.help
    found = mistake("input 5\nresidual { dense 7; relu }")
    assert "shortcut { dense 7 }" in found.help


def test_the_filters_that_align_a_shortcut_are_offered():
    found = mistake("input 8x8x3\nresidual { conv 16 3x3 same } shortcut { conv 8 1x1 }")
    assert found.help == "8 filters in line 2 give the body the same shape"


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ("concat", [1, 0, 1, -2, 1, -4]),
        ("add", [3, -6]),
        ("mul", [1, 0]),
        ("max", [1, 0]),
        ("average", [1, -2]),
    ],
)
def test_branch_merges_its_arms(merge, expected):
    net = check(f'input 2\nbranch {{ relu }} {{ }} {{ lambda "x * abs(x)" }} {merge}')
    result = run(net, np.array([[1.0, -2.0]], np.float32))
    np.testing.assert_allclose(result[0], expected, rtol=1e-6)


def test_an_arm_may_be_a_vector_of_channels():
    text = "input 4x4x8\nbranch { } { gap; dense 2 relu; dense 8 sigmoid } mul"
    assert check(text).output_shape == (4, 4, 8)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("branch { relu } add", "TG315", "branch"),
        ("branch { conv 3 1x1 } { conv 4 1x1 } add", "TG203", "add"),
        ("branch { relu } { tanh }", "TG101", ""),
        ("branch { relu } { tanh } conct", "TG101", "conct"),
        ("a = relu\nb = tanh\nbranch { from a b } { relu } add", "TG207", "{ from a b }"),
    ],
)
def test_mistake_with_branches(text, code, place):
    found = next(d for d in mistakes(f"input 8x8x4\n{text}") if d.severity == "error")
    assert (found.code, found.span.text) == (code, place)


def test_a_named_group_names_its_layers():
    net = check("input 8x8x2\nstem = { conv 3 3x3; relu }\nconv 4 1x1\nfrom stem\ngap")
    assert [layer.name for layer in net.layers] == ["stem/conv", "stem/relu", "conv", "gap"]
    assert net["gap"].inputs == ("stem/relu",)
    assert net.names["stem"] == "stem/relu"


def test_freeze():
    text = "input 4\na = dense 3\nb = { dense 3; dense 2 }\nc = dense 2\nfreeze a b"
    assert [layer.frozen for layer in check(text).layers] == [True, True, True, False]
    assert [w.trainable for w in check(text)["a"].weights] == [False, False]
    assert all(layer.frozen for layer in check("input 4\ndense 3\ndense 2\nfreeze all").layers)
    assert [layer.frozen for layer in check("input 4\ndense 3\nfreeze all\ndense 2").layers] == [
        True,
        False,
    ]
    assert [w.code for w in check("input 4\na = relu\nfreeze a").warnings] == ["TG317"]
    assert mistake("input 4\ndense 3\nfreeze foo").code == "TG307"


def test_a_frozen_layer_works_as_after_training():
    net = check("input 3\nx = batchnorm\nfreeze x")
    with tf.Graph().as_default():
        model = dsl.compile_net(net)
        forward = model.apply(training=True)
        assert not forward.updates
        assert not tf.trainable_variables()
    with tf.Graph().as_default():
        assert dsl.compile_net(check("input 3\nbatchnorm")).apply(training=True).updates


# Inputs, outputs and constants


def test_several_inputs_and_outputs():
    text = """
    left = input 8x8x1
    conv 4 3x3
    gap
    l = dense 5
    right = input 3
    r = dense 5
    from l r
    both = add
    output both l
    """
    net = check(text)
    assert [(i.name, i.shape) for i in net.inputs] == [("left", (8, 8, 1)), ("right", (3,))]
    assert not net.warnings
    with tf.Graph().as_default():
        model = dsl.compile_net(net)
        forward = model.apply()
        x = {"left": np.ones((2, 8, 8, 1)), "right": np.ones((2, 3))}
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            feed = {model.inputs[name]: value for name, value in x.items()}
            both, first = session.run(forward.outputs, feed)
    assert both.shape == first.shape == (2, 5)
    assert mistakes("input 3\nrelu\ninput 4")[0].code == "TG303"


def test_a_sequence_of_token_ids():
    net = check("input 10 of 500\nembedding 8\nlstm 4\ndense 2 softmax")
    assert net.inputs[0].vocabulary == 500
    assert net["embedding"].weights[0].shape == (500, 8)
    with tf.Graph().as_default():
        assert dsl.compile_net(net).input.dtype == tf.int32
    for text, code in (
        ("input 10 of", "TG401"),
        ("input 10 of 0", "TG404"),
        ("input 10 of 2.5", "TG403"),
        ("input 3x3 of 5", "TG210"),
        ("input of 5", "TG401"),
    ):
        assert mistakes(f"{text}\nembedding 8")[0].code == code


def test_hyperparameters_stand_for_their_defaults():
    net = check(
        "input 4\nlet units = choose(8, 16)\nlet rate = log_uniform(1e-4, 1e-1, 1e-3)\n"
        "let depth = integer(1, 5, 2)\nlet p = uniform(0, 0.9, 0.5)\n"
        "repeat depth { dense units; dropout p }\ntrain { optimizer adam lr=rate }"
    )
    assert [(h.name, h.kind, h.choices, h.default) for h in net.hyperparameters] == [
        ("units", "choose", (8, 16), 8),
        ("rate", "log_uniform", (1e-4, 1e-1), 1e-3),
        ("depth", "integer", (1, 5), 2),
        ("p", "uniform", (0, 0.9), 0.5),
    ]
    assert len(net.layers) == 4
    assert net.train.optimizer.options["lr"] == 1e-3


@pytest.mark.parametrize(
    "expression",
    [
        "choose()",
        "uniform(1, 2)",
        "uniform(2, 1, 1.5)",
        "uniform(0, 1, 3)",
        "log_uniform(0, 1, 0.5)",
        "integer(1, 3, 1.5)",
        'uniform("a", 1, 1)',
    ],
)
def test_mistake_in_a_hyperparameter(expression):
    assert mistakes(f"input 4\nlet a = {expression}\ndense a")[0].code == "TG414"


def test_constants_from_outside():
    text = "input 4\nlet n = choose(3, 5)\nlet act_ = relu\ndense n act_"
    net = check(text, constants={"n": "2 * 8", "act_": "tanh"})
    assert net.output_shape == (16,)
    assert net["dense"].activation.name == "tanh"
    found = mistake(text, constants={"m": "3"})
    assert (found.code, "`m`" in found.message) == ("TG318", True)
    found = mistake(text, constants={"n": "3 +"})
    assert found.span.source.name == "--set n"


# Other files


def test_import_brings_blocks_and_constants(folder):
    path = folder(
        parts="let wide = 6\nblock cb(f) { conv f 3x3 same; relu }\ninput 5\ndense 3",
        main='import "parts.net"\ninput 8x8x1\ncb wide\ncb 2',
    )
    net = dsl.load(path)
    assert [layer.output_shape[-1] for layer in net.layers] == [6, 6, 2, 2]
    assert not net.warnings


def test_a_mistake_in_an_imported_block_names_both_places(folder):
    path = folder(
        parts="block cb(f) {\n  conv f 9x9\n}",
        main='import "parts.net"\ninput 8x8x1\ncb 3',
    )
    found = mistake(path.read_text(), path)
    assert found.span.location.endswith("parts.net:2:10")
    assert any("main.net:3:1" in note for note in found.notes)
    assert not found.help


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"main": 'import "nowhere.net"\nrelu'}, "TG003"),
        ({"main": 'import "main.net"\nrelu'}, "TG314"),
        ({"a": 'import "main.net"', "main": 'import "a.net"\nrelu'}, "TG314"),
        ({"a": "let n = 3", "main": 'let n = 4\nimport "a.net"\ndense n'}, "TG303"),
        ({"a": "block f { foo }", "main": 'import "a.net"\ninput 4\nf'}, "TG302"),
        ({"a": "let n = ", "main": 'import "a.net"\ninput 4\nrelu'}, "TG101"),
        ({"main": 'use "nowhere.net"\nrelu'}, "TG003"),
        ({"main": 'use "main.net"\nrelu'}, "TG314"),
        ({"a": "input 8x8x3\nrelu", "main": 'input 4\nuse "a.net"'}, "TG209"),
        ({"a": "input 8x8x3\nconv 3 foo", "main": 'input 8x8x3\nuse "a.net"'}, "TG004"),
        ({"a": "input 4\nrelu", "main": 'use "a.net" until=q\nrelu'}, "TG307"),
        ({"a": "input 4\nrelu", "main": 'use "a.net" until=3\nrelu'}, "TG403"),
        ({"a": "input 4\nrelu", "main": 'use "a.net" weights="w.safetensors"\nrelu'}, "TG003"),
        ({"a": "input 4\nrelu", "main": 'use "a.net" frosen\nrelu'}, "TG301"),
        ({"a": "p = input 4\nq = input 4\nadd p", "main": 'use "a.net"\nrelu'}, "TG209"),
    ],
)
def test_mistake_with_other_files(folder, files, code):
    path = folder(**files)
    found = mistakes(path.read_text(), path)
    assert found[0].code == code


def test_use_makes_another_network_a_part_of_this_one(folder):
    path = folder(
        base="net trunk\ninput 32x32x3\nbody = { conv 4 3x3; conv 8 3x3 relu }\ngap\ndense 10",
        main='input 16x16x3\nuse "base.net" until=body frozen\ngap\ndense 2 softmax',
    )
    net = dsl.load(path)
    assert [(layer.name, layer.output_shape, layer.frozen) for layer in net.layers] == [
        ("trunk/body/conv", (14, 14, 4), True),
        ("trunk/body/conv_1", (12, 12, 8), True),
        ("gap", (8,), False),
        ("dense", (2,), False),
    ]
    with tf.Graph().as_default():
        assert set(dsl.compile_net(net).variables) >= {"trunk/body/conv/kernel", "dense/bias"}


def test_use_gives_the_input_where_nothing_else_does(folder):
    path = folder(base="input 8x8x1\nconv 4 3x3", main='a = use "base.net"\ngap\ndense 2')
    net = dsl.load(path)
    assert net.input_shape == (8, 8, 1)
    assert net.layers[0].name == "a/conv"


def test_a_constant_that_holds_an_activation_is_a_statement():
    text = "input 8\nblock f(n, end=relu) {\n  dense n\n  end\n}\nf 3\nf 4 leaky_relu(0.3)"
    one, two = (layer for layer in check(text).layers if layer.kind == "act")
    assert str(one.activation) == "relu"
    assert str(two.activation) == "leaky_relu(0.3)"
    assert mistake("input 8\nlet end = relu\nend 3").code == "TG302"
    assert mistake("input 8\nlet end = same\nend").code == "TG302"


def test_names_that_end_with_their_braces_are_remembered():
    found = mistake("input 8\nrepeat 2 {\n  x = dense 8\n}\nadd x")
    assert (found.code, found.label) == (
        "TG307",
        "line 3 defines it, in braces that end before this line",
    )


def test_braces_behind_braces_are_statements():
    assert names("input 8\n{ relu }\n{ tanh }") == ["relu", "tanh"]
    assert names("input 8\nx = residual { relu }\nadd x") == ["relu", "x", "add"]


def test_a_file_that_cannot_be_read_is_the_only_mistake(folder):
    path = folder(main="")
    found = mistake('import "missing.net"\ninput 8\nwide 3\ndense units', path)
    assert found.code == "TG003"
    assert mistake('import "a\0b.net"\ninput 8\nrelu', path).code == "TG003"


def test_an_import_of_which_nothing_is_used_is_warned_of(folder):
    path = folder(blocks="block wide() { dense 9 }\nlet n = 3", main="")
    warnings = check('import "blocks.net"\ninput 8\ndense 3', path).warnings
    assert [w.code for w in warnings] == ["TG319"]
    assert check('import "blocks.net"\ninput 8\ndense n', path).warnings == ()


def test_lists_have_a_limit():
    doubling = "".join(f"let a{i} = [a{i - 1}, a{i - 1}]\n" for i in range(1, 60))
    found = mistake(f"let a0 = [1, 1]\n{doubling}input 8\ndense a59")
    assert (found.code, found.span.line) == ("TG415", 11)
