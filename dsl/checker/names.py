"""Looks names up, and complains about those that mean nothing where they stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from dsl.checker.findings import Findings
from dsl.checker.scopes import (
    Block,
    Broken,
    Constant,
    Definition,
    NamedValue,
    Scope,
    is_unknown,
)
from dsl.diagnostics import Edit, Fix, Span, quoted
from dsl.layers.activations import ACTIVATIONS
from dsl.layers.arguments import UNKNOWN, Value, ValueReference, Word, format_sizes
from dsl.layers.definition import LAYERS
from dsl.layers.initializers import INITIALIZERS
from dsl.syntax import BlockStatement, Name
from dsl.words import CONSTANTS, PROPERTIES
from tensorgraph.base.shapes import Shape, num_elements

FLAGS = frozenset(flag.word for layer in LAYERS.values() for flag in layer.flags)
"""The flags of all layers."""

RESERVED = frozenset(LAYERS.keys() | ACTIVATIONS.keys() | FLAGS | PROPERTIES | CONSTANTS)
"""Words that no name of a file can be; the words of statements the grammar keeps apart."""

WORDS = frozenset(ACTIVATIONS.keys() | FLAGS | INITIALIZERS.keys())
"""Bare words that a constant or a parameter can stand for."""

_MAX_LISTED = 12
"""How many of the words that are possible a message lists."""

_Place = tuple[int, int]  # a source and an offset: what a definition is known by


class Names:
    """What the names of a file stand for, at the statement that is being checked.

    Parameters
    ----------
    findings : Findings
        Where complaints go.
    current_shape : callable
        Returns the shape of the current value.
    classes : int or None
        The number of classes of the data.

    Attributes
    ----------
    scope : Scope
        The names of the braces that the statement stands in.
    incomplete : bool
        Whether a file that may define names could not be read: nothing is then said about names
        that are not defined.
    """

    def __init__(
        self, findings: Findings, current_shape: Callable[[], Shape], classes: int | None
    ) -> None:
        self.scope = self._top = Scope()
        self.incomplete = False
        self._findings = findings
        self._current_shape = current_shape
        self._classes = classes
        # A statement in a repetition defines its name anew each time: what is used, or never, is
        # the place in the file.
        self._defined: dict[_Place, tuple[Span, set[str]]] = {}
        self._mentioned: set[_Place] = set()
        self._imported: set[_Place] = set()
        self._imports: list[tuple[Span, set[_Place]]] = []
        self._ended: dict[str, Span] = {}  # names that were defined in braces

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Look names up in a scope for a while."""
        before, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = before
            for text, definition in scope.definitions.items():
                if definition.span is not None:
                    self._ended.setdefault(text, definition.span)

    # Definitions

    def define(self, name: Name, definition: Definition) -> None:
        """Take note of what a name stands for in the current scope."""
        self.check_spelling(name)
        if name.text in RESERVED:
            self._findings.error(
                "TG304",
                f"`{name.text}` is a word of the language",
                name.span,
                "names of layers, flags, activations and sizes are reserved",
                fixes=(Fix(f"call it `my_{name.text}`", (Edit(name.span, f"my_{name.text}"),)),),
            )
            return
        before = self.scope.definitions.get(name.text)
        if before is not None and before.span is not None:
            self._findings.error(
                "TG303",
                f"`{name.text}` is defined twice",
                name.span,
                f"line {before.span.line} defines it already",
            )
            return
        self.scope.definitions[name.text] = definition
        references = self._defined.setdefault(_place(name.span), (name.span, set()))[1]
        if isinstance(definition, NamedValue):
            references.add(definition.reference)

    def define_constant(self, name: Name, value: Value) -> None:
        """Take note of ``let NAME = …``."""
        self.define(name, Constant(name.span, value))

    def define_block(self, statement: BlockStatement) -> None:
        """Take note of a block."""
        self.define(statement.name, Block(statement.name.span, statement, self.scope))

    def define_broken(self, text: str) -> None:
        """Take note of a name whose statement has an error, so that its uses are none."""
        self.scope.definitions.setdefault(text, Broken())

    def take_over(self, scope: Scope, span: Span) -> None:
        """Define here what an imported file defines.

        Parameters
        ----------
        scope : Scope
            The names of the imported file.
        span : Span
            The statement that imports it.
        """
        places: set[_Place] = set()
        for text, definition in scope.definitions.items():
            before = self.scope.definitions.get(text)
            if before is not None and before is not definition and before.span is not None:
                self._findings.error(
                    "TG303",
                    f"`{text}` is defined twice",
                    span,
                    f"the file defines it, and so does {before.span.location}",
                )
                continue
            self.scope.definitions[text] = definition
            if definition.span is not None:
                places.add(_place(definition.span))
        self._imported |= places
        if places and self.scope is self._top:
            self._imports.append((span, places))

    def check_spelling(self, name: Name) -> None:
        """Complain about a new name with capital letters."""
        lower = name.text.lower()
        if name.text != lower:
            self._findings.error(
                "TG311",
                "names are written in lower case",
                name.span,
                f"expected `{lower}`",
                fixes=(Fix(f"write `{lower}`", (Edit(name.span, lower),)),),
            )

    # Uses

    def find(self, name: Name) -> Definition | None:
        """Return what a name stands for, and take note that it is used."""
        definition = self.scope.find(name.text)
        if definition is not None and definition.span is not None:
            self._mentioned.add(_place(definition.span))
        return definition

    def word_of(self, name: Name) -> Word | None:
        """Return the word that a constant stands for, None where a name is no such constant."""
        definition = self.scope.find(name.text)
        if isinstance(definition, Constant) and isinstance(definition.value, Word):
            self.find(name)
            return definition.value
        return None

    def defines(self, text: str) -> bool:
        """Return whether the file defines a name that means something here."""
        return self.scope.find(text) is not None

    def reference_of(self, name: Name) -> ValueReference | None:
        """Return the value of the network that a name stands for, None if it is none."""
        if not isinstance(self.scope.find(name.text), NamedValue):
            return None
        value = self.value_named(name)
        return None if value is None else ValueReference(value.reference)

    def value_of(self, name: Name, words: frozenset[str]) -> Value:
        """Return the number or text that a name stands for, UNKNOWN after a complaint."""
        if name.text in PROPERTIES:
            return self._property(name)
        definition = self.find(name)
        if definition is None:
            self._unknown(name, chain(words, PROPERTIES, self._known(Constant)), words)
            return UNKNOWN
        if isinstance(definition, Constant | Broken):
            return definition.value
        self._findings.error(
            "TG308",
            f"`{name.text}` is {definition.what}, not a number",
            name.span,
            "expected a number here",
        )
        return UNKNOWN

    def value_named(self, name: Name) -> NamedValue | None:
        """Return the value of the network that a name stands for, None after a complaint."""
        definition = self.find(name)
        if isinstance(definition, NamedValue):
            return definition
        if definition is None:
            self._unknown(name, self._known(NamedValue))
        elif not is_unknown(definition):
            self._findings.error(
                "TG308",
                f"`{name.text}` is {definition.what}, not a value of the network",
                name.span,
                f"expected the name of a layer's result, as in `{name.text} = dense 10`",
            )
        return None

    def report_unused(self, outputs: Collection[str]) -> None:
        """Warn about names that nothing mentions, unless they name a result of the network."""
        for place, (span, references) in self._defined.items():
            used = place in self._mentioned or not references.isdisjoint(outputs)
            if used or place in self._imported:
                continue
            self._findings.warning(
                "TG305", f"`{span.text}` is never used", span, "nothing refers to this name"
            )

        for span, places in self._imports:
            if places.isdisjoint(self._mentioned):
                self._findings.warning(
                    "TG319", "nothing of this file is used", span, "no name that it defines"
                )

    def _known(self, kind: type) -> Iterator[str]:
        return (text for text, definition in self.scope.known() if isinstance(definition, kind))

    def _unknown(
        self, name: Name, candidates: Iterable[str], words: frozenset[str] = frozenset()
    ) -> None:
        if self.incomplete and name.text not in RESERVED:
            return
        ended = self._ended.get(name.text)
        code, message = "TG307", f"`{name.text}` is not defined"
        label = "a name must be defined in a line above"
        if name.text in RESERVED or (words and words != WORDS):
            code, message = "TG301", f"`{name.text}` means nothing here"
        if words and words != WORDS:
            label = f"expected {_listed(sorted(words))}, or a constant"
        elif self.scope.hides(name.text):
            label = "it is a value outside of this block: give it to the block as a parameter"
        elif ended is not None and ended.source is name.span.source:
            label = f"line {ended.line} defines it, in braces that end before this line"
        self._findings.error(
            code,
            message,
            name.span,
            label,
            fixes=self._findings.nearest(name.text, name.span, candidates),
        )

    def _property(self, name: Name) -> Value:
        """Return ``channels``, ``height``, … of the current value."""
        if name.text == "classes":
            return UNKNOWN if self._classes is None else self._classes
        shape = self._current_shape()
        if shape is None:
            return UNKNOWN
        # Of a sequence, the features of each step.
        features = shape[-1] if len(shape) == 2 else num_elements(shape)
        sizes = {"channels": shape[-1] if shape else None, "features": features}
        if len(shape) >= 3:
            sizes |= {"height": shape[-3], "width": shape[-2]}
        size = sizes.get(name.text)
        if size is None:
            self._findings.error(
                "TG205",
                f"the {name.text} is not known here",
                name.span,
                f"the current value is {format_sizes(shape)}",
            )
            return UNKNOWN
        return size


def _listed(words: Sequence[str]) -> str:
    """Return words as a phrase; of very many only the first."""
    if len(words) <= _MAX_LISTED:
        return quoted(words)
    return ", ".join([*(f"`{word}`" for word in words[:_MAX_LISTED]), "…"])


def _place(span: Span) -> _Place:
    return id(span.source), span.start
