"""Time what a call costs: ten small operations on eight numbers, here and in other libraries.

    python benchmarks/calls.py
    python benchmarks/calls.py --write     # and put the table into benchmarks/README.md

Five times ``tanh(1.5 · x)``, with x fed from NumPy and the result read as a number of Python.
"""

from __future__ import annotations

import argparse
import sys

from report import add_write, noted, run, write_into
from rounds import OURS, Case, add_options, compared, measure

WAYS = {"run": "`Session.run`", "callable": "`Session.make_callable`"}
NOTE = (
    "The median of interleaved rounds. Of PyTorch and JAX both lines are the same: eager, and one"
    " jitted function."
)


def body(options: argparse.Namespace) -> None:
    cases = [Case("calls", way, 8, options.calls) for way in WAYS]
    entries = measure("calls", cases, options)
    rows = {label: entries[f"calls {way} 8"] for way, label in WAYS.items()}
    text = compared(rows, "µs a call", scale=1000.0)
    text += "\n" + noted((entry["conditions"] for entry in rows.values()), NOTE)
    print(text)
    if options.write:
        write_into(options.write / "benchmarks" / "README.md", "calls.py", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=2000, help="timed in a round (2000)")
    add_options(parser, [OURS, "TensorFlow", "PyTorch", "JAX"])
    add_write(parser)
    return run(body, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
