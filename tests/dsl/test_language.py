"""What a `.net` file can say: syntax, expressions, names, statements."""

import pytest

import dsl
from dsl.layers.arguments import UNKNOWN
from dsl.syntax import Chain, LayerStatement, Name, Option, Power, SizeLiteral, TrainStatement


def check(text, **known):
    return dsl.check(dsl.parse(text, "test.net"), **known)


def codes(text, **known):
    try:
        return [d.code for d in check(text, **known).warnings]
    except dsl.NetError as error:
        return [d.code for d in error.diagnostics]


def value(expression, head="input 8x8x3"):
    """Return the value of an expression by way of an option that takes any number."""
    net = check(f"{head}\ndense 1 bias_init={expression}", classes=10)
    return float(net.layers[-1].arguments["bias_init"].name)


# Words and statements


def test_a_name_and_a_bracket_without_space_is_a_call():
    statement = dsl.parse("dense max(1, 2) f (3)").statements[0]
    assert isinstance(statement, LayerStatement)
    call, name, number = statement.arguments
    assert call.function.text == "max"
    assert isinstance(name, Name)
    assert number.span.text == "(3)"


def test_arguments_stand_side_by_side():
    statement = dsl.parse("conv 2*f 3x3 a -b stride=2 -1").statements[0]
    product, size, difference, option = statement.arguments
    assert isinstance(product, Chain)
    assert isinstance(size, SizeLiteral)
    assert difference.span.text == "a -b"
    assert isinstance(option, Option)
    assert option.span.text == "stride=2 -1"


def test_every_node_knows_its_place():
    text = "net a\ninput ?x8\nlet b = -2 ** (3 + 1) < [1, 2]\nc = dense b x=1\nfrom c\noutput c\n"
    texts = [s.span.text for s in dsl.parse(text).statements]
    assert texts == text.splitlines()
    let = dsl.parse(text).statements[2]
    assert let.value.left.span.text == "-2 ** (3 + 1)"
    assert isinstance(let.value.left, Power)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("data digits", "digits"),
        ("data ../shared/mnist", "../shared/mnist"),
        ("data mnist.npz validation=0.1", "mnist.npz"),
        ("data /data/my-set/x_1.npz", "/data/my-set/x_1.npz"),
        ("data ./x", "./x"),
        ("data ~/x", "~/x"),
        ("data C:\\x\\y.npz", "C:\\x\\y.npz"),
        ('data "my data#1.npz" validation=0.1', "my data#1.npz"),
        ("data folder", "folder"),
        ("data FOLDER", "FOLDER"),
        ("data a/b # comment", "a/b"),
    ],
)
def test_data_is_a_name_or_a_path(text, path):
    net = check(f"dense 10 softmax\ntrain {{ {text}\n}}")
    assert net.train.data.source == path
    assert net.train.data.validation == (0.1 if "validation" in text else 0.0)
    assert net.train.data.span.text.strip('"') == path


def test_data_as_a_name_of_a_value_is_no_path():
    net = check("input 4\ndata = dense 4\ndense 4\nadd data\nfrom data\nrelu")
    assert net.layers[0].name == "data"


def test_statements_end_at_a_line_end_or_semicolon_and_comments_stand_anywhere():
    net = check("# first\n;; relu;tanh # and\r\n\r\n  sigmoid;\r#last")
    assert [layer.kind for layer in net.layers] == ["relu", "tanh", "sigmoid"]
    assert [layer.line for layer in net.layers] == [2, 2, 4]


def test_brace_of_train_may_stand_on_the_next_line():
    assert check("dense 3\ntrain\n\n{ batch 5; epochs 2 }").train.batch == 5


def test_shortest_file():
    net = check("conv 32 3x3 relu; maxpool 2; dense 10 softmax", input_shape=(28, 28, 1))
    assert net.output_shape == (10,)
    assert net.train.loss == "cross_entropy"
    assert net.name == "test"
    unknown = check("conv 32 3x3 relu; maxpool 2; dense 10 softmax")
    assert unknown.input_shape is None
    assert unknown.output_shape == (10,)


# Expressions


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("7 // 2 % 2", 1),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("2 ** -1", 0.5),
        ("2 ** -1 ** 2", 0.5),
        ("(1 + 2) * 3", 9),
        ("(-8) // 3", -3),
        ("min(3, 1, 2) + max([4, 5])", 6),
        ("round(2.5) + floor(2.7) + ceil(2.1)", 7),
        ("1e-3 * .5e1", 0.005),
        ("channels", 3),
        ("height * width", 64),
        ("features", 192),
        ("classes", 10),
        ("channels / 2", 1.5),
    ],
)
def test_expression(expression, result):
    assert value(expression) == pytest.approx(result)


@pytest.mark.parametrize(
    ("expression", "result"),
    [("1 < 2", True), ("1 >= 2", False), ('"a" == "a"', True), ("true != false", True)],
)
def test_comparison(expression, result):
    from dsl.checker.expressions import Evaluator
    from dsl.checker.findings import Findings

    node = dsl.parse(f"let a = {expression}").statements[0].value
    assert Evaluator(None, Findings()).evaluate(node) is result


def test_let_is_a_constant_for_the_lines_below():
    net = check("let units = 4 * 8\nlet half = units / 2\ndense units\ndense half")
    assert [layer.output_shape for layer in net.layers] == [(32,), (16,)]


