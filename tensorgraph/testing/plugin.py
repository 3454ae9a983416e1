"""A pytest plugin, so that an op of one's own is tested in three lines.

Ask for it in the ``conftest.py`` at the root of the tests (runs that do not are not slowed down)::

    pytest_plugins = ["tensorgraph.testing.plugin"]

and write::

    def test_cube(check_op):
        check_op("Cube")

Fixtures: ``check_op``; ``check_random_graph``; ``check_gradients``; ``graph``, a new default graph
for the test; ``session``, one on that graph. Where a gradient is wrong, the report of the test has
the path of a DOT file with the graph, the operation to blame in red.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorgraph.graph.graph import Graph
from tensorgraph.runtime.session import Session
from tensorgraph.testing import check as checks
from tensorgraph.testing import op_checks


@pytest.fixture
def graph() -> Iterator[Graph]:
    """Make a new graph the default one during the test."""
    with Graph().as_default() as graph:
        yield graph


@pytest.fixture
def session(graph: Graph) -> Iterator[Session]:
    """Open a session on the test's own graph, the default one during the test."""
    with Session(graph=graph) as session:
        yield session


@pytest.fixture
def check_gradients() -> Callable[..., Any]:
    """Return `tensorgraph.testing.check_gradients`."""
    return checks.check_gradients


@pytest.fixture
def check_op() -> Callable[..., None]:
    """Return `tensorgraph.testing.op_checks.check_op`."""
    return op_checks.check_op


@pytest.fixture
def check_random_graph() -> Callable[..., Any]:
    """Return `tensorgraph.testing.op_checks.check_random_graph`."""
    return op_checks.check_random_graph


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Draw the graph of a wrong gradient, and say where."""
    outcome = yield
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, checks.GradientError):
        report = outcome.get_result()
        report.sections.append(("wrong gradient, drawn", _picture(item, error)))


def _picture(item: pytest.Item, error: checks.GradientError) -> str:
    """Write the DOT file into a temporary folder of the test; return its path."""
    factory: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
    folder: Path = factory.mktemp("wrong_gradient")
    path = folder / "graph.dot"
    path.write_text(error.dot, encoding="utf-8")
    return str(path)
