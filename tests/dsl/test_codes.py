"""The table of codes: complete, and its examples do what they say."""

import re
from pathlib import Path

import pytest

import dsl
from dsl.codes import CODES
from dsl.reference.messages import diagnose

PACKAGE = Path(dsl.__file__).parent


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.wrong], ids=lambda c: c.code)
def test_examples_do_what_they_say(code):
    wrong = diagnose(code.wrong, code)
    assert {d.code for d in wrong} == {code.code}
    assert ("(A warning.)" in code.meaning) == all(d.severity == "warning" for d in wrong)
    assert diagnose(code.right, code) == ()


def test_every_code_is_explained():
    assert len(CODES) >= 60
    assert [code.code for code in CODES.values() if not code.explanation] == []
    assert list(CODES) == sorted(CODES)


def test_every_code_of_the_source_is_in_the_table_and_the_other_way_round():
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "codes"
        for code in re.findall(r"\bTG[0-9]{3}\b", path.read_text(encoding="utf-8"))
    }
    assert used == set(CODES)
