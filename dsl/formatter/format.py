"""Text → canonical text."""

from __future__ import annotations

import re

from dsl.diagnostics import NetError
from dsl.formatter.comments import weave
from dsl.formatter.lines import lines_of
from dsl.tree import parse

_LINE_END = re.compile(r"\r\n?")


def format_text(text: str, name: str = "<text>") -> str:
    """Return a `.net` file's text in canonical form.

    One statement stands on a line, two spaces a level and one between words; options stand in the
    order of the layer's table; comments, and single blank lines, stay where they stood. The result
    means the same as the text, and formatting it again changes nothing.

    Parameters
    ----------
    text : str
        The text, which need not make sense, but must be free of syntax errors.
    name : str
        What messages call the file.

    Raises
    ------
    NetError
        If the text has syntax errors.
    """
    text = _LINE_END.sub("\n", text)
    tree = parse(text, name)
    if tree.diagnostics:
        raise NetError(tree.diagnostics)
    return weave(text, lines_of(tree))
