"""Nested structures: lists, tuples, named tuples and dicts of leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


def is_nested(structure: Any) -> bool:
    """Return whether something is a list, tuple or dict rather than a leaf."""
    return isinstance(structure, list | tuple | Mapping)


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order; those of a dict in the order of its sorted keys."""
    if not is_nested(structure):
        return [structure]
    return [leaf for part in _parts(structure) for leaf in flatten(part)]


def _parts(structure: Any) -> list[Any]:
    if isinstance(structure, Mapping):
        return [structure[key] for key in sorted(structure)]
    return list(structure)


def pack(structure: Any, leaves: Sequence[Any]) -> Any:
    """Return a structure like the given one that has other leaves.

    Raises
    ------
    ValueError
        If the number of leaves is another.
    """
    rest = iter(leaves)
    wanted = len(flatten(structure))
    if wanted != len(leaves):
        raise ValueError(f"the structure has {wanted} leaves, but {len(leaves)} were given")
    return _packed(structure, rest)


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    parts = [_packed(part, leaves) for part in _parts(structure)]
    if isinstance(structure, Mapping):
        by_key = dict(zip(sorted(structure), parts, strict=True))
        return type(structure)((key, by_key[key]) for key in structure)  # type: ignore[call-arg]
    make = getattr(type(structure), "_make", type(structure))  # named tuples
    return make(parts)


def map_leaves(function: Callable[..., Any], *structures: Any) -> Any:
    """Return the structure of `function` of the leaves that stand in one place.

    Raises
    ------
    ValueError, TypeError
        If the structures differ.
    """
    for other in structures[1:]:
        check_same(structures[0], other)
    columns = zip(*(flatten(s) for s in structures), strict=True)
    return pack(structures[0], [function(*leaves) for leaves in columns])


def check_same(first: Any, second: Any) -> None:
    """Check that two structures differ in their leaves at most.

    Raises
    ------
    ValueError
        If they do not have as many parts, or the same keys.
    TypeError
        If one has a list where the other has a tuple, and the like.
    """
    if is_nested(first) != is_nested(second):
        raise ValueError(_difference(first, second))
    if not is_nested(first):
        return
    if type(first) is not type(second):
        raise TypeError(_difference(first, second))
    keys = [sorted(s) if isinstance(s, Mapping) else range(len(s)) for s in (first, second)]
    if list(keys[0]) != list(keys[1]):
        raise ValueError(_difference(first, second))
    for a, b in zip(_parts(first), _parts(second), strict=True):
        check_same(a, b)


def _difference(first: Any, second: Any) -> str:
    return f"the two structures differ: {outline(first)} and {outline(second)}"


def outline(structure: Any) -> str:
    """Return a structure as text, with a dot for each leaf."""
    if not is_nested(structure):
        return "."
    if isinstance(structure, Mapping):
        inner = ", ".join(f"{key!r}: {outline(structure[key])}" for key in sorted(structure))
        return f"{{{inner}}}"
    inner = ", ".join(outline(part) for part in structure)
    if hasattr(structure, "_fields"):
        return f"{type(structure).__name__}({inner})"
    return f"[{inner}]" if isinstance(structure, list) else f"({inner})"
