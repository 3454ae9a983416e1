"""The words of the language that stand in no table of their own."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATEMENTS = _words(
    "net input let from output train repeat as if else residual shortcut branch block import use"
    " freeze"
)
MERGES = ("concat", "add", "mul", "max", "average")
CONSTANTS = _words("true false")
PROPERTIES = _words("channels height width features classes")
