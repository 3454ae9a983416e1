"""A process that times one library: ``python worker.py LIBRARY THREADS``.

A library keeps its process, so that its threads, its memory and its compiled code disturb no
other and stay warm between rounds. It answers requests, a line of JSON each, on standard input:

- first, unasked: ``{"version": "2.21.0"}``, or ``{"missing": REASON}`` and it ends;
- ``{"net": "lab", "mode": "train", "batch": 64, "steps": 30, "limit": 60}``: ``{"seconds": […],
  "processor": […], "results": […], "before": BYTES, "grown": BYTES}``; one of each a step, fewer
  steps where they take longer than the limit; how long a step took, and how long processors worked
  for it; what the process held before the steps, and at most more while they ran.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import math
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import workload

# Not timed, of 30 steps: on the first request compilation and allocation, on every one the caches
# that other libraries have used meanwhile.
WARM_UP_STEPS = 5
# Whatever the limit says, so that there is a median.
LEAST_STEPS = 3

Step = Callable[[Any], float]


class Library(NamedTuple):
    """What makes the steps of networks, and the ten small operations of ``calls.py``."""

    version: str
    make_step: Callable[[workload.Net, bool], Step]
    # Told whether the call is prepared, where a library has two ways.
    make_calls: Callable[[bool], Step]


def of_tf1(tf: Any, config: Any) -> Library:
    import with_tf1

    return Library(
        tf.__version__,
        functools.partial(with_tf1.Step, tf, config=config),
        functools.partial(with_tf1.Calls, tf, config=config),
    )


def tensorgraph(threads: int, strict: bool = False) -> Library:
    import tensorgraph as tf

    return of_tf1(tf, tf.ConfigProto(strict=strict))


def tensorflow(threads: int) -> Library:
    # Keras 3 has left out the cells of recurrent networks; tf_keras has them.
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
    tf = importlib.import_module("tensorflow.compat.v1")
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    config = tf.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    return of_tf1(tf, config)


def torch(threads: int, channels_last: bool = False) -> Library:
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    import with_torch

    step = functools.partial(with_torch.make_step, channels_last=channels_last)
    return Library(torch.__version__, step, with_torch.make_calls)


def jax(threads: int) -> Library:
    jax = importlib.import_module("jax")
    import with_jax

    return Library(jax.__version__, with_jax.make_step, with_jax.make_calls)


LIBRARIES: dict[str, Callable[[int], Library]] = {
    "tensorgraph": tensorgraph,
    "tensorgraph strict": functools.partial(tensorgraph, strict=True),
    "TensorFlow": tensorflow,
    "PyTorch": torch,
    "PyTorch channels_last": functools.partial(torch, channels_last=True),
    "JAX": jax,
}


def keep_to(threads: int) -> None:
    """Give this process as many cores as threads, before a library counts them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def resident(key: str) -> int:
    """Return the memory of this process: VmRSS is what it holds, VmHWM what it held at most."""
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:  # elsewhere than on Linux
        return 0
    found = re.search(rf"{key}:\s*(\d+) kB", text)
    return 1024 * int(found[1]) if found else 0


def forget_peak() -> None:
    """Let the most that this process held be what it holds now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def time_steps(step: Step, batches: Iterator[Any], steps: int, limit: float) -> dict[str, Any]:
    seconds: list[float] = []
    processor: list[float] = []
    results = []
    warm_up = min(WARM_UP_STEPS, 1 + steps // 6)
    started = time.perf_counter()
    for i in range(warm_up + steps):
        batch = next(batches)
        start, worked = time.perf_counter(), time.process_time()
        results.append(step(batch))
        end, worked_then = time.perf_counter(), time.process_time()
        if i >= warm_up:
            seconds.append(end - start)
            processor.append(worked_then - worked)
        if len(seconds) >= min(steps, LEAST_STEPS) and end - started > limit:
            break
    if not all(map(math.isfinite, results)):
        raise ArithmeticError(f"a result is not finite: {results}")
    return {"seconds": seconds, "processor": processor, "results": results}


def make(library: Library, net: str, mode: str, batch: int) -> tuple[Step, Iterator[Any]]:
    """Return what is timed, and what it is given."""
    if net == "calls":
        fed = np.linspace(0.0, 1.0, 8, dtype=np.float32)
        return library.make_calls(mode == "callable"), itertools.repeat(fed)
    found = workload.find(net)
    return library.make_step(found, mode == "train"), workload.batches(found, batch)


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    # Libraries may print: what they print goes to standard error, away from the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    keep_to(threads)
    try:
        library = LIBRARIES[name](threads)
    except ImportError as error:
        answer({"missing": str(error)})
        return
    answer({"version": library.version})
    # One at a time: a network that is not measured any more takes no memory.
    ready: dict[tuple[str, str, int], tuple[Step, Iterator[Any]]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        case = request["net"], request["mode"], request["batch"]
        if case not in ready:
            ready.clear()
            ready[case] = make(library, *case)
        forget_peak()
        before = resident("VmRSS")
        found = time_steps(*ready[case], request["steps"], request["limit"])
        answer(found | {"before": before, "grown": resident("VmHWM") - before})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
