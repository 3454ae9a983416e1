"""What to say where the text is no sentence of the language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dsl.diagnostics import Diagnostic, Edit, Fix, Span
from dsl.grammar.lexemes import Lexeme

MAX_NESTING = 100
"""How deep brackets may be nested."""

_NEGATIVE = re.compile(r"-[ \t]*[A-Za-z0-9_.]+")
_STATEMENT_END = re.compile(r"[\r\n;#]")
_ABOUT_TEXT = "text that is not code stands in double quotes or behind `#`"
_ABOUT_PATHS = "a path with spaces or other special characters stands in double quotes"
_CLOSING = {"LPAR": ")", "_LPAR": ")", "LSQB": "]"}
_KEYWORDS = frozenset(["NET", "INPUT", "LET", "FROM", "OUTPUT", "TRAIN"])


@dataclass(frozen=True)
class Situation:
    """Where the parser stood when it met a word that does not fit.

    Attributes
    ----------
    found : Lexeme
        The word.
    expected : frozenset of str
        The kinds of words that could have come.
    statement : sequence of Lexeme
        The words of the statement before it.
    brackets : sequence of Lexeme
        The brackets that are open in the statement.
    in_train : bool
        Whether it is inside of ``train { … }``.
    """

    found: Lexeme
    expected: frozenset[str]
    statement: Sequence[Lexeme]
    brackets: Sequence[Lexeme]
    in_train: bool

    @property
    def place(self) -> Span:
        """Where the caret belongs: the word, or right behind the last one at the end of a line."""
        if self.found.type in ("_END", "$END") and self.statement:
            return self.statement[-1].span.after()
        return self.found.span

    @property
    def after_operand(self) -> bool:
        """Whether the words so far could be a complete expression."""
        return not self.expected.isdisjoint(("_END", "RPAR", "RSQB", "PLUS"))


def explain(at: Situation) -> Diagnostic:
    """Return the message about a word that does not fit."""
    special = _explain_word(at) or _explain_bracket(at)
    if special is not None:
        return special
    expected = _expected_phrase(at)
    fixes: tuple[Fix, ...] = ()
    if "_LBRACE" in at.expected:
        fixes = (Fix("open it with `{`", (Edit(at.statement[-1].span.after(), " {"),)),)
    return Diagnostic(
        "TG101",
        f"expected {expected}, found {at.found.shown}",
        at.place,
        label=_label(at, expected),
        fixes=fixes,
    )


def too_deep(bracket: Lexeme) -> Diagnostic:
    """Return the message about a bracket inside of too many others."""
    return Diagnostic(
        "TG105",
        f"brackets are nested more than {MAX_NESTING} deep",
        bracket.span,
        label=f"the bracket number {MAX_NESTING + 1} that is open here",
    )


def never_closed(brace: Lexeme) -> Diagnostic:
    """Return the message about a ``{`` whose ``}`` is missing at the end of the file."""
    source = brace.span.source
    end = Span(source, len(source.text), len(source.text))
    return Diagnostic(
        "TG104",
        "`{` is never closed",
        brace.span,
        label="the file ends before `}`",
        fixes=(Fix("close it with `}`", (Edit(end, "\n}"),)),),
    )


def _explain_word(at: Situation) -> Diagnostic | None:
    """Return the message about a word that is wrong by its kind, whatever was expected."""
    found, span = at.found, at.found.span
    match found.type:
        case "UNCLOSED":
            close = Fix('`"` closes the string', (Edit(span.after(), '"'),))
            return Diagnostic(
                "TG102",
                "the string is not closed",
                span,
                label='expected `"` before the end of the line',
                fixes=(close,),
            )
        case "MALFORMED":
            return Diagnostic(
                "TG103",
                f"`{found}` is neither a number nor a size",
                span,
                label="numbers look like 3, 0.5 and 1e-4, sizes like 3x3, 28x28x1 and ?x?x3",
            )
        case "LATER":
            return Diagnostic(
                "TG106",
                f"`{found}` is not in this version",
                span,
                label="a word of the language that this version does not understand yet",
            )
        case "STRAY":
            return Diagnostic(
                "TG101",
                f"{found.shown} has no meaning in a .net file",
                span,
                label=f"expected {_expected_phrase(at)}",
                notes=(_ABOUT_PATHS if _is_data(at) else _ABOUT_TEXT,),
            )
        case "_COMMA":
            return Diagnostic(
                "TG108",
                "arguments are separated by spaces, not by commas",
                span,
                label=f"expected {_expected_phrase(at)}",
                fixes=(_without_commas(span),),
            )
        case "MINUS" if "INTEGER" in at.expected:
            return Diagnostic(
                "TG107",
                "a negative argument stands in parentheses",
                span,
                label="expected an argument, found a minus",
                notes=("`a -b` is one argument, a difference",),
                fixes=_parenthesize(span),
            )
    return None


def _explain_bracket(at: Situation) -> Diagnostic | None:
    """Return the message about brackets and braces that do not match."""
    found, span = at.found, at.found.span
    if found.type == "_LBRACE" and [word.type for word in at.statement[-2:]] == ["NAME", "_EQUALS"]:
        return Diagnostic(
            "TG106",
            "a group `{ }` as a value is not in this version",
            span,
            label="expected a layer",
        )
    if found.type in ("RPAR", "RSQB", "RBRACE") and not at.brackets:
        opening = {"RPAR": "(", "RSQB": "[", "RBRACE": "{"}[found.type]
        # A brace may also end an unfinished statement: that is about the statement.
        if found.type != "RBRACE" or not at.in_train:
            return Diagnostic(
                "TG104",
                f"`{found}` closes nothing",
                span,
                label=f"there is no `{opening}` before it",
                fixes=(Fix(f"remove the `{found}`", (Edit(span, ""),)),),
            )
    if at.brackets and found.type in ("_END", "$END") and at.after_operand:
        bracket = at.brackets[-1]
        closing = _CLOSING[bracket.type]
        fix = Fix(f"close it with `{closing}`", (Edit(at.place, closing),))
        return Diagnostic(
            "TG104",
            f"`{bracket}` is not closed on its line",
            bracket.span,
            label=f"expected `{closing}` before {found.shown}",
            fixes=(fix,),
        )
    return None


def _expected_phrase(at: Situation) -> str:
    """Return in words what could have come."""
    expected = at.expected
    if "BROKEN" in expected:
        return "a setting or `}`" if at.in_train else "a statement"
    if "_LBRACE" in expected:
        return "`{`"
    if at.brackets and at.after_operand:
        bracket = at.brackets[-1].type
        return "`)`" if bracket == "LPAR" else f"`,` or `{_CLOSING[bracket]}`"
    if "INTEGER" in expected and at.after_operand:
        return "another argument or the end of the line"
    if "NAME" in expected and at.after_operand:
        return "another name or the end of the line"
    if at.after_operand:
        return "the end of the line"
    if "INTEGER" in expected:
        return "a value"
    if "CALL" in expected:
        return "a layer"
    if "NAME" in expected:
        return "a name"
    return "`=`" if "_EQUALS" in expected else "`(`"


def _is_data(at: Situation) -> bool:
    """Return whether the statement is the setting of the data, whose path may lack its quotes."""
    return at.in_train and bool(at.statement) and at.statement[0].startswith("data")


def _without_commas(first: Span) -> Fix:
    """Return the change that puts spaces in the place of a comma and of those behind it."""
    text = first.source.text
    end = _STATEMENT_END.search(text, first.start)
    commas = re.compile(",").finditer(text, first.start, end.start() if end else len(text))
    edits = (Edit(Span(first.source, m.start(), m.end()), " ") for m in commas)
    return Fix("separate arguments by spaces", tuple(edits))


def _parenthesize(minus: Span) -> tuple[Fix, ...]:
    """Return the change that puts parentheses around a minus and the number or name behind it."""
    operand = _NEGATIVE.match(minus.source.text, minus.start)
    if operand is None:
        return ()
    span = Span(minus.source, minus.start, operand.end())
    return (Fix(f"write `({span.text})`", (Edit(span, f"({span.text})"),)),)


def _label(at: Situation, expected: str) -> str:
    """Return what stands beside the caret, a hint where there is one."""
    found = at.found
    if found.type in _KEYWORDS and at.statement:
        if expected == "a name":
            return f"`{found}` is a word of the language and cannot be a name"
        return f"`{found}` begins a new statement, on a line of its own or behind `;`"
    if found.type == "_EQUALS" and at.statement:
        return "only a name can stand before `=`"
    if at.statement and at.found.type in ("_END", "$END", "RBRACE"):
        return f"`{at.statement[-1]}` must be followed by {expected}"
    return f"expected {expected}"
