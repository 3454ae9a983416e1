"""The page of operations in `docs/` is what its program writes, and says what is so."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from tensorgraph.graph.opdef import registered

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "make_ops.py"))


@pytest.fixture(scope="module")
def rows(program: dict[str, Any]) -> dict[str, list[str]]:
    """Return the cells of each op's line after the first."""
    found = {}
    for line in program["page"]().splitlines():
        if line.startswith("| `"):
            op_type, *cells = line.replace("\\|", "¦").strip("| ").split(" | ")
            found[op_type.strip("`")] = cells
    return found


def test_the_page_is_up_to_date(program: dict[str, Any]) -> None:
    written = (DOCS / "ops.md").read_text(encoding="utf-8")
    assert program["page"]() == written, "docs/ops.md is out of date: run python docs/make_ops.py"


def test_every_op_has_its_line(rows: dict[str, list[str]]) -> None:
    assert set(rows) == set(registered())
    assert all(len(cells) == 5 and all(cells) for cells in rows.values())


@pytest.mark.parametrize(
    ("op_type", "names", "gradient", "domain"),
    [
        ("Log", "`tf.log`", "2", "0.3…3"),
        ("Relu", "`tf.nn.relu`", "2", "−2…2 without 0"),
        ("MaxPool", "`tf.nn.max_pool`, `tf.nn.max_pool2d`", "2", "distinct"),
        ("ReluGrad", "–", "2", "−2…2; −2…2 without 0"),
        ("Less", "`tf.less`", "0", "−2…2"),
        ("ApplyAdam", "`tf.train.AdamOptimizer`", "0", "–"),
        ("AssignAdd", "`tf.assign_add`", "0", "–"),
        ("Placeholder", "`tf.placeholder`", "–", "–"),
        ("While", "`tf.while_loop`", "own tests", "–"),
        ("ScalarSummary", "`tf.summary.scalar`", "0", "–"),
    ],
)
def test_what_it_says(
    rows: dict[str, list[str]], op_type: str, names: str, gradient: str, domain: str
) -> None:
    assert rows[op_type][1:] == [names, gradient, domain, "NumPy"]
