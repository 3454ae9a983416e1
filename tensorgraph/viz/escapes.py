"""Texts for Graphviz in which no name of a graph means anything."""

from __future__ import annotations

import html
import re
from typing import Any

# What XML cannot hold, and with it neither Graphviz's labels nor SVG.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def graphviz() -> Any:
    """Return the package graphviz, which only pictures need."""
    import graphviz as package  # type: ignore[import-untyped]

    return package


def clean(text: str) -> str:
    """Return any text without what cannot be shown."""
    return _UNPRINTABLE.sub("\ufffd", text).replace("\r", "")


def markup(text: str) -> str:
    """Return any text for an HTML-like label."""
    # Escapes such as \N are replaced in HTML-like labels too.
    shown = clean(text).replace("\t", " ").replace("\\", "\\\\")
    return html.escape(shown).replace("\n", "<BR/>")


def plain(text: str) -> str:
    """Return any text for a plain attribute."""
    escaped: str = graphviz().escape(clean(text))
    return escaped


def quoted(text: str) -> str:
    """Return any text for a plain attribute, as it stands in DOT text."""
    quoted_text: str = graphviz().quoting.quote(plain(text))
    return quoted_text
