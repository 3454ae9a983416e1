"""Checks ``import`` and ``use``, which read other files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dsl.checker.binding import bind
from dsl.checker.context import MAX_FILES, Context, Given
from dsl.checker.draft import needed
from dsl.checker.scopes import Scope
from dsl.diagnostics import NetError, Span
from dsl.layers.arguments import ArgumentType, Value, format_sizes
from dsl.layers.definition import Flag, Parameter, Signature
from dsl.network import INPUT, Net, NetInput, Pretrained
from dsl.reading import read_file
from dsl.syntax import (
    BlockStatement,
    BrokenStatement,
    File,
    ImportStatement,
    LetStatement,
    Name,
    Option,
    Text,
    UseStatement,
)
from dsl.tree import parse


class _Path(ArgumentType):
    """The path of a file."""

    @property
    def phrase(self) -> str:
        """What is expected, in words."""
        return "a path in double quotes"

    def convert(self, value: Value) -> str:
        """Return the path."""
        if not isinstance(value, str):
            raise self.wrong_type()
        return value


_SIGNATURE = Signature(
    "use",
    options=(Parameter("weights", _Path(), "weights that its layers start from", None),),
    flags=(Flag("frozen", "frozen", True, "its layers are not trained"),),
)
_DEFINING = (LetStatement, BlockStatement, ImportStatement, BrokenStatement)
"""The statements of a file that an ``import`` reads."""


def check_import(context: Context, statement: ImportStatement) -> None:
    """Check ``import "FILE"``: take over its blocks and constants."""
    tree = _read(context, statement.path)
    if tree is None:
        context.names.incomplete = True
        return
    before = context.files, context.tree, context.top
    context.files = (*context.files, _resolved(context, statement.path))
    context.tree, context.top = tree, Scope()
    context.findings.adopt(tree.diagnostics)
    imported = context.top
    with context.names.inside(imported):
        context.run([s for s in tree.statements if isinstance(s, _DEFINING)])
    context.files, context.tree, context.top = before
    context.names.take_over(imported, statement.span)


def check_use(context: Context, statement: UseStatement, result: Name | None) -> None:
    """Check ``use "FILE" weights=… until=NAME frozen``: another network as a part of this one.

    Parameters
    ----------
    context : Context
        The state, whose current value becomes the network's.
    statement : UseStatement
        The statement.
    result : Name or None
        The name that the file gives to the value.
    """
    before = context.single(statement.keyword, "use")
    until = [a for a in statement.arguments if isinstance(a, Option) and a.name.text == "until"]
    others = [a for a in statement.arguments if a not in until]
    called = Name(statement.keyword, "use")
    bound = bind(called, _SIGNATURE, others, context.evaluator, context.findings)
    net = _network(context, statement, before) if bound.valid and bound.known else None
    end = None if net is None else _end(context, net, until)
    if net is None or end is None or not _fits(context, statement, net, before):
        context.lose()
        return
    word = net.name if result is None else result.text
    name = context.draft.unique_name(context.prefix, word, given=result is not None)
    # What the used network starts from itself comes first: `weights` of this file wins.
    own = (replace(given, prefix=f"{name}/{given.prefix}") for given in net.pretrained)
    context.draft.pretrained.extend(own)
    if bound.arguments["weights"] is not None:
        _start_from(context, bound.arguments["weights"], bound.spans["weights"], name)
    frozen = bound.arguments["frozen"]
    context.current = (_append(context, net, before, end, f"{name}/", frozen),)


def _network(context: Context, statement: UseStatement, before: str) -> Net | None:
    """Return the network of another file, None after a complaint."""
    tree = _read(context, statement.path)
    if tree is None:
        return None
    given = Given(
        context.draft.shape(before),
        context.given.classes,
        files=(*context.files, _resolved(context, statement.path)),
        depth=context.depth + 1,
        used=True,
        trained=context.given.trained,
    )
    try:
        return context.use(tree, given)
    except NetError as error:
        _report(context, statement.path, error)
        return None


def _start_from(context: Context, weights: str, span: Span, name: str) -> None:
    """Take note of the weights that the layers of a used network start from."""
    path = context.files[-1].parent / weights
    if not path.is_file() and not context.given.trained:
        context.findings.error(
            "TG003", f"there is no file {weights}", span, "expected a safetensors file"
        )
    context.draft.pretrained.append(Pretrained(path, f"{name}/", span))


def _append(context: Context, net: Net, before: str, end: str, prefix: str, frozen: bool) -> str:
    """Append the layers of another network, and return the one with its value."""
    places = {net.inputs[0].name: before}
    frames = tuple(context.findings.frames)
    for layer in needed({layer.name: layer for layer in net.layers}, end):
        places[layer.name] = f"{prefix}{layer.name}"
        context.draft.add(
            replace(
                layer,
                name=places[layer.name],
                inputs=tuple(places[name] for name in layer.inputs),
                frozen=layer.frozen or frozen,
                chain=(*frames, *layer.chain),
            )
        )
    return places[end]


def _end(context: Context, net: Net, until: list[Option]) -> str | None:
    """Return the layer that the used part ends with, None after a complaint."""
    if not until:
        return net.outputs[0]
    value = until[-1].value
    if not isinstance(value, Name):
        context.findings.error(
            "TG403", "`until` needs the name of a value", value.span, "expected a name of that file"
        )
        return None
    name = value.text
    known: Mapping[str, str] = {layer.name: layer.name for layer in net.layers} | dict(net.names)
    if name not in known:
        context.findings.error(
            "TG307",
            f"`{name}` is not defined in {net.source.name}",
            value.span,
            "expected the name of one of its values or layers",
            fixes=context.findings.nearest(name, value.span, known),
        )
        return None
    return known[name]


def _fits(context: Context, statement: UseStatement, net: Net, before: str) -> bool:
    """Return whether the current value suits the input of a network; complain if not."""
    wanted, given = net.inputs[0], context.draft.shape(before)
    if len(net.inputs) > 1:
        context.findings.error(
            "TG209",
            f"{net.source.name} has {len(net.inputs)} inputs",
            statement.path.span,
            "only a network with one input can be a part of another",
        )
        return False
    if given is None:
        # The used network says what this one takes, where nothing else does.
        if before == INPUT and wanted.shape is not None:
            context.draft.set_input(NetInput(INPUT, wanted.shape, wanted.vocabulary))
        return True
    if wanted.shape is None or wanted.shape == given:
        return True
    context.findings.error(
        "TG209",
        f"{net.source.name} does not take what comes here",
        statement.path.span,
        f"it takes {format_sizes(wanted.shape)}, receives {format_sizes(given)}",
    )
    return False


def _resolved(context: Context, path: Text) -> Path:
    return (context.files[-1].parent / path.value).resolve()


def _read(context: Context, path: Text) -> File | None:
    """Return the syntax tree of another file, None after a complaint."""
    try:
        place = _resolved(context, path)
    except (OSError, RuntimeError, ValueError) as error:
        context.findings.error("TG003", f"the file cannot be read: {error}", path.span)
        return None
    if place in context.files:
        circle = (*context.files[context.files.index(place) :], place)
        way = " → ".join(file.name for file in circle)
        context.findings.error("TG314", "the file brings in itself", path.span, f"a circle: {way}")
        return None
    if len(context.files) > MAX_FILES:
        context.findings.error(
            "TG111",
            f"files bring in each other more than {MAX_FILES} deep",
            path.span,
            "the limit is reached here",
        )
        return None
    shown = str(Path(context.tree.source.name).parent / path.value)
    try:
        return parse(read_file(place, shown), shown)
    except NetError as error:
        message = error.diagnostics[0].message
        context.findings.error("TG003", f"{path.value}: {message}", path.span, "")
        return None


def _report(context: Context, path: Text, error: NetError) -> None:
    """Say that another file has errors: the first of them, and how many there are."""
    errors = [d for d in error.diagnostics if d.severity == "error"]
    first = errors[0]
    context.findings.error(
        "TG004",
        f"{path.value} has {len(errors)} error{'s' * (len(errors) > 1)}",
        path.span,
        f"{first.span.location}: {first.message}",
        notes=(f"`tg check {first.span.source.name}` shows all of it",),
    )
