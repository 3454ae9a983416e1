"""What the checker says of the examples of a code."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from dsl.checker.check import check
from dsl.codes import Code
from dsl.diagnostics import Diagnostic, NetError, render_all
from dsl.tree import parse

FILE = "wrong.net"
"""What the examples are called in messages."""


def diagnose(text: str, code: Code) -> tuple[Diagnostic, ...]:
    """Return all messages about a text.

    Parameters
    ----------
    text : str
        One of the code's examples.
    code : Code
        The code, for the files that stand beside its examples.
    """
    with TemporaryDirectory() as folder:
        for name, content in code.files:
            Path(folder, name).write_text(content, encoding="utf-8")
        try:
            return check(parse(text, str(Path(folder, FILE)))).warnings
        except NetError as error:
            return error.diagnostics


def said_about(code: Code) -> str:
    """Return what is said of a code's wrong example, as one text; empty where it has none."""
    if not code.wrong:
        return ""
    found = [d for d in diagnose(code.wrong, code) if d.code == code.code]
    folder = Path(found[0].span.source.name).parent if found else Path()
    return render_all(found).replace(f"{folder}{os.sep}", "")
