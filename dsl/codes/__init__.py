"""The codes of all messages, each with its meaning, a file that has it and one that has not.

The tests run the examples: the wrong file gets that code, the right one is valid. ``tg explain``
prints them. A new code is an entry in the module of its family.
"""

from __future__ import annotations

from dsl.codes import arguments, files, grammar, names, shapes, training
from dsl.codes.definition import Code

__all__ = ["CODES", "Code"]

_FAMILIES = (files, grammar, shapes, names, arguments, training)

CODES: dict[str, Code] = {entry.code: entry for family in _FAMILIES for entry in family.TABLE}
"""The meaning of every code."""
