"""Python's collector of cycles, kept from looking while graphs are made.

It looks at all objects each time that their number has grown by a quarter. A graph is tens of
thousands of small objects that all stay, so that making one is soon half looking.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def collector_paused() -> Iterator[None]:
    """Put the collector off to the end of a ``with``."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def without_collector(function: Callable[P, T]) -> Callable[P, T]:
    """Put the collector off to the end of a function; a decorator."""

    @functools.wraps(function)
    def paused(*args: P.args, **kwargs: P.kwargs) -> T:
        with collector_paused():
            return function(*args, **kwargs)

    return paused
