"""What a notebook shows of an object: text, and a picture where something can draw.

The engine does not know the tools that draw: the package's root, which knows both, sets `painter`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Bundle = dict[str, Any]
"""What Jupyter takes: contents by their MIME types."""

painter: Callable[[Any], Bundle] | None = None
"""Gives the pictures of an object; nothing, where it cannot be drawn."""


def mimebundle(obj: Any) -> Bundle:
    """Return what Jupyter shows of an object."""
    return {"text/plain": repr(obj), **({} if painter is None else painter(obj))}
