"""What the benchmarks that write tables share: where a table goes, and on what machine."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from tensorgraph.base.files import write_atomically


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
