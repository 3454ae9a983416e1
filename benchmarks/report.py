"""What the benchmarks share: where results are kept, where tables go, and on what machine."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

# These hold NumPy's BLAS to the kernels of an older processor, and no other library's. It reads
# them when it is loaded; the processes of the libraries get what is left.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

import numpy  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402

HERE = Path(__file__).resolve().parent
# So that the benchmarks run from a checkout, too, in an environment that has the peers only.
sys.path.insert(0, str(HERE.parent))

from tensorgraph.base.files import write_atomically  # noqa: E402


class BenchmarkError(Exception):
    """A library did not do what was asked."""


def cpu() -> str:
    """Return what the processor is called."""
    try:
        found = re.search(
            r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8")
        )
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def blas() -> str:
    """Return what computes NumPy's matrix products, and for which kind of processor.

    The kind tells more than the processor's name: ``OPENBLAS_CORETYPE`` may set an older one.
    """
    libraries = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    return ", ".join(
        f"{lib['internal_api']} {lib['version']} for {lib.get('architecture', 'any')}"
        for lib in libraries
    )


def conditions(threads: int) -> str:
    """Return when, where and with what numbers are taken."""
    return (
        f"{datetime.date.today()}, {cpu()}, threads: {threads}, Python"
        f" {platform.python_version()}, NumPy {numpy.__version__}, {blas()}"
    )


def table(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table, the first one as its head."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_into(page: Path, script: str, text: str) -> None:
    """Put the text between the two marks that a page has for a script."""
    begin, end = f"<!-- {script} writes from here -->\n", "<!-- to here -->\n"
    before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise BenchmarkError(f"{page} lacks the lines {begin.strip()} and {end.strip()}")
    write_atomically(page, f"{before}{begin}\n{text}\n{end}{after}".encode())


def kept(root: Path, script: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a script has found; return all that is kept of it, from other sittings, too."""
    path = root / "benchmarks" / "results.json"
    everything = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    everything[script] = everything.get(script, {}) | found
    write_atomically(path, (json.dumps(everything, indent=1) + "\n").encode())
    result: dict[str, Any] = everything[script]
    return result


def noted(conditions: Iterable[str], more: str) -> str:
    """Return how the numbers of a table were taken, with the sittings in their order."""
    return f"{'; '.join(sorted(set(conditions)))}. {more}\n"


def add_write(parser: argparse.ArgumentParser) -> None:
    """Add the option that keeps what was measured."""
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        metavar="ROOT",
        const=HERE.parent,
        help="keep the results in benchmarks/results.json, and write tables and pictures of all"
        " that is kept (into this checkout)",
    )


def run(body: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a benchmark; return the exit code."""
    try:
        body(options)
    except BenchmarkError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0
