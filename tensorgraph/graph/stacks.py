"""The default graphs and sessions of each thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tensorgraph.graph.graph import Graph


class Runner(Protocol):
    """What `Tensor.eval` needs of a session."""

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """Run the fetches."""


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.sessions: list[Runner] = []


stacks = _Stacks()


def get_default_session() -> Runner | None:
    """Return the innermost session of a ``with``, or None."""
    return stacks.sessions[-1] if stacks.sessions else None


@contextmanager
def default_session(session: Runner) -> Iterator[None]:
    """Make `session` the one that ``eval`` and ``run`` without a session use."""
    stacks.sessions.append(session)
    try:
        yield
    finally:
        stacks.sessions.remove(session)


def session_or_default(session: Runner | None, name: str) -> Runner:
    """Return `session`, or the default one; `name` is what is to be evaluated.

    Raises
    ------
    ValueError
        If there is neither.
    """
    found = session or get_default_session()
    if found is None:
        raise ValueError(
            f"cannot evaluate {name!r}: there is no default session."
            " Use `with tf.Session():` or pass session="
        )
    return found
