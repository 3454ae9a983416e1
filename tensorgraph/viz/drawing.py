"""DOT text → a picture, by whichever Graphviz there is.

Either the program ``dot``, or the libraries that the wheel of pygraphviz carries. Both run in a
process of their own: Graphviz reports on stderr, and a fault in it must not end the caller.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib.util import find_spec

# Draws stdin to stdout, by the layout and in the format of the last arguments. `-P` keeps files
# that lie in the current folder from taking the place of modules.
_WHEEL = """
import sys
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
graph.graph_attr.update(word.split("=") for word in sys.argv[1:-2])
sys.stdout.buffer.write(graph.draw(format=sys.argv[-1], prog=sys.argv[-2]))
"""

_SETTINGS = {
    "png": ["dpi=150"],
    # A page of A4 or Letter, in inches without its margins: larger pictures are made smaller.
    "pdf": ["size=7.3,9.9"],
}


# An older fontconfig, as in the wheel, remarks on the system's newer settings; large pictures take
# their time, and as bitmaps are made smaller.
_NO_MATTER = re.compile("^Fontconfig warning|may take a long time|Scaling by .* to fit")
_PATIENCE = 120  # in seconds


class DrawingError(RuntimeError):
    """Graphviz could not draw.

    Parameters
    ----------
    message : str
        What happened.
    dot : str
        The DOT text that was to be drawn; empty where that would be too much.

    Attributes
    ----------
    dot
        As given: it can be kept, and drawn elsewhere.
    """

    def __init__(self, message: str, dot: str) -> None:
        super().__init__(message)
        self.dot = dot


class GraphvizMissingError(DrawingError):
    """There is no Graphviz on this machine."""


def draw(dot: str, format: str, *, pinned: bool = False) -> bytes:
    """Return DOT text as a picture.

    Parameters
    ----------
    dot : str
        The text.
    format : str
        ``"svg"``, ``"png"``, ``"pdf"``, or ``"plain"``: where everything is.
    pinned : bool, default False
        Whether the text says itself where everything is.

    Raises
    ------
    GraphvizMissingError
        If there is neither the program ``dot`` nor pygraphviz.
    DrawingError
        If Graphviz fails.
    """
    command = _command(format, pinned)
    if command is None:
        raise GraphvizMissingError(
            f"drawing {format} needs Graphviz: pip install pygraphviz, or install the system's"
            " package graphviz (apt install graphviz, brew install graphviz)."
            " DOT text can be had without: format='dot'",
            dot,
        )
    try:
        result = subprocess.run(
            command, input=dot.encode("utf-8"), capture_output=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise DrawingError(
            f"Graphviz was not done after {_PATIENCE} s: draw a part of the graph, or fold more",
            dot,
        ) from None
    report = result.stderr.decode("utf-8", "replace").strip()
    if result.returncode != 0 or not result.stdout:
        raise DrawingError(
            f"Graphviz failed (exit code {result.returncode}): {report or 'it gave no reason'}", dot
        )
    _pass_on(report, format)
    return result.stdout


def _command(format: str, pinned: bool) -> list[str] | None:
    """Return the command that draws stdin to stdout, None where there is no Graphviz."""
    settings = _SETTINGS.get(format, [])
    layout = "neato" if pinned else "dot"
    # The wheel first: its version is known to draw rows in their order, as older ones do not.
    if sys.executable and find_spec("pygraphviz") is not None:
        return [sys.executable, "-P", "-c", _WHEEL, *settings, layout, format]
    program = shutil.which("dot")
    if program is not None:
        options = [f"-G{setting}" for setting in settings]
        return [program, f"-K{layout}", *options, f"-T{format}"]
    return None


def _pass_on(report: str, format: str) -> None:
    """Warn of what Graphviz said while it drew."""
    lines = [line for line in report.splitlines() if line and not _NO_MATTER.search(line)]
    if format == "svg":
        # Fonts are chosen where an SVG is shown, not where it is drawn.
        lines = [line for line in lines if not line.startswith("Fontconfig")]
    if lines:
        warnings.warn(f"Graphviz: {os.linesep.join(lines)}", RuntimeWarning, stacklevel=4)
