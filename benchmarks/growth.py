"""Time training steps of networks that grow: with the batch, the depth and the width.

    python benchmarks/growth.py                         # all three
    python benchmarks/growth.py depth --largest 16
    python benchmarks/growth.py --write                 # and draw them, for docs/performance.md

Dense layers take 784 numbers; convolutions are of 3x3 on images of 16x16x3.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from drawing import Point, draw_curves
from report import add_write, noted, run, table, write_atomically, write_into
from rounds import OURS, Case, add_options, measure


class Growth(NamedTuple):
    """What grows: how the axis is called, and of each kind of layers the network and the sizes.

    The network has a place for the size; without one, it is the batch that grows.
    """

    axis: str
    nets: dict[str, str]
    sizes: dict[str, list[int]]

    def cases(self) -> dict[str, dict[int, Case]]:
        """Return the case of each size, of each kind of layers."""
        return {
            kind: {
                size: Case(net.format(size), batch=64 if "{}" in net else size, learns=False)
                for size in self.sizes[kind]
            }
            for kind, net in self.nets.items()
        }


def powers(base: int, first: int, last: int) -> list[int]:
    return [base**i for i in range(first, last + 1)]


GROWTHS = {
    "batch": Growth(
        "examples in a batch; 2 layers of 512 units, or of 32 filters",
        {"dense": "dense 2 512", "convolutions": "conv 2 32"},
        dict.fromkeys(("dense", "convolutions"), powers(2, 0, 10)),
    ),
    "depth": Growth(
        "layers of 256 units, or of 16 filters; batch 64",
        {"dense": "dense {} 256", "convolutions": "conv {} 16"},
        dict.fromkeys(("dense", "convolutions"), powers(2, 0, 6)),
    ),
    "width": Growth(
        "units or filters in each of 2 layers; batch 64",
        {"dense": "dense 2 {}", "convolutions": "conv 2 {}"},
        {"dense": powers(2, 4, 11), "convolutions": powers(2, 2, 7)},
    ),
}
NOTE = "Milliseconds of a training step, the median of interleaved rounds."


def curves(growth: Growth, entries: Mapping[str, Any]) -> dict[str, list[Point]]:
    """Return the points of each kind of layers and each library, as far as they are measured."""
    result: dict[str, list[Point]] = {}
    for kind, found in growth.cases().items():
        for size, case in found.items():
            if case.key in entries:
                for library, times in entries[case.key]["ms"].items():
                    points = result.setdefault(f"{kind}, {library}", [])
                    points.append((size, median(times)))
    return result


def rows(what: str, found: Mapping[str, Sequence[Point]]) -> str:
    """Return the curves as a table."""
    sizes = sorted({x for points in found.values() for x, _ in points})
    lines = [[what, *(f"{size:g}" for size in sizes)]]
    for name, points in found.items():
        times = dict(points)
        lines.append([name, *(f"{times[x]:.3g}" if x in times else "" for x in sizes)])
    return table(lines)


def body(options: argparse.Namespace) -> None:
    timed = [
        case._replace(steps=options.steps, limit=options.limit)
        for what in options.what
        for found in GROWTHS[what].cases().values()
        for size, case in found.items()
        if size <= options.largest
    ]
    entries = measure("growth", timed, options)
    found = {what: curves(growth, entries) for what, growth in GROWTHS.items()}
    found = {what: lines for what, lines in found.items() if lines}
    text = "\n".join(rows(what, lines) for what, lines in found.items())
    text += "\n" + noted((entry["conditions"] for entry in entries.values()), NOTE)
    print(text)
    if options.write:
        for what, lines in found.items():
            picture = draw_curves(f"Growth with the {what}", GROWTHS[what].axis, "ms a step", lines)
            write_atomically(options.write / "docs" / f"growth_{what}.svg", picture)
        write_into(options.write / "docs" / "performance.md", "growth.py", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(GROWTHS)}")
    parser.add_argument("--steps", type=int, default=30, help="timed in a round, at most (30)")
    parser.add_argument("--limit", type=float, default=1.0, help="seconds that a round takes (1)")
    parser.add_argument("--largest", type=int, default=sys.maxsize, help="the size to end at")
    add_options(parser, [OURS, "TensorFlow", "PyTorch"])
    add_write(parser)
    options = parser.parse_args()
    options.what = options.what or list(GROWTHS)
    if unknown := set(options.what) - set(GROWTHS):
        parser.error(f"nothing grows so: {', '.join(unknown)}")
    return run(body, options)


if __name__ == "__main__":
    sys.exit(main())
