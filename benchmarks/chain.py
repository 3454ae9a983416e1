"""Time a chain of additions: 100,000 nodes, one after another, without recursion anywhere.

    python benchmarks/chain.py             # 100,000
    python benchmarks/chain.py 1000000

Each node is ``y = y + x``, so that y is (length + 1) · x and its gradient by x is length + 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

# So that the benchmark runs from a checkout, too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorgraph as tf


def measure(length: int) -> dict[str, float]:
    """Return how many seconds each stage takes; check what comes out."""
    seconds = {}
    start = time.perf_counter()

    def done(stage: str) -> None:
        nonlocal start
        seconds[stage] = time.perf_counter() - start
        start = time.perf_counter()

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float64, [])
        y = x
        for _ in range(length):
            y = tf.add(y, x)
        done("build")
        (slope,) = tf.gradients(y, x)
        done("differentiate")
        found = session.run([y, slope], {x: 1.0})
        done("first run, with the plan")
        again = session.run([y, slope], {x: 2.0})
        done("each further run")
    for value, point in ((found, 1), (again, 2)):
        wanted = [point * (length + 1), length + 1]
        if value != wanted:
            raise AssertionError(f"at x = {point}: {value}, where {wanted} is right")
    return seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("length", nargs="?", type=int, default=100_000)
    length = parser.parse_args(arguments).length
    print(f"a chain of {length:,} additions")
    for stage, seconds in measure(length).items():
        print(f"{stage:25} {seconds:7.2f} s {seconds / length * 1e6:7.1f} µs a node")


if __name__ == "__main__":
    main()
