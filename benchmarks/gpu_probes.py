"""What is measured of this library alone on a GPU: bandwidth, and where a step's time goes."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import numpy as np
import workload
from gpu_nets import find
from report import table
from with_tf1 import Step

import tensorgraph as tf

MIB = 1 << 20
REPEATS = 20


def bandwidth(backend: str, numbers: int) -> str:
    """Return how fast a chain of elementwise operations moves memory, beside a copy."""
    with tf.Graph().as_default():
        x = tf.Variable(tf.random_uniform([numbers]))
        y = tf.Variable(tf.zeros([numbers]))
        z = x
        for n in range(8):
            z = tf.nn.relu(z * 1.01 + 0.1 * n) - 0.05
        fetches = {"chain": y.assign(z).op, "copy": y.assign(x).op}
        options = tf.ConfigProto(backend=backend)
        with tf.Session(config=options) as session:
            session.run(tf.global_variables_initializer())
            took = {name: _seconds(session, op) for name, op in fetches.items()}
    moved = 2 * 4 * numbers
    rows = [["", "ms", "GB/s", "of the copy"]]
    for name, seconds in took.items():
        share = f"{100 * took['copy'] / seconds:.0f} %"
        rows.append([name, f"{1e3 * seconds:.3f}", f"{moved / seconds / 1e9:.0f}", share])
    return table(rows)


def _seconds(session: Any, op: Any) -> float:
    """Return what a run takes when many follow each other."""
    import time

    run = session.make_callable(op)
    for _ in range(5):
        run()
    _wait(session)
    start = time.perf_counter()
    for _ in range(REPEATS):
        run()
    _wait(session)
    return (time.perf_counter() - start) / REPEATS


def _wait(session: Any) -> None:
    backend = session._backend
    if backend.name == "cupy":
        backend.stream.synchronize()


def profile(net: str, batch: int, backend: str) -> str:
    """Return how long the kinds of operations of a training step work on the device."""
    found = find(net)
    config = tf.ConfigProto(backend=backend, tf32=True)
    step = Step(tf, found, True, config)
    feeds = step.feeds(next(workload.batches(found, batch)))
    for _ in range(4):
        step.session.run(step.fetches, feeds)
    plan: Any = step.session.plan(step.fetches, feeds)
    clock = _clock(step.session._backend)
    marks: list[tuple[str, Any, Any]] = []

    def timed(kernel: Any, label: str, *args: Any) -> Any:
        before = clock.mark()
        result = kernel(*args)
        marks.append((label, before, clock.mark()))
        return result

    watched = [
        s._replace(kernel=functools.partial(timed, s.kernel, s.ops[0].type)) for s in plan.steps
    ]
    arrays = [step.session._backend.from_host(_as_fed(t, feeds)) for t in plan.program.feeds]
    marks.clear()
    plan.run(arrays, watched)
    spent: Counter[str] = Counter()
    for label, before, after in marks:
        spent[label] += clock.between(before, after)
    total = sum(spent.values())
    counts = Counter(label for label, *_ in marks)
    rows = [["operation", "times", "ms", "share"]]
    for label, ms in spent.most_common(15):
        rows.append(
            [label, str(counts[label]), f"{ms:.3f}", f"{100 * ms / max(total, 1e-9):.1f} %"]
        )
    rows.append(["all", str(len(marks)), f"{total:.3f}", ""])
    executor = plan.executor
    how = "not recorded" if executor is None else executor.refusal or "recorded as one graph"
    return (
        f"{table(rows)}\nKernel by kernel, with the gaps between them; the step is {how}."
        f" The buffers of its plan: {plan.buffer_bytes / MIB:.0f} MiB.\n"
    )


def _as_fed(tensor: Any, feeds: dict[Any, Any]) -> Any:
    (value,) = (v for t, v in feeds.items() if t.name == tensor.name)
    return np.asarray(value, tensor.dtype.as_numpy_dtype)


class _Device:
    """Times of the device, by events."""

    def __init__(self, xp: Any) -> None:
        self._cuda = xp.cuda

    def mark(self) -> Any:
        event = self._cuda.Event()
        event.record()
        return event

    def between(self, before: Any, after: Any) -> float:
        after.synchronize()
        return float(self._cuda.get_elapsed_time(before, after))


class _Host:
    """Times of the host."""

    @staticmethod
    def mark() -> float:
        import time

        return time.perf_counter()

    @staticmethod
    def between(before: float, after: float) -> float:
        return 1e3 * (after - before)


def _clock(backend: Any) -> Any:
    return _Device(backend.xp) if backend.name == "cupy" else _Host()
