"""The order of what stands behind a word: places first, then options as in the table, then words.

Nothing is moved where it would change what the checker says: behind words that are not known here,
and where a positional argument stands behind an option or a flag, which is an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dsl.checker.train_section import DATA_OPTIONS, OPTION_SETTINGS
from dsl.layers import ACTIVATIONS, LAYERS
from dsl.layers.definition import Signature
from dsl.losses import LOSSES
from dsl.optimizers import OPTIMIZERS
from dsl.schedules import SCHEDULES
from dsl.steps import StepKind
from dsl.syntax import Argument, BlockStatement, Call, Name, Option

_KINDS: Mapping[str, Mapping[str, Any]] = {
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
_SETTING_OPTIONS: Mapping[str, Sequence[str]] = {
    name: [p.name for p in parameters]
    for name, parameters in {"data": DATA_OPTIONS, **OPTION_SETTINGS}.items()
}
_USE_OPTIONS = ("weights", "until")

# The groups, in order.
_PLACE, _OPTION, _WORD = range(3)


class Ordering:
    """Knows the words of the language, and the blocks that it has been told of."""

    def __init__(self) -> None:
        self._blocks: dict[str, tuple[str, ...]] = {}

    def learn(self, block: BlockStatement) -> None:
        """Take note of a block, whose calls follow."""
        self._blocks[block.name.text] = tuple(p.name.text for p in block.parameters)

    def of_layer(self, kind: str, arguments: Sequence[Argument]) -> Sequence[Argument]:
        """Return the arguments of a layer, or of a call of a block, in canonical order."""
        if kind in self._blocks:
            return _with_sorted_options(arguments, self._blocks[kind])
        return _sorted(arguments, LAYERS[kind].signature) if kind in LAYERS else arguments

    def of_use(self, arguments: Sequence[Argument]) -> Sequence[Argument]:
        """Return what stands behind the path of a ``use``: options, then `frozen`."""
        options = [a for a in arguments if isinstance(a, Option)]
        words = [a for a in arguments if not isinstance(a, Option)]
        return [*_with_sorted_options(options, _USE_OPTIONS), *words]

    def of_setting(self, name: str, arguments: Sequence[Argument]) -> Sequence[Argument]:
        """Return the arguments of a setting of ``train``, in canonical order."""
        first = arguments[0] if arguments else None
        kind = _KINDS.get(name, {}).get(first.text) if isinstance(first, Name) else None
        if kind is not None:
            return _with_sorted_options(arguments, [p.name for p in kind.options])
        return _with_sorted_options(arguments, _SETTING_OPTIONS.get(name, ()))

    def of_step(self, kind: StepKind | None, arguments: Sequence[Argument]) -> Sequence[Argument]:
        """Return the arguments of a step of ``preprocess`` or ``augment``, in canonical order."""
        return _sorted(arguments, kind.signature) if kind else arguments


def _sorted(arguments: Sequence[Argument], signature: Signature) -> Sequence[Argument]:
    """Return a layer's arguments by group, and within a group as in its table."""
    order = words_in_order(signature)
    many = signature.takes_names or signature.rest is not None
    open_places = math.inf if many else len(signature.positional)

    def rank(argument: Argument) -> tuple[int, int]:
        nonlocal open_places
        if isinstance(argument, Option):
            return _OPTION, _index(order, argument.name.text)
        word = argument.text if isinstance(argument, Name) else ""
        if word in order:
            return _OPTION, order.index(word)
        function = argument.function.text if isinstance(argument, Call) else word
        if signature.takes_activation and function in ACTIVATIONS:
            return _WORD, 0
        if open_places <= 0:
            # A constant that holds a flag or an activation: it stays last.
            return _WORD, 1
        open_places -= 1
        return _PLACE, 0

    ranks = [rank(argument) for argument in arguments]
    places = [group == _PLACE for group, _ in ranks]
    if places != sorted(places, reverse=True):
        return arguments
    return [arguments[i] for i in sorted(range(len(ranks)), key=ranks.__getitem__)]


def words_in_order(signature: Signature) -> list[str]:
    """Return the names of parameters and the words of flags in the order of the language's table.

    Parameters
    ----------
    signature : Signature
        What may stand behind a word.
    """
    parameters = signature.parameters
    keys = {p.key: p.name for p in parameters}
    before: dict[str, list[str]] = {}
    for flag in signature.flags:
        before.setdefault(keys.get(flag.key, flag.before), []).append(flag.word)
    order: list[str] = []
    for parameter in parameters:
        order += [*before.pop(parameter.name, ()), parameter.name]
    return order + [word for words in before.values() for word in words]


def _with_sorted_options(arguments: Sequence[Argument], names: Sequence[str]) -> Sequence[Argument]:
    """Return arguments with their options in order, if these stand behind all others."""
    options = [a for a in arguments if isinstance(a, Option)]
    split = len(arguments) - len(options)
    if any(isinstance(argument, Option) for argument in arguments[:split]):
        return arguments
    options.sort(key=lambda option: _index(names, option.name.text))
    return [*arguments[:split], *options]


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
