"""No text escapes as anything but messages whose places lie in the file."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import dsl
from dsl.codes import CODES
from dsl.diagnostics import apply_edits
from dsl.layers import ACTIVATIONS, INITIALIZERS, LAYERS
from dsl.words import LATER_LAYERS, LATER_STATEMENTS, STATEMENTS

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.net"))]

WORDS = [
    *sorted(STATEMENTS | LATER_STATEMENTS | LATER_LAYERS | LAYERS.keys() | ACTIVATIONS.keys()),
    *INITIALIZERS,
    *("same", "valid", "nobias", "ceil", "stride", "pad", "init", "lr", "data"),
]
WORDS += ["digits", "loss", "optimizer", "adam", "batch", "epochs", "metrics", "accuracy", "x", "y"]
WORDS += ["max", "channels", "classes", "height", "true", "choose", "of", "mse", "validation"]
PIECES = [
    "1",
    "10",
    "3",
    "0",
    "0.5",
    ".5",
    "1e-3",
    "1e999",
    "9" * 30,
    "3x3",
    "28x28x1",
    "?x?x3",
    "?",
]
PIECES += ["3x", "1a", "(", ")", "[", "]", "{", "}", "=", ",", "+", "-", "*", "/", "//", "%", "**"]
PIECES += ["<", "==", "!", ";", "\n", "\n", "\r\n", '"', '"a"', "#", ".", "é", "data a/b.npz", "\t"]


def lines_of(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def examine(text):
    """Check a text and every message about it."""
    tree = dsl.parse(text, "fuzz.net")
    found = None
    try:
        net = dsl.check(tree)
        messages = net.warnings
        json.dumps(dsl.summarize(net).to_json())
    except dsl.NetError as error:
        found, messages = error, error.diagnostics
    if found is not None:
        assert found.errors
        assert str(found).startswith(("error[", "warning["))
        edits = [edit for d in messages for edit in d.edits]
        if edits:
            dsl.check(dsl.parse(apply_edits(text, edits)))
    lines = lines_of(text)
    for message in messages:
        assert message.code in CODES
        assert 0 <= message.span.start <= message.span.end <= len(text)
        assert 1 <= message.span.line <= len(lines)
        assert 1 <= message.span.column <= len(lines[message.span.line - 1]) + 1
        assert f"\n{' ' * len(str(message.span.line))} --> fuzz.net:" in message.render()
        json.dumps(message.to_json())


@given(st.text())
@example("\ufeffdense 10")
@example("dense 10\x00")
@example("let a = \ud800")
def test_any_text(text):
    examine(text)


@given(st.binary())
def test_any_bytes(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes.net"
    path.write_bytes(data)
    said = f"--> {path}:"
    try:
        dsl.load(path)
    except dsl.NetError as error:
        said = str(error)
    assert f"--> {path}:" in said


@given(st.lists(st.sampled_from(WORDS + PIECES), max_size=25), st.sampled_from([" ", ""]))
def test_any_sequence_of_words(words, separator):
    examine(separator.join(words))


@st.composite
def mutated_files(draw):
    """Return one of the examples with some stretches deleted, repeated or replaced."""
    text = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        middle = draw(
            st.one_of(
                st.just(""),
                st.just(text[start:end] * 2),
                st.sampled_from(WORDS + PIECES),
                st.text(max_size=3),
            )
        )
        text = text[:start] + middle + text[end:]
    return text


@given(mutated_files())
def test_mutated_examples(text):
    examine(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "dense " + "(" * 10_000 + "1" + ")" * 10_000,
        "dense " + "max(" * 90 + "1" + ")" * 90,
        "dense " + "(1+2*-2**(3<" * 50 + "1" + "))" * 50,
        "let a = " + "[" * 5000,
        "let a = " + "-" * 5000 + "1",
        "let a = " + "2**" * 5000 + "1",
        "let a = " + "1+" * 20_000 + "1\ndense a",
        "{" * 20_000,
        "train {" * 2000,
        "}" * 20_000,
        "let a = " + "9" * 20_000,
        "input " + "1x" * 20_000 + "1\ndense 3",
        "dense " + "a" * 100_000,
        "relu\n" * 3000,
        "x = relu\n" * 3000,
        ")\n" * 3000,
        "from x\n" * 3000,
        '"' * 5000,
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_extremes(text):
    examine(text)


def test_nesting_up_to_the_limit_is_fine():
    net = dsl.check(dsl.parse(f"dense {'(' * 100}10{')' * 100}"))
    assert net.output_shape == (10,)
