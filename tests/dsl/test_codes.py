"""The table of codes: complete, and its examples do what they say."""

import re
from pathlib import Path

import pytest

import dsl
from dsl.codes import CODES

PACKAGE = Path(dsl.__file__).parent


def messages(text):
    try:
        return dsl.check(dsl.parse(text)).warnings
    except dsl.NetError as error:
        return error.diagnostics


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.wrong], ids=lambda c: c.code)
def test_examples_do_what_they_say(code):
    wrong = messages(code.wrong)
    assert {d.code for d in wrong} == {code.code}
    assert ("(A warning.)" in code.meaning) == all(d.severity == "warning" for d in wrong)
    assert messages(code.right) == ()


def test_every_code_of_the_source_is_in_the_table_and_the_other_way_round():
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        if path.name != "codes.py"
        for code in re.findall(r"\bTG[0-9]{3}\b", path.read_text(encoding="utf-8"))
    }
    assert used == set(CODES)
