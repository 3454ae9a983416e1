"""What names stand for: one scope for each pair of braces, each inside of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dsl.diagnostics import Span
from dsl.layers.arguments import UNKNOWN, Value
from dsl.syntax import BlockStatement


@dataclass(frozen=True)
class Constant:
    """``let NAME = …``, a parameter, or the variable of a ``repeat``."""

    span: Span
    value: Value

    what = "a constant"


@dataclass(frozen=True)
class NamedValue:
    """``NAME = LAYER``.

    Attributes
    ----------
    span : Span
        The name.
    reference : str
        The layer or input whose value it is.
    layers : tuple of str
        The layers that made it: one, or all those of a group or block.
    """

    span: Span
    reference: str
    layers: tuple[str, ...] = ()

    what = "a value of the network"


@dataclass(frozen=True)
class Block:
    """``block NAME(…) { … }``, and the scope that it stands in."""

    span: Span
    statement: BlockStatement
    home: Scope

    what = "a block"


@dataclass(frozen=True)
class Broken:
    """A name whose statement has an error: nothing is said about its uses."""

    span: Span | None = None
    value: Value = UNKNOWN

    what = "unknown"


Definition = Constant | NamedValue | Block | Broken


def is_unknown(definition: Definition) -> bool:
    """Return whether nothing can be said about the uses of a name."""
    if isinstance(definition, Constant):
        return definition.value is UNKNOWN
    return isinstance(definition, Broken)


@dataclass
class Scope:
    """The names of one pair of braces.

    Attributes
    ----------
    parent : Scope or None
        The scope around it.
    of_block : bool
        Whether it is the body of a block, which sees the constants and blocks around it but no
        values of the network: those are given as parameters.
    definitions : dict
        What stands in it.
    """

    parent: Scope | None = None
    of_block: bool = False
    definitions: dict[str, Definition] = field(default_factory=dict)

    def find(self, name: str) -> Definition | None:
        """Return what a name stands for here."""
        scope: Scope | None = self
        hidden = False
        while scope is not None:
            found = scope.definitions.get(name)
            if found is not None and not (hidden and isinstance(found, NamedValue)):
                return found
            hidden = hidden or scope.of_block
            scope = scope.parent
        return None

    def hides(self, name: str) -> bool:
        """Return whether a name is a value outside of the block that this scope belongs to."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.definitions:
                return True
            scope = scope.parent
        return False

    def known(self) -> Iterator[tuple[str, Definition]]:
        """Yield every name that means something here."""
        scope: Scope | None = self
        hidden = False
        while scope is not None:
            for name, definition in scope.definitions.items():
                if not (hidden and isinstance(definition, NamedValue)):
                    yield name, definition
            hidden = hidden or scope.of_block
            scope = scope.parent
