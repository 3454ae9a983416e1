"""Goes from statement to statement, with a current value as a reader would have."""

from __future__ import annotations

from dataclasses import replace

from dsl.checker.blocks import check_block, check_call
from dsl.checker.constructs import (
    check_branch,
    check_group,
    check_if,
    check_repeat,
    check_residual,
)
from dsl.checker.context import Context
from dsl.checker.draft import LOST
from dsl.checker.files import check_import, check_use
from dsl.checker.hyperparameters import check_let
from dsl.checker.inputs import check_input
from dsl.checker.layers import check_layer, complain_unknown, values_of
from dsl.checker.scopes import Block, NamedValue, is_unknown
from dsl.diagnostics import Edit, Fix, Span
from dsl.layers.activations import ACTIVATIONS
from dsl.layers.definition import LAYERS
from dsl.network import INPUT, NetInput
from dsl.syntax import (
    BlockStatement,
    BranchStatement,
    BrokenStatement,
    FreezeStatement,
    FromStatement,
    GroupStatement,
    IfStatement,
    ImportStatement,
    InputStatement,
    LayerStatement,
    LetStatement,
    Name,
    NamedStatement,
    NetStatement,
    OutputStatement,
    RepeatStatement,
    ResidualStatement,
    Statement,
    TrainStatement,
    UseStatement,
)

_ONLY_AT_TOP = {
    NetStatement: "net",
    InputStatement: "input",
    OutputStatement: "output",
    TrainStatement: "train",
    BlockStatement: "block",
    ImportStatement: "import",
}
_WITHOUT_VALUE = frozenset(
    ["net", "input", "let", "output", "train", "block", "import", "freeze", "from"]
)


def execute(context: Context, statement: Statement) -> None:
    """Check one statement.

    Parameters
    ----------
    context : Context
        The state before it, which becomes that after it.
    statement : Statement
        The statement.
    """
    if not context.at_top and not _may_be_inside(context, statement):
        return
    match statement:
        case LayerStatement() | GroupStatement() | ResidualStatement() | BranchStatement():
            _make(context, statement, None)
        case InputStatement() | UseStatement() | RepeatStatement() | IfStatement():
            _make(context, statement, None)
        case NamedStatement():
            _named(context, statement)
        case LetStatement():
            check_let(context, statement)
        case BlockStatement():
            check_block(context, statement)
        case FromStatement(_, names):
            context.current = tuple(value.reference for value in values_of(context, names))
        case FreezeStatement():
            _freeze(context, statement)
        case OutputStatement():
            _output(context, statement)
        case ImportStatement():
            check_import(context, statement)
        case NetStatement():
            _net(context, statement)
        case TrainStatement():
            _train(context, statement)
        case BrokenStatement():
            _broken(context, statement)


def _make(context: Context, statement: Statement, result: Name | None) -> None:
    """Check a statement that has a value, which becomes the current one."""
    match statement:
        case LayerStatement():
            _layer(context, statement, result)
        case GroupStatement():
            check_group(context, statement, result)
        case ResidualStatement():
            check_residual(context, statement, result)
        case BranchStatement():
            check_branch(context, statement, result)
        case InputStatement():
            check_input(context, statement, result)
        case UseStatement():
            check_use(context, statement, result)
        case RepeatStatement():
            check_repeat(context, statement)
        case IfStatement():
            check_if(context, statement)


def _layer(context: Context, statement: LayerStatement, result: Name | None) -> None:
    """Check what looks like a layer: one of the language, or a block."""
    kind = statement.kind
    if kind.text in LAYERS:
        check_layer(context, statement, result)
        return
    definition = context.names.find(kind)
    if isinstance(definition, Block):
        check_call(context, statement, definition, result)
        return
    word = context.names.word_of(kind)
    if word is not None and word.text in ACTIVATIONS and not statement.arguments:
        # A constant that holds an activation is a statement, as the activation itself is.
        applied = replace(statement, kind=Name(kind.span, "act"), arguments=(kind,))
        check_layer(context, applied, result)
        return
    if isinstance(definition, NamedValue) and not statement.arguments and result is None:
        context.findings.error(
            "TG316",
            f"`{kind.text}` is a value, not a layer",
            kind.span,
            f"`from {kind.text}` makes it the current value",
            fixes=(Fix(f"write `from {kind.text}`", (Edit(kind.span, f"from {kind.text}"),)),),
        )
    elif definition is None or not is_unknown(definition):
        complain_unknown(context, kind, named=result is not None)
    context.lose()


def _named(context: Context, statement: NamedStatement) -> None:
    """Check ``NAME = …`` and name the value."""
    name, count = statement.name, len(context.draft.order)
    _make(context, statement.statement, name)
    reference = context.single(name.span, name.text)
    if reference == LOST:
        context.names.define_broken(name.text)
        return
    layers = tuple(context.draft.order[count:])
    context.names.define(name, NamedValue(name.span, reference, layers))
    if isinstance(statement.statement, InputStatement):
        context.names.find(name)  # naming an input is a use: it tells it from the others


def _may_be_inside(context: Context, statement: Statement) -> bool:
    """Return whether a statement may stand in braces; complain if not."""
    inner = statement.statement if isinstance(statement, NamedStatement) else statement
    word = _ONLY_AT_TOP.get(type(inner))
    if word is None:
        return True
    # In an `if` that is not chosen, such a statement is as if it were not there.
    if not context.trying or context.blocks:
        end = statement.span.start + len(word)
        context.findings.error(
            "TG312",
            f"`{word}` must stand outside of all braces",
            Span(statement.span.source, statement.span.start, end),
            "it is about the whole file",
        )
    return False


def _net(context: Context, statement: NetStatement) -> None:
    if context.net_name is not None:
        _twice(context, "`net`", statement.span, context.net_name.span)
        return
    context.names.check_spelling(statement.name)
    context.net_name = statement.name


def _train(context: Context, statement: TrainStatement) -> None:
    if context.train is not None:
        _twice(context, "`train`", statement.keyword, context.train)
        return
    context.train = statement.keyword
    context.settings.read(statement)


def _output(context: Context, statement: OutputStatement) -> None:
    if context.outputs:
        context.findings.error(
            "TG303",
            "`output` stands twice in the file",
            statement.span,
            "expected all results in one statement",
        )
        return
    context.outputs = tuple(value.reference for value in values_of(context, statement.names))


def _twice(context: Context, what: str, span: Span, before: Span) -> None:
    context.findings.error(
        "TG303", f"{what} stands twice in the file", span, f"the first is in line {before.line}"
    )


def _freeze(context: Context, statement: FreezeStatement) -> None:
    """Check ``freeze NAME …``, or ``freeze all``: all layers above."""
    draft = context.draft
    for name in statement.names:
        if name.text == "all" and not context.names.defines("all"):
            layers = tuple(draft.order)
        else:
            value = context.names.value_named(name)
            if value is None:
                continue
            layers = value.layers
        known = [draft.steps[layer].layer for layer in layers]
        if all(layer.is_known and not layer.weights for layer in known):
            context.findings.warning(
                "TG317", f"`{name.text}` has nothing to freeze", name.span, "no layer with weights"
            )
        draft.frozen.update(layers)


def _broken(context: Context, statement: BrokenStatement) -> None:
    """Take note of what a statement with a syntax error would have changed."""
    if statement.defines is not None:
        context.names.define_broken(statement.defines)
    if statement.keyword == "input" and context.at_top:
        context.draft.set_input(NetInput(INPUT, None, span=statement.span))
        context.current = (INPUT,)
    elif statement.keyword not in _WITHOUT_VALUE or statement.keyword == "from":
        context.lose()
