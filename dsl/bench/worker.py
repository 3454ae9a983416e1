"""A process that times one library: ``python -m dsl.bench.worker LIBRARY``.

A library keeps its process, so that its threads, its memory and its compiled code disturb no other
and stay warm between rounds. Requests are lines of JSON on standard input, each answered by one:

- `Request` in JSON: ``{"version": "2.21.0", "losses": […]}``, the losses of the first steps; or
  ``{"missing": REASON}``, ``{"unsupported": REASON}``, and the process ends;
- ``{"steps": 30}``: ``{"seconds": […]}``, one for each step.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsl.bench.libraries import here
from dsl.bench.libraries.in_jax import Jax
from dsl.bench.libraries.in_tensorflow import TensorFlow
from dsl.bench.libraries.in_torch import PyTorch
from dsl.bench.libraries.walk import Library
from dsl.bench.task import UnsupportedError, task_of
from dsl.loading import load
from dsl.network import Net
from dsl.training.made_up import made_up_input, made_up_labels
from dsl.training.trainer import Trainer

# Not timed: compilation and memory are taken with the first ones.
WARM_UP_STEPS = 5

OURS = "tensorgraph"
LIBRARIES: dict[str, Callable[[int], Library]] = {
    "tensorflow": TensorFlow,
    "pytorch": PyTorch,
    "jax": Jax,
}


@dataclass(frozen=True)
class Request:
    """What is to be timed.

    Attributes
    ----------
    file : str
        The ``.net`` file.
    input_shape : sequence of int, optional
        The shape of one example.
    classes : int or None
        The number of classes of the data, where it is known.
    settings : list of str
        What the command line changes.
    batch : int
        Examples in a batch.
    threads : int
        How many threads the library may use.
    """

    file: str
    input_shape: Sequence[int | None] | None
    classes: int | None
    settings: Sequence[str]
    batch: int
    threads: int

    def net(self) -> Net:
        """Return the network."""
        shape = None if self.input_shape is None else tuple(self.input_shape)
        return load(self.file, shape, self.classes, settings=self.settings)


def make_step(library: str, request: Request) -> tuple[str, Callable[[], float]]:
    """Return the version of a library, and what makes a training step and returns its loss.

    Every library begins with the same weights, and is given the same examples.

    Raises
    ------
    ImportError
        If it is not installed.
    UnsupportedError
        If it cannot be given this network.
    """
    net = request.net()
    if library == OURS:
        return here.VERSION, here.make_step(net, request.batch)
    made = LIBRARIES[library](request.threads)
    step = made.make_step(task_of(net), Trainer(net).weights())
    rng = np.random.default_rng(net.train.seed)
    inputs = np.asarray(made_up_input(net.inputs[0], request.batch, rng), np.float32)
    labels = made_up_labels(net, inputs, rng)
    if labels.ndim > 1:
        labels = labels.reshape(len(labels), -1)  # an image that is to come out as a row
    return made.version, lambda: step(inputs, labels)


def time_steps(step: Callable[[], float], steps: int) -> list[float]:
    """Return the seconds of each of some steps."""
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Answer requests until there are no more."""
    # Libraries may print: what they print goes to standard error, away from the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    request = Request(**json.loads(sys.stdin.readline()))
    try:
        version, step = make_step(sys.argv[1], request)
        answer({"version": version, "losses": [step() for _ in range(WARM_UP_STEPS)]})
    except ImportError as error:
        answer({"missing": str(error)})
    except UnsupportedError as error:
        answer({"unsupported": str(error)})
    else:
        for line in sys.stdin:
            time_steps(step, 1)  # the caches, which other libraries have used meanwhile
            answer({"seconds": time_steps(step, json.loads(line)["steps"])})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
