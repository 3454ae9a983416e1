"""`tg help` and `tg explain`: every word and every code has its page."""

from __future__ import annotations

import json

import pytest

import dsl
import dsl.cli
from dsl.checker.train_section import (
    DATA_OPTIONS,
    NUMBER_SETTINGS,
    OPTION_SETTINGS,
    STEP_GROUPS,
    WORD_SETTINGS,
)
from dsl.codes import CODES
from dsl.layers import ACTIVATIONS, INITIALIZERS, LAYERS
from dsl.losses import LOSSES
from dsl.metrics import METRIC_KINDS, METRICS
from dsl.optimizers import OPTIMIZERS
from dsl.reference.layers import example_file, worked_out
from dsl.reference.messages import diagnose, said_about
from dsl.reference.pages import all_pages, pages_about
from dsl.schedules import SCHEDULES
from dsl.words import PROPERTIES, STATEMENTS


@pytest.fixture
def tg(capsys):
    """Return a function that runs `tg`."""

    def run(*args):
        with pytest.raises(SystemExit) as exit_:
            dsl.cli.main(list(args))
        return exit_.value.code, *capsys.readouterr()

    return run


def words_of(kind):
    return {page.word for page in all_pages() if page.kind == kind}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("statement", STATEMENTS - {"as", "else", "shortcut"}),
        ("layer", LAYERS.keys() - ACTIVATIONS.keys()),
        ("activation", ACTIVATIONS.keys()),
        ("initializer", INITIALIZERS.keys()),
        ("property", PROPERTIES),
        ("loss", LOSSES.keys()),
        ("optimizer", OPTIMIZERS.keys()),
        ("schedule", SCHEDULES.keys()),
        ("metric", METRICS.keys() | METRIC_KINDS.keys()),
        ("preprocess step", STEP_GROUPS["preprocess"].keys()),
        ("augment step", STEP_GROUPS["augment"].keys()),
        (
            "setting",
            {"data", "loss", "optimizer", "schedule", "metrics"}
            | NUMBER_SETTINGS.keys()
            | WORD_SETTINGS.keys()
            | OPTION_SETTINGS.keys()
            | STEP_GROUPS.keys(),
        ),
    ],
)
def test_every_word_of_the_tables_has_a_page(kind, words):
    assert words_of(kind) == set(words)


@pytest.mark.parametrize("page", all_pages(), ids=lambda p: f"{p.kind} {p.word}")
def test_pages_say_something(page):
    assert page.word in page.usage
    assert page.doc
    assert all(row.doc for row in page.rows)
    json.dumps(page.to_json())


@pytest.mark.parametrize(
    "page",
    [page for page in all_pages() if page.example and page.kind != "layer"],
    ids=lambda p: f"{p.kind} {p.word}",
)
def test_examples_are_valid_and_use_the_word(page):
    assert page.word in page.example.replace("(", " ").replace("*", " ").split()
    assert dsl.check(dsl.parse(page.example)).layers


@pytest.mark.parametrize("layer", LAYERS.values(), ids=lambda layer: layer.name)
def test_examples_of_layers_are_valid(layer):
    assert dsl.check(dsl.parse(example_file(layer))).layers[-1].kind == layer.name


def test_worked_example():
    (page,) = pages_about("conv")
    worked = worked_out(page).worked
    assert (worked.input, worked.output) == ("8x8x3", "8x8x16")
    assert (worked.parameters, worked.multiply_adds) == (3 * 3 * 3 * 16 + 16, 64 * 27 * 16)


class TestHelp:
    def test_of_a_layer(self, tg):
        code, out, _ = tg("help", "conv")
        assert code == 0
        assert out.startswith("conv (layer): ")
        for part in ("FILTERS", "stride=1", "init=glorot_uniform", "same", "nobias"):
            assert f"\n  {part} " in out
        assert "# 8x8x3 → 8x8x16; 448 parameters, 27,648 multiply-adds" in out

    def test_of_a_word_with_several_meanings(self, tg):
        _, out, _ = tg("help", "noise")
        assert "noise (layer)" in out
        assert "noise (augment step)" in out

    def test_of_a_word_behind_or_inside_of_others(self, tg):
        _, out, _ = tg("help", "stride")
        assert "stride (option): how far apart two places of the kernel are" in out
        assert "  stride=…, of conv, conv1d, conv3d, " in out
        assert "nobias (flag): no bias is added" in tg("help", "nobias")[1]
        assert tg("help", "else")[1].startswith("if (statement)")

    def test_of_several_words_as_json(self, tg):
        _, out, _ = tg("help", "adam", "conv", "--json")
        adam, conv = json.loads(out)
        assert (adam["kind"], conv["kind"]) == ("optimizer", "layer")
        assert adam["rows"][0] == {
            "kind": "option",
            "name": "lr",
            "doc": "the learning rate",
            "expects": "a number above 0",
            "default": "0.001",
            "required": False,
        }
        assert conv["worked"]["parameters"] == 448

    def test_list(self, tg):
        code, out, _ = tg("help")
        assert code == 0
        assert all(f"  {name} " in out for name in LAYERS)
        _, out, _ = tg("help", "--json")
        assert {page["word"] for page in json.loads(out)} >= LAYERS.keys()

    def test_unknown_words(self, tg):
        code, _, err = tg("help", "cnv")
        assert code == 2
        assert "did you mean `conv`" in err
        assert "tg explain TG201" in tg("help", "tg201")[2]
        assert "tg summary --help" in tg("help", "summary")[2]


class TestExplain:
    def test_of_a_code(self, tg):
        code, out, _ = tg("explain", "tg201")
        assert code == 0
        assert out.startswith("TG201: A kernel or window is larger")
        for part in ("Wrong:", "What is said of it:", "Right:", "error[TG201]", "help: "):
            assert part in out
        assert "--> wrong.net:2:" in out

    def test_list(self, tg):
        _, out, _ = tg("explain")
        assert [line[:5] for line in out.splitlines()] == list(CODES)
        _, out, _ = tg("explain", "--json")
        assert [entry["code"] for entry in json.loads(out)] == list(CODES)

    def test_as_json(self, tg):
        (entry,) = json.loads(tg("explain", "TG302", "--json")[1])
        assert entry["said"].startswith("error[TG302]: ")

    def test_unknown_code(self, tg):
        code, _, err = tg("explain", "TG9999")
        assert code == 2
        assert "there is no code `TG9999`" in err


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.wrong], ids=lambda c: c.code)
def test_what_is_said_names_no_folder(code):
    said = said_about(code)
    assert "--> wrong.net:" in said
    assert "/tmp" not in said
    assert all(d.severity == "error" for d in diagnose(code.wrong, code)) or "(A warning.)" in (
        code.meaning
    )


def test_every_option_of_data_has_a_row():
    (page,) = [p for p in pages_about("data") if p.kind == "setting"]
    assert {row.name for row in page.rows} >= {p.name for p in DATA_OPTIONS}
