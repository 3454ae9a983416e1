"""The networks in the README and in `docs/` are valid, and the language's page misses nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dsl
from dsl.layers import ACTIVATIONS, INITIALIZERS, LAYERS
from dsl.losses import LOSSES
from dsl.optimizers import OPTIMIZERS
from dsl.schedules import SCHEDULES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
NETS = [
    pytest.param(text, id=f"{page.name}:{number}")
    for page in PAGES
    for number, text in enumerate(
        re.findall(r"```net\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize("text", NETS)
def test_networks_are_valid(text):
    assert dsl.check(dsl.parse(text)).layers


@pytest.mark.parametrize(
    "table", [LAYERS, ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES]
)
def test_the_page_of_the_language_names_every_word(table):
    missing = [word for word in table if not re.search(rf"\b{re.escape(word)}\b", LANGUAGE)]
    assert missing == []


def test_the_page_of_the_language_names_every_option():
    words = {
        *(option.name for layer in LAYERS.values() for option in layer.options),
        *(flag.word for layer in LAYERS.values() for flag in layer.flags),
        *(option.name for kind in OPTIMIZERS.values() for option in kind.options),
    }
    assert sorted(w for w in words if not re.search(rf"\b{w}\b", LANGUAGE)) == []
