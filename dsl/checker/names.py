"""The names of a file: constants, values and layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from dsl.checker.findings import Findings
from dsl.diagnostics import Edit, Fix, Span
from dsl.layers.activations import ACTIVATIONS
from dsl.layers.arguments import UNKNOWN, Value, format_sizes
from dsl.layers.definition import LAYERS
from dsl.syntax import File, LayerStatement, Name
from dsl.words import CONSTANTS, LATER_ACTIVATIONS, LATER_FLAGS, LATER_LAYERS, PROPERTIES
from tensorgraph.base.shapes import Shape, num_elements

RESERVED = frozenset(
    LAYERS.keys()
    | ACTIVATIONS.keys()
    | {flag.word for layer in LAYERS.values() for flag in layer.flags}
    | LATER_LAYERS
    | LATER_ACTIVATIONS
    | LATER_FLAGS
    | PROPERTIES
    | CONSTANTS
)
"""Words that no name of a file can be; the words of statements the grammar keeps apart."""


@dataclass
class _Definition:
    """What a name stands for; `kind` is unknown where its statement has an error."""

    kind: Literal["constant", "value", "unknown"]
    span: Span | None
    value: Value = UNKNOWN
    layer: str = ""
    mentioned: bool = False


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
    tree : File
        The file, whose given names no layer may get by itself.
    """

    def __init__(
        self,
        findings: Findings,
        current_shape: Callable[[], Shape],
        classes: int | None,
        tree: File,
    ) -> None:
        self._findings = findings
        self._current_shape = current_shape
        self._classes = classes
        self._definitions: dict[str, _Definition] = {}
        self._given = {
            statement.result.text
            for statement in tree.statements
            if isinstance(statement, LayerStatement) and statement.result is not None
        }
        self._layer_names: set[str] = set()
        self._counts: dict[str, int] = {}

    # Definitions

    def define_constant(self, name: Name, value: Value) -> None:
        """Take note of ``let NAME = …``."""
        self._define(name, _Definition("constant", name.span, value=value))

    def define_value(self, name: Name, layer: str) -> None:
        """Take note of ``NAME = LAYER``."""
        self._define(name, _Definition("value", name.span, layer=layer))

    def define_unknown(self, text: str) -> None:
        """Take note of a name whose statement has an error, so that its uses are none."""
        self._definitions.setdefault(text, _Definition("unknown", None, mentioned=True))

    def _define(self, name: Name, definition: _Definition) -> None:
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
        before = self._definitions.get(name.text)
        if before is not None and before.span is not None:
            self._findings.error(
                "TG303",
                f"`{name.text}` is defined twice",
                name.span,
                f"line {before.span.line} defines it already",
            )
            return
        self._definitions[name.text] = definition

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

    def layer_name(self, kind: str, result: Name | None) -> str:
        """Return the name of a new layer: the one it was given, or its kind with a number."""
        if result is not None and result.text not in self._layer_names:
            self._layer_names.add(result.text)
            return result.text
        while True:
            count = self._counts.get(kind, 0)
            self._counts[kind] = count + 1
            name = f"{kind}_{count}" if count else kind
            if name not in self._given and name not in self._layer_names:
                self._layer_names.add(name)
                return name

    # Uses

    def value_of(self, name: Name, words: frozenset[str]) -> Value:
        """Return the number or text that a name stands for, UNKNOWN after a complaint."""
        if name.text in PROPERTIES:
            return self._property(name)
        definition = self._definitions.get(name.text)
        if definition is None:
            self._unknown(name, chain(words, PROPERTIES, self._known("constant")))
            return UNKNOWN
        definition.mentioned = True
        if definition.kind == "value":
            self._findings.error(
                "TG308",
                f"`{name.text}` is a value of the network, not a number",
                name.span,
                "expected a number here",
            )
        return definition.value

    def reference(self, name: Name) -> str | None:
        """Return the layer that a name stands for, None after a complaint."""
        definition = self._definitions.get(name.text)
        if definition is None:
            self._unknown(name, self._known("value"))
            return None
        definition.mentioned = True
        if definition.kind == "constant":
            self._findings.error(
                "TG308",
                f"`{name.text}` is a constant, not a value of the network",
                name.span,
                f"expected the name of a layer's result, as in `{name.text} = dense 10`",
            )
        return definition.layer or None

    def report_unused(self, outputs: Collection[str]) -> None:
        """Warn about names that nothing mentions, unless they name a result of the network."""
        for text, definition in self._definitions.items():
            if definition.mentioned or definition.span is None or definition.layer in outputs:
                continue
            self._findings.warning(
                "TG305", f"`{text}` is never used", definition.span, "nothing refers to this name"
            )

    def _known(self, kind: str) -> Iterator[str]:
        return (text for text, d in self._definitions.items() if d.kind == kind)

    def _unknown(self, name: Name, candidates: Iterable[str]) -> None:
        if name.text in RESERVED:
            code, message = "TG301", f"`{name.text}` means nothing here"
        else:
            code, message = "TG307", f"`{name.text}` is not defined"
        self._findings.error(
            code,
            message,
            name.span,
            "a name must be defined in a line above",
            fixes=self._findings.nearest(name.text, name.span, candidates),
        )

    def _property(self, name: Name) -> Value:
        """Return ``channels``, ``height``, … of the current value."""
        if name.text == "classes":
            return UNKNOWN if self._classes is None else self._classes
        shape = self._current_shape()
        if shape is None:
            return UNKNOWN
        sizes = {"channels": shape[-1] if shape else None, "features": num_elements(shape)}
        if len(shape) == 3:
            sizes |= {"height": shape[0], "width": shape[1]}
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
