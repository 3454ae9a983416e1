"""What the shape rules of layers complain about, where they point, and what they offer."""

import pytest

import dsl
from dsl.diagnostics import apply_edits


def errors_of(text):
    with pytest.raises(dsl.NetError) as caught:
        dsl.check(dsl.parse(text))
    return caught.value.errors


@pytest.mark.parametrize(
    ("text", "code", "pointed", "message"),
    [
        # Kinds of input.
        ("input 28x28x1\nconv1d 8 3", "TG220", "conv1d", "`conv1d` needs a sequence"),
        ("input 8x8x8x1\nconv 8 3", "TG202", "conv", "`conv` needs an image"),
        ("input 9x4\nconv3d 8 3", "TG221", "conv3d", "`conv3d` needs a volume"),
        ("input 9\nmaxpool 2", "TG202", "maxpool", "needs a sequence, an image or a volume"),
        ("input 9\ngap", "TG202", "gap", "needs a sequence, an image or a volume"),
        ("input 9\nzeropad 1", "TG202", "zeropad", "needs a sequence, an image or a volume"),
        ("input 2x3x4x5\ndepthwise 2", "TG202", "depthwise", "needs a sequence or an image"),
        ("input 2x3x4x5\nupsample 2 bilinear", "TG202", "upsample", "a sequence or an image"),
        ("input 9x4\nlrn", "TG202", "lrn", "`lrn` needs an image"),
        ("input 8x8x3\ngru 4", "TG220", "gru", "`gru` needs a sequence"),
        ("input 9\nembedding 4", "TG225", "embedding", "needs token ids"),
        ("input 9 of 50\nlstm 4", "TG226", "lstm", "receives token ids"),
        ("input 9 of 50\nrelu", "TG226", "relu", "receives token ids"),
        # Sizes.
        ("input 9x4\nmaxpool 2x2", "TG228", "2x2", "`2x2` has 2 sizes, and the sequence 1"),
        ("input 9x9x4\navgpool 2 stride=1x2x1", "TG228", "stride=1x2x1", "the image 2"),
        ("input 9x4\ncrop 1 1x1", "TG228", "1x1", "has 2 sizes"),
        ("input 4x4\nconv1d 8 5", "TG201", "5", "a kernel of 5 does not fit a sequence of 4"),
        ("input 4x4x1\ndepthwise 5", "TG201", "5", "a 5x5 kernel does not fit a 4x4 image"),
        ("input 2x4x4x1\nconv3d 8 3", "TG201", "3", "a 3x3x3 kernel does not fit a 2x4x4 volume"),
        ("input 2x4x4x1\nmaxpool 3", "TG201", "3", "a 3x3x3 window does not fit"),
        ("input 4x4x1\nconv 8 3 dilation=2", "TG201", "3", "with dilation 2"),
        ("input 4x4x1\ncrop 2", "TG227", "2", "`crop` leaves nothing of the image"),
        ("input 4x4\ncrop 1 3", "TG227", "3", "`crop` leaves nothing of the sequence"),
        ("input 1x1x4\ndeconv 2 3 pad=2", "TG227", "pad=2", "leaves nothing of the result"),
        ("input 4x4x4\nmaxpool 2 pad=2", "TG404", "pad=2", "hides whole windows"),
        # Groups.
        ("input 8x8x6\nconv 8 3 groups=4", "TG222", "groups=4", "the 6 channels of the input"),
        ("input 8x8x8\nconv 6 3 groups=4", "TG222", "groups=4", "the 6 filters"),
        ("input 8x8x6\ndeconv 8 3 groups=4", "TG222", "groups=4", "the 6 channels"),
        # Shapes.
        ("input 4x4x1\nreshape 3x5", "TG223", "3x5", "4x4x1 cannot become 3x5"),
        ("input 4x4x1\nreshape ?x?", "TG223", "?x?", "cannot become ?x?"),
        ("input 4x4x1\nreshape 5x?", "TG223", "5x?", "cannot become 5x?"),
        ("input 4x4x1\npermute 1 2", "TG224", "1 2", "needs each axis once"),
        ("input 4x4x1\npermute 0 1 2", "TG404", "0", "at least 1"),
        ("input ?x4x1\nreshape 4", "TG205", "reshape", "known size"),
        ("input 4x4x?\nbatchnorm", "TG205", "batchnorm", "known size"),
        ("input 4x4x?\nconv 8 3", "TG205", "conv", "known size"),
        # Numbers.
        ("input 9x9x1\nconv 8 3 stride=0", "TG404", "0", "stride"),
        ("input 9x9x1\nspatial_dropout 1.5", "TG404", "1.5", "rate"),
        ("input 9x9x1\nnoise (-1)", "TG404", "(-1)", "stddev"),
        ("input 9x9x1\nbatchnorm momentum=2", "TG404", "2", "momentum"),
        ("input 9x9x1\nbatchnorm eps=0", "TG404", "0", "eps"),
        ("input 9x9x1\nconv 8 3 max_norm=0", "TG404", "0", "max_norm"),
        ("input 9x9x1\nconv 8 3 init=normal(-1)", "TG404", "normal(-1)", "of `normal` must be"),
        ("input 9x9x1\nconv 8 3 init=zeros(1)", "TG403", "zeros(1)", "must be `zeros`"),
        ("input 9x9x1\nconv 8 3 init=[1, [2]]", "TG403", "[1, [2]]", "`init` of `conv` must"),
        ("input 9x9x1\nconv 8 3 l2=-1", "TG404", "-1", "l2"),
        ("input 9x9x1\nupsample 0", "TG404", "0", "size"),
        ("input 9x9\nlstm 8 return=first", "TG301", "first", ""),
        ("input 9x9\nlstm 8 softmax", "TG420", "softmax", "inside of its cell"),
        ("input 9x9x1\nmaxpool 2 same ceil", "TG406", "ceil", "`ceil` has no effect"),
    ],
)
def test_complaint(text, code, pointed, message):
    (error,) = errors_of(text)
    assert error.code == code
    assert error.span.text == pointed
    assert message in error.message


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("input 128x9\nrelu\nconv 8 3", "input 128x9\nrelu\nconv1d 8 3"),
        ("input 8x8x3\nconv1d 8 3", "input 8x8x3\nconv 8 3"),
        ("input 8x8x8x3\nconv 8 3", "input 8x8x8x3\nconv3d 8 3"),
        ("input 128x9\nmaxpool 2x2", "input 128x9\nmaxpool 2"),
        ("input 3x9\nconv1d 8 5", "input 3x9\nconv1d 8 5 same"),
        ("input 9x9x1\navgpool 2 stride=2x2x2", "input 9x9x1\navgpool 2 stride=2"),
        ("input 3x3x1\nconv filters=8 size=4 pad=0", "input 3x3x1\nconv filters=8 size=4 same"),
    ],
)
def test_repair(text, repaired):
    (error,) = errors_of(text)
    assert apply_edits(text, error.edits) == repaired


