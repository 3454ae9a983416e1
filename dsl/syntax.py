"""The syntax tree: what a `.net` file says, before anyone asks whether it makes sense.

Every node is a frozen dataclass with the span it was read from. `dsl.tree` builds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dsl.diagnostics import Diagnostic, Source, Span


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or a float, as written: ``32``, ``0.5``."""

    span: Span
    value: int | float


@dataclass(frozen=True, slots=True)
class SizeLiteral:
    """Sizes side by side: ``3x3``, ``28x28x1``, ``?x?x3``; None where a size is ``?``."""

    span: Span
    sizes: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A string, or a path written without quotes."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A word: a flag, an activation, a layer, a constant, a named value."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """``[1, 2]``."""

    span: Span
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """``max(a, b)``, ``leaky_relu(0.1)``."""

    span: Span
    function: Name
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """``depths[2]``: an element of a list."""

    span: Span
    name: Name
    indices: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """``a ** b ** c``, grouped from the right, each operand with or without a minus before it.

    A minus binds less tightly than the power behind it: ``-2 ** 2`` is -4. A single negated
    operand, ``-x``, is a power of one operand.
    """

    span: Span
    operands: tuple[tuple[bool, Expression], ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """``a + b - c`` or ``a * b / c``, grouped from the left."""

    span: Span
    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``a < b``."""

    span: Span
    left: Expression
    operator: str
    right: Expression


Expression: TypeAlias = (
    Number | SizeLiteral | Text | Name | ListLiteral | Call | Index | Power | Chain | Comparison
)


@dataclass(frozen=True, slots=True)
class Option:
    """``stride=2``."""

    span: Span
    name: Name
    value: Expression


Argument: TypeAlias = Expression | Option


@dataclass(frozen=True, slots=True)
class NetStatement:
    """``net NAME``."""

    span: Span
    name: Name


@dataclass(frozen=True, slots=True)
class InputStatement:
    """``input SHAPE``."""

    span: Span
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class LetStatement:
    """``let NAME = EXPR``."""

    span: Span
    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class LayerStatement:
    """``conv 32 3x3 relu``, perhaps with ``NAME =`` before it.

    Attributes
    ----------
    kind : Name
        The layer.
    arguments : tuple of Argument
        What stands behind it.
    called : bool
        Whether the arguments stand in parentheses, as in ``leaky_relu(0.1)``.
    """

    span: Span
    kind: Name
    arguments: tuple[Argument, ...]
    called: bool = False


@dataclass(frozen=True, slots=True)
class NamedStatement:
    """``NAME = …``: a statement whose value gets a name."""

    span: Span
    name: Name
    statement: Statement


@dataclass(frozen=True, slots=True)
class Body:
    """``{ … }``: statements, with their braces."""

    span: Span
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class GroupStatement:
    """``{ … }`` as a statement."""

    span: Span
    body: Body


@dataclass(frozen=True, slots=True)
class RepeatStatement:
    """``repeat COUNT as VARIABLE { … }``; `keyword` is the word ``repeat``."""

    span: Span
    keyword: Span
    count: Expression
    variable: Name | None
    body: Body


@dataclass(frozen=True, slots=True)
class IfStatement:
    """``if CONDITION { … } else { … }``; an ``else if`` is an ``if`` alone in `otherwise`."""

    span: Span
    keyword: Span
    condition: Expression
    then: Body
    otherwise: Body | None


@dataclass(frozen=True, slots=True)
class ResidualStatement:
    """``residual { … } shortcut { … }``."""

    span: Span
    keyword: Span
    body: Body
    shortcut: Body | None


@dataclass(frozen=True, slots=True)
class BranchStatement:
    """``branch { … } { … } MERGE``; `merge` is None where the word is missing."""

    span: Span
    keyword: Span
    arms: tuple[Body, ...]
    merge: Name | None


@dataclass(frozen=True, slots=True)
class BlockParameter:
    """``filters`` or ``stride=1`` in the head of a block."""

    span: Span
    name: Name
    default: Expression | None


@dataclass(frozen=True, slots=True)
class BlockStatement:
    """``block NAME(PARAMETER, …) { … }``."""

    span: Span
    name: Name
    parameters: tuple[BlockParameter, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class ImportStatement:
    """``import "FILE"``."""

    span: Span
    path: Text


@dataclass(frozen=True, slots=True)
class UseStatement:
    """``use "FILE" weights="FILE" until=NAME frozen``."""

    span: Span
    keyword: Span
    path: Text
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class FreezeStatement:
    """``freeze NAME [NAME …]``, or ``freeze all``."""

    span: Span
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class FromStatement:
    """``from NAME [NAME …]``."""

    span: Span
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class OutputStatement:
    """``output NAME [NAME …]``."""

    span: Span
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of ``train { … }``."""

    span: Span
    name: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """``augment { … }`` in ``train { … }``: settings inside of a setting."""

    span: Span
    name: Name
    items: tuple[Setting | SettingGroup, ...]


@dataclass(frozen=True, slots=True)
class TrainStatement:
    """``train { … }``; settings with a syntax error are left out."""

    span: Span
    keyword: Span
    settings: tuple[Setting | SettingGroup, ...]


@dataclass(frozen=True, slots=True)
class BrokenStatement:
    """A statement with a syntax error: its first word, and the name it would have defined."""

    span: Span
    keyword: str
    defines: str | None


Statement: TypeAlias = (
    NetStatement
    | InputStatement
    | LetStatement
    | LayerStatement
    | NamedStatement
    | GroupStatement
    | RepeatStatement
    | IfStatement
    | ResidualStatement
    | BranchStatement
    | BlockStatement
    | ImportStatement
    | UseStatement
    | FreezeStatement
    | FromStatement
    | OutputStatement
    | TrainStatement
    | BrokenStatement
)


@dataclass(frozen=True, slots=True)
class File:
    """A whole file.

    Attributes
    ----------
    source : Source
        Its text.
    statements : tuple of Statement
        In order.
    diagnostics : tuple of Diagnostic
        The syntax errors.
    """

    source: Source
    statements: tuple[Statement, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
