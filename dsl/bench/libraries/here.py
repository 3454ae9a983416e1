"""The training step here."""

from __future__ import annotations

from collections.abc import Callable

import tensorgraph as tf
from dsl.bench.profiling import Workload
from dsl.network import Net


def make_step(net: Net, batch: int) -> Callable[[], float]:
    """Return what makes a training step with made-up examples, and returns the loss."""
    work = Workload(net, batch)
    run = work.session.make_callable(work.fetches, list(work.feed))
    values = list(work.feed.values())
    return lambda: float(run(*values)[0]["loss"])


VERSION = tf.__version__
