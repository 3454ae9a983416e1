"""No text escapes as anything but messages whose places lie in the file."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dsl
from dsl.checker.train_section import NUMBER_SETTINGS, OPTION_SETTINGS
from dsl.codes import CODES
from dsl.diagnostics import apply_edits
from dsl.formatter.format import format_text
from dsl.layers import ACTIVATIONS, INITIALIZERS, LAYERS
from dsl.losses import LOSSES
from dsl.optimizers import OPTIMIZERS
from dsl.schedules import SCHEDULES
from dsl.steps import AUGMENT, PREPROCESS
from dsl.words import PROPERTIES, STATEMENTS

MAX_SIZE = 2000
LONGEST_MESSAGE = 5000

EXAMPLES = Path(__file__).parents[2] / "examples"
# Whole networks of the literature take long to check again and again.
FILES = [path for path in sorted(EXAMPLES.rglob("*.net")) if path.stat().st_size < MAX_SIZE]

WORDS = [
    *sorted(STATEMENTS | LAYERS.keys() | ACTIVATIONS.keys() | PROPERTIES),
    *sorted(INITIALIZERS.keys() | OPTIMIZERS.keys() | SCHEDULES.keys() | LOSSES.keys()),
    *sorted(OPTION_SETTINGS.keys() | NUMBER_SETTINGS.keys() | PREPROCESS.keys() | AUGMENT.keys()),
    *("same", "valid", "nobias", "ceil", "stride", "pad", "init", "lr", "data", "frozen", "until"),
    *("digits", "loss", "optimizer", "metrics", "accuracy", "all", "of", "validation", "x", "y"),
    *("max", "choose", "log_uniform", "true", 'import "alexnet.net"', 'use "lenet5.net"'),
    *("x =", "x = {", "block x(y, z=3) {", "repeat 2 as y {", "residual {", "} shortcut {", "} {"),
    *("if true {", "} else {", "else if", "branch {", "} concat", "let x =", "train {", "input 8"),
]
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


def examine(text, folder=EXAMPLES / "zoo"):
    """Check a text, every message about it, and its canonical form."""
    name = str(folder / "fuzz.net")
    tree = dsl.parse(text, name)
    found = None
    try:
        net = dsl.check(tree)
        messages = net.warnings
        json.dumps(dsl.summarize(net).to_json())
    except dsl.NetError as error:
        found = error
    if found is not None:
        messages = found.diagnostics
        assert found.errors
        assert str(found).startswith(("error[", "warning["))
        edits = [edit for d in messages for edit in d.edits]
        assert all(edit.span.source.text == text for edit in edits)
        if edits:
            dsl.check(dsl.parse(apply_edits(text, edits), name))
    for message in messages:
        examine_message(message)
    examine_format(text, name, parsed=not tree.diagnostics, valid=found is None)


def examine_message(message):
    """Check that a message lies in its file, and has the form of all others."""
    text = message.span.source.text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert message.code in CODES
    assert 0 <= message.span.start <= message.span.end <= len(text)
    assert 1 <= message.span.line <= len(lines)
    assert 1 <= message.span.column <= len(lines[message.span.line - 1]) + 1
    rendered = message.render()
    assert f"\n{' ' * len(str(message.span.line))} --> {message.span.source.name}:" in rendered
    assert len(rendered) < LONGEST_MESSAGE
    json.dumps(message.to_json())


def examine_format(text, name, *, parsed, valid):
    """Check that the canonical form is one, and means the same."""
    try:
        formatted = format_text(text, name)
    except dsl.NetError:
        assert not parsed
        return
    assert parsed
    assert format_text(formatted, name) == formatted
    try:
        dsl.check(dsl.parse(formatted, name))
    except dsl.NetError:
        assert not valid
    else:
        assert valid


@given(st.text())
@example("\ufeffdense 10")
@example("dense 10\x00")
@example("let a = \ud800")
@example("; }")
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
    text = dsl.read_file(draw(st.sampled_from(FILES)))
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


def nested(opening, depth, inner="relu", closing="}"):
    return opening * depth + inner + closing * depth


def doubling(times):
    """Return blocks of which each calls the one before it twice."""
    blocks = [f"block b{i}() {{ b{i - 1}; b{i - 1} }}" for i in range(1, times)]
    return "\n".join(["block b0() { relu }", *blocks, f"b{times - 1}"])


EXTREMES = {
    "parentheses": "(" * 20_000,
    "parentheses in an argument": f"dense {nested('(', 10_000, '1', ')')}",
    "calls": f"dense {nested('max(', 90, '1', ')')}",
    "operators": "dense " + "(1+2*-2**(3<" * 50 + "1" + "))" * 50,
    "open lists": "let a = " + "[" * 5000,
    "minus signs": "let a = " + "-" * 5000 + "1",
    "powers": "let a = " + "2**" * 5000 + "1",
    "a large power": "dense 9**9**9",
    "a power of a power": "let a = 9**9\nlet b = a**a\nlet c = b**b\ndense c",
    "a long sum": "let a = " + "1+" * 5000 + "1\ndense a",
    "open braces": "{" * 5000,
    "braces": nested("{", 1000),
    "open trains": "train {" * 2000,
    "closing braces": "}" * 5000,
    "repeats": nested("repeat 2 {", 1000),
    "residuals": nested("residual {", 1000),
    "ifs": nested("if true {", 1000),
    "ifs behind each other": "relu\nif false { relu }" + " else if false { relu }" * 3000,
    "branches": nested("branch {", 1000, closing="} { } add"),
    "arms": "relu\nbranch {" + "} {" * 3000 + "} add",
    "many repetitions": "repeat 1000000000 { relu }",
    "repetitions in each other": nested("repeat 1000 { ", 5, "rellu"),
    "doubling blocks": doubling(60),
    "doubling lists": "let a0 = [1, 1]\n"
    + "".join(f"let a{i} = [a{i - 1}, a{i - 1}]\n" for i in range(1, 60))
    + "dense a59",
    "a large number": "let a = " + "9" * 20_000,
    "a long size": "input " + "1x" * 20_000 + "1\ndense 3",
    "large sizes": "input 1000000x1000000x1000000\nconv 1000000 999999",
    "a long word": "dense " + "a" * 100_000,
    "layers": "relu\n" * 1000,
    "names": "x = relu\n" * 1000,
    "closing parentheses": ")\n" * 1000,
    "unknown names": "from x\n" * 1000,
    "quotes": '"' * 5000,
    "an import of itself": 'import "fuzz.net"\nrelu',
    "an import of a folder": 'import "."\nrelu',
    "a path with a zero": 'import "a\0b"\nrelu',
    "a long path": f'import "{"a" * 5000}"\nrelu',
}


@pytest.mark.parametrize("text", EXTREMES.values(), ids=EXTREMES.keys())
def test_extremes(text):
    examine(text)


def test_nesting_up_to_the_limit_is_fine():
    net = dsl.check(dsl.parse(f"dense {'(' * 100}10{')' * 100}"))
    assert net.output_shape == (10,)
    assert dsl.check(dsl.parse(nested("{", 100))).layers


def calls(read, count):
    """Return how many functions are called to do something with a file of so many lines."""
    text = "".join(f"x{i} = relu  # comment\n" for i in range(count))
    made = 0

    def count_call(frame, event, argument):
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        read(text)
    finally:
        sys.setprofile(before)
    return made


def check_text(text):
    dsl.check(dsl.parse(text), input_shape=(8,))


@pytest.mark.parametrize("read", [dsl.parse, format_text, check_text])
def test_work_grows_with_the_length_of_a_file(read):
    read("relu")  # the first call makes the parser
    assert calls(read, 2000) < 11 * calls(read, 200)


@pytest.mark.skipif(settings().max_examples < 1000, reason="pytest --hypothesis-profile deep")
def test_a_file_of_100_000_lines():
    assert calls(dsl.parse, 100_000) < 21 * calls(dsl.parse, 5000)
