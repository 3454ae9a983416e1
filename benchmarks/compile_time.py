"""Time the way from the text of a network to its first training step.

    python benchmarks/compile_time.py              # the lab's network and ResNet-50
    python benchmarks/compile_time.py lab --runs 5
    python benchmarks/compile_time.py --write      # and put the table into benchmarks/README.md

Each stage is the median of several runs in one process, the import that of fresh processes.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from report import HERE, add_write, conditions, kept, noted, run, table, write_into

# isort: split
# After `report`, which decides what NumPy's BLAS reads.
import numpy as np

import dsl
import tensorgraph as tf


class File(NamedTuple):
    """A network, and how many examples its step takes."""

    path: Path
    batch: int


EXAMPLES = HERE.parent / "examples"
FILES = {
    "lab": File(EXAMPLES / "textbook" / "mnist_lab.net", 64),
    "resnet50": File(EXAMPLES / "zoo" / "resnet50.net", 1),
}
STAGES = ("read", "graph", "gradients", "first run", "next run")
NOTE = "Milliseconds. *read*: the file, parsed and checked; *graph*: its nodes, loss and the \
initial values; *gradients*: those, and Adam; *first run*: the passes and the plan, and the step; \
*next run*: a step alone. *text to first step* is the sum without the last. Medians."


def stages(file: File) -> dict[str, float]:
    """Return the milliseconds of each stage."""
    marks = [time.perf_counter()]

    def done() -> None:
        marks.append(time.perf_counter())

    net = dsl.load(file.path)
    done()
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net)
        forward = model.apply(training=True)
        labels = tf.placeholder(tf.int64, [None])
        loss = dsl.build_loss(model, forward, labels)
        session.run(tf.global_variables_initializer())
        done()
        train = tf.train.AdamOptimizer().minimize(loss)
        slots = set(tf.global_variables()) - set(model.variables.values())
        session.run(tf.variables_initializer(list(slots)))
        done()
        images = np.zeros((file.batch, *net.input_shape), np.float32)
        feeds = {model.input: images, labels: np.zeros(file.batch, np.int64)}
        for _ in range(2):
            session.run([train, forward.updates], feeds)
            done()
    times = (1e3 * (end - start) for start, end in itertools.pairwise(marks))
    return dict(zip(STAGES, times, strict=True))


def import_time(runs: int) -> float:
    """Return the milliseconds that a fresh process takes to import both packages."""
    code = "import time; t = time.perf_counter(); import dsl; print(time.perf_counter() - t)"
    paths = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": paths}
    return 1e3 * statistics.median(
        float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        for _ in range(runs)
    )


def body(options: argparse.Namespace) -> None:
    imported = import_time(options.runs)
    entries = {}
    for name in options.files:
        found = [stages(FILES[name]) for _ in range(options.runs)]
        entries[name] = {
            "ms": {stage: statistics.median(times[stage] for times in found) for stage in STAGES},
            "import": imported,
            "conditions": conditions(options.threads),
        }
    if options.write:
        entries = kept(options.write, "compile_time", entries)
    rows = [["", "examples", "import", *STAGES, "text to first step"]]
    for name, entry in entries.items():
        times = [*entry["ms"].values(), sum(entry["ms"].values()) - entry["ms"]["next run"]]
        numbers = [f"{ms:.0f}" for ms in (entry["import"], *times)]
        rows.append([name, str(FILES[name].batch), *numbers])
    text = f"{table(rows)}\n{noted((entry['conditions'] for entry in entries.values()), NOTE)}"
    print(text)
    if options.write:
        write_into(options.write / "benchmarks" / "README.md", "compile_time.py", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"of {', '.join(FILES)}")
    parser.add_argument("--runs", type=int, default=3, help="(3)")
    parser.add_argument("--threads", type=int, default=2, help="(2)")
    add_write(parser)
    options = parser.parse_args()
    options.files = options.files or list(FILES)
    if unknown := set(options.files) - set(FILES):
        parser.error(f"no such file: {', '.join(unknown)}")
    return run(body, options)


if __name__ == "__main__":
    sys.exit(main())
