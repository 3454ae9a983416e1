"""How long each step of a plan takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorgraph.runtime.plan import Plan


@contextmanager
def timed(plan: Plan) -> Iterator[list[float]]:
    """Measure the steps of a plan in the runs that are made while the context lasts.

    Kernels of a device that works on its own end before it does: what is measured then is the time
    to hand the work over.

    Parameters
    ----------
    plan : Plan
        From `Session.plan`; nobody else runs it meanwhile.

    Yields
    ------
    list of float
        The seconds of each step so far, all runs together.

    Examples
    --------
    >>> plan = session.plan(loss, feed)
    >>> with timed(plan) as seconds:
    ...     session.run(loss, feed)
    """
    steps = plan.steps
    seconds = [0.0] * len(steps)
    plan.steps = [
        step._replace(kernel=_watched(step.kernel, seconds, number))
        for number, step in enumerate(steps)
    ]
    try:
        yield seconds
    finally:
        plan.steps = steps


def _watched(kernel: Any, seconds: list[float], number: int) -> Any:
    """Return a kernel that adds its time to that of its step."""

    def run(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return kernel(*arguments)
        finally:
            seconds[number] += time.perf_counter() - start

    return run
