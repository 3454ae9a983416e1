"""Time one training step here and in other libraries, in turn, in one run.

    python benchmarks/step.py                    # all networks, all libraries that are installed
    python benchmarks/step.py mlp --rounds 5     # one of them, longer
    python benchmarks/step.py --write            # and put the table into benchmarks/README.md

The libraries take turns within each round, and a ratio compares numbers of the same round: so
whatever else the machine does meets all of them. A library whose loss does not fall is reported
as wrong instead of fast.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
# So that the benchmark runs from a checkout, too, in an environment that has the peers only.
sys.path.insert(0, str(HERE.parent))

from report import BenchmarkError, cpu, write_into  # noqa: E402
from report import table as markdown  # noqa: E402
from worker import LIBRARIES  # noqa: E402
from workload import BATCH, DESCRIPTIONS, INPUT_SHAPES  # noqa: E402

OURS = "tensorgraph"


@dataclass
class Library:
    """A running worker, and what it measured."""

    name: str
    process: subprocess.Popen[str]
    # What the worker writes on standard error, shown only where it fails.
    log: IO[str]
    version: str = ""
    # Of each network: the median of each round, in seconds, and the losses of all steps.
    medians: dict[str, list[float]] = field(default_factory=dict)
    losses: dict[str, list[float]] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """Return the next line of the worker."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.log.seek(0)
            raise BenchmarkError(f"{self.log.read()}\n{self.name} ended with exit code {code}")
        content: dict[str, Any] = json.loads(line)
        return content

    def run_round(self, net: str, steps: int) -> None:
        """Time some steps of a network."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: the answer that is missing says so
            self.process.stdin.write(json.dumps({"net": net, "steps": steps}) + "\n")
            self.process.stdin.flush()
        found = self.answer()
        self.medians.setdefault(net, []).append(statistics.median(found["seconds"]))
        self.losses.setdefault(net, []).extend(found["losses"])

    def check_learning(self, net: str) -> None:
        """Raise where the loss did not fall to below half of what it was at the start."""
        losses = self.losses[net]
        first, last = statistics.fmean(losses[:8]), statistics.fmean(losses[-8:])
        if not last < first / 2:
            raise BenchmarkError(
                f"{self.name} does not learn {net}: the loss went from {first:.3f} to {last:.3f}"
            )


@contextmanager
def started(name: str, threads: int) -> Iterator[Library | None]:
    """Start the worker of a library, end it afterwards. Yields None where it is not installed."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            library = Library(name, process, log)
            greeting = library.answer()
            if "missing" in greeting:
                print(f"{name} is left out: {greeting['missing']}", file=sys.stderr)
                yield None
            else:
                library.version = greeting["version"]
                yield library
        finally:
            process.kill()
            process.communicate()


def ratios(ours: Library, peers: list[Library], net: str) -> list[float]:
    """Return, of each round, our time over that of the fastest peer."""
    best = [min(times) for times in zip(*(p.medians[net] for p in peers), strict=True)]
    return [mine / other for mine, other in zip(ours.medians[net], best, strict=True)]


def table(libraries: list[Library], nets: list[str]) -> str:
    """Return the medians in milliseconds as a Markdown table, with the ratio to the best peer."""
    ours = next((lib for lib in libraries if lib.name == OURS), None)
    peers = [lib for lib in libraries if lib is not ours]
    compare = ours is not None and bool(peers)
    head = ["ms a step", *(f"{lib.name} {lib.version}" for lib in libraries)]
    rows = [head + ["ratio to the best peer"] * compare]
    for net in nets:
        row = [net, *(f"{1e3 * statistics.median(lib.medians[net]):.2f}" for lib in libraries)]
        if ours is not None and peers:
            found = ratios(ours, peers, net)
            row.append(f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})")
        rows.append(row)
    if ours is not None and peers:
        mean = statistics.geometric_mean(
            [statistics.median(ratios(ours, peers, net)) for net in nets]
        )
        rows.append(["geometric mean", *[""] * len(libraries), f"{mean:.2f}"])
    return markdown(rows)


def warn_if_busy() -> None:
    """Say so where the machine has other work: libraries suffer from it to different degrees."""
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 0.5:
        print(f"the machine is busy (load {load:.1f}): the numbers will mislead", file=sys.stderr)


def conditions(arguments: argparse.Namespace) -> str:
    """Return where, when and how the numbers were taken."""
    import numpy

    return (
        f"{datetime.date.today()}, {cpu()}, {arguments.threads} threads, Python"
        f" {platform.python_version()}, NumPy {numpy.__version__}. Batch {BATCH}, float32, Adam;"
        f" medians of {arguments.steps} steps, the median of {arguments.rounds} interleaved rounds;"
        " in parentheses the ratios of the best and the worst round.\n"
    )


def measure(arguments: argparse.Namespace) -> str:
    """Run all rounds and return the table."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(started(name, arguments.threads)) for name in arguments.libraries
        ]
        libraries = [lib for lib in workers if lib is not None]
        if not libraries:
            raise BenchmarkError("none of the libraries is installed")
        for net in arguments.nets:
            for i in range(arguments.rounds):
                print(f"{net}: round {i + 1} of {arguments.rounds}", file=sys.stderr)
                for library in libraries:
                    library.run_round(net, arguments.steps)
            for library in libraries:
                library.check_learning(net)
        return table(libraries, arguments.nets)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("nets", nargs="*", metavar="NET", help=f"of {', '.join(INPUT_SHAPES)}")
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    parser.add_argument("--steps", type=int, default=30, help="timed in a round (30)")
    parser.add_argument("--rounds", type=int, default=3, help="(3)")
    parser.add_argument("--threads", type=int, default=2, help="of each library (2)")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        metavar="PAGE",
        const=HERE / "README.md",
        help="put the table into a page, between its two marks (benchmarks/README.md)",
    )
    parsed = parser.parse_args(arguments)
    parsed.nets = parsed.nets or list(INPUT_SHAPES)
    if unknown := set(parsed.nets) - set(INPUT_SHAPES):
        parser.error(f"no such network: {', '.join(unknown)}")
    return parsed


def main() -> int:
    arguments = parse(sys.argv[1:])
    warn_if_busy()
    try:
        rows = measure(arguments)
        text = f"{rows}\n{conditions(arguments)}"
        print(text)
        if arguments.write:
            nets = "".join(f"- {net}: {DESCRIPTIONS[net]}\n" for net in arguments.nets)
            write_into(arguments.write, "step.py", f"{text}\n{nets}")
    except BenchmarkError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
