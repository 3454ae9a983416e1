"""Checks blocks, which are layers that a file defines, and their calls."""

from __future__ import annotations

from collections.abc import Mapping

from dsl.checker.binding import bind
from dsl.checker.context import Context
from dsl.checker.layers import complain_called
from dsl.checker.names import WORDS
from dsl.checker.scopes import Block, Constant, NamedValue, Scope
from dsl.layers.arguments import UNKNOWN, Anything, Value, ValueReference
from dsl.layers.definition import REQUIRED, Parameter, Signature
from dsl.syntax import BlockStatement, LayerStatement, Name

_ARGUMENT = Anything(WORDS)


def check_block(context: Context, statement: BlockStatement) -> None:
    """Take note of a block. What is in it is checked where it is called."""
    context.names.define_block(statement)


def check_call(
    context: Context, statement: LayerStatement, block: Block, result: Name | None
) -> None:
    """Check the call of a block: its body, with the arguments as its names.

    Parameters
    ----------
    context : Context
        The state, whose current value becomes the block's.
    statement : LayerStatement
        The call.
    block : Block
        The block.
    result : Name or None
        The name that the file gives to the value.
    """
    findings, head = context.findings, block.statement
    if statement.called:
        context.called.add(id(head))
        complain_called(context, statement)
        return
    if any(called is head for called in context.blocks):
        findings.error(
            "TG313",
            f"the block `{head.name.text}` calls itself",
            statement.kind.span,
            "a block may not contain its own call, not even through other blocks",
        )
        context.called.add(id(head))
        context.lose()
        return
    signature = _signature(head)
    bound = bind(statement.kind, signature, statement.arguments, context.evaluator, findings)
    context.single(statement.kind.span, head.name.text)
    if not bound.valid:
        context.lose()
        return
    context.called.add(id(head))
    given = {key: bound.arguments[key] for key in bound.spans}
    word = head.name.text if result is None else result.text
    name = context.draft.unique_name(context.prefix, word, given=result is not None)
    place = f"line {statement.span.line}"
    if statement.span.source is not head.span.source:
        place = statement.span.location
    with findings.inside(f"in block `{head.name.text}`, called at {place}"), context.path(name):
        scope = _scope_of_call(context, block, given)
        context.blocks.append(head)
        context.run_body(head.body, scope)
        context.blocks.pop()


def try_uncalled(context: Context) -> None:
    """Check the words in the blocks of the file that nothing calls."""
    for block in list(context.top.definitions.values()):
        if not isinstance(block, Block) or id(block.statement) in context.called:
            continue
        head = block.statement
        if head.span.source is not context.tree.source:
            continue
        unknown = {p.name.text: UNKNOWN for p in head.parameters if p.default is None}
        context.blocks.append(head)
        with context.findings.inside(f"in block `{head.name.text}`"):
            context.try_body(head.body, _scope_of_call(context, block, unknown))
        context.blocks.pop()


def _signature(head: BlockStatement) -> Signature:
    return Signature(
        head.name.text,
        tuple(
            Parameter(
                parameter.name.text,
                _ARGUMENT,
                f"a parameter of the block in line {head.span.line}",
                REQUIRED if parameter.default is None else None,
            )
            for parameter in head.parameters
        ),
    )


def _scope_of_call(context: Context, block: Block, given: Mapping[str, Value]) -> Scope:
    """Return the names of a call: the parameters, given or by their defaults."""
    scope = Scope(block.home, of_block=True)
    for parameter in block.statement.parameters:
        name = parameter.name
        with context.names.inside(scope):
            if name.text in given:
                value = given[name.text]
            else:
                assert parameter.default is not None
                value = context.evaluator.argument(parameter.default, _ARGUMENT)
            if isinstance(value, ValueReference):
                context.names.define(name, NamedValue(name.span, value.reference))
            else:
                context.names.define(name, Constant(name.span, value))
    return scope
