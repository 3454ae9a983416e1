"""What the command line changes of a file: ``--set optimizer.lr=0.01``, ``--set units=64``.

A change is put into the syntax tree, so that it is checked like the file itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dsl.checker.train_section import SETTINGS
from dsl.diagnostics import Diagnostic, NetError, Source, Span
from dsl.optimizers import DEFAULT_OPTIMIZER
from dsl.schedules import DEFAULT_SCHEDULE
from dsl.syntax import File, Name, Option, Setting, SettingGroup, TrainStatement
from dsl.tree import parse

_DEFAULT_WORDS = {"optimizer": DEFAULT_OPTIMIZER.name, "schedule": DEFAULT_SCHEDULE.name}


def apply_assignments(tree: File, assignments: Iterable[str]) -> tuple[File, dict[str, str]]:
    """Return a file with changes, and the changes that are about its constants.

    Parameters
    ----------
    tree : File
        From `parse`.
    assignments : iterable of str
        ``NAME=VALUE``. A name such as ``batch``, or ``optimizer.lr`` for an option, is a setting
        of ``train``; any other one is a constant of the file. A constant that is called like a
        setting is left alone: the setting is meant.

    Returns
    -------
    tree : File
        The file with the settings of ``train`` changed.
    constants : dict of str to str
        The value of each constant, for `check`.

    Raises
    ------
    NetError
        If a change is not written ``NAME=VALUE``, or its value cannot be read.
    """
    constants: dict[str, str] = {}
    for text in assignments:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals or not value:
            raise NetError([_malformed(text)])
        word, _, option = name.partition(".")
        if word in SETTINGS:
            tree = _changed(tree, _read(word, option, value), option)
        else:
            constants[name] = value
    return tree, constants


def _malformed(text: str) -> Diagnostic:
    source = Source("--set", text)
    return Diagnostic(
        "TG513",
        "a change is written NAME=VALUE",
        Span(source, 0, len(text)),
        "expected a setting or a constant, as in `optimizer.lr=0.01`",
    )


def _read(word: str, option: str, value: str) -> Setting | SettingGroup:
    """Return a change as the setting it would be in a file."""
    behind = f"{option}={value}" if option else value
    parsed = parse(f"train {{ {word} {behind} }}", "--set")
    statement = parsed.statements[0] if parsed.statements else None
    if parsed.diagnostics or not isinstance(statement, TrainStatement):
        raise NetError(parsed.diagnostics or [_malformed(f"{word} {behind}")])
    return statement.settings[0]


def _changed(tree: File, new: Setting | SettingGroup, option: str) -> File:
    """Return a file in which a setting has been replaced, or one of its options."""
    place = next((i for i, s in enumerate(tree.statements) if isinstance(s, TrainStatement)), None)
    if place is None:
        settings = (_merged(None, new, option),)
        train = TrainStatement(new.span, new.span, settings)
        return replace(tree, statements=(*tree.statements, train))
    before = tree.statements[place]
    assert isinstance(before, TrainStatement)
    old = next((s for s in before.settings if s.name.text == new.name.text), None)
    others = tuple(s for s in before.settings if s is not old)
    train = replace(before, settings=(*others, _merged(old, new, option)))
    statements = (*tree.statements[:place], train, *tree.statements[place + 1 :])
    return replace(tree, statements=statements)


def _merged(
    old: Setting | SettingGroup | None, new: Setting | SettingGroup, option: str
) -> Setting | SettingGroup:
    """Return what becomes of a setting when it, or one of its options, gets a new value."""
    if isinstance(new, SettingGroup) or isinstance(old, SettingGroup):
        return new
    word = new.name.text
    if option:
        if old is None and word in _DEFAULT_WORDS:
            default = Name(new.name.span, _DEFAULT_WORDS[word])
            return replace(new, arguments=(default, *new.arguments))
        kept = old.arguments if old is not None else ()
        rest = tuple(a for a in kept if not (isinstance(a, Option) and a.name.text == option))
        return replace(new, arguments=(*rest, *new.arguments))
    if word == "data" and old is not None:
        # Where the data lies is one thing, how much of it validates another.
        options = tuple(a for a in old.arguments if isinstance(a, Option))
        return replace(new, arguments=(*new.arguments, *options))
    return new
