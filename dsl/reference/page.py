"""A page of the help: one word of the language with what may stand behind it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from dsl.layers.arguments import OrNone, format_sizes, format_value
from dsl.layers.definition import REQUIRED, Flag, Parameter, Signature

RowKind: TypeAlias = Literal["argument", "option", "flag"]


@dataclass(frozen=True)
class Row:
    """Something that may stand behind a word.

    Attributes
    ----------
    kind : str
        ``"argument"`` (by its place), ``"option"`` (``name=value``) or ``"flag"`` (a bare word).
    name : str
        Its name.
    doc : str
        What it means.
    expects : str
        What it can be; empty for a flag.
    default : str or None
        Its value where it is not given, as the language writes it; None where it must be given, or
        where nothing stands for it.
    required : bool
        Whether it must be given.
    """

    kind: RowKind
    name: str
    doc: str
    expects: str = ""
    default: str | None = None
    required: bool = False

    @property
    def written(self) -> str:
        """How it is written: ``FILTERS``, ``stride=1``, ``same``."""
        if self.kind == "argument":
            return self.name.upper()
        if self.kind == "flag":
            return self.name
        return f"{self.name}={'…' if self.default is None else self.default}"

    @property
    def explained(self) -> str:
        """Its meaning together with what it can be."""
        return f"{self.doc} ({self.expects})" if self.expects else self.doc


@dataclass(frozen=True)
class Worked:
    """An example of a layer with what the checker found out about it.

    Attributes
    ----------
    input, output : str
        The shapes, as the language writes them.
    parameters : int
        How many numbers the layer's variables hold.
    multiply_adds : int
        Multiplications with an addition for one example.
    """

    input: str
    output: str
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Page:
    """What the help says of one word.

    Attributes
    ----------
    word : str
        The word.
    kind : str
        What it is: ``"layer"``, ``"optimizer"``, …
    usage : str
        How it is written.
    doc : str
        What it means, in one line.
    rows : tuple of Row
        What may stand behind it.
    family : str
        With what it is listed, where its kind has many words; empty otherwise.
    example : str
        A file, or lines of one, that use it.
    worked : Worked or None
        Of a layer, what the example comes to.
    """

    word: str
    kind: str
    usage: str
    doc: str
    rows: tuple[Row, ...] = ()
    family: str = ""
    example: str = ""
    worked: Worked | None = None

    def of_kind(self, kind: RowKind) -> tuple[Row, ...]:
        """Return the rows of one kind."""
        return tuple(row for row in self.rows if row.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """Return the page as a dictionary of strings, numbers and lists."""
        return asdict(self)


def rows_of(signature: Signature) -> tuple[Row, ...]:
    """Return what may stand behind a word, as its signature says."""
    defaults = signature.defaults()
    words = {(flag.key, flag.value) for flag in signature.flags}
    rows = [_row("argument", parameter) for parameter in signature.positional]
    if signature.rest is not None:
        rows.append(_row("argument", signature.rest))
    for option in signature.options:
        # Where a flag is the default, as `valid` is, the flag says so.
        by_flag = isinstance(option.default, str) and (option.key, option.default) in words
        rows.append(_row("option", replace(option, default=None) if by_flag else option))
    rows += [Row("flag", flag.word, _flag_doc(flag, defaults)) for flag in signature.flags]
    return tuple(rows)


def usage_of(signature: Signature) -> str:
    """Return how a word is written with all that may stand behind it."""
    parts = [signature.word]
    parts += [
        p.name.upper() if p.default is REQUIRED else f"[{p.name.upper()}]"
        for p in signature.positional
    ]
    if signature.rest is not None:
        parts.append(f"{signature.rest.name.upper()} …")
    if signature.takes_names:
        parts.append("NAME …")
    if signature.flags:
        parts.append("[FLAGS]")
    if signature.options:
        parts.append("[NAME=VALUE …]")
    if signature.takes_activation:
        parts.append("[ACTIVATION]")
    return " ".join(parts)


def default_text(value: Any) -> str | None:
    """Return a default as the language writes it, None where there is nothing to write.

    Parameters
    ----------
    value : object
        The default of a `Parameter`: a size is a tuple, no value None.
    """
    match value:
        case None:
            return None
        case float():
            return re.sub(r"e([-+])0+", r"e\1", f"{value:g}")
        case tuple() if value and all(isinstance(size, int) for size in value):
            return str(value[0]) if len(set(value)) == 1 else format_sizes(value)
        case _:
            return format_value(value) if isinstance(value, bool) else str(value)


def _row(kind: RowKind, parameter: Parameter) -> Row:
    default = None if parameter.default is REQUIRED else default_text(parameter.default)
    if parameter.default is None and isinstance(parameter.type, OrNone):
        default = "none"
    required = parameter.default is REQUIRED
    return Row(kind, parameter.name, parameter.doc, parameter.type.phrase, default, required)


def _flag_doc(flag: Flag, defaults: dict[str, Any]) -> str:
    is_default = defaults.get(flag.key) == flag.value
    said = "default" in flag.doc
    return f"{flag.doc} (the default)" if is_default and not said else flag.doc
