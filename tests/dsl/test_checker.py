"""Single mistakes: what is found, where, and which repair is offered."""

import pytest

import dsl
from dsl.checker import suggestions


def mistakes(text, **known):
    """Return the messages about a text that is not valid."""
    with pytest.raises(dsl.NetError) as caught:
        dsl.check(dsl.parse(text, "test.net"), **known)
    return caught.value.diagnostics


def mistake(text, **known):
    (only,) = mistakes(text, **known)
    return only


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("input 8x8x1\nconv 8 3x3x3", "TG403", "3x3x3"),
        ("input 8x8x1\nconv 8 ?x3", "TG403", "?x3"),
        ("input 8x8x1\nconv 8 relu", "TG401", "conv 8"),
        ('input 8x8x1\nconv 8 "3"', "TG403", '"3"'),
        ("input 8x8x1\nconv 8 2.5", "TG403", "2.5"),
        ("input 8x8x1\nconv 8 3x3 1 + 1", "TG402", "1 + 1"),
        ("input 8x8x1\nconv 8 3x3 init=relu", "TG301", "relu"),
        ("input 8x8x1\nconv 8 3x3 init=true", "TG403", "true"),
        ("input 8x8x1\nconv 8 5x5 init=sharpen", "TG229", "init=sharpen"),
        ("input 8x8x1\nmaxpool 2 same ceil", "TG406", "ceil"),
        ("input 8x8x1\nmaxpool 2 pad=2", "TG404", "pad=2"),
        ("input 8x8x1\nmaxpool 2 gelu", "TG410", "gelu"),
        ("dense 5 leaky_relu(1, 2)", "TG403", "leaky_relu(1, 2)"),
        ("dense 5 leaky_relu(-1)", "TG404", "leaky_relu(-1)"),
        ("dense 5 relu(1)", "TG403", "relu(1)"),
        ("act 5", "TG403", "5"),
        ("act", "TG401", "act"),
        ("dropout true", "TG403", "true"),
        ("dense same", "TG301", "same"),
        ("dense 5 same", "TG402", "same"),
        ("dense max(oops, 1)", "TG307", "oops"),
        ("dense gelu(1)", "TG403", "gelu(1)"),
        ("dense height", "TG205", "height"),
        ("x = dense 5\nadd 5 x", "TG403", "5"),
        ("input 1x99999999999999999999x3\ndense 5", "TG109", "1x99999999999999999999x3"),
        ("input oops\ndense 5", "TG307", "oops"),
        ("input 4\ninput 5\ndense 5", "TG303", "input 5"),
        ("input ?x?x3\nflatten", "TG205", "flatten"),
        ("input 8x8x?\nconv 3 3x3", "TG205", "conv"),
        ("input 8x8x3\ndense 5\nmaxpool 2", "TG202", "maxpool"),
        ("dense 5\nlet conv = 3", "TG304", "conv"),
        ("from net", "TG101", "net"),
        ("output a =", "TG101", "="),
        ("max(1, 2)", "TG108", "max(1, 2)"),
        ("dense 3 | 4", "TG101", "|"),
        ("dense 3 relu max(1)", "TG402", "max(1)"),
        ("relu relu", "TG410", "relu"),
    ],
)
def test_mistake(text, code, place):
    message = mistake(text, **({"input_shape": (7,)} if "input" not in text else {}))
    assert (message.code, message.span.text) == (code, place)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("input 28 28 1\nconv 3 3x3", "input 28x28x1\nconv 3 3x3"),
        ("input 8x8x1\nconv 8 3 3", "input 8x8x1\nconv 8 3x3"),
        ("input 8x8x1\nconv 8 3x3x3", "input 8x8x1\nconv 8 3x3"),
        ("input 8x8x1\nconv 8 9x9 valid", "input 8x8x1\nconv 8 9x9 same"),
        # `same` would contradict `ceil`: the second idea is offered.
        (
            "input 8x8x1\nmaxpool 9 ceil pad=0 stride=1",
            "input 8x8x1\nmaxpool 8x8 ceil pad=0 stride=1",
        ),
        ("inptu 8x8x1\ndense 3", "input 8x8x1\ndense 3"),
        ("x = dens 3", "x = dense 3"),
        ("dense 5 same=2", None),
        ("input 8x8x1\nconv 5 3x3 same=2", "input 8x8x1\nconv 5 3x3 same"),
        ("dense -3 relu\ndense 3", None),
        ("dropout 0.5\nleaky_relu -alpha", None),
        ("let a = -1\nleaky_relu slope=0.1 * (a\n", None),
        ("let a = 1\nlet b = (a + 1\ndense b * a", "let a = 1\nlet b = (a + 1)\ndense b * a"),
        ("dense 3\ntrain { batch 5", "dense 3\ntrain { batch 5\n}"),
        ("dense 3\ntrain { batch 5; bach 6 }", None),
        ("dense 3\ntrain { epoch 6 }", "dense 3\ntrain { epochs 6 }"),
        ("dense 3\ntrain { data a-b }", 'dense 3\ntrain { data "a-b" }'),
        ("let units = 3\ndense unit", "let units = 3\ndense units"),
        ("let Units = 3\ndense 3", "let units = 3\ndense 3"),
        ("dense 3 nobias nobias", "dense 3 nobias "),
        ("input 8x8x1\nmaxpool 2 relu", "input 8x8x1\nmaxpool 2 ; relu"),
    ],
)
def test_repair(text, repaired):
    messages = mistakes(text)
    edits = [edit for message in messages for edit in message.edits]
    assert all(bool(message.help) == (repaired is not None) for message in messages)
    assert dsl.diagnostics.apply_edits(text, edits) == (repaired or text)


def test_no_repair_without_time_for_it(monkeypatch):
    monkeypatch.setattr(suggestions, "MAX_TRIED_TEXT", 0)
    assert mistake("dens 3").help == ""


def test_no_repair_where_there_are_very_many_errors():
    messages = mistakes("dens 3\n" * 50)
    assert len(messages) == 50
    assert not any(message.help for message in messages)


def test_way_of_an_image_begins_at_the_last_merge():
    message = mistake("input 9x9x1\na = conv 1 3x3\nrelu\nadd a\nmaxpool 3 stride=2\nconv 1 5x5")
    assert message.notes == ("the image shrinks 7 → 3 (line 5: maxpool 3 stride=2)",)


def test_images_that_are_not_square():
    message = mistake("input 9x7x1\nconv 1 3x3\nconv 1 6x6")
    assert message.message == "a 6x6 kernel does not fit a 7x5 image"
    assert message.notes == ("the image shrinks 9x7 → 7x5 (line 2: conv 1 3x3)",)
    assert message.help == "`same` on line 2 makes the whole file valid"


def test_dilation_counts():
    message = mistake("input 8x8x1\nconv 1 3x3 dilation=4 pad=0")
    assert message.message == "a 3x3 kernel with dilation 4 does not fit an 8x8 image"
    assert message.label == "needs at least 9x9, receives 8x8x1"