def test_what_is_not_known_silences():
    net = check("let n = classes * 2\ndense n\ndense channels\ndense 5")
    assert [layer.output_shape for layer in net.layers] == [None, None, (5,)]
    assert net.layers[0].arguments["units"] is UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "dense 3 + true",
        'dense "a" * 3',
        "dense [1] + [2]",
        "dense 1e308 * 10",
        "dense 10.0 ** 400",
        "dense floor(1e300)",
        "dense round(1, 2)",
        "dense min()",
        'dense max("a", 1)',
        "dense 1 % 0",
        "dense 5.5",
        "dense true",
        'dense "a"',
        "dense 3x3",
        "dense [3]",
        "input 0\ndense 3",
        "input 3x0\ndense 3",
        'input "a"\ndense 3',
        "input\ndense 3",
        "input 2.5\ndense 3",
        "input 28 28 1\ndense 3",
        "input x=3\ndense 3",
        "input 100 of 10000\ndense 3",
    ],
)
def test_expressions_and_shapes_that_make_no_sense(text):
    assert len(codes(text)) == 1


# Names


def test_layers_are_named_as_in_keras():
    net = check(
        "relu; dense 3; dense 3; dense_1 = dense 3; dense 3; relu\nfrom dense_1\nadd dense_1"
    )
    names = [layer.name for layer in net.layers]
    assert names == ["relu", "dense", "dense_2", "dense_1", "dense_3", "relu_1", "add"]


def test_named_values_and_merges():
    net = check("input 8x8x4\nstem = conv 4 3x3 same relu\nconv 4 3x3 same\nadd stem\nconcat stem")
    assert net["add"].inputs == ("conv", "stem")
    assert net.output_shape == (8, 8, 8)
    assert not net.warnings


def test_outputs():
    net = check("input 4\na = dense 2\nb = dense 3\noutput a b")
    assert net.outputs == ("a", "b")
    assert [net.shape_of(name) for name in net.outputs] == [(2,), (3,)]
    assert codes("input 4\na = dense 2\noutput a\noutput a") == ["TG303"]


def test_names_of_results_count_as_used_others_do_not():
    assert codes("input 4\na = dense 2") == []
    assert codes("input 4\na = dense 2\nrelu") == ["TG305"]
    assert codes("let unused = 3\ndense 2") == ["TG305"]


def test_a_name_with_an_error_causes_no_other():
    assert codes("let a = 3 +\ndense a") == ["TG101"]
    assert codes("let a = b\ndense a") == ["TG307"]
    assert codes("x = cnv 3 3x3\nrelu\nadd x") == ["TG302"]
    assert codes("input 9x9x1\nx = conv 3\nconv 3 3x3\nadd x") == ["TG401"]
    assert codes("input 28x28\nx = conv 3 (3\nmaxpool 2\nadd x\ndense 2") == ["TG104"]
    assert codes("input 8x8x\nconv 3 3x3\ndense 2") == ["TG103"]


# Shapes and data


def test_input_of_the_data():
    assert check("dense 10 softmax\ntrain { data digits }").input_shape == (8, 8, 1)
    assert check("dense 10 softmax\ntrain { data mnist }").classes == 10
    assert check("input 64\ndense 10 softmax\ntrain { data digits }").input_shape == (64,)
    given = check("dense 10 softmax\ntrain { data digits }", input_shape=(3, 4), classes=2)
    assert (given.input_shape, given.classes) == ((3, 4), 2)


def test_input_must_suit_data_that_the_caller_knows():
    assert codes("input 8x8x1\ndense 10", input_shape=(28, 28, 1)) == ["TG206"]
    assert codes("input ?x?x1\nconv 1 3x3", input_shape=(28, 28, 1)) == []


def test_open_sizes():
    net = check("input ?x?x3\nconv 8 3x3 stride=2\nmaxpool 2 same")
    assert net.output_shape == (None, None, 8)


def test_erroneous_layers_silence_those_behind_them():
    assert codes("input 8x8x1\nconv 3 9x9\nconv 3 9x9\nmaxpool 20\ndense 3") == ["TG201"]


@pytest.mark.parametrize(
    "layer", ["conv 2 3x3 stride=2", "maxpool 3 stride=2", "avgpool 3 stride=2"]
)
def test_unseen_rows_and_columns(layer):
    assert codes(f"input 6x7x1\n{layer}") == ["TG204"]
    assert codes(f"input 7x7x1\n{layer}") == []
    assert codes(f"input 6x7x1\n{layer} same") == []


@pytest.mark.parametrize(
    "text",
    [
        # What no window reaches is the border of zeros.
        *("input 224x224x3; conv 64 7x7 stride=2 pad=3", "input 8x8x3; maxpool 3 stride=2 pad=1"),
        # These windows leave places out everywhere, which is then meant.
        *("input 8x8x3; conv 4 1x1 stride=2", "input 8x8x3; conv 4 2x2 stride=3"),
    ],
)
def test_places_that_are_not_missed(text):
    assert codes(text) == []


# Speed and size


def test_files_of_many_lines():
    net = check("dense 8 relu\n" * 20_000, input_shape=(8,))
    assert net.layers[-1].name == "dense_19999"


def test_train_is_kept_when_other_statements_are_broken():
    tree = dsl.parse("dense 10 softmax,\ntrain { epochs 3; batch , }")
    train = tree.statements[1]
    assert isinstance(train, TrainStatement)
    assert [setting.name.text for setting in train.settings] == ["epochs"]
    assert [d.code for d in tree.diagnostics] == ["TG108", "TG108"]
