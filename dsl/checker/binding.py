"""Matches what stands behind a word with what may stand there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dsl.checker.expressions import Evaluator
from dsl.checker.findings import Findings
from dsl.diagnostics import Edit, Fix, Span, quoted
from dsl.layers.activations import ACTIVATIONS, ActivationType
from dsl.layers.arguments import (
    UNKNOWN,
    ArgumentType,
    ArgumentValueError,
    Sizes,
    Value,
    Word,
    format_sizes,
    format_value,
)
from dsl.layers.definition import LAYERS, REQUIRED, Parameter, Signature
from dsl.syntax import (
    Argument,
    Call,
    Chain,
    Comparison,
    Expression,
    Name,
    Option,
    Power,
    SizeLiteral,
)

_ACTIVATION = Parameter("activation", ActivationType(), "the activation")
_ALL_FLAGS = frozenset(flag.word for layer in LAYERS.values() for flag in layer.flags)


@dataclass
class Bound:
    """The arguments of a layer or a setting.

    Attributes
    ----------
    arguments : dict
        A value for every key.
    spans : dict
        Where those stand that were given.
    names : list of Name
        The named values that were given.
    positional_end : Span
        The word or the last positional argument: behind it is room for flags and options.
    valid : bool
        Whether nothing was wrong.
    known : bool
        Whether every value is known.
    """

    arguments: dict[str, Any]
    positional_end: Span
    spans: dict[str, Span] = field(default_factory=dict)
    names: list[Name] = field(default_factory=list)
    valid: bool = True
    known: bool = True


def bind(
    word: Name,
    signature: Signature,
    arguments: Sequence[Argument],
    evaluator: Evaluator,
    findings: Findings,
) -> Bound:
    """Match arguments with a signature and compute them.

    Parameters
    ----------
    word : Name
        The word that the arguments stand behind.
    signature : Signature
        What may stand there.
    arguments : sequence of Argument
        What stands there.
    evaluator : Evaluator
        Computes expressions.
    findings : Findings
        Where complaints go.

    Returns
    -------
    Bound
        The arguments, with `valid` false if anything was wrong.
    """
    return _Binder(word, signature, evaluator, findings).bind(arguments)


class _Binder:
    def __init__(
        self, word: Name, signature: Signature, evaluator: Evaluator, findings: Findings
    ) -> None:
        self._word = word
        self._signature = signature
        self._evaluator = evaluator
        self._findings = findings
        self._open = list(signature.positional)  # those that no argument has been given for
        self._bound = Bound(signature.defaults(), word.span)
        self._last_option: Span | None = None

    def bind(self, arguments: Sequence[Argument]) -> Bound:
        errors = self._findings.errors
        for argument in arguments:
            if isinstance(argument, Option):
                self._option(argument)
            elif not self._flag(argument) and not self._activation(argument):
                self._positional(argument)
        rest = [] if self._signature.rest is None else [self._signature.rest]
        missing = [
            p
            for p in (*self._open, *rest)
            if p.default is REQUIRED and p.key not in self._bound.spans
        ]
        if missing and self._findings.errors == errors:
            self._missing(missing)
        self._bound.valid = self._findings.errors == errors
        return self._bound

    def _option(self, option: Option) -> None:
        name = option.name
        self._last_option = option.span
        parameter = next((p for p in self._signature.parameters if p.name == name.text), None)
        if parameter is not None:
            self._set(parameter, option.value, option.span)
        elif name.text in {flag.word for flag in self._signature.flags}:
            alone = Fix(f"write `{name.text}` alone", (Edit(option.span, name.text),))
            self._findings.error(
                "TG405",
                f"`{name.text}` is a flag and takes no value",
                option.span,
                "expected the word alone",
                fixes=(alone,),
            )
        else:
            options = [p.name for p in self._signature.parameters]
            self._findings.error(
                "TG405",
                f"`{self._word.text}` has no option `{name.text}`",
                name.span,
                f"expected {quoted(options)}" if options else "it has no options",
                fixes=self._findings.nearest(name.text, name.span, options),
            )

    def _flag(self, argument: Expression) -> bool:
        """Take an argument that is a flag; return whether it was one."""
        if not isinstance(argument, Name):
            return False
        word = self._evaluator.word(argument)
        flag = next((f for f in self._signature.flags if f.word == word), None)
        if flag is None:
            return False
        self._last_option = argument.span
        if self._first_time(flag.key, argument.span, f"`{flag.word}`"):
            self._bound.arguments[flag.key] = flag.value
        return True

    def _activation(self, argument: Expression) -> bool:
        """Take an argument that is an activation at the end; return whether it was one."""
        word = self._evaluator.word(argument)
        if word not in ACTIVATIONS:
            return False
        if self._open and word in self._open[0].type.words:
            return False
        if self._signature.takes_activation:
            self._set(_ACTIVATION, argument, argument.span)
            self._last_option = argument.span
        else:
            separate = Fix("give it a statement of its own", (Edit(argument.span.before(), "; "),))
            self._findings.error(
                "TG410",
                f"`{self._word.text}` takes no activation",
                argument.span,
                "only layers with weights end in one",
                fixes=(separate,),
            )
        return True

    def _positional(self, argument: Expression) -> None:
        if self._signature.takes_names:
            if isinstance(argument, Name):
                self._bound.names.append(argument)
            else:
                self._findings.error(
                    "TG403",
                    f"`{self._word.text}` takes names of values",
                    argument.span,
                    "expected a name",
                )
        elif not self._open and self._signature.rest is not None:
            self._further(self._signature.rest, argument)
        elif not self._open:
            self._surplus(argument)
        elif self._last_option is not None:
            self._findings.error(
                "TG407",
                "positional arguments stand before flags and options",
                argument.span,
                f"the {self._open[0].name} belongs right behind `{self._word.text}`",
            )
            self._open.pop(0)
        else:
            self._set(self._open.pop(0), argument, argument.span)
            self._bound.positional_end = argument.span

    def _further(self, rest: Parameter, argument: Expression) -> None:
        """Take one of any number of arguments, which together make a tuple."""
        before = self._bound.arguments.get(rest.key, ())
        start = self._bound.spans.pop(rest.key, argument.span)
        self._set(rest, argument, start.to(argument.span))
        value = self._bound.arguments.get(rest.key)
        if value is not UNKNOWN and before is not UNKNOWN:
            self._bound.arguments[rest.key] = (*before, value)
        self._bound.positional_end = argument.span

    def _surplus(self, argument: Expression) -> None:
        """Complain about an argument that there is no place for."""
        word = self._word.text
        if not isinstance(argument, Name) or argument.text in _ALL_FLAGS | {"true", "false"}:
            self._findings.error(
                "TG402",
                f"`{word}` has no place for `{argument.span.text}`",
                argument.span,
                self._takes(),
                fixes=self._joined_size(argument),
            )
            return
        known = {flag.word for flag in self._signature.flags}
        if self._signature.takes_activation:
            known |= set(ACTIVATIONS)
        self._findings.error(
            "TG301",
            f"unknown word `{argument.text}`",
            argument.span,
            f"expected {self._expected_words()}",
            fixes=self._findings.nearest(argument.text, argument.span, known),
        )

    def _takes(self) -> str:
        """Return what stands behind the word."""
        places = [p.name for p in self._signature.positional]
        if places:
            return f"it takes {' and '.join(filter(None, (', '.join(places[:-1]), places[-1])))}"
        options = [f"{p.name}=" for p in self._signature.options]
        return f"expected {quoted(options)}" if options else "it takes no arguments here"

    def _expected_words(self) -> str:
        kinds = []
        if self._signature.flags:
            kinds.append(f"a flag of `{self._word.text}`")
        if self._signature.takes_activation:
            kinds.append("an activation")
        if self._signature.options:
            kinds.append("an option")
        return " or ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds) or (
            f"nothing more behind `{self._word.text}`"
        )

    def _joined_size(self, argument: Expression) -> tuple[Fix, ...]:
        """Return the repair of ``3 3`` where ``3x3`` is meant."""
        last = next(iter(self._signature.positional[-1:]), None)
        if last is None or last.key not in self._bound.spans:
            return ()
        before = self._bound.spans[last.key]
        if not (before.text + argument.span.text).isdecimal():
            return ()
        size = f"{before.text}x{argument.span.text}"
        return (Fix(f"sizes are written `{size}`", (Edit(before.to(argument.span), size),)),)

    def _set(self, parameter: Parameter, node: Expression, span: Span) -> None:
        """Compute a value and set the key of a parameter."""
        if not self._first_time(parameter.key, span, f"the {parameter.name}"):
            return
        if parameter.type.in_quotes and self._is_bare(node):
            self._unquoted(parameter, node)
            return
        value = self._evaluator.argument(node, parameter.type)
        if value is UNKNOWN:
            self._bound.known = False
            self._bound.arguments[parameter.key] = UNKNOWN
            return
        try:
            self._bound.arguments[parameter.key] = parameter.type.convert(value)
        except ArgumentValueError as bad:
            self._wrong_value(parameter, bad, node, value)

    def _is_bare(self, node: Expression) -> bool:
        """Return whether an argument looks like an expression whose quotes are missing."""
        if isinstance(node, Name):
            return not self._evaluator.is_defined(node)
        return isinstance(node, Call | Chain | Comparison | Power)

    def _unquoted(self, parameter: Parameter, node: Expression) -> None:
        """Complain about an expression that is not in quotes, as it must be."""
        text = node.span.text
        self._findings.error(
            "TG403",
            f"the {parameter.name} of `{self._word.text}` stands in double quotes",
            node.span,
            f"expected {parameter.type.phrase}",
            fixes=(Fix("put it in quotes", (Edit(node.span, f'"{text}"'),)),),
        )

    def _wrong_value(
        self, parameter: Parameter, bad: ArgumentValueError, node: Expression, value: Value
    ) -> None:
        """Complain about a value that an argument cannot have."""
        received = f"`{node.span.text}`"
        if not isinstance(value, Word) and format_value(value) != node.span.text:
            received += f", which is {format_value(value)}"
        if isinstance(value, Word) and bad.expected != parameter.type.phrase:
            # A call with too many parameters, or with a wrong one.
            many = bad.expected.startswith("`")
            what = received if many else f"the parameter of `{value.text}`"
        elif parameter.name == "value":
            what = f"`{self._word.text}`"
        else:
            named = parameter in self._signature.options
            what = f"`{parameter.name}`" if named else f"the {parameter.name}"
            what += f" of `{self._word.text}`"
        self._findings.error(
            bad.code,
            f"{what} must be {bad.expected}",
            node.span,
            f"expected {bad.expected}, received {received}",
            fixes=_shorter_size(node, parameter.type),
        )

    def _first_time(self, key: str, span: Span, what: str) -> bool:
        """Return whether a key has not been set before; complain if it has."""
        before = self._bound.spans.setdefault(key, span)
        if before is span:
            return True
        remove = Fix(f"remove `{span.text}`", (Edit(span, ""),))
        again = before.text.partition("=")[0] == span.text.partition("=")[0]
        self._findings.error(
            "TG406",
            f"{what} is given twice" if again else f"`{span.text}` contradicts `{before.text}`",
            span,
            f"`{before.text}` stands in column {before.column} already",
            fixes=(remove,),
        )
        return False

    def _missing(self, missing: Sequence[Parameter]) -> None:
        # The number behind a setting has no name of its own.
        names = quoted([p.name for p in missing], "and").replace("`value`", "a value")
        span = self._bound.positional_end
        self._findings.error(
            "TG401",
            f"`{self._word.text}` needs {names}",
            self._word.span.to(span),
            f"expected `{self._signature}`",
            notes=tuple(f"{p.name}: {p.doc}; {p.type.phrase}" for p in missing),
        )


def _shorter_size(node: Expression, kind: ArgumentType) -> tuple[Fix, ...]:
    """Return the repair of ``3x3x3`` where a shorter size is meant."""
    if not isinstance(kind, Sizes) or not isinstance(node, SizeLiteral):
        return ()
    if kind.axes is None or len(node.sizes) <= kind.axes:
        return ()
    size = format_sizes(node.sizes[: kind.axes])
    parts = {1: "one part", 2: "two parts", 3: "three parts"}[kind.axes]
    return (Fix(f"a size has {parts} here: `{size}`", (Edit(node.span, size),)),)
