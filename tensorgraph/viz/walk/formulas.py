"""Formulas of operations, and of what gradient rules made.

An operation says how its result is written (`OpDef.formula`). A gradient rule says nothing of
itself: it makes nodes, and the formula is read off them. So it is that of the rule as it stands,
simplified as far as the rule simplified it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import Formatter

from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.viz import labels

LONGEST = 100
"""A formula that gets longer than this is better told in words."""

_SETTINGS = frozenset(
    ["shape", "size", "axis", "multiples", "perm", "begin", "end", "strides", "depth"]
)
"""Names of inputs that say how, and not of what."""


def is_setting(op: Operation, place: int) -> bool:
    """Return whether an input says how an operation works, as a shape does."""
    arg = op.definition.args(len(op.inputs))[place]
    return arg.group == "shape" or arg.name in _SETTINGS


def write(op: Operation, operands: Sequence[str], output: int = 0) -> str:
    """Return the formula of an operation with texts for its inputs.

    Parameters
    ----------
    op : Operation
        The operation.
    operands : sequence of str
        A text for each input: a name, a number, or a formula itself.
    output : int, default 0
        Which of its outputs. Of one after the first that has no formula it is "".
    """
    template = op.definition.formula_of(op)
    if output:
        besides = op.definition.formulas_besides
        template = besides[output - 1] if output <= len(besides) else ""
        if not template:
            return ""
    if not template:
        given = [t for place, t in enumerate(operands) if not is_setting(op, place)]
        return f"{labels.type_name(op)}({', '.join(given)})"
    names = [arg.name for arg in op.definition.args(len(op.inputs))]
    values = {
        **dict(zip(names, operands, strict=True)),
        **{str(i): t for i, t in enumerate(operands)},
    }
    parts = list(Formatter().parse(template))
    text = ""
    for place, (literal, name, _, _) in enumerate(parts):
        text += literal
        if name is None:
            continue
        after = parts[place + 1][0] if place + 1 < len(parts) else ""
        whole = len(parts) == 1 and not literal
        enclosed = text.endswith(("(", ", ", "|", "[")) and after.startswith((")", ",", "|", "]"))
        text += values[name] if whole or enclosed or _is_atom(values[name]) else f"({values[name]})"
    return text


def _is_atom(text: str) -> bool:
    """Return whether a text needs no parentheses wherever it is put."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == " " and depth == 0:
            return False
    return not text.startswith("−")


def write_rule(
    result: Tensor, names: Mapping[Tensor, str], name_of: Callable[[Tensor], str]
) -> str:
    """Return the formula of a tensor that a gradient rule made.

    Parameters
    ----------
    result : Tensor
        The tensor.
    names : mapping of Tensor to str
        What is known by a name there: the incoming gradients.
    name_of : callable
        Returns the name of a forward tensor; "" for one that a rule made.

    Returns
    -------
    str
        The formula; "" where it would be too long to read.
    """
    known = dict(names)

    def text_of(t: Tensor) -> str:
        return known.get(t) or name_of(t) or _constant(t.op)

    # Without recursion: the nodes of a rule are few, but nothing bounds a rule of one's own.
    pending = [result]
    while pending:
        t = pending[-1]
        if text_of(t):
            pending.pop()
            continue
        missing = [
            i
            for place, i in enumerate(t.op.inputs)
            if not text_of(i) and not is_setting(t.op, place)
        ]
        if missing:
            pending.extend(missing)
            continue
        known[t] = write(t.op, [text_of(i) or "?" for i in t.op.inputs])
        if len(known[t]) > LONGEST:
            return ""
    return text_of(result)


def _constant(op: Operation) -> str:
    """Return the text of a constant, "" for anything else; a large one has no text of its own."""
    if op.type != "Const":
        return ""
    return labels.constant_text(op) or "constants"


def describe(op: Operation) -> str:
    """Return in words what an operation computes: the first sentence of its definition."""
    text = " ".join((type(op.definition).__doc__ or "").split("\n\n")[0].split())
    return text.replace("``", "").replace("`", "")
