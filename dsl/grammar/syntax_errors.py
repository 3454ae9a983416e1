"""What to say where the text is no sentence of the language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from dsl.diagnostics import Diagnostic, Edit, Fix, Span, quoted
from dsl.grammar.lexemes import Lexeme
from dsl.words import MERGES

MAX_NESTING = 100
"""How deep brackets may be nested, and how deep braces."""

GROUPS = frozenset(["TRAIN", "REPEAT", "IF", "ELSE", "RESIDUAL", "SHORTCUT", "BRANCH", "BLOCK"])
"""The kinds of the words that a `{` belongs to."""

_HOLDERS = ("repeat", "if", "residual", "branch", "block", "train")
_OPENED = re.compile(r"(\w)\(")
_NEGATIVE = re.compile(r"-[ \t]*[A-Za-z0-9_.]+")
_STATEMENT_END = re.compile(r"[\r\n;#]")
_ABOUT_TEXT = "text that is not code stands in double quotes or behind `#`"
_ABOUT_PATHS = "a path with spaces or other special characters stands in double quotes"
_CLOSING = {"LPAR": ")", "_LPAR": ")", "LSQB": "]", "_LSQB": "]"}
_KEYWORDS = GROUPS | {"NET", "INPUT", "LET", "FROM", "OUTPUT", "USE", "IMPORT", "FREEZE", "AS"}
_BEHIND = {"ELSE": "the `}` of an `if`", "SHORTCUT": "the `}` of a `residual`", "AS": "`repeat`"}


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
    in_braces : bool
        Whether it is inside of ``{ … }``.
    """

    found: Lexeme
    expected: frozenset[str]
    statement: Sequence[Lexeme]
    brackets: Sequence[Lexeme]
    in_braces: bool

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
    special = _explain_word(at) or _explain_equals(at) or _explain_bracket(at)
    if special is not None:
        return special
    expected = _expected_phrase(at)
    fixes: tuple[Fix, ...] = ()
    if at.expected == {"LBRACE"}:
        fixes = (Fix("open it with `{`", (Edit(at.statement[-1].span.after(), " {"),)),)
    elif "MERGE" in at.expected:
        fixes = _merge_fixes(at)
    return Diagnostic(
        "TG101",
        f"expected {expected}, found {at.found.shown}",
        at.place,
        label=_label(at, expected),
        fixes=fixes,
    )


def too_deep(bracket: Lexeme) -> Diagnostic:
    """Return the message about a bracket or brace inside of too many others."""
    what = "brace" if bracket.type == "LBRACE" else "bracket"
    return Diagnostic(
        "TG105",
        f"{what}s are nested more than {MAX_NESTING} deep",
        bracket.span,
        label=f"the {what} number {MAX_NESTING + 1} that is open here",
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
        case "ELSE" | "SHORTCUT" | "AS" if not at.statement:
            return Diagnostic(
                "TG110",
                f"`{found}` belongs behind {_BEHIND[found.type]}",
                span,
                label="nothing before it that it could belong to",
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


def _explain_equals(at: Situation) -> Diagnostic | None:
    """Return the message about ``adam(lr=0.1)`` and about ``batch = 32``."""
    if at.found.type != "_EQUALS" or not at.statement:
        return None
    first = at.statement[0]
    bracket = at.brackets[0] if at.brackets else None
    if bracket is not None and bracket.type == "_LPAR":
        spaced = _OPENED.sub(r"\1 ", first.span.to(at.found.span).text)
        return Diagnostic(
            "TG108",
            "options stand side by side, without parentheses",
            at.found.span,
            label=f"expected `{spaced}…`",
        )
    if "DATA_PATH" not in at.expected and at.in_braces and len(at.statement) == 1:
        return Diagnostic(
            "TG108",
            f"the value of `{first}` stands behind it, without `=`",
            at.found.span,
            label=f"expected `{first} …`",
            fixes=(Fix("remove the `=`", (Edit(at.found.span, ""),)),),
        )
    return None


def _explain_bracket(at: Situation) -> Diagnostic | None:
    """Return the message about brackets and braces that do not match."""
    found, span = at.found, at.found.span
    if found.type == "LBRACE" and len(at.statement) and at.statement[0].type in ("NAME", "CALL"):
        first = at.statement[0]
        similar = get_close_matches(first, [*_HOLDERS, "else", "shortcut"], 1)
        return Diagnostic(
            "TG113",
            f"`{first}` holds no other statements",
            span,
            label=f"only {quoted(_HOLDERS)} and a name with `=` stand before `{{`",
            fixes=tuple(Fix(f"did you mean `{s}`?", (Edit(first.span, s),)) for s in similar),
        )
    if found.type in ("RPAR", "RSQB", "RBRACE") and not at.brackets:
        opening = {"RPAR": "(", "RSQB": "[", "RBRACE": "{"}[found.type]
        # A brace may also end an unfinished statement: that is about the statement.
        if found.type != "RBRACE" or not at.in_braces:
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
        statement = "a setting" if "DATA_PATH" in expected else "a statement"
        return f"{statement} or `}}`" if at.in_braces else statement
    if "MERGE" in expected:
        return quoted(["{", *MERGES])
    if expected == {"LBRACE"}:
        return "`{`"
    if at.brackets and at.after_operand:
        bracket = at.brackets[-1].type
        return "`)`" if bracket == "LPAR" else f"`,` or `{_CLOSING[bracket]}`"
    if "REPEAT" in expected:
        return "a layer"
    if "LBRACE" in expected and "INTEGER" not in expected:
        return "`as` or `{`" if "AS" in expected else "`{`"
    if "INTEGER" in expected and at.after_operand:
        return "another argument or the end of the line"
    if "NAME" in expected and at.after_operand:
        return "another name or the end of the line"
    if at.after_operand:
        return "the end of the line"
    if "INTEGER" in expected:
        return "a value"
    if "STRING" in expected:
        return "a path in double quotes"
    if "NAME" in expected:
        return "a name"
    return "`=`" if "_EQUALS" in expected else "`(`"


def _merge_fixes(at: Situation) -> tuple[Fix, ...]:
    """Return the changes that put a merging word behind the arms of a branch."""
    if at.found.type == "NAME":
        similar = get_close_matches(at.found, sorted(MERGES), 1)
        return tuple(Fix(f"did you mean `{s}`?", (Edit(at.found.span, s),)) for s in similar)
    end = at.statement[-1].span.after()
    return tuple(Fix(f"`{word}` merges the arms", (Edit(end, f" {word}"),)) for word in MERGES)


def _is_data(at: Situation) -> bool:
    """Return whether the statement is the setting of the data, whose path may lack its quotes."""
    return at.in_braces and bool(at.statement) and at.statement[0].startswith("data")


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
