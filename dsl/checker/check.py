"""Syntax tree → checked network, with every mistake of the file found in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dsl.checker.blocks import try_uncalled
from dsl.checker.context import Context, Given
from dsl.checker.findings import Findings
from dsl.checker.lints import (
    warn_about_lost,
    warn_about_nothing_to_train,
    warn_about_softmax,
)
from dsl.checker.scopes import NamedValue
from dsl.checker.suggestions import verify
from dsl.checker.train_fit import Result
from dsl.checker.train_steps import shape_after
from dsl.checker.walk import execute
from dsl.diagnostics import Diagnostic, NetError, Span, in_file_order
from dsl.network import INPUT, Net, NetInput, NetLayer, default_name
from dsl.settings import TrainSettings
from dsl.syntax import (
    Body,
    BranchStatement,
    File,
    GroupStatement,
    IfStatement,
    Name,
    NamedStatement,
    Option,
    RepeatStatement,
    ResidualStatement,
    Statement,
    TrainStatement,
)
from dsl.tree import parse
from tensorgraph.base.shapes import Shape
from tensorgraph.data.catalog import describe as describe_data


def check(
    tree: File,
    input_shape: Shape = None,
    classes: int | None = None,
    constants: Mapping[str, str] | None = None,
    *,
    trained: bool = False,
) -> Net:
    """Check a file and return its network.

    Parameters
    ----------
    tree : File
        From `parse`. Files that it imports or uses are looked for beside it.
    input_shape : tuple of int, optional
        The shape of one example of the data, where the caller knows it; otherwise the file's
        ``input`` and the names of known data say.
    classes : int, optional
        The number of classes of the data, where the caller knows it.
    constants : mapping of str to str, optional
        Values for the file's constants, written as in a file, instead of those that ``let`` gives.
    trained : bool, default False
        Whether the network has been trained already: then the files of weights that it started
        from need not be there.

    Returns
    -------
    Net
        The network; its `warnings` hold what is allowed, but probably not meant.

    Raises
    ------
    NetError
        If the file has errors: all of them, and its warnings.
    """
    given = Given(input_shape, classes, constants or {}, trained=trained)
    net, found, size = _examine(tree, given)
    if net is not None:
        return net

    def count_errors(text: str) -> int:
        _, again, _ = _examine(parse(text, tree.source.name), given)
        return sum(d.severity == "error" for d in again)

    raise NetError(verify(tree.source, found, size, count_errors))


def _examine(tree: File, given: Given) -> tuple[Net | None, list[Diagnostic], int]:
    """Return the network, None if there are errors; all messages; how much was checked."""
    known = describe_data(_data_name(tree) or "")
    if known is not None and given.input_shape is None:
        shape, classes = known
        classes = classes if given.classes is None else given.classes
        given = replace(given, input_shape=shape, classes=classes)
    if not given.files:
        prepared = shape_after(tree.statements, given.input_shape)
        given = replace(given, input_shape=prepared, files=(Path(tree.source.name).resolve(),))
    findings = Findings(tree.diagnostics)
    context = Context(tree, findings, _names_in(tree.statements), given, execute, _used)
    context.draft.set_input(NetInput(INPUT, given.input_shape))
    context.run(tree.statements)
    net = _finish(context)
    found = in_file_order(findings.diagnostics)
    size = len(tree.statements) + context.expanded
    return (None if findings.errors else replace(net, warnings=tuple(found))), found, size


def _used(tree: File, given: Given) -> Net:
    """Return the network of a file that another one uses."""
    net, found, _ = _examine(tree, given)
    if net is None:
        raise NetError(found)
    return net


def _finish(context: Context) -> Net:
    """Check what only the whole file shows, and return its network."""
    findings = context.findings
    outputs = context.outputs or context.current
    layers = context.draft.layers()
    whole = Span(context.tree.source, 0, 0)
    for name in context.constants:
        findings.error(
            "TG318", f"the file has no constant `{name}` to set", whole, "expected a `let`"
        )
    try_uncalled(context)
    if not layers and not findings.errors:
        findings.error(
            "TG310", "the file has no layer", whole, "expected a statement such as `dense 10`"
        )
    _refuse_data_for_several_inputs(context)
    settings = _settings(context, layers, outputs[0])
    if not findings.errors:  # after an error, what looks unused may be used by what is missing
        warn_about_softmax(layers, outputs, findings)
        warn_about_nothing_to_train(layers, context.train, findings)
        warn_about_lost(layers, context.draft.used.union(outputs), findings)
        context.names.report_unused(outputs)
    named = context.top.definitions.items()
    return Net(
        context.net_name.text if context.net_name else default_name(context.tree.source),
        context.tree.source,
        tuple(context.draft.inputs.values()),
        context.given.classes,
        layers,
        outputs,
        settings,
        {name: found.reference for name, found in named if isinstance(found, NamedValue)},
        tuple(context.hyperparameters),
        tuple(context.draft.pretrained),
    )


def _refuse_data_for_several_inputs(context: Context) -> None:
    """Complain where examples are at hand, which are one array each, and several inputs wait."""
    first, *others = context.draft.inputs.values()
    if not others or context.given.used or context.given.input_shape is None:
        return
    assert others[0].span is not None
    context.findings.error(
        "TG515",
        f"the data has one array for each example, the network {len(others) + 1} inputs",
        others[0].span,
        f"the examples go to `{first.name}`, and nothing to `{others[0].name}`",
        ("a program of your own can train it, see `tg explain TG515`",),
    )


def _settings(context: Context, layers: Sequence[NetLayer], output: str) -> TrainSettings:
    """Return the complete settings, checked against the network's result."""
    step = context.draft.steps.get(output)
    result = None
    if step is not None and step.layer.output_shape is not None:
        last = step.layer
        result = Result(last.span, last.activation, step.layer.output_shape, context.given.classes)
    return context.settings.finish(result)


_CHANGE_THE_FORM = frozenset(["resize", "only"])
"""Options of `data` that give the examples of a known set another shape, or fewer classes."""


def _data_name(tree: File) -> str | None:
    """Return the known name of the data that a file trains on, if it has one."""
    for statement in tree.statements:
        if isinstance(statement, TrainStatement):
            for setting in statement.settings:
                arguments = getattr(setting, "arguments", ())
                if setting.name.text == "data" and arguments:
                    source, *options = arguments
                    names = {o.name.text for o in options if isinstance(o, Option)}
                    known = isinstance(source, Name) and not names & _CHANGE_THE_FORM
                    return source.text if known else None
    return None


def _names_in(statements: Sequence[Statement]) -> Iterator[str]:
    """Yield the names that a file gives to values, wherever they stand."""
    # A list and no recursion: an `else if` lies in the one before it, and there may be thousands.
    waiting = list(statements)
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, NamedStatement):
            yield statement.name.text
            statement = statement.statement
        for body in _bodies(statement):
            waiting += body.statements


def _bodies(statement: Statement) -> tuple[Body, ...]:
    """Return the braces of a statement; a block's are left out, its layers have a path."""
    match statement:
        case GroupStatement(_, body) | RepeatStatement(body=body):
            return (body,)
        case IfStatement(then=then, otherwise=otherwise):
            return (then,) if otherwise is None else (then, otherwise)
        case ResidualStatement(body=body, shortcut=shortcut):
            return (body,) if shortcut is None else (body, shortcut)
        case BranchStatement(arms=arms):
            return arms
    return ()