@pytest.mark.parametrize(
    ("formula", "code", "place"),
    [
        ("x * y", "TG421", "y"),
        ("x * sigmoids(x)", "TG421", "sigmoids"),
        ("softmax(x)", "TG421", "softmax"),
        ("x + [1]", "TG422", "[1]"),
        ("min(x)", "TG422", "min(x)"),
        ("leaky_relu(x, 1, 2)", "TG422", "leaky_relu(x, 1, 2)"),
        ("2 * * x", "TG101", "*"),
    ],
)
def test_mistake_in_a_formula_is_pointed_at(formula, code, place):
    text = f'input 4\nlambda "{formula}"'
    (error,) = errors_of(text)
    assert error.code == code
    assert error.span.text == place
    assert text.index('"') < error.span.start


def test_mistake_in_a_formula_given_by_name():
    (error,) = errors_of('input 4\nlambda expression="1 + y"')
    assert (error.code, error.span.text) == ("TG421", "y")


def test_all_mistakes_of_a_formula_are_found():
    assert [error.span.text for error in errors_of('input 4\nlambda "y + z * f(x)"')] == [
        "y",
        "z",
        "f",
    ]


def test_a_formula_is_a_string():
    (error,) = errors_of("input 4\nlambda 3")
    assert error.code == "TG403"
    assert "an expression of x in quotes" in error.message


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("input 9x4\nmaxpool 2", "the last step of the sequence is never seen"),
        ("input 4x4x9x1\nmaxpool 2", "the last column of the volume is never seen"),
        ("input 5x4x4x1\nconv3d 2 2x2x2 stride=2", "the last plane of the volume"),
    ],
)
def test_what_no_window_reaches_is_a_warning(text, lost):
    (warning,) = dsl.check(dsl.parse(text)).warnings
    assert warning.code == "TG204"
    assert lost in warning.message


def test_note_shows_how_a_sequence_shrinks():
    (error,) = errors_of("input 20x4\nconv1d 8 9\nmaxpool 2\nconv1d 8 9")
    assert error.code == "TG201"
    assert "the sequence shrinks 20 → 12 → 6 (line 3: maxpool 2)" in error.notes
    assert error.help == "`same` on line 2 makes the whole file valid: 20 → 10"
