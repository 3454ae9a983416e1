"""Broken files, each beside the whole text of what is said about it.

``python tests/dsl/test_messages.py`` writes the expected texts anew, to be read before a commit.
"""

from contextlib import chdir
from pathlib import Path

import pytest

import dsl
from dsl.diagnostics import Diagnostic, Edit, NetError, Source, Span, apply_edits

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.net"))


def refused(path, text):
    """Return the error that a file's text gives, in the file's folder."""
    with chdir(path.parent), pytest.raises(NetError) as caught:
        dsl.check(dsl.parse(text, path.name))
    return caught.value


def said_about(path):
    """Return the messages about a file as one text."""
    return f"{refused(path, dsl.read_file(path))}\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_broken_file(path):
    assert said_about(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_suggestions_together_make_the_file_valid(path):
    text = dsl.read_file(path)
    edits = [edit for d in refused(path, text).diagnostics for edit in d.edits]
    if edits:
        with chdir(path.parent):
            dsl.check(dsl.parse(apply_edits(text, edits), path.name))


def test_the_two_mistakes_of_the_milestone():
    text = "input 28x28x1\nconv 32 33x33 relu\ndense 10 softmx\n"
    with pytest.raises(NetError) as caught:
        dsl.check(dsl.parse(text, "bad.net"))
    first, second = caught.value.diagnostics
    assert (first.code, first.span.line, first.span.column) == ("TG201", 2, 9)
    assert (second.code, second.span.line, second.span.column) == ("TG301", 3, 10)
    assert "`same`" in first.help
    assert second.help == "did you mean `softmax`?"


def render(text, start, end, label="here"):
    return Diagnostic("TG101", "no", Span(Source("f.net", text), start, end), label).render()


def test_caret_stands_under_the_place_whatever_is_before_it():
    assert render("\tab", 1, 3).splitlines()[3:] == [" 1 |     ab", "   |     ^^ here"]
    # Characters of East Asia take two cells, combining ones none, control characters are shown.
    assert render("名x", 1, 2).splitlines()[3:] == [" 1 | 名x", "   |   ^ here"]
    assert render("e\u0301x", 2, 3).splitlines()[3:] == [" 1 | e\u0301x", "   |  ^ here"]
    assert render("\x1b[x", 2, 3).splitlines()[3:] == [" 1 | \ufffd[x", "   |   ^ here"]


def test_caret_at_the_end_and_over_several_lines():
    assert render("ab", 2, 2).splitlines()[1:] == [
        " --> f.net:1:3".replace(" ", "  ", 1),
        "   |",
        " 1 | ab",
        "   |   ^ here",
    ]
    assert render("ab\ncd", 1, 5).splitlines()[3:] == [" 1 | ab", "   |  ^ here"]
    assert render("ab\n", 3, 3).splitlines()[3:] == [" 2 |", "   | ^ here"]
    assert render("", 0, 0).splitlines()[1] == "  --> f.net:1:1"


def test_only_the_surroundings_of_a_long_line_are_shown():
    text = render("a" * 10_000 + "b" + "c" * 10_000, 10_000, 10_001)
    assert len(text) < 600
    line, caret = text.splitlines()[3:]
    assert line[caret.index("^")] == "b"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(end):
    source = Source("f.net", f"a{end}bc{end}")
    assert source.position(source.text.index("c")) == (2, 2)
    assert source.line(2) == "bc"
    assert source.position(10_000) == (3, 1)


def test_line_numbers_of_two_digits_widen_the_gutter():
    assert render("\n" * 9 + "ab", 9, 11).splitlines() == [
        "error[TG101]: no",
        "   --> f.net:10:1",
        "    |",
        " 10 | ab",
        "    | ^^ here",
    ]


def test_json_has_every_part():
    span = Span(Source("f.net", "ab\ncd"), 3, 5)
    edit = Edit(span, "x")
    message = Diagnostic("TG101", "no", span, "here", ("note",), "help", (edit,))
    assert message.to_json() == {
        "code": "TG101",
        "severity": "error",
        "message": "no",
        "file": "f.net",
        "line": 2,
        "column": 1,
        "end_line": 2,
        "end_column": 3,
        "label": "here",
        "notes": ["note"],
        "help": "help",
        "edits": [{"start": 3, "end": 5, "replacement": "x"}],
    }


def test_edits_are_made_together_unless_they_overlap():
    source = Source("f.net", "abcdef")
    first, second = Edit(Span(source, 1, 2), "X"), Edit(Span(source, 3, 3), "Y")
    assert apply_edits(source.text, [second, first, first]) == "aXcYdef"
    assert apply_edits(source.text, [first, Edit(Span(source, 0, 3), "")]) is None


if __name__ == "__main__":
    for file in FILES:
        file.with_suffix(".txt").write_text(said_about(file), encoding="utf-8")
