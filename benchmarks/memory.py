"""Measure how much memory the training of a network takes at most, here and in other libraries.

    python benchmarks/memory.py             # cifarbn, the largest of the six
    python benchmarks/memory.py lab
    python benchmarks/memory.py --write     # and put the table into benchmarks/README.md

Each library trains in a fresh process. What counts is how much more it holds at most (VmHWM) than
before the first step, when the library is imported, the network made and its variables set.
Linux only.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median
from typing import Any

from report import BenchmarkError, add_write, conditions, kept, noted, run, table, write_into
from rounds import OURS, STRICT, Case, add_options, started
from worker import LIBRARIES
from workload import NETS, batches

MIB = 1 << 20
NOTE = "Batch 64; peak resident memory less that before the first step, the median of fresh \
processes."


def measure(net: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return, of each library, the bytes before the first step and those added at most."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name in options.libraries * options.rounds:
        with started(name, options.threads) as library:
            if library is not None:
                answer = library.run(Case(net, steps=options.steps))
                found.setdefault(name, []).append((answer["before"], answer["grown"]))
    if not any(grown for pairs in found.values() for _, grown in pairs):
        raise BenchmarkError("this system does not tell what a process holds")
    return {
        "bytes": {
            name: [median(column) for column in zip(*pairs, strict=True)]
            for name, pairs in found.items()
        },
        "planned": planned_bytes(net),
        "conditions": conditions(options.threads),
    }


def planned_bytes(net: str) -> int:
    """Return the bytes of the buffers in the plan of a training step."""
    from with_tf1 import Step

    import tensorgraph as tf

    step = Step(tf, NETS[net], training=True)
    feeds = step.feeds(next(batches(NETS[net], 64)))
    return int(step.session.plan(step.fetches, feeds).buffer_bytes)


def body(options: argparse.Namespace) -> None:
    entries = {net: measure(net, options) for net in options.nets if options.rounds}
    if options.write:
        entries = kept(options.write, "memory", entries)
    rows = [["MiB", "library", "before the first step", "added at most", "buffers of the plan"]]
    for net, entry in entries.items():
        for name, (before, grown) in entry["bytes"].items():
            plan = f"{entry['planned'] / MIB:.1f}" if name == OURS else ""
            rows.append([net, name, f"{before / MIB:.0f}", f"{grown / MIB:.1f}", plan])
    text = f"{table(rows)}\n{noted((entry['conditions'] for entry in entries.values()), NOTE)}"
    print(text)
    if options.write:
        write_into(options.write / "benchmarks" / "README.md", "memory.py", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("nets", nargs="*", metavar="NET", help="(cifarbn)")
    parser.add_argument("--steps", type=int, default=5, help="of each process (5)")
    add_options(parser, [name for name in LIBRARIES if name != STRICT])
    add_write(parser)
    options = parser.parse_args()
    options.nets = options.nets or ["cifarbn"]
    if unknown := set(options.nets) - set(NETS):
        parser.error(f"no such network: {', '.join(unknown)}")
    return run(body, options)


if __name__ == "__main__":
    sys.exit(main())
