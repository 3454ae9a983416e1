"""A process that times one library: ``python worker.py LIBRARY THREADS``.

A library keeps its process, so that its threads, its memory and its compiled code disturb no
other and stay warm between rounds. It answers requests, a line of JSON each, on standard input:

- first, unasked: ``{"version": "2.21.0"}``, or ``{"missing": REASON}`` and it ends;
- ``{"net": "lab", "steps": 30}``: ``{"seconds": [...], "losses": [...]}``, one of each a step.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import workload

# Not timed: on the first request compilation and allocation, on every one the caches that other
# libraries have used meanwhile.
WARM_UP_STEPS = 5

Step = Callable[[workload.Batch], float]


def tensorgraph(threads: int) -> tuple[str, Callable[[str], Step]]:
    import with_tf1

    import tensorgraph as tf

    return tf.__version__, functools.partial(with_tf1.make_step, tf)


def tensorflow(threads: int) -> tuple[str, Callable[[str], Step]]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    tf = importlib.import_module("tensorflow.compat.v1")
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    import with_tf1

    config = tf.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    return tf.__version__, functools.partial(with_tf1.make_step, tf, config=config)


def torch(threads: int, channels_last: bool = False) -> tuple[str, Callable[[str], Step]]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    import with_torch

    step = functools.partial(with_torch.make_step, channels_last=channels_last)
    return torch.__version__, step


def jax(threads: int) -> tuple[str, Callable[[str], Step]]:
    jax = importlib.import_module("jax")
    import with_jax

    return jax.__version__, with_jax.make_step


LIBRARIES: dict[str, Callable[[int], tuple[str, Callable[[str], Step]]]] = {
    "tensorgraph": tensorgraph,
    "TensorFlow": tensorflow,
    "PyTorch": torch,
    "PyTorch channels_last": functools.partial(torch, channels_last=True),
    "JAX": jax,
}


def keep_to(threads: int) -> None:
    """Give this process as many cores as threads, before a library counts them."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def time_steps(step: Step, batches: Any, steps: int) -> dict[str, list[float]]:
    seconds, losses = [], []
    for i in range(WARM_UP_STEPS + steps):
        batch = next(batches)
        start = time.perf_counter()
        loss = step(batch)
        end = time.perf_counter()
        losses.append(loss)
        if i >= WARM_UP_STEPS:
            seconds.append(end - start)
    return {"seconds": seconds, "losses": losses}


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    # Libraries may print: what they print goes to standard error, away from the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    keep_to(threads)
    try:
        version, make_step = LIBRARIES[library](threads)
    except ImportError as error:
        answer({"missing": str(error)})
        return
    answer({"version": version})
    ready: dict[str, tuple[Step, Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        net = request["net"]
        if net not in ready:
            ready[net] = make_step(net), workload.batches(net)
        answer(time_steps(*ready[net], request["steps"]))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
