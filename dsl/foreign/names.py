"""What the names of another library say: which tensors belong together, which modules follow."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

_APART = 100
"""How far words count as apart, where numbers count by their distance."""

Likeness = tuple[int, int, int, int]


def split_name(name: str) -> tuple[str, str]:
    """Return the module and the ending of a tensor's name: ``conv1/kernel:0``, ``fc.weight``."""
    plain = re.sub(r":\d+$", "", name)
    cut = max(plain.rfind("."), plain.rfind("/"))
    return plain[: max(cut, 0)], plain[cut + 1 :]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return what sorts ``conv2`` before ``conv10``."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def likeness(before: str, after: str) -> Likeness:
    """Return how likely one module follows another, by their names: more is more likely.

    First counts how long the names are the same, then how little the first different numbers are
    apart (forwards rather than backwards), then how many words they share, then whether they are
    equally deep. So ``block1.conv2`` follows ``block1.bn1`` rather than ``block2.conv2``.
    """
    first, second = _words(before), _words(after)
    same = _same(first, second)
    shared = sum(not word.isdigit() for word in set(first) & set(second))
    level = len(re.findall("[./]", before)) == len(re.findall("[./]", after))
    return same, -_distance(first[same:], second[same:]), shared, int(level)


def skips(before: str, after: str, others: Iterable[str]) -> bool:
    """Return whether a step from one module to another jumps over modules that are left.

    Parameters
    ----------
    before, after : str
        The names of the modules.
    others : iterable of str
        The names of the modules that are left: ``block2.0.conv`` comes between ``block1.3.conv``
        and ``block2.1.conv``.
    """
    first, second = _words(before), _words(after)
    same = _same(first, second)
    if _distance(first[same:], second[same:]) == _APART:
        return False
    start, end = _numbers(first[same:]), _numbers(second[same:])
    beside = (words for words in map(_words, others) if words[:same] == second[:same])
    return any(
        words[same : same + 1][0].isdigit() and start < _numbers(words[same:]) < end
        for words in beside
        if len(words) > same
    )


@cache
def _words(name: str) -> list[str]:
    return re.findall(r"\d+|[a-z]+", name.lower())


def _numbers(words: Iterable[str]) -> list[int]:
    return [int(word) for word in words if word.isdigit()]


def _same(first: list[str], second: list[str]) -> int:
    """Return how many words are the same at the start."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _distance(first: list[str], second: list[str]) -> int:
    """Return how far apart the first different words are."""
    if not first or not second or not (first[0].isdigit() and second[0].isdigit()):
        return _APART
    step = int(second[0]) - int(first[0])
    return min(2 * abs(step) + (step < 0), _APART)
