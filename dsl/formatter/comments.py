"""Puts comments and blank lines back among the lines of the canonical form."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dsl.formatter.lines import COMMENT, Line

_INDENT = "  "
_BLANK_LINE = re.compile(r"\n[ \t\f\ufeff;]*\n")


def weave(text: str, lines: Sequence[Line]) -> str:
    r"""Return the canonical form with the comments of the old text, each where it stood.

    A comment behind code stays behind that code; one on a line of its own stays before the same
    code. Where several comments would end up behind the same code, the others follow on lines of
    their own. At most one blank line is kept, and none at the ends of the text and of bodies.

    Parameters
    ----------
    text : str
        The old text, its lines ended by ``\\n``.
    lines : sequence of Line
        The canonical form without comments.
    """
    items = list(_with_comments(text, lines))
    columns = _columns(text, items)
    result: list[str] = []
    for index, (item, column) in enumerate(zip(items, columns, strict=True)):
        if index and _stands_apart(text, items[index - 1], item):
            result.append("")
        code = f"{_INDENT * item.depth}{item.text}"
        result.append(f"{code:{column}}{item.comment}")
    return "".join(f"{line}\n" for line in result)


def _stands_apart(text: str, previous: Line, line: Line) -> bool:
    """Return whether a blank line stands between two lines, and stays there."""
    at_edge = previous.opens or line.closes
    return not at_edge and _BLANK_LINE.search(text, previous.end, line.start) is not None


def _columns(text: str, items: Sequence[Line]) -> list[int]:
    """Return where the comment of each line begins: two spaces behind the code.

    Comments that stand below each other, behind code, still do afterwards.
    """
    columns: list[int] = []
    runs: list[list[int]] = []  # the lines whose comments stand below each other
    run_column = -1
    for index, item in enumerate(items):
        width = len(_INDENT) * item.depth + len(item.text)
        if not item.text or not item.comment:
            columns.append(width)
            run_column = -1
            continue
        columns.append(width + 2)
        column = item.comment_start - text.rfind("\n", 0, item.comment_start)
        if column == run_column and not _stands_apart(text, items[index - 1], item):
            runs[-1].append(index)
        else:
            runs.append([index])
        run_column = column
    for run in runs:
        widest = max(columns[index] for index in run)
        for index in run:
            columns[index] = widest
    return columns


def _with_comments(text: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines with the comments of the text behind and between them."""
    starts = [line.start for line in lines]
    behind: dict[int, Line] = {}  # lines that a comment has been put behind
    before: dict[int, list[Line]] = {}  # comments that stand on lines of their own, before a line
    for match in COMMENT.finditer(text):
        if match[0].startswith('"'):
            continue
        comment, start = match[0].rstrip(), match.start()
        end = start + len(comment)
        index = bisect_right(starts, start)
        line = lines[index - 1] if index else None
        # A comment may stand inside of a line, between `}` and `else` say.
        if line is not None and index - 1 not in behind and "\n" not in text[line.end : start]:
            behind[index - 1] = replace(
                line, end=max(line.end, end), comment=comment, comment_start=start
            )
        else:
            own = Line(_depth_before(lines, index), "", start, end, comment)
            before.setdefault(index, []).append(own)
    for index, line in enumerate(lines):
        yield from before.get(index, ())
        yield behind.get(index, line)
    yield from before.get(len(lines), ())


def _depth_before(lines: Sequence[Line], index: int) -> int:
    """Return how deep a comment before a line stands: inside of the body that the line closes."""
    if index == len(lines):
        return 0
    return lines[index].depth + lines[index].closes
