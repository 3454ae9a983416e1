"""Time steps of networks here and in other libraries, in turn, in one run.

    python benchmarks/step.py                          # six networks, a training step each
    python benchmarks/step.py mlp --rounds 5           # one of them, longer
    python benchmarks/step.py --mode forward --batch 1
    python benchmarks/step.py lstm mobilenet resnet50  # others, all in `workload.py`
    python benchmarks/step.py --write                  # and put tables into benchmarks/README.md

A library whose loss does not fall is reported as wrong instead of fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from statistics import median
from typing import Any

from drawing import draw_bars
from report import add_write, noted, run, write_atomically, write_into
from rounds import OURS, STRICT, Case, add_options, compared, measure
from worker import LIBRARIES
from workload import NETS, SIX, describe

WORDS = {"train": "A training step", "forward": "A forward run"}
METHOD = "The median of interleaved rounds; in parentheses the ratios of the best and the worst \
round."


def show(entries: Mapping[str, Any]) -> str:
    """Return the tables: one for each mode and size of batch, and the networks beside the six."""
    parts = []
    for mode, words in WORDS.items():
        for batch in sorted({int(key.split()[2]) for key in entries}, reverse=True):
            found = {
                net: entries[key] for net in SIX if (key := f"{net} {mode} {batch}") in entries
            }
            if found:
                rows = compared(found, "ms", summary=True)
                parts.append(f"### {words}, batch {batch}\n\n{rows}")
    if others := {key: entry for key, entry in entries.items() if key.split()[0] not in SIX}:
        parts.append(f"### Other networks\n\n{compared(others, 'ms, mode, batch')}")
    present = {key.split()[0] for key in entries}
    nets = "".join(f"- {net}: {describe(NETS[net])}\n" for net in SIX if net in present)
    note = noted((entry["conditions"] for entry in entries.values()), METHOD)
    return "\n".join([*parts, note, nets])


def draw(entries: Mapping[str, Any]) -> bytes:
    """Return the picture of the README: how long each library takes for what takes 1 here."""
    trained = {net: entries[key] for net in SIX if (key := f"{net} train 64") in entries}
    ratios = {
        peer: [
            (net, median(entry["ms"][peer]) / median(entry["ms"][OURS]))
            for net, entry in trained.items()
            if {peer, OURS} <= set(entry["ms"])
        ]
        for peer in LIBRARIES
        if not peer.startswith(OURS)
    }
    peers = {peer: found for peer, found in ratios.items() if found}
    return draw_bars("A training step, in times of tensorgraph's", peers)


def body(options: argparse.Namespace) -> None:
    cases = [
        Case(
            net,
            options.mode,
            options.batch or NETS[net].batch,
            options.steps or NETS[net].steps,
        )
        for net in options.nets
    ]
    entries = measure("step", cases, options)
    print(text := show(entries))
    if options.write:
        write_into(options.write / "benchmarks" / "README.md", "step.py", text)
        write_atomically(options.write / "docs" / "step.svg", draw(entries))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("nets", nargs="*", metavar="NET", help=f"of {', '.join(NETS)}")
    parser.add_argument("--mode", choices=WORDS, default="train", help="(train)")
    parser.add_argument("--batch", type=int, help="examples in a step (64; large networks: 8)")
    parser.add_argument("--steps", type=int, help="timed in a round (30; large networks: 10)")
    parser.add_argument("--strict", action="store_true", help="tf.ConfigProto(strict=True), too")
    add_options(parser, [name for name in LIBRARIES if name != STRICT])
    add_write(parser)
    options = parser.parse_args()
    options.nets = options.nets or list(SIX)
    if unknown := set(options.nets) - set(NETS):
        parser.error(f"no such network: {', '.join(unknown)}")
    if options.strict:
        options.libraries.insert(1, STRICT)
    return run(body, options)


if __name__ == "__main__":
    sys.exit(main())
