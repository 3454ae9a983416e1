"""The tables of the language's page are what its program writes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from dsl.checker.context import MAX_DEPTH, MAX_EXPANDED
from dsl.checker.expressions import MAX_NUMBER
from dsl.codes import CODES
from dsl.grammar.syntax_errors import MAX_NESTING
from dsl.layers import ACTIVATIONS, LAYERS

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "make_language.py"))


@pytest.fixture(scope="module")
def text() -> str:
    return (DOCS / "language.md").read_text(encoding="utf-8")


def test_the_tables_are_up_to_date(program: dict[str, Any], text: str) -> None:
    assert program["page"](text) == text, "run python docs/make_language.py"


def test_the_page_has_every_table(program: dict[str, Any], text: str) -> None:
    assert all(text.count(f"<!-- table: {name} -->") == 1 for name in program["TABLES"])
    assert text.count("<!-- table: ") == len(program["TABLES"])


def test_a_table_that_is_missing_a_line_is_found(program: dict[str, Any], text: str) -> None:
    shorter = text.replace("| `conv` |", "| `conv2` |", 1)
    assert program["page"](shorter) == text


def test_every_layer_and_code_has_its_line(program: dict[str, Any]) -> None:
    layers, codes = program["layers"](), program["codes"]()
    assert all(f"| `{name}` |" in layers for name in LAYERS.keys() - ACTIVATIONS.keys())
    assert all(f"| {code} |" in codes for code in CODES)


def test_the_page_names_the_limits(text: str) -> None:
    limits = text.partition("## Limits")[2].partition("##")[0]
    assert f"{MAX_NESTING} deep" in limits
    assert f"files {MAX_DEPTH // 5} deep" in limits
    assert f"{MAX_EXPANDED:,} statements" in limits
    assert f"{MAX_NUMBER:,}" in text


def test_options_stand_in_canonical_order(program: dict[str, Any]) -> None:
    (conv,) = [page for page in program["of_kind"]("layer") if page.word == "conv"]
    assert program["options"](conv).startswith("`stride=1 dilation=1 groups=1 valid same pad=…")
